//! The fixed header of a page.

use super::{PAGE_ALIGNMENT, PAGE_BYTES_MAX, PAGE_HEADER_BYTES, RAW_BYTES_MAX};
use crate::checksum::CHECKSUM_BYTES;
use crate::error::PageFault;
use crate::fields::{is_zero, put, u16_at, u32_at, u64_at};
use crate::hash::HashRange;

/// The four bytes that every page begins with.
const MAGIC: [u8; 4] = *b"XvPg";

const KIND: usize = 4;
const CODEC: usize = 5;
const DATABASE: usize = 6;
const NUMBER: usize = 8;
const RECORDS: usize = 12;
const RAW_BYTES: usize = 16;
const STORED_BYTES: usize = 20;
const HASH_FIRST: usize = 24;
const HASH_LAST: usize = 32;
/// 28 bytes for an encryption's nonce and tag, then 12 spare ones; all zero in version 1.
const RESERVED: usize = 40;

/// What a page holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum PageKind {
    /// Whole records.
    Records = 0,
    /// One piece of one record.
    Piece = 1,
}

/// How one page's payload is stored. Codes from 128 on are reserved for encrypted payloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum StoredAs {
    /// As it is.
    Raw = 0,
    /// As one Zstandard frame.
    Zstd = 1,
}

/// The header of a page, decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PageHeader {
    pub(crate) kind: PageKind,
    pub(crate) stored_as: StoredAs,
    pub(crate) database: u16,
    pub(crate) number: u32,
    /// Records that begin in the page: none where a piece continues one.
    pub(crate) records: u32,
    pub(crate) raw_bytes: u32,
    pub(crate) stored_bytes: u32,
    pub(crate) hashes: HashRange,
}

/// Length of a page whose payload takes `stored_bytes`.
pub(crate) const fn page_bytes(stored_bytes: usize) -> usize {
    (PAGE_HEADER_BYTES + stored_bytes + CHECKSUM_BYTES).next_multiple_of(PAGE_ALIGNMENT)
}

/// Reads the page's length from its header, before anything else of it is trusted.
pub(crate) fn page_bytes_of(bytes: &[u8]) -> Result<usize, PageFault> {
    if bytes.len() < PAGE_HEADER_BYTES {
        return Err(PageFault::CutShort);
    }
    if bytes[..KIND] != MAGIC {
        return Err(PageFault::Magic);
    }
    let page_bytes = page_bytes(u32_at(bytes, STORED_BYTES).min(PAGE_BYTES_MAX as u32) as usize);
    if page_bytes > PAGE_BYTES_MAX {
        return Err(PageFault::Header { offset: STORED_BYTES as u32 });
    }
    Ok(page_bytes)
}

impl PageHeader {
    /// Writes the header into the first bytes of `page`.
    pub(crate) fn encode(&self, page: &mut [u8]) {
        put(page, 0, MAGIC);
        put(page, KIND, [self.kind as u8]);
        put(page, CODEC, [self.stored_as as u8]);
        put(page, DATABASE, self.database.to_le_bytes());
        put(page, NUMBER, self.number.to_le_bytes());
        put(page, RECORDS, self.records.to_le_bytes());
        put(page, RAW_BYTES, self.raw_bytes.to_le_bytes());
        put(page, STORED_BYTES, self.stored_bytes.to_le_bytes());
        put(page, HASH_FIRST, self.hashes.first.to_le_bytes());
        put(page, HASH_LAST, self.hashes.last.to_le_bytes());
        put(page, RESERVED, [0; PAGE_HEADER_BYTES - RESERVED]);
    }

    /// Reads the header of a page whose length and checksum hold.
    pub(crate) fn decode(page: &[u8]) -> Result<Self, PageFault> {
        let invalid = |offset: usize| PageFault::Header { offset: offset as u32 };
        let kind = match page[KIND] {
            0 => PageKind::Records,
            1 => PageKind::Piece,
            _ => return Err(invalid(KIND)),
        };
        let stored_as = match page[CODEC] {
            0 => StoredAs::Raw,
            1 => StoredAs::Zstd,
            codec => return Err(PageFault::Codec(codec)),
        };
        let header = Self {
            kind,
            stored_as,
            database: u16_at(page, DATABASE),
            number: u32_at(page, NUMBER),
            records: u32_at(page, RECORDS),
            raw_bytes: u32_at(page, RAW_BYTES),
            stored_bytes: u32_at(page, STORED_BYTES),
            hashes: HashRange::new(u64_at(page, HASH_FIRST), u64_at(page, HASH_LAST)),
        };
        if header.raw_bytes as usize > RAW_BYTES_MAX
            || (stored_as == StoredAs::Raw && header.stored_bytes != header.raw_bytes)
        {
            return Err(invalid(RAW_BYTES));
        }
        if header.hashes.first > header.hashes.last {
            return Err(invalid(HASH_FIRST));
        }
        if !is_zero(&page[RESERVED..PAGE_HEADER_BYTES]) {
            return Err(invalid(RESERVED));
        }
        let payload_end = PAGE_HEADER_BYTES + header.stored_bytes as usize;
        if !is_zero(&page[payload_end..page.len() - CHECKSUM_BYTES]) {
            return Err(invalid(payload_end));
        }
        Ok(header)
    }

    /// Compares with what the part's index says of the page.
    pub(crate) fn check_index(
        &self,
        kind: PageKind,
        database: u16,
        hashes: HashRange,
    ) -> Result<(), PageFault> {
        let disagrees = |offset: usize| Err(PageFault::Index { offset: offset as u32 });
        if self.kind != kind {
            disagrees(KIND)
        } else if self.database != database {
            disagrees(DATABASE)
        } else if self.hashes != hashes {
            disagrees(HASH_FIRST)
        } else {
            Ok(())
        }
    }

    /// The field that an invalid record count is reported at.
    pub(crate) const fn records_offset() -> u32 {
        RECORDS as u32
    }

    /// The field that a wrong page number is reported at.
    pub(crate) const fn number_offset() -> u32 {
        NUMBER as u32
    }
}

const _: () = assert!(RESERVED + 28 + 12 == PAGE_HEADER_BYTES);
const _: () = assert!(PAGE_HEADER_BYTES.is_multiple_of(16), "a payload is aligned for any archive");
