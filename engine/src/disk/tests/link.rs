//! Things in the directory that are not files.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use super::*;
use crate::format::storage::{PutMode, StorageErrorKind};

#[test]
fn a_symbolic_link_is_listed_but_never_followed() {
    for case in real_cases() {
        let outside = TempDir::new().unwrap();
        let secret = outside.path().join("secret");
        fs::write(&secret, b"secret").unwrap();
        symlink(&secret, case.path().join("link")).unwrap();
        assert_eq!(names(&*case.storage), ["link"], "{}", case.label);
        let error = case.storage.get("link", 100).unwrap_err();
        assert_eq!(error.kind(), StorageErrorKind::Unsupported, "{}", case.label);
        // A planted link at the temporary name must not be written through either.
        symlink(&secret, case.path().join("object.tmp")).unwrap();
        assert!(case.storage.create("object", small_hint()).is_err());
        case.storage.put("object", b"ours", PutMode::CreateNew).unwrap();
        assert_eq!(fs::read(&secret).unwrap(), b"secret", "{}", case.label);
        // Replacing replaces the link and not what it points to.
        case.storage.put("link", b"ours", PutMode::Replace).unwrap();
        assert_eq!(fs::read(&secret).unwrap(), b"secret", "{}", case.label);
        assert_eq!(case.storage.get("link", 100).unwrap(), b"ours");
    }
}

#[test]
fn a_pipe_is_refused_without_waiting_for_its_other_end() {
    for case in real_cases() {
        let made = Command::new("mkfifo").arg(case.path().join("pipe")).status().unwrap();
        assert!(made.success());
        let error = case.storage.get("pipe", 100).unwrap_err();
        assert_eq!(error.kind(), StorageErrorKind::Unsupported, "{}", case.label);
    }
}

#[test]
fn folders_are_not_objects() {
    for case in real_cases() {
        fs::create_dir(case.path().join("folder")).unwrap();
        fs::write(case.path().join("folder/inner"), b"").unwrap();
        assert!(names(&*case.storage).is_empty(), "{}", case.label);
        assert!(case.storage.get("folder", 100).is_err(), "{}", case.label);
        let error = case.storage.create("folder", small_hint()).err().unwrap();
        assert_eq!(error.kind(), StorageErrorKind::AlreadyExists, "{}", case.label);
    }
}
