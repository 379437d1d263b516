//! The names of a snapshot's files.

use crate::id::{ShortId, SnapshotId};

const MANIFEST_END: &str = "-summary.dfs";
const PART_END: &str = ".dfs";
const RDB_END: &str = ".rdb";
const TEMPORARY_END: &str = ".tmp";

/// Name of the manifest of the snapshot `base`.
pub fn manifest_name(base: &str) -> String {
    format!("{base}{MANIFEST_END}")
}

/// Name of part `number` of the snapshot `base`, whose id is `id`.
pub fn part_name(base: &str, number: u32, id: SnapshotId) -> String {
    format!("{base}-{number:04}-{}{PART_END}", id.short())
}

/// Name of the snapshot `base` in RDB format.
pub fn rdb_name(base: &str) -> String {
    format!("{base}{RDB_END}")
}

/// Name of the file `name` while it is being written.
pub fn temporary_name(name: &str) -> String {
    format!("{name}{TEMPORARY_END}")
}

/// A file name that a snapshot's file can have, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotFile<'a> {
    /// The snapshot's name.
    pub base: &'a str,
    /// Which of its files it is.
    pub kind: SnapshotFileKind,
    /// Whether the name ends in `.tmp`, as that of a file being written.
    pub temporary: bool,
}

/// Which file of a snapshot a name belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotFileKind {
    /// The manifest: `B-summary.dfs`.
    Manifest,
    /// A part: `B-0003-1a2b3c4d.dfs`.
    Part {
        /// Number of the part.
        number: u32,
        /// Start of the snapshot's id.
        id: ShortId,
    },
    /// The whole snapshot in RDB format: `B.rdb`.
    Rdb,
}

impl<'a> SnapshotFile<'a> {
    /// Takes `name` apart; `None` if no snapshot's file is called like that.
    ///
    /// Only a plain name passes: not empty, without a directory separator or a control character.
    pub fn parse(name: &'a str) -> Option<Self> {
        let (stem, temporary) = match name.strip_suffix(TEMPORARY_END) {
            Some(stem) => (stem, true),
            None => (name, false),
        };
        let (base, kind) = if let Some(base) = stem.strip_suffix(MANIFEST_END) {
            (base, SnapshotFileKind::Manifest)
        } else if let Some(base) = stem.strip_suffix(RDB_END) {
            (base, SnapshotFileKind::Rdb)
        } else {
            part_of(stem.strip_suffix(PART_END)?)?
        };
        let is_plain = !base.is_empty() && !base.contains(|c: char| c == '/' || c.is_control());
        is_plain.then_some(Self { base, kind, temporary })
    }
}

/// Takes `B-0003-1a2b3c4d` apart.
fn part_of(stem: &str) -> Option<(&str, SnapshotFileKind)> {
    let (rest, id) = stem.rsplit_once('-')?;
    let (base, number) = rest.rsplit_once('-')?;
    let is_number = number.len() == 4 && number.bytes().all(|b| b.is_ascii_digit());
    let is_id = id.len() == 8 && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if !is_number || !is_id {
        return None;
    }
    let number = number.parse().ok()?;
    let id = ShortId(u32::from_str_radix(id, 16).ok()?);
    Some((base, SnapshotFileKind::Part { number, id }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: SnapshotId = SnapshotId::from_bytes([0x1a; 16]);

    #[test]
    fn every_name_is_taken_apart_into_what_it_was_made_of() {
        let id = ID.short();
        let base = "dump-2026-01-31T23:59:58_02";
        for (name, kind) in [
            (manifest_name(base), SnapshotFileKind::Manifest),
            (part_name(base, 17, ID), SnapshotFileKind::Part { number: 17, id }),
            (rdb_name(base), SnapshotFileKind::Rdb),
        ] {
            let expected = SnapshotFile { base, kind, temporary: false };
            assert_eq!(SnapshotFile::parse(&name), Some(expected));
            let expected = SnapshotFile { temporary: true, ..expected };
            assert_eq!(SnapshotFile::parse(&temporary_name(&name)), Some(expected));
        }
        assert_eq!(part_name("dump", 3, ID), "dump-0003-1a1a1a1a.dfs");
    }

    #[test]
    fn names_of_other_files_are_not_taken_apart() {
        for name in [
            "",
            "dump",
            ".dfs",
            ".rdb",
            "-summary.dfs",
            "dump.dfs",
            "dump-0003.dfs",
            "dump-003-1a2b3c4d.dfs",
            "dump-00003-1a2b3c4d.dfs",
            "dump-+003-1a2b3c4d.dfs",
            "dump-0003-1A2B3C4D.dfs",
            "dump-0003-1a2b3c4.dfs",
            "-0003-1a2b3c4d.dfs",
            "dump-summary.dfs.bak",
            "dump-summary.dfs.tmp.tmp",
            "../dump-summary.dfs",
            "a/dump-0003-1a2b3c4d.dfs",
            "dump\n-summary.dfs",
            "dump-ſummary.dfs",
        ] {
            assert_eq!(SnapshotFile::parse(name), None, "{name:?}");
        }
    }
}
