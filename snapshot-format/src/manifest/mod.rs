//! Manifests: the commit record of a snapshot, and all that its parts are trusted by.
//!
//! ```text
//! ┌────────┬──────────────────────────────┬──────────┐
//! │ header │ payload: an rkyv archive     │ checksum │
//! │ 32     │                              │ 8        │
//! └────────┴──────────────────────────────┴──────────┘
//! ```

mod archive;
mod check;

use crate::FORMAT_VERSION;
use crate::checksum::{CHECKSUM_BYTES, block_checksum, split_checksum};
use crate::error::{FormatError, ManifestFault};
use crate::fields::{is_zero, put, u16_at, u64_at};
use crate::hash::HashSeed;
use crate::id::SnapshotId;
use crate::part::PartEntry;

/// The eight bytes that every manifest begins with.
pub const MANIFEST_MAGIC: [u8; 8] = *b"EXUVMANI";

/// Longest manifest: what a reader fetches of a candidate at most.
pub const MANIFEST_BYTES_MAX: u64 = 4 << 20;

/// Highest number of parts in a snapshot.
pub const PARTS_MAX: usize = 4096;

const VERSION: usize = 8;
const RESERVED: usize = 10;
const BYTES: usize = 16;
const ZEROS: usize = 24;
const HEADER_BYTES: usize = 32;

/// What a snapshot consists of, and when of which data it was taken.
///
/// A snapshot exists from the moment its manifest does; a file that no manifest lists is never
/// read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Identity of the snapshot.
    pub snapshot_id: SnapshotId,
    /// When it was cut, in milliseconds since the Unix epoch.
    pub cut_unix_ms: u64,
    /// Counts the cuts of one lineage, for two of one millisecond.
    pub sequence: u64,
    /// Seed of the hashes in it.
    pub hash_seed: HashSeed,
    /// The snapshot that this one is an increment of; `None` for a full one.
    pub base_id: Option<SnapshotId>,
    /// Version of the engine that wrote it, for people to read.
    pub engine_version: String,
    /// The parts, in ascending order of number and of hashes, without a gap in either.
    pub parts: Vec<PartEntry>,
}

impl Manifest {
    /// Number of records in all parts.
    pub fn records(&self) -> u64 {
        self.parts.iter().map(|part| part.records).sum()
    }

    /// Bytes of all parts' objects.
    pub fn bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.bytes).sum()
    }

    /// Bytes of all keys and values.
    pub fn raw_bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.raw_bytes).sum()
    }

    /// Highest database that a record is in, zero if there is no record.
    pub fn database_max(&self) -> u16 {
        self.parts.iter().map(|part| part.database_max).max().unwrap_or(0)
    }

    /// The bytes of the manifest's object.
    ///
    /// # Errors
    ///
    /// [`FormatError::Manifest`] if a reader would refuse them: parts that do not follow one
    /// another, or are of another snapshot, or too many.
    pub fn encode(&self) -> Result<Vec<u8>, FormatError> {
        check::check(self).map_err(FormatError::Manifest)?;
        let mut bytes = vec![0; HEADER_BYTES];
        bytes.extend_from_slice(&archive::archive(self));
        let length = (bytes.len() + CHECKSUM_BYTES) as u64;
        if length > MANIFEST_BYTES_MAX {
            return Err(FormatError::Manifest(ManifestFault::Length { found: length }));
        }
        put(&mut bytes, 0, MANIFEST_MAGIC);
        put(&mut bytes, VERSION, FORMAT_VERSION.to_le_bytes());
        put(&mut bytes, BYTES, length.to_le_bytes());
        let checksum = block_checksum(&bytes);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        Ok(bytes)
    }

    /// Reads the manifest that `bytes`, the content of the object `name`, are.
    ///
    /// What is returned is consistent: its parts follow one another, belong to the snapshot, have
    /// names that are nothing but names, and add up. Memory used is a small multiple of `bytes`.
    ///
    /// # Errors
    ///
    /// [`FormatError::UnknownVersion`] if another version wrote it, and [`FormatError::Manifest`].
    pub fn decode(name: &str, bytes: &[u8]) -> Result<Self, FormatError> {
        let found = bytes.len() as u64;
        let damaged = FormatError::Manifest;
        if !bytes.starts_with(&MANIFEST_MAGIC) {
            return Err(damaged(ManifestFault::Magic));
        }
        if found > MANIFEST_BYTES_MAX || bytes.len() < HEADER_BYTES + CHECKSUM_BYTES {
            return Err(damaged(ManifestFault::Length { found }));
        }
        let version = u16_at(bytes, VERSION);
        if version != FORMAT_VERSION {
            let (object, supported) = (name.into(), FORMAT_VERSION);
            return Err(FormatError::UnknownVersion { object, found: version, supported });
        }
        if u64_at(bytes, BYTES) != found {
            return Err(damaged(ManifestFault::Length { found }));
        }
        let covered = match split_checksum(bytes) {
            Some((covered, checksum)) if block_checksum(covered) == checksum => covered,
            _ => return Err(damaged(ManifestFault::Checksum)),
        };
        if !is_zero(&bytes[RESERVED..BYTES]) || !is_zero(&bytes[ZEROS..HEADER_BYTES]) {
            return Err(damaged(ManifestFault::Field("reserved")));
        }
        let manifest = archive::read(&covered[HEADER_BYTES..]).map_err(damaged)?;
        check::check(&manifest).map_err(damaged)?;
        Ok(manifest)
    }
}
