//! The lock on a directory and name.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::*;
use crate::Error;
use crate::disk::DirectoryLock;

/// Tells the child process which directory to lock.
const CHILD_DIR: &str = "EXUVIA_TEST_LOCK_DIR";

#[test]
fn a_second_holder_is_refused_until_the_first_lets_go() {
    let dir = TempDir::new().unwrap();
    let first = DirectoryLock::acquire(dir.path(), "dump", Duration::ZERO).unwrap();
    match DirectoryLock::acquire(dir.path(), "dump", Duration::from_millis(120)) {
        Err(Error::Locked { path }) => assert_eq!(path, first.path().display().to_string()),
        other => panic!("{other:?}"),
    }
    std::thread::scope(|scope| {
        let waiter = scope
            .spawn(|| DirectoryLock::acquire(dir.path(), "dump", Duration::from_secs(30)).unwrap());
        std::thread::sleep(Duration::from_millis(100));
        drop(first);
        waiter.join().unwrap();
    });
}

#[test]
fn other_names_and_other_directories_have_their_own_lock() {
    let (one, two) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let names = ["dump", "dump-{timestamp}", "dump-{timestamp]", "d/../ump", "é", &"x".repeat(300)];
    let held: Vec<DirectoryLock> = [&one, &two]
        .into_iter()
        .flat_map(|dir| names.iter().map(|name| (dir.path(), *name)))
        .map(|(dir, name)| DirectoryLock::acquire(dir, name, Duration::ZERO).unwrap())
        .collect();
    for lock in &held {
        assert!(
            lock.path().parent() == Some(one.path()) || lock.path().parent() == Some(two.path())
        );
    }
}

#[test]
fn the_lock_file_is_no_object() {
    let dir = TempDir::new().unwrap();
    let _lock = DirectoryLock::acquire(dir.path(), "dump", Duration::ZERO).unwrap();
    let path = dir.path().to_owned();
    let carrier = Carrier::Threads;
    let disk = Volume::new(OsDirectory { path, carrier, direct: false, file_mode: 0o600 });
    assert!(names(&disk).is_empty());
}

#[test]
fn a_lock_file_that_was_deleted_does_not_let_two_in() {
    let dir = TempDir::new().unwrap();
    let first = DirectoryLock::acquire(dir.path(), "dump", Duration::ZERO).unwrap();
    std::fs::remove_file(first.path()).unwrap();
    // Whoever deletes a held lock file lets a second holder in, but only one.
    let second = DirectoryLock::acquire(dir.path(), "dump", Duration::ZERO).unwrap();
    drop(first);
    assert!(DirectoryLock::acquire(dir.path(), "dump", Duration::ZERO).is_err());
    drop(second);
}

#[test]
fn a_missing_directory_is_named() {
    let error = DirectoryLock::acquire("/nonexistent/x".as_ref(), "dump", Duration::ZERO);
    assert!(error.unwrap_err().to_string().contains("/nonexistent/x"));
}

#[test]
fn the_lock_dies_with_its_process() {
    let dir = TempDir::new().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "disk::tests::lock::child_that_holds_the_lock", "--ignored"])
        .arg("--nocapture")
        .env(CHILD_DIR, dir.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    assert!(output.lines().any(|line| line.unwrap().ends_with("locked")), "the child never locked");
    assert!(DirectoryLock::acquire(dir.path(), "dump", Duration::ZERO).is_err());
    let started = Instant::now();
    child.kill().unwrap();
    child.wait().unwrap();
    DirectoryLock::acquire(dir.path(), "dump", Duration::from_secs(10)).unwrap();
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
#[ignore = "runs as the child process of the test above"]
fn child_that_holds_the_lock() {
    let dir = std::env::var(CHILD_DIR).unwrap();
    let _lock = DirectoryLock::acquire(dir.as_ref(), "dump", Duration::ZERO).unwrap();
    writeln!(std::io::stdout(), "locked").unwrap();
    std::thread::sleep(Duration::from_mins(1));
}
