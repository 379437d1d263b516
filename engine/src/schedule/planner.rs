//! Which run is next, whatever the clock does.

use std::sync::Arc;

use super::Schedule;
use super::calendar::JUMP_MIN_S;
use crate::Clock;

/// A jump of this length, ahead or back, makes the plan anew.
const JUMP_MIN_MS: u64 = JUMP_MIN_S as u64 * 1000;

/// A clock that is set back by less was corrected, not set.
const CORRECTION_MAX_MS: u64 = 60_000;

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Start a save. If it cannot be started because another one runs, say so by
    /// [`Planner::postpone`].
    Run,
    /// Nothing before this many milliseconds have passed, unless the clock is changed.
    Wait {
        /// Until the next run is due; `u64::MAX` if there is none.
        ms: u64,
    },
}

/// Decides when a schedule's saves are to be started.
///
/// A state machine without a thread: [`step`](Self::step) reads the clock and says what to do. It
/// wants to be called at least once a minute, since a jump of the clock is told from the time
/// between two calls.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
///
/// use exuvia::ManualClock;
/// use exuvia::schedule::{Planner, Schedule, Step, Zone};
///
/// let clock = Arc::new(ManualClock::new(1_795_348_790_000)); // ten seconds to the hour
/// let schedule = Schedule::cron("@hourly")?.in_zone(Zone::UTC);
/// let mut planner = Planner::new(schedule, clock.clone());
///
/// assert_eq!(planner.step(), Step::Wait { ms: 10_000 });
/// clock.advance(10_000);
/// assert_eq!(planner.step(), Step::Run);
/// assert_eq!(planner.step(), Step::Wait { ms: 3_600_000 });
/// # Ok::<(), exuvia::Error>(())
/// ```
#[derive(Debug)]
pub struct Planner {
    schedule: Schedule,
    clock: Arc<dyn Clock>,
    /// What the clock read last.
    read_unix_ms: u64,
    /// The next run; later than what the clock read last, unless that was set back.
    due_unix_ms: Option<u64>,
    /// Whether a run came due that was not started.
    owed: bool,
}

impl Planner {
    /// Plans `schedule` from now on: a time that is just now is not made up for.
    pub fn new(schedule: Schedule, clock: Arc<dyn Clock>) -> Self {
        let now = clock.unix_ms();
        let due_unix_ms = schedule.next_after_unix_ms(now);
        Self { schedule, clock, read_unix_ms: now, due_unix_ms, owed: false }
    }

    /// Reads the clock and says what to do.
    pub fn step(&mut self) -> Step {
        let now = self.clock.unix_ms();
        self.look(now);
        if std::mem::take(&mut self.owed) {
            return Step::Run;
        }
        Step::Wait { ms: self.due_unix_ms.map_or(u64::MAX, |due| due.saturating_sub(now)) }
    }

    /// Takes a run back that could not be started: the next step will be to run, once, however
    /// many more come due until then.
    pub fn postpone(&mut self) {
        self.owed = true;
    }

    /// Whether a run came due that was not started.
    pub fn is_owed(&self) -> bool {
        self.owed
    }

    /// The schedule.
    pub fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// Unix time in milliseconds at which the next run is due.
    pub fn due_unix_ms(&self) -> Option<u64> {
        self.due_unix_ms
    }

    /// Takes notice of the time, and of how the clock came to it.
    fn look(&mut self, now: u64) {
        let read = std::mem::replace(&mut self.read_unix_ms, now);
        let anew = if now >= read {
            now - read >= JUMP_MIN_MS
        } else {
            let back = read - now;
            // Fixed times that come round again have had their run; elapsed time goes on.
            let minimum =
                if self.schedule.is_by_elapsed_time() { CORRECTION_MAX_MS } else { JUMP_MIN_MS };
            back >= minimum
        };
        let is_due = self.due_unix_ms.is_some_and(|due| due <= now);
        if is_due && !anew {
            self.owed = true;
        }
        if is_due || anew {
            self.due_unix_ms = self.schedule.next_after_unix_ms(now);
        }
    }
}
