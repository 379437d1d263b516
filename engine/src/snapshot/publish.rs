//! The name of a snapshot, and the put of its manifest that makes it one.
//!
//! A template with `{timestamp}` never replaces anything: a taken name gets a suffix. Any other
//! template keeps its name: the new parts have names of their own, replacing the manifest is the
//! commit, and the old parts go after it. A crash at any point leaves the old or the new set whole.

use std::collections::HashSet;

use chrono::{Local, NaiveDateTime, TimeZone};

use super::fault;
use crate::Error;
#[cfg(feature = "rdb")]
use crate::format::rdb_name;
use crate::format::storage::{PutMode, SnapshotStorage, StorageError, StorageErrorKind};
use crate::format::{
    FormatError, MANIFEST_BYTES_MAX, Manifest, ManifestFault, NameTemplate, SnapshotFile,
    SnapshotFileKind, manifest_name,
};

/// Highest suffix of a name that is taken: `_02` to `_999`, more than can be saved in a second.
const SUFFIX_MAX: u32 = 999;

/// Which names a save may publish under.
#[derive(Debug)]
pub(super) struct Naming<'s> {
    storage: &'s dyn SnapshotStorage,
    template: &'s NameTemplate,
    cut: NaiveDateTime,
}

/// What holds the name of a manifest.
enum Occupant {
    Nobody,
    /// A snapshot of ours; `None` if its manifest is damaged, so that its parts are unknown.
    Ours(Option<Box<Manifest>>),
}

/// A published manifest.
#[derive(Debug)]
pub(super) struct Published {
    pub(super) base: String,
    /// The snapshot that had the name before.
    replaced: Option<Box<Manifest>>,
}

/// Why nothing was published.
#[derive(Debug)]
pub(super) enum Unpublished {
    /// No manifest lists the new parts, and none will.
    Clean(Error),
    /// A manifest that lists the new parts may be there, or appear: they must stay.
    Unknown(Error),
}

impl<'s> Naming<'s> {
    /// Names a cut taken at `cut_unix_ms`, in local time.
    pub(super) fn new(
        storage: &'s dyn SnapshotStorage,
        template: &'s NameTemplate,
        cut_unix_ms: u64,
    ) -> Self {
        Self { storage, template, cut: local_time(cut_unix_ms) }
    }

    /// The name that nothing has and that sorts behind those taken in the same second, or the one
    /// that may be replaced.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`] if the storage cannot be read, if too many names are taken, or if what
    /// has the name is not ours.
    pub(super) fn choose(&self) -> Result<String, Error> {
        if !self.template.has_timestamp() {
            let base = self.nth(1);
            self.occupant(&base)?;
            return Ok(base);
        }
        self.behind_taken(manifest_name)
    }

    /// The name of an RDB file, chosen like that of a manifest.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`] if the storage cannot be read, if too many names are taken, or if what
    /// has the name is no RDB file.
    #[cfg(feature = "rdb")]
    pub(super) fn choose_rdb(&self) -> Result<super::rdb::Target, Error> {
        if self.template.has_timestamp() {
            let base = self.behind_taken(rdb_name)?;
            return Ok(super::rdb::Target { base, replaces: false });
        }
        let base = self.nth(1);
        // A damaged one may be replaced as well as a sound one, but not what is something else.
        let name = rdb_name(&base);
        if super::rdb::is_something_else(self.storage, &name)? {
            let object = format!("{}/{name}", self.storage.location());
            let reason = "it is not an RDB file, and not replaced by one";
            let kind = StorageErrorKind::AlreadyExists;
            return Err(StorageError::new(kind, "replace", object, reason).into());
        }
        Ok(super::rdb::Target { base, replaces: true })
    }

    /// Publishes `manifest`, whose parts are finished and named after `base`.
    ///
    /// # Errors
    ///
    /// See [`Unpublished`].
    pub(super) fn publish(&self, base: &str, bytes: &[u8]) -> Result<Published, Unpublished> {
        if self.template.has_timestamp() {
            return self.publish_beside(base, bytes);
        }
        let published = self.publish_over(base, bytes)?;
        self.read_back(&published.base, bytes).map_err(Unpublished::Unknown)?;
        Ok(published)
    }

