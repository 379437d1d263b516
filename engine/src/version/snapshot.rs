//! The handle of an open cut.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use super::walk::Walk;
use super::{CutId, Position};
use crate::store::Inner;
use crate::sync::pin;
use crate::table::{Entry, Keyspace};
use crate::{Collection, Expiry, Item, Value};

/// An open cut's place in the register, and what it holds. Shared by the walks of a cut; when the
/// last of them is gone the store is told to clean up.
pub(crate) struct Cut {
    pub(crate) store: Arc<Inner>,
    pub(crate) id: CutId,
    pub(crate) version: u64,
    pub(crate) unix_ms: u64,
    /// The keyspaces the cut was taken with, by database, whatever has become of them since.
    pub(crate) keyspaces: Box<[Arc<Keyspace>]>,
    pub(crate) keys: u64,
    pub(crate) data_bytes: u64,
    pub(crate) changes: u64,
    /// [`Versions::superseded_ever`](super::Versions::superseded_ever) before the cut was opened.
    pub(crate) superseded_before: u64,
}

impl Cut {
    /// Whether a version may have been superseded since the cut, and kept for it.
    pub(super) fn has_superseded(&self) -> bool {
        self.store.versions.superseded_ever() != self.superseded_before
    }
}

impl fmt::Debug for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cut").field("version", &self.version).finish_non_exhaustive()
    }
}

impl Drop for Cut {
    /// O(1): gives the cut's place back and leaves what it held to maintenance.
    fn drop(&mut self) {
        self.store.versions.close(self.id);
        let keyspaces = std::mem::take(&mut self.keyspaces);
        self.store.release(keyspaces, self.has_superseded());
    }
}

/// A cut: the whole store as of one instant, for as long as the handle lives.
///
/// Contains exactly the operations that took effect before it, over all keys and databases.
/// Taking one costs the same whatever the store holds. While it lives, every value that was
/// current at the cut is kept, also when it is overwritten or removed:
/// [`Stats::superseded_bytes`](crate::Stats::superseded_bytes) counts them.
/// [`into_walks`](Self::into_walks) lets go of them as it passes.
///
/// Dropping a snapshot is O(1); what it held is freed by the store's maintenance.
#[derive(Debug)]
pub struct Snapshot {
    pub(crate) cut: Arc<Cut>,
}

/// An entry of a cut, owned by the caller.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SnapshotEntry {
    /// Index of the database.
    pub database: u16,
    /// The key.
    pub key: Value,
    /// The string; empty if the value is a collection.
    pub value: Value,
    /// The collection, if the value is one.
    pub collection: Option<Collection>,
    /// When the key expires.
    pub expiry: Expiry,
}

impl SnapshotEntry {
    /// Copies an entry as it was at `unix_ms`.
    pub(super) fn of(database: u16, entry: Entry<'_>, unix_ms: u64) -> Self {
        Self {
            database,
            key: Value::from(entry.key()),
            value: entry.to_value(),
            collection: entry.collection_of_cut(unix_ms),
            expiry: entry.expiry(),
        }
    }
}

impl Snapshot {
    /// Returns the string that `key` held at the cut, unless it had expired by then.
    ///
    /// Wait-free, but for the copy of the value.
    pub fn get(&self, database: u16, key: &[u8]) -> Option<Value> {
        #[expect(clippy::redundant_closure_for_method_calls, reason = "it is less general")]
        self.find(database, key, |entry| entry.to_string_value())?
    }

    /// Returns what `key` held at the cut, whatever its type, unless it had expired by then.
    ///
    /// Wait-free, but for the copy of a small string.
    pub fn item(&self, database: u16, key: &[u8]) -> Option<Item> {
        self.find(database, key, |entry| entry.item_of_cut(self.cut.unix_ms))
    }

