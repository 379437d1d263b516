//! The bytes of an Exuvia snapshot.

#![forbid(unsafe_code)]

mod error;
mod hash;
mod id;
mod manifest;
mod name;
mod page;
mod part;
mod record;
pub mod storage;

pub use error::{DamagedPage, FormatError, ManifestFault, PageFault, PartFault};
pub use hash::{HashRange, HashSeed, hash_key};
pub use id::{ShortId, SnapshotId};
pub use manifest::Manifest;
pub use name::{
    NameError, NameTemplate, SnapshotFile, SnapshotFileKind, manifest_name, part_name, rdb_name,
};
pub use page::{Codec, Page, PageContent, PageOptions, Piece, RecordAssembler, Records};
pub use part::{
    FoundRecord, PartEntry, PartHeader, PartIndex, PartReader, PartWriter, Pushed, ReadHint,
};
pub use record::{Record, RecordKind, ValueType};
