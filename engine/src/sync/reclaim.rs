//! Epoch-based reclamation.
//!
//! A process-wide collector of our own, so that guards which other crates hold on crossbeam's
//! default collector cannot hold back a store's memory. A [`Guard`] covers one operation, one
//! batch, or one segment of a walk (rule R15), never anything that waits.

use std::cell::Cell;
use std::sync::OnceLock;

use crossbeam_epoch::{self as epoch, Collector, LocalHandle};
use crossbeam_utils::CachePadded;

use super::announce::{Announcement, Slot};

/// Retired bytes after which a thread hands its garbage to the collector at once instead of
/// waiting for its bag to fill.
const FLUSH_BYTES: usize = 256 << 10;

fn collector() -> &'static Collector {
    static COLLECTOR: OnceLock<Collector> = OnceLock::new();
    COLLECTOR.get_or_init(Collector::new)
}

/// What a thread needs to take part: its epoch record and its announcement slot.
struct Local {
    participant: LocalHandle,
    slot: &'static CachePadded<Slot>,
}

impl Local {
    fn register() -> Self {
        Self { participant: collector().register(), slot: Slot::take() }
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        self.slot.give_back();
    }
}

thread_local! {
    static LOCAL: Local = Local::register();
    /// Bytes retired by this thread since it last flushed.
    static RETIRED_BYTES: Cell<usize> = const { Cell::new(0) };
}

/// Keeps everything alive that was reachable in a table since it was made.
///
/// Not `Send`: it belongs to the thread that pinned.
#[derive(Debug)]
pub(crate) struct Guard {
    epoch: epoch::Guard,
    slot: &'static CachePadded<Slot>,
    /// Set when the thread has already torn down its thread-local state: the slot is this
    /// guard's own and goes back with it.
    owns_slot: bool,
}

/// Pins the current thread. Wait-free, some ten nanoseconds.
#[inline]
pub(crate) fn pin() -> Guard {
    LOCAL
        .try_with(|local| Guard {
            epoch: local.participant.pin(),
            slot: local.slot,
            owns_slot: false,
        })
        .unwrap_or_else(|_| pin_without_thread_local())
}

#[cold]
fn pin_without_thread_local() -> Guard {
    let participant = collector().register();
    Guard { epoch: participant.pin(), slot: Slot::take(), owns_slot: true }
}

impl Guard {
    /// Opens this thread's announcement (rule R1).
    #[inline]
    pub(crate) fn announce(&self) -> Announcement<'_> {
        self.slot.announce()
    }

    /// Whether this thread has an announcement open.
    pub(crate) fn is_announced(&self) -> bool {
        self.slot.is_announced()
    }

    /// A small number that no other running thread has, to choose a counter's stripe.
    #[inline]
    pub(crate) fn stripe(&self) -> usize {
        self.slot.number()
    }

    /// Runs `free` once no thread that is pinned at this moment is pinned any longer.
    ///
    /// `bytes` tells how much it frees; a thread that has retired a lot flushes.
    ///
    /// # Safety
    ///
    /// `free` must be sound to run on any thread at any later time, once nobody who pinned before
    /// this call is still pinned; what it captures must be valid for as long.
    #[inline]
    pub(crate) unsafe fn retire<F: FnOnce()>(&self, bytes: usize, free: F) {
        // SAFETY: the caller promises what `defer_unchecked` asks for.
        unsafe { self.epoch.defer_unchecked(free) };
        let flush = RETIRED_BYTES
            .try_with(|retired| {
                let sum = retired.get() + bytes;
                let flush = sum >= FLUSH_BYTES;
                retired.set(if flush { 0 } else { sum });
                flush
            })
            .unwrap_or(true);
        if flush {
            self.epoch.flush();
        }
    }

    /// Hands this thread's garbage to the collector and frees what is old enough.
    pub(crate) fn flush(&self) {
        self.epoch.flush();
    }
}

impl Drop for Guard {
    #[inline]
    fn drop(&mut self) {
        if self.owns_slot {
            self.slot.give_back();
        }
    }
}
