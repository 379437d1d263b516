//! Bytes that claim to be a manifest never make a reader panic, and what is accepted can be
//! written and read again.

#![no_main]

use std::sync::LazyLock;

use exuvia_fuzz::{SEED, damage, header};
use exuvia_snapshot_format::{
    HashRange, Manifest, PartEntry, PartHeader, block_checksum, part_name,
};
use libfuzzer_sys::fuzz_target;

/// A sound manifest of two parts.
static MANIFEST: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let id = header().snapshot_id;
    let part = |number| PartEntry {
        header: PartHeader { number, hash_range: HashRange::nth_of(number, 2), ..header() },
        name: part_name("dump", number, id),
        bytes: 5000,
        digest: 1,
        pages: 3,
        records: 20,
        raw_bytes: 700,
        database_max: 1,
    };
    let manifest = Manifest {
        snapshot_id: id,
        cut_unix_ms: 1,
        sequence: 1,
        hash_seed: SEED,
        base_id: Some(id),
        engine_version: "0.1.0".to_owned(),
        parts: vec![part(0), part(1)],
    };
    manifest.encode().expect("the manifest is sound")
});

/// Makes length and checksum right.
fn sign(bytes: &mut [u8]) {
    let length = bytes.len() as u64;
    if let Some(field) = bytes.get_mut(16..24) {
        field.copy_from_slice(&length.to_le_bytes());
    }
    if let Some(covered) = bytes.len().checked_sub(8) {
        let checksum = block_checksum(&bytes[..covered]);
        bytes[covered..].copy_from_slice(&checksum.to_le_bytes());
    }
}

fuzz_target!(|input: &[u8]| {
    let mut bytes = match input.split_first() {
        Some((0, script)) => {
            let mut bytes = MANIFEST.clone();
            damage(&mut bytes, script);
            bytes
        }
        Some((_, archive)) => [&MANIFEST[..32], archive, &[0; 8]].concat(),
        None => Vec::new(),
    };
    sign(&mut bytes);
    if let Ok(manifest) = Manifest::decode("fuzz", &bytes) {
        let again = manifest.encode().expect("what was read can be written");
        let read = Manifest::decode("fuzz", &again).expect("what was written can be read");
        assert_eq!(read, manifest);
    }
});
