//! One process for each directory and snapshot name.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::OFlags;
use xxhash_rust::xxh3::xxh3_64;

use super::name::PRIVATE_PREFIX;
use crate::Error;
use crate::format::storage::StorageError;

/// How often a lock that is taken is tried again.
const RETRY_INTERVAL: Duration = Duration::from_millis(50);

/// Bytes of the snapshot name that the lock file's name repeats, for whoever lists the directory.
const NAME_BYTES_MAX: usize = 64;

/// An advisory lock on saving under one name into one directory.
///
/// It is held until it is dropped or its process ends, however that happens. The lock file stays
/// behind: removing it would let two processes lock two files of the same name.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use exuvia::disk::DirectoryLock;
///
/// let dir = tempfile::tempdir()?;
/// let lock = DirectoryLock::acquire(dir.path(), "dump-{timestamp}", Duration::ZERO)?;
/// assert!(DirectoryLock::acquire(dir.path(), "dump-{timestamp}", Duration::ZERO).is_err());
/// drop(lock);
/// assert!(DirectoryLock::acquire(dir.path(), "dump-{timestamp}", Duration::ZERO).is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct DirectoryLock {
    /// The lock belongs to the open file.
    _file: File,
    path: PathBuf,
}

impl DirectoryLock {
    /// Locks saving under `dbfilename` (the template, not a name made from it) into `dir`.
    ///
    /// Tries for `timeout` while another process, or another holder in this one, has the lock.
    /// Blocks the calling thread.
    ///
    /// # Errors
    ///
    /// [`Error::Locked`] if the lock is still taken then; [`Error::Storage`] if the lock file
    /// cannot be opened, as in a directory that is missing or read-only.
    pub fn acquire(dir: &Path, dbfilename: &str, timeout: Duration) -> Result<Self, Error> {
        let path = dir.join(file_name(dbfilename));
        let deadline = Instant::now() + timeout;
        let shown = path.display().to_string();
        let mut told = timeout.is_zero();
        loop {
            match try_lock(&path) {
                Ok(Some(file)) => return Ok(Self { _file: file, path }),
                Ok(None) => {}
                Err(error) => return Err(StorageError::from_io("lock", shown, error).into()),
            }
            let now = Instant::now();
            if now >= deadline {
                return Err(Error::Locked { path: shown });
            }
            if !told {
                told = true;
                tracing::warn!(
                    "another process saves to {} under the same name; waiting up to {} s for it \
                     to end",
                    dir.display(),
                    timeout.as_secs()
                );
            }
            thread::sleep(RETRY_INTERVAL.min(deadline - now));
        }
    }

    /// The lock file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The lock, or `None` if it is taken or the file was replaced meanwhile.
fn try_lock(path: &Path) -> io::Result<Option<File>> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32)
        .open(path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    // Somebody may have deleted the file between the two calls; a lock on a file without a name
    // keeps nobody out.
    let ours = file.metadata()?;
    match std::fs::symlink_metadata(path) {
        Ok(named) if (named.dev(), named.ino()) == (ours.dev(), ours.ino()) => Ok(Some(file)),
        Ok(_) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Name of the lock file: what is readable of the template, and a hash that tells any two apart.
fn file_name(dbfilename: &str) -> String {
    let readable: String = dbfilename
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' })
        .take(NAME_BYTES_MAX)
        .collect();
    format!("{PRIVATE_PREFIX}{readable}-{:016x}.lock", xxh3_64(dbfilename.as_bytes()))
}
