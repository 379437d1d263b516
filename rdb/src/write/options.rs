//! How a file is written.

use crate::{RdbError, Version};

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteOptions {
    /// The version, 9 to 12 of Redis.
    pub version: Version,
    /// Whether a stream's counters that the version does not have may go: how many entries it
    /// ever had, the highest id that was deleted, and how many entries each group has read. They
    /// appear with version 10; older servers never had them. By default they are refused.
    pub drop_stream_counters: bool,
}

impl WriteOptions {
    /// Writes `version`, and refuses whatever it cannot hold.
    pub fn new(version: Version) -> Self {
        Self { version, drop_stream_counters: false }
    }

    pub(super) fn check(self) -> Result<(), RdbError> {
        if matches!(self.version, Version::Redis(9..=12)) {
            return Ok(());
        }
        Err(RdbError::InvalidOptions("only the versions 9 to 12 of Redis are written"))
    }
}
