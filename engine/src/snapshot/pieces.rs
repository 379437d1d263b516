//! Records in pieces: strings are put together, collections are built as their pieces come.

use super::fault;
use super::restore::PartSink;
use crate::collection::Decoder;
use crate::format::{
    PartEntry, Piece, Record, RecordAssembler, RecordStream, StreamedPiece, ValueType,
};
use crate::{Collection, Error};

/// The record of a part that is not whole yet.
#[derive(Debug)]
pub(super) struct Pieces {
    strings: RecordAssembler,
    collections: RecordStream,
    /// The collection under construction.
    decoder: Option<Decoder>,
}

impl Pieces {
    pub(super) fn new(part: &PartEntry) -> Self {
        let seed = part.header.hash_seed;
        Self {
            // The manifest's total bounds what a record can be.
            strings: RecordAssembler::new(seed, part.raw_bytes),
            collections: RecordStream::new(seed),
            decoder: None,
        }
    }

    /// Takes the next piece, and hands its record on if that is whole; returns whether it is.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`], or what the sink returned.
    pub(super) fn take(
        &mut self,
        piece: &Piece<'_>,
        sink: &mut dyn PartSink,
        part: &str,
    ) -> Result<bool, Error> {
        if piece.value_type == ValueType::String {
            let whole =
                self.strings.push(piece).map_err(|error| fault::while_reading(part, error))?;
            return match whole {
                Some(record) => sink.record(&record).map(|()| true),
                None => Ok(false),
            };
        }
        let StreamedPiece { is_first, is_last, key } =
            self.collections.push(piece).map_err(|error| fault::while_reading(part, error))?;
        let record = Record {
            database: piece.database,
            hash: piece.hash,
            value_type: piece.value_type,
            key,
            expires_at_unix_ms: piece.expires_at_unix_ms,
            value: &[],
        };
        if !sink.builds_collections() {
            if is_last {
                sink.unbuilt(piece.record_bytes());
            }
            return Ok(is_last);
        }
        let broken = |reason: &dyn std::error::Error| within(part, &record, reason);
        if is_first {
            self.decoder = Some(Decoder::new(piece.value_type).map_err(|error| broken(&error))?);
        }
        if let Some(decoder) = &mut self.decoder {
            decoder.feed(piece.value).map_err(|error| broken(&error))?;
        }
        let Some(decoder) = self.decoder.take_if(|_| is_last) else { return Ok(false) };
        let collection = decoder.finish().map_err(|error| broken(&error))?;
        sink.collection(&record, collection).map(|()| true)
    }
}

/// A value that is not what its record says.
pub(super) fn within(part: &str, record: &Record<'_>, reason: &dyn std::error::Error) -> Error {
    const SHOWN: usize = 64;
    let key = record.key[..record.key.len().min(SHOWN)].escape_ascii();
    Error::Corrupt { object: part.to_owned(), reason: format!("key \"{key}\": {reason}") }
}

impl Collection {
    /// It without the elements that have expired by `now_unix_ms`; `None` if none is left.
    pub(super) fn live_at(self, now_unix_ms: u64) -> Option<Self> {
        if !self.is_live(now_unix_ms) {
            return None;
        }
        Some(self.purged(now_unix_ms).unwrap_or(self))
    }
}
