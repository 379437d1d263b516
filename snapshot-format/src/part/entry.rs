//! A finished part, as the manifest lists it.

use super::PartHeader;
use crate::error::{FormatError, PartFault};

/// What a manifest says of a part: all that it takes to read it and to trust what is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartEntry {
    /// What the part's header block says.
    pub header: PartHeader,
    /// Name of its object.
    pub name: String,
    /// Length of its object.
    pub bytes: u64,
    /// Digest over its page index and footer, and by way of them over every page.
    pub digest: u64,
    /// Number of its pages.
    pub pages: u32,
    /// Number of its records.
    pub records: u64,
    /// Bytes of all its keys and values.
    pub raw_bytes: u64,
    /// Highest database that one of its records is in, zero if it has none.
    pub database_max: u16,
}

impl PartEntry {
    /// An error that says what is wrong with this part.
    pub(crate) fn damaged(&self, fault: PartFault) -> FormatError {
        FormatError::Part { part: self.name.as_str().into(), fault }
    }
}
