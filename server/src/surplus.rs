//! Memory that the process has and its data no longer needs.
//!
//! What one thread allocates and another frees goes back to the allocator's books of the first,
//! which looks at them when it allocates again. After a great deal was deleted that may be never:
//! the threads that held the data are idle. So they are asked to look.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use crate::memory::resident_bytes;
use crate::server::{Server, Shared};

/// How the allocator is asked for what is free.
#[derive(Clone, Copy, Debug)]
pub struct CollectMemory {
    /// Takes back what other threads have freed of the calling thread's memory. Called between two
    /// commands, so it should not take long.
    pub own: fn(),
    /// The same, and gives to the system what nobody uses.
    pub all: fn(),
}

/// Bytes above what the data takes that are nobody's concern: code, stacks, buffers of clients.
const SURPLUS_MIN: u64 = 64 << 20;
/// A little less than the second after which the house keeper looks at memory anyway.
const PAUSE_MIN: Duration = Duration::from_millis(985);
/// The pause while it helps. What was freed meanwhile is looked at block by block, between two
/// commands, so it should not become much.
const PAUSE_HELPFUL: Duration = Duration::from_millis(100);
/// Where nothing helps, since live entries stand between free ones, it is tried this seldom.
const PAUSE_MAX: Duration = Duration::from_secs(16);

/// Gives memory back for as long as that helps.
#[derive(Debug)]
pub(crate) struct Surplus {
    due: Instant,
    pause: Duration,
    /// The surplus, and what the data took, when it was last tried.
    before: u64,
    used_before: u64,
    running: Option<JoinHandle<()>>,
}

impl Surplus {
    pub(crate) fn new(now: Instant) -> Self {
        Self { due: now, pause: PAUSE_MIN, before: 0, used_before: 0, running: None }
    }

    /// Whether it is time to look.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        now >= self.due && self.running.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Gives memory back if there is much more than the `used` bytes of data need, and if it is time.
    pub(crate) fn check(&mut self, server: &Shared, used: u64, now: Instant) {
        if !self.is_due(now) {
            return;
        }
        self.due = now + PAUSE_MIN;
        let Some(surplus) = resident_bytes().map(|resident| resident.saturating_sub(used)) else {
            return;
        };
        if surplus < SURPLUS_MIN.max(used / 2) {
            self.pause = PAUSE_MIN;
            self.before = 0;
            return;
        }
        // While data goes more is becoming free, and what was gained by then says little.
        let shrinking = used < self.used_before - self.used_before / 32;
        let helped = shrinking || self.before == 0 || surplus < self.before - self.before / 128;
        self.pause = if helped { PAUSE_HELPFUL } else { (self.pause * 2).min(PAUSE_MAX) };
        (self.before, self.used_before) = (surplus, used);
        self.due = now + self.pause;
        tracing::debug!(surplus, used, "asking the allocator for memory that is free");
        let server = Arc::clone(server);
        self.running = Some(tokio::spawn(async move { give_back(&server).await }));
    }
}

/// Has every connection thread look after its own memory, between two commands.
pub(crate) async fn give_back(server: &Server) {
    let Some(&collect) = server.collect_memory.get() else { return };
    let runtimes = server.runtimes.get().map_or(&[][..], Vec::as_slice);
    for runtime in runtimes {
        // One after another, so that there is always a thread that serves. One that is gone has
        // nothing left.
        let _ = runtime.spawn(async move { timed(collect.own) }).await;
    }
    // What they have put back is given to the system from a thread on which nobody waits.
    let _ = tokio::task::spawn_blocking(collect.all).await;
}

fn timed(collect: fn()) {
    let started = Instant::now();
    collect();
    tracing::debug!(microseconds = started.elapsed().as_micros() as u64, "collected");
}
