//! How a directory is written and read: tried out, not guessed.

use std::io;
use std::path::Path;

use super::os::Carrier;
use crate::IoMode;
use crate::format::storage::{StorageError, StorageErrorKind};

/// What was chosen for a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) carrier: Carrier,
    pub(super) direct: bool,
}

/// What the two attempts said.
#[derive(Debug)]
pub(super) struct Findings {
    /// Whether a ring can be set up and carries an operation.
    pub(super) ring: io::Result<()>,
    /// Whether a block can be written to the directory past the page cache.
    pub(super) direct: io::Result<()>,
}

/// Tries everything out in `dir`.
pub(super) fn probe(dir: &Path, mode: IoMode) -> Findings {
    let ring = match mode {
        IoMode::Threads => Err(io::Error::other("not asked for")),
        IoMode::Auto | IoMode::Uring => ring(),
    };
    Findings { ring, direct: direct_write(dir) }
}

/// Chooses, and says once what was chosen and why.
///
/// # Errors
///
/// [`StorageErrorKind::Unsupported`] if `mode` insists on a ring and there is none.
pub(super) fn choose(dir: &Path, mode: IoMode, findings: Findings) -> Result<Choice, StorageError> {
    let dir = dir.display();
    // Whatever kept the probe from writing, as a read-only directory, says nothing of direct I/O;
    // each file finds out for itself.
    let refused = |error: &io::Error| {
        matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported)
    };
    let direct = !findings.direct.as_ref().is_err_and(refused);
    if !direct {
        tracing::warn!(%dir, "the file system refuses direct I/O, snapshots pass the page cache");
    }
    let carrier = match (mode, findings.ring) {
        (IoMode::Threads, _) => {
            tracing::info!(%dir, direct, "snapshots are written by threads, as configured");
            Carrier::Threads
        }
        #[cfg(all(target_os = "linux", feature = "uring"))]
        (_, Ok(())) => {
            tracing::info!(%dir, direct, "snapshots are written through io_uring");
            Carrier::Ring { or_threads: mode == IoMode::Auto }
        }
        #[cfg(not(all(target_os = "linux", feature = "uring")))]
        (_, Ok(())) => Carrier::Threads,
        (IoMode::Auto, Err(error)) => {
            tracing::warn!(%dir, direct, %error, "no io_uring, snapshots are written by threads");
            Carrier::Threads
        }
        (IoMode::Uring, Err(error)) => {
            let kind = StorageErrorKind::Unsupported;
            return Err(StorageError::new(kind, "use io_uring for", dir.to_string(), error));
        }
    };
    Ok(Choice { carrier, direct })
}

#[cfg(all(target_os = "linux", feature = "uring"))]
fn ring() -> io::Result<()> {
    super::ring::probe()
}

#[cfg(not(all(target_os = "linux", feature = "uring")))]
fn ring() -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "built without io_uring"))
}

/// Writes one block to a nameless file in `dir`, bypassing the page cache.
#[cfg(target_os = "linux")]
fn direct_write(dir: &Path) -> io::Result<()> {
    use crate::format::storage::{BUFFER_ALIGNMENT, Buffer};
    use rustix::fs::OFlags;
    use std::os::unix::fs::FileExt;

    let file = nameless_file(dir)?;
    let flags = rustix::fs::fcntl_getfl(&file)?;
    rustix::fs::fcntl_setfl(&file, flags | OFlags::DIRECT)?;
    let mut block = Buffer::new(BUFFER_ALIGNMENT);
    block.set_len(BUFFER_ALIGNMENT);
    file.write_all_at(block.filled(), 0)
}

#[cfg(not(target_os = "linux"))]
fn direct_write(_dir: &Path) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "no direct I/O on this system"))
}

/// A file in `dir` that has no name, or loses it at once where the file system insists on one.
#[cfg(target_os = "linux")]
fn nameless_file(dir: &Path) -> io::Result<std::fs::File> {
    use std::fs;
    use std::os::unix::fs::OpenOptionsExt;

    let nameless = rustix::fs::OFlags::TMPFILE.bits() as i32;
    let mut options = fs::OpenOptions::new();
    options.write(true).mode(0o600);
    if let Ok(file) = options.clone().custom_flags(nameless).open(dir) {
        return Ok(file);
    }
    let name = format!("{}probe-{}.tmp", super::name::PRIVATE_PREFIX, std::process::id());
    let path = dir.join(name);
    // Never an existing file, nor one behind a planted link.
    let file = options.create_new(true).open(&path)?;
    fs::remove_file(&path)?;
    Ok(file)
}
