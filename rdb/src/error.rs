//! What can be wrong with an RDB file, and with the way it is asked for.

use std::io;

use crate::Version;

/// A failure to read or write a file or a payload.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RdbError {
    /// The source or the destination failed.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The bytes do not begin like an RDB file.
    #[error("it does not begin like an RDB file")]
    NotRdb,
    /// The file is of a version that this crate does not read.
    #[error("version {0} is not supported; supported are 1 to 12 of Redis, 80 and 81 of Valkey")]
    UnknownVersion(Version),
    /// The file ends before its end marker, or in the middle of a value.
    #[error("it is cut short at offset {offset}")]
    CutShort {
        /// Where the bytes ended.
        offset: u64,
    },
    /// The bytes are not what any writer produces.
    #[error("it is damaged before offset {offset}: {fault}")]
    Damaged {
        /// Offset behind the last byte that was read.
        offset: u64,
        /// What is wrong.
        fault: Fault,
    },
    /// The checksum at the end does not match.
    #[error("its checksum is {found:016x}, its bytes have {computed:016x}")]
    Checksum {
        /// The checksum in the file.
        found: u64,
        /// The checksum of its bytes.
        computed: u64,
    },
    /// The file holds what this crate knows and has no events for.
    #[error("{what} at offset {offset} cannot be loaded")]
    Unsupported {
        /// Offset behind the last byte that was read.
        offset: u64,
        /// What it is, with its name.
        what: Box<str>,
    },
    /// A string is longer than the options allow.
    #[error("a string of {bytes} bytes before offset {offset} exceeds the limit of {bytes_max}")]
    TooLong {
        /// Offset behind the last byte that was read.
        offset: u64,
        /// How long it says it is.
        bytes: u64,
        /// The limit.
        bytes_max: u64,
    },
    /// The version being written cannot hold something.
    #[error("{what} of key \"{key}\" needs RDB version {needed}, version {chosen} would lose it")]
    NeedsVersion {
        /// The escaped key, cut to 64 bytes.
        key: Box<str>,
        /// What would be lost.
        what: &'static str,
        /// The lowest version that holds it.
        needed: u16,
        /// The version being written.
        chosen: u16,
    },
    /// No version of the format can hold a value.
    #[error("{what} of key \"{key}\" fits in no RDB file")]
    Unwritable {
        /// The escaped key, cut to 64 bytes.
        key: Box<str>,
        /// What does not fit.
        what: &'static str,
    },
    /// Options ask for something that cannot be done.
    #[error("{0}")]
    InvalidOptions(&'static str),
    /// The caller of a writer gave an event that cannot follow the ones before it.
    #[error("an event out of sequence: {0}")]
    OutOfSequence(&'static str),
    /// An earlier call failed; the writer cannot be continued.
    #[error("an earlier failure ended this file")]
    Poisoned,
}

impl RdbError {
    /// Whether bytes that were read are not what once was written.
    pub fn is_corruption(&self) -> bool {
        matches!(
            self,
            Self::NotRdb | Self::CutShort { .. } | Self::Damaged { .. } | Self::Checksum { .. }
        )
    }

    /// Whether the same call may succeed later without anybody changing anything.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Io(error) if error.kind() == io::ErrorKind::Interrupted
            || error.kind() == io::ErrorKind::TimedOut)
    }
}

/// Why bytes are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// A byte that is neither an opcode nor the type of a value.
    #[error("{0} is no type of a value")]
    Type(u8),
    /// A length in a form that does not exist.
    #[error("a length is invalid")]
    Length,
    /// A string in a form that does not exist.
    #[error("a string has an unknown encoding")]
    String,
    /// Compressed bytes that do not decompress to the length beside them.
    #[error("a string does not decompress")]
    Lzf,
    /// A number that should be one is not.
    #[error("a number is invalid")]
    Number,
    /// A ziplist whose parts contradict each other.
    #[error("a ziplist is invalid")]
    Ziplist,
    /// A listpack whose parts contradict each other.
    #[error("a listpack is invalid")]
    Listpack,
    /// A set of integers that is not sorted or not as long as it says.
    #[error("an intset is invalid")]
    Intset,
    /// A zipmap whose parts contradict each other.
    #[error("a zipmap is invalid")]
    Zipmap,
    /// A node of a list that is of no known kind.
    #[error("a list's node is invalid")]
    Quicklist,
    /// A pair of which one half is missing.
    #[error("a field without a value")]
    OddLength,
    /// A score that is not a number.
    #[error("a score is not a number")]
    Score,
    /// A stream whose parts contradict each other.
    #[error("a stream is invalid: {0}")]
    Stream(&'static str),
    /// A compressed blob that does not decompress, or is not closed.
    #[error("a compressed blob is invalid")]
    Blob,
    /// Data of a module that is not built as such data is.
    #[error("a module's data is invalid")]
    Module,
    /// The number of a database that nobody has.
    #[error("the number of a database is invalid")]
    Database,
    /// Bytes behind the end of a payload.
    #[error("bytes behind the value")]
    Trailing,
}

/// A key as messages show it.
pub(crate) fn shown(key: &[u8]) -> Box<str> {
    key[..key.len().min(64)].escape_ascii().to_string().into()
}
