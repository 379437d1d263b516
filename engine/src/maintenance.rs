//! What is done behind the callers' backs: expiry, compaction, and freeing what is large.
//!
//! One thread a store. Nobody waits for it: callers leave [`Job`]s, and between them it looks
//! after the tables. Without the thread the same work is done by
//! [`Store::maintain`](crate::Store::maintain).

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use crate::store::Inner;
use crate::sync::pin;
use crate::table::{Care, Keyspace, Tended};
use crate::tree;

/// How often the tables are looked after.
const INTERVAL: Duration = Duration::from_millis(100);
/// How much of an interval may be spent on it.
const BUDGET: Duration = Duration::from_millis(10);
/// The interval while much that was deleted waits to be given back.
const INTERVAL_URGENT: Duration = Duration::from_millis(30);
/// Time that a sweep of a whole table takes at least, so that a small one is not swept for ever.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// Removed bytes from which on the entries that are left are moved. Allocators keep a block of many
/// kilobytes for a single entry that stands in it.
const PACKED_BYTES_MIN: u64 = if cfg!(test) { 1 << 20 } else { 64 << 20 };

/// How often the allocator is asked to collect after a great deal was freed, and how far apart:
/// what others still hold is freed a little later.
const COLLECTIONS: u32 = 4;
const COLLECTION_INTERVAL: Duration = Duration::from_millis(500);

/// Rounds of collection when a store ends.
const FINAL_ROUNDS: u32 = 32;

/// Something to be done soon, in order.
pub(crate) enum Job {
    /// Trim what a cut of these tables held.
    Trim(Box<[Arc<Keyspace>]>),
    /// Drop this. Its destructor may take long.
    Free(Box<dyn Send>),
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Trim(_) => "Trim",
            Self::Free(_) => "Free",
        })
    }
}

#[derive(Debug, Default)]
struct State {
    jobs: VecDeque<Job>,
    closed: bool,
}

