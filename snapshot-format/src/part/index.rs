//! The page index and the footer, with which a part ends.

use xxhash_rust::xxh3::Xxh3;

use super::header::HEADER_BLOCK_BYTES;
use super::read_ahead::ReadAhead;
use super::{PartEntry, PartHeader};
use crate::checksum::{CHECKSUM_BYTES, part_digest};
use crate::error::{FormatError, PartFault};
use crate::fields::{is_zero, put, u16_at, u32_at, u64_at};
use crate::hash::HashRange;
use crate::page::{PAGE_ALIGNMENT, PAGE_BYTES_MAX, PageKind, page_bytes};

/// Bytes of one index entry.
pub(crate) const INDEX_ENTRY_BYTES: usize = 32;

/// Bytes of the footer.
pub(crate) const FOOTER_BYTES: usize = 64;

const FOOTER_MAGIC: [u8; 8] = *b"EXUVFOOT";

/// What the index says of one page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IndexEntry {
    pub(crate) hashes: HashRange,
    pub(crate) checksum: u64,
    /// Offset in the part. Not stored: the sum of the lengths before.
    pub(crate) offset: u64,
    pub(crate) bytes: u32,
    pub(crate) database: u16,
    pub(crate) kind: PageKind,
}

impl IndexEntry {
    /// The entry as it is stored.
    pub(crate) fn encode(&self) -> [u8; INDEX_ENTRY_BYTES] {
        let mut entry = [0; INDEX_ENTRY_BYTES];
        put(&mut entry, 0, self.hashes.first.to_le_bytes());
        put(&mut entry, 8, self.hashes.last.to_le_bytes());
        put(&mut entry, 16, self.checksum.to_le_bytes());
        put(&mut entry, 24, self.bytes.to_le_bytes());
        put(&mut entry, 28, self.database.to_le_bytes());
        put(&mut entry, 30, [self.kind as u8]);
        entry
    }

    /// Reads an entry for the page at `offset`; `None` if no page can be like that.
    fn decode(entry: &[u8], offset: u64) -> Option<Self> {
        let kind = match entry[30] {
            0 => PageKind::Records,
            1 => PageKind::Piece,
            _ => return None,
        };
        let bytes = u32_at(entry, 24);
        let hashes = HashRange::new(u64_at(entry, 0), u64_at(entry, 8));
        let is_possible = bytes as usize >= page_bytes(0)
            && bytes as usize <= PAGE_BYTES_MAX
            && (bytes as usize).is_multiple_of(PAGE_ALIGNMENT)
            && hashes.first <= hashes.last
            && entry[31] == 0;
        let (checksum, database) = (u64_at(entry, 16), u16_at(entry, 28));
        is_possible.then_some(Self { hashes, checksum, offset, bytes, database, kind })
    }

    /// Where the page ends in the part.
    pub(crate) fn end(&self) -> u64 {
        self.offset + u64::from(self.bytes)
    }
}

/// The totals of a part, as its footer and its manifest entry have them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PartTotals {
    pub(crate) pages: u32,
    pub(crate) records: u64,
    pub(crate) raw_bytes: u64,
    pub(crate) database_max: u16,
}

impl PartTotals {
    /// The totals that `entry` promises.
    pub(crate) fn of(entry: &PartEntry) -> Self {
        Self {
            pages: entry.pages,
            records: entry.records,
            raw_bytes: entry.raw_bytes,
            database_max: entry.database_max,
        }
    }

    /// The footer of a part with these totals whose index begins at `index_offset`, and the
    /// part's digest, which `digest` has run up to the footer.
    pub(crate) fn encode_footer(
        &self,
        index_offset: u64,
        digest: &mut Xxh3,
    ) -> ([u8; FOOTER_BYTES], u64) {
        let mut footer = [0; FOOTER_BYTES];
        put(&mut footer, 0, FOOTER_MAGIC);
        put(&mut footer, 8, self.pages.to_le_bytes());
        put(&mut footer, 12, self.database_max.to_le_bytes());
        put(&mut footer, 16, self.records.to_le_bytes());
        put(&mut footer, 24, self.raw_bytes.to_le_bytes());
        put(&mut footer, 32, index_offset.to_le_bytes());
        digest.update(&footer[..FOOTER_BYTES - CHECKSUM_BYTES]);
        let digest = digest.digest();
        put(&mut footer, FOOTER_BYTES - CHECKSUM_BYTES, digest.to_le_bytes());
        (footer, digest)
    }

