//! Other people's formats: Redis's RDB, written and loaded, and Dragonfly's snapshots, loaded.
//!
//! An RDB file is one object without a manifest: finishing it is the commit. It is written by one
//! walk over the cut, in order, through the same storage, budget and limits as pages are; what is
//! copied under the walk's guard goes to memory, and to the storage once the guard is gone. A
//! name with a timestamp is never replaced, any other is in one step.
//!
//! Both kinds of files are loaded like pages: aside, and swapped in when everything is there and
//! its checksum right. What the engine has no type for is refused by name.

mod builder;
mod destination;
mod foreign;
mod item;
mod load;
mod loader;
mod look;
mod payload;
mod save;
mod source;
mod stream;
mod write;

pub(super) use foreign::{Foreign, is_something_else, read_rdb};
pub(super) use load::{merge, replace};
pub use look::{ForeignKey, foreign_info, read_foreign};
pub use payload::{dump, restore};
pub(super) use save::{Target, conduct};

use exuvia_rdb::RdbError;

use super::fault;
use crate::Error;
use crate::format::storage::StorageError;

/// Why a file could not be loaded, before it is known which file that is.
enum Failure {
    Rdb(RdbError),
    Store(Error),
}

impl From<RdbError> for Failure {
    fn from(error: RdbError) -> Self {
        Self::Rdb(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

impl Failure {
    /// What it means for the store, `object` being the file.
    fn of(self, object: &str) -> Error {
        match self {
            Self::Rdb(error) => while_reading(object, error),
            Self::Store(error) => error,
        }
    }
}

/// What a failure to read `object` means for the store.
fn while_reading(object: &str, error: RdbError) -> Error {
    match error {
        RdbError::Io(error) => storage_error("read", object, error),
        error @ RdbError::Unsupported { .. } => {
            Error::Unsupported { object: object.to_owned(), reason: error.to_string() }
        }
        error => Error::Corrupt { object: object.to_owned(), reason: error.to_string() },
    }
}

/// What a failure to write `object` means for the store.
fn while_writing(object: &str, error: RdbError) -> Error {
    match error {
        RdbError::Io(error) => storage_error("write", object, error),
        error @ (RdbError::NeedsVersion { .. } | RdbError::Unwritable { .. }) => {
            Error::Unsupported { object: object.to_owned(), reason: error.to_string() }
        }
        error => fault::invalid("write", object, error),
    }
}

/// The storage's own error, which travelled through a stream.
fn storage_error(action: &'static str, object: &str, error: std::io::Error) -> Error {
    match error.downcast::<StorageError>() {
        Ok(error) => Error::Storage(error),
        Err(error) => Error::Storage(StorageError::from_io(action, object, error)),
    }
}
