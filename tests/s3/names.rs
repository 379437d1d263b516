//! Keys and prefixes of every kind.

use exuvia::format::storage::{PutMode, SnapshotStorage};
use exuvia_tests::s3::S3Server;

use crate::fixture::{download, open, pattern, upload};

#[test]
fn names_and_prefixes_with_special_characters_come_back_as_they_went() {
    let server = S3Server::start(&["bucket"]);
    let names =
        ["plain", "a b", "a+b", "a%b", "a%20b", "é-日本", "dump-2026-01-31T23:59:58", "a=b&c?d#e"];
    for prefix in ["", "/", "/p", "/p/", "/a b/c+d/e%f", "/é", "/100%"] {
        let storage = open(&server, &format!("s3://bucket{prefix}"));
        for name in names {
            storage.put(name, name.as_bytes(), PutMode::CreateNew).unwrap();
            assert_eq!(storage.get(name, 100).unwrap(), name.as_bytes(), "{prefix} {name}");
        }
        let mut listed: Vec<String> =
            storage.list().unwrap().into_iter().map(|object| object.name).collect();
        listed.sort();
        let mut expected = names.map(str::to_owned);
        expected.sort();
        assert_eq!(listed, expected, "{prefix:?}");
        for name in names {
            storage.remove(name).unwrap();
        }
        assert!(storage.list().unwrap().is_empty(), "{prefix:?}");
    }
}

#[test]
fn long_objects_may_have_special_names_too() {
    let server = S3Server::start(&["bucket"]);
    let storage = open(&server, "s3://bucket/a b+c%");
    let bytes = pattern(6 << 20);
    upload(&storage, "d e+f%41", &bytes).unwrap();
    assert_eq!(download(&storage, "d e+f%41").unwrap(), bytes);
}

#[test]
fn a_name_that_leads_elsewhere_is_refused() {
    let server = S3Server::start(&["bucket"]);
    let storage = open(&server, "s3://bucket/p");
    for name in ["", ".", "..", "a/b", "../x", "a\\b", "a\0", "a\n", &"n".repeat(256)] {
        assert!(storage.put(name, b"", PutMode::Replace).is_err(), "{name:?}");
        assert!(storage.open(name).is_err() && storage.remove(name).is_err(), "{name:?}");
    }
    assert!(server.asked().is_empty(), "nothing is asked about such names");
}
