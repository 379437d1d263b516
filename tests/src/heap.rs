//! Counting what is allocated.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicI64, Ordering};

static LIVE_BYTES: AtomicI64 = AtomicI64::new(0);
static LIVE_BLOCKS: AtomicI64 = AtomicI64::new(0);

thread_local! {
    static ALLOCATED: Cell<u64> = const { Cell::new(0) };
    static FREED: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, with every block counted. A test binary makes it its global one.
#[derive(Debug)]
pub struct CountingAllocator;

// SAFETY: every call goes to the system's allocator unchanged, and counting neither allocates
// nor unwinds: the counters are atomics and thread-local cells without destructors.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the contract of `GlobalAlloc::alloc`, which is this one's.
        let block = unsafe { System.alloc(layout) };
        if !block.is_null() {
            LIVE_BYTES.fetch_add(layout.size() as i64, Ordering::Relaxed);
            LIVE_BLOCKS.fetch_add(1, Ordering::Relaxed);
            // The counter is gone while a thread ends, and nobody asks for it any more.
            let _ = ALLOCATED.try_with(|count| count.set(count.get() + 1));
        }
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        LIVE_BYTES.fetch_sub(layout.size() as i64, Ordering::Relaxed);
        LIVE_BLOCKS.fetch_sub(1, Ordering::Relaxed);
        let _ = FREED.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the contract of `GlobalAlloc::dealloc`, which is this one's.
        unsafe { System.dealloc(block, layout) }
    }
}

/// What is allocated in the whole process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Live {
    /// Bytes asked for.
    pub bytes: i64,
    /// Blocks.
    pub blocks: i64,
}

/// Counts what is allocated in the whole process at this moment.
pub fn live() -> Live {
    Live { bytes: LIVE_BYTES.load(Ordering::Relaxed), blocks: LIVE_BLOCKS.load(Ordering::Relaxed) }
}

/// How many blocks this thread allocated while it ran `work`.
pub fn allocated_by<R>(work: impl FnOnce() -> R) -> (u64, R) {
    let before = ALLOCATED.get();
    let result = work();
    (ALLOCATED.get() - before, result)
}

/// How many blocks this thread freed while it ran `work`.
pub fn freed_by<R>(work: impl FnOnce() -> R) -> (u64, R) {
    let before = FREED.get();
    let result = work();
    (FREED.get() - before, result)
}
