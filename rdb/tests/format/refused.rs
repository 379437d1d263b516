//! What is refused, by which name, and what is left out on demand.

use exuvia_rdb::{Event, RdbError, ReadOptions, Reader, Report};

use crate::forge::Forge;
use crate::model::Model;

fn skipping(file: &[u8]) -> Result<Report, RdbError> {
    let options = ReadOptions { skip_unsupported: true, ..ReadOptions::default() };
    Reader::new(file, options).read(&mut |_: Event<'_>| Ok::<_, RdbError>(()))
}

#[track_caller]
fn refused(forge: &Forge, name: &str) {
    let error = Model::read(&forge.clone().end()).unwrap_err();
    assert!(matches!(error, RdbError::Unsupported { .. }), "{error:?}");
    assert!(error.to_string().contains(name), "{error}");
    assert!(!error.is_corruption());
}

/// A key behind everything else, to see that the reader finds its way.
fn with_key(forge: Forge) -> Vec<u8> {
    forge.key(0, "after").string("v").end()
}

/// The id of a module type.
fn module_id(name: &[u8; 9]) -> [u8; 9] {
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let position = |letter| letters.iter().position(|&other| other == letter).unwrap() as u64;
    let id = name.iter().fold(0, |id, &letter| id << 6 | position(letter)) << 10;
    let mut bytes = [0x81; 9];
    bytes[1..].copy_from_slice(&id.to_be_bytes());
    bytes
}

/// Module data with a part of each kind.
const MODULE_DATA: &[u8] =
    &[1, 5, 2, 0x40, 200, 3, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 5, 2, b'h', b'i', 0];

#[test]
fn functions_are_refused_by_the_name_of_their_library() {
    let forge = Forge::new("REDIS0010").bytes(&[245]).string("#!lua name=mylib\nreturn 1");
    refused(&forge, "mylib");
    let report = skipping(&with_key(forge)).unwrap();
    assert_eq!((report.skipped.functions, report.keys), (1, 1));

    let old = Forge::new("REDIS0010").bytes(&[246]).string("oldlib").string("LUA").bytes(&[1]);
    let old = old.string("description").string("code");
    refused(&old, "oldlib");
    assert_eq!(skipping(&with_key(old)).unwrap().skipped.functions, 1);
}

#[test]
fn values_of_modules_are_refused_by_their_type_and_key() {
    let forge = Forge::new("REDIS0009").key(7, "doc").bytes(&module_id(b"ReJSON-RL"));
    let forge = forge.bytes(MODULE_DATA);
    refused(&forge, "ReJSON-RL");
    refused(&forge, "doc");
    let report = skipping(&with_key(forge)).unwrap();
    assert_eq!((report.skipped.keys, report.keys), (1, 1));
}

#[test]
fn data_beside_the_keys_is_refused_by_the_type_of_its_module() {
    let forge = Forge::new("REDIS0009").bytes(&[247]).bytes(&module_id(b"graphdata"));
    let forge = forge.bytes(&[2, 1]).bytes(MODULE_DATA);
    refused(&forge, "graphdata");
    let report = skipping(&with_key(forge)).unwrap();
    assert_eq!((report.skipped.module_data, report.keys), (1, 1));
}

#[test]
fn what_dragonfly_has_and_we_lack_is_refused_by_name() {
    let forge = || Forge::new("REDIS0009");
    refused(&forge().key(30, "doc").string("{}"), "a JSON document in key \"doc\"");
    refused(&forge().key(33, "b"), "a Bloom filter");
    refused(&forge().key(34, "b"), "a Bloom filter");
    refused(&forge().key(35, "c"), "a count-min sketch");
    refused(&forge().bytes(&[210, 1]).string("x"), "a journal");
    refused(&forge().bytes(&[222]), "a search index");
    refused(&forge().bytes(&[250]).string("search-index").string("i ON HASH"), "a search index");
    let expiring = forge().key(32, "s").bytes(&[1]).string("m").string("5");
    refused(&expiring, "a member of a set that expires in key \"s\"");
    let report = skipping(&with_key(forge().key(30, "doc").string("{}"))).unwrap();
    assert_eq!((report.skipped.keys, report.keys), (1, 1));
}

#[test]
fn a_dragonfly_set_whose_members_stay_is_a_set() {
    let file = Forge::new("REDIS0009").key(32, "s").bytes(&[1]).string("m").bytes(&[0xc0, 0xff]);
    assert_eq!(Model::read(&file.end()).unwrap().0.show(), "0 \"s\" set -\n  \"m\"\n");
}

#[test]
fn marks_of_a_dragonfly_replication_are_read_over() {
    let file = Forge::new("REDIS0009")
        .bytes(&[200, 0, 0, 0, 0, 0, 0, 0, 0])
        .bytes(&[220, 3, 0, 0, 0, 9, 9, 9, 9])
        .key(0, "k")
        .string("v")
        .bytes(&[211, 1, 0, 0, 0, 0, 0, 0, 0])
        .end();
    let (_, report) = Model::read(&file).unwrap();
    assert_eq!(report.keys, 1);
    assert_eq!((report.skipped.sticky_marks, report.skipped.memcached_flags), (1, 1));
}

#[test]
fn state_of_a_valkey_cluster_is_refused_or_left_out() {
    let forge = Forge::new("VALKEY080").bytes(&[243]).string("job").bytes(&[1, 0, 5]);
    refused(&forge, "the import of a cluster's slots");
    assert_eq!(skipping(&with_key(forge)).unwrap().skipped.slot_imports, 1);
    refused(&Forge::new("VALKEY081").key(23, "p"), "a path hash");
    refused(&Forge::new("VALKEY081").bytes(&[242]), "a command");
}

#[test]
fn versions_of_the_future_and_other_files_are_refused() {
    for header in ["REDIS0013", "REDIS0000", "REDIS0080", "VALKEY012", "VALKEY082", "VALKEY999"] {
        let error = Model::read(&Forge::new(header).end()).unwrap_err();
        assert!(matches!(error, RdbError::UnknownVersion(_)), "{header}: {error}");
    }
    for header in
        ["", "REDIS", "REDIS+009", "REDIS00x9", "redis0009", "VALKEYxxx", "PK\x03\x04....."]
    {
        let error = Model::read(header.as_bytes()).unwrap_err();
        assert!(matches!(error, RdbError::NotRdb), "{header}: {error}");
    }
    for header in ["REDIS0001", "REDIS0012", "VALKEY080", "VALKEY081"] {
        let forge = Forge::new(header);
        let file = if header == "REDIS0001" { forge.end_without_checksum() } else { forge.end() };
        Model::read(&file).unwrap();
    }
}

#[test]
fn a_type_that_nobody_has_is_damage() {
    for type_byte in [8, 26, 99, 199, 212, 221, 224, 241] {
        let error = Model::read(&Forge::new("REDIS0009").key(type_byte, "k").end()).unwrap_err();
        assert!(error.is_corruption(), "{type_byte}: {error}");
    }
}

#[test]
fn a_string_beyond_the_limit_is_refused_before_it_is_read() {
    let file = Forge::new("REDIS0009").key(0, "k").bytes(&[0x80, 0, 16, 0, 1]).end();
    let options = ReadOptions { string_bytes_max: 1 << 20, ..ReadOptions::default() };
    let error = Reader::new(&file[..], options)
        .read(&mut |_: Event<'_>| Ok::<_, RdbError>(()))
        .unwrap_err();
    assert!(matches!(error, RdbError::TooLong { bytes: 0x10_0001, .. }), "{error}");
}
