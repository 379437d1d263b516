//! Reading one value, whatever its encoding.

use std::io::Read;

use crate::encoding::Element;
use crate::error::shown;
use crate::input::Input;
use crate::opcode::kind;
use crate::{Event, Fault, FieldsBuf, Head, RdbError, Shape, Sink, Version};

/// The key whose value is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) expires_at_unix_ms: Option<u64>,
}

impl Key<'_> {
    pub(super) fn begin<S: Sink>(self, shape: Shape, sink: &mut S) -> Result<(), S::Error> {
        let Key { name: key, expires_at_unix_ms } = self;
        sink.event(Event::Begin(Head { key, expires_at_unix_ms, shape }))
    }
}

/// Whether a value became events, or was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    Given,
    Skipped,
}

/// Reads values; its buffers are kept from one to the next.
pub(crate) struct Values<R> {
    pub(crate) input: Input<R>,
    pub(super) skip_unsupported: bool,
    /// A collection in a compact encoding.
    pub(super) compact: Vec<u8>,
    pub(super) first: Vec<u8>,
    pub(super) second: Vec<u8>,
    pub(super) fields: FieldsBuf,
    pub(super) master: FieldsBuf,
}

impl<R: Read> Values<R> {
    pub(crate) fn new(input: Input<R>, skip_unsupported: bool) -> Self {
        Self {
            input,
            skip_unsupported,
            compact: Vec::new(),
            first: Vec::new(),
            second: Vec::new(),
            fields: FieldsBuf::new(),
            master: FieldsBuf::new(),
        }
    }

    /// Reads a value of the type `type_byte` and gives it to `sink`, from its beginning to its
    /// end.
    pub(crate) fn value<S: Sink>(
        &mut self,
        type_byte: u8,
        version: Version,
        key: Key<'_>,
        sink: &mut S,
    ) -> Result<Taken, S::Error> {
        match type_byte {
            kind::STRING => self.text(key, sink)?,
            kind::LIST => self.plain_list(key, sink)?,
            kind::LIST_ZIPLIST => self.ziplist_list(key, sink)?,
            kind::LIST_QUICKLIST => self.quicklist(key, sink)?,
            kind::LIST_QUICKLIST_2 => self.quicklist_2(key, sink)?,
            kind::SET => self.plain_set(key, sink)?,
            kind::SET_INTSET => self.intset(key, sink)?,
            kind::SET_LISTPACK => self.listpack_set(key, sink)?,
            kind::ZSET => self.zset_with_text(key, sink)?,
            kind::ZSET_2 => self.zset_with_binary(key, sink)?,
            kind::ZSET_ZIPLIST => self.ziplist_zset(key, sink)?,
            kind::ZSET_LISTPACK => self.listpack_zset(key, sink)?,
            kind::HASH => self.plain_hash(key, sink)?,
            kind::HASH_ZIPMAP => self.zipmap_hash(key, sink)?,
            kind::HASH_ZIPLIST => self.ziplist_hash(key, sink)?,
            kind::HASH_LISTPACK => self.listpack_hash(key, sink)?,
            kind::STREAM_LISTPACKS | kind::STREAM_LISTPACKS_2 | kind::STREAM_LISTPACKS_3 => {
                self.stream(type_byte, key, sink)?;
            }
            _ => return self.late_value(type_byte, version, key, sink),
        }
        Ok(Taken::Given)
    }

    /// The types whose meaning depends on who wrote them, and those that have no event.
    fn late_value<S: Sink>(
        &mut self,
        type_byte: u8,
        version: Version,
        key: Key<'_>,
        sink: &mut S,
    ) -> Result<Taken, S::Error> {
        match (type_byte, version.is_valkey()) {
            (kind::VALKEY_HASH, true) => self.valkey_hash(key, sink)?,
            (kind::HASH_METADATA_PRE_GA, false) => self.metadata_hash(false, key, sink)?,
            (kind::HASH_LISTPACK_EX_PRE_GA, false) => self.expiring_listpack(false, key, sink)?,
            (kind::HASH_METADATA, false) => self.metadata_hash(true, key, sink)?,
            (kind::HASH_LISTPACK_EX, false) => self.expiring_listpack(true, key, sink)?,
            (kind::DF_HASH_EXPIRY, false) => self.dragonfly_hash(key, sink)?,
            (kind::DF_SET_EXPIRY, false) => self.dragonfly_set(key, sink)?,
            (kind::VALKEY_PATH_HASH, true) => return Err(self.refused("a path hash", key).into()),
            (kind::DF_JSON, false) => {
                if !self.skip_unsupported {
                    return Err(self.refused("a JSON document", key).into());
                }
                self.input.string(&mut self.compact)?;
                return Ok(Taken::Skipped);
            }
            (kind::DF_BLOOM | kind::DF_BLOOM_2, false) => {
                return Err(self.refused("a Bloom filter", key).into());
            }
            (kind::DF_COUNT_MIN, false) => {
                return Err(self.refused("a count-min sketch", key).into());
            }
            (kind::MODULE_PRE_GA, _) => {
                return Err(self.refused("data of a module without a name", key).into());
            }
            (kind::MODULE_2, _) => {
                self.module_value(key)?;
                return Ok(Taken::Skipped);
            }
            _ => return Err(self.input.damaged(Fault::Type(type_byte)).into()),
        }
        Ok(Taken::Given)
    }

    pub(super) fn refused(&self, what: &str, key: Key<'_>) -> RdbError {
        self.input.unsupported(format!("{what} in key \"{}\"", shown(key.name)))
    }

    fn text<S: Sink>(&mut self, key: Key<'_>, sink: &mut S) -> Result<(), S::Error> {
        self.input.string(&mut self.first)?;
        key.begin(Shape::String, sink)?;
        sink.event(Event::Text(&self.first))?;
        sink.event(Event::End)
    }
}

/// The score that an element of a compact encoding stands for.
pub(super) fn score_of(element: &Element<'_>) -> Result<f64, Fault> {
    match element.as_integer() {
        Some(integer) => Ok(integer as f64),
        None => parse_score(element.as_bytes()),
    }
}

/// Reads a score as text.
pub(super) fn parse_score(text: &[u8]) -> Result<f64, Fault> {
    let score: Option<f64> = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    score.filter(|score| !score.is_nan()).ok_or(Fault::Score)
}
