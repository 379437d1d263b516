//! Names.
use crate::*;
use chrono::NaiveDateTime;

/// Name of the manifest of the snapshot `base`.
pub fn manifest_name(base: &str) -> String { format!("{base}-summary.dfs") }
/// Name of a part.
pub fn part_name(base: &str, number: u32, id: SnapshotId) -> String { format!("{base}-{number:04}-{}.dfs", id.short()) }
/// Name of an RDB file.
pub fn rdb_name(base: &str) -> String { format!("{base}.rdb") }

/// A `dbfilename`, parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameTemplate { text: String }

/// Why a `dbfilename` is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// Empty.
    #[error("the name is empty")]
    Empty,
}

impl NameTemplate {
    /// Parses a `dbfilename` of page format.
    pub fn parse(text: &str) -> Result<Self, NameError> { Ok(Self { text: text.into() }) }
    /// Parses a `dbfilename` of RDB format, where an ending `.rdb` is allowed.
    pub fn parse_rdb(text: &str) -> Result<Self, NameError> { Ok(Self { text: text.into() }) }
    /// The snapshot name at a local time.
    pub fn expand(&self, local: &NaiveDateTime) -> String { let _ = local; self.text.clone() }
    /// The `n`th snapshot name (from 2 on) at a local time whose plain name is taken.
    pub fn expand_nth(&self, local: &NaiveDateTime, n: u32) -> String { let _ = (local, n); self.text.clone() }
    /// Whether the template has a `{timestamp}`: a taken name gets a suffix instead of being replaced.
    pub fn has_timestamp(&self) -> bool { false }
    /// Whether `base` is a name that this template can have made.
    pub fn matches(&self, base: &str) -> bool { base == self.text }
}

/// A file name that belongs to a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotFile<'a> {
    /// The snapshot's name.
    pub base: &'a str,
    /// Which of its files.
    pub kind: SnapshotFileKind,
    /// Whether the name has the ending `.tmp` of a file being written.
    pub temporary: bool,
}

/// Which file of a snapshot a name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotFileKind {
    /// `B-summary.dfs`.
    Manifest,
    /// `B-0003-1a2b3c4d.dfs`.
    Part {
        /// Number.
        number: u32,
        /// Start of the snapshot id.
        id: ShortId,
    },
    /// `B.rdb`.
    Rdb,
}

impl<'a> SnapshotFile<'a> {
    /// Parses a file name.
    pub fn parse(name: &'a str) -> Option<Self> { let _ = name; unimplemented!() }
}
