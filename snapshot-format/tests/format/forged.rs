//! Parts that are signed throughout, but that no writer produces.

use exuvia_snapshot_format::storage::MemoryStorage;
use exuvia_snapshot_format::{
    FormatError, PageFault, PageOptions, PartEntry, PartFault, ReadHint, block_checksum,
    page_checksum,
};

use crate::records::{OwnedRecord, colliding_key, header, in_order, read, written};

const PAGES_START: usize = 4096;

/// A part taken apart, to be changed and put together with right checksums.
#[derive(Clone)]
struct Forge {
    header_block: Vec<u8>,
    pages: Vec<Vec<u8>>,
    entry: PartEntry,
}

impl Forge {
    /// Three records of one hash in a page each, and one in three pieces behind or before them.
    fn new() -> Self {
        let mut records: Vec<_> =
            (0..3).map(|n| OwnedRecord::new(0, &colliding_key(n), &[7; 50], None)).collect();
        records.push(OwnedRecord::new(1, b"pieces", &[9; 194], Some(5)));
        Self::of(100, records)
    }

    fn of(raw_bytes_target: usize, records: Vec<OwnedRecord>) -> Self {
        let options = PageOptions { raw_bytes_target, piece_bytes: 90, ..Default::default() };
        let (storage, entry) = written(options, &in_order(records));
        let bytes = storage.object("part").unwrap();
        let mut rest = &bytes[PAGES_START..];
        let pages = (0..entry.pages)
            .map(|_| {
                let stored = u32::from_le_bytes(rest[20..24].try_into().unwrap()) as usize;
                let (page, behind) = rest.split_at((80 + stored + 8).next_multiple_of(64));
                rest = behind;
                page.to_vec()
            })
            .collect();
        Self { header_block: bytes[..PAGES_START].to_vec(), pages, entry }
    }

    /// Numbers and signs the pages, writes an index of them and a footer, and reads the part.
    fn read(self) -> Result<Vec<OwnedRecord>, FormatError> {
        self.read_with(|_| {})
    }

    /// The same, with a change to the index before it is signed.
    fn read_with(
        mut self,
        change: impl FnOnce(&mut [u8]),
    ) -> Result<Vec<OwnedRecord>, FormatError> {
        let (mut bytes, mut index) = (self.header_block, Vec::new());
        for (number, page) in (0..).zip(&mut self.pages) {
            let covered = page.len() - 8;
            page[8..12].copy_from_slice(&u32::to_le_bytes(number));
            let checksum = page_checksum(&header(), number, &page[..covered]);
            page[covered..].copy_from_slice(&checksum.to_le_bytes());
            index.extend_from_slice(&page[24..40]);
            index.extend_from_slice(&checksum.to_le_bytes());
            index.extend_from_slice(&(page.len() as u32).to_le_bytes());
            index.extend_from_slice(&page[6..8]);
            index.extend_from_slice(&[page[4], 0]);
            bytes.extend_from_slice(page);
        }
        change(&mut index);
        let index_offset = bytes.len() as u64;
        let mut tail = index;
        tail.extend_from_slice(b"EXUVFOOT");
        tail.extend_from_slice(&(self.pages.len() as u32).to_le_bytes());
        tail.extend_from_slice(&u32::from(self.entry.database_max).to_le_bytes());
        for number in [self.entry.records, self.entry.raw_bytes, index_offset, 0, 0] {
            tail.extend_from_slice(&number.to_le_bytes());
        }
        let digest = page_checksum(&header(), u32::MAX, &tail);
        tail.extend_from_slice(&digest.to_le_bytes());
        bytes.extend_from_slice(&tail);
        let entry = PartEntry {
            bytes: bytes.len() as u64,
            pages: self.pages.len() as u32,
            digest,
            ..self.entry
        };
        let storage = MemoryStorage::new();
        storage.insert("part", bytes);
        read(&storage, &entry, ReadHint::default())
    }
}

#[track_caller]
fn assert_page<T>(result: Result<T, FormatError>, page: u32, fault: PageFault) {
    match result {
        Err(FormatError::Page(damage)) => assert_eq!((damage.page, damage.fault), (page, fault)),
        Err(error) => panic!("refused as {error}, not as {fault}"),
        Ok(_) => panic!("accepted"),
    }
}

