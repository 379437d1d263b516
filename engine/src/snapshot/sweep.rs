//! Removing what processes that died left behind.

use std::collections::{BTreeSet, HashSet};

use super::archive::Archive;
use super::fault;
use super::survey::{PartObject, Survey};
use crate::format::storage::{BUFFER_ALIGNMENT, Buffer, ObjectMeta, SnapshotStorage};
use crate::format::{FormatError, NameTemplate, PartHeader, SnapshotFile, SnapshotFileKind};

/// How old a part without a manifest has to be: a neighbour may be writing it.
const PART_AGE_MIN_MS: u64 = 24 * 3600 * 1000;

/// What the manifests of a storage say about its parts.
#[derive(Debug, Default)]
pub(super) struct Listed {
    /// Names of all parts listed by a manifest that was read.
    pub(super) parts: HashSet<String>,
    /// Base names of manifests that were not read or not understood.
    pub(super) unclear: Vec<String>,
}

impl Listed {
    /// Whether surely no manifest lists `part`.
    fn misses(&self, part: &PartObject) -> bool {
        // A manifest may list parts of its name without the suffix of a name that was taken.
        let unclear = self.unclear.iter().any(|base| base.starts_with(&part.base));
        !unclear && !self.parts.contains(&part.object.name)
    }
}

/// Names of the saves whose parts are there but whose manifest never came.
pub(super) fn unfinished(survey: &Survey, listed: &Listed) -> Vec<String> {
    let saves: BTreeSet<String> = survey
        .parts
        .iter()
        .filter(|part| listed.misses(part))
        .map(|part| format!("{} ({})", part.base, part.id))
        .collect();
    saves.into_iter().collect()
}

/// Gives up objects named like `template` that were begun a day ago and never finished, in storages
/// that keep such apart. Returns their names.
pub(super) fn sweep_unfinished(
    archive: &Archive,
    storage: &dyn SnapshotStorage,
    template: &NameTemplate,
) -> Vec<String> {
    let now = archive.clock.unix_ms();
    let is_leftover = |object: &ObjectMeta| {
        let ours = SnapshotFile::parse(&object.name).is_some_and(|file| {
            // A manifest is never long enough for an upload in parts.
            let is_long = match file.kind {
                SnapshotFileKind::Part { .. } | SnapshotFileKind::Rdb => true,
                SnapshotFileKind::Manifest => false,
            };
            is_long && template.matches(file.base)
        });
        ours && is_old(object, now)
    };
    match storage.sweep_unfinished(&is_leftover) {
        Ok(swept) => {
            for name in &swept {
                tracing::info!("gave up the upload of {name}, left behind by an earlier process");
            }
            swept
        }
        Err(error) => {
            tracing::warn!("unfinished uploads stay: {}", fault::chain(&error));
            Vec::new()
        }
    }
}

/// Removes temporary files, if this process alone writes under its names, and old parts that no
/// manifest lists. Returns what it removed.
///
/// What cannot be removed stays, with a line in the log: it is in nobody's way.
pub(super) fn sweep(
    archive: &Archive,
    storage: &dyn SnapshotStorage,
    survey: &Survey,
    listed: &Listed,
) -> Vec<String> {
    let now = archive.clock.unix_ms();
    let temporary = survey.temporary.iter().filter(|_| archive.is_exclusive());
    let parts = survey.parts.iter().filter(|part| {
        listed.misses(part) && is_old(&part.object, now) && is_part_of_ours(storage, part)
    });
    let names = temporary.map(String::as_str).chain(parts.map(|part| part.object.name.as_str()));
    let mut removed = Vec::new();
    for name in names {
        match storage.remove(name) {
            Ok(()) => {
                tracing::info!("removed {name}, left behind by an earlier process");
                removed.push(name.to_owned());
            }
            Err(error) => tracing::warn!("a leftover stays: {}", fault::chain(&error)),
        }
    }
    removed
}

fn is_old(object: &ObjectMeta, now_unix_ms: u64) -> bool {
    object
        .modified_unix_ms
        .is_some_and(|modified| now_unix_ms.saturating_sub(modified) >= PART_AGE_MIN_MS)
}

/// Whether the object begins like the part that its name says it is.
fn is_part_of_ours(storage: &dyn SnapshotStorage, part: &PartObject) -> bool {
    match read_header(storage, &part.object.name) {
        Ok(header) => header.snapshot_id.short() == part.id,
        Err(error) => {
            let reason = fault::chain(&error);
            tracing::warn!("a leftover stays, it does not look like ours: {reason}");
            false
        }
    }
}

pub(super) fn read_header(
    storage: &dyn SnapshotStorage,
    name: &str,
) -> Result<PartHeader, FormatError> {
    let mut reader = storage.open(name)?;
    reader.submit(0, Buffer::new(BUFFER_ALIGNMENT))?;
    let (_, block) = reader.complete()?;
    PartHeader::decode(name, block.filled())
}
