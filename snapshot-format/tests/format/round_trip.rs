//! Whatever is pushed is read again, however the pages are cut and the buffers lie.

use exuvia_snapshot_format::storage::{MemoryStorage, WriteHint};
use exuvia_snapshot_format::{
    Codec, PageOptions, PartFinder, PartReader, PartWriter, Pushed, ReadHint, verify_part,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::records::{OwnedRecord, colliding_key, header, in_order, read, write, written};

/// Keys from a small domain with every odd case in it, among them many of one hash.
fn keys() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(Vec::new()),
        vec(any::<u8>(), 1..3),
        vec(any::<u8>(), 0..40),
        (0..6_u64).prop_map(colliding_key),
        (0..3_u64, 0..700_usize).prop_map(|(n, length)| {
            let mut key = colliding_key(n);
            key.extend(vec![b'x'; length]);
            key
        }),
    ]
}

fn values() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(Vec::new()),
        vec(any::<u8>(), 1..3),
        vec(any::<u8>(), 0..200),
        (any::<u8>(), 0..3000_usize).prop_map(|(byte, length)| vec![byte; length]),
    ]
}

fn records() -> impl Strategy<Value = Vec<OwnedRecord>> {
    let expiry = prop_oneof![Just(None), any::<u64>().prop_map(Some), Just(Some(0))];
    let record = (prop_oneof![0..3_u16, Just(u16::MAX)], keys(), values(), expiry).prop_map(
        |(database, key, value, expiry)| OwnedRecord::new(database, &key, &value, expiry),
    );
    vec(record, 0..120).prop_map(in_order)
}

fn options() -> impl Strategy<Value = PageOptions> {
    let codec = prop_oneof![Just(Codec::None), (-3..4_i32).prop_map(|level| Codec::Zstd { level })];
    (codec, 1..4000_usize, 1..900_usize).prop_map(|(codec, raw_bytes_target, piece_bytes)| {
        PageOptions { codec, raw_bytes_target, piece_bytes }
    })
}

fn hints() -> impl Strategy<Value = ReadHint> {
    (1..5_usize, 1..4_usize)
        .prop_map(|(buffers, blocks)| ReadHint { buffers, buffer_bytes: blocks << 12 })
}

proptest! {
    #[test]
    fn a_part_is_read_as_it_was_written(
        records in records(),
        options in options(),
        hint in hints(),
        buffer_blocks in 3..6_usize,
    ) {
        let storage = MemoryStorage::new();
        let write_hint = WriteHint {
            buffer_bytes: buffer_blocks << 12,
            buffers_max: 2,
            expected_bytes: 0,
        };
        let mut writer =
            PartWriter::begin(&storage, header(), "part", options, write_hint).unwrap();
        for record in &records {
            crate::records::push(&mut writer, record).unwrap();
        }
        let entry = writer.finish().unwrap();
        prop_assert_eq!(entry.records, records.len() as u64);
        prop_assert_eq!(entry.bytes, storage.object("part").unwrap().len() as u64);
        prop_assert_eq!(
            entry.raw_bytes,
            records.iter().map(|r| (r.key.len() + r.value.len()) as u64).sum::<u64>()
        );
        prop_assert_eq!(
            entry.database_max,
            records.iter().map(|r| r.database).max().unwrap_or(0)
        );
        prop_assert_eq!(read(&storage, &entry, hint).unwrap(), records);
    }

    #[test]
    fn every_key_is_found_and_no_other(records in records(), options in options(), absent in keys()) {
        let (storage, entry) = written(options, &records);
        let mut finder = PartFinder::open(&storage, &entry).unwrap();
        for record in &records {
            let found = finder.find(record.database, &record.key, u64::MAX).unwrap().unwrap();
            prop_assert_eq!(&found.value, &record.value);
            prop_assert_eq!(found.expires_at_unix_ms, record.expires_at_unix_ms);
        }
        let is_there = records.iter().any(|r| r.database == 1 && r.key == absent);
        prop_assert_eq!(finder.find(1, &absent, u64::MAX).unwrap().is_some(), is_there);
        prop_assert_eq!(finder.find(9, &absent, u64::MAX).unwrap(), None);
    }
}

#[test]
fn an_empty_part_has_neither_pages_nor_records() {
    let (storage, entry) = written(PageOptions::default(), &[]);
    assert_eq!((entry.pages, entry.records, entry.raw_bytes, entry.database_max), (0, 0, 0, 0));
    assert_eq!(read(&storage, &entry, ReadHint::default()).unwrap(), []);
    let mut finder = PartFinder::open(&storage, &entry).unwrap();
    assert_eq!(finder.find(0, b"", u64::MAX).unwrap(), None);
}

#[test]
fn records_around_the_length_of_a_piece_survive_every_codec() {
    const PIECE: usize = 256 << 10;
    let incompressible = |seed: u64, length: usize| {
        let mut rng = fastrand::Rng::with_seed(seed);
        (0..length).map(|_| rng.u8(..)).collect::<Vec<_>>()
    };
    let mut records = Vec::new();
    for length in [PIECE - 2, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 5 * PIECE + 77] {
        let name = [length as u8];
        records.push(OwnedRecord::new(0, &name, &incompressible(1, length - 1), None));
        records.push(OwnedRecord::new(1, &vec![name[0]; length], b"", Some(1)));
        records.push(OwnedRecord::new(2, &vec![name[0]; length], &vec![7; length], Some(2)));
        records.push(OwnedRecord::new(3, &incompressible(2, length), b"v", None));
    }
    let records = in_order(records);
    for codec in [Codec::None, Codec::Zstd { level: 1 }] {
        let (storage, entry) = written(PageOptions { codec, ..PageOptions::default() }, &records);
        assert_eq!(read(&storage, &entry, ReadHint::default()).unwrap(), records);
        let mut finder = PartFinder::open(&storage, &entry).unwrap();
        for record in &records {
            let found = finder.find(record.database, &record.key, u64::MAX).unwrap().unwrap();
            assert_eq!(found.value, record.value);
        }
    }
}

