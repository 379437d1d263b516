//! The bytes of an Exuvia snapshot.

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
    RecordAssembler, Records,
};
pub use part::{
    FoundRecord, PART_MAGIC, PartEntry, PartFinder, PartHeader, PartReader, PartReport, PartWriter,
    Pushed, ReadHint, verify_part,
};
pub use record::{Record, RecordKind, ValueType};

/// The format version that this build writes and reads.
pub const FORMAT_VERSION: u16 = 1;
