//! The thread that starts the saves of a schedule.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use super::{Planner, Schedule, Step};
use crate::format::storage::StorageError;
use crate::store::Inner;
use crate::{Clock, Error, SaveOptions, snapshot};

/// Trigger of scheduled saves, in status and logs.
pub const TRIGGER: &str = "cron";

/// Longest time for which the clock is not read. Sleeping goes by a clock that stands still while
/// the machine is suspended, so this is also how late a run is after that.
const SLEEP_MAX: Duration = Duration::from_secs(1);

/// The schedule of one store, and the way to the thread that keeps it.
#[derive(Debug)]
pub(crate) struct Scheduler(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    planner: Option<Planner>,
    /// Whether the thread was started. It lives until the store ends.
    started: bool,
    /// Whether the thread is to look at the plan before its sleep is over.
    woken: bool,
    closed: bool,
}

impl Scheduler {
    /// Without a schedule and without a thread.
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Shared { clock, state: Mutex::default(), changed: Condvar::new() }))
    }

    fn set(&self, store: &Arc<Inner>, schedule: Option<Schedule>) -> Result<(), Error> {
        let mut state = self.0.lock();
        if schedule.is_some() && !state.started {
            let (shared, store) = (Arc::clone(&self.0), Arc::downgrade(store));
            thread::Builder::new()
                .name("exuvia-cron".to_owned())
                .spawn(move || run(&shared, &store))
                .map_err(|error| StorageError::from_io("start", "the schedule's thread", error))?;
            state.started = true;
        }
        let mut planner =
            schedule.map(|schedule| Planner::new(schedule, Arc::clone(&self.0.clock)));
        if let (Some(new), Some(old)) = (&mut planner, &state.planner)
            && old.is_owed()
        {
            new.postpone();
        }
        state.planner = planner;
        drop(state);
        self.wake();
        Ok(())
    }

    /// Has the thread read the clock now.
    pub(super) fn wake(&self) {
        self.0.lock().woken = true;
        self.0.changed.notify_all();
    }

    fn due_unix_ms(&self) -> Option<u64> {
        self.0.lock().planner.as_ref().and_then(Planner::due_unix_ms)
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic can only come from the clock, between two assignments.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.planner = None;
        drop(state);
        self.changed.notify_all();
    }

    /// Waits until a save is to be started. Returns `false` once the store is closed.
    fn wait_for_run(&self) -> bool {
        let mut state = self.lock();
        while !state.closed {
            let sleep = match state.planner.as_mut().map(Planner::step) {
                Some(Step::Run) => return true,
                Some(Step::Wait { ms }) => Some(SLEEP_MAX.min(Duration::from_millis(ms))),
                None => None,
            };
            state = self.sleep(state, sleep);
        }
        false
    }

    /// Sleeps until somebody wakes the thread, or for that long.
    fn sleep<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        longest: Option<Duration>,
    ) -> MutexGuard<'a, State> {
        let until = longest.map(|longest| Instant::now() + longest);
        while !state.closed && !std::mem::take(&mut state.woken) {
            let Some(until) = until else {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state =
                self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state
    }

    fn postpone(&self) {
        if let Some(planner) = &mut self.lock().planner {
            planner.postpone();
        }
    }
}

/// The thread's work, until the store is gone or closed.
fn run(shared: &Shared, store: &Weak<Inner>) {
    while shared.wait_for_run() {
        // The store is held only while it is needed, so that it can end meanwhile.
        let Some(store) = store.upgrade() else { return };
        match start(&store) {
            Outcome::Over => {}
            Outcome::Busy => {
                shared.postpone();
                store.archive().wait_for_save_at_most(SLEEP_MAX);
            }
            Outcome::Loading => {
                drop(store);
                shared.postpone();
                drop(shared.sleep(shared.lock(), Some(SLEEP_MAX)));
            }
            Outcome::Closed => shared.close(),
        }
    }
}

/// What became of a run.
enum Outcome {
    /// It was started, or failed and was counted, or there is nothing to be named.
    Over,
    /// Another save runs.
    Busy,
    /// The store does not hold its data yet.
    Loading,
    /// The store takes no more saves.
    Closed,
}

fn start(store: &Arc<Inner>) -> Outcome {
    let archive = store.archive();
    if !archive.names_snapshots() {
        tracing::debug!("no scheduled save, because snapshots have no name");
        return Outcome::Over;
    }
    if archive.is_loading() {
        return Outcome::Loading;
    }
    match snapshot::start_save(store, SaveOptions::default().trigger(TRIGGER)) {
        Err(Error::SaveInProgress) => Outcome::Busy,
        Err(Error::SaveCancelled) => Outcome::Closed,
        Err(error @ (Error::NotLoaded { .. } | Error::NoStorage | Error::InvalidOption { .. })) => {
            archive.save_refused(TRIGGER, &error);
            Outcome::Over
        }
        // It has begun: how it ends is logged and counted there.
        Ok(_) | Err(_) => Outcome::Over,
    }
}

impl Inner {
    /// Saves by `schedule` from now on.
    ///
    /// # Errors
    ///
    /// [`Error::NoStorage`], or [`Error::Storage`] if the thread does not start.
    pub(crate) fn set_schedule(self: &Arc<Self>, schedule: Option<Schedule>) -> Result<(), Error> {
        if schedule.is_some() {
            self.archive().storage()?;
        }
        self.scheduler.set(self, schedule)
    }

    pub(crate) fn next_scheduled_unix_ms(&self) -> Option<u64> {
        self.scheduler.due_unix_ms().filter(|_| self.archive().names_snapshots())
    }
}
