//! How long keys and values can be.

use crate::{Error, Item};

/// Longest key in bytes: 512 MiB.
pub const KEY_BYTES_MAX: usize = 512 << 20;
/// Longest value in bytes: 512 MiB.
pub const VALUE_BYTES_MAX: usize = 512 << 20;

pub(crate) fn check_key(key: &[u8]) -> Result<(), Error> {
    if key.len() > KEY_BYTES_MAX {
        return Err(Error::KeyTooLong { bytes: key.len(), bytes_max: KEY_BYTES_MAX });
    }
    Ok(())
}

pub(crate) fn check_value(value: &[u8]) -> Result<(), Error> {
    if value.len() > VALUE_BYTES_MAX {
        return Err(Error::ValueTooLong { bytes: value.len(), bytes_max: VALUE_BYTES_MAX });
    }
    Ok(())
}

pub(crate) fn check_item(item: &Item) -> Result<(), Error> {
    match item {
        Item::String(value) => check_value(value),
        Item::Collection(_) => Ok(()),
    }
}
