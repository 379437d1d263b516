//! Records that own their bytes, and short ways to write and read a part of them.

use exuvia_snapshot_format::storage::{MemoryStorage, SnapshotStorage, WriteHint};
use exuvia_snapshot_format::{
    FormatError, HashRange, HashSeed, PageContent, PageOptions, PartEntry, PartHeader, PartReader,
    PartWriter, Pushed, ReadHint, Record, RecordAssembler, SnapshotId, ValueType, hash_key,
};

pub(crate) const SEED: HashSeed = HashSeed(0x5eed_0123_4567_89ab);

/// A record without its hash, ordered as a part orders it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct OwnedRecord {
    pub(crate) database: u16,
    pub(crate) hash: u64,
    pub(crate) key: Vec<u8>,
    pub(crate) value: Vec<u8>,
    pub(crate) expires_at_unix_ms: Option<u64>,
    pub(crate) value_type: ValueType,
}

impl OwnedRecord {
    pub(crate) fn new(database: u16, key: &[u8], value: &[u8], expiry: Option<u64>) -> Self {
        Self {
            database,
            hash: hash_key(SEED, key),
            key: key.to_vec(),
            value: value.to_vec(),
            expires_at_unix_ms: expiry,
            value_type: ValueType::String,
        }
    }

    pub(crate) fn of_type(self, value_type: ValueType) -> Self {
        Self { value_type, ..self }
    }

    pub(crate) fn borrow(&self) -> Record<'_> {
        Record {
            database: self.database,
            hash: self.hash,
            value_type: self.value_type,
            key: &self.key,
            expires_at_unix_ms: self.expires_at_unix_ms,
            value: &self.value,
        }
    }

    pub(crate) fn of(record: &Record<'_>) -> Self {
        Self {
            database: record.database,
            hash: record.hash,
            key: record.key.to_vec(),
            value: record.value.to_vec(),
            expires_at_unix_ms: record.expires_at_unix_ms,
            value_type: record.value_type,
        }
    }
}

/// Sorts records as a part holds them, one for each database and key.
pub(crate) fn in_order(mut records: Vec<OwnedRecord>) -> Vec<OwnedRecord> {
    records.sort();
    records.dedup_by(|b, a| (a.database, &a.key) == (b.database, &b.key));
    records
}

/// The `n`th of a family of keys that all have the same hash under [`SEED`].
///
/// XXH3 multiplies each pair of eight bytes, mixed with its secret, with one another: the first
/// eight bytes here make the product zero whatever the second eight are.
pub(crate) fn colliding_key(n: u64) -> Vec<u8> {
    const SECRET_START: u64 = 0xbe4b_a423_396c_feb8;
    let mut key = SECRET_START.wrapping_add(SEED.0).to_le_bytes().to_vec();
    key.extend_from_slice(&n.to_be_bytes());
    key.extend_from_slice(b"the same ending.");
    key
}

pub(crate) fn header() -> PartHeader {
    PartHeader {
        snapshot_id: SnapshotId::from_bytes(*b"\x1a\x2b\x3c\x4d snapshot id"),
        hash_seed: SEED,
        number: 0,
        hash_range: HashRange::ALL,
    }
}

/// Pushes `record` as a save does.
pub(crate) fn push(writer: &mut PartWriter, record: &OwnedRecord) -> Result<(), FormatError> {
    loop {
        match writer.try_push(&record.borrow())? {
            Pushed::Stored => return Ok(()),
            Pushed::PageFull => writer.seal_page()?,
            Pushed::TooLarge => return writer.push_large(&record.borrow()),
        }
    }
}

pub(crate) fn write(
    storage: &dyn SnapshotStorage,
    header: PartHeader,
    name: &str,
    options: PageOptions,
    records: &[OwnedRecord],
) -> Result<PartEntry, FormatError> {
    let mut writer = PartWriter::begin(storage, header, name, options, WriteHint::default())?;
    for record in records {
        push(&mut writer, record)?;
    }
    writer.finish()
}

/// Writes a part into a storage of its own.
pub(crate) fn written(options: PageOptions, records: &[OwnedRecord]) -> (MemoryStorage, PartEntry) {
    let storage = MemoryStorage::new();
    let entry = write(&storage, header(), "part", options, records).unwrap();
    (storage, entry)
}

/// Reads a whole part; the first error ends it.
pub(crate) fn read(
    storage: &dyn SnapshotStorage,
    entry: &PartEntry,
    hint: ReadHint,
) -> Result<Vec<OwnedRecord>, FormatError> {
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
