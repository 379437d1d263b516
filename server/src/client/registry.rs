//! All clients that are connected.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{ClientEntry, Signals};

/// The connected clients by id.
#[derive(Debug, Default)]
pub(crate) struct Clients {
    entries: Mutex<BTreeMap<u64, Arc<ClientEntry>>>,
    count: AtomicUsize,
    last_id: AtomicU64,
}

impl Clients {
    /// An id that no client had before; ids ascend.
    pub(crate) fn next_id(&self) -> u64 {
        self.last_id.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(crate) fn add(&self, entry: &Arc<ClientEntry>) {
        self.lock().insert(entry.id, Arc::clone(entry));
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn remove(&self, id: u64) {
        if self.lock().remove(&id).is_some() {
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// All clients, oldest first.
    pub(crate) fn all(&self) -> Vec<Arc<ClientEntry>> {
        self.lock().values().cloned().collect()
    }

    /// Disconnects the clients that have been idle since `before_ms`, subscribers excepted.
    pub(crate) fn kill_idle(&self, before_ms: u64) {
        for entry in self.lock().values() {
            let idle = entry.report.last_active_ms.load(Ordering::Relaxed) < before_ms;
            if idle && !entry.is_subscriber() {
                entry.signal(Signals::KILL);
            }
        }
    }

    /// Looks at clients that are past their soft limits; returns whether there are any.
    pub(crate) fn review(&self) -> bool {
        let entries = self.lock();
        // All are looked at, whatever the first ones are like.
        entries.values().filter(|entry| entry.review()).count() > 0
    }

    /// Disconnects the clients that take most memory until the others take at most `bytes_max`
    /// together. Returns how many.
    pub(crate) fn evict(&self, bytes_max: u64) -> u64 {
        let entries = self.lock();
        let leaving = |entry: &ClientEntry| entry.signals().has(Signals::KILL);
        let staying = entries.values().filter(|entry| !leaving(entry));
        let mut sizes: Vec<_> = staying.map(|entry| (entry.memory_bytes(), entry)).collect();
        let mut total: u64 = sizes.iter().map(|(bytes, _)| bytes).sum();
        if total <= bytes_max {
            return 0;
        }
        sizes.sort_unstable_by_key(|(bytes, _)| std::cmp::Reverse(*bytes));
        let mut evicted = 0;
        for (bytes, entry) in sizes {
            if total <= bytes_max {
                break;
            }
            if entry.spared.load(Ordering::Relaxed) {
                continue;
            }
            tracing::warn!(
                client = entry.id,
                address = %entry.peer,
                bytes,
                "disconnecting a client: all clients together take too much memory, see \
                 --maxmemory_clients"
            );
            entry.signal(Signals::KILL);
            total -= bytes;
            evicted += 1;
        }
        evicted
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<ClientEntry>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
