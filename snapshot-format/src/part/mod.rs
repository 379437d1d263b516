//! Parts: the files, or objects, that hold a snapshot's pages.
//!
//! ```text
//! ┌──────────────┬────────┬────────┬─ ─ ─┬────────────────────┬────────┐
//! │ header block │ page 0 │ page 1 │     │ page index         │ footer │
//! │ 4096         │ n · 64 │ n · 64 │     │ 32 for each page   │ 64     │
//! └──────────────┴────────┴────────┴─ ─ ─┴────────────────────┴────────┘
//! ```
//!
//! A part is written front to back without ever seeking, and holds its records in strictly
//! ascending order of database, hash and key. The index has each page's hash range and checksum;
//! the digest in the footer covers the index, and the manifest has the digest: whoever trusts a
//! manifest can trust every page that matches it.

mod entry;
mod finder;
mod header;
mod index;
mod output;
mod progress;
mod read_ahead;
mod reader;
mod salvage;
mod sink;
mod verify;
mod writer;

pub use entry::PartEntry;
pub use finder::{FoundRecord, PartFinder};
pub use header::{PART_MAGIC, PartHeader};
pub use read_ahead::ReadHint;
pub use reader::PartReader;
pub use salvage::PartSalvage;
pub use verify::{PartReport, verify_part};
pub use writer::{PartWriter, Pushed};
