//! The block that a part begins with.

use crate::checksum::{block_checksum, split_checksum};
use crate::error::{FormatError, PartFault};
use crate::fields::{bytes_at, is_zero, put, u16_at, u32_at, u64_at};
use crate::hash::{HashRange, HashSeed};
use crate::id::SnapshotId;
use crate::{FORMAT_VERSION, storage};

/// The eight bytes that every part begins with.
pub const PART_MAGIC: [u8; 8] = *b"EXUVPART";

/// Length of the header block: pages begin behind it.
pub(crate) const HEADER_BLOCK_BYTES: usize = storage::BUFFER_ALIGNMENT;

const VERSION: usize = 8;
const RESERVED: usize = 10;
const SNAPSHOT_ID: usize = 16;
const HASH_SEED: usize = 32;
const NUMBER: usize = 40;
const RAW_BYTES_TARGET: usize = 44;
const HASH_FIRST: usize = 48;
const HASH_LAST: usize = 56;
const ZEROS: usize = 64;
const CHECKSUM: usize = HEADER_BLOCK_BYTES - 8;

/// Which part of which snapshot a part is.
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

impl PartHeader {
    /// Writes the header block into `block`, which is [`HEADER_BLOCK_BYTES`] long.
    ///
    /// `raw_bytes_target` is told to readers who are curious; none depends on it.
    pub(crate) fn encode(&self, raw_bytes_target: u32, block: &mut [u8]) {
        block.fill(0);
        put(block, 0, PART_MAGIC);
        put(block, VERSION, FORMAT_VERSION.to_le_bytes());
        put(block, SNAPSHOT_ID, *self.snapshot_id.as_bytes());
        put(block, HASH_SEED, self.hash_seed.0.to_le_bytes());
        put(block, NUMBER, self.number.to_le_bytes());
        put(block, RAW_BYTES_TARGET, raw_bytes_target.to_le_bytes());
        put(block, HASH_FIRST, self.hash_range.first.to_le_bytes());
        put(block, HASH_LAST, self.hash_range.last.to_le_bytes());
        let checksum = block_checksum(&block[..CHECKSUM]);
        put(block, CHECKSUM, checksum.to_le_bytes());
    }

    /// Reads the header block of the part called `name`.
    ///
    /// This is how a part is told from a stranger's file, and how the pages of a part whose
    /// manifest is lost can still be checked.
    ///
    /// # Errors
    ///
    /// [`FormatError::Part`] if `block` is too short, is not ours or is damaged;
    /// [`FormatError::UnknownVersion`] if a newer version wrote it.
    pub fn decode(name: &str, block: &[u8]) -> Result<Self, FormatError> {
        let damaged = |fault| FormatError::Part { part: name.into(), fault };
        let Some(block) = block.get(..HEADER_BLOCK_BYTES) else {
            let (found, expected) = (block.len() as u64, HEADER_BLOCK_BYTES as u64);
            return Err(damaged(PartFault::Length { found, expected }));
        };
        if !block.starts_with(&PART_MAGIC) {
            return Err(damaged(PartFault::Magic));
        }
        let found = u16_at(block, VERSION);
        if found != FORMAT_VERSION {
            let (object, supported) = (name.into(), FORMAT_VERSION);
            return Err(FormatError::UnknownVersion { object, found, supported });
        }
        match split_checksum(block) {
            Some((covered, checksum)) if block_checksum(covered) == checksum => {}
            _ => return Err(damaged(PartFault::HeaderChecksum)),
        }
        if !is_zero(&block[RESERVED..SNAPSHOT_ID]) || !is_zero(&block[ZEROS..CHECKSUM]) {
            return Err(damaged(PartFault::Header));
        }
        Ok(Self {
            snapshot_id: SnapshotId::from_bytes(bytes_at(block, SNAPSHOT_ID)),
            hash_seed: HashSeed(u64_at(block, HASH_SEED)),
            number: u32_at(block, NUMBER),
            hash_range: HashRange::new(u64_at(block, HASH_FIRST), u64_at(block, HASH_LAST)),
        })
    }
}
