//! Snapshots that Dragonfly wrote.

use std::path::{Path, PathBuf};

use exuvia_rdb::dragonfly::{Summary, read_shard, read_summary, shard_name, summary_name};
use exuvia_rdb::{Event, RdbError, ReadOptions, Reader, Version};

use crate::model::Model;

fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/dragonfly").join(path)
}

fn file(path: &str) -> Vec<u8> {
    std::fs::read(fixture(path)).unwrap()
}

fn summary(snapshot: &str) -> Summary {
    read_summary(&file(&format!("{snapshot}/{}", summary_name("dump")))[..]).unwrap()
}

/// Everything that a snapshot holds.
fn read(snapshot: &str) -> Model {
    let summary = summary(snapshot);
    let mut model = Model::default();
    let mut sticky = 0;
    for number in 0..summary.shards {
        let shard = file(&format!("{snapshot}/{}", shard_name("dump", number)));
        let options = ReadOptions::default();
        let report = read_shard(&shard[..], &summary, number, options, &mut model).unwrap();
        assert!(report.skipped.is_empty(), "{report:?}");
        sticky += report.skipped.sticky_marks;
        model.forget_place();
    }
    assert_eq!(sticky, 1, "one key is sticky");
    model
}

fn expected() -> String {
    String::from_utf8(file("contents.txt")).unwrap()
}

#[test]
fn an_uncompressed_snapshot_is_read_whole() {
    assert_eq!(summary("t1_nocomp").shards, 1);
    assert_eq!(read("t1_nocomp").show(), expected());
}

#[cfg(feature = "dragonfly")]
#[test]
fn a_snapshot_in_lz4_is_read_whole() {
    assert_eq!(summary("t2_default").shards, 2);
    assert_eq!(read("t2_default").show(), expected());
}

#[test]
fn a_snapshot_in_lzf_is_read_whole() {
    assert_eq!(read("t2_lzf").show(), expected());
}

#[cfg(feature = "dragonfly")]
#[test]
fn a_snapshot_in_zstandard_is_read_whole() {
    assert_eq!(read("t2_zstd").show(), expected());
}

#[test]
fn the_rdb_that_dragonfly_writes_is_read_whole() {
    for name in ["t2_default", "t2_lzf", "t2_zstd"] {
        let bytes = file(&format!("{name}/dump.rdb"));
        let (model, report) = Model::read(&bytes).unwrap();
        assert_eq!(model.show(), expected(), "{name}");
        assert_eq!(report.properties.version, Some(Version::REDIS_9));
        let written_by = report.properties.written_by.unwrap();
        assert!(written_by.starts_with("df-ver df-v1.40"), "{written_by}");
        assert!(!report.has_checksum);
    }
}

#[cfg(not(feature = "dragonfly"))]
#[test]
fn compressed_blobs_are_refused_by_name() {
    for (name, codec) in [("t2_default", "Lz4"), ("t2_zstd", "Zstandard")] {
        let error = Model::read(&file(&format!("{name}/dump-0000.dfs"))).unwrap_err();
        assert!(error.to_string().contains(codec), "{error}");
    }
}

#[test]
fn what_was_read_can_be_written_and_read_again() {
    let model = read("t1_nocomp");
    for version in [Version::REDIS_11, Version::REDIS_12] {
        let bytes = model.write(exuvia_rdb::WriteOptions::new(version)).unwrap();
        let (again, report) = Model::read(&bytes).unwrap();
        assert_eq!(again, model);
        assert_eq!(report.bytes, bytes.len() as u64);
        assert!(report.has_checksum);
    }
}

#[test]
fn a_shard_of_another_snapshot_or_number_is_refused() {
    let summary = summary("t2_lzf");
    let none = |_: Event<'_>| Ok::<_, RdbError>(());
    let mixed = [
        (file("t2_default/dump-0000.dfs"), 0, "a file of snapshot"),
        (file("t2_lzf/dump-0001.dfs"), 0, "the file of shard 1"),
    ];
    for (bytes, number, reason) in mixed {
        let mut sink = none;
        let result = read_shard(&bytes[..], &summary, number, ReadOptions::default(), &mut sink);
        let error = result.unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn a_file_of_keys_is_no_summary() {
    let error = read_summary(&file("t1_nocomp/dump-0000.dfs")[..]).unwrap_err();
    assert!(error.to_string().contains("how many shards"), "{error}");
    let error = read_summary(&b"EXUVIA"[..]).unwrap_err();
    assert!(matches!(error, RdbError::NotRdb));
}

#[test]
fn a_reader_takes_a_file_in_pieces_of_any_size() {
    struct Trickle<'a>(&'a [u8], usize);

    impl std::io::Read for Trickle<'_> {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            let take = into.len().min(self.1).min(self.0.len());
            into[..take].copy_from_slice(&self.0[..take]);
            self.0 = &self.0[take..];
            Ok(take)
        }
    }

    let bytes = file("t2_lzf/dump.rdb");
    for step in [1, 7, 4096] {
        let mut model = Model::default();
        let source = Trickle(&bytes, step);
        Reader::new(source, ReadOptions::default()).read(&mut model).unwrap();
        assert_eq!(model.show(), expected());
    }
}
