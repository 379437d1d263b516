//! Where payloads are built, and become pages of the part's object.

use super::PartHeader;
use super::header::HEADER_BLOCK_BYTES;
use super::index::{IndexEntry, PartTotals};
use super::output::Output;
use crate::checksum::{CHECKSUM_BYTES, page_checksum, part_digest};
use crate::error::FormatError;
use crate::fields::put;
use crate::hash::HashRange;
use crate::page::{
    Codec, PAGE_ALIGNMENT, PAGE_HEADER_BYTES, PageCompressor, PageHeader, PageKind, PageOptions,
    RAW_BYTES_MAX, StoredAs, page_bytes,
};
use crate::storage::{BUFFER_ALIGNMENT, Buffer, SnapshotStorage, WriteHint};

/// What a page holds, apart from its payload.
#[derive(Clone, Copy, Debug)]
pub(super) struct PageContents {
    pub(super) kind: PageKind,
    pub(super) database: u16,
    pub(super) records: u32,
    pub(super) hashes: HashRange,
}

/// The pages of a part on their way to its object.
///
/// A payload is built in [`payload_mut`](Self::payload_mut): behind the header's place in the
/// write buffer itself, or in a page beside it from where it is compressed into the write buffer.
#[derive(Debug)]
pub(super) struct PageSink {
    header: PartHeader,
    output: Output,
    compressor: PageCompressor,
    /// Where payloads are built that are to be compressed.
    scratch: Option<Buffer>,
    index: Vec<IndexEntry>,
    /// Where the next page begins in the part.
    offset: u64,
}

impl PageSink {
    /// Begins the object called `name` with the header block.
    pub(super) fn begin(
        storage: &dyn SnapshotStorage,
        header: PartHeader,
        name: &str,
        options: &PageOptions,
        hint: WriteHint,
    ) -> Result<Self, FormatError> {
        let compressor = PageCompressor::new(options.codec)?;
        let scratch_bytes = options.payload_bytes_max().next_multiple_of(BUFFER_ALIGNMENT);
        let scratch = (options.codec != Codec::None).then(|| Buffer::new(scratch_bytes));
        let mut output = Output::begin(storage, name, hint)?;
        output.make_room(HEADER_BLOCK_BYTES)?;
        let block = &mut output.spare_mut()?[..HEADER_BLOCK_BYTES];
        header.encode(options.raw_bytes_target as u32, block);
        output.advance(HEADER_BLOCK_BYTES);
        let offset = HEADER_BLOCK_BYTES as u64;
        Ok(Self { header, output, compressor, scratch, index: Vec::new(), offset })
    }

    /// Which part it is.
    #[inline]
    pub(super) fn header(&self) -> &PartHeader {
        &self.header
    }

    /// Bytes handed to the storage.
    pub(super) fn submitted_bytes(&self) -> u64 {
        self.output.submitted_bytes()
    }

    /// Makes room for a payload of `payload_bytes`, and returns how much room there is.
    pub(super) fn make_room(&mut self, payload_bytes: usize) -> Result<usize, FormatError> {
        if let Some(scratch) = &self.scratch {
            // A page is begun only where it can also be stored.
            self.output.make_room(0)?;
            return Ok(scratch.capacity().min(RAW_BYTES_MAX));
        }
        self.output.make_room(page_bytes(payload_bytes))?;
        let page_room = self.output.spare_len() - self.output.spare_len() % PAGE_ALIGNMENT;
        Ok((page_room - PAGE_HEADER_BYTES - CHECKSUM_BYTES).min(RAW_BYTES_MAX))
    }

    /// The place of the payload being built.
    #[inline]
    pub(super) fn payload_mut(&mut self) -> Result<&mut [u8], FormatError> {
        let spare = self.output.spare_mut()?;
        match &mut self.scratch {
            Some(scratch) => Ok(scratch.all_mut()),
            None => Ok(&mut spare[PAGE_HEADER_BYTES..]),
        }
    }

    /// The payload being built.
    pub(super) fn payload(&self) -> &[u8] {
        match &self.scratch {
            Some(scratch) => scratch.all(),
            None => self.output.spare().get(PAGE_HEADER_BYTES..).unwrap_or(&[]),
        }
    }

    /// Compresses the first `raw_bytes` of the payload, if that pays, and makes a page of them.
    pub(super) fn store(
        &mut self,
        contents: PageContents,
        raw_bytes: usize,
    ) -> Result<(), FormatError> {
        let PageContents { kind, database, records, hashes } = contents;
        let number = u32::try_from(self.index.len())
            .map_err(|_| FormatError::InvalidOptions("a part has no room for 2^32 pages"))?;
        let (stored_as, stored_bytes) = self.store_payload(raw_bytes)?;
        let bytes = page_bytes(stored_bytes);
        let page = &mut self.output.spare_mut()?[..bytes];
        let header = PageHeader {
            kind,
            stored_as,
            database,
            number,
            records,
            raw_bytes: raw_bytes as u32,
            stored_bytes: stored_bytes as u32,
            hashes,
        };
        header.encode(page);
        page[PAGE_HEADER_BYTES + stored_bytes..].fill(0);
        let checksum = page_checksum(&self.header, number, &page[..bytes - CHECKSUM_BYTES]);
        put(page, bytes - CHECKSUM_BYTES, checksum.to_le_bytes());
        self.output.advance(bytes);
        let (offset, bytes) = (self.offset, bytes as u32);
        self.index.push(IndexEntry { hashes, checksum, offset, bytes, database, kind });
        self.offset += u64::from(bytes);
        Ok(())
    }

    /// Brings the payload to its place in the write buffer, where it is not built there.
    fn store_payload(&mut self, raw_bytes: usize) -> Result<(StoredAs, usize), FormatError> {
        let Some(scratch) = &self.scratch else {
            return Ok((StoredAs::Raw, raw_bytes));
        };
        self.output.make_room(page_bytes(raw_bytes))?;
        let raw = &scratch.all()[..raw_bytes];
        let stored = &mut self.output.spare_mut()?[PAGE_HEADER_BYTES..];
        if let Some(stored_bytes) = self.compressor.compress(raw, stored) {
            return Ok((StoredAs::Zstd, stored_bytes));
        }
        stored[..raw_bytes].copy_from_slice(raw);
        Ok((StoredAs::Raw, raw_bytes))
    }

    /// Writes index and footer, makes the object durable, and returns its length and its digest.
    pub(super) fn finish(mut self, totals: &mut PartTotals) -> Result<(u64, u64), FormatError> {
        totals.pages = self.index.len() as u32;
        let mut digest = part_digest(&self.header);
        for entry in &self.index {
            let entry = entry.encode();
            digest.update(&entry);
            self.output.write(&entry)?;
        }
        let (footer, digest) = totals.encode_footer(self.offset, &mut digest);
        self.output.write(&footer)?;
        let bytes = self.output.bytes();
        self.output.finish()?;
        Ok((bytes, digest))
    }

    /// Gives the object up.
    pub(super) fn abort(self) {
        self.output.abort();
    }
}
