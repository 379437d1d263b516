//! How long a snapshot will be, and whether the storage has room for it.

use std::sync::Arc;

use super::stream::{encode, expires_at};
use crate::format::storage::{MemoryStorage, SnapshotStorage, WriteHint};
use crate::format::{
    Codec, FormatError, HashRange, HashSeed, PageOptions, PartHeader, PartWriter, Pushed, Record,
    SnapshotId, ValueType,
};
use crate::store::Inner;
use crate::version::Snapshot;
use crate::{Collection, Error};

/// Bytes that a record takes in a page besides key and value, page headers and index included.
const RECORD_OVERHEAD_BYTES: u64 = 11;

/// Bytes that a part takes besides its pages.
const PART_OVERHEAD_BYTES: u64 = 8 << 10;

/// Bytes of keys and values from which the effect of compression is judged.
const SAMPLE_BYTES: u64 = 1 << 20;

/// How long a snapshot will be, as far as its cut tells.
#[derive(Debug)]
pub(super) struct Estimate {
    /// Bytes of the snapshot if its pages were not compressed.
    raw_bytes: u64,
    pages: PageOptions,
}

impl Estimate {
    pub(super) fn of(cut: &Snapshot, pages: PageOptions, parts: u32) -> Self {
        let raw_bytes = cut
            .data_bytes_hint()
            .saturating_add(cut.len_hint().saturating_mul(RECORD_OVERHEAD_BYTES))
            .saturating_add(u64::from(parts) * PART_OVERHEAD_BYTES);
        Self { raw_bytes, pages }
    }

    fn is_compressed(&self) -> bool {
        self.pages.codec != Codec::None
    }

    /// Bytes to make room for in advance: zero if nobody can tell.
    pub(super) fn expected_bytes(&self) -> u64 {
        if self.is_compressed() { 0 } else { self.raw_bytes }
    }

    /// Refuses a save that does not fit into `storage`.
    ///
    /// Compression is taken into account only where the bytes would not fit without, by
    /// compressing a sample: a save is refused if it most likely fails, not if it only might.
    ///
    /// # Errors
    ///
    /// [`Error::NotEnoughSpace`], and [`Error::Storage`] if the storage cannot be asked.
    pub(super) fn check_space(
        &self,
        storage: &dyn SnapshotStorage,
        store: &Arc<Inner>,
    ) -> Result<(), Error> {
        let free_bytes = storage.free_bytes()?.unwrap_or(u64::MAX);
        if self.raw_bytes <= free_bytes {
            return Ok(());
        }
        let needed_bytes = if self.is_compressed() {
            // A cut of its own, held for the blink of an eye: what changed since the save's own
            // makes no difference to a sample.
            let ratio = store.snapshot().map_or(1.0, |cut| sample(&cut, self.pages));
            (self.raw_bytes as f64 * ratio) as u64
        } else {
            self.raw_bytes
        };
        if needed_bytes <= free_bytes {
            return Ok(());
        }
        Err(Error::NotEnoughSpace { location: storage.location(), free_bytes, needed_bytes })
    }
}

/// Stored bytes per byte of keys and values, judged by the first records of the cut: these are in
/// hash order, so they are a random choice. One if there is nothing to judge by.
fn sample(cut: &Snapshot, pages: PageOptions) -> f64 {
    let storage = MemoryStorage::new();
    match write_sample(&storage, cut, pages) {
        Ok((raw, stored)) if raw > 0 => stored as f64 / raw as f64,
        Ok(_) | Err(_) => 1.0,
    }
}

fn write_sample(
    storage: &MemoryStorage,
    cut: &Snapshot,
    pages: PageOptions,
) -> Result<(u64, u64), FormatError> {
    let header = PartHeader {
        snapshot_id: SnapshotId::from_bytes([0; 16]),
        hash_seed: HashSeed(cut.hash_seed()),
        number: 0,
        hash_range: HashRange::ALL,
    };
    let mut part = PartWriter::begin(storage, header, "sample", pages, WriteHint::default())?;
    let mut raw_bytes = 0;
    let mut encoded = Vec::new();
    for entry in cut.iter() {
        let collection = entry.collection.as_ref();
        // What is large is like what is small, and there is no time to look at all of it.
        if collection.is_some_and(|collection| collection.heap_bytes() > SAMPLE_BYTES) {
            continue;
        }
        if let Some(collection) = collection {
            encode(collection, &mut encoded);
        }
        let record = Record {
            database: entry.database,
            hash: crate::format::hash_key(header.hash_seed, &entry.key),
            value_type: collection.map_or(ValueType::String, Collection::value_type),
            key: &entry.key,
            expires_at_unix_ms: expires_at(entry.expiry),
            value: if collection.is_some() { &encoded } else { &entry.value },
        };
        if part.try_push(&record)? != Pushed::Stored {
            part.seal_page()?;
            match part.try_push(&record)? {
                Pushed::Stored => {}
                Pushed::PageFull | Pushed::TooLarge => part.push_large(&record)?,
            }
        }
        raw_bytes += record.bytes();
        if raw_bytes >= SAMPLE_BYTES {
            break;
        }
    }
    Ok((raw_bytes, part.finish()?.bytes))
}
