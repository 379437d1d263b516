//! Records too long for a page: one piece a page, and putting the pieces together again.

use xxhash_rust::xxh3::Xxh3;

use super::archive::ArchivedPiece;
use super::header::PageHeader;
use crate::error::{FormatError, PageFault};
use crate::fields::is_zero;
use crate::hash::HashSeed;
use crate::record::{Record, RecordKind, ValueType, value_type_of};

/// One piece of a record: consecutive bytes of its key and its value, laid end to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    /// Number of the database the key is in.
    pub database: u16,
    /// [`hash_key`](crate::hash_key) of the whole key under the snapshot's seed.
    pub hash: u64,
    /// How the value is to be understood.
    pub value_type: ValueType,
    /// Milliseconds since the Unix epoch at which the key expires, if it does.
    pub expires_at_unix_ms: Option<u64>,
    /// Length of the whole key.
    pub key_bytes: u64,
    /// Length of the whole value.
    pub value_bytes: u64,
    /// Where the piece begins in the key and the value laid end to end.
    pub offset: u64,
    /// The piece's bytes of the key.
    pub key: &'a [u8],
    /// The piece's bytes of the value.
    pub value: &'a [u8],
}

impl<'a> Piece<'a> {
    /// Bytes of the whole record's key and value. Cannot overflow in a decoded piece.
    pub fn record_bytes(&self) -> u64 {
        self.key_bytes + self.value_bytes
    }

    /// Where the next piece begins.
    fn end(&self) -> u64 {
        self.offset + self.key.len() as u64 + self.value.len() as u64
    }

    pub(super) fn decode(
        header: &PageHeader,
        columns: &'a ArchivedPiece,
    ) -> Result<Self, PageFault> {
        let (key_bytes, value_bytes) =
            (columns.key_bytes.to_native(), columns.value_bytes.to_native());
        let (offset, run) = (columns.offset.to_native(), columns.run.as_slice());
        let end = offset.checked_add(run.len() as u64).ok_or(PageFault::Piece)?;
        let record_bytes = key_bytes.checked_add(value_bytes).ok_or(PageFault::Piece)?;
        if run.is_empty() || end > record_bytes || !is_zero(&columns.reserved) {
            return Err(PageFault::Piece);
        }
        if header.records != u32::from(offset == 0) {
            return Err(PageFault::Header { offset: PageHeader::records_offset() });
        }
        let hash = columns.hash.to_native();
        if header.hashes.first != hash || header.hashes.last != hash {
            return Err(PageFault::Order { record: 0 });
        }
        let kind = columns.kind;
        let value_type = value_type_of(kind, RecordKind::Piece)
            .ok_or(PageFault::RecordKind { record: 0, kind })?;
        let expires_at_unix_ms = match (columns.expires, columns.expires_at.to_native()) {
            (0, 0) => None,
            (1, at) => Some(at),
            _ => return Err(PageFault::Piece),
        };
        let key_in_run = key_bytes.saturating_sub(offset).min(run.len() as u64) as usize;
        let (key, value) = run.split_at(key_in_run);
        Ok(Self {
            database: header.database,
            hash,
            value_type,
            expires_at_unix_ms,
            key_bytes,
            value_bytes,
            offset,
            key,
            value,
        })
    }

    /// What all pieces of one record have in common.
    fn record(&self) -> (u16, u64, ValueType, Option<u64>, u64, u64) {
        (
            self.database,
            self.hash,
            self.value_type,
            self.expires_at_unix_ms,
            self.key_bytes,
            self.value_bytes,
        )
    }
}

/// Checks that pieces come in order and without gaps, and that the key has the hash they say.
#[derive(Default)]
pub(crate) struct PieceSequence {
    /// The last piece without its bytes, and the running hash of the key.
    open: Option<(Piece<'static>, u64, Xxh3)>,
}

impl PieceSequence {
    /// Whether a record was begun and is not whole.
    pub(crate) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Forgets a record that was begun.
    pub(crate) fn reset(&mut self) {
        self.open = None;
    }

    /// Takes the next piece, and tells whether it completes its record.
    pub(crate) fn push(&mut self, piece: &Piece<'_>, seed: HashSeed) -> Result<bool, PageFault> {
        let mut key_hash = match self.open.take() {
            None if piece.offset == 0 => Xxh3::with_seed(seed.0),
            Some((open, end, key_hash))
                if open.record() == piece.record() && end == piece.offset =>
            {
                key_hash
            }
            _ => return Err(PageFault::Piece),
        };
        key_hash.update(piece.key);
        let end = piece.end();
        let key_is_whole = end >= piece.key_bytes;
        // Checked again with every piece of the value, which costs nothing beside its page.
        if key_is_whole && key_hash.digest() != piece.hash {
            return Err(PageFault::Order { record: 0 });
        }
        if end == piece.record_bytes() {
            return Ok(true);
        }
        let without_bytes = Piece { key: &[], value: &[], ..*piece };
        self.open = Some((without_bytes, end, key_hash));
        Ok(false)
    }
}

impl std::fmt::Debug for PieceSequence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PieceSequence").field("is_open", &self.is_open()).finish()
    }
}

