//! Cuts.
use crate::{Expiry, Value};

/// A cut: the store as of one instant, for as long as the handle lives.
#[derive(Debug)]
pub struct Snapshot { _private: () }

/// An entry of a cut.
#[derive(Clone, Debug)]
pub struct SnapshotEntry {
    /// Database.
    pub database: u16,
    /// Key.
    pub key: Value,
    /// Value.
    pub value: Value,
    /// Expiry.
    pub expiry: Expiry,
}

#[allow(unused_variables, clippy::todo)]
impl Snapshot {
    /// The value of `key` as of the cut.
    pub fn get(&self, database: u16, key: &[u8]) -> Option<Value> { todo!() }
    /// Every entry in ascending (database, hash, key) order. Entries expired at the cut's time are left out.
    pub fn iter(&self) -> Box<dyn Iterator<Item = SnapshotEntry> + '_> { todo!() }
    /// Milliseconds since the epoch at which the cut was taken.
    pub fn cut_unix_ms(&self) -> u64 { todo!() }
    /// Number of keys at the cut (estimate while writers run).
    pub fn len_hint(&self) -> u64 { todo!() }
    /// Splits the cut into `n` (a power of two) walks over disjoint hash ranges that release history as they pass.
    pub fn into_walks(self, n: u32) -> Vec<Walk> { todo!() }
}

/// One walk over a range of hashes of a cut.
#[derive(Debug)]
pub struct Walk { _private: () }