#[track_caller]
fn assert_part<T>(result: Result<T, FormatError>, expected: PartFault) {
    match result {
        Err(FormatError::Part { fault, .. }) => assert_eq!(fault, expected),
        Err(error) => panic!("refused as {error}, not as {expected}"),
        Ok(_) => panic!("accepted"),
    }
}

#[test]
fn a_part_put_together_unchanged_is_read() {
    let forge = Forge::new();
    assert_eq!((forge.pages.len(), forge.entry.records), (6, 4));
    assert_eq!(forge.read().unwrap().len(), 4);
}

#[test]
fn pages_of_one_hash_must_ascend_by_key() {
    let mut swapped = Forge::new();
    swapped.pages.swap(0, 1);
    assert_page(swapped.read(), 1, PageFault::Order { record: 0 });
    let mut twice = Forge::new();
    twice.pages[1] = twice.pages[0].clone();
    assert_page(twice.read(), 1, PageFault::Order { record: 0 });
}

#[test]
fn databases_must_ascend() {
    let mut forge = Forge::new();
    forge.pages.rotate_left(3);
    assert_part(forge.read(), PartFault::Index { page: 3 });
}

#[test]
fn pieces_must_follow_one_another_to_the_end() {
    let mut first_missing = Forge::new();
    first_missing.pages.remove(3);
    assert_page(first_missing.read(), 3, PageFault::Piece);
    let mut middle_missing = Forge::new();
    middle_missing.pages.remove(4);
    assert_page(middle_missing.read(), 4, PageFault::Piece);
    let mut last_missing = Forge::new();
    last_missing.pages.pop();
    assert_part(last_missing.read(), PartFault::IncompleteRecord);
    let mut interrupted = Forge::new();
    interrupted.pages[4][4] = 0;
    // Kind 0 with the payload of a piece: whatever the bytes mean then, no record comes of it.
    assert!(interrupted.read().is_err());
}

#[test]
fn a_record_page_must_not_interrupt_pieces() {
    let long = OwnedRecord::new(0, &colliding_key(1), &[9; 100], None);
    let short = OwnedRecord::new(0, &colliding_key(2), &[7; 50], None);
    let mut forge = Forge::of(100, vec![long, short]);
    assert_eq!(forge.pages.len(), 3);
    forge.pages.swap(1, 2);
    assert_page(forge.read(), 1, PageFault::Piece);
}

#[test]
fn totals_must_be_those_of_the_pages() {
    let changes: [fn(&mut PartEntry); 4] = [
        |entry| entry.records += 1,
        |entry| entry.raw_bytes += 1,
        |entry| entry.database_max = 2,
        |entry| entry.records -= 1,
    ];
    for change in changes {
        let mut forge = Forge::new();
        change(&mut forge.entry);
        assert_part(forge.read(), PartFault::Totals);
    }
}

#[test]
fn a_page_must_be_what_its_index_entry_says() {
    // The kind, the database and the first hash of the entry; the page's own fields stay.
    for (at, offset) in [(30, 4), (28, 6), (0, 24)] {
        let forge = Forge::new();
        let last = forge.pages.len() - 1;
        let result = Forge::read_with(forge, |index| {
            let entry = &mut index[last * 32..];
            entry[at] = match at {
                30 => 0,
                _ => entry[at].wrapping_add(1),
            };
            if at == 0 {
                // Both hashes move, so that the entry itself stays possible.
                entry[8] = entry[0];
            }
        });
        assert_page(result, last as u32, PageFault::Index { offset });
    }
}

#[test]
fn an_index_entry_must_be_possible() {
    let changes: [fn(&mut [u8]); 5] = [
        |entry| entry[31] = 1,
        |entry| entry[30] = 2,
        |entry| entry[24] += 1,
        |entry| entry[24..28].copy_from_slice(&[0; 4]),
        |entry| entry[24..28].copy_from_slice(&(513_u32 << 10).to_le_bytes()),
    ];
    for change in changes {
        let result = Forge::new().read_with(|index| change(&mut index[32..64]));
        assert_part(result, PartFault::Index { page: 1 });
    }
    // Lengths that are possible one by one must still meet the index.
    let result = Forge::new().read_with(|index| index[24] += 64);
    assert_part(result, PartFault::Footer);
}

