//! Writing a part: records in, pages out.

use std::io::Read;

use super::index::PartTotals;
use super::sink::{PageContents, PageSink};
use super::{PartEntry, PartHeader};
use crate::error::FormatError;
use crate::hash::{HashRange, hash_key};
use crate::page::{
    PageKind, PageOptions, PieceColumns, RecordsBuilder, Run, ascends, complete, page_bytes,
    piece_payload_max, records_payload_max, start_of_key,
};
use crate::record::{Record, RecordKind, kind_byte};
use crate::storage::{BUFFER_ALIGNMENT, SnapshotStorage, WriteHint};

/// What became of a pushed record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Pushed {
    /// It is in the page.
    Stored,
    /// It is not in this page: after [`PartWriter::seal_page`] the next one takes it.
    PageFull,
    /// It is too long for any page: [`PartWriter::push_large`] takes it.
    TooLarge,
}

/// Writes one part, front to back.
///
/// Records are pushed in strictly ascending order of database, hash and key. A record is copied
/// once: with [`Codec::None`](crate::Codec::None) straight into the buffer that the storage writes
/// from, otherwise into a page beside it that is compressed into that buffer.
///
/// # Cost
///
/// [`try_push`](Self::try_push) copies and nothing else; it is made to run under an epoch guard.
/// All other calls may block on the storage. Memory: the storage's buffers, one page more with
/// compression, and 40 bytes for each page written.
///
/// # Cancel safety
///
/// Dropping the writer gives the part up, as [`abort`](Self::abort) does. After an error, other
/// than a refused record, nothing more is stored: what would be fails with
/// [`FormatError::Poisoned`].
#[derive(Debug)]
pub struct PartWriter {
    name: String,
    options: PageOptions,
    sink: PageSink,
    page: RecordsBuilder,
    /// Longest payload that the sink takes without being asked for more room.
    payload_room: usize,
    /// Room that the record refused last asks for.
    payload_needed: usize,
    last_place: Option<(u16, u64)>,
    /// The start of the key pushed last, while `page` is empty.
    last_key: Vec<u8>,
    totals: PartTotals,
}

impl PartWriter {
    /// Begins the part `header` in an object called `name`.
    ///
    /// # Errors
    ///
    /// [`FormatError::InvalidOptions`] if a page cannot fit a buffer or a limit is exceeded,
    /// [`FormatError::UnsupportedCodec`], and [`FormatError::Storage`].
    pub fn begin(
        storage: &dyn SnapshotStorage,
        header: PartHeader,
        name: &str,
        options: PageOptions,
        hint: WriteHint,
    ) -> Result<Self, FormatError> {
        options.check()?;
        // A page follows what the buffer before it left over.
        let buffer_bytes_min = page_bytes(options.payload_bytes_max()) + BUFFER_ALIGNMENT;
        if hint.buffers_max < 2 || hint.buffer_bytes < buffer_bytes_min {
            return Err(FormatError::InvalidOptions("the write buffers are too few or too short"));
        }
        let mut writer = Self {
            name: name.to_owned(),
            options,
            sink: PageSink::begin(storage, header, name, &options, hint)?,
            page: RecordsBuilder::new(options.raw_bytes_target),
            payload_room: 0,
            payload_needed: 0,
            last_place: None,
            last_key: Vec::new(),
            totals: PartTotals::default(),
        };
        writer.begin_page()?;
        Ok(writer)
    }

