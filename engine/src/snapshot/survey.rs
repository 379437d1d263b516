//! What a storage holds, by its names.

use super::select::{Form, Named};
use crate::Error;
use crate::format::storage::{ObjectMeta, SnapshotStorage};
use crate::format::{NameTemplate, ShortId, SnapshotFile, SnapshotFileKind};

/// A part by its name, whether a manifest lists it or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PartObject {
    pub(super) base: String,
    pub(super) id: ShortId,
    pub(super) object: ObjectMeta,
}

/// The objects of a storage, sorted by what their names say they are.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// Manifests, and files in other formats, whose base name the template matches.
    pub(super) candidates: Vec<Named>,
    /// Parts whose base name the template matches.
    pub(super) parts: Vec<PartObject>,
    /// Files being written, or left behind by a crash, whose base name the template matches.
    pub(super) temporary: Vec<String>,
    /// Objects that look like snapshots but belong to another template.
    pub(super) near_misses: Vec<String>,
}

impl Survey {
    /// Lists `storage` and sorts what `template` matches; without a template everything matches.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`] if the storage cannot be listed.
    pub(super) fn take(
        storage: &dyn SnapshotStorage,
        template: Option<&NameTemplate>,
    ) -> Result<Self, Error> {
        let mut survey = Self::default();
        for object in storage.list()? {
            survey.add(object, template);
        }
        survey.near_misses.sort();
        Ok(survey)
    }

    fn add(&mut self, object: ObjectMeta, template: Option<&NameTemplate>) {
        let Some(file) = SnapshotFile::parse(&object.name) else { return };
        let ours = template.is_none_or(|template| template.matches(file.base));
        match (file.kind, file.temporary) {
            (_, true) if ours => self.temporary.push(object.name),
            // A neighbour's file in the making is nobody's business.
            (_, true) => {}
            (SnapshotFileKind::Manifest, false) if ours => {
                self.candidates.push((file.base.to_owned(), Form::Manifest));
            }
            (SnapshotFileKind::Part { id, .. }, false) => {
                if ours {
                    let base = file.base.to_owned();
                    self.parts.push(PartObject { base, id, object });
                }
            }
            #[cfg(feature = "rdb")]
            (SnapshotFileKind::Rdb, false) if ours => {
                self.candidates.push((file.base.to_owned(), Form::Rdb));
            }
            (SnapshotFileKind::Manifest | SnapshotFileKind::Rdb, false) => {
                self.near_misses.push(object.name);
            }
        }
    }
}
