//! Buffers as `tokio-uring` takes them.

#![expect(unsafe_code, reason = "tokio-uring asks for a promise that a buffer's memory stays put")]

use std::mem::ManuallyDrop;

use tokio_uring::buf::{IoBuf, IoBufMut};

use crate::format::storage::Buffer;

/// A buffer lent to the kernel.
///
/// Dropping a loan leaks the buffer: whoever drops one does not know whether the kernel is done
/// with it. [`into_buffer`](Self::into_buffer), called when the operation is complete, is the way
/// back.
#[derive(Debug)]
pub(super) struct Loan {
    buffer: ManuallyDrop<Buffer>,
}

impl Loan {
    /// Lends `buffer`.
    pub(super) fn new(buffer: Buffer) -> Self {
        Self { buffer: ManuallyDrop::new(buffer) }
    }

    /// Ends the loan. Nothing may be in flight on the buffer any more.
    pub(super) fn into_buffer(self) -> Buffer {
        ManuallyDrop::into_inner(self.buffer)
    }
}

// SAFETY: the pointer is to the heap region of the buffer, which moving the loan does not move
// (I3), and which lives until `into_buffer`, since dropping a loan frees nothing (I1).
unsafe impl IoBuf for Loan {
    fn stable_ptr(&self) -> *const u8 {
        self.buffer.all().as_ptr()
    }

    fn bytes_init(&self) -> usize {
        // All of a buffer's memory is initialised, whatever it is filled with.
        self.buffer.capacity()
    }

    fn bytes_total(&self) -> usize {
        self.buffer.capacity()
    }
}

// SAFETY: as for `IoBuf`; the loan owns the region alone, so the kernel may write to it.
unsafe impl IoBufMut for Loan {
    fn stable_mut_ptr(&mut self) -> *mut u8 {
        self.buffer.all_mut().as_mut_ptr()
    }

    unsafe fn set_init(&mut self, _pos: usize) {
        // Every byte is initialised from the beginning.
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loan_covers_the_whole_buffer_and_gives_it_back_as_it_was() {
        let mut buffer = Buffer::new(8192);
        buffer.extend_from_slice(b"abc");
        let start = buffer.filled().as_ptr();
        let mut loan = Loan::new(buffer);
        assert_eq!(loan.stable_ptr(), start);
        assert_eq!(loan.stable_mut_ptr().cast_const(), start);
        assert_eq!((loan.bytes_init(), loan.bytes_total()), (8192, 8192));
        let moved = Box::new(loan);
        assert_eq!(moved.stable_ptr(), start);
        assert_eq!(moved.into_buffer().filled(), b"abc");
    }
}
