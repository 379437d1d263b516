//! Reading a part front to back.

use super::header::HEADER_BLOCK_BYTES;
use super::index::{IndexEntry, read_index};
use super::progress::Progress;
use super::read_ahead::{ReadAhead, ReadHint};
use super::{PartEntry, PartHeader};
use crate::checksum::{page_checksum, split_checksum};
use crate::error::{DamagedPage, FormatError, PageFault, PartFault};
use crate::page::{Page, PageScratch, page_bytes_of};
use crate::storage::SnapshotStorage;

/// Reads the pages of one part in order, with several reads in flight, and checks all there is to
/// check: each page by itself, against the index and against the page before, and at the end the
/// part's totals against its manifest.
///
/// # Memory
///
/// The buffers of its [`ReadHint`], one decompressed page, eight bytes for each record of a page,
/// and 40 bytes for each page of the part.
#[derive(Debug)]
pub struct PartReader {
    entry: PartEntry,
    index: Vec<IndexEntry>,
    input: ReadAhead,
    scratch: PageScratch,
    next: u32,
    progress: Progress,
}

impl PartReader {
    /// Opens the part that `entry` lists, checks its header block, index and footer, and begins
    /// to read its pages.
    ///
    /// # Errors
    ///
    /// [`FormatError::Part`] if it is not that part or its index is damaged,
    /// [`FormatError::UnknownVersion`], [`FormatError::InvalidOptions`] for an impossible hint,
    /// and [`FormatError::Storage`].
    pub fn open(
        storage: &dyn SnapshotStorage,
        entry: &PartEntry,
        hint: ReadHint,
    ) -> Result<Self, FormatError> {
        let mut input = ReadAhead::open(storage, &entry.name, hint)?;
        let (found, expected) = (input.object_bytes(), entry.bytes);
        if found != expected {
            return Err(entry.damaged(PartFault::Length { found, expected }));
        }
        let index = read_index(entry, &mut input)?;
        let pages_end = index.last().map_or(HEADER_BLOCK_BYTES as u64, IndexEntry::end);
        input.seek(0, pages_end)?;
        let block = input.bytes(0, HEADER_BLOCK_BYTES)?;
        if PartHeader::decode(&entry.name, block)? != entry.header {
            return Err(entry.damaged(PartFault::Header));
        }
        Ok(Self {
            entry: entry.clone(),
            index,
            input,
            scratch: PageScratch::default(),
            next: 0,
            progress: Progress::default(),
        })
    }

    /// Returns the next page, checked, or `None` behind the last one.
    ///
    /// # Errors
    ///
    /// [`FormatError::Page`] names a page that is damaged; the next call goes on with the page
    /// behind it, so that the rest can be salvaged. [`FormatError::Part`] is returned once, at
    /// the end, if the pages do not add up. [`FormatError::Storage`] is final.
    pub fn next_page(&mut self) -> Result<Option<Page<'_>>, FormatError> {
        let number = self.next;
        let Some(place) = self.index.get(number as usize) else {
            return match self.progress.finish(&self.entry) {
                Ok(()) => Ok(None),
                Err(fault) => Err(self.entry.damaged(fault)),
            };
        };
        self.next += 1;
        let bytes = self.input.bytes(place.offset, place.bytes as usize)?;
        let checked = check_page(bytes, &self.entry.header, place, number, &mut self.scratch)
            .and_then(|page| self.progress.take(&self.entry.header, &page).map(|()| page));
        match checked {
            Ok(page) => Ok(Some(page)),
            Err(fault) => {
                self.progress.skip();
                Err(damaged_page(&self.entry, number, place, fault).into())
            }
        }
    }

    /// The part's entry in the manifest.
    pub fn entry(&self) -> &PartEntry {
        &self.entry
    }

    /// Bytes of the part up to the page that is returned next.
    pub fn bytes_passed(&self) -> u64 {
        match self.index.get(self.next as usize) {
            Some(place) => place.offset,
            None => self.entry.bytes,
        }
    }
}

/// Checks the page that the index has at `place`.
pub(super) fn check_page<'a>(
    bytes: &'a [u8],
    part: &PartHeader,
    place: &IndexEntry,
    number: u32,
    scratch: &'a mut PageScratch,
) -> Result<Page<'a>, PageFault> {
    let (covered, checksum) = split_checksum(bytes).ok_or(PageFault::CutShort)?;
    if checksum != place.checksum || page_checksum(part, number, covered) != checksum {
        return Err(PageFault::Checksum);
    }
    if page_bytes_of(bytes)? != bytes.len() {
        return Err(PageFault::CutShort);
    }
    let page = Page::decode_intact(bytes, part, number, scratch)?;
    page.header().check_index(place.kind, place.database, place.hashes)?;
    Ok(page)
}

/// Describes a damaged page.
pub(super) fn damaged_page(
    entry: &PartEntry,
    page: u32,
    place: &IndexEntry,
    fault: PageFault,
) -> DamagedPage {
    DamagedPage {
        part: entry.name.as_str().into(),
        page,
        offset: place.offset,
        database: place.database,
        hashes: place.hashes,
        fault,
    }
}
