//! Versions of the format.

use std::fmt;

/// A version of the format: whose, and its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// Redis's, 1 to 12; also what Valkey wrote before its version 9, and Dragonfly writes.
    Redis(u16),
    /// Valkey's own, 80 and 81.
    Valkey(u16),
}

impl Version {
    /// What Redis 5 and 6 write, and everything since reads: streams, scores in binary.
    pub const REDIS_9: Self = Self::Redis(9);
    /// What Redis 7.0 writes: streams with the counters of their groups.
    pub const REDIS_10: Self = Self::Redis(10);
    /// What Redis 7.2 and Valkey 7 and 8 write: consumers with the time they were last active.
    pub const REDIS_11: Self = Self::Redis(11);
    /// What Redis 7.4 and 8.0 write: fields of hashes that expire.
    pub const REDIS_12: Self = Self::Redis(12);

    /// The version a file says it is of in its first nine bytes; `None` if it is no RDB.
    pub(crate) fn parse(header: [u8; 9]) -> Option<Self> {
        let digits = |digits: &[u8]| {
            let text = std::str::from_utf8(digits).ok()?;
            text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
        };
        match header.strip_prefix(b"REDIS") {
            Some(number) => digits(number).map(Self::Redis),
            None => digits(header.strip_prefix(b"VALKEY")?).map(Self::Valkey),
        }
    }

    /// The version that a payload of `DUMP` says it is of.
    pub(crate) fn of_payload(number: u16) -> Self {
        if number >= 80 { Self::Valkey(number) } else { Self::Redis(number) }
    }

    /// Whether this crate reads it.
    pub fn is_supported(self) -> bool {
        match self {
            Self::Redis(number) => (1..=12).contains(&number),
            Self::Valkey(number) => (80..=81).contains(&number),
        }
    }

    /// Its number without whose it is.
    pub fn number(self) -> u16 {
        match self {
            Self::Redis(number) | Self::Valkey(number) => number,
        }
    }

    pub(crate) fn is_valkey(self) -> bool {
        matches!(self, Self::Valkey(_))
    }

    /// Whether files of it end in a checksum.
    pub(crate) fn has_checksum(self) -> bool {
        self.number() >= 5
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Redis(number) => write!(f, "{number} of Redis"),
            Self::Valkey(number) => write!(f, "{number} of Valkey"),
        }
    }
}