    fn find<R>(&self, database: u16, key: &[u8], f: impl FnOnce(Entry<'_>) -> R) -> Option<R> {
        let cut = &*self.cut;
        let keyspace = cut.keyspaces.get(usize::from(database))?;
        let guard = pin();
        let hash = keyspace.hash(key);
        let entry = keyspace.get_at(hash, key, cut.version, &guard)?;
        entry.is_live_at(cut.unix_ms).then(|| f(entry))
    }

    /// Iterates over every entry in ascending (database, hash, key) order. Entries that had
    /// expired at the cut are left out.
    ///
    /// Copies one segment at a time and holds nothing back in between, however slowly the
    /// iterator is driven.
    pub fn iter(&self) -> impl Iterator<Item = SnapshotEntry> + use<'_> {
        let cut = &*self.cut;
        let mut database = 0_usize;
        let mut from = 0_u64;
        let mut ready = VecDeque::new();
        std::iter::from_fn(move || {
            while ready.is_empty() && database < cut.keyspaces.len() {
                let keyspace = &cut.keyspaces[database];
                if from == 0 && keyspace.is_untouched() {
                    database += 1;
                    continue;
                }
                let guard = pin();
                let page = keyspace.page_at(from, cut.version, &guard);
                ready.extend(
                    page.entries
                        .iter()
                        .filter(|(_, entry)| entry.is_live_at(cut.unix_ms))
                        .map(|(_, entry)| SnapshotEntry::of(database as u16, *entry, cut.unix_ms)),
                );
                from = page.last.wrapping_add(1);
                database += usize::from(from == 0);
            }
            ready.pop_front()
        })
    }

    /// Shows every collection in the cut to `f`, with its key, until that fails. Nothing is copied,
    /// and nothing is held back in between.
    #[cfg(feature = "rdb")]
    pub(crate) fn collections<E>(
        &self,
        mut f: impl FnMut(&[u8], &Collection) -> Result<(), E>,
    ) -> Result<(), E> {
        let cut = &*self.cut;
        for keyspace in cut.keyspaces.iter().filter(|keyspace| !keyspace.is_untouched()) {
            let mut from = 0;
            loop {
                let guard = pin();
                let page = keyspace.page_at(from, cut.version, &guard);
                for (_, entry) in &page.entries {
                    if entry.is_live_at(cut.unix_ms)
                        && let Some(collection) = entry.collection()
                    {
                        f(entry.key(), collection)?;
                    }
                }
                from = page.last.wrapping_add(1);
                if from == 0 {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Milliseconds since the Unix epoch at which the cut was taken.
    pub fn cut_unix_ms(&self) -> u64 {
        self.cut.unix_ms
    }

    /// Number of keys at the cut, estimated: writes that ran while it was taken count or do not,
    /// and keys that had expired and were not swept yet count.
    pub fn len_hint(&self) -> u64 {
        self.cut.keys
    }

    /// Bytes of keys and values at the cut, estimated like [`len_hint`](Self::len_hint).
    pub fn data_bytes_hint(&self) -> u64 {
        self.cut.data_bytes
    }

    /// The store's count of changes at the cut.
    pub(crate) fn changes_at_cut(&self) -> u64 {
        self.cut.changes
    }

    /// Seed of the key hash that orders the cut.
    pub(crate) fn hash_seed(&self) -> u64 {
        self.cut.keyspaces[0].seed()
    }

    /// Splits the cut into `walks` walks over equal, disjoint ranges of hashes, each of which lets
    /// go of the history behind it as it goes.
    ///
    /// # Panics
    ///
    /// If `walks` is not a power of two between 1 and 64.
    pub fn into_walks(self, walks: u32) -> Vec<Walk> {
        assert!(
            walks.is_power_of_two() && walks as usize <= super::WALKS_MAX,
            "the number of walks is a power of two between 1 and {}",
            super::WALKS_MAX
        );
        let bits = walks.ilog2();
        self.cut.store.versions.split(self.cut.id, bits);
        (0..walks as usize).map(|index| Walk::new(Arc::clone(&self.cut), index, bits)).collect()
    }
}

impl Cut {
    pub(crate) fn move_cursor(&self, walk: usize, position: Position) {
        self.store.versions.move_cursor(self.id, walk, position);
    }
}
