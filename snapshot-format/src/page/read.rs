//! Checking a page and reading it in place.

use rkyv::rend::{u32_le, u64_le};

use super::archive::{ArchivedPiece, ArchivedRecords};
use super::codec::PageDecompressor;
use super::header::{PageHeader, PageKind, StoredAs, page_bytes_of};
use super::order::ascends;
use super::piece::Piece;
use super::{PAGE_HEADER_BYTES, PAYLOAD_ALIGNMENT};
use crate::checksum::{page_checksum, split_checksum};
use crate::error::PageFault;
use crate::hash::{HashRange, hash_key};
use crate::part::PartHeader;
use crate::record::{Record, RecordKind, ValueType, value_type_of};

/// Memory that checking one page after another needs, allocated once.
#[derive(Debug, Default)]
pub struct PageScratch {
    decompressor: PageDecompressor,
    /// The hash of each record of a page, which checking its order yields anyway.
    hashes: Vec<u64>,
}

/// A checked page, borrowed from where it was read.
#[derive(Clone, Debug)]
pub struct Page<'a> {
    header: PageHeader,
    content: PageContent<'a>,
}

/// What a page holds.
#[derive(Clone, Debug)]
pub enum PageContent<'a> {
    /// Whole records.
    Records(Records<'a>),
    /// One piece of a record that is too long for a page.
    Piece(Piece<'a>),
}

impl<'a> Page<'a> {
    /// Checks the page that `bytes` begins with, as page `number` of `part`.
    ///
    /// Everything that can be judged from the page alone is: length, checksum, header, codec,
    /// archive, columns, and the order and range of its records' hashes. Bytes behind the page are
    /// ignored. Whatever the bytes are, the memory used is that of one page.
    ///
    /// # Errors
    ///
    /// The first [`PageFault`] found.
    pub fn decode(
        bytes: &'a [u8],
        part: &PartHeader,
        number: u32,
        scratch: &'a mut PageScratch,
    ) -> Result<Self, PageFault> {
        let page = bytes.get(..page_bytes_of(bytes)?).ok_or(PageFault::CutShort)?;
        let (covered, checksum) = split_checksum(page).ok_or(PageFault::CutShort)?;
        if page_checksum(part, number, covered) != checksum {
            return Err(PageFault::Checksum);
        }
        Self::decode_intact(page, part, number, scratch)
    }

    /// Checks a page whose length and checksum hold.
    pub(crate) fn decode_intact(
        page: &'a [u8],
        part: &PartHeader,
        number: u32,
        scratch: &'a mut PageScratch,
    ) -> Result<Self, PageFault> {
        let header = PageHeader::decode(page)?;
        if header.number != number {
            return Err(PageFault::Header { offset: PageHeader::number_offset() });
        }
        if !part.hash_range.contains(header.hashes.first)
            || !part.hash_range.contains(header.hashes.last)
        {
            return Err(PageFault::Order { record: 0 });
        }
        let stored = &page[PAGE_HEADER_BYTES..][..header.stored_bytes as usize];
        let PageScratch { decompressor, hashes } = scratch;
        let payload = open_payload(&header, stored, decompressor)?;
        let content = match header.kind {
            PageKind::Records => {
                PageContent::Records(Records::decode(&header, part, payload, hashes)?)
            }
            PageKind::Piece => {
                PageContent::Piece(Piece::decode(&header, ArchivedPiece::access(payload)?)?)
            }
        };
        Ok(Self { header, content })
    }

    /// Number of the page in its part, from zero.
    pub fn number(&self) -> u32 {
        self.header.number
    }

    /// Database of all its records.
    pub fn database(&self) -> u16 {
        self.header.database
    }

    /// Hashes of its first and last record.
    pub fn hashes(&self) -> HashRange {
        self.header.hashes
    }

    /// Number of records that begin in it: none where a piece continues one.
    pub fn records(&self) -> u32 {
        self.header.records
    }

    /// What it holds.
    pub fn content(&self) -> &PageContent<'a> {
        &self.content
    }

    pub(crate) fn header(&self) -> &PageHeader {
        &self.header
    }
}

/// Returns the payload as it was before it was stored, aligned for its archive.
fn open_payload<'a>(
    header: &PageHeader,
    stored: &'a [u8],
    decompressor: &'a mut PageDecompressor,
) -> Result<&'a [u8], PageFault> {
    match header.stored_as {
        StoredAs::Raw if stored.as_ptr().align_offset(PAYLOAD_ALIGNMENT) == 0 => Ok(stored),
        StoredAs::Raw => {
            decompressor.align(stored);
            Ok(decompressor.payload())
        }
        StoredAs::Zstd => {
            decompressor.decompress(stored, header.raw_bytes as usize)?;
            Ok(decompressor.payload())
        }
    }
}

