//! Bytes that are not what was written are refused, and what is sound around them is kept.

use std::collections::BTreeSet;

use exuvia_snapshot_format::storage::MemoryStorage;
use exuvia_snapshot_format::{
    Codec, DamagedPage, FormatError, HashRange, Page, PageFault, PageOptions, PageScratch,
    PartEntry, PartFault, PartFinder, PartHeader, ReadHint, SnapshotId, verify_part,
};

use crate::records::{OwnedRecord, colliding_key, header, in_order, read, write, written};

/// Length of the header block.
const PAGES_START: usize = 4096;

/// Twenty records in several pages, one of them in pieces, some of one hash, some that expire.
fn records() -> Vec<OwnedRecord> {
    let mut records: Vec<_> = (0..20_u8)
        .map(|n| OwnedRecord::new(0, &[b'k', n], &[n; 9], (n % 3 == 0).then_some(n.into())))
        .collect();
    records.extend((0..3).map(|n| OwnedRecord::new(1, &colliding_key(n), b"v", None)));
    records.push(OwnedRecord::new(1, b"in pieces", &[0xee; 130], Some(u64::MAX)));
    in_order(records)
}

fn options(codec: Codec) -> PageOptions {
    PageOptions { codec, raw_bytes_target: 200, piece_bytes: 60 }
}

fn sample(codec: Codec) -> (Vec<u8>, PartEntry) {
    let (storage, entry) = written(options(codec), &records());
    assert!(entry.pages >= 5, "{} pages", entry.pages);
    (storage.object("part").unwrap(), entry)
}

fn read_bytes(bytes: Vec<u8>, entry: &PartEntry) -> Result<Vec<OwnedRecord>, FormatError> {
    let storage = MemoryStorage::new();
    storage.insert("part", bytes);
    read(&storage, entry, ReadHint { buffers: 2, buffer_bytes: 4096 })
}

#[test]
fn every_flipped_bit_of_a_part_is_detected() {
    for codec in [Codec::None, Codec::Zstd { level: 1 }] {
        let (bytes, entry) = sample(codec);
        assert_eq!(read_bytes(bytes.clone(), &entry).unwrap(), records());
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                let error = read_bytes(flipped, &entry).expect_err("a flipped bit passed");
                let is_version = matches!(error, FormatError::UnknownVersion { .. });
                assert!(error.is_corruption() || is_version, "bit {bit} of {at}: {error}");
            }
        }
    }
}

#[test]
fn a_part_cut_or_grown_to_any_length_is_refused() {
    let (bytes, entry) = sample(Codec::None);
    for length in 0..bytes.len() {
        let cut = bytes[..length].to_vec();
        let error = read_bytes(cut.clone(), &entry).unwrap_err();
        assert!(
            matches!(error, FormatError::Part { fault: PartFault::Length { .. }, .. }),
            "{length} bytes: {error}"
        );
        // Even a manifest that lies about the length does not help.
        let entry = PartEntry { bytes: length as u64, ..entry.clone() };
        let error = read_bytes(cut, &entry).unwrap_err();
        assert!(matches!(error, FormatError::Part { .. }), "{length} bytes: {error}");
    }
    let mut grown = bytes;
    grown.push(0);
    let entry = PartEntry { bytes: grown.len() as u64, ..entry };
    read_bytes(grown, &entry).unwrap_err();
}

#[test]
fn a_damaged_page_is_named_and_the_others_are_salvaged() {
    let (bytes, entry) = sample(Codec::None);
    let expected = records();
    let mut damaged_offsets = BTreeSet::new();
    for at in (PAGES_START..bytes.len() - 64 - 32 * entry.pages as usize).step_by(17) {
        let storage = MemoryStorage::new();
        let mut bytes = bytes.clone();
        bytes[at] ^= 0x40;
        storage.insert("part", bytes);
        let mut damages: Vec<DamagedPage> = Vec::new();
        let hint = ReadHint::default();
        let report = verify_part(&storage, &entry, hint, |damage| damages.push(damage.clone()));
        let report = report.unwrap();
        let first = &damages[0];
        assert!((first.offset..first.offset + 512).contains(&(at as u64)), "{first}");
        assert_eq!(first.fault, PageFault::Checksum);
        assert_eq!(first.part.as_ref(), "part");
        // A piece that is lost takes the rest of its record with it, nothing else does.
        for orphan in &damages[1..] {
            assert_eq!((orphan.fault, orphan.hashes), (PageFault::Piece, first.hashes));
        }
        assert_eq!(report.pages_sound + report.pages_damaged, entry.pages);
        assert_eq!(report.pages_damaged as usize, damages.len());
        let lost = |record: &&OwnedRecord| {
            record.database == first.database && first.hashes.contains(record.hash)
        };
        let lost = expected.iter().filter(lost).count() as u64;
        assert!(report.records >= entry.records - lost, "{report:?} without {lost}");
        damaged_offsets.insert(first.offset);
    }
    assert_eq!(damaged_offsets.len(), entry.pages as usize, "every page had its turn");
}

