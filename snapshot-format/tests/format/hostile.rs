//! Bytes made to pass every checksum: no panic, no memory beyond a bound, no record that breaks
//! a rule.

use exuvia_snapshot_format::storage::{MemoryStorage, WriteHint};
use exuvia_snapshot_format::{
    Codec, HashRange, Page, PageContent, PageOptions, PageScratch, PartWriter, Pushed, Record,
    RecordAssembler, hash_key, page_checksum,
};

use crate::records::{OwnedRecord, SEED, header, in_order, push, written};

/// The seed of a random test: printed, and taken back from `EXUVIA_SEED`.
fn seed() -> u64 {
    let given = std::env::var("EXUVIA_SEED").ok().map(|seed| seed.parse().unwrap());
    let seed = given.unwrap_or_else(|| fastrand::u64(..));
    println!("EXUVIA_SEED={seed}");
    seed
}

fn records() -> Vec<OwnedRecord> {
    let record = |n: u8| OwnedRecord::new(0, &[n], &[n; 11], n.is_multiple_of(2).then_some(1));
    let mut records: Vec<_> = (0..12).map(record).collect();
    records.push(OwnedRecord::new(1, b"pieces", &[5; 300], None));
    in_order(records)
}

/// The pages of a small part, of both kinds.
fn pages(codec: Codec) -> Vec<Vec<u8>> {
    let options = PageOptions { codec, raw_bytes_target: 400, piece_bytes: 200 };
    let (storage, entry) = written(options, &records());
    let bytes = storage.object("part").unwrap();
    let mut pages = Vec::new();
    let mut offset = 4096;
    for _ in 0..entry.pages {
        let stored = u32::from_le_bytes(bytes[offset + 20..offset + 24].try_into().unwrap());
        let end = offset + (80 + stored as usize + 8).next_multiple_of(64);
        pages.push(bytes[offset..end].to_vec());
        offset = end;
    }
    pages
}

fn sign(page: &mut [u8], number: u32) {
    let covered = page.len() - 8;
    let checksum = page_checksum(&header(), number, &page[..covered]);
    page[covered..].copy_from_slice(&checksum.to_le_bytes());
}

