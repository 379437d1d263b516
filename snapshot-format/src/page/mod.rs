//! Pages: the unit that is checked, compressed and read on its own.
//!
//! ```text
//! ┌────────┬─────────────────────────────────────┬─────────┬──────────┐
//! │ header │ payload: an rkyv archive,           │ zeros   │ checksum │
//! │ 80     │ as it is or as a Zstandard frame    │ 0 to 63 │ 8        │
//! └────────┴─────────────────────────────────────┴─────────┴──────────┘
//! ```
//!
//! A page of whole records has columns instead of a list of records: the run (every key and value,
//! end to end), the lengths of keys and values, one kind byte each, and for those records that
//! expire their number and time. That is nine bytes a record, and columns of lengths that are
//! alike compress to nearly nothing. A record too long for a page is cut into pieces, each in a
//! page of its own.

mod archive;
mod build;
mod codec;
mod header;
mod options;
mod order;
mod piece;
mod read;
#[cfg_attr(not(feature = "zstd"), path = "zstd_absent.rs")]
mod zstd;

pub(crate) use archive::{PieceColumns, Run, complete, piece_payload_max, records_payload_max};
pub(crate) use build::RecordsBuilder;
pub(crate) use codec::PageCompressor;
pub(crate) use header::{PageHeader, PageKind, StoredAs, page_bytes, page_bytes_of};
pub use options::{Codec, PageOptions};
pub(crate) use order::{ascends, start_of_key};
pub(crate) use piece::PieceSequence;
pub use piece::{Piece, RecordAssembler, RecordStream, StreamedPiece};
pub use read::{Page, PageContent, PageScratch, Records};

/// Length and alignment in a part of every page is a multiple of this.
pub const PAGE_ALIGNMENT: usize = 64;

/// Longest page, header and checksum included.
pub const PAGE_BYTES_MAX: usize = 512 << 10;

/// Bytes of a page's header.
pub(crate) const PAGE_HEADER_BYTES: usize = 80;

/// Longest payload.
pub(crate) const RAW_BYTES_MAX: usize =
    PAGE_BYTES_MAX - PAGE_HEADER_BYTES - crate::checksum::CHECKSUM_BYTES;

/// What an archive's root asks for, at most.
pub(crate) const PAYLOAD_ALIGNMENT: usize = 16;

const _: () = assert!(PAGE_ALIGNMENT.is_multiple_of(PAYLOAD_ALIGNMENT));
