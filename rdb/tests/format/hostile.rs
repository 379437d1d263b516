//! Damaged files: no panic, no more memory than a multiple of their bytes.

use allocation_counter::measure;
use exuvia_rdb::{Event, RdbError, ReadOptions, Reader};

use crate::forge::Forge;
use crate::model::{Model, Value};

fn fixture(path: &str) -> Vec<u8> {
    std::fs::read(format!("{}/fixtures/dragonfly/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// Reads a file for nobody; the end marker is the last that is looked at.
fn read(file: &[u8]) -> Result<u64, RdbError> {
    let options = ReadOptions { skip_unsupported: true, ..ReadOptions::default() };
    let report = Reader::new(file, options).read(&mut |_: Event<'_>| Ok::<_, RdbError>(()))?;
    Ok(report.bytes)
}

/// A file of Dragonfly without its padding.
fn trimmed(path: &str) -> Vec<u8> {
    let mut bytes = fixture(path);
    let length = read(&bytes).unwrap();
    bytes.truncate(length as usize);
    bytes
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    for path in ["t2_lzf/dump.rdb", "t2_zstd/dump-0000.dfs", "t2_default/dump-0001.dfs"] {
        let file = trimmed(path);
        for length in (0..file.len()).step_by(if file.len() > 5000 { 7 } else { 1 }) {
            let error = read(&file[..length]).unwrap_err();
            assert!(error.is_corruption(), "{length}: {error}");
        }
    }
}

#[test]
fn a_file_of_ours_with_any_byte_changed_is_refused() {
    let mut model = Model::default();
    model.insert(0, "s", Some(7), Value::String(b"text".to_vec()));
    model.insert(0, "l", None, Value::List(vec![b"a".to_vec(), b"7".to_vec()]));
    let options = exuvia_rdb::WriteOptions::new(exuvia_rdb::Version::REDIS_12);
    let file = model.write(options).unwrap();
    // The first nine bytes say which version it is, and old ones have no checksum.
    for at in 9..file.len() {
        for change in [1, 0x80, 0xff] {
            let mut damaged = file.clone();
            damaged[at] ^= change;
            read(&damaged).unwrap_err();
        }
    }
    // A checksum of zero is none: it is the one change that cannot be noticed.
    let mut unsigned = file.clone();
    let covered = unsigned.len() - 8;
    unsigned[covered..].fill(0);
    read(&unsigned).unwrap();
}

#[test]
fn damage_that_no_checksum_notices_makes_no_reader_panic() {
    // These files have no checksum, so whatever is read of them has to stand for itself.
    for path in ["t2_lzf/dump.rdb", "t2_zstd/dump-0000.dfs", "t2_default/dump-0001.dfs"] {
        let file = trimmed(path);
        for at in (0..file.len()).step_by(if file.len() > 5000 { 5 } else { 1 }) {
            let mut damaged = file.clone();
            damaged[at] ^= 1 << (at % 8);
            // It may hold other data, as far as anyone can tell.
            let _ = read(&damaged);
        }
    }
}

#[test]
fn memory_is_bounded_by_the_bytes_that_came() {
    let claims: [(&str, Vec<u8>); 7] = [
        ("a string", Forge::new("REDIS0009").key(0, "k").bytes(&[0x80, 0xff, 0, 0, 0]).end()),
        ("a key", Forge::new("REDIS0009").bytes(&[0, 0x80, 0xff, 0, 0, 0]).end()),
        ("an LZF string", {
            let raw = [0x80, 0xff, 0, 0, 0];
            Forge::new("REDIS0009").key(0, "k").bytes(&[0xc3]).bytes(&raw).bytes(&raw).end()
        }),
        ("a set", Forge::new("REDIS0009").key(2, "k").bytes(&[0x80, 0xff, 0, 0, 0]).end()),
        ("a stream", Forge::new("REDIS0009").key(15, "k").bytes(&[0x80, 0xff, 0, 0, 0]).end()),
        ("an LZ4 blob", {
            let frame = b"\x04\x22\x4d\x18\x70\x40\xad\x00\x00\x00\x00";
            Forge::new("REDIS0009").bytes(&[202]).string(frame).end()
        }),
        ("a Zstandard blob", {
            // A window of 2 GiB.
            let frame = b"\x28\xb5\x2f\xfd\x00\xa8\x01\x00\x00";
            Forge::new("REDIS0009").bytes(&[201]).string(frame).end()
        }),
    ];
    for (name, file) in claims {
        let info = measure(|| {
            // An empty frame is as good as any other; only what it takes matters.
            drop(read(&file));
        });
        // A reader's buffer, and that of a decoder; a block of LZ4 is 4 MiB at most.
        assert!(info.bytes_max < 9 << 20, "{name}: {} bytes", info.bytes_max);
    }
}
