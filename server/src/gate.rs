//! Reasons to hold commands back, or to look at each of them.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// Reasons, one bit each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reasons(u32);

impl Reasons {
    /// Data is being loaded at start.
    pub(crate) const LOADING: Self = Self(1);
    /// Memory has reached its limit.
    pub(crate) const OUT_OF_MEMORY: Self = Self(1 << 1);
    /// `CLIENT PAUSE` for writes.
    pub(crate) const PAUSED_WRITES: Self = Self(1 << 2);
    /// `CLIENT PAUSE` for all commands.
    pub(crate) const PAUSED_ALL: Self = Self(1 << 3);
    /// The server is shutting down: what is written past its last cut would be lost.
    pub(crate) const SHUTTING_DOWN: Self = Self(1 << 4);
    /// Data is being saved and loaded again in place.
    pub(crate) const RELOADING: Self = Self(1 << 5);
    /// A transaction runs that works on whole databases.
    pub(crate) const ALONE: Self = Self(1 << 6);
    /// Somebody is shown every command, so each has to be looked at by itself.
    pub(crate) const MONITORED: Self = Self(1 << 7);
    /// Everything for which writes wait.
    pub(crate) const HOLD_WRITES: Self = Self(
        Self::PAUSED_WRITES.0
            | Self::PAUSED_ALL.0
            | Self::SHUTTING_DOWN.0
            | Self::RELOADING.0
            | Self::ALONE.0,
    );

    #[inline]
    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether any of `others` is among these.
    #[inline]
    pub(crate) fn any(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }
}

/// Whether commands may run. One load tells a connection that nothing is the matter.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    reasons: AtomicU32,
    changed: Notify,
    /// Connections whose command waits here.
    waiting: AtomicUsize,
    pause_until: Mutex<Option<Instant>>,
}

impl Gate {
    /// What holds commands back.
    #[inline]
    pub(crate) fn reasons(&self) -> Reasons {
        // Acquire: pairs with the Release of `lower`, so that a command that may run sees
        // what was done while it was held. What `raise` needs is told there.
        Reasons(self.reasons.load(Ordering::Acquire))
    }

    /// Adds a reason. Commands that began before may still run: whoever needs them to have
    /// ended waits for [`Server::settle`](crate::server::Server::settle), which has each
    /// connection thread pass a point between two commands.
    pub(crate) fn raise(&self, reason: Reasons) {
        self.reasons.fetch_or(reason.0, Ordering::SeqCst);
    }

    /// Takes a reason away.
    pub(crate) fn lower(&self, reason: Reasons) {
        let before = self.reasons.fetch_and(!reason.0, Ordering::Release);
        if before & reason.0 != 0 {
            self.changed.notify_waiters();
        }
    }

    /// Adds or takes away.
    pub(crate) fn put(&self, reason: Reasons, on: bool) {
        if on { self.raise(reason) } else { self.lower(reason) }
    }

    /// How many connections wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Waits until `reasons` no longer hold as `held` judges them.
    pub(crate) async fn wait_while(&self, held: impl Fn(Reasons) -> bool) {
        let _waiting = Waiting::begin(&self.waiting);
        loop {
            let changed = self.changed.notified();
            if !held(self.reasons()) {
                return;
            }
            changed.await;
        }
    }

    /// Pauses commands for a while; a later end and the stricter of two modes win.
    pub(crate) fn pause(&self, all: bool, duration: Duration) {
        let mut until = self.pause_until.lock().unwrap_or_else(PoisonError::into_inner);
        let end = Instant::now() + duration;
        *until = Some(until.map_or(end, |old| old.max(end)));
        self.raise(if all { Reasons::PAUSED_ALL } else { Reasons::PAUSED_WRITES });
    }

    /// Ends a pause.
    pub(crate) fn unpause(&self) {
        *self.pause_until.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.lower(Reasons(Reasons::PAUSED_ALL.0 | Reasons::PAUSED_WRITES.0));
    }

    /// Ends a pause whose time is over; returns whether it did.
    pub(crate) fn end_pause(&self, now: Instant) -> bool {
        let until = *self.pause_until.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = until.is_some_and(|until| until <= now);
        if is_over {
            self.unpause();
        }
        is_over
    }
}

/// Counts a connection as waiting, for as long as it waits or is there. Relaxed: a figure to look
/// at, which orders nothing.
struct Waiting<'g>(&'g AtomicUsize);

impl<'g> Waiting<'g> {
    fn begin(count: &'g AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
