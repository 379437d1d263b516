//! What can go wrong in a store.

use exuvia_snapshot_format::storage::{StorageError, StorageErrorKind};

/// Why an operation on a [`Store`](crate::Store) failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A key is longer than [`KEY_BYTES_MAX`](crate::Options).
    #[error("key of {bytes} bytes is longer than the {bytes_max} bytes allowed")]
    KeyTooLong {
        /// Length of the key.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// A value is longer than the limit.
    #[error("value of {bytes} bytes is longer than the {bytes_max} bytes allowed")]
    ValueTooLong {
        /// Length of the value.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// The key holds a value of another type: a string where a collection was asked for, or one
    /// collection where another was.
    #[error("the key holds a value of another type")]
    WrongType,
    /// More keys have hashes so alike than a table holds. Takes keys that were made to collide.
    #[error("too many keys with colliding hashes")]
    HashCollisions,
    /// The database index is not below [`Options::databases`](crate::Options::databases).
    #[error("database {index} is out of range, the store has {databases}")]
    NoSuchDatabase {
        /// The index asked for.
        index: u32,
        /// How many databases there are.
        databases: u32,
    },
    /// As many snapshots are open as the store can have at once.
    #[error("{open} snapshots are open, as many as a store can have")]
    TooManySnapshots {
        /// How many are open.
        open: usize,
    },
    /// An option has a value that the store cannot work with.
    #[error("option {option}: {reason}")]
    InvalidOption {
        /// Name of the option.
        option: &'static str,
        /// What is wrong with it and what is accepted.
        reason: String,
    },
    /// The store was created without a place to keep snapshots.
    #[error("the store has no storage for snapshots")]
    NoStorage,
    /// A save is running already.
    #[error("a save is running already")]
    SaveInProgress,
    /// The save was cancelled, or the store was closed under it.
    #[error("the save was cancelled")]
    SaveCancelled,
    /// A running save held more superseded bytes than it may.
    #[error("the save held {held_bytes} superseded bytes, more than the {bytes_max} allowed")]
    SnapshotMemoryExceeded {
        /// Bytes of superseded values held for the cut.
        held_bytes: u64,
        /// The limit.
        bytes_max: u64,
    },
    /// Too little room on the storage for the snapshot.
    #[error("{location} has {free_bytes} bytes free, the snapshot needs about {needed_bytes}")]
    NotEnoughSpace {
        /// The storage.
        location: String,
        /// Bytes free.
        free_bytes: u64,
        /// Bytes that the snapshot will need, estimated.
        needed_bytes: u64,
    },
    /// The data was never loaded completely, so saving it would publish a snapshot that lies.
    #[error("nothing is saved, because loading failed: {reason}")]
    NotLoaded {
        /// Why loading failed.
        reason: String,
    },
    /// Another process saves under the same directory and name.
    #[error("{path} is locked: another process saves to this directory under the same name")]
    Locked {
        /// The lock file.
        path: String,
    },
    /// A snapshot cannot be read: what is damaged, where, and how.
    #[error("snapshot {object}: {reason}")]
    Corrupt {
        /// File or object.
        object: String,
        /// What is wrong, with page and offset where they are known.
        reason: String,
    },
    /// A file of another format holds what the store has no type for, or the store what the
    /// format has no place for.
    #[error("{object}: {reason}")]
    Unsupported {
        /// File or object.
        object: String,
        /// What it is.
        reason: String,
    },
    /// A snapshot holds a database that the store does not have.
    #[error("the snapshot holds database {database}; the store needs at least {needed} databases")]
    TooFewDatabases {
        /// Highest database in the snapshot.
        database: u32,
        /// How many databases would do.
        needed: u32,
    },
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl Error {
    /// Whether the same call may succeed later without anybody changing anything.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::SaveInProgress | Self::TooManySnapshots { .. } | Self::Locked { .. } => true,
            Self::Storage(error) => error.is_retryable(),
            _ => false,
        }
    }

    /// What kind of error it is, in a word or two that stay the same, for counters: `cancelled`,
    /// `damaged`, `io`, `memory_limit`, `no_access`, `no_space`, `not_loaded`, `unavailable`
    /// (a service that did not answer), or `other`.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::SaveCancelled => "cancelled",
            Self::SnapshotMemoryExceeded { .. } => "memory_limit",
            Self::NotEnoughSpace { .. } => "no_space",
            Self::NotLoaded { .. } => "not_loaded",
            Self::Corrupt { .. } => "damaged",
            Self::Storage(error) => match error.kind() {
                StorageErrorKind::StorageFull => "no_space",
                StorageErrorKind::PermissionDenied => "no_access",
                StorageErrorKind::Unavailable => "unavailable",
                StorageErrorKind::Cancelled => "cancelled",
                _ => "io",
            },
            _ => "other",
        }
    }

    /// Whether stored bytes were found to be damaged.
    pub fn is_corruption(&self) -> bool {
        matches!(self, Self::Corrupt { .. })
    }
}
