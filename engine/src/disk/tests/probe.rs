//! How a directory is written, by what the probe found.

use std::io;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::disk::LocalDisk;
use crate::disk::probe::{Choice, Findings, choose, probe};
use crate::format::storage::StorageErrorKind;
use crate::{Error, IoMode};

fn eperm() -> io::Result<()> {
    Err(io::Error::from_raw_os_error(rustix::io::Errno::PERM.raw_os_error()))
}

fn einval() -> io::Result<()> {
    Err(io::Error::from_raw_os_error(rustix::io::Errno::INVAL.raw_os_error()))
}

#[test]
fn a_forbidden_ring_falls_back_to_threads() {
    for errno in [rustix::io::Errno::PERM, rustix::io::Errno::NOSYS, rustix::io::Errno::NOMEM] {
        let ring = Err(io::Error::from_raw_os_error(errno.raw_os_error()));
        let choice = choose("d".as_ref(), IoMode::Auto, Findings { ring, direct: Ok(()) }).unwrap();
        assert_eq!(choice, Choice { carrier: Carrier::Threads, direct: true });
    }
}

#[test]
fn a_forbidden_ring_is_an_error_for_whoever_insists_on_it() {
    let findings = Findings { ring: eperm(), direct: Ok(()) };
    let error = choose("d".as_ref(), IoMode::Uring, findings).unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::Unsupported);
    assert_eq!(error.object(), "d");
}

#[test]
fn refused_direct_writes_go_through_the_page_cache() {
    let findings = Findings { ring: eperm(), direct: einval() };
    let choice = choose("d".as_ref(), IoMode::Auto, findings).unwrap();
    assert_eq!(choice, Choice { carrier: Carrier::Threads, direct: false });
}

#[test]
fn a_directory_that_may_not_be_written_says_nothing_of_direct_reads() {
    let findings = Findings { ring: eperm(), direct: eperm() };
    assert!(choose("d".as_ref(), IoMode::Threads, findings).unwrap().direct);
}

#[cfg(all(target_os = "linux", feature = "uring"))]
#[test]
fn a_working_ring_is_taken_unless_threads_are_asked_for() {
    let found = || Findings { ring: Ok(()), direct: Ok(()) };
    let carrier = |mode| choose("d".as_ref(), mode, found()).unwrap().carrier;
    assert_eq!(carrier(IoMode::Auto), Carrier::Ring { or_threads: true });
    assert_eq!(carrier(IoMode::Uring), Carrier::Ring { or_threads: false });
    assert_eq!(carrier(IoMode::Threads), Carrier::Threads);
}

#[test]
fn the_probe_leaves_nothing_in_the_directory() {
    let dir = TempDir::new().unwrap();
    probe(dir.path(), IoMode::Auto);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_disk_opens_only_a_directory_that_is_there() {
    let dir = TempDir::new().unwrap();
    let missing = dir.path().join("a/b");
    let error = LocalDisk::open(&missing, IoMode::Auto, 0o600).unwrap_err();
    match error {
        Error::Storage(error) => {
            assert_eq!(error.kind(), StorageErrorKind::NotFound);
            assert_eq!(error.object(), missing.display().to_string());
        }
        other => panic!("{other:?}"),
    }
    LocalDisk::create_dir(&missing).unwrap();
    LocalDisk::create_dir(&missing).unwrap();
    let disk = LocalDisk::open(&missing, IoMode::Auto, 0o600).unwrap();
    assert_eq!(disk.path(), missing);
    let mode = std::fs::metadata(&missing).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn new_files_get_the_mode_that_was_asked_for() {
    let dir = TempDir::new().unwrap();
    let disk = LocalDisk::open(dir.path(), IoMode::Threads, 0o640).unwrap();
    write(&disk, "object", b"x", small_hint()).unwrap();
    let mode = std::fs::metadata(dir.path().join("object")).unwrap().permissions().mode();
    // The process's mask may take bits away and never adds any.
    assert_eq!(mode & 0o777 & !0o640, 0);
    assert_eq!(mode & 0o600, 0o600);
}
