//! Keys that clients watch for their transactions.
//!
//! A write looks, once it has taken effect, whether anybody watches its key, and notes that with
//! the watching client. While nobody watches anything this costs one load.
//!
//! The note may come a moment after the write, so it is not enough: a transaction also compares
//! the watched value with the one that it finds. The note adds what a comparison cannot see, a
//! write of the same value, and is there at the latest when the writing client has its reply.
//!
//! [Events](crate::events) that are published concern every key, and count as one watch more, so
//! that the one load tells of them too.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// Parts that the watched keys are spread over.
const SHARDS: usize = 64;

/// Whether a key that a client watches was written since it began to.
#[derive(Debug, Default)]
pub(crate) struct Watcher(AtomicBool);

impl Watcher {
    pub(crate) fn is_touched(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    fn touch(&self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// A client that watches a key in one of the databases.
#[derive(Debug)]
struct Watch {
    database: u16,
    watcher: Arc<Watcher>,
}

type Shard = HashMap<Box<[u8]>, Vec<Watch>>;

/// Every watched key.
#[derive(Debug)]
pub(crate) struct Watched {
    watches: AtomicUsize,
    shards: Box<[RwLock<Shard>]>,
    hasher: RandomState,
}

impl Default for Watched {
    fn default() -> Self {
        Self {
            watches: AtomicUsize::new(0),
            shards: std::iter::repeat_with(RwLock::default).take(SHARDS).collect(),
            hasher: RandomState::new(),
        }
    }
}

impl Watched {
    fn shard(&self, key: &[u8]) -> &RwLock<Shard> {
        &self.shards[self.hasher.hash_one(key) as usize % SHARDS]
    }

    /// Begins to watch a key. What is read of the key afterwards is older than any write that
    /// does not reach `watcher`.
    pub(crate) fn watch(&self, database: u16, key: &[u8], watcher: &Arc<Watcher>) {
        // SeqCst, as the load in `touch` after a write: either the write sees this, or the read
        // that follows sees the write.
        self.watches.fetch_add(1, Ordering::SeqCst);
        let watch = Watch { database, watcher: Arc::clone(watcher) };
        let mut shard = self.shard(key).write().unwrap_or_else(PoisonError::into_inner);
        shard.entry(key.into()).or_default().push(watch);
    }

    /// Ends what [`watch`](Self::watch) began.
    pub(crate) fn unwatch(&self, database: u16, key: &[u8], watcher: &Arc<Watcher>) {
        let mut shard = self.shard(key).write().unwrap_or_else(PoisonError::into_inner);
        let Some(watches) = shard.get_mut(key) else { return };
        let own =
            |watch: &Watch| watch.database == database && Arc::ptr_eq(&watch.watcher, watcher);
        if let Some(position) = watches.iter().position(own) {
            watches.swap_remove(position);
            self.watches.fetch_sub(1, Ordering::SeqCst);
        }
        if watches.is_empty() {
            shard.remove(key);
        }
    }

    /// Begins to count as one who watches, without a key.
    pub(crate) fn watch_all(&self) {
        self.watches.fetch_add(1, Ordering::SeqCst);
    }

    /// Ends what [`watch_all`](Self::watch_all) began.
    pub(crate) fn unwatch_all(&self) {
        self.watches.fetch_sub(1, Ordering::SeqCst);
    }

    /// Whether anybody watches anything, or events are published.
    #[inline]
    pub(crate) fn any(&self) -> bool {
        self.watches.load(Ordering::SeqCst) != 0
    }

    /// Tells those who watch a key that it was written.
    #[inline]
    pub(crate) fn touch(&self, database: u16, key: &[u8]) {
        if self.any() {
            self.touch_watchers(database, key);
        }
    }

    #[cold]
    fn touch_watchers(&self, database: u16, key: &[u8]) {
        let shard = self.shard(key).read().unwrap_or_else(PoisonError::into_inner);
        let watches = shard.get(key).into_iter().flatten();
        watches.filter(|watch| watch.database == database).for_each(|watch| watch.watcher.touch());
    }

    /// Those who watch a key for which `concerns`, given its database, is true.
    pub(crate) fn watchers(&self, concerns: impl Fn(u16, &[u8]) -> bool) -> Watchers {
        let mut found = Vec::new();
        for shard in if self.any() { &self.shards[..] } else { &[] } {
            let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
            for (key, watches) in &*shard {
                let concerned = watches.iter().filter(|watch| concerns(watch.database, key));
                found.extend(concerned.map(|watch| Arc::clone(&watch.watcher)));
            }
        }
        Watchers(found)
    }
}

/// Clients to tell once whole databases have changed.
#[derive(Debug)]
#[must_use = "they wait to be told"]
pub(crate) struct Watchers(Vec<Arc<Watcher>>);

impl Watchers {
    pub(crate) fn touch(self) {
        self.0.iter().for_each(|watcher| watcher.touch());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watcher_hears_of_its_own_keys_alone_and_until_it_stops() {
        let watched = Watched::default();
        let watcher = Arc::new(Watcher::default());
        assert!(!watched.any());
        watched.watch(1, b"k", &watcher);
        watched.watch(1, b"l", &watcher);
        watched.touch(0, b"k");
        watched.touch(1, b"m");
        assert!(!watcher.is_touched());
        watched.unwatch(1, b"k", &watcher);
        watched.touch(1, b"k");
        watched.watchers(|database, key| database == 1 && key == b"k").touch();
        assert!(!watcher.is_touched());
        watched.touch(1, b"l");
        assert!(watcher.is_touched());
        watched.unwatch(1, b"l", &watcher);
        assert!(!watched.any());
    }
}
