//! What must hold among the values of a manifest, whether it is written or read.

use super::{Manifest, PARTS_MAX};
use crate::error::ManifestFault;
use crate::name::{SnapshotFile, SnapshotFileKind};

/// Longest name of a part and longest version text.
pub(super) const TEXT_BYTES_MAX: usize = 255;

/// Checks that the parts belong to the snapshot and cover every hash once.
pub(super) fn check(manifest: &Manifest) -> Result<(), ManifestFault> {
    if manifest.engine_version.len() > TEXT_BYTES_MAX
        || manifest.engine_version.chars().any(char::is_control)
    {
        return Err(ManifestFault::Field("engine_version"));
    }
    if manifest.parts.is_empty() || manifest.parts.len() > PARTS_MAX {
        return Err(ManifestFault::Field("parts"));
    }
    let mut next_first = Some(0);
    for (part, number) in manifest.parts.iter().zip(0..) {
        let invalid = |field| Err(ManifestFault::Part { part: number, field });
        let range = part.header.hash_range;
        if part.header.number != number {
            return invalid("number");
        }
        if part.header.snapshot_id != manifest.snapshot_id
            || part.header.hash_seed != manifest.hash_seed
        {
            return invalid("snapshot_id");
        }
        if next_first != Some(range.first) || range.last < range.first {
            return invalid("hash_range");
        }
        next_first = range.last.checked_add(1);
        let kind = SnapshotFileKind::Part { number, id: manifest.snapshot_id.short() };
        let is_ours = part.name.len() <= TEXT_BYTES_MAX
            && SnapshotFile::parse(&part.name)
                .is_some_and(|file| file.kind == kind && !file.temporary);
        if !is_ours {
            return invalid("name");
        }
        let has_records = part.records > 0;
        if has_records != (part.pages > 0) || (!has_records && part.raw_bytes > 0) {
            return invalid("pages");
        }
    }
    // Behind the highest hash there is no next one.
    if next_first.is_some() {
        return Err(ManifestFault::Field("parts"));
    }
    Ok(())
}