/// Passes the values of long records on as they come, one piece after another.
///
/// Holds the key alone, whose memory grows with the pieces that arrive, never with a length that
/// one of them claims.
#[derive(Debug)]
pub struct RecordStream {
    seed: HashSeed,
    sequence: PieceSequence,
    key: Vec<u8>,
}

/// What a [`RecordStream`] made of a piece.
#[derive(Clone, Copy, Debug)]
pub struct StreamedPiece<'s> {
    /// Whether it begins a record.
    pub is_first: bool,
    /// Whether it completes its record.
    pub is_last: bool,
    /// The key as far as it is known; whole where `is_last`.
    pub key: &'s [u8],
}

impl RecordStream {
    /// A stream of records hashed under `seed`.
    pub fn new(seed: HashSeed) -> Self {
        Self { seed, sequence: PieceSequence::default(), key: Vec::new() }
    }

    /// Checks that `piece` is the one that must follow.
    ///
    /// # Errors
    ///
    /// [`FormatError::BrokenRecord`] if it is not. The stream is ready for the first piece of
    /// another record then.
    pub fn push(&mut self, piece: &Piece<'_>) -> Result<StreamedPiece<'_>, FormatError> {
        let is_first = piece.offset == 0;
        if is_first {
            self.key.clear();
        }
        let (database, hash) = (piece.database, piece.hash);
        let is_last = self
            .sequence
            .push(piece, self.seed)
            .map_err(|fault| FormatError::BrokenRecord { database, hash, fault })?;
        self.key.extend_from_slice(piece.key);
        Ok(StreamedPiece { is_first, is_last, key: &self.key })
    }

    /// Whether a record was begun and is not whole: at the end of a part, a sign of damage.
    pub fn is_open(&self) -> bool {
        self.sequence.is_open()
    }

    /// Forgets a record that was begun.
    pub fn reset(&mut self) {
        self.sequence.reset();
    }
}

/// Puts the pieces of long records together, one record after another.
///
/// Memory grows with the pieces that arrive, never with a length that one of them claims, and is
/// kept for the next record.
#[derive(Debug)]
pub struct RecordAssembler {
    seed: HashSeed,
    record_bytes_max: u64,
    sequence: PieceSequence,
    /// The key and the value laid end to end, as far as they are known.
    bytes: Vec<u8>,
}

impl RecordAssembler {
    /// An assembler for records hashed under `seed` that refuses one of more than
    /// `record_bytes_max` bytes of key and value.
    pub fn new(seed: HashSeed, record_bytes_max: u64) -> Self {
        Self { seed, record_bytes_max, sequence: PieceSequence::default(), bytes: Vec::new() }
    }

    /// Adds a piece, and returns the record if it is whole.
    ///
    /// # Errors
    ///
    /// [`FormatError::RecordTooLarge`] at the first piece of a record beyond the limit, and
    /// [`FormatError::BrokenRecord`] if the piece is not the one that must follow. After either
    /// the assembler is ready for the first piece of another record.
    pub fn push(&mut self, piece: &Piece<'_>) -> Result<Option<Record<'_>>, FormatError> {
        let bytes = piece.key_bytes.saturating_add(piece.value_bytes);
        if bytes > self.record_bytes_max {
            self.sequence.reset();
            return Err(FormatError::RecordTooLarge { bytes, bytes_max: self.record_bytes_max });
        }
        if piece.offset == 0 {
            self.bytes.clear();
        }
        let (database, hash) = (piece.database, piece.hash);
        let whole = self
            .sequence
            .push(piece, self.seed)
            .map_err(|fault| FormatError::BrokenRecord { database, hash, fault })?;
        self.bytes.extend_from_slice(piece.key);
        self.bytes.extend_from_slice(piece.value);
        if !whole {
            return Ok(None);
        }
        let (key, value) = self.bytes.split_at(piece.key_bytes as usize);
        Ok(Some(Record {
            database,
            hash,
            value_type: piece.value_type,
            key,
            expires_at_unix_ms: piece.expires_at_unix_ms,
            value,
        }))
    }

    /// Whether a record was begun and is not whole: at the end of a part, a sign of damage.
    pub fn is_open(&self) -> bool {
        self.sequence.is_open()
    }

    /// Gives a record's memory back.
    pub fn shrink(&mut self) {
        self.sequence.reset();
        self.bytes = Vec::new();
    }
}
