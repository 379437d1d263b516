//! Manifests: what is written is read again, and nothing else is.

use exuvia_snapshot_format::{
    FormatError, HashRange, MANIFEST_BYTES_MAX, Manifest, ManifestFault, PARTS_MAX, PartEntry,
    PartHeader, SnapshotId, block_checksum, part_name,
};
use proptest::prelude::*;

use crate::records::{SEED, header};

/// What makes a sound manifest contradict itself.
type Change = fn(&mut Manifest);

fn manifest(parts: u32) -> Manifest {
    let id = header().snapshot_id;
    let part = |number| PartEntry {
        header: PartHeader { number, hash_range: HashRange::nth_of(number, parts), ..header() },
        name: part_name("dump-2026-01-31T23:59:58", number, id),
        bytes: 5000 + u64::from(number),
        digest: u64::from(number) << 40,
        pages: 3,
        records: 20,
        raw_bytes: 700,
        database_max: number as u16 % 16,
    };
    Manifest {
        snapshot_id: id,
        cut_unix_ms: 1_769_903_998_123,
        sequence: 17,
        hash_seed: SEED,
        base_id: None,
        engine_version: "0.1.0".to_owned(),
        parts: (0..parts).map(part).collect(),
    }
}

#[test]
fn totals_are_those_of_all_parts() {
    let manifest = manifest(4);
    assert_eq!((manifest.records(), manifest.raw_bytes()), (80, 2800));
    assert_eq!((manifest.bytes(), manifest.database_max()), (20_006, 3));
}

#[test]
fn the_longest_manifest_is_read() {
    let mut manifest = manifest(PARTS_MAX as u32);
    for part in &mut manifest.parts {
        let base = "x".repeat(255 - "-0000-1a2b3c4d.dfs".len());
        part.name = part_name(&base, part.header.number, manifest.snapshot_id);
    }
    let bytes = manifest.encode().unwrap();
    assert!(bytes.len() as u64 <= MANIFEST_BYTES_MAX);
    let usage = allocation_counter::measure(|| {
        assert_eq!(Manifest::decode("name", &bytes).unwrap(), manifest);
    });
    assert!(usage.bytes_max < 4 * bytes.len() as u64, "{} bytes", usage.bytes_max);
}

#[test]
fn every_flipped_bit_of_a_manifest_is_detected() {
    let bytes = manifest(2).encode().unwrap();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << bit;
            let error = Manifest::decode("name", &flipped).expect_err("a flipped bit passed");
            let is_version = matches!(error, FormatError::UnknownVersion { .. });
            assert!(error.is_corruption() || is_version, "bit {bit} of {at}: {error}");
        }
    }
}

#[test]
fn a_manifest_cut_or_grown_to_any_length_is_refused() {
    let bytes = manifest(2).encode().unwrap();
    for length in 0..bytes.len() {
        Manifest::decode("name", &bytes[..length]).unwrap_err();
    }
    let grown = [&bytes[..], &[0]].concat();
    Manifest::decode("name", &grown).unwrap_err();
}

#[test]
fn a_manifest_of_an_unknown_version_is_refused_by_name() {
    let mut bytes = manifest(1).encode().unwrap();
    bytes[8..10].copy_from_slice(&7_u16.to_le_bytes());
    let error = Manifest::decode("dump-summary.dfs", &bytes).unwrap_err();
    assert_eq!(
        error.to_string(),
        "dump-summary.dfs has format version 7, this build reads version 1"
    );
}

#[test]
fn a_strangers_file_is_told_from_a_damaged_one() {
    for bytes in [&b""[..], b"DFS", b"REDIS0011\xfa\tredis-ver\x057.2.4 and more than 32 bytes"] {
        let error = Manifest::decode("name", bytes).unwrap_err();
        assert!(matches!(error, FormatError::Manifest(ManifestFault::Magic)), "{error}");
    }
}

#[test]
fn manifests_that_contradict_themselves_are_neither_written_nor_read() {
    let changes: [(&str, Change); 14] = [
        ("no parts", |m| m.parts.clear()),
        ("a part missing at the end", |m| drop(m.parts.pop())),
        ("a part missing at the start", |m| drop(m.parts.remove(0))),
        ("a part twice", |m| m.parts[1] = m.parts[0].clone()),
        ("a gap between ranges", |m| m.parts[1].header.hash_range.first += 1),
        ("an empty range", |m| m.parts[0].header.hash_range = HashRange::new(1, 0)),
        ("another snapshot's part", |m| {
            m.parts[0].header.snapshot_id = SnapshotId::from_bytes([1; 16]);
        }),
        ("another seed", |m| m.parts[0].header.hash_seed.0 += 1),
        ("the name of another number", |m| m.parts[0].name = m.parts[1].name.clone()),
        ("a name with a directory", |m| m.parts[0].name.insert_str(0, "../")),
        ("a name that is no part's", |m| m.parts[0].name = "/etc/passwd".to_owned()),
        ("a temporary name", |m| m.parts[0].name.push_str(".tmp")),
        ("records without pages", |m| m.parts[0].pages = 0),
        ("a long version", |m| m.engine_version = "1".repeat(256)),
    ];
    for (what, change) in changes {
        let mut manifest = manifest(2);
        change(&mut manifest);
        assert!(matches!(manifest.encode(), Err(FormatError::Manifest(_))), "{what}");
    }
}

#[test]
fn no_byte_of_a_signed_manifest_makes_a_reader_panic() {
    let bytes = manifest(2).encode().unwrap();
    for at in 0..bytes.len() - 8 {
        for value in [0x00, 0x01, 0x7f, 0x80, 0xff, bytes[at] ^ 8, bytes[at].wrapping_add(1)] {
            let mut changed = bytes.clone();
            changed[at] = value;
            let covered = changed.len() - 8;
            let checksum = block_checksum(&changed[..covered]);
            changed[covered..].copy_from_slice(&checksum.to_le_bytes());
            // What is accepted is consistent: it can be written again, and is the same then.
            if let Ok(manifest) = Manifest::decode("name", &changed) {
                let again = manifest.encode().unwrap();
                assert_eq!(Manifest::decode("name", &again).unwrap(), manifest);
            }
        }
    }
}

proptest! {
    #[test]
    fn a_manifest_is_read_as_it_was_written(
        bits in 0..6_u32,
        id: [u8; 16],
        base_id: Option<[u8; 16]>,
        cut_unix_ms: u64,
        sequence: u64,
        engine_version in "[ -~]{0,40}",
        base in "[a-zA-Z0-9:_é-]{1,40}",
        shift in 0..8_usize,
    ) {
        let mut manifest = manifest(1 << bits);
        manifest.snapshot_id = SnapshotId::from_bytes(id);
        manifest.base_id = base_id.map(SnapshotId::from_bytes);
        manifest.cut_unix_ms = cut_unix_ms;
        manifest.sequence = sequence;
        manifest.engine_version = engine_version;
        for part in &mut manifest.parts {
            part.header.snapshot_id = manifest.snapshot_id;
            part.name = part_name(&base, part.header.number, manifest.snapshot_id);
        }
        let bytes = manifest.encode().unwrap();
        prop_assert_eq!(&Manifest::decode("name", &bytes).unwrap(), &manifest);
        let shifted = [vec![0; shift], bytes].concat();
        prop_assert_eq!(&Manifest::decode("name", &shifted[shift..]).unwrap(), &manifest);
    }
}
