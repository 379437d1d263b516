//! Where the snapshots are, and which of them is meant.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use exuvia::IoMode;
use exuvia::format::storage::{SnapshotStorage, StorageErrorKind};
use exuvia::format::{SnapshotFile, SnapshotFileKind, manifest_name};
use exuvia::snapshot::{self, ForeignInfo, Listing, SnapshotInfo};

use crate::command::describe;
use crate::flags::Settings;
use crate::place::{self, is_s3};

/// A place, and one snapshot of it if one was named.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) storage: Arc<dyn SnapshotStorage>,
    pub(super) dir: place::Place,
    pub(super) name: Option<String>,
}

impl Place {
    /// Finds out what `path` names; `settings` say how S3 is reached.
    ///
    /// # Errors
    ///
    /// Why it names nothing, and what would.
    pub(super) fn open(path: &Path, settings: &Settings) -> Result<Self, String> {
        match path.to_str().filter(|text| is_s3(text)) {
            Some(uri) => Self::open_s3(uri, settings),
            None => Self::open_local(path, settings),
        }
    }

    fn open_local(path: &Path, settings: &Settings) -> Result<Self, String> {
        let (dir, name) = if path.is_dir() {
            (path.to_owned(), None)
        } else {
            let (dir, name) = snapshot_at(path)?;
            (dir, Some(name))
        };
        Self::at(place::Place::Local(dir), name, settings)
    }

    /// A place in S3 looks like a snapshot in the place above it, so the service is asked.
    fn open_s3(uri: &str, settings: &Settings) -> Result<Self, String> {
        let refuse = |reason: String| format!("'{uri}' {reason}");
        let place = place::Place::parse(uri).map_err(refuse)?;
        let Ok((above, name)) = place.find(uri) else { return Self::at(place, None, settings) };
        let file = uri.rsplit('/').next().unwrap_or_default();
        match named(file) {
            Named::Refused(reason) => Err(format!("{uri} {reason}")),
            Named::Manifest(_) => Self::at(above, Some(name), settings),
            Named::Rdb => Self::at(above, Some(file.to_owned()), settings),
            Named::Anything => {
                let above = Self::at(above, Some(name.clone()), settings)?;
                match above.storage.open(&manifest_name(&name)) {
                    Ok(_) => Ok(above),
                    Err(error) if error.kind() == StorageErrorKind::NotFound => {
                        Self::at(place, None, settings)
                    }
                    Err(error) => Err(describe(&error)),
                }
            }
        }
    }

    fn at(dir: place::Place, name: Option<String>, settings: &Settings) -> Result<Self, String> {
        // Threads: nothing is gained by a ring for one reader, and it works in every container.
        let storage = dir
            .open_with(settings, IoMode::Threads)
            .map_err(|error| format!("cannot read {dir}: {}", describe(&error)))?;
        Ok(Self { storage, dir, name })
    }

    /// The snapshot called `name` as an operator names it.
    pub(super) fn path_of(&self, name: &str) -> String {
        match &self.dir {
            place::Place::Local(dir) => dir.join(name).display().to_string(),
            place::Place::S3(location) => format!("{location}/{name}"),
        }
    }

    /// The directory, for a verb that is not about one snapshot.
    ///
    /// # Errors
    ///
    /// If one snapshot was named.
    pub(super) fn whole(&self, verb: &str) -> Result<(), String> {
        match &self.name {
            Some(name) => Err(format!("'{verb}' takes a directory, {name} is a snapshot")),
            None => Ok(()),
        }
    }

    /// Everything in the directory that `dbfilename` matches.
    ///
    /// # Errors
    ///
    /// Why it cannot be listed.
    pub(super) fn list(&self, dbfilename: Option<&str>) -> Result<Listing, String> {
        snapshot::list(&*self.storage, dbfilename).map_err(|error| describe(&error))
    }

