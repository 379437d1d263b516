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
use crate::table::Keyspace;
use crate::tree;

/// How often the tables are looked after.
const INTERVAL: Duration = Duration::from_millis(100);
/// How much of an interval may be spent on it.
const BUDGET: Duration = Duration::from_millis(10);
/// Time that a sweep of a whole table takes at least, so that a small one is not swept for ever.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

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
}

/// The thread's work, until the store is gone and everything is freed.
pub(crate) fn run(queue: &Queue, store: &Weak<Inner>) {
    let mut sweep = Sweep::default();
    loop {
        match queue.wait(INTERVAL) {
            Ok(Some(job)) => perform(job, queue, store),
            Ok(None) => {
                if let Some(store) = store.upgrade() {
                    store.tend(&mut sweep, BUDGET);
                }
            }
            Err(Closed) => break,
        }
        collect_garbage();
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
        if sweep.began.is_none() {
            if !keyspaces.iter().any(|keyspace| wants_tending(keyspace)) {
                return;
            }
            *sweep = Sweep { began: Some(Instant::now()), ..Sweep::default() };
        }
        while Instant::now() < until {
            let Some(keyspace) = keyspaces.get(usize::from(sweep.database)) else {
                let swept_fast = sweep.began.is_some_and(|began| began.elapsed() < SWEEP_INTERVAL);
                let urgent = keyspaces.iter().any(|keyspace| keyspace.wants_compaction());
                if !swept_fast || urgent {
                    sweep.began = None;
                }
                return;
            };
            if wants_tending(keyspace) {
                let tended = keyspace.tend(sweep.from, self.clock.unix_ms());
                self.note_expired(tended.expired);
                if let Some(next) = tended.next {
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
        for keyspace in &self.keyspaces() {
            let mut from = Some(0);
            while let Some(hash) = from.filter(|_| !keyspace.is_untouched()) {
                let tended = keyspace.tend(hash, self.clock.unix_ms());
                self.note_expired(tended.expired);
                from = tended.next;
            }
        }
    }
}

fn wants_tending(keyspace: &Keyspace) -> bool {
    let counts = keyspace.counts();
    counts.expiring > 0 || counts.expiring_within > 0 || keyspace.wants_compaction()
}
