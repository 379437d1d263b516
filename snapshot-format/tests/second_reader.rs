//! A second reader of version 1, written from FORMAT.md alone: no rkyv, none of the crate's code.
#![expect(clippy::unwrap_used, reason = "a reader of known files has no errors to handle")]

use std::fmt::Write;
use std::path::Path;

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// Bytes with little-endian numbers in them.
struct Block<'a>(&'a [u8]);

impl<'a> Block<'a> {
    fn bytes(&self, at: usize, length: usize) -> &'a [u8] {
        &self.0[at..at + length]
    }

    fn u16(&self, at: usize) -> u16 {
        u16::from_le_bytes(self.bytes(at, 2).try_into().unwrap())
    }

    fn u32(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.bytes(at, 4).try_into().unwrap())
    }

    fn u64(&self, at: usize) -> u64 {
        u64::from_le_bytes(self.bytes(at, 8).try_into().unwrap())
    }

    /// Offset and number of the elements of the slice at `at`.
    fn slice(&self, at: usize) -> (usize, usize) {
        let start = at as i64 + i64::from(self.u32(at) as i32);
        (start as usize, self.u32(at + 4) as usize)
    }

    fn slice_of_bytes(&self, at: usize) -> &'a [u8] {
        let (start, length) = self.slice(at);
        if length == 0 { &[] } else { self.bytes(start, length) }
    }

    /// Everything but the checksum at the end, which must be that of the rest.
    fn without_checksum(&self, seed: u64) -> &'a [u8] {
        let end = self.0.len() - 8;
        assert_eq!(xxh3_64_with_seed(&self.0[..end], seed), self.u64(end), "checksum");
        &self.0[..end]
    }
}

/// Records as `contents.txt` spells them.
#[derive(Default)]
struct Contents {
    names_types: bool,
    lines: Vec<(u16, u64, Vec<u8>, String)>,
    records: u64,
    raw_bytes: u64,
}

impl Contents {
    fn add(&mut self, place: (u16, u64), kind: u8, expiry: Option<u64>, key: &[u8], value: &[u8]) {
        let (database, hash) = place;
        let mut line = format!("{database} {hash:016x} ");
        match expiry {
            Some(at) => write!(line, "{at}").unwrap(),
            None => line.push('-'),
        }
        for bytes in [key, value] {
            line.push_str(" x");
            for byte in bytes {
                write!(line, "{byte:02x}").unwrap();
            }
        }
        if self.names_types {
            let name = ["string", "list", "hash", "set", "zset", "stream"][usize::from(kind >> 4)];
            write!(line, " {name}").unwrap();
        }
        if kind >> 4 != 0 {
            assert_eq!(elements_of(value).len() as u64, expected_elements(kind >> 4, value));
        }
        self.records += 1;
        self.raw_bytes += (key.len() + value.len()) as u64;
        self.lines.push((database, hash, key.to_vec(), line));
    }
}

/// The elements of a collection.
fn elements_of(mut value: &[u8]) -> Vec<&[u8]> {
    let mut elements = Vec::new();
    while !value.is_empty() {
        let (mut length, mut shift) = (0, 0);
        loop {
            let byte = usize::from(value[0]);
            value = &value[1..];
            length |= (byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                break;
            }
        }
        let (element, rest) = value.split_at(length);
        elements.push(element);
        value = rest;
    }
    elements
}

/// How many elements the headers in a collection announce, headers included.
fn expected_elements(value_type: u8, value: &[u8]) -> u64 {
    let elements = elements_of(value);
    let header = Block(elements[0]);
    if value_type != 5 {
        assert_eq!(header.0.len(), if matches!(value_type, 2 | 3) { 17 } else { 8 });
        return 1 + header.u64(0);
    }
    assert_eq!(header.0.len(), 56);
    let mut expected = 1 + header.u64(0);
    for _ in 0..header.u64(8) {
        let group = Block(elements[expected as usize]);
        expected += 1 + group.u64(0) + group.u64(8);
    }
    expected
}

struct Snapshot<'a> {
    id: &'a [u8],
    hash_seed: u64,
}

impl Snapshot<'_> {
    fn page_seed(&self, part: u32, page: u32) -> u64 {
        xxh3_64(&[self.id, &part.to_le_bytes(), &page.to_le_bytes()].concat())
    }
}

fn read_records(snapshot: &Snapshot<'_>, database: u16, payload: &Block<'_>, into: &mut Contents) {
    let root = payload.0.len() - 48;
    let mut run = payload.slice_of_bytes(root);
    let (expires_at, _) = payload.slice(root + 8);
    let (expiring, expiring_count) = payload.slice(root + 16);
    let (key_lengths, records) = payload.slice(root + 24);
    let (value_lengths, _) = payload.slice(root + 32);
    let mut expired = 0;
    for (record, kind) in payload.slice_of_bytes(root + 40).iter().enumerate() {
        assert!(*kind % 16 == 0 && record < records, "a whole value");
        let (key, rest) = run.split_at(payload.u32(key_lengths + 4 * record) as usize);
        let (value, rest) = rest.split_at(payload.u32(value_lengths + 4 * record) as usize);
        run = rest;
        let expires =
            expired < expiring_count && payload.u32(expiring + 4 * expired) as usize == record;
        let expiry = expires.then(|| payload.u64(expires_at + 8 * expired));
        expired += usize::from(expires);
        let hash = xxh3_64_with_seed(key, snapshot.hash_seed);
        into.add((database, hash), *kind, expiry, key, value);
    }
    assert!(run.is_empty() && expired == expiring_count, "columns that agree");
}

