//! What the pages of a part add up to, while they are read.

use super::index::PartTotals;
use super::{PartEntry, PartHeader};
use crate::error::{PageFault, PartFault};
use crate::page::{Page, PageContent, Piece, PieceSequence, ascends, start_of_key};

/// What the pages so far add up to, and what the next one must follow.
#[derive(Debug, Default)]
pub(super) struct Progress {
    totals: PartTotals,
    last_place: Option<(u16, u64)>,
    /// The start of the last key.
    last_key: Vec<u8>,
    pieces: PieceSequence,
    /// Whether something was reported: the totals say nothing more then.
    is_broken: bool,
}

impl Progress {
    /// Takes a page that is sound by itself.
    pub(super) fn take(&mut self, part: &PartHeader, page: &Page<'_>) -> Result<(), PageFault> {
        let raw_bytes = match page.content() {
            PageContent::Records(_) if self.pieces.is_open() => return Err(PageFault::Piece),
            PageContent::Records(records) => {
                let first_key = records.clone().next().map_or(&[][..], |record| record.key);
                self.check_follows(page, start_of_key(first_key), first_key.len() as u64)?;
                self.keep_last(page, records.last_key());
                records.run_bytes()
            }
            PageContent::Piece(piece) => self.take_piece(part, page, piece)?,
        };
        self.totals.raw_bytes += raw_bytes;
        self.totals.pages += 1;
        self.totals.records += u64::from(page.records());
        self.totals.database_max = page.database();
        Ok(())
    }

    fn take_piece(
        &mut self,
        part: &PartHeader,
        page: &Page<'_>,
        piece: &Piece<'_>,
    ) -> Result<u64, PageFault> {
        self.pieces.push(piece, part.hash_seed)?;
        if piece.offset == 0 {
            self.check_follows(page, start_of_key(piece.key), piece.key_bytes)?;
            self.keep_last(page, piece.key);
        }
        Ok(piece.key.len() as u64 + piece.value.len() as u64)
    }

    /// Forgets what a page that cannot be used would have been part of.
    pub(super) fn skip(&mut self) {
        self.pieces.reset();
        self.is_broken = true;
    }

    /// Compares with what the manifest promises of the whole part. Reports a difference once.
    pub(super) fn finish(&mut self, entry: &PartEntry) -> Result<(), PartFault> {
        if std::mem::replace(&mut self.is_broken, true) {
            return Ok(());
        }
        if self.pieces.is_open() {
            return Err(PartFault::IncompleteRecord);
        }
        if self.totals != PartTotals::of(entry) {
            return Err(PartFault::Totals);
        }
        Ok(())
    }

    /// Checks that the page's first key, of which `start` is known, follows the last one.
    fn check_follows(
        &self,
        page: &Page<'_>,
        start: &[u8],
        key_bytes: u64,
    ) -> Result<(), PageFault> {
        let place = Some((page.database(), page.hashes().first));
        let key_is_whole = start.len() as u64 == key_bytes;
        if place < self.last_place
            || (place == self.last_place && !ascends(&self.last_key, start, key_is_whole))
        {
            return Err(PageFault::Order { record: 0 });
        }
        Ok(())
    }

    fn keep_last(&mut self, page: &Page<'_>, key: &[u8]) {
        self.last_place = Some((page.database(), page.hashes().last));
        self.last_key.clear();
        self.last_key.extend_from_slice(start_of_key(key));
    }
}
