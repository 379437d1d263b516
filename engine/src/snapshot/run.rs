//! A running save as its threads and its handle see it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::progress::Meter;
use super::{Progress, SavePhase};
use crate::Error;
use crate::format::storage::Canceller;

/// What the threads of one save share.
#[derive(Debug)]
pub(super) struct Run {
    /// What triggered the save.
    pub(super) trigger: &'static str,
    pub(super) meter: Meter,
    /// Mirrors `state.fate` being `Stopped` or `Reported`, for threads that ask between pages.
    stopping: AtomicBool,
    /// Somebody does not want it any more.
    cancelled: AtomicBool,
    state: Mutex<State>,
    moved: Condvar,
    /// End the waiting of writers that are open.
    cancellers: Mutex<Cancellers>,
}

/// Ways to end the waiting of writers, by the number of the writer.
#[derive(Default)]
struct Cancellers {
    last: u64,
    open: BTreeMap<u64, Canceller>,
}

impl fmt::Debug for Cancellers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cancellers").field("open", &self.open.len()).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct State {
    phase: SavePhase,
    fate: Fate,
    /// Threads that work for the save, besides the one that looks after it.
    workers: usize,
    /// [`Stats::changes`](crate::Stats) at the cut, once that is taken.
    changes_at_cut: Option<u64>,
}

/// Whether the save is to go on.
#[derive(Debug)]
enum Fate {
    /// It is.
    Open,
    /// It is to end without a snapshot, for this reason: the first one counts.
    Stopped(Error),
    /// The same, and the reason is with whoever reports it.
    Reported,
    /// Its manifest may be published: nothing stops it any more.
    Committed,
}

impl Run {
    /// A save that is about to take its cut.
    pub(super) fn new(trigger: &'static str) -> Self {
        debug_assert!(SavePhase::Idle.leads_to(SavePhase::Cutting));
        Self {
            trigger,
            meter: Meter::new(),
            stopping: AtomicBool::new(false),
            cancelled: AtomicBool::new(false),
            state: Mutex::new(State {
                phase: SavePhase::Cutting,
                fate: Fate::Open,
                workers: 0,
                changes_at_cut: None,
            }),
            moved: Condvar::new(),
            cancellers: Mutex::default(),
        }
    }

    /// Moves on to `phase`.
    ///
    /// # Panics
    ///
    /// If the table of [`SavePhase`] has no such transition.
    pub(super) fn enter(&self, phase: SavePhase) {
        let mut state = self.lock();
        assert!(state.phase.leads_to(phase), "no way from {:?} to {phase:?}", state.phase);
        state.phase = phase;
    }

    /// Moves on to [`SavePhase::Aborting`], unless it is there.
    pub(super) fn abort(&self) {
        let mut state = self.lock();
        if state.phase != SavePhase::Aborting {
            assert!(state.phase.leads_to(SavePhase::Aborting), "nothing runs to be aborted");
            state.phase = SavePhase::Aborting;
        }
    }

    pub(super) fn set_changes_at_cut(&self, changes: u64) {
        self.lock().changes_at_cut = Some(changes);
    }

    pub(super) fn changes_at_cut(&self) -> Option<u64> {
        self.lock().changes_at_cut
    }

    /// Asks every thread of the save to stop, because somebody does not want it any more.
    pub(super) fn cancel(&self) {
        // Relaxed: whoever asks how the save ended learns of that through the mutex.
        self.cancelled.store(true, Ordering::Relaxed);
        self.stop(Error::SaveCancelled);
    }

    /// Whether it ended with `error` because somebody has [cancelled](Self::cancel) it.
    pub(super) fn is_cancelled_by(&self, error: &Error) -> bool {
        // A storage that was interrupted says so in its own way.
        self.cancelled.load(Ordering::Relaxed) && error.reason() == Error::SaveCancelled.reason()
    }

    /// Asks every thread of the save to stop, because of `reason`. Without effect if the save is
    /// stopping already or its manifest may be published.
    pub(super) fn stop(&self, reason: Error) {
        let mut state = self.lock();
        if matches!(state.fate, Fate::Open) {
            state.fate = Fate::Stopped(reason);
            // Relaxed: the reason itself travels through the mutex.
            self.stopping.store(true, Ordering::Relaxed);
            self.moved.notify_all();
            drop(state);
            self.cancel_writers();
        }
    }

    /// Has `cancel` called when the save is asked to stop; at once if it was. Returns the
    /// number to [forget](Self::forget) it by.
    pub(super) fn on_stop(&self, cancel: Canceller) -> u64 {
        let mut cancellers = self.cancellers.lock().unwrap_or_else(PoisonError::into_inner);
        cancellers.last += 1;
        let number = cancellers.last;
        cancellers.open.insert(number, cancel);
        drop(cancellers);
        if self.is_stopping() {
            self.cancel_writers();
        }
        number
    }

    /// Forgets what [`on_stop`](Self::on_stop) gave this number.
    pub(super) fn forget(&self, number: u64) {
        let mut cancellers = self.cancellers.lock().unwrap_or_else(PoisonError::into_inner);
        cancellers.open.remove(&number);
    }

    fn cancel_writers(&self) {
        let cancellers = self.cancellers.lock().unwrap_or_else(PoisonError::into_inner);
        for cancel in cancellers.open.values() {
            cancel();
        }
    }

    /// Whether the save is to end without a snapshot.
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Passes if the save is to go on.
    ///
    /// # Errors
    ///
    /// Why it is not, to the first who asks; [`Error::SaveCancelled`] to others.
    pub(super) fn check(&self) -> Result<(), Error> {
        Self::verdict(&mut self.lock())
    }

    /// Passes the commit point, unless the save is stopping.
    ///
    /// # Errors
    ///
    /// Those of [`check`](Self::check).
    pub(super) fn commit(&self) -> Result<(), Error> {
        let mut state = self.lock();
        Self::verdict(&mut state)?;
        state.fate = Fate::Committed;
        Ok(())
    }

    fn verdict(state: &mut State) -> Result<(), Error> {
        match &state.fate {
            Fate::Open | Fate::Committed => Ok(()),
            Fate::Stopped(_) | Fate::Reported => {
                match std::mem::replace(&mut state.fate, Fate::Reported) {
                    Fate::Stopped(reason) => Err(reason),
                    Fate::Open | Fate::Reported | Fate::Committed => Err(Error::SaveCancelled),
                }
            }
        }
    }

    pub(super) fn progress(&self) -> Progress {
        self.meter.read(self.lock().phase)
    }

    /// Counts a thread that is about to work for the save; the guard counts it off when it ends,
    /// however it ends.
    pub(super) fn working(&self) -> Working<'_> {
        self.lock().workers += 1;
        Working(self)
    }

    /// Waits until no thread works for the save, it is asked to stop, or `timeout` is over.
    /// Returns whether threads still work.
    pub(super) fn wait_for_workers(&self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        let was_stopping = self.is_stopping();
        let mut state = self.lock();
        // Relaxed: the flag is set under the mutex that is held here.
        while state.workers > 0 && self.is_stopping() == was_stopping {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self.moved.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.workers > 0
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic between two assignments is impossible; the state is whole in any case.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts one thread.
#[derive(Debug)]
pub(super) struct Working<'r>(&'r Run);

impl Drop for Working<'_> {
    fn drop(&mut self) {
        self.0.lock().workers -= 1;
        self.0.moved.notify_all();
    }
}
