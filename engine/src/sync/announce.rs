//! Writers announce themselves; a new cut waits for those that were announced before it.
//!
//! This is one half of an asymmetric Dekker protocol. A writer does
//!
//! ```text
//! sequence = odd;  [compiler fence]  load mode and the registered cuts;  publish;  sequence = even
//! ```
//!
//! and a cut does
//!
//! ```text
//! register;  [heavy barrier]  wait while any sequence that was odd is unchanged;  bump
//! ```
//!
//! The heavy barrier is `membarrier(PRIVATE_EXPEDITED)`, which puts a full barrier into every
//! running thread of the process, so that the writers' side needs none. Either the writer's odd
//! sequence is visible to the cut, which then waits, or the cut's registration is visible to the
//! writer. Where the system call is missing, writers pay for a full barrier of their own.

use std::ptr;
use std::sync::OnceLock;

use crossbeam_utils::CachePadded;

use super::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering, compiler_fence, fence};

/// Whether writers must order their announcement themselves. Starts out safe.
static WRITERS_FENCE: AtomicBool = AtomicBool::new(true);

/// Head of the list of all slots ever made. Slots are reused, never freed.
static SLOTS: AtomicPtr<CachePadded<Slot>> = AtomicPtr::new(ptr::null_mut());

/// One thread's announcements: odd while it is between reading the mode and publishing.
#[derive(Debug)]
pub(crate) struct Slot {
    sequence: AtomicU64,
    taken: AtomicBool,
    /// Written before the slot is published in the list, never after.
    next: *const CachePadded<Slot>,
    /// Distinguishes threads, for striped counters.
    number: usize,
}

// SAFETY: `next` points to a slot that lives for ever and is immutable once the slot is shared.
unsafe impl Sync for Slot {}
// SAFETY: as above; nothing in a slot belongs to one thread.
unsafe impl Send for Slot {}

impl Slot {
    /// Takes a free slot, or makes one.
    pub(super) fn take() -> &'static CachePadded<Slot> {
        for slot in slots() {
            // Acquire: pairs with the Release in `give_back`, so the last owner has finished.
            if !slot.taken.load(Ordering::Relaxed)
                && slot
                    .taken
                    .compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed)
                    .is_ok()
            {
                return slot;
            }
        }
        let slot = Box::into_raw(Box::new(CachePadded::new(Slot {
            sequence: AtomicU64::new(0),
            taken: AtomicBool::new(true),
            next: ptr::null(),
            number: 0,
        })));
        let mut head = SLOTS.load(Ordering::Acquire);
        loop {
            // SAFETY: a non-null head is a slot that lives for ever.
            let number = unsafe { head.as_ref() }.map_or(0, |newest| newest.number + 1);
            // SAFETY: the slot is not in the list yet, so this thread alone knows it.
            let private = unsafe { &mut *slot };
            private.next = head;
            private.number = number;
            // Release: publishes the slot's fields to `slots`.
            match SLOTS.compare_exchange(head, slot, Ordering::AcqRel, Ordering::Acquire) {
                // SAFETY: the slot was leaked above and is shared and immutable from here on.
                Ok(_) => return unsafe { &*slot },
                Err(newer) => head = newer,
            }
        }
    }

    pub(super) fn give_back(&self) {
        self.taken.store(false, Ordering::Release);
    }

    /// A small number that no other running thread has.
    pub(super) fn number(&self) -> usize {
        self.number
    }

    /// Opens an announcement, which is closed when it is dropped, also by a panic.
    #[inline]
    pub(super) fn announce(&self) -> Announcement<'_> {
        let open = self.sequence.load(Ordering::Relaxed) + 1;
        debug_assert!(open % 2 == 1, "announcements do not nest");
        if WRITERS_FENCE.load(Ordering::Relaxed) {
            self.sequence.swap(open, Ordering::SeqCst);
            fence(Ordering::SeqCst);
        } else {
            // Relaxed: the cut's heavy barrier orders this store before the loads that follow;
            // only the compiler has to be held back here.
            self.sequence.store(open, Ordering::Relaxed);
            compiler_fence(Ordering::SeqCst);
        }
        Announcement { slot: self, open }
    }

    /// Whether this thread is announced.
    pub(super) fn is_announced(&self) -> bool {
        self.sequence.load(Ordering::Relaxed) % 2 == 1
    }
}

/// The stretch in which a writer reads the mode, decides, publishes and stamps (rules R1, R17).
///
/// Nothing foreign runs inside it: no allocation, no copying, no caller's code.
#[derive(Debug)]
pub(crate) struct Announcement<'a> {
    slot: &'a Slot,
    open: u64,
}

impl Drop for Announcement<'_> {
    #[inline]
    fn drop(&mut self) {
        // Release: pairs with the Acquire in `wait_for_writers`; what this writer published is
        // visible to a cut that saw the announcement end.
        self.slot.sequence.store(self.open + 1, Ordering::Release);
    }
}

/// Waits until every writer that had announced itself before this call has closed its
/// announcement. Blocks for as long as the slowest of them takes, ordinarily microseconds.
pub(crate) fn wait_for_writers() {
    heavy_barrier();
    for slot in slots() {
        let seen = slot.sequence.load(Ordering::Acquire);
        if seen % 2 == 0 {
            continue;
        }
        let mut spins = 0_u32;
        while slot.sequence.load(Ordering::Acquire) == seen {
            spins += 1;
            if spins.is_multiple_of(64) {
                // The writer was probably preempted; let it run.
                std::thread::yield_now();
            } else {
                std::hint::spin_loop();
            }
        }
    }
    fence(Ordering::SeqCst);
}

fn slots() -> impl Iterator<Item = &'static CachePadded<Slot>> {
    let mut next: *const CachePadded<Slot> = SLOTS.load(Ordering::Acquire);
    std::iter::from_fn(move || {
        // SAFETY: the list holds slots that live for ever, each published after `next` was set.
        let slot = unsafe { next.as_ref() }?;
        next = slot.next;
        Some(slot)
    })
}

/// Chooses the cheapest sound protocol. To be called before the first write of a store.
pub(crate) fn prepare() {
    static PREPARED: OnceLock<()> = OnceLock::new();
    PREPARED.get_or_init(|| {
        if membarrier::register() {
            WRITERS_FENCE.store(false, Ordering::SeqCst);
        }
    });
}

fn heavy_barrier() {
    fence(Ordering::SeqCst);
    if !WRITERS_FENCE.load(Ordering::SeqCst) {
        membarrier::barrier();
    }
}

#[cfg(all(target_os = "linux", not(miri)))]
mod membarrier {
    const PRIVATE_EXPEDITED: libc::c_long = 1 << 3;
    const REGISTER_PRIVATE_EXPEDITED: libc::c_long = 1 << 4;

    fn call(command: libc::c_long) -> bool {
        // SAFETY: membarrier takes integers only and touches no memory of the caller.
        unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
    }

    pub(super) fn register() -> bool {
        call(REGISTER_PRIVATE_EXPEDITED)
    }

    pub(super) fn barrier() {
        assert!(
            call(PRIVATE_EXPEDITED),
            "membarrier was registered for this process and cannot fail afterwards"
        );
    }
}

#[cfg(not(all(target_os = "linux", not(miri))))]
mod membarrier {
    pub(super) fn register() -> bool {
        false
    }

    pub(super) fn barrier() {}
}
