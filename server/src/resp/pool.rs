//! Buffers shared by the connections of a thread, so that an idle connection holds none.

use std::cell::RefCell;

/// Capacity of a fresh buffer: small enough to stay in the first-level cache with its peers.
pub(super) const BUFFER_BYTES: usize = 16 << 10;
/// A buffer that grew past this is freed instead of kept.
const BUFFER_BYTES_KEPT: usize = 64 << 10;
/// Buffers a thread keeps.
const BUFFERS_KEPT: usize = 64;

thread_local! {
    static FREE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Returns an empty buffer with some capacity.
pub(super) fn take() -> Vec<u8> {
    FREE.with_borrow_mut(Vec::pop).unwrap_or_else(|| Vec::with_capacity(BUFFER_BYTES))
}

/// Takes a buffer back.
pub(super) fn give(mut buffer: Vec<u8>) {
    if (BUFFER_BYTES..=BUFFER_BYTES_KEPT).contains(&buffer.capacity()) {
        buffer.clear();
        FREE.with_borrow_mut(|free| {
            if free.len() < BUFFERS_KEPT {
                free.push(buffer);
            }
        });
    }
}
