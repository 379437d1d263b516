//! Bytes that claim to be a page never make a reader panic, and what is accepted keeps every
//! promise of `Page`.

#![no_main]

use std::cell::RefCell;
use std::sync::LazyLock;

use exuvia_fuzz::{NAME, OwnedRecord, SEED, damage, header, write};
use exuvia_snapshot_format::{
    Codec, HashRange, Page, PageContent, PageOptions, PageScratch, Record, RecordAssembler,
    hash_key, page_checksum,
};
use libfuzzer_sys::fuzz_target;

/// Sound pages of both kinds, raw and compressed.
static PAGES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let mut records: Vec<_> = (0..12)
        .map(|n| OwnedRecord::new(0, vec![n; 3], vec![n; 20], (n % 2 == 0).then_some(1)))
        .collect();
    records.push(OwnedRecord::new(1, b"pieces".to_vec(), vec![5; 300], Some(9)));
    records.sort();
    [Codec::None, Codec::Zstd { level: 1 }]
        .into_iter()
        .flat_map(|codec| {
            let options = PageOptions { codec, raw_bytes_target: 400, piece_bytes: 200 };
            let (storage, entry) = write(options, &records);
            let object = storage.object(NAME).expect("the part is there");
            split(&object[4096..], entry.pages)
        })
        .collect()
});

fn split(mut bytes: &[u8], pages: u32) -> Vec<Vec<u8>> {
    (0..pages)
        .map(|_| {
            let stored = u32::from_le_bytes([bytes[20], bytes[21], bytes[22], bytes[23]]);
            let (page, rest) = bytes.split_at((88 + stored as usize).next_multiple_of(64));
            bytes = rest;
            page.to_vec()
        })
        .collect()
}

/// Makes the checksum right for page `number`.
fn sign(page: &mut [u8], number: u32) {
    if let Some(covered) = page.len().checked_sub(8) {
        let checksum = page_checksum(&header(), number, &page[..covered]);
        page[covered..].copy_from_slice(&checksum.to_le_bytes());
    }
}

fn check(page: &Page<'_>) {
    let HashRange { first, last } = page.hashes();
    match page.content() {
        PageContent::Records(records) => {
            let records: Vec<Record<'_>> = records.clone().collect();
            assert_eq!(records.len(), page.records() as usize);
            assert_eq!((records[0].hash, records[records.len() - 1].hash), (first, last));
            assert!(records.iter().all(|record| record.hash == hash_key(SEED, record.key)));
            assert!(
                records
                    .windows(2)
                    .all(|pair| { (pair[0].hash, pair[0].key) < (pair[1].hash, pair[1].key) })
            );
        }
        PageContent::Piece(piece) => {
            assert_eq!((first, last), (piece.hash, piece.hash));
            let _ = RecordAssembler::new(SEED, 1 << 20).push(piece);
        }
    }
}

thread_local! {
    static SCRATCH: RefCell<PageScratch> = RefCell::default();
}

fuzz_target!(|input: &[u8]| {
    let Some((&choice, input)) = input.split_first() else { return };
    let mut page = match PAGES.get(usize::from(choice)) {
        Some(page) => {
            let mut page = page.clone();
            damage(&mut page, input);
            page
        }
        None => input.to_vec(),
    };
    let number = page.get(8..12).map_or(0, |n| u32::from_le_bytes([n[0], n[1], n[2], n[3]]));
    sign(&mut page, number);
    SCRATCH.with_borrow_mut(|scratch| {
        if let Ok(page) = Page::decode(&page, &header(), number, scratch) {
            check(&page);
        }
    });
});
