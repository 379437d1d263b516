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

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<ClientEntry>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