    /// Copies `record` into the page being built, if it belongs there.
    ///
    /// Never blocks, allocates, compresses or does I/O.
    ///
    /// # Errors
    ///
    /// [`FormatError::OutOfOrder`] and [`FormatError::OutsideRange`] refuse the record and leave
    /// the writer as it was; [`FormatError::Poisoned`] after an earlier failure.
    #[inline]
    pub fn try_push(&mut self, record: &Record<'_>) -> Result<Pushed, FormatError> {
        let bytes = record.bytes();
        if bytes > self.options.piece_bytes as u64 {
            return Ok(Pushed::TooLarge);
        }
        self.check_place(record)?;
        let payload_max = self.page.payload_max_with(record);
        let is_full = payload_max > self.payload_room
            || (!self.page.is_empty()
                && (payload_max > self.options.raw_bytes_target
                    || record.database != self.page.database()));
        if is_full {
            self.payload_needed = records_payload_max(bytes as usize, 1, 1);
            return Ok(Pushed::PageFull);
        }
        self.page.push(record, self.sink.payload_mut()?);
        self.count(record, bytes);
        Ok(Pushed::Stored)
    }

    /// Seals the page being built, and makes room for the next one.
    ///
    /// Compresses and checksums the page, and hands the buffer to the storage when it is full;
    /// waits while all of the storage's buffers are in flight. A record that
    /// [`try_push`](Self::try_push) found no room for is stored by the next attempt.
    ///
    /// # Errors
    ///
    /// [`FormatError::Storage`] and [`FormatError::Poisoned`].
    pub fn seal_page(&mut self) -> Result<(), FormatError> {
        if !self.page.is_empty() {
            let payload = self.sink.payload_mut()?;
            self.last_key.clear();
            self.last_key.extend_from_slice(self.page.last_key(payload));
            let raw_bytes = self.page.complete(payload);
            let contents = PageContents {
                kind: PageKind::Records,
                database: self.page.database(),
                records: self.page.records(),
                hashes: self.page.hashes(),
            };
            self.page.clear();
            self.sink.store(contents, raw_bytes)?;
        }
        self.begin_page()
    }

    /// Writes a record of any length, cut into pieces if it is too long for a page.
    ///
    /// Holds one page of it at a time. May block as [`seal_page`](Self::seal_page) does.
    ///
    /// # Errors
    ///
    /// As [`try_push`](Self::try_push) and [`seal_page`](Self::seal_page).
    pub fn push_large(&mut self, record: &Record<'_>) -> Result<(), FormatError> {
        loop {
            match self.try_push(record)? {
                Pushed::Stored => return Ok(()),
                Pushed::PageFull => self.seal_page()?,
                Pushed::TooLarge => break,
            }
        }
        self.push_streamed(record, record.value.len() as u64, &mut { record.value })
    }

    /// Writes a record whose value comes from elsewhere and is `value_bytes` long, in pieces. The
    /// value in `record` is not looked at.
    ///
    /// Holds one page of it at a time. May block as [`seal_page`](Self::seal_page) does, and on
    /// `value`.
    ///
    /// # Errors
    ///
    /// As [`try_push`](Self::try_push) and [`seal_page`](Self::seal_page), and
    /// [`FormatError::InvalidOptions`] if `value` ends before its length.
    pub fn push_streamed(
        &mut self,
        record: &Record<'_>,
        value_bytes: u64,
        value: &mut dyn Read,
    ) -> Result<(), FormatError> {
        self.check_place(record)?;
        self.seal_page()?;
        let bytes = record.key.len() as u64 + value_bytes;
        let mut offset = 0;
        while offset < bytes {
            offset += self.store_piece(record, value_bytes, value, offset)? as u64;
        }
        self.last_key.clear();
        self.last_key.extend_from_slice(start_of_key(record.key));
        self.count(record, bytes);
        self.begin_page()
    }

    /// Bytes handed to the storage so far.
    pub fn submitted_bytes(&self) -> u64 {
        self.sink.submitted_bytes()
    }

    /// Records pushed so far.
    pub fn records(&self) -> u64 {
        self.totals.records
    }