/// Decodes a page, and checks that what is accepted keeps every promise of [`Page`].
fn decode(page: &[u8], number: u32, scratch: &mut PageScratch) -> bool {
    let Ok(page) = Page::decode(page, &header(), number, scratch) else { return false };
    let HashRange { first, last } = page.hashes();
    match page.content() {
        PageContent::Records(records) => {
            let records: Vec<Record<'_>> = records.clone().collect();
            assert_eq!(records.len(), page.records() as usize);
            assert_eq!((records[0].hash, records[records.len() - 1].hash), (first, last));
            assert!(records.iter().all(|record| record.hash == hash_key(SEED, record.key)));
            let ascends =
                |pair: &[Record<'_>]| (pair[0].hash, pair[0].key) < (pair[1].hash, pair[1].key);
            assert!(records.windows(2).all(ascends));
        }
        PageContent::Piece(piece) => {
            assert_eq!((first, last), (piece.hash, piece.hash));
            let end = piece.offset + (piece.key.len() + piece.value.len()) as u64;
            assert!(end <= piece.record_bytes());
            // Whether it fits is the assembler's to say, which must not panic either.
            let _ = RecordAssembler::new(SEED, 1 << 20).push(piece);
        }
    }
    true
}

#[test]
fn no_byte_of_a_signed_page_makes_a_reader_panic() {
    let mut scratch = PageScratch::default();
    for codec in [Codec::None, Codec::Zstd { level: 1 }] {
        for (number, page) in (0..).zip(pages(codec)) {
            assert!(decode(&page, number, &mut scratch), "the page itself is sound");
            for at in 0..page.len() - 8 {
                for value in [0x00, 0x01, 0x7f, 0x80, 0xff, page[at] ^ 4, page[at].wrapping_add(1)]
                {
                    let mut changed = page.clone();
                    changed[at] = value;
                    sign(&mut changed, number);
                    decode(&changed, number, &mut scratch);
                }
            }
        }
    }
}

#[test]
fn no_mixture_of_changes_to_a_signed_page_makes_a_reader_panic() {
    let mut rng = fastrand::Rng::with_seed(seed());
    let pages: Vec<_> = [Codec::None, Codec::Zstd { level: 1 }].map(pages).concat();
    let mut scratch = PageScratch::default();
    for _ in 0..40_000 {
        let mut page = pages[rng.usize(..pages.len())].clone();
        let number = u32::from_le_bytes(page[8..12].try_into().unwrap());
        for _ in 0..rng.usize(1..6) {
            let at = rng.usize(..page.len() - 12);
            match rng.u8(..4) {
                0 => page[at] = rng.u8(..),
                1 => page[at..at + 4].copy_from_slice(&rng.u32(..600).to_le_bytes()),
                2 => page[at..at + 4].copy_from_slice(&rng.i32(-600..0).to_le_bytes()),
                _ => {
                    let from = rng.usize(..page.len() - 12);
                    page.copy_within(from..from + 4, at);
                }
            }
        }
        let number = if rng.u8(..8) == 0 { rng.u32(..) } else { number };
        sign(&mut page, number);
        decode(&page, number, &mut scratch);
    }
}

#[test]
fn a_page_at_any_alignment_is_read_alike() {
    let mut scratch = PageScratch::default();
    for codec in [Codec::None, Codec::Zstd { level: 1 }] {
        for (number, page) in (0..).zip(pages(codec)) {
            for shift in 0..17 {
                let mut shifted = vec![0; shift];
                shifted.extend_from_slice(&page);
                assert!(decode(&shifted[shift..], number, &mut scratch));
            }
        }
    }
}

#[test]
fn a_page_takes_bounded_memory_whatever_it_claims() {
    // A payload of zeros compresses a thousandfold, and the header may claim any length.
    let record = OwnedRecord::new(0, b"zeros", &vec![0; 250 << 10], None);
    let options = PageOptions { codec: Codec::Zstd { level: 1 }, ..PageOptions::default() };
    let (storage, _) = written(options, &[record]);
    let object = storage.object("part").unwrap();
    for claimed in [0_u32, 1, 1 << 18, (512 << 10) - 88, 512 << 10, u32::MAX] {
        let stored = u32::from_le_bytes(object[4096 + 20..][..4].try_into().unwrap()) as usize;
        let mut page = object[4096..][..(80 + stored + 8).next_multiple_of(64)].to_vec();
        page[16..20].copy_from_slice(&claimed.to_le_bytes());
        sign(&mut page, 0);
        let usage = allocation_counter::measure(|| {
            assert!(!decode(&page, 0, &mut PageScratch::default()));
        });
        assert!(usage.bytes_max < 1 << 20, "{} bytes for a claim of {claimed}", usage.bytes_max);
    }
}

#[test]
fn pieces_that_do_not_fit_never_make_a_record() {
    let options = PageOptions { piece_bytes: 10, ..PageOptions::default() };
    let (storage, entry) = written(
        options,
        &in_order(vec![
            OwnedRecord::new(0, b"one of two", &[1; 40], None),
            OwnedRecord::new(0, b"two of two", &[2; 40], None),
        ]),
    );
    let object = storage.object("part").unwrap();
    let mut rng = fastrand::Rng::with_seed(seed());
    for _ in 0..2000 {
        // Ten pieces, of two records, in any order and any number of times.
        let mut assembler = RecordAssembler::new(SEED, 50);
        let mut expected = None;
        for _ in 0..20 {
            let number = rng.u32(..entry.pages);
            let number = match expected {
                Some(next) if rng.u8(..4) > 0 && next < entry.pages => next,
                _ => number,
            };
            let offset = page_offset(&object, number);
            let mut scratch = PageScratch::default();
            let page = Page::decode(&object[offset..], &header(), number, &mut scratch).unwrap();
            let PageContent::Piece(piece) = page.content() else { panic!("all are pieces") };
            let fits = piece.offset == 0 && expected.is_none() || expected == Some(number);
            match assembler.push(piece) {
                Ok(whole) => {
                    assert!(fits, "page {number} where {expected:?} was expected");
                    let is_last = number % 5 == 4;
                    assert_eq!(whole.is_some(), is_last);
                    expected = (!is_last).then_some(number + 1);
                }
                Err(error) => {
                    assert!(!fits, "page {number} where {expected:?} was expected: {error}");
                    expected = None;
                }
            }
            assert_eq!(assembler.is_open(), expected.is_some());
        }
    }
}

fn page_offset(object: &[u8], number: u32) -> usize {
    let mut offset = 4096;
    for _ in 0..number {
        let stored = u32::from_le_bytes(object[offset + 20..offset + 24].try_into().unwrap());
        offset += (80 + stored as usize + 8).next_multiple_of(64);
    }
    offset
}

#[test]
fn pushing_a_record_allocates_nothing() {
    let records = in_order(
        (0..30_000_u32)
            .map(|n| OwnedRecord::new(0, &n.to_be_bytes(), b"", (n % 2 == 0).then_some(1)))
            .collect(),
    );
    let storage = MemoryStorage::new();
    for codec in [Codec::None, Codec::Zstd { level: 1 }] {
        let name = format!("{codec:?}");
        let options = PageOptions { codec, ..PageOptions::default() };
        let hint = WriteHint::default();
        let mut writer = PartWriter::begin(&storage, header(), &name, options, hint).unwrap();
        for record in &records {
            let record = record.borrow();
            let mut is_full = false;
            let usage = allocation_counter::measure(|| {
                let pushed = writer.try_push(&record).unwrap();
                is_full = pushed == Pushed::PageFull;
            });
            assert_eq!(usage.count_total, 0);
            if is_full {
                push(&mut writer, &OwnedRecord::of(&record)).unwrap();
            }
        }
        assert!(writer.finish().unwrap().pages > 1);
    }
}
