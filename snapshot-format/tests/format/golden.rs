//! The files of version 1 that are read for ever.
//!
//! `src/fixtures/v1` holds one snapshot of two parts, the first stored raw, the second
//! compressed, and `contents.txt`, which spells its records out.

use std::fmt::Write as _;
use std::path::PathBuf;

use exuvia_snapshot_format::storage::{MemoryStorage, PutMode, SnapshotStorage};
use exuvia_snapshot_format::{
    Codec, HashRange, Manifest, PageOptions, PartEntry, PartHeader, ReadHint, block_checksum,
    manifest_name, part_name,
};

use crate::records::{OwnedRecord, SEED, colliding_key, header, in_order, read, write};

const BASE: &str = "golden";

/// Name and XXH3-64 of every file: a change of any of them is a break of the format.
const FILES: [(&str, u64); 4] = [
    ("golden-summary.dfs", 0xb3b7_b98f_3a2c_0df1),
    ("golden-0000-1a2b3c4d.dfs", 0xfa60_e0c7_52ea_1bd1),
    ("golden-0001-1a2b3c4d.dfs", 0x51ac_ec1d_bf9b_3938),
    ("contents.txt", 0xf25d_0106_73c8_6263),
];

pub(crate) fn fixture(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "src/fixtures/v1", name].iter().collect()
}

/// Every case that the format knows.
fn records() -> Vec<OwnedRecord> {
    let mut records: Vec<_> = (0..40_u8)
        .map(|n| {
            let key = format!("user:{n:03}");
            let value = vec![b'a' + n % 26; usize::from(n) * 3];
            OwnedRecord::new(u16::from(n % 3), key.as_bytes(), &value, None)
        })
        .collect();
    for (n, record) in records.iter_mut().enumerate().filter(|(n, _)| n % 5 == 0) {
        record.expires_at_unix_ms = Some(1_769_903_998_000 + n as u64);
    }
    records.extend((0..3).map(|n| OwnedRecord::new(1, &colliding_key(n), b"equal hashes", None)));
    records.push(OwnedRecord::new(0, b"", b"the empty key", None));
    records.push(OwnedRecord::new(0, b"the empty value", b"", Some(0)));
    records.push(OwnedRecord::new(u16::MAX, b"\0\xff", b"bytes \x00\x0a\xfe", Some(u64::MAX)));
    let long: Vec<u8> = (0..1000_u32).map(|n| ((n * n) >> 3) as u8).collect();
    records.push(OwnedRecord::new(2, b"a value in pieces", &long, Some(12_345)));
    records.push(OwnedRecord::new(2, &long, b"a key in pieces", None));
    in_order(records)
}

fn contents(records: &[OwnedRecord]) -> String {
    let hex = |bytes: &[u8]| {
        bytes.iter().fold(String::from("x"), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        })
    };
    records.iter().fold(String::new(), |mut text, record| {
        let expiry = record.expires_at_unix_ms.map_or("-".to_owned(), |at| at.to_string());
        let (key, value) = (hex(&record.key), hex(&record.value));
        writeln!(text, "{} {:016x} {expiry} {key} {value}", record.database, record.hash).unwrap();
        text
    })
}

/// Writes the snapshot as the golden files have it.
fn write_all(storage: &MemoryStorage) -> Manifest {
    let part = |number: u32, codec| {
        let hash_range = HashRange::nth_of(number, 2);
        let header = PartHeader { number, hash_range, ..header() };
        let name = part_name(BASE, number, header.snapshot_id);
        let options = PageOptions { codec, raw_bytes_target: 700, piece_bytes: 300 };
        let mut records = records();
        records.retain(|record| hash_range.contains(record.hash));
        write(storage, header, &name, options, &records).unwrap()
    };
    let parts: Vec<PartEntry> = vec![part(0, Codec::None), part(1, Codec::Zstd { level: 3 })];
    let manifest = Manifest {
        snapshot_id: header().snapshot_id,
        cut_unix_ms: 1_769_903_998_123,
        sequence: 42,
        hash_seed: SEED,
        base_id: None,
        engine_version: "0.1.0".to_owned(),
        parts,
    };
    let bytes = manifest.encode().unwrap();
    storage.put(&manifest_name(BASE), &bytes, PutMode::CreateNew).unwrap();
    manifest
}

#[test]
fn the_golden_files_are_unchanged() {
    for (name, digest) in FILES {
        let bytes = std::fs::read(fixture(name)).unwrap();
        assert_eq!(format!("{:016x}", block_checksum(&bytes)), format!("{digest:016x}"), "{name}");
    }
}

#[test]
fn the_golden_files_are_read() {
    let storage = MemoryStorage::new();
    for (name, _) in FILES {
        storage.insert(name, std::fs::read(fixture(name)).unwrap());
    }
    let name = manifest_name(BASE);
    let manifest = Manifest::decode(&name, &storage.object(&name).unwrap()).unwrap();
    let mut found = Vec::new();
    for part in &manifest.parts {
        found.extend(read(&storage, part, ReadHint::default()).unwrap());
    }
    found.sort();
    assert_eq!(found, records());
    assert_eq!(contents(&found).into_bytes(), storage.object("contents.txt").unwrap());
}

#[test]
fn a_writer_still_writes_the_golden_files() {
    let storage = MemoryStorage::new();
    write_all(&storage);
    // What zstd makes of the second part differs between its versions, and so does the manifest.
    let (raw, _) = FILES[1];
    assert_eq!(storage.object(raw).unwrap(), std::fs::read(fixture(raw)).unwrap());
}

#[test]
#[ignore = "writes the golden files of a version that is not released"]
fn the_golden_files_are_written() {
    let storage = MemoryStorage::new();
    write_all(&storage);
    storage.insert("contents.txt", contents(&records()));
    for (name, _) in FILES {
        let bytes = storage.object(name).unwrap();
        println!("(\"{name}\", {:#018x}),", block_checksum(&bytes));
        std::fs::write(fixture(name), bytes).unwrap();
    }
}