    /// Removes the parts of the snapshot that `published` replaced, as far as the storage answers.
    pub(super) fn remove_replaced(&self, published: &Published) {
        let Some(old) = &published.replaced else { return };
        for part in &old.parts {
            // A manifest is not trusted to name anything but parts of its own snapshot.
            let own = SnapshotFile::parse(&part.name).is_some_and(|file| {
                !file.temporary
                    && file.base == published.base
                    && matches!(file.kind, SnapshotFileKind::Part { id, .. }
                        if id == old.snapshot_id.short())
            });
            if !own {
                continue;
            }
            if let Err(error) = self.storage.remove(&part.name) {
                tracing::warn!("a replaced part stays behind: {}", fault::chain(&error));
            }
        }
    }

    /// The first name behind all that are taken. One before them may be free again, since its
    /// snapshot was removed; taken anew, it would sort before older ones.
    fn behind_taken(&self, object_name: impl Fn(&str) -> String) -> Result<String, Error> {
        let present: HashSet<String> =
            self.storage.list()?.into_iter().map(|object| object.name).collect();
        let taken = |&n: &u32| present.contains(&object_name(&self.nth(n)));
        match (1..=SUFFIX_MAX).rev().find(taken).map_or(1, |last| last + 1) {
            past if past > SUFFIX_MAX => Err(self.all_taken()),
            free => Ok(self.nth(free)),
        }
    }

    fn nth(&self, n: u32) -> String {
        if n == 1 {
            self.template.expand(&self.cut)
        } else {
            self.template.expand_nth(&self.cut, n)
        }
    }

    fn publish_beside(&self, base: &str, bytes: &[u8]) -> Result<Published, Unpublished> {
        // Names below the chosen one were taken; it may have been taken since.
        let names = (1..=SUFFIX_MAX).map(|n| self.nth(n)).skip_while(|name| name != base);
        for base in names {
            if !self.put_new(&base, bytes)? {
                continue;
            }
            match self.read_back(&base, bytes) {
                Ok(()) => return Ok(Published { base, replaced: None }),
                // Not every storage can make sure that a name is free.
                Err(_) if self.is_taken_by_another(&base, bytes) => {
                    tracing::warn!("{} went to somebody else", manifest_name(&base));
                }
                Err(error) => return Err(Unpublished::Unknown(error)),
            }
        }
        Err(Unpublished::Clean(self.all_taken()))
    }

    fn publish_over(&self, base: &str, bytes: &[u8]) -> Result<Published, Unpublished> {
        let name = manifest_name(base);
        loop {
            // Asked again, since only what is replaced in this moment tells which parts are old.
            match self.occupant(base).map_err(Unpublished::Clean)? {
                Occupant::Nobody => {
                    if self.put_new(base, bytes)? {
                        return Ok(Published { base: base.to_owned(), replaced: None });
                    }
                }
                Occupant::Ours(replaced) => {
                    if let Err(error) = self.storage.put(&name, bytes, PutMode::Replace) {
                        self.settle(&name, bytes, error)?;
                    }
                    return Ok(Published { base: base.to_owned(), replaced });
                }
            }
        }
    }

