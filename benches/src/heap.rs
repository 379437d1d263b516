//! Counting what blocks occupy.

use std::alloc::{GlobalAlloc, Layout};
use std::sync::atomic::{AtomicI64, Ordering};

use mimalloc::MiMalloc;

static LIVE_BYTES: AtomicI64 = AtomicI64::new(0);

/// mimalloc, with the usable size of every block counted: what an entry really costs, rounding
/// to size classes included.
///
/// Counting costs time, so only the benchmark of memory uses it.
#[derive(Debug)]
pub struct CountingAllocator;

// SAFETY: every call goes to mimalloc unchanged, and counting neither allocates nor unwinds.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the contract of `GlobalAlloc::alloc`, which is this one's.
        let block = unsafe { MiMalloc.alloc(layout) };
        if !block.is_null() {
            // SAFETY: the block was just allocated by mimalloc.
            let bytes = unsafe { MiMalloc.usable_size(block) };
            LIVE_BYTES.fetch_add(bytes as i64, Ordering::Relaxed);
        }
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller hands back a block of this allocator, hence of mimalloc.
        let bytes = unsafe { MiMalloc.usable_size(block) };
        LIVE_BYTES.fetch_sub(bytes as i64, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `GlobalAlloc::dealloc`, which is this one's.
        unsafe { MiMalloc.dealloc(block, layout) }
    }
}

/// Bytes that all live blocks occupy.
pub fn live_bytes() -> i64 {
    LIVE_BYTES.load(Ordering::Relaxed)
}