/// Where the root of `page`'s archive begins, which is `root_bytes` long.
fn root(page: &[u8], root_bytes: usize) -> usize {
    80 + u32::from_le_bytes(page[16..20].try_into().unwrap()) as usize - root_bytes
}

#[test]
fn pieces_must_be_of_one_record() {
    // Length of the key, length of the value and expiry, one at a time.
    for field in [8, 16, 32] {
        let mut forge = Forge::new();
        let page = &mut forge.pages[4];
        let at = root(page, 56) + field;
        page[at] += 1;
        assert_page(forge.read(), 4, PageFault::Piece);
    }
}

#[test]
fn the_key_in_pieces_must_have_the_hash_that_they_say() {
    let mut forge = Forge::new();
    for page in &mut forge.pages[3..] {
        let at = root(page, 56);
        for field in [24, 32, at] {
            page[field] ^= 1;
        }
    }
    assert_page(forge.read(), 3, PageFault::Order { record: 0 });
}

#[test]
fn lengths_must_add_up_to_the_run() {
    // Columns of one record: their roots lie 24 and 32 into the root, and hold a relative offset.
    for (column, change) in [(24, -1), (24, 1), (32, -1), (32, 1)] {
        let mut forge = Forge::new();
        let page = &mut forge.pages[1];
        let slice = root(page, 48) + column;
        let offset = i32::from_le_bytes(page[slice..slice + 4].try_into().unwrap());
        let length = slice.strict_add_signed(offset as isize);
        page[length] = page[length].strict_add_signed(change);
        assert_page(forge.read(), 1, PageFault::Columns { record: 0 });
    }
}

#[test]
fn expiries_must_be_of_records_in_ascending_order() {
    let key = |n: u8| OwnedRecord::new(0, &[n], b"", Some(u64::from(n)));
    let sound = Forge::of(4000, (0..3).map(key).collect());
    assert_eq!(sound.pages.len(), 1);
    let page = &sound.pages[0];
    let slice = root(page, 48) + 16;
    let offset = i32::from_le_bytes(page[slice..slice + 4].try_into().unwrap());
    let column = slice.strict_add_signed(offset as isize);
    assert_eq!(page[column..column + 12], [0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0]);
    for (numbers, record) in [([0, 0, 2], 0), ([0, 2, 1], 1), ([0, 1, 3], 3), ([1, 0, 2], 0)] {
        let mut forge = sound.clone();
        for (at, number) in numbers.into_iter().enumerate() {
            forge.pages[0][column + 4 * at] = number;
        }
        assert_page(forge.read(), 0, PageFault::Columns { record });
    }
}

#[test]
fn reserved_bytes_of_a_page_must_be_zero() {
    let pages = Forge::new().pages;
    let stored = u32::from_le_bytes(pages[1][20..24].try_into().unwrap()) as usize;
    let (padding, checksum) = (80 + stored, pages[1].len() - 8);
    assert!(padding < checksum, "the page is padded");
    for at in (40..80).chain(padding..checksum) {
        let mut forge = Forge::new();
        forge.pages[1][at] = 1;
        let offset = if at < 80 { 40 } else { padding as u32 };
        assert_page(forge.read(), 1, PageFault::Header { offset });
    }
}

#[test]
fn reserved_bytes_of_a_header_block_must_be_zero() {
    for at in (10..16).chain(64..4088) {
        let mut forge = Forge::new();
        forge.header_block[at] = 1;
        let checksum = block_checksum(&forge.header_block[..4088]);
        forge.header_block[4088..].copy_from_slice(&checksum.to_le_bytes());
        assert_part(forge.read(), PartFault::Header);
    }
}

#[test]
fn codecs_and_kinds_of_later_versions_are_refused_by_number() {
    let mut codec = Forge::new();
    codec.pages[2][5] = 128;
    assert_page(codec.read(), 2, PageFault::Codec(128));
    for kind in [1, 2, 3, 0x11, 0x60, 0xff] {
        let mut forge = Forge::new();
        let page = &mut forge.pages[2];
        let slice = root(page, 48) + 40;
        let offset = i32::from_le_bytes(page[slice..slice + 4].try_into().unwrap());
        page[slice.strict_add_signed(offset as isize)] = kind;
        assert_page(forge.read(), 2, PageFault::RecordKind { record: 0, kind });
    }
}