    /// Puts a manifest under a name that nothing has. Returns `false` if something has it.
    fn put_new(&self, base: &str, bytes: &[u8]) -> Result<bool, Unpublished> {
        let name = manifest_name(base);
        match self.storage.put(&name, bytes, PutMode::CreateNew) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == StorageErrorKind::AlreadyExists => {
                // It may be ours: the answer to an attempt that the storage repeated by itself.
                match self.holds(&name, bytes) {
                    Ok(held) => Ok(held),
                    Err(error) => Err(Unpublished::Unknown(error)),
                }
            }
            Err(error) => self.settle(&name, bytes, error).map(|()| true),
        }
    }

    /// Finds out what a failed put left, and mends it where the new bytes are there.
    fn settle(&self, name: &str, bytes: &[u8], error: StorageError) -> Result<(), Unpublished> {
        match self.holds(name, bytes) {
            // The put failed after its commit point, so it may not last: a second one that
            // succeeds makes it durable.
            Ok(true) => match self.storage.put(name, bytes, PutMode::Replace) {
                Ok(()) => Ok(()),
                Err(_) => Err(Unpublished::Unknown(error.into())),
            },
            // A request that got no answer may still be carried out.
            Ok(false) if error.kind() == StorageErrorKind::Unavailable => {
                Err(Unpublished::Unknown(error.into()))
            }
            Ok(false) => Err(Unpublished::Clean(error.into())),
            Err(_) => Err(Unpublished::Unknown(error.into())),
        }
    }

    /// Whether the object `name` holds exactly `bytes`.
    fn holds(&self, name: &str, bytes: &[u8]) -> Result<bool, Error> {
        match self.storage.get(name, bytes.len() as u64) {
            Ok(found) => Ok(found == bytes),
            Err(error) => match error.kind() {
                StorageErrorKind::NotFound | StorageErrorKind::TooLarge => Ok(false),
                _ => Err(error.into()),
            },
        }
    }

    /// Whether a sound manifest of another snapshot has the name.
    fn is_taken_by_another(&self, base: &str, bytes: &[u8]) -> bool {
        let name = manifest_name(base);
        let found = self.storage.get(&name, MANIFEST_BYTES_MAX).ok();
        let found = found.and_then(|found| Manifest::decode(&name, &found).ok());
        match (found, Manifest::decode(&name, bytes)) {
            (Some(found), Ok(own)) => found.snapshot_id != own.snapshot_id,
            _ => false,
        }
    }

    fn read_back(&self, base: &str, bytes: &[u8]) -> Result<(), Error> {
        let name = manifest_name(base);
        if self.holds(&name, bytes)? {
            return Ok(());
        }
        Err(Error::Corrupt {
            object: name,
            reason: "the manifest reads back different from what was published".to_owned(),
        })
    }

    fn occupant(&self, base: &str) -> Result<Occupant, Error> {
        let name = manifest_name(base);
        let bytes = match self.storage.get(&name, MANIFEST_BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(error) => {
                return match error.kind() {
                    StorageErrorKind::NotFound => Ok(Occupant::Nobody),
                    StorageErrorKind::TooLarge => Err(self.foreign(&name, "it is too long")),
                    _ => Err(error.into()),
                };
            }
        };
        match Manifest::decode(&name, &bytes) {
            Ok(manifest) => Ok(Occupant::Ours(Some(Box::new(manifest)))),
            // Without the magic it is somebody else's, and another version may hold what this
            // build cannot judge.
            Err(
                error @ (FormatError::UnknownVersion { .. }
                | FormatError::Manifest(ManifestFault::Magic)),
            ) => Err(self.foreign(&name, &error.to_string())),
            Err(_) => Ok(Occupant::Ours(None)),
        }
    }

    fn foreign(&self, name: &str, reason: &str) -> Error {
        let object = format!("{}/{name}", self.storage.location());
        let reason = format!("it is not a manifest that may be replaced: {reason}");
        StorageError::new(StorageErrorKind::AlreadyExists, "replace", object, reason).into()
    }

    fn all_taken(&self) -> Error {
        let object = format!("{}/{}", self.storage.location(), manifest_name(&self.nth(1)));
        let reason = format!("its last suffix, _{SUFFIX_MAX}, is taken");
        StorageError::new(StorageErrorKind::AlreadyExists, "create", object, reason).into()
    }
}

/// The local time of a moment, which snapshots are named by.
pub(super) fn local_time(unix_ms: u64) -> NaiveDateTime {
    // Times past the year 262,000 are clamped: they come from a broken clock.
    let unix_ms = i64::try_from(unix_ms).unwrap_or(i64::MAX);
    match Local.timestamp_millis_opt(unix_ms).earliest() {
        Some(time) => time.naive_local(),
        None => NaiveDateTime::MAX,
    }
}
