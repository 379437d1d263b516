//! Pages.
use crate::hash::HashRange;
use crate::record::{Record, ValueType};

/// How pages are built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageOptions {
    /// What is tried on each page; a page that would not shrink by a tenth is stored raw.
    pub codec: Codec,
    /// A page is sealed when its payload reaches this length.
    pub raw_bytes_target: usize,
    /// Longest key and value together that a page takes whole; longer records go in pieces of this length.
    pub piece_bytes: usize,
}

impl Default for PageOptions {
    fn default() -> Self {
        Self { codec: Codec::None, raw_bytes_target: 128 << 10, piece_bytes: 256 << 10 }
    }
}

/// How a page's payload is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Codec {
    /// As it is.
    #[default]
    None,
    /// Zstandard.
    Zstd {
        /// 1 to 22, or a negative fast level.
        level: i32,
    },
}

/// A checked page, borrowed from its reader.
#[derive(Debug)]
pub struct Page<'a> {
    _p: std::marker::PhantomData<&'a [u8]>,
}

/// What a page holds.
#[derive(Clone, Debug)]
pub enum PageContent<'a> {
    /// Whole records.
    Records(Records<'a>),
    /// One piece of a record that is too large for a page.
    Piece(Piece<'a>),
}

impl<'a> Page<'a> {
    /// Number of the page in its part.
    pub fn number(&self) -> u32 { unimplemented!() }
    /// Database of all its records.
    pub fn database(&self) -> u16 { unimplemented!() }
    /// First and last hash.
    pub fn hashes(&self) -> HashRange { unimplemented!() }
    /// Content.
    pub fn content(&self) -> PageContent<'a> { unimplemented!() }
}

/// Iterator over the records of a page, in ascending (hash, key) order.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    _p: std::marker::PhantomData<&'a [u8]>,
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;
    fn next(&mut self) -> Option<Record<'a>> { unimplemented!() }
}

/// One piece of a record.
#[derive(Clone, Copy, Debug)]
pub struct Piece<'a> {
    /// Database.
    pub database: u16,
    /// Hash of the whole key.
    pub hash: u64,
    /// Value type.
    pub value_type: ValueType,
    /// Expiry.
    pub expires_at_unix_ms: Option<u64>,
    /// Length of the whole key.
    pub key_bytes: u64,
    /// Length of the whole value.
    pub value_bytes: u64,
    /// Where this piece stands in key and value, laid end to end.
    pub offset: u64,
    /// Part of the key.
    pub key: &'a [u8],
    /// Part of the value.
    pub value: &'a [u8],
}

/// Puts pieces together.
#[derive(Debug)]
pub struct RecordAssembler { bytes_max: u64 }

impl RecordAssembler {
    /// An assembler that refuses records of more than `bytes_max` bytes of key and value.
    pub fn new(bytes_max: u64) -> Self { Self { bytes_max } }
    /// Adds a piece; returns the record when it is whole.
    pub fn push(&mut self, piece: &Piece<'_>) -> Result<Option<Record<'_>>, crate::FormatError> { let _ = (piece, self.bytes_max); unimplemented!() }
}
