//! How long a snapshot will be, and whether the storage has room for it.

use super::stream::expires_at;
use crate::Error;
use crate::format::storage::{MemoryStorage, SnapshotStorage, WriteHint};
use crate::format::{
    Codec, FormatError, HashRange, HashSeed, PageOptions, PartHeader, PartWriter, Pushed, Record,
    SnapshotId, ValueType,
};
use crate::version::Snapshot;

/// Bytes that a record takes in a page besides key and value, page headers and index included.
const RECORD_OVERHEAD_BYTES: u64 = 11;

/// Bytes that a part takes besides its pages.
const PART_OVERHEAD_BYTES: u64 = 8 << 10;

/// Bytes of keys and values from which the effect of compression is judged.
const SAMPLE_BYTES: u64 = 1 << 20;

/// Refuses to begin a save that does not fit, and returns how many bytes to expect: zero if
/// nobody can tell.
///
/// Compression is taken into account only where the bytes would not fit without, by compressing a
/// sample: a save is refused if it most likely fails, not if it only might.
///
/// # Errors
///
/// [`Error::NotEnoughSpace`], and [`Error::Storage`] if the storage cannot be asked.
pub(super) fn check_space(
    storage: &dyn SnapshotStorage,
    cut: &Snapshot,
    pages: PageOptions,
    parts: u32,
) -> Result<u64, Error> {
    let raw_bytes = cut
        .data_bytes_hint()
        .saturating_add(cut.len_hint().saturating_mul(RECORD_OVERHEAD_BYTES))
        .saturating_add(u64::from(parts) * PART_OVERHEAD_BYTES);
    let compressed = pages.codec != Codec::None;
    let expected_bytes = if compressed { 0 } else { raw_bytes };
    let Some(free_bytes) = storage.free_bytes()? else { return Ok(expected_bytes) };
    if raw_bytes <= free_bytes {
        return Ok(expected_bytes);
    }
    let needed_bytes =
        if compressed { (raw_bytes as f64 * sample(cut, pages)) as u64 } else { raw_bytes };
    if needed_bytes > free_bytes {
        return Err(Error::NotEnoughSpace {
            location: storage.location(),
            free_bytes,
            needed_bytes,
        });
    }
    Ok(expected_bytes)
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
    for entry in cut.iter() {
        let record = Record {
            database: entry.database,
            hash: crate::format::hash_key(header.hash_seed, &entry.key),
            value_type: ValueType::String,
            key: &entry.key,
            expires_at_unix_ms: expires_at(entry.expiry),
            value: &entry.value,
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