/// Iterates over the records of a checked page, in ascending order of hash and key.
///
/// A step costs a few instructions: hashes come from the check, keys and values are borrowed.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    database: u16,
    next: usize,
    run: &'a [u8],
    hashes: &'a [u64],
    key_bytes: &'a [u32_le],
    value_bytes: &'a [u32_le],
    expiring: &'a [u32_le],
    expires_at: &'a [u64_le],
    kinds: &'a [u8],
    last_key: &'a [u8],
}

impl<'a> Records<'a> {
    /// Bytes of the keys and values that are still to come.
    pub(crate) fn run_bytes(&self) -> u64 {
        self.run.len() as u64
    }

    /// The key of the last record.
    pub(crate) fn last_key(&self) -> &'a [u8] {
        self.last_key
    }

    fn decode(
        header: &PageHeader,
        part: &PartHeader,
        payload: &'a [u8],
        hashes: &'a mut Vec<u64>,
    ) -> Result<Self, PageFault> {
        let columns = ArchivedRecords::access(payload)?;
        check_columns(header, columns)?;
        let last_key = check_order(header, part, columns, hashes)?;
        Ok(Self {
            database: header.database,
            next: 0,
            run: columns.run.as_slice(),
            hashes,
            key_bytes: &columns.key_bytes,
            value_bytes: &columns.value_bytes,
            expiring: &columns.expiring,
            expires_at: &columns.expires_at,
            kinds: &columns.kinds,
            last_key,
        })
    }
}

/// Checks that the columns describe one set of records that fills the run.
fn check_columns(header: &PageHeader, columns: &ArchivedRecords<'_>) -> Result<(), PageFault> {
    let records = columns.kinds.len();
    if records == 0 || records != header.records as usize {
        return Err(PageFault::Header { offset: PageHeader::records_offset() });
    }
    let total = |column: &[u32_le]| column.iter().map(|n| u64::from(n.to_native())).sum::<u64>();
    // A page's columns have at most 2^19 entries of 32 bits each: the sums cannot overflow.
    if columns.key_bytes.len() != records
        || columns.value_bytes.len() != records
        || total(&columns.key_bytes) + total(&columns.value_bytes) != columns.run.len() as u64
    {
        return Err(PageFault::Columns { record: 0 });
    }
    if columns.expiring.len() != columns.expires_at.len() {
        return Err(PageFault::Columns { record: 0 });
    }
    let mut least = 0;
    for record in columns.expiring.iter().map(|record| record.to_native()) {
        if record < least || record as usize >= records {
            return Err(PageFault::Columns { record });
        }
        least = record + 1;
    }
    let is_unknown = |kind: &u8| value_type_of(*kind, RecordKind::Whole).is_none();
    match columns.kinds.iter().position(is_unknown) {
        Some(record) => {
            Err(PageFault::RecordKind { record: record as u32, kind: columns.kinds[record] })
        }
        None => Ok(()),
    }
}

/// Hashes every key into `hashes`, checks that the records ascend through the header's range, and
/// returns the last key.
fn check_order<'a>(
    header: &PageHeader,
    part: &PartHeader,
    columns: &'a ArchivedRecords<'_>,
    hashes: &mut Vec<u64>,
) -> Result<&'a [u8], PageFault> {
    hashes.clear();
    let mut rest = columns.run.as_slice();
    let (mut last_hash, mut last_key) = (None, &rest[..0]);
    for (key_bytes, value_bytes) in columns.key_bytes.iter().zip(columns.value_bytes.iter()) {
        let (key, behind) = rest.split_at(key_bytes.to_native() as usize);
        rest = &behind[value_bytes.to_native() as usize..];
        let hash = hash_key(part.hash_seed, key);
        let place = Some(hash);
        if place < last_hash || (place == last_hash && !ascends(last_key, key, true)) {
            return Err(PageFault::Order { record: hashes.len() as u32 });
        }
        hashes.push(hash);
        (last_hash, last_key) = (place, key);
    }
    if hashes.first() != Some(&header.hashes.first) {
        return Err(PageFault::Order { record: 0 });
    }
    if last_hash != Some(header.hashes.last) {
        return Err(PageFault::Order { record: hashes.len() as u32 - 1 });
    }
    Ok(last_key)
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    #[inline]
    fn next(&mut self) -> Option<Record<'a>> {
        let number = self.next;
        let hash = *self.hashes.get(number)?;
        let (key, rest) = self.run.split_at(self.key_bytes[number].to_native() as usize);
        let (value, rest) = rest.split_at(self.value_bytes[number].to_native() as usize);
        self.run = rest;
        self.next += 1;
        let mut expires_at_unix_ms = None;
        if self.expiring.first().is_some_and(|record| record.to_native() as usize == number) {
            expires_at_unix_ms = Some(self.expires_at[0].to_native());
            self.expiring = &self.expiring[1..];
            self.expires_at = &self.expires_at[1..];
        }
        let database = self.database;
        // Checked when the page was decoded.
        let kind = self.kinds[number];
        let value_type = value_type_of(kind, RecordKind::Whole).unwrap_or(ValueType::String);
        Some(Record { database, hash, value_type, key, expires_at_unix_ms, value })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.hashes.len() - self.next;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Records<'_> {}
