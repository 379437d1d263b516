//! How faults of the format and of the storage become errors of the store.

use std::any::Any;
use std::error::Error as StdError;
use std::fmt::Write;

use crate::Error;
use crate::format::FormatError;
use crate::format::storage::{StorageError, StorageErrorKind};

/// The error and its causes in one line, for logs and status fields.
pub(super) fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // A transparent error repeats its source's text.
        if !text.ends_with(&cause_text) {
            let _ = write!(text, ": {cause_text}");
        }
        source = cause.source();
    }
    text
}

/// What a failure to read `object` means for the store.
pub(super) fn while_reading(object: &str, error: FormatError) -> Error {
    match error {
        FormatError::Storage(error) => Error::Storage(error),
        FormatError::Page(page) => Error::Corrupt {
            object: page.part.to_string(),
            reason: format!(
                "page {} at offset {} (database {}, hashes {}): {}",
                page.page, page.offset, page.database, page.hashes, page.fault
            ),
        },
        FormatError::Part { part, fault } => {
            Error::Corrupt { object: part.to_string(), reason: fault.to_string() }
        }
        error => Error::Corrupt { object: object.to_owned(), reason: error.to_string() },
    }
}

/// What a failure to write `object` means for the store.
pub(super) fn while_writing(object: &str, error: FormatError) -> Error {
    match error {
        FormatError::Storage(error) => Error::Storage(error),
        FormatError::UnsupportedCodec { codec } => Error::InvalidOption {
            option: "compression",
            reason: format!("this build cannot write {codec}"),
        },
        error => invalid("write", object, error),
    }
}

/// A call that broke a contract, as an error of the object it was about.
pub(super) fn invalid(
    action: &'static str,
    object: &str,
    reason: impl Into<Box<dyn StdError + Send + Sync>>,
) -> Error {
    Error::Storage(StorageError::new(StorageErrorKind::InvalidInput, action, object, reason))
}

/// A thread that panicked while it worked on `object`.
pub(super) fn panicked(action: &'static str, object: &str, panic: &(dyn Any + Send)) -> Error {
    let message = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    invalid(action, object, format!("its thread panicked: {message}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_names_every_cause_once() {
        let io = std::io::Error::other("the device is gone");
        let error = Error::Storage(StorageError::from_io("write", "dump-0000.dfs", io));
        assert_eq!(chain(&error), "write dump-0000.dfs: the device is gone");
    }

    #[test]
    fn a_panic_keeps_its_message() {
        let panic = std::panic::catch_unwind(|| panic!("bucket {}", 7)).unwrap_err();
        let text = chain(&panicked("write", "part 3", &*panic));
        assert_eq!(text, "write part 3: its thread panicked: bucket 7");
    }
}
