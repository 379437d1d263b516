//! The file system of the operating system.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::file_system::{Completion, Directory, File, FileStat, Transfer};
use super::lane::Lane;
use super::name::PRIVATE_PREFIX;
use super::threads::{InlineLane, ThreadsLane};
use crate::format::storage::PutMode;

#[cfg(target_os = "linux")]
const DIRECT: OFlags = OFlags::DIRECT;
/// Where there is no such flag every file is buffered.
#[cfg(not(target_os = "linux"))]
const DIRECT: OFlags = OFlags::empty();

/// What carries transfers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carrier {
    /// `io_uring`.
    #[cfg(all(target_os = "linux", feature = "uring"))]
    Ring {
        /// Whether a file that gets no ring falls back to threads.
        or_threads: bool,
    },
    /// A few threads.
    Threads,
}

/// A directory, and how its files are opened.
#[derive(Debug)]
pub(super) struct OsDirectory {
    /// Absolute, so that a change of the working directory changes nothing.
    pub(super) path: PathBuf,
    pub(super) carrier: Carrier,
    /// Whether to try direct I/O; a file that refuses it is buffered either way.
    pub(super) direct: bool,
    /// Permission bits of new files.
    pub(super) file_mode: u32,
}

impl OsDirectory {
    /// Opens a regular file, never through a symbolic link, and without waiting for the other end
    /// of a pipe.
    fn open_with(
        &self,
        name: &str,
        options: &mut OpenOptions,
        in_flight_max: usize,
    ) -> io::Result<OsFile> {
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = options
            .custom_flags(flags.bits() as i32)
            .open(self.path.join(name))
            .map_err(explain_link)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "not a regular file"));
        }
        // Non-blocking has done its work; a ring would answer `EAGAIN` to a transfer that waits.
        let flags = rustix::fs::fcntl_getfl(&file)? - OFlags::NONBLOCK;
        // Setting the flag later, and not while opening, leaves nothing behind when it is refused.
        let wants_direct = self.direct && !DIRECT.is_empty();
        let direct = wants_direct && rustix::fs::fcntl_setfl(&file, flags | DIRECT).is_ok();
        if !direct {
            rustix::fs::fcntl_setfl(&file, flags)?;
        }
        Ok(OsFile { file, carrier: self.carrier, in_flight_max, lane: None, direct })
    }
}

impl Directory for OsDirectory {
    type File = OsFile;

    fn location(&self) -> String {
        self.path.display().to_string()
    }

    fn path_of(&self, name: &str) -> String {
        self.path.join(name).display().to_string()
    }

    fn create(&self, name: &str, in_flight_max: usize) -> io::Result<OsFile> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(self.file_mode);
        self.open_with(name, &mut options, in_flight_max)
    }

    fn open(&self, name: &str, in_flight_max: usize) -> io::Result<OsFile> {
        self.open_with(name, OpenOptions::new().read(true), in_flight_max)
    }

    fn exists(&self, name: &str) -> io::Result<bool> {
        is_taken(&self.path.join(name))
    }

    fn rename(&self, from: &str, to: &str, mode: PutMode) -> io::Result<()> {
        let (from, to) = (self.path.join(from), self.path.join(to));
        match mode {
            PutMode::Replace => fs::rename(from, to),
            PutMode::CreateNew => rename_new(&from, &to),
        }
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn sync(&self) -> io::Result<()> {
        fs::File::open(&self.path)?.sync_all()
    }

    fn entries(&self) -> io::Result<Vec<(String, FileStat)>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            // A name that is not UTF-8 cannot be one of ours.
            let Ok(name) = entry.file_name().into_string() else { continue };
            if name.starts_with(PRIVATE_PREFIX) {
                continue;
            }
            match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => {}
                // A link is listed, so that a snapshot behind one is not silently missed; opening
                // it says what is wrong.
                Ok(metadata) => entries.push((name, file_stat(&metadata))),
                // Removed since the directory was read.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(entries)
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let stat = rustix::fs::statvfs(&self.path)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
}

/// An open file and what carries its transfers.
pub(super) struct OsFile {
    file: fs::File,
    carrier: Carrier,
    in_flight_max: usize,
    /// Started by the first transfer: many files are opened only to look at.
    lane: Option<Box<dyn Lane>>,
    /// Whether transfers bypass the page cache.
    direct: bool,
}

