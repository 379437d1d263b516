//! Parts.
use crate::*;
use crate::storage::*;

/// What the header block of a part says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartHeader {
    /// The snapshot the part belongs to.
    pub snapshot_id: SnapshotId,
    /// The seed of the hashes in it.
    pub hash_seed: HashSeed,
    /// Number of the part in the snapshot, from zero.
    pub number: u32,
    /// The hashes it may hold.
    pub hash_range: HashRange,
}

/// A finished part, as the manifest lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartEntry {
    /// What its header block says.
    pub header: PartHeader,
    /// Name of its object.
    pub name: String,
    /// Length of its object in bytes.
    pub bytes: u64,
    /// Digest over its index, and so over the checksums of all pages.
    pub digest: u64,
    /// Number of pages.
    pub pages: u32,
    /// Number of records.
    pub records: u64,
    /// Bytes of all keys and values.
    pub raw_bytes: u64,
    /// Highest database that holds a record, zero if there is no record.
    pub database_max: u16,
}

/// What became of a pushed record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Pushed {
    /// It is in the page.
    Stored,
    /// It does not fit in this page: call [`PartWriter::seal_page`] and push it again.
    PageFull,
    /// It fits in no page: call [`PartWriter::push_large`].
    TooLarge,
}

/// Writes one part.
#[derive(Debug)]
pub struct PartWriter {
    _p: (),
}

impl PartWriter {
    /// Begins a part called `name`.
    pub fn begin(storage: &dyn SnapshotStorage, header: PartHeader, name: &str, options: PageOptions, hint: WriteHint) -> Result<Self, FormatError> { let _ = (storage, header, name, options, hint); unimplemented!() }
    /// Copies `record` into the page being built. Never blocks, allocates or does I/O.
    pub fn try_push(&mut self, record: &Record<'_>) -> Result<Pushed, FormatError> { let _ = record; unimplemented!() }
    /// Seals the page and makes room for the next. May block on the storage.
    pub fn seal_page(&mut self) -> Result<(), FormatError> { unimplemented!() }
    /// Writes a record in pieces over several pages. May block.
    pub fn push_large(&mut self, record: &Record<'_>) -> Result<(), FormatError> { let _ = record; unimplemented!() }
    /// Bytes handed to the storage so far.
    pub fn bytes_submitted(&self) -> u64 { unimplemented!() }
    /// Records pushed so far.
    pub fn records(&self) -> u64 { unimplemented!() }
    /// Finishes.
    pub fn finish(self) -> Result<PartEntry, FormatError> { unimplemented!() }
    /// Gives up the part.
    pub fn abort(self) { unimplemented!() }
}

/// What a reader may use.
#[derive(Clone, Copy, Debug)]
pub struct ReadHint {
    /// Reads in flight.
    pub buffers: usize,
    /// Capacity of each buffer, a multiple of [`BUFFER_ALIGNMENT`].
    pub buffer_bytes: usize,
}

impl Default for ReadHint {
    fn default() -> Self { Self { buffers: 4, buffer_bytes: 1 << 20 } }
}

/// Reads a part front to back.
#[derive(Debug)]
pub struct PartReader { _p: () }

impl PartReader {
    /// Opens the part that `entry` lists.
    pub fn open(storage: &dyn SnapshotStorage, entry: &PartEntry, hint: ReadHint) -> Result<Self, FormatError> { let _ = (storage, entry, hint); unimplemented!() }
    /// Next page, checked. After a [`FormatError::Page`] the next call goes on behind that page.
    pub fn next_page(&mut self) -> Result<Option<Page<'_>>, FormatError> { unimplemented!() }
    /// Bytes passed so far.
    pub fn bytes_read(&self) -> u64 { unimplemented!() }
}

/// Page index of a part: finds one key without reading the part.
#[derive(Debug)]
pub struct PartIndex { _p: () }

/// A record that owns its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundRecord {
    /// Value type.
    pub value_type: ValueType,
    /// Expiry.
    pub expires_at_unix_ms: Option<u64>,
    /// Value.
    pub value: Vec<u8>,
}

impl PartIndex {
    /// Reads the index of a part.
    pub fn read(storage: &dyn SnapshotStorage, entry: &PartEntry) -> Result<Self, FormatError> { let _ = (storage, entry); unimplemented!() }
    /// Finds a key.
    pub fn find(&self, storage: &dyn SnapshotStorage, database: u16, key: &[u8], bytes_max: u64) -> Result<Option<FoundRecord>, FormatError> { let _ = (storage, database, key, bytes_max); unimplemented!() }
}
