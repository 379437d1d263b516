//! Finding one key in a part without reading the part.

use super::PartEntry;
use super::index::{IndexEntry, read_index};
use super::read_ahead::{ReadAhead, ReadHint};
use super::reader::{check_page, damaged_page};
use crate::error::{FormatError, PartFault};
use crate::hash::hash_key;
use crate::page::{PAGE_BYTES_MAX, PageContent, PageScratch, RecordAssembler};
use crate::record::{Record, ValueType};
use crate::storage::{BUFFER_ALIGNMENT, SnapshotStorage};

/// A record found by its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundRecord {
    /// How `value` is to be understood.
    pub value_type: ValueType,
    /// Milliseconds since the Unix epoch at which the key expires, if it does.
    pub expires_at_unix_ms: Option<u64>,
    /// The value.
    pub value: Vec<u8>,
}

impl FoundRecord {
    fn of(record: &Record<'_>) -> Self {
        Self {
            value_type: record.value_type,
            expires_at_unix_ms: record.expires_at_unix_ms,
            value: record.value.to_vec(),
        }
    }
}

/// Finds keys in one part: opening reads its page index, a search reads one page.
///
/// A record in pieces takes as many pages as it has pieces; keys with equal hashes may take one
/// more. Memory: 40 bytes for each page of the part, and one page.
#[derive(Debug)]
pub struct PartFinder {
    entry: PartEntry,
    index: Vec<IndexEntry>,
    input: ReadAhead,
    scratch: PageScratch,
}

impl PartFinder {
    /// Reads and checks the index of the part that `entry` lists.
    ///
    /// # Errors
    ///
    /// As [`PartReader::open`](super::PartReader::open).
    pub fn open(storage: &dyn SnapshotStorage, entry: &PartEntry) -> Result<Self, FormatError> {
        // One window takes any page, wherever it begins in a block.
        let buffer_bytes = PAGE_BYTES_MAX + BUFFER_ALIGNMENT;
        let hint = ReadHint { buffers: 1, buffer_bytes };
        let mut input = ReadAhead::open(storage, &entry.name, hint)?;
        let (found, expected) = (input.object_bytes(), entry.bytes);
        if found != expected {
            return Err(entry.damaged(PartFault::Length { found, expected }));
        }
        let index = read_index(entry, &mut input)?;
        Ok(Self { entry: entry.clone(), index, input, scratch: PageScratch::default() })
    }

    /// Returns the record of `key` in `database`, if the part has one.
    ///
    /// # Errors
    ///
    /// [`FormatError::Page`] if a page is damaged that may hold it, and
    /// [`FormatError::BrokenRecord`] if its pieces do not fit;
    /// [`FormatError::RecordTooLarge`] if key and value are longer than `record_bytes_max`;
    /// [`FormatError::Storage`].
    pub fn find(
        &mut self,
        database: u16,
        key: &[u8],
        record_bytes_max: u64,
    ) -> Result<Option<FoundRecord>, FormatError> {
        let seed = self.entry.header.hash_seed;
        let hash = hash_key(seed, key);
        let mut assembler = RecordAssembler::new(seed, record_bytes_max);
        let below = |place: &IndexEntry| (place.database, place.hashes.last) < (database, hash);
        let first = self.index.partition_point(below);
        let may_hold =
            |place: &&IndexEntry| place.database == database && place.hashes.first <= hash;
        for (place, number) in self.index[first..].iter().take_while(may_hold).zip(first as u32..) {
            self.input.seek(place.offset, place.end())?;
            let bytes = self.input.bytes(place.offset, place.bytes as usize)?;
            let page = check_page(bytes, &self.entry.header, place, number, &mut self.scratch)
                .map_err(|fault| damaged_page(&self.entry, number, place, fault))?;
            let found = match page.content() {
                PageContent::Records(records) => {
                    records.clone().find(|record| record.hash == hash && record.key == key)
                }
                // Pieces of another long key of this hash must not fail for their length.
                PageContent::Piece(piece) if piece.key_bytes != key.len() as u64 => None,
                PageContent::Piece(piece) => {
                    assembler.push(piece)?.filter(|record| record.key == key)
                }
            };
            if let Some(record) = found {
                return Ok(Some(FoundRecord::of(&record)));
            }
        }
        Ok(None)
    }
}
