//! Where the snapshots are, and which of them is meant.

use std::io::Write;
use std::path::{Path, PathBuf};

use exuvia::IoMode;
use exuvia::disk::LocalDisk;
use exuvia::format::{SnapshotFile, SnapshotFileKind, manifest_name};
use exuvia::snapshot::{self, Listing, SnapshotInfo};

use crate::command::describe;

/// Permissions of files that the tool would create; it creates none but a lock.
const FILE_MODE: u32 = 0o600;

/// A directory, and one snapshot of it if one was named.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) storage: LocalDisk,
    pub(super) dir: PathBuf,
    pub(super) name: Option<String>,
}

impl Place {
    /// Finds out what `path` names.
    ///
    /// # Errors
    ///
    /// Why it names nothing, and what would.
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let (dir, name) = if path.is_dir() {
            (path.to_owned(), None)
        } else {
            let (dir, name) = snapshot_at(path)?;
            (dir, Some(name))
        };
        // Threads: nothing is gained by a ring for one reader, and it works in every container.
        let storage = LocalDisk::open(&dir, IoMode::Threads, FILE_MODE)
            .map_err(|error| format!("cannot read {}: {}", dir.display(), describe(&error)))?;
        Ok(Self { storage, dir, name })
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
        snapshot::list(&self.storage, dbfilename).map_err(|error| describe(&error))
    }

    /// The manifest of the snapshot called `name`.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(super) fn read(&self, name: &str) -> Result<SnapshotInfo, String> {
        snapshot::info(&self.storage, name).map_err(|error| describe(&error))
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
        let newest = listing.complete.into_iter().next();
        let newest = newest.ok_or_else(|| {
            let dir = self.dir.display();
            match listing.damaged.first() {
                Some(damaged) => format!(
                    "no snapshot in {dir} is complete; {} is damaged: {}",
                    damaged.name,
                    describe(&damaged.error)
                ),
                None => format!("there is no snapshot in {dir}"),
            }
        })?;
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

/// The directory and the name of the snapshot whose manifest, with or without its ending, is at
/// `path`.
fn snapshot_at(path: &Path) -> Result<(PathBuf, String), String> {
    let shown = path.display();
    let file = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let dir = match path.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    match SnapshotFile::parse(file) {
        Some(SnapshotFile { temporary: true, .. }) => {
            Err(format!("{shown} was never finished, nothing in it can be relied on"))
        }
        Some(SnapshotFile { base, kind: SnapshotFileKind::Part { .. }, .. }) => Err(format!(
            "{shown} is one part of a snapshot; name its manifest, {}",
            dir.join(manifest_name(base)).display()
        )),
        Some(SnapshotFile { kind: SnapshotFileKind::Rdb, .. }) => Err(format!(
            "{shown} is a Redis file, not a snapshot in pages; a server loads it at its start, \
                 or with DFLY LOAD"
        )),
        Some(SnapshotFile { base, kind: SnapshotFileKind::Manifest, .. }) if path.exists() => {
            Ok((dir, base.to_owned()))
        }
        _ if dir.join(manifest_name(file)).exists() => Ok((dir, file.to_owned())),
        _ => Err(format!(
            "{shown} is neither a directory nor a snapshot; 'exuvia snapshot list {}' shows what \
             there is",
            dir.display()
        )),
    }
}