    fn decode_footer(footer: &[u8]) -> Option<(Self, u64)> {
        let is_possible = footer.starts_with(&FOOTER_MAGIC)
            && is_zero(&footer[14..16])
            && is_zero(&footer[40..FOOTER_BYTES - CHECKSUM_BYTES]);
        let totals = Self {
            pages: u32_at(footer, 8),
            database_max: u16_at(footer, 12),
            records: u64_at(footer, 16),
            raw_bytes: u64_at(footer, 24),
        };
        is_possible.then_some((totals, u64_at(footer, 32)))
    }
}

/// Where the index of `entry`'s part begins; `None` if the part is too short for its pages.
pub(crate) fn index_offset(entry: &PartEntry) -> Option<u64> {
    let tail = u64::from(entry.pages) * INDEX_ENTRY_BYTES as u64 + FOOTER_BYTES as u64;
    entry.bytes.checked_sub(tail).filter(|&offset| offset >= HEADER_BLOCK_BYTES as u64)
}

/// Reads and checks index and footer of `entry`'s part.
///
/// What it returns is what was written: the digest of the manifest covers it.
pub(crate) fn read_index(
    entry: &PartEntry,
    input: &mut ReadAhead,
) -> Result<Vec<IndexEntry>, FormatError> {
    let index_offset = index_offset(entry).ok_or_else(|| entry.damaged(PartFault::Footer))?;
    input.seek(index_offset, entry.bytes)?;
    let mut digest = part_digest(&entry.header);
    let mut order = IndexOrder::new(&entry.header);
    let mut pages = Vec::with_capacity(entry.pages as usize);
    let mut first_invalid = None;
    let mut page_offset = HEADER_BLOCK_BYTES as u64;
    for page in 0..entry.pages {
        let offset = index_offset + u64::from(page) * INDEX_ENTRY_BYTES as u64;
        let bytes = input.bytes(offset, INDEX_ENTRY_BYTES)?;
        digest.update(bytes);
        match IndexEntry::decode(bytes, page_offset).filter(|entry| order.admits(entry)) {
            Some(entry) => {
                page_offset = entry.end();
                pages.push(entry);
            }
            None => first_invalid = first_invalid.or(Some(page)),
        }
    }
    let footer = input.bytes(entry.bytes - FOOTER_BYTES as u64, FOOTER_BYTES)?;
    digest.update(&footer[..FOOTER_BYTES - CHECKSUM_BYTES]);
    let digest = digest.digest();
    if digest != entry.digest || digest != u64_at(footer, FOOTER_BYTES - CHECKSUM_BYTES) {
        return Err(entry.damaged(PartFault::Digest));
    }
    if let Some(page) = first_invalid {
        return Err(entry.damaged(PartFault::Index { page }));
    }
    let footer = PartTotals::decode_footer(footer);
    if page_offset != index_offset || footer != Some((PartTotals::of(entry), index_offset)) {
        return Err(entry.damaged(PartFault::Footer));
    }
    Ok(pages)
}

/// The rule that pages ascend by database and hash, and stay in their part's range.
struct IndexOrder {
    range: HashRange,
    last: (u16, u64),
}

impl IndexOrder {
    fn new(header: &PartHeader) -> Self {
        Self { range: header.hash_range, last: (0, 0) }
    }

    fn admits(&mut self, entry: &IndexEntry) -> bool {
        let ascends = (entry.database, entry.hashes.first) >= self.last;
        self.last = (entry.database, entry.hashes.last);
        ascends && self.range.contains(entry.hashes.first) && self.range.contains(entry.hashes.last)
    }
}