    /// Seals the last page, writes index and footer, and makes the part durable under its name.
    ///
    /// # Errors
    ///
    /// [`FormatError::Storage`] and [`FormatError::Poisoned`]; nothing is left behind then.
    pub fn finish(mut self) -> Result<PartEntry, FormatError> {
        self.seal_page()?;
        let header = *self.sink.header();
        let (bytes, digest) = self.sink.finish(&mut self.totals)?;
        let PartTotals { pages, records, raw_bytes, database_max } = self.totals;
        let name = self.name;
        Ok(PartEntry { header, name, bytes, digest, pages, records, raw_bytes, database_max })
    }

    /// Gives the part up; nothing of it remains in the storage.
    pub fn abort(self) {
        self.sink.abort();
    }

    /// Makes room for a page that is worth beginning.
    ///
    /// The rest of a buffer becomes a shorter page, unless that would be shorter than half.
    fn begin_page(&mut self) -> Result<(), FormatError> {
        let least = self.payload_needed.max(self.options.raw_bytes_target / 2);
        self.payload_room = self.sink.make_room(least)?;
        self.payload_needed = 0;
        Ok(())
    }

    #[inline]
    fn check_place(&self, record: &Record<'_>) -> Result<(), FormatError> {
        let PartHeader { hash_range: range, hash_seed, .. } = *self.sink.header();
        let hash = record.hash;
        debug_assert_eq!(hash, hash_key(hash_seed, record.key), "the hash is of this key and seed");
        if !range.contains(hash) {
            return Err(FormatError::OutsideRange { hash, range });
        }
        let place = Some((record.database, hash));
        if place < self.last_place || (place == self.last_place && !self.ascends(record.key)) {
            return Err(FormatError::OutOfOrder);
        }
        Ok(())
    }

    /// Whether `key` is above the one pushed last, which has the same hash.
    #[cold]
    fn ascends(&self, key: &[u8]) -> bool {
        let start = start_of_key(key);
        let last_key = if self.page.is_empty() {
            &self.last_key
        } else {
            self.page.last_key(self.sink.payload())
        };
        ascends(last_key, start, start.len() == key.len())
    }

    #[inline]
    fn count(&mut self, record: &Record<'_>, bytes: u64) {
        self.last_place = Some((record.database, record.hash));
        self.totals.database_max = record.database;
        self.totals.records += 1;
        self.totals.raw_bytes += bytes;
    }

    /// Stores the piece of `record` at `offset`, and returns its length.
    fn store_piece(
        &mut self,
        record: &Record<'_>,
        value_bytes: u64,
        value: &mut dyn Read,
        offset: u64,
    ) -> Result<usize, FormatError> {
        let piece_bytes = self.options.piece_bytes;
        let key = record.key.get(offset as usize..).unwrap_or(&[]);
        let key = &key[..key.len().min(piece_bytes)];
        let value_left = value_bytes - offset.saturating_sub(record.key.len() as u64);
        let run_bytes = key.len() + value_left.min((piece_bytes - key.len()) as u64) as usize;
        self.sink.make_room(piece_payload_max(run_bytes))?;
        let payload = self.sink.payload_mut()?;
        payload[..key.len()].copy_from_slice(key);
        value
            .read_exact(&mut payload[key.len()..run_bytes])
            .map_err(|_| FormatError::InvalidOptions("a value is shorter than announced"))?;
        let columns = PieceColumns {
            hash: record.hash.into(),
            key_bytes: (record.key.len() as u64).into(),
            value_bytes: value_bytes.into(),
            offset: offset.into(),
            expires_at: record.expires_at_unix_ms.unwrap_or(0).into(),
            run: Run { bytes: run_bytes },
            kind: kind_byte(RecordKind::Piece, record.value_type),
            expires: u8::from(record.expires_at_unix_ms.is_some()),
            reserved: [0; 6],
        };
        let raw_bytes = complete(&columns, run_bytes, payload);
        let contents = PageContents {
            kind: PageKind::Piece,
            database: record.database,
            records: u32::from(offset == 0),
            hashes: HashRange::new(record.hash, record.hash),
        };
        self.sink.store(contents, raw_bytes)?;
        Ok(run_bytes)
    }
}