    /// The manifest of the snapshot called `name`.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(super) fn read(&self, name: &str) -> Result<SnapshotInfo, String> {
        snapshot::info(&*self.storage, name).map_err(|error| describe(&error))
    }

    /// The snapshot that was named if it is in another format; or else, where the directory has
    /// none in pages, the newest in another one.
    ///
    /// # Errors
    ///
    /// Why nobody can tell.
    pub(super) fn pick_foreign(
        &self,
        dbfilename: Option<&str>,
    ) -> Result<Option<ForeignInfo>, String> {
        let Some(name) = &self.name else {
            let listing = self.list(dbfilename)?;
            let in_pages = !listing.complete.is_empty();
            return Ok(listing.foreign.into_iter().next().filter(|_| !in_pages));
        };
        // What is wrong with one in pages is told where it is read.
        match snapshot::foreign_info(&*self.storage, name) {
            Err(error) if matches!(named(name), Named::Rdb) => Err(describe(&error)),
            found => Ok(found.unwrap_or(None)),
        }
    }

    fn nothing_complete(&self, listing: &Listing) -> String {
        let dir = &self.dir;
        match listing.damaged.first() {
            Some(damaged) => format!(
                "no snapshot in {dir} is complete; {} is damaged: {}",
                damaged.name,
                describe(&damaged.error)
            ),
            None => format!("there is no snapshot in {dir}"),
        }
    }

    /// The snapshot that was named, or else the newest complete one; says which were passed over.
    ///
    /// # Errors
    ///
    /// Why there is none.
    pub(super) fn pick(&self, dbfilename: Option<&str>) -> Result<SnapshotInfo, String> {
        if let Some(name) = &self.name {
            return self.read(name).map_err(|reason| {
                format!("{reason}; nothing of a snapshot can be read without its manifest")
            });
        }
        let listing = self.list(dbfilename)?;
        let newest = listing.complete.first().cloned();
        let newest = newest.ok_or_else(|| self.nothing_complete(&listing))?;
        for damaged in listing.damaged.iter().filter(|damaged| damaged.name > newest.name) {
            note(&format!(
                "{} is damaged and was passed over for {}; name it to salvage it: {}",
                damaged.name,
                newest.name,
                describe(&damaged.error)
            ));
        }
        Ok(newest)
    }
}

/// Tells an operator something besides the result.
pub(super) fn note(line: &str) {
    // Without standard error there is still the exit code.
    let _ = writeln!(std::io::stderr(), "exuvia: {line}");
}

/// What the last step of a path says of a snapshot.
enum Named<'n> {
    /// It is the manifest of the snapshot of this name.
    Manifest(&'n str),
    /// It may be the name of a snapshot, or anything else.
    Anything,
    /// It is a file in Redis's format.
    Rdb,
    /// Nothing can be made of it, for the reason that ends the sentence.
    Refused(String),
}

fn named(file: &str) -> Named<'_> {
    let Some(parsed) = SnapshotFile::parse(file) else { return Named::Anything };
    match parsed.kind {
        _ if parsed.temporary => {
            Named::Refused("was never finished, nothing in it can be relied on".to_owned())
        }
        SnapshotFileKind::Part { .. } => Named::Refused(format!(
            "is one part of a snapshot; name its manifest, {}",
            manifest_name(parsed.base)
        )),
        SnapshotFileKind::Rdb => Named::Rdb,
        SnapshotFileKind::Manifest => Named::Manifest(parsed.base),
    }
}

/// The directory and the name of the snapshot whose manifest, with or without its ending, is at
/// `path`.
fn snapshot_at(path: &Path) -> Result<(PathBuf, String), String> {
    let shown = path.display();
    let file = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let dir = match path.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    match named(file) {
        Named::Refused(reason) => Err(format!("{shown} {reason}")),
        Named::Manifest(base) if path.exists() => Ok((dir, base.to_owned())),
        Named::Rdb if path.exists() => Ok((dir, file.to_owned())),
        _ if dir.join(manifest_name(file)).exists() => Ok((dir, file.to_owned())),
        Named::Manifest(_) | Named::Rdb | Named::Anything => Err(format!(
            "{shown} is neither a directory nor a snapshot; 'exuvia snapshot list {}' shows what \
             there is",
            dir.display()
        )),
    }
}