#[test]
fn a_page_from_another_place_is_refused() {
    let records = records();
    let (storage, entry) = written(options(Codec::None), &records);
    let home = header();
    let bytes = storage.object("part").unwrap();
    let other_id = SnapshotId::from_bytes([9; 16]);
    let decode = |header: &PartHeader, number: u32| {
        Page::decode(&bytes[PAGES_START..], header, number, &mut PageScratch::default())
            .map(|page| page.number())
    };
    assert_eq!(decode(&home, 0), Ok(0));
    let elsewhere =
        [PartHeader { snapshot_id: other_id, ..home }, PartHeader { number: 1, ..home }];
    for header in elsewhere {
        assert_eq!(decode(&header, 0), Err(PageFault::Checksum), "{header:?}");
    }
    assert_eq!(decode(&home, 1), Err(PageFault::Checksum), "another place in the part");
    let narrow = PartHeader { hash_range: HashRange::new(0, 0), ..home };
    assert_eq!(decode(&narrow, 0), Err(PageFault::Order { record: 0 }));

    // A whole part of the same records from another snapshot does not pass for this one.
    let header = PartHeader { snapshot_id: other_id, ..home };
    let other = MemoryStorage::new();
    write(&other, header, "part", options(Codec::None), &records).unwrap();
    let error = read(&other, &entry, ReadHint::default()).unwrap_err();
    assert!(matches!(error, FormatError::Part { fault: PartFault::Digest, .. }), "{error}");
}

#[test]
fn pages_swapped_within_a_part_are_refused() {
    let records = in_order((0..2).map(|n| OwnedRecord::new(0, &[n], &[n; 50], None)).collect());
    let (storage, entry) = written(options(Codec::None), &records);
    assert_eq!(entry.pages, 2);
    let bytes = storage.object("part").unwrap();
    let tail = bytes.len() - 64 - 2 * 32;
    let middle = PAGES_START + (tail - PAGES_START) / 2;
    let swapped =
        [&bytes[..PAGES_START], &bytes[middle..tail], &bytes[PAGES_START..middle], &bytes[tail..]]
            .concat();
    let error = read_bytes(swapped, &entry).unwrap_err();
    assert!(
        matches!(&error, FormatError::Page(damage) if damage.fault == PageFault::Checksum),
        "{error}"
    );
}

#[test]
fn a_manifest_entry_that_differs_anywhere_is_noticed() {
    let (bytes, entry) = sample(Codec::None);
    let home = entry.header;
    let differing = [
        PartEntry { bytes: entry.bytes + 1, ..entry.clone() },
        PartEntry { digest: entry.digest ^ 1, ..entry.clone() },
        PartEntry { pages: entry.pages - 1, ..entry.clone() },
        PartEntry { pages: entry.pages + 1, ..entry.clone() },
        PartEntry { pages: u32::MAX, ..entry.clone() },
        PartEntry { records: entry.records + 1, ..entry.clone() },
        PartEntry { raw_bytes: entry.raw_bytes - 1, ..entry.clone() },
        PartEntry { database_max: 0, ..entry.clone() },
        PartEntry { header: PartHeader { number: 1, ..home }, ..entry.clone() },
        PartEntry {
            header: PartHeader { hash_range: HashRange::nth_of(0, 2), ..home },
            ..entry.clone()
        },
        PartEntry {
            header: PartHeader { snapshot_id: SnapshotId::from_bytes([0; 16]), ..home },
            ..entry.clone()
        },
    ];
    for entry in differing {
        let error = read_bytes(bytes.clone(), &entry).unwrap_err();
        assert!(matches!(error, FormatError::Part { .. }), "{entry:?}: {error}");
    }
}

#[test]
fn a_part_of_an_unknown_version_is_refused_by_name() {
    let (mut bytes, entry) = sample(Codec::None);
    bytes[8] = 2;
    let error = read_bytes(bytes, &entry).unwrap_err();
    assert_eq!(error.to_string(), "part has format version 2, this build reads version 1");
    assert!(!error.is_corruption());
}

#[test]
fn a_search_reports_the_damaged_page_that_it_needs() {
    let (bytes, entry) = sample(Codec::None);
    let storage = MemoryStorage::new();
    let mut damaged = bytes;
    damaged[PAGES_START + 100] ^= 1;
    storage.insert("part", damaged);
    let mut finder = PartFinder::open(&storage, &entry).unwrap();
    let records = records();
    let (first, last) = (&records[0], &records[records.len() - 1]);
    let error = finder.find(first.database, &first.key, u64::MAX).unwrap_err();
    assert!(matches!(&error, FormatError::Page(damage) if damage.page == 0), "{error}");
    let found = finder.find(last.database, &last.key, u64::MAX).unwrap().unwrap();
    assert_eq!(found.value, last.value);
}

#[test]
fn a_record_longer_than_allowed_is_refused_before_it_is_put_together() {
    let (storage, entry) = written(options(Codec::None), &records());
    let mut finder = PartFinder::open(&storage, &entry).unwrap();
    let error = finder.find(1, b"in pieces", 138).unwrap_err();
    assert!(matches!(error, FormatError::RecordTooLarge { bytes: 139, bytes_max: 138 }), "{error}");
    assert_eq!(finder.find(1, b"in pieces", 139).unwrap().unwrap().value, [0xee; 130]);
}
