//! Ids of entries.

use std::fmt;

/// Bytes of an id: both numbers, most significant byte first, so that they sort like it.
pub(super) const ID_BYTES: usize = 16;

/// The id of a stream's entry: a time, and a number that tells entries of one time apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    /// Milliseconds since the Unix epoch, or whatever the writer chose.
    pub ms: u64,
    /// Number among the entries of one time.
    pub seq: u64,
}

impl StreamId {
    /// The id below all others, which no entry has.
    pub const MIN: Self = Self { ms: 0, seq: 0 };
    /// The id above all others.
    pub const MAX: Self = Self { ms: u64::MAX, seq: u64::MAX };

    /// The id `ms-seq`.
    pub const fn new(ms: u64, seq: u64) -> Self {
        Self { ms, seq }
    }

    /// The id that follows, unless this is the last.
    pub fn next(self) -> Option<Self> {
        match (self.seq.checked_add(1), self.ms.checked_add(1)) {
            (Some(seq), _) => Some(Self { ms: self.ms, seq }),
            (None, Some(ms)) => Some(Self { ms, seq: 0 }),
            (None, None) => None,
        }
    }

    /// The id before, unless this is the first.
    pub fn previous(self) -> Option<Self> {
        match (self.seq.checked_sub(1), self.ms.checked_sub(1)) {
            (Some(seq), _) => Some(Self { ms: self.ms, seq }),
            (None, Some(ms)) => Some(Self { ms, seq: u64::MAX }),
            (None, None) => None,
        }
    }

    pub(in crate::collection) fn from_bytes(bytes: [u8; ID_BYTES]) -> Self {
        let id = u128::from_be_bytes(bytes);
        Self { ms: (id >> 64) as u64, seq: id as u64 }
    }

    pub(in crate::collection) fn to_bytes(self) -> [u8; ID_BYTES] {
        (u128::from(self.ms) << 64 | u128::from(self.seq)).to_be_bytes()
    }

    /// Takes an id off the start of `bytes`.
    pub(super) fn split(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (id, rest) = bytes.split_first_chunk::<ID_BYTES>()?;
        Some((Self::from_bytes(*id), rest))
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}
