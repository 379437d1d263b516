//! The bytes of an Exuvia snapshot: records in pages, pages in parts, parts in a manifest.
//!
//! This crate knows bytes and the [storage port](storage), no files and no network. `FORMAT.md`
//! beside its manifest draws every byte.
//!
//! ```
//! use exuvia_snapshot_format::storage::{MemoryStorage, WriteHint};
//! use exuvia_snapshot_format::{
//!     HashRange, HashSeed, PageContent, PageOptions, PartHeader, PartReader, PartWriter, Pushed,
//!     ReadHint, Record, SnapshotId, ValueType, hash_key, part_name,
//! };
//!
//! let storage = MemoryStorage::new();
//! let (snapshot_id, hash_seed) = (SnapshotId::from_bytes([7; 16]), HashSeed(42));
//! let header = PartHeader { snapshot_id, hash_seed, number: 0, hash_range: HashRange::ALL };
//! let name = part_name("dump", 0, snapshot_id);
//! let (options, hint) = (PageOptions::default(), WriteHint::default());
//!
//! let mut writer = PartWriter::begin(&storage, header, &name, options, hint)?;
//! let (key, value) = (b"key".as_slice(), b"value".as_slice());
//! let (hash, value_type) = (hash_key(hash_seed, key), ValueType::String);
//! let record = Record { database: 0, hash, value_type, key, expires_at_unix_ms: None, value };
//! assert_eq!(writer.try_push(&record)?, Pushed::Stored);
//! let entry = writer.finish()?;
//!
//! let mut reader = PartReader::open(&storage, &entry, ReadHint::default())?;
//! while let Some(page) = reader.next_page()? {
//!     if let PageContent::Records(records) = page.content() {
//!         assert_eq!(records.clone().next(), Some(record));
//!     }
//! }
//! # Ok::<(), exuvia_snapshot_format::FormatError>(())
//! ```
//!
//! # Order
//!
//! Everything is in strictly ascending order of database, [hash](hash_key) and key: a writer
//! refuses records out of it, a reader refuses pages out of it. From that follow one stream a
//! part, a page index that is sorted, and a [`PartFinder`] that reads one page to find a key.
//!
//! # Consistency
//!
//! A snapshot is what its [`Manifest`] lists. The manifest has the digest of each part's index,
//! the index has the checksum of each page, and checksums are seeded with snapshot, part and page
//! number: a page that passes is the page that was written there. Checksums detect accidents; they
//! do not authenticate.
//!
//! # Hostile bytes
//!
//! No input makes a reader panic, or use memory beyond a small multiple of the input and a few
//! buffers of fixed size. Every length is checked before it is used.
//!
//! # Features
//!
//! `zstd`, on by default: compressed pages. Without it they are refused by name.

#![forbid(unsafe_code)]

mod checksum;
mod error;
mod fields;
mod hash;
mod id;
mod manifest;
mod name;
mod page;
mod part;
mod record;
pub mod storage;

pub use checksum::{block_checksum, page_checksum};
pub use error::{DamagedPage, FormatError, ManifestFault, PageFault, PartFault};
pub use hash::{HashRange, HashSeed, hash_key};
pub use id::{ShortId, SnapshotId};
pub use manifest::{MANIFEST_BYTES_MAX, MANIFEST_MAGIC, Manifest, PARTS_MAX};
pub use name::{
    NameError, NameTemplate, SNAPSHOT_NAME_BYTES_MAX, SnapshotFile, SnapshotFileKind,
    manifest_name, part_name, rdb_name, temporary_name,
};
pub use page::{
    Codec, PAGE_ALIGNMENT, PAGE_BYTES_MAX, Page, PageContent, PageOptions, PageScratch, Piece,
    RecordAssembler, RecordStream, Records, StreamedPiece,
};
pub use part::{
    FoundRecord, PART_MAGIC, PartEntry, PartFinder, PartHeader, PartReader, PartReport,
    PartSalvage, PartWriter, Pushed, ReadHint, verify_part,
};
pub use record::{Record, RecordKind, ValueType};

/// The format version that this build writes and reads.
pub const FORMAT_VERSION: u16 = 1;
