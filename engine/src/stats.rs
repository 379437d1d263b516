//! Figures a store reports of itself.

use crate::table::Counts;

/// Figures of one database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DatabaseStats {
    /// Keys, including those that have expired and were not swept yet.
    pub keys: u64,
    /// Keys with an expiry.
    pub expiring: u64,
    /// Bytes of keys and values.
    pub data_bytes: u64,
    /// Bytes allocated for live entries, as requested from the allocator.
    pub entry_bytes: u64,
    /// Tombstones that wait for compaction.
    pub tombstones: u64,
}

impl DatabaseStats {
    pub(crate) fn of(counts: Counts) -> Self {
        // While writers run, a sum over stripes may be off by what is under way.
        let positive = |count: i64| u64::try_from(count).unwrap_or(0);
        Self {
            keys: positive(counts.keys),
            expiring: positive(counts.expiring),
            data_bytes: positive(counts.data_bytes),
            entry_bytes: positive(counts.entry_bytes),
            tombstones: positive(counts.tombstones),
        }
    }

    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            keys: self.keys + other.keys,
            expiring: self.expiring + other.expiring,
            data_bytes: self.data_bytes + other.data_bytes,
            entry_bytes: self.entry_bytes + other.entry_bytes,
            tombstones: self.tombstones + other.tombstones,
        }
    }
}

/// Figures of a whole store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Sums over all databases.
    pub total: DatabaseStats,
    /// Bytes of segments and directories.
    pub table_bytes: u64,
    /// Snapshots that are open.
    pub snapshots_open: usize,
    /// Superseded entries that open snapshots hold.
    pub superseded_entries: u64,
    /// Bytes allocated for them. Of a collection what the version that superseded it does not share.
    pub superseded_bytes: u64,
    /// Keys removed because they had expired.
    pub expired_keys: u64,
    /// Changes since the store was opened: a counter that moves with every write that took effect.
    pub changes: u64,
}