#[test]
fn a_string_record_costs_at_most_ten_bytes() {
    let record = |n: u32| OwnedRecord::new(0, &n.to_be_bytes(), &[0xa5; 28], None);
    let records = in_order((0..100_000).map(record).collect());
    let (_, entry) = written(PageOptions::default(), &records);
    let overhead = (entry.bytes - entry.raw_bytes) as f64 / records.len() as f64;
    assert!(overhead <= 10.0, "{overhead} bytes a record");
}

#[test]
fn incompressible_pages_stay_raw_among_compressed_ones() {
    let mut rng = fastrand::Rng::with_seed(1);
    let records = in_order(
        (0..2000_u16)
            .map(|n| {
                let value: Vec<u8> = match n % 3 {
                    0 => (0..1000).map(|_| rng.u8(..)).collect(),
                    _ => vec![0; 1000],
                };
                OwnedRecord::new(n % 3, &n.to_be_bytes(), &value, None)
            })
            .collect(),
    );
    let options = PageOptions { codec: Codec::Zstd { level: 1 }, ..PageOptions::default() };
    let (storage, entry) = written(options, &records);
    assert_eq!(read(&storage, &entry, ReadHint::default()).unwrap(), records);
    // Database 0 cannot shrink, and the other two all but vanish.
    let incompressible = records.iter().filter(|r| r.database == 0).count() as u64 * 1000;
    assert!(entry.bytes > incompressible, "{} bytes", entry.bytes);
    assert!(entry.bytes < incompressible * 11 / 10, "{} bytes", entry.bytes);
}

#[test]
fn a_full_page_refuses_without_keeping_anything() {
    let storage = MemoryStorage::new();
    let options = PageOptions { raw_bytes_target: 300, ..PageOptions::default() };
    let mut writer =
        PartWriter::begin(&storage, header(), "part", options, WriteHint::default()).unwrap();
    let records = in_order((0..9).map(|n| OwnedRecord::new(0, &[n], &[n; 60], None)).collect());
    let mut stored = 0;
    while writer.try_push(&records[stored].borrow()).unwrap() == Pushed::Stored {
        stored += 1;
    }
    for _ in 0..3 {
        assert_eq!(writer.try_push(&records[stored].borrow()).unwrap(), Pushed::PageFull);
    }
    writer.seal_page().unwrap();
    assert_eq!(writer.try_push(&records[stored].borrow()).unwrap(), Pushed::Stored);
    assert_eq!(writer.records(), stored as u64 + 1);
    let entry = writer.finish().unwrap();
    assert_eq!(entry.pages, 2);
    let read = read(&storage, &entry, ReadHint::default()).unwrap();
    assert_eq!(read, records[..=stored]);
}

#[test]
fn an_aborted_or_dropped_part_leaves_nothing() {
    let storage = MemoryStorage::new();
    let begin = || {
        let hint = WriteHint::default();
        PartWriter::begin(&storage, header(), "part", PageOptions::default(), hint).unwrap()
    };
    begin().abort();
    drop(begin());
    assert_eq!(storage.object("part"), None);
    begin().finish().unwrap();
    assert!(storage.object("part").is_some());
}

#[test]
fn progress_ends_at_the_length_of_the_part() {
    let record = |n: u32| OwnedRecord::new(0, &n.to_be_bytes(), &[1; 100], None);
    let records = in_order((0..5000).map(record).collect());
    let (storage, entry) = written(PageOptions::default(), &records);
    let mut reader = PartReader::open(&storage, &entry, ReadHint::default()).unwrap();
    let mut last = 0;
    while reader.next_page().unwrap().is_some() {
        assert!(reader.bytes_passed() > last);
        last = reader.bytes_passed();
    }
    assert_eq!(reader.bytes_passed(), entry.bytes);
    assert!(reader.next_page().unwrap().is_none(), "the end stays the end");
    let report = verify_part(&storage, &entry, ReadHint::default(), |_| {}).unwrap();
    assert_eq!((report.pages_sound, report.pages_damaged), (entry.pages, 0));
    assert_eq!(report.records, entry.records);
}

#[test]
fn options_that_cannot_work_are_refused() {
    let storage = MemoryStorage::new();
    let options = PageOptions::default();
    for options in [
        PageOptions { raw_bytes_target: 0, ..options },
        PageOptions { raw_bytes_target: 512 << 10, ..options },
        PageOptions { piece_bytes: 0, ..options },
        PageOptions { piece_bytes: (256 << 10) + 1, ..options },
    ] {
        write(&storage, header(), "part", options, &[]).unwrap_err();
    }
    for hint in [
        WriteHint { buffers_max: 1, ..WriteHint::default() },
        WriteHint { buffer_bytes: 256 << 10, ..WriteHint::default() },
    ] {
        PartWriter::begin(&storage, header(), "part", options, hint).unwrap_err();
    }
    assert_eq!(storage.object("part"), None);
}
