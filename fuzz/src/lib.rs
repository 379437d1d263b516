//! What the fuzz targets share: a snapshot's identity, short ways to write and read a part, and
//! damage described by bytes.
//!
//! Random bytes never pass a checksum, and hardly ever look like an archive. So a target either
//! takes its input as it is, or as a list of changes to a sound object, and signs the result.

#![forbid(unsafe_code)]

pub mod rdb;

use exuvia_snapshot_format::storage::{MemoryStorage, WriteHint};
use exuvia_snapshot_format::{
    FormatError, HashRange, HashSeed, PageContent, PageOptions, PartEntry, PartHeader, PartReader,
    PartWriter, Pushed, ReadHint, Record, RecordAssembler, SnapshotId, ValueType, hash_key,
};

/// The seed that all keys are hashed under.
pub const SEED: HashSeed = HashSeed(0x5eed);

/// Name of the one part.
pub const NAME: &str = "fuzz-0000-66757a7a.dfs";

/// A record that owns its bytes, ordered as a part orders it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OwnedRecord {
    /// Number of its database.
    pub database: u16,
    /// Hash of its key.
    pub hash: u64,
    /// Its key.
    pub key: Vec<u8>,
    /// Its value.
    pub value: Vec<u8>,
    /// When it expires.
    pub expires_at_unix_ms: Option<u64>,
}

impl OwnedRecord {
    /// A record with the hash of its key.
    pub fn new(database: u16, key: Vec<u8>, value: Vec<u8>, expiry: Option<u64>) -> Self {
        let hash = hash_key(SEED, &key);
        Self { database, hash, key, value, expires_at_unix_ms: expiry }
    }

    /// Copies a record.
    pub fn of(record: &Record<'_>) -> Self {
        let (database, expiry) = (record.database, record.expires_at_unix_ms);
        Self::new(database, record.key.to_vec(), record.value.to_vec(), expiry)
    }
}

/// The identity of the one part.
pub fn header() -> PartHeader {
    PartHeader {
        snapshot_id: SnapshotId::from_bytes(*b"fuzzfuzzfuzzfuzz"),
        hash_seed: SEED,
        number: 0,
        hash_range: HashRange::ALL,
    }
}

/// Writes `records`, which are in order, as a part.
pub fn write(options: PageOptions, records: &[OwnedRecord]) -> (MemoryStorage, PartEntry) {
    let storage = MemoryStorage::new();
    let hint = WriteHint { buffer_bytes: 128 << 10, ..WriteHint::default() };
    let begun = PartWriter::begin(&storage, header(), NAME, options, hint);
    let mut writer = begun.expect("the options are possible");
    for record in records {
        let record = Record {
            database: record.database,
            hash: record.hash,
            value_type: ValueType::String,
            key: &record.key,
            expires_at_unix_ms: record.expires_at_unix_ms,
            value: &record.value,
        };
        loop {
            match writer.try_push(&record).expect("records are in order") {
                Pushed::Stored => break,
                Pushed::PageFull => writer.seal_page().expect("memory takes a page"),
                Pushed::TooLarge => {
                    writer.push_large(&record).expect("memory takes pieces");
                    break;
                }
            }
        }
    }
    let entry = writer.finish().expect("memory takes a part");
    (storage, entry)
}

/// Reads a whole part; the first error ends it.
pub fn read(storage: &MemoryStorage, entry: &PartEntry) -> Result<Vec<OwnedRecord>, FormatError> {
    let hint = ReadHint { buffers: 2, buffer_bytes: 4096 };
    let mut reader = PartReader::open(storage, entry, hint)?;
    let mut assembler = RecordAssembler::new(SEED, u64::MAX);
    let mut records = Vec::new();
    while let Some(page) = reader.next_page()? {
        match page.content() {
            PageContent::Records(page) => {
                records.extend(page.clone().map(|record| OwnedRecord::of(&record)));
            }
            PageContent::Piece(piece) => {
                records.extend(assembler.push(piece)?.map(|record| OwnedRecord::of(&record)));
            }
        }
    }
    Ok(records)
}

/// Changes `bytes` as `script` says: two bytes of place, one of what is done, one of operand.
pub fn damage(bytes: &mut [u8], script: &[u8]) {
    for step in script.chunks_exact(4) {
        let at = usize::from(u16::from_le_bytes([step[0], step[1]])) % bytes.len().max(1);
        let Some(byte) = bytes.get_mut(at) else { return };
        match step[2] % 4 {
            0 => *byte = step[3],
            1 => *byte = byte.wrapping_add(step[3]),
            2 => *byte ^= 1 << (step[3] % 8),
            _ => {
                // Four bytes of elsewhere: lengths and pointers that occur in other columns.
                let from = usize::from(step[3]) * 4;
                if from + 4 <= bytes.len() && at + 4 <= bytes.len() {
                    bytes.copy_within(from..from + 4, at);
                }
            }
        }
    }
}
