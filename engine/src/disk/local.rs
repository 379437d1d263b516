//! The storage port for a directory of this machine.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use super::os::OsDirectory;
use super::probe;
use super::volume::Volume;
use crate::format::storage::{
    ObjectMeta, ObjectReader, ObjectWriter, PutMode, SnapshotStorage, StorageError, WriteHint,
};
use crate::{Error, IoMode};

/// Snapshots in a local directory.
///
/// Writes and reads bypass the page cache where the file system allows it, several at a time,
/// through `io_uring` or threads. A writer or reader with more than one transfer at a time has a
/// thread of its own (or up to four, without `io_uring`) for as long as it lives, which inherits
/// the scheduling priority of the thread that submits first.
///
/// See the [module](super) for what a crash leaves.
///
/// # Examples
///
/// ```
/// use exuvia::IoMode;
/// use exuvia::disk::LocalDisk;
/// use exuvia::format::storage::{PutMode, SnapshotStorage};
///
/// let dir = tempfile::tempdir()?;
/// let disk = LocalDisk::open(dir.path(), IoMode::Auto, 0o600)?;
/// disk.put("note", b"durable and whole", PutMode::CreateNew)?;
/// assert_eq!(disk.get("note", 1024)?, b"durable and whole");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct LocalDisk {
    volume: Volume<OsDirectory>,
}

impl LocalDisk {
    /// Opens the existing directory `dir`, and finds out how it is best written.
    ///
    /// The finding is logged once: what was chosen, and why. New files get the permission bits
    /// `file_mode`, less the process's mask. Relative paths are fixed to the current directory.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`] of kind `NotFound` if there is no such directory, `Unsupported` with
    /// [`IoMode::Uring`] where the kernel refuses `io_uring`, or what the system answered.
    pub fn open(dir: impl AsRef<Path>, mode: IoMode, file_mode: u32) -> Result<Self, Error> {
        let dir = dir.as_ref();
        let fail = |error| StorageError::from_io("open", dir.display().to_string(), error);
        let path = std::path::absolute(dir).map_err(fail)?;
        // Reading the directory and not only asking for it: one that cannot be listed is useless.
        fs::read_dir(&path).map_err(fail)?;
        let choice = probe::choose(&path, mode, probe::probe(&path, mode))?;
        let directory =
            OsDirectory { path, carrier: choice.carrier, direct: choice.direct, file_mode };
        Ok(Self { volume: Volume::new(directory) })
    }

    /// Creates the directory `dir`, and those above it, accessible to its owner alone.
    ///
    /// A directory that exists is left as it is.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`] with what the system answered.
    pub fn create_dir(dir: impl AsRef<Path>) -> Result<(), Error> {
        let dir = dir.as_ref();
        let created = fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
        created.map_err(|error| {
            StorageError::from_io("create", dir.display().to_string(), error).into()
        })
    }

    /// The directory, absolute.
    pub fn path(&self) -> &Path {
        &self.volume.directory().path
    }
}

impl SnapshotStorage for LocalDisk {
    fn location(&self) -> String {
        self.volume.location()
    }

    fn list(&self) -> Result<Vec<ObjectMeta>, StorageError> {
        self.volume.list()
    }

    fn create(&self, name: &str, hint: WriteHint) -> Result<Box<dyn ObjectWriter>, StorageError> {
        self.volume.create(name, hint)
    }

    fn replace(&self, name: &str, hint: WriteHint) -> Result<Box<dyn ObjectWriter>, StorageError> {
        self.volume.replace(name, hint)
    }

    fn open(&self, name: &str) -> Result<Box<dyn ObjectReader>, StorageError> {
        self.volume.open(name)
    }

    fn put(&self, name: &str, bytes: &[u8], mode: PutMode) -> Result<(), StorageError> {
        self.volume.put(name, bytes, mode)
    }

    fn get(&self, name: &str, bytes_max: u64) -> Result<Vec<u8>, StorageError> {
        self.volume.get(name, bytes_max)
    }

    fn remove(&self, name: &str) -> Result<(), StorageError> {
        self.volume.remove(name)
    }

    fn sync(&self) -> Result<(), StorageError> {
        self.volume.sync()
    }

    fn free_bytes(&self) -> Result<Option<u64>, StorageError> {
        self.volume.free_bytes()
    }
}