fn read_piece(database: u16, payload: &Block<'_>, open: &mut Vec<u8>, into: &mut Contents) {
    let root = payload.0.len() - 56;
    let [hash, key_length, value_length] = [0, 8, 16].map(|field| payload.u64(root + field));
    assert_eq!(payload.u64(root + 24), open.len() as u64, "the piece that follows");
    let kind = payload.0[root + 48];
    assert_eq!(kind & 0x0f, 1, "a piece of a value");
    let expiry = (payload.0[root + 49] == 1).then(|| payload.u64(root + 32));
    open.extend_from_slice(payload.slice_of_bytes(root + 40));
    if open.len() as u64 == key_length + value_length {
        let (key, value) = open.split_at(key_length as usize);
        into.add((database, hash), kind, expiry, key, value);
        open.clear();
    }
}

fn read_part(snapshot: &Snapshot<'_>, entry: &Block<'_>, file: &[u8], into: &mut Contents) {
    let file = Block(file);
    let (number, pages) = (entry.u32(48), entry.u32(52));
    assert_eq!(file.0.len() as u64, entry.u64(0), "length");
    let header = Block(file.bytes(0, 4096));
    header.without_checksum(0);
    assert_eq!((header.bytes(0, 8), header.u16(8)), (&b"EXUVPART"[..], 1));
    assert_eq!((header.bytes(16, 16), header.u64(32)), (snapshot.id, snapshot.hash_seed));
    assert_eq!(
        (header.u32(40), header.u64(48), header.u64(56)),
        (number, entry.u64(32), entry.u64(40))
    );

    let footer = Block(file.bytes(file.0.len() - 64, 64));
    let index = footer.u64(32) as usize;
    assert_eq!((footer.bytes(0, 8), footer.u32(8)), (&b"EXUVFOOT"[..], pages));
    assert_eq!(index + pages as usize * 32 + 64, file.0.len(), "the index meets the footer");
    Block(&file.0[index..]).without_checksum(snapshot.page_seed(number, u32::MAX));
    assert_eq!(footer.u64(56), entry.u64(8), "digest");

    let (mut offset, mut begun, mut open) = (4096, 0, Vec::new());
    let mut contents = Contents { names_types: into.names_types, ..Contents::default() };
    for page in 0..pages {
        let place = Block(file.bytes(index + page as usize * 32, 32));
        let bytes = Block(file.bytes(offset, place.u32(24) as usize));
        offset += bytes.0.len();
        bytes.without_checksum(snapshot.page_seed(number, page));
        assert_eq!(bytes.u64(bytes.0.len() - 8), place.u64(16), "checksum in the index");
        assert_eq!((bytes.bytes(0, 4), bytes.u32(8)), (&b"XvPg"[..], page));
        assert_eq!((bytes.0[4], bytes.u16(6)), (place.0[30], place.u16(28)));
        assert_eq!((bytes.u64(24), bytes.u64(32)), (place.u64(0), place.u64(8)));
        let stored = bytes.bytes(80, bytes.u32(20) as usize);
        let payload = match bytes.0[5] {
            0 => stored.to_vec(),
            1 => zstd::bulk::decompress(stored, bytes.u32(16) as usize).unwrap(),
            codec => panic!("codec {codec}"),
        };
        assert_eq!(payload.len(), bytes.u32(16) as usize);
        match bytes.0[4] {
            0 => read_records(snapshot, bytes.u16(6), &Block(&payload), &mut contents),
            1 => read_piece(bytes.u16(6), &Block(&payload), &mut open, &mut contents),
            kind => panic!("kind {kind}"),
        }
        begun += u64::from(bytes.u32(12));
    }
    assert_eq!(offset, index, "the pages meet the index");
    assert!(contents.lines.is_sorted(), "order of the records");
    assert_eq!((contents.records, contents.raw_bytes), (entry.u64(16), entry.u64(24)), "totals");
    assert_eq!(begun, contents.records, "records that begin in the pages");
    into.lines.append(&mut contents.lines);
}

#[test]
fn a_reader_written_from_the_text_alone_reads_the_golden_files() {
    read_snapshot("golden", "contents.txt", false);
}

#[test]
fn a_reader_written_from_the_text_alone_reads_the_golden_collections() {
    read_snapshot("collections", "collections.txt", true);
}

/// Reads a snapshot and compares it with a text that spells its records out, with their types or
/// without.
fn read_snapshot(base: &str, text: &str, names_types: bool) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/fixtures/v1");
    let file = |name: &str| std::fs::read(folder.join(name)).unwrap();
    let manifest = file(&format!("{base}-summary.dfs"));
    let archive = Block(Block(&manifest).without_checksum(0));
    assert_eq!((archive.bytes(0, 8), archive.u16(8)), (&b"EXUVMANI"[..], 1));
    assert_eq!(archive.u64(16), manifest.len() as u64);
    let root = archive.0.len() - 104;
    let snapshot = Snapshot { id: archive.bytes(root, 16), hash_seed: archive.u64(root + 48) };
    assert_eq!(archive.u64(root + 32), 1_769_903_998_123, "time of the cut");
    let (parts, count) = archive.slice(root + 96);
    let mut contents = Contents { names_types, ..Contents::default() };
    for part in 0..count {
        let at = parts + part * 72;
        let name = std::str::from_utf8(archive.slice_of_bytes(at + 64)).unwrap();
        let entry = Block(archive.bytes(at, 72));
        read_part(&snapshot, &entry, &file(name), &mut contents);
    }
    contents.lines.sort();
    let lines: Vec<&str> = contents.lines.iter().map(|(.., line)| line.as_str()).collect();
    let expected = String::from_utf8(file(text)).unwrap();
    assert_eq!(lines, expected.lines().collect::<Vec<_>>());
}
