//! Hashes: plain, as a zipmap, a ziplist or a listpack, and four ways to let fields expire.

use std::io::Read;

use super::value::{Key, Values};
use crate::decimal::parse_integer;
use crate::encoding::{Listpack, Ziplist, Zipmap};
use crate::{Event, Fault, RdbError, Shape, Sink};

/// Dragonfly counts the expiry of fields in seconds from the beginning of February 2023.
const DRAGONFLY_EPOCH_UNIX_S: u64 = 1_675_209_600;

/// A hash of whose fields none expires.
fn lasting(fields: u64) -> Shape {
    Shape::Hash { fields, expiry_floor_unix_ms: None }
}

/// A hash whose fields may expire, at any time.
fn expiring(fields: u64) -> Shape {
    Shape::Hash { fields, expiry_floor_unix_ms: Some(0) }
}

impl<R: Read> Values<R> {
    pub(super) fn plain_hash<S: Sink>(
        &mut self,
        key: Key<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let fields = self.input.length()?;
        key.begin(lasting(fields), sink)?;
        for _ in 0..fields {
            self.field(sink, |_| Ok(None))?;
        }
        sink.event(Event::End)
    }

    /// A field and its value, and what says when it expires.
    fn field<S: Sink>(
        &mut self,
        sink: &mut S,
        expiry: impl FnOnce(&mut Self) -> Result<Option<u64>, RdbError>,
    ) -> Result<(), S::Error> {
        self.input.string(&mut self.first)?;
        self.input.string(&mut self.second)?;
        let expires_at_unix_ms = expiry(self)?;
        sink.event(Event::Field { field: &self.first, value: &self.second, expires_at_unix_ms })
    }

    pub(super) fn zipmap_hash<S: Sink>(
        &mut self,
        key: Key<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        self.input.string(&mut self.compact)?;
        let damaged = |fault| self.input.damaged(fault);
        let mut zipmap = Zipmap::new(&self.compact).map_err(damaged)?;
        key.begin(lasting(0), sink)?;
        while let Some((field, value)) = zipmap.next().map_err(damaged)? {
            sink.event(Event::Field { field, value, expires_at_unix_ms: None })?;
        }
        sink.event(Event::End)
    }

    pub(super) fn ziplist_hash<S: Sink>(
        &mut self,
        key: Key<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        self.input.string(&mut self.compact)?;
        let damaged = |fault| self.input.damaged(fault);
        let mut ziplist = Ziplist::new(&self.compact).map_err(damaged)?;
        key.begin(lasting(ziplist.count_hint() / 2), sink)?;
        while let Some(field) = ziplist.next().map_err(damaged)? {
            let value = ziplist.next().map_err(damaged)?;
            let value = value.ok_or(Fault::OddLength).map_err(damaged)?;
            let (field, value) = (field.as_bytes(), value.as_bytes());
            sink.event(Event::Field { field, value, expires_at_unix_ms: None })?;
        }
        sink.event(Event::End)
    }

    pub(super) fn listpack_hash<S: Sink>(
        &mut self,
        key: Key<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        self.input.string(&mut self.compact)?;
        let damaged = |fault| self.input.damaged(fault);
        let mut listpack = Listpack::new(&self.compact).map_err(damaged)?;
        key.begin(lasting(listpack.count_hint() / 2), sink)?;
        while let Some(field) = listpack.next().map_err(damaged)? {
            let value = listpack.next().map_err(damaged)?;
            let value = value.ok_or(Fault::OddLength).map_err(damaged)?;
            let (field, value) = (field.as_bytes(), value.as_bytes());
            sink.event(Event::Field { field, value, expires_at_unix_ms: None })?;
        }
        sink.event(Event::End)
    }

    /// Redis: before each field when it expires, zero for never. With a `floor`, the earliest of
    /// those times stands first, and the others count from it, with one for the same time.
    pub(super) fn metadata_hash<S: Sink>(
        &mut self,
        floor: bool,
        key: Key<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let floor_ms = if floor { Some(self.input.time_ms()?) } else { None };
        let fields = self.input.length()?;
        let shape = Shape::Hash { fields, expiry_floor_unix_ms: Some(floor_ms.unwrap_or(0)) };
        key.begin(shape, sink)?;
        for _ in 0..fields {
            let expiry = self.input.length()?;
            let expires_at = match (expiry, floor_ms) {
                (0, _) => None,
                (at, None) => Some(at),
                (after, Some(floor_ms)) => match floor_ms.checked_add(after - 1) {
                    None => return Err(self.input.damaged(Fault::Number).into()),
                    at => at,
                },
            };
            self.field(sink, |_| Ok(expires_at))?;
        }
        sink.event(Event::End)
    }

    /// Redis: triples of a field, its value and when it expires, zero for never.
    pub(super) fn expiring_listpack<S: Sink>(
        &mut self,
        floor: bool,
        key: Key<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let floor_ms = if floor { self.input.time_ms()? } else { 0 };
        self.input.string(&mut self.compact)?;
        let damaged = |fault| self.input.damaged(fault);
        let mut listpack = Listpack::new(&self.compact).map_err(damaged)?;
        let fields = listpack.count_hint() / 3;
        key.begin(Shape::Hash { fields, expiry_floor_unix_ms: Some(floor_ms) }, sink)?;
        while let Some(field) = listpack.next().map_err(damaged)? {
            let value = listpack.next().map_err(damaged)?;
            let value = value.ok_or(Fault::OddLength).map_err(damaged)?;
            let expiry = listpack.next().map_err(damaged)?;
            let expiry = expiry.ok_or(Fault::OddLength).map_err(damaged)?;
            let expiry = expiry.as_integer().and_then(|at| u64::try_from(at).ok());
            let expiry = expiry.ok_or(Fault::Number).map_err(damaged)?;
            sink.event(Event::Field {
                field: field.as_bytes(),
                value: value.as_bytes(),
                expires_at_unix_ms: (expiry != 0).then_some(expiry),
            })?;
        }
        sink.event(Event::End)
    }

    /// Valkey: behind each value when its field expires, -1 for never.
    pub(super) fn valkey_hash<S: Sink>(
        &mut self,
        key: Key<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let fields = self.input.length()?;
        key.begin(expiring(fields), sink)?;
        for _ in 0..fields {
            self.field(sink, |values| {
                Ok(u64::try_from(i64::from_le_bytes(values.input.array()?)).ok())
            })?;
        }
        sink.event(Event::End)
    }

    /// Dragonfly: behind each value, as text, when its field expires, -1 for never.
    pub(super) fn dragonfly_hash<S: Sink>(
        &mut self,
        key: Key<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let fields = self.input.length()?;
        key.begin(expiring(fields), sink)?;
        for _ in 0..fields {
            self.field(sink, Self::dragonfly_expiry)?;
        }
        sink.event(Event::End)
    }

    fn dragonfly_expiry(&mut self) -> Result<Option<u64>, RdbError> {
        self.compact.clear();
        self.input.string(&mut self.compact)?;
        match parse_integer(&self.compact) {
            Some(-1) => Ok(None),
            Some(seconds) => u64::try_from(seconds)
                .ok()
                .and_then(|seconds| seconds.checked_add(DRAGONFLY_EPOCH_UNIX_S)?.checked_mul(1000))
                .map(Some)
                .ok_or_else(|| self.input.damaged(Fault::Number)),
            None => Err(self.input.damaged(Fault::Number)),
        }
    }
}
