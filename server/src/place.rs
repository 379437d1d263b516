//! Where snapshots are: in a directory of this machine, or in S3.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use exuvia::disk::{LocalDisk, lower_priority};
use exuvia::format::storage::SnapshotStorage;
use exuvia::{Error, IoMode};
use exuvia_storage_s3::{S3Location, S3Storage};

use crate::flags::Settings;

/// How places in S3 begin.
const S3_SCHEME: &str = "s3://";

/// A place for snapshots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Local(PathBuf),
    S3(S3Location),
}

/// Whether `text` names a place in S3, well or not.
pub(crate) fn is_s3(text: &str) -> bool {
    text.starts_with(S3_SCHEME)
}

impl Place {
    /// Reads a directory, which is made absolute, or `s3://bucket/prefix`.
    ///
    /// # Errors
    ///
    /// What is wrong with it, as the end of a sentence.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if is_s3(text) {
            let location = S3Location::parse(text);
            return location.map(Self::S3).map_err(|error| error.reason().to_owned());
        }
        let dir = if text.is_empty() { "." } else { text };
        std::path::absolute(dir).map(Self::Local).map_err(|error| error.to_string())
    }

    /// The directory, if it is one of this machine.
    pub(crate) fn local(&self) -> Option<&Path> {
        match self {
            Self::Local(dir) => Some(dir),
            Self::S3(_) => None,
        }
    }

    /// Opens the place for reading and saving.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`] if there is no such directory, or the storage's threads do not start.
    pub(crate) fn open(&self, settings: &Settings) -> Result<Arc<dyn SnapshotStorage>, Error> {
        self.open_with(settings, settings.io())
    }

    /// The same, with a way of disk access of the caller's choice.
    pub(crate) fn open_with(
        &self,
        settings: &Settings,
        io: IoMode,
    ) -> Result<Arc<dyn SnapshotStorage>, Error> {
        match self {
            Self::Local(dir) => Ok(Arc::new(LocalDisk::open(dir, io, settings.file_mode())?)),
            Self::S3(location) => {
                let options = settings.s3_options(location.clone());
                // Clients go first, as they do where snapshots go to disk.
                let options = options.on_thread_start(|| {
                    // Where the system refuses, the threads are merely less polite.
                    let _ = lower_priority();
                });
                Ok(Arc::new(S3Storage::open(options)?))
            }
        }
    }

    /// The place and the name in a path to a snapshot, whose directories are relative to this
    /// place.
    ///
    /// # Errors
    ///
    /// Why the path names no snapshot.
    pub(crate) fn find(&self, path: &str) -> Result<(Self, String), String> {
        let (dir, file) = path.rsplit_once('/').map_or((None, path), |(dir, file)| {
            // What is left of `/name` is the root.
            (Some(if dir.is_empty() { "/" } else { dir }), file)
        });
        let name = file.strip_suffix("-summary.dfs").unwrap_or(file);
        if name.is_empty() || name == ".." || name == "." {
            return Err("the path names no snapshot".to_owned());
        }
        let place = match (self, dir) {
            (_, None) => self.clone(),
            (_, Some(dir)) if is_s3(path) => {
                let location = S3Location::parse(dir);
                Self::S3(location.map_err(|error| format!("the path {}", error.reason()))?)
            }
            (Self::Local(own), Some(dir)) => Self::Local(own.join(dir)),
            (Self::S3(own), Some(dir)) => Self::parse(&format!("{own}/{dir}"))
                .map_err(|reason| format!("the path {reason}"))?,
        };
        Ok((place, name.to_owned()))
    }

    /// Whether two places are one, through symbolic links and `..`.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Local(one), Self::Local(other)) => {
                match (one.canonicalize(), other.canonicalize()) {
                    (Ok(one), Ok(other)) => one == other,
                    _ => one == other,
                }
            }
            (one, other) => one == other,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(dir) => dir.display().fmt(f),
            Self::S3(location) => location.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_found_relative_to_the_place() {
        let local = Place::parse("/data").unwrap();
        let remote = Place::parse("s3://b/p").unwrap();
        for (place, path, found, name) in [
            (&local, "dump", "/data", "dump"),
            (&local, "dump-summary.dfs", "/data", "dump"),
            (&local, "/other/dump", "/other", "dump"),
            (&local, "/dump", "/", "dump"),
            (&local, "s3://b/dump-summary.dfs", "s3://b", "dump"),
            (&remote, "dump", "s3://b/p", "dump"),
            (&remote, "sub/dump", "s3://b/p/sub", "dump"),
            (&remote, "s3://b/q/dump", "s3://b/q", "dump"),
        ] {
            let expected = (Place::parse(found).unwrap(), name.to_owned());
            assert_eq!(place.find(path).unwrap(), expected, "{path}");
        }
        for path in ["", "x/", "s3://b", "../x", "s3://b/../x", "s3:///x", ".."] {
            assert!(remote.find(path).is_err(), "{path:?}");
        }
    }
}
