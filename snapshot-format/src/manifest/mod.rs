//! Manifests.
use crate::*;

/// A manifest: the commit record of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Identity of the snapshot.
    pub snapshot_id: SnapshotId,
    /// When it was cut, in milliseconds since the Unix epoch.
    pub cut_unix_ms: u64,
    /// Breaks ties between cuts of one millisecond; ascends with every cut of a process.
    pub sequence: u64,
    /// Seed of the hashes.
    pub hash_seed: HashSeed,
    /// The snapshot this one is an increment of; `None` for a full one.
    pub base: Option<SnapshotId>,
    /// Version of the engine that wrote it.
    pub engine_version: String,
    /// The parts, in ascending order of number and hash range.
    pub parts: Vec<PartEntry>,
}

impl Manifest {
    /// Longest manifest.
    pub const BYTES_MAX: u64 = 4 << 20;
    /// Number of records in all parts.
    pub fn records(&self) -> u64 { self.parts.iter().map(|p| p.records).sum() }
    /// Bytes of all objects, without the manifest.
    pub fn bytes(&self) -> u64 { self.parts.iter().map(|p| p.bytes).sum() }
    /// Bytes of all keys and values.
    pub fn raw_bytes(&self) -> u64 { self.parts.iter().map(|p| p.raw_bytes).sum() }
    /// Highest database that holds a record.
    pub fn database_max(&self) -> u16 { self.parts.iter().map(|p| p.database_max).max().unwrap_or(0) }
    /// The bytes of the manifest's object.
    ///
    /// # Errors
    ///
    /// [`FormatError::Manifest`] if a reader would refuse it.
    pub fn encode(&self) -> Result<Vec<u8>, FormatError> { unimplemented!() }
    /// Reads the bytes of a manifest's object called `name`.
    pub fn decode(name: &str, bytes: &[u8]) -> Result<Self, FormatError> { let _ = (name, bytes); unimplemented!() }
}
