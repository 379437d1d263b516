//! What a load found and did.

use std::time::Duration;

/// What a load did.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct LoadReport {
    /// Name of the snapshot that was loaded; `None` if there was none and the store starts empty.
    pub name: Option<String>,
    /// Records stored.
    pub records: u64,
    /// Records left out because they had expired.
    pub expired: u64,
    /// Bytes read: those of the parts.
    pub bytes: u64,
    /// Time it took.
    pub duration: Duration,
    /// Newer snapshots that were passed over, with what is wrong with each.
    pub rejected: Vec<String>,
    /// Files that look like ours but were not candidates, for the log.
    pub near_misses: Vec<String>,
    /// Base names of saves that never published their manifest.
    pub unfinished: Vec<String>,
    /// Leftovers of earlier processes that were removed.
    pub swept: Vec<String>,
    /// Time of the loaded snapshot's cut.
    pub cut_unix_ms: u64,
}
