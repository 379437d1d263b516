//! Reading what is left of a part whose index cannot be trusted.

use super::header::HEADER_BLOCK_BYTES;
use super::index::IndexEntry;
use super::read_ahead::{ReadAhead, ReadHint};
use super::reader::damaged_page;
use super::{PartEntry, PartHeader};
use crate::checksum::{page_checksum, split_checksum};
use crate::error::FormatError;
use crate::page::{
    PAGE_ALIGNMENT, PAGE_BYTES_MAX, PAGE_HEADER_BYTES, Page, PageHeader, PageScratch, page_bytes_of,
};
use crate::storage::SnapshotStorage;

/// Bytes that are looked through at a time.
const WINDOW_BYTES: usize = 4 << 20;

/// Finds the pages of a part by their own headers and checksums, whatever has become of its
/// header block, its index, its footer and its length.
///
/// For a part that [`PartReader`](super::PartReader) refuses: what comes out is sound page by
/// page and in order, but nothing tells whether pages are missing between them.
///
/// # Memory
///
/// 4 MiB, one decompressed page, and eight bytes for each record of a page.
#[derive(Debug)]
pub struct PartSalvage {
    entry: PartEntry,
    input: ReadAhead,
    scratch: PageScratch,
    /// Where the next page may begin.
    at: u64,
    window: std::ops::Range<u64>,
    /// The least number that the next page may have.
    next: u32,
}

impl PartSalvage {
    /// Opens the object of the part that `entry` lists.
    ///
    /// # Errors
    ///
    /// [`FormatError::Storage`] if it is not there or cannot be read.
    pub fn open(storage: &dyn SnapshotStorage, entry: &PartEntry) -> Result<Self, FormatError> {
        let hint = ReadHint { buffers: 1, buffer_bytes: WINDOW_BYTES };
        let input = ReadAhead::open(storage, &entry.name, hint)?;
        Ok(Self {
            entry: entry.clone(),
            input,
            scratch: PageScratch::default(),
            at: HEADER_BLOCK_BYTES as u64,
            window: 0..0,
            next: 0,
        })
    }

    /// Returns the next page that is sound, or `None` behind the last one.
    ///
    /// # Errors
    ///
    /// [`FormatError::Page`] names a page whose checksum holds and whose content does not; the
    /// next call goes on behind it. [`FormatError::Storage`] is final.
    pub fn next_page(&mut self) -> Result<Option<Page<'_>>, FormatError> {
        let Some((place, number)) = self.find()? else { return Ok(None) };
        self.at = place.end();
        self.next = number + 1;
        let bytes = self.input.bytes(place.offset, place.bytes as usize)?;
        match Page::decode_intact(bytes, &self.entry.header, number, &mut self.scratch) {
            Ok(page) => Ok(Some(page)),
            Err(fault) => Err(damaged_page(&self.entry, number, &place, fault).into()),
        }
    }

    /// Bytes of the part that have been looked through.
    pub fn bytes_passed(&self) -> u64 {
        self.at
    }

    /// Looks for the next page whose checksum holds. Its bytes are in the window.
    fn find(&mut self) -> Result<Option<(IndexEntry, u32)>, FormatError> {
        let end = self.input.object_bytes();
        while self.at + PAGE_HEADER_BYTES as u64 <= end {
            let wanted_end = (self.at + PAGE_BYTES_MAX as u64).min(end);
            if self.at < self.window.start || wanted_end > self.window.end {
                self.input.seek(self.at, end)?;
                self.window = self.at..self.input.first_window_end(self.at).min(end);
            }
            let rest = (self.window.end - self.at) as usize;
            let bytes = self.input.bytes(self.at, rest)?;
            match page_at_start(bytes, &self.entry.header, self.next) {
                Ok((header, checksum, length)) => {
                    let place = IndexEntry {
                        kind: header.kind,
                        database: header.database,
                        hashes: header.hashes,
                        offset: self.at,
                        bytes: length as u32,
                        checksum,
                    };
                    return Ok(Some((place, header.number)));
                }
                Err(skip) => self.at += skip as u64,
            }
        }
        Ok(None)
    }
}

/// The page that `bytes` begin with, its checksum and length; or how far it is at least to the
/// place where the next one may begin.
fn page_at_start(
    bytes: &[u8],
    part: &PartHeader,
    number_min: u32,
) -> Result<(PageHeader, u64, usize), usize> {
    let Ok(length) = page_bytes_of(bytes) else {
        let mut places = (PAGE_ALIGNMENT..bytes.len()).step_by(PAGE_ALIGNMENT);
        let next = places.find(|&place| page_bytes_of(&bytes[place..]).is_ok());
        // Whatever is too short for a header is looked at again, with what comes behind it.
        let unclear = bytes.len().saturating_sub(PAGE_HEADER_BYTES);
        let unclear = (unclear - unclear % PAGE_ALIGNMENT).max(PAGE_ALIGNMENT);
        return Err(next.unwrap_or(unclear));
    };
    let sound = || {
        let page = bytes.get(..length)?;
        let (covered, checksum) = split_checksum(page)?;
        let header = PageHeader::decode(page).ok()?;
        let expected = page_checksum(part, header.number, covered);
        (header.number >= number_min && checksum == expected).then_some((header, checksum, length))
    };
    sound().ok_or(PAGE_ALIGNMENT)
}
