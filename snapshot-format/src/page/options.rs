//! How pages are built.

use super::archive::{piece_payload_max, records_payload_max};
use super::{PAGE_BYTES_MAX, RAW_BYTES_MAX};
use crate::error::FormatError;

/// Longest key and value together that a page takes whole.
pub(crate) const PIECE_BYTES_MAX: usize = 256 << 10;

/// How pages are built. Readers need none of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageOptions {
    /// What is tried on each page; a page that would not shrink by a tenth is stored raw.
    pub codec: Codec,
    /// A page is full when its payload would grow past this length. 128 KiB unless told.
    pub raw_bytes_target: usize,
    /// Longest key and value together that a page takes whole, and the length of the pieces that
    /// a longer record is cut into. At most, and unless told, 256 KiB.
    pub piece_bytes: usize,
}

impl PageOptions {
    /// Checks the limits that hold for any buffer.
    pub(crate) fn check(&self) -> Result<(), FormatError> {
        if !(1..=RAW_BYTES_MAX).contains(&self.raw_bytes_target) {
            return Err(FormatError::InvalidOptions("a page's target is not below 512 KiB"));
        }
        if !(1..=PIECE_BYTES_MAX).contains(&self.piece_bytes) {
            return Err(FormatError::InvalidOptions("a piece is not between 1 byte and 256 KiB"));
        }
        Ok(())
    }

    /// Longest payload of a page that is built under these options.
    pub(crate) fn payload_bytes_max(&self) -> usize {
        let records = records_payload_max(self.piece_bytes, 1, 1);
        self.raw_bytes_target.max(records).max(piece_payload_max(self.piece_bytes))
    }
}

impl Default for PageOptions {
    fn default() -> Self {
        Self { codec: Codec::default(), raw_bytes_target: 128 << 10, piece_bytes: PIECE_BYTES_MAX }
    }
}

/// How the payloads of a part's pages are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Codec {
    /// As they are.
    #[default]
    None,
    /// As one Zstandard frame each, where that saves a tenth. Needs the feature `zstd`.
    Zstd {
        /// 1 (fast) to 22 (small); negative levels are faster still.
        level: i32,
    },
}

const _: () = assert!(PIECE_BYTES_MAX * 2 <= PAGE_BYTES_MAX, "a piece fits a page with ease");
