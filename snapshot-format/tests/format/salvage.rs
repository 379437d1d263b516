//! What comes out of a part whose index, header block or end is gone.

use exuvia_snapshot_format::storage::MemoryStorage;
use exuvia_snapshot_format::{
    Codec, FormatError, PageContent, PageOptions, PartEntry, PartReader, PartSalvage, ReadHint,
};

use crate::records::{OwnedRecord, in_order, written};

fn records(count: u32, value_bytes: usize) -> Vec<OwnedRecord> {
    let value =
        |n: u32| (0..value_bytes as u32).map(|i| (n * 31 + i * i) as u8).collect::<Vec<_>>();
    in_order((0..count).map(|n| OwnedRecord::new(0, &n.to_le_bytes(), &value(n), None)).collect())
}

/// All records that are found in `bytes`; asserts that [`PartReader`] refuses them first.
fn salvaged(bytes: Vec<u8>, entry: &PartEntry) -> Vec<OwnedRecord> {
    let storage = MemoryStorage::new();
    storage.insert("part", bytes);
    let refused = PartReader::open(&storage, entry, ReadHint::default());
    assert!(matches!(refused, Err(FormatError::Part { .. } | FormatError::UnknownVersion { .. })));
    let mut salvage = PartSalvage::open(&storage, entry).unwrap();
    let mut found = Vec::new();
    while let Some(page) = salvage.next_page().unwrap() {
        let PageContent::Records(page) = page.content() else { panic!("no piece was written") };
        found.extend(page.clone().map(|record| OwnedRecord::of(&record)));
    }
    found
}

fn sample(count: u32, value_bytes: usize) -> (Vec<u8>, PartEntry, Vec<OwnedRecord>) {
    let records = records(count, value_bytes);
    let options = PageOptions { codec: Codec::None, ..PageOptions::default() };
    let (storage, entry) = written(options, &records);
    (storage.object("part").unwrap(), entry, records)
}

#[test]
fn nothing_is_lost_if_only_the_index_the_footer_or_the_header_block_is() {
    // More than one window, so that pages lie across the border.
    let (bytes, entry, records) = sample(12_000, 900);
    assert!(bytes.len() > 10 << 20);
    let index = bytes.len() - 64 - 32 * entry.pages as usize;
    for at in [0, 100, index + 5, bytes.len() - 8] {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1;
        assert!(salvaged(bytes, &entry) == records, "byte {at}");
    }
}

#[test]
fn a_part_that_was_cut_short_gives_all_whole_pages() {
    let (bytes, entry, records) = sample(3000, 500);
    let mut most = 0;
    for length in (0..bytes.len()).step_by(50_021) {
        let found = salvaged(bytes[..length].to_vec(), &entry);
        assert!(found == records[..found.len()], "{length}");
        assert!(found.len() >= most, "{length}");
        most = found.len();
        // No more than a page is missing.
        assert!(most * 500 + (260 << 10) > length.saturating_sub(4096), "{most} of {length}");
    }
    assert!(most > 2000);
}

#[test]
fn holes_and_foreign_pages_are_passed_over() {
    let (mut bytes, entry, records) = sample(3000, 500);
    let last = bytes.len() - 8;
    bytes[last] ^= 1;
    // A whole page is repeated behind itself, in the place of others: it counts once.
    let length = {
        let stored = u32::from_le_bytes(bytes[4096 + 20..4096 + 24].try_into().unwrap());
        (80 + stored as usize + 8).next_multiple_of(64)
    };
    bytes.copy_within(4096..4096 + length, 4096 + length);
    let middle = bytes.len() / 2;
    bytes[middle..middle + 1000].fill(0);
    let found = salvaged(bytes, &entry);
    assert!(found.len() > 1500 && found.len() < 3000, "{}", found.len());
    assert!(found.is_sorted());
    assert!(found.iter().all(|record| records.contains(record)));
    assert!(found.windows(2).all(|pair| pair[0] != pair[1]));
}

#[test]
fn bytes_of_any_kind_end_the_search() {
    let (_, entry, _) = sample(10, 10);
    let mut rng = fastrand::Rng::with_seed(7);
    for length in [0, 1, 63, 64, 4096, 4097, 4096 + 79, 4096 + 80, 70_000] {
        let mut bytes: Vec<u8> = std::iter::repeat_with(|| rng.u8(..)).take(length).collect();
        // Magic everywhere, with lengths at random.
        for at in (4096..length.saturating_sub(4)).step_by(64) {
            bytes[at..at + 4].copy_from_slice(b"XvPg");
        }
        assert_eq!(salvaged(bytes, &entry), []);
    }
}
