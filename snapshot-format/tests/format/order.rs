//! A writer takes records only in the order that everything else relies on.

use exuvia_snapshot_format::storage::{MemoryStorage, WriteHint};
use exuvia_snapshot_format::{
    Codec, FormatError, HashRange, PageOptions, PartHeader, PartWriter, Pushed,
};

use crate::records::{OwnedRecord, colliding_key, header, in_order, push};

fn writer(options: PageOptions) -> PartWriter {
    let hint = WriteHint::default();
    PartWriter::begin(&MemoryStorage::new(), header(), "part", options, hint).unwrap()
}

#[test]
fn keys_made_to_collide_do() {
    let hashes = [1, 2, 77].map(|n| OwnedRecord::new(0, &colliding_key(n), b"", None).hash);
    assert_eq!(hashes, [hashes[0]; 3]);
}

#[test]
fn records_out_of_order_are_refused_and_change_nothing() {
    let key = |n| OwnedRecord::new(1, &colliding_key(n), b"value", None);
    let mut other: Vec<_> = (0..50).map(|n| OwnedRecord::new(1, &[n], b"", None)).collect();
    other.sort();
    let below = other.iter().find(|r| r.hash < key(2).hash).unwrap();
    let database_below = OwnedRecord { database: 0, ..other.last().unwrap().clone() };
    for codec in [Codec::None, Codec::Zstd { level: 1 }] {
        // Whether the last record is in the page, in the one before, or in pieces.
        for piece_bytes in [1, 1000] {
            for is_sealed in [false, true] {
                let mut writer =
                    writer(PageOptions { codec, piece_bytes, ..PageOptions::default() });
                push(&mut writer, &key(2)).unwrap();
                if is_sealed {
                    writer.seal_page().unwrap();
                }
                for refused in [&key(2), &key(1), below, &database_below] {
                    let error = push(&mut writer, refused).unwrap_err();
                    assert!(matches!(error, FormatError::OutOfOrder), "{error}");
                }
                push(&mut writer, &key(3)).unwrap();
                assert_eq!(writer.records(), 2);
                assert_eq!(writer.finish().unwrap().records, 2);
            }
        }
    }
}

#[test]
fn a_hash_outside_the_parts_range_is_refused() {
    let records = in_order((0..9).map(|n| OwnedRecord::new(0, &[n], b"", None)).collect());
    let hash_range = HashRange::new(records[3].hash, records[5].hash);
    let header = PartHeader { hash_range, ..header() };
    let (options, hint) = (PageOptions::default(), WriteHint::default());
    let mut writer =
        PartWriter::begin(&MemoryStorage::new(), header, "part", options, hint).unwrap();
    for (at, record) in records.iter().enumerate() {
        let pushed = writer.try_push(&record.borrow());
        if (3..=5).contains(&at) {
            assert_eq!(pushed.unwrap(), Pushed::Stored);
        } else {
            assert!(matches!(pushed, Err(FormatError::OutsideRange { .. })), "record {at}");
        }
    }
    assert_eq!(writer.finish().unwrap().records, 3);
}