impl OsFile {
    /// Starts what carries the transfers.
    fn start_lane(&self) -> io::Result<Box<dyn Lane>> {
        let file = self.file.try_clone()?;
        if self.in_flight_max <= 1 {
            return Ok(Box::new(InlineLane::new(file)));
        }
        match self.carrier {
            #[cfg(all(target_os = "linux", feature = "uring"))]
            Carrier::Ring { or_threads } => {
                match super::ring::RingLane::start(file) {
                    Ok(lane) => return Ok(Box::new(lane)),
                    Err(error) if !or_threads => return Err(error),
                    Err(error) => {
                        tracing::warn!(%error, "a file got no ring and is served by threads");
                    }
                }
                let file = self.file.try_clone()?;
                Ok(Box::new(ThreadsLane::start(file, self.in_flight_max)?))
            }
            Carrier::Threads => Ok(Box::new(ThreadsLane::start(file, self.in_flight_max)?)),
        }
    }

    fn lane(&mut self) -> io::Result<&mut dyn Lane> {
        let lane = match self.lane.take() {
            Some(lane) => lane,
            None => self.start_lane()?,
        };
        Ok(self.lane.insert(lane).as_mut())
    }
}

impl File for OsFile {
    fn submit(&mut self, transfer: Transfer) -> io::Result<()> {
        self.lane()?.submit(transfer)
    }

    fn complete(&mut self) -> Completion {
        loop {
            let (mut transfer, result) = self.lane()?.complete()?;
            match result {
                // Some file systems accept the flag and refuse the transfers. The flag belongs to
                // the open file, so transfers already refused come here one by one.
                Err(error)
                    if self.direct
                        && error.kind() == io::ErrorKind::InvalidInput
                        && transfer.fruitless == 0 =>
                {
                    let flags = rustix::fs::fcntl_getfl(&self.file)?;
                    rustix::fs::fcntl_setfl(&self.file, flags - DIRECT)?;
                    transfer.fruitless += 1;
                    self.lane()?.submit(transfer)?;
                }
                result => return Ok((transfer, result)),
            }
        }
    }

    fn preallocate(&mut self, bytes: u64) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        {
            // The length grows with the room. On ext4 writes behind the end of a file exclude each
            // other; within it they run side by side, for a fifth more throughput with one file
            // and two thirds of the processor time.
            let grow = rustix::fs::FallocateFlags::empty();
            rustix::fs::fallocate(&self.file, grow, 0, bytes)?;
        }
        #[cfg(not(target_os = "linux"))]
        let _ = bytes;
        Ok(())
    }

    fn truncate(&mut self, bytes: u64) -> io::Result<()> {
        self.file.set_len(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_all()
    }

    fn stat(&self) -> io::Result<FileStat> {
        Ok(file_stat(&self.file.metadata()?))
    }
}

fn file_stat(metadata: &fs::Metadata) -> FileStat {
    let modified_unix_ns =
        i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec());
    FileStat { bytes: metadata.len(), modified_unix_ns }
}

/// Says in words that a link was met, which the system calls too many of them.
fn explain_link(error: io::Error) -> io::Error {
    if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) {
        let reason = "is a symbolic link, and links are not followed";
        return io::Error::new(io::ErrorKind::Unsupported, reason);
    }
    error
}

/// Renames without replacing.
fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, RenameFlags};
        use rustix::io::Errno;
        match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            Ok(()) => return Ok(()),
            // The file system or the kernel does not know the flag.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
            Err(error) => return Err(error.into()),
        }
    }
    link_new(from, to)
}

/// Renames without replacing where there is no such call: a link is never made over a name.
///
/// A crash in between leaves the file under both names, and the first is a temporary one.
fn link_new(from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        Ok(()) => fs::remove_file(from),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
        // No links either, as on FAT. Names of parts are random and a manifest's directory is
        // locked, so nobody can take the name between the look and the rename.
        Err(_) if is_taken(to)? => Err(io::ErrorKind::AlreadyExists.into()),
        Err(_) => fs::rename(from, to),
    }
}

/// Whether there is anything at `path`, be it a link that leads nowhere.
fn is_taken(path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_rename_leaves_a_name_that_is_taken_alone() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to, free) = (dir.path().join("a"), dir.path().join("b"), dir.path().join("c"));
        for rename in [rename_new, link_new] {
            fs::write(&from, b"new").unwrap();
            fs::write(&to, b"old").unwrap();
            let error = rename(&from, &to).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
            assert_eq!(fs::read(&to).unwrap(), b"old");
            rename(&from, &free).unwrap();
            assert_eq!(fs::read(&free).unwrap(), b"new");
            assert!(!is_taken(&from).unwrap());
            fs::remove_file(&free).unwrap();
        }
    }

    #[test]
    fn a_link_that_leads_nowhere_takes_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink("nowhere", &link).unwrap();
        assert!(is_taken(&link).unwrap());
        assert!(!is_taken(&dir.path().join("other")).unwrap());
    }
}