/// The jobs of one store.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    wake: Condvar,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves a job. Does it at once if the store is gone and nobody else would.
    pub(crate) fn push(&self, job: Job) {
        let mut state = self.lock();
        if state.closed {
            drop(state);
            drop(job);
            return;
        }
        state.jobs.push_back(job);
        drop(state);
        self.wake.notify_one();
    }

    /// Refuses further jobs; those left are still to be done.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.wake.notify_one();
    }

    pub(crate) fn pop(&self) -> Option<Job> {
        self.lock().jobs.pop_front()
    }

    /// Takes the next job too if it is of the same kind as a trim.
    fn pop_trim(&self) -> Option<Box<[Arc<Keyspace>]>> {
        let mut state = self.lock();
        match state.jobs.pop_front()? {
            Job::Trim(keyspaces) => Some(keyspaces),
            other @ Job::Free(_) => {
                state.jobs.push_front(other);
                None
            }
        }
    }

    /// Waits for a job. `Err` once the queue is closed and empty.
    fn wait(&self, timeout: Duration) -> Result<Option<Job>, Closed> {
        let until = Instant::now() + timeout;
        let mut state = self.lock();
        loop {
            if let Some(job) = state.jobs.pop_front() {
                return Ok(Some(job));
            }
            if state.closed {
                return Err(Closed);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            state = self.wake.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

struct Closed;

/// Where the sweep of a store's tables stands.
#[derive(Debug, Default)]
pub(crate) struct Sweep {
    database: u16,
    from: u64,
    /// When the sweep that is under way began, and whether one is.
    began: Option<Instant>,
    /// Whether tables want compaction.
    urgent: bool,
    /// Most bytes of entries since they were last packed.
    bytes_max: u64,
    /// Whether this sweep moves every entry, so that those that are left stand together.
    packs: bool,
    /// Entries moved, ever.
    packed: u64,
}

impl Sweep {
    fn begin(&mut self, packs: bool) {
        *self = Self { began: Some(Instant::now()), packs, database: 0, from: 0, ..*self };
    }

    /// Whether so much was removed that what is left is better moved.
    fn wants_packing(&self, bytes: u64) -> bool {
        bytes <= self.bytes_max / 4 && self.bytes_max - bytes >= PACKED_BYTES_MIN
    }
}

/// The thread's work, until the store is gone and everything is freed.
pub(crate) fn run(queue: &Queue, store: &Weak<Inner>, collect_memory: Option<fn()>) {
    let mut sweep = Sweep::default();
    let (mut collections, mut collected) = (0, Instant::now());
    loop {
        let interval = if collections > 0 { INTERVAL_URGENT } else { INTERVAL };
        match queue.wait(interval) {
            Ok(Some(job)) => perform(job, queue, store),
            Ok(None) => {
                if let Some(store) = store.upgrade() {
                    store.tend(&mut sweep, BUDGET);
                }
            }
            Err(Closed) => break,
        }
        collect_garbage();
        if collections > 0 {
            // There is more of it than usual.
            let until = Instant::now() + BUDGET;
            while Instant::now() < until {
                collect_garbage();
            }
        }
        if sweep.urgent || sweep.packs {
            collections = COLLECTIONS;
        } else if collections > 0 && collected.elapsed() >= COLLECTION_INTERVAL {
            if let Some(collect) = collect_memory {
                collect();
            }
            (collections, collected) = (collections - 1, Instant::now());
        }
    }
    // What the last operations retired is still in bags; nobody else may come by to free it.
    for _ in 0..FINAL_ROUNDS {
        collect_garbage();
    }
}

/// Does one job.
pub(crate) fn perform(job: Job, queue: &Queue, store: &Weak<Inner>) {
    match job {
        Job::Trim(first) => {
            // One pass serves all cuts that have ended since the last.
            let mut keyspaces: Vec<Arc<Keyspace>> = first.into_vec();
            while let Some(more) = queue.pop_trim() {
                for keyspace in more {
                    if !keyspaces.iter().any(|known| Arc::ptr_eq(known, &keyspace)) {
                        keyspaces.push(keyspace);
                    }
                }
            }
            // If the store is gone nobody else has these tables: they are freed whole.
            if let Some(store) = store.upgrade() {
                store.trim(keyspaces);
            }
        }
        Job::Free(garbage) => drop(garbage),
    }
}

/// Moves the collector on, so that what idle threads have retired is freed too.
pub(crate) fn collect_garbage() {
    // The collector frees eight bags of 64 objects a step, and an epoch takes several steps.
    const STEPS: u32 = 64;
    for _ in 0..STEPS {
        pin().flush();
    }
    tree::free_buried();
}

impl Inner {
    /// Trims what ended cuts held in these tables and in the current ones.
    fn trim(&self, mut keyspaces: Vec<Arc<Keyspace>>) {
        // Also in tables that are newer than a cut: a writer there could not know that the cut
        // does not include them.
        keyspaces.extend(self.keyspaces());
        keyspaces.sort_by_key(|keyspace| Arc::as_ptr(keyspace).addr());
        keyspaces.dedup_by(|left, right| Arc::ptr_eq(left, right));
        for keyspace in &keyspaces {
            if !keyspace.is_untouched() {
                keyspace.trim_range(0, u64::MAX);
            }
        }
    }

    /// Looks after the tables for about `budget`.
    pub(crate) fn tend(&self, sweep: &mut Sweep, budget: Duration) {
        let until = Instant::now() + budget;
        let keyspaces = self.keyspaces();
        let bytes =
            keyspaces.iter().map(|keyspace| keyspace.counts().entry_bytes.max(0) as u64).sum();
        sweep.bytes_max = sweep.bytes_max.max(bytes);
        // What a cut holds would have to be kept twice, so moving waits for its end, and tombstones
        // may have to stay until then.
        let quiet = self.versions.is_quiet();
        sweep.urgent = quiet && keyspaces.iter().any(|keyspace| keyspace.wants_compaction());
        if !sweep.packs && quiet && !sweep.urgent && sweep.wants_packing(bytes) {
            sweep.begin(true);
        } else if sweep.began.is_none() {
            if !keyspaces.iter().any(|keyspace| wants_tending(keyspace)) {
                return;
            }
            sweep.begin(false);
        }
        while Instant::now() < until {
            let Some(keyspace) = keyspaces.get(usize::from(sweep.database)) else {
                let swept_fast = sweep.began.is_some_and(|began| began.elapsed() < SWEEP_INTERVAL);
                // A cut that was opened meanwhile has kept entries from being moved.
                if std::mem::take(&mut sweep.packs) && quiet {
                    sweep.bytes_max = bytes;
                }
                if !swept_fast || sweep.urgent {
                    sweep.began = None;
                }
                return;
            };
            if sweep.packs && !keyspace.is_untouched() || wants_tending(keyspace) {
                if sweep.packs {
                    sweep.packed += keyspace.pack(sweep.from);
                }
                let next = self.tend_segment(keyspace, sweep.database, sweep.from);
                if let Some(next) = next {
                    sweep.from = next;
                    continue;
                }
            }
            sweep.database += 1;
            sweep.from = 0;
        }
    }

    /// Looks after every table once, whatever it takes.
    pub(crate) fn tend_all(&self) {
        for (database, keyspace) in (0..).zip(&self.keyspaces()) {
            let mut from = Some(0);
            while let Some(hash) = from.filter(|_| !keyspace.is_untouched()) {
                from = self.tend_segment(keyspace, database, hash);
            }
        }
    }

    /// Looks after one segment, and tells of what it has removed; returns where the next begins.
    fn tend_segment(&self, keyspace: &Keyspace, database: u16, from: u64) -> Option<u64> {
        let expired_by_unix_ms = (!self.is_expiry_held()).then(|| self.clock.unix_ms());
        let care = Care { expired_by_unix_ms, lists: self.observer.is_set() };
        let Tended { next, expired, lapsed } = keyspace.tend(from, care);
        self.note_expired(expired);
        for (key, lapse) in lapsed {
            self.observer.tell(database, &key, lapse);
        }
        next
    }
}

fn wants_tending(keyspace: &Keyspace) -> bool {
    let counts = keyspace.counts();
    counts.expiring > 0 || counts.expiring_within > 0 || keyspace.wants_compaction()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Expiry, Options, Store};

    const KEYS: u32 = 20_000;
    const LEFT: u32 = KEYS / 100;

    fn key(number: u32) -> String {
        format!("key:{number}")
    }

    /// A store that had many keys, of which one of a hundred is left.
    fn shrunk(sweep: &mut Sweep) -> Store {
        let store = Store::open(Options::in_memory().maintenance(false)).unwrap();
        let database = store.database(3).unwrap();
        for number in 0..KEYS {
            let expiry = if number % 200 == 0 { Expiry::At(u64::MAX) } else { Expiry::Never };
            database.set(key(number).as_bytes(), &[number as u8; 100], expiry).unwrap();
        }
        store.inner().tend(sweep, BUDGET);
        for number in (0..KEYS).filter(|number| number % 100 > 0) {
            assert!(database.remove(key(number).as_bytes()));
        }
        store
    }

    fn tend(store: &Store, sweep: &mut Sweep) {
        for _ in 0..100 {
            store.inner().tend(sweep, Duration::from_secs(1));
            collect_garbage();
        }
    }

    #[test]
    fn what_is_left_of_much_is_moved_once_and_is_the_same() {
        let mut sweep = Sweep::default();
        let store = shrunk(&mut sweep);
        let changes = store.stats().changes;
        tend(&store, &mut sweep);
        assert_eq!(sweep.packed, u64::from(LEFT));
        let stats = store.stats();
        assert_eq!(stats.changes, changes, "nobody has changed anything");
        assert_eq!(stats.total.keys, u64::from(LEFT));
        let database = store.database(3).unwrap();
        for number in (0..KEYS).step_by(100) {
            let key = key(number);
            assert_eq!(database.get(key.as_bytes()).as_deref(), Some(&[number as u8; 100][..]));
            let expires = number % 200 == 0;
            let expected = if expires { Expiry::At(u64::MAX) } else { Expiry::Never };
            assert_eq!(database.expiry(key.as_bytes()), Some(expected));
        }
        tend(&store, &mut sweep);
        assert_eq!(sweep.packed, u64::from(LEFT), "once");
    }

    #[test]
    fn nothing_is_moved_while_a_cut_is_open() {
        let mut sweep = Sweep::default();
        let store = shrunk(&mut sweep);
        let snapshot = store.snapshot().unwrap();
        tend(&store, &mut sweep);
        assert_eq!(sweep.packed, 0);
        drop(snapshot);
        // What the cut held is trimmed, and with it the tombstones become free to go.
        store.maintain();
        tend(&store, &mut sweep);
        assert_eq!(sweep.packed, u64::from(LEFT));
    }

    #[test]
    fn compaction_comes_to_an_end_however_full_segments_are() {
        // Between one doubling of the segments and the next they are of every fullness.
        for keys in (8..16).map(|part| part * KEYS / 8) {
            let store = Store::open(Options::in_memory().maintenance(false)).unwrap();
            let database = store.database(0).unwrap();
            for number in 0..keys {
                database.set(key(number).as_bytes(), b"", Expiry::Never).unwrap();
            }
            for number in (0..keys).filter(|number| number % 10 < 3) {
                assert!(database.remove(key(number).as_bytes()));
            }
            let mut sweep = Sweep::default();
            for _ in 0..4 {
                store.inner().tend(&mut sweep, Duration::from_secs(10));
            }
            store.inner().tend(&mut sweep, Duration::ZERO);
            assert!(!sweep.urgent, "of {keys} keys");
        }
    }
}
