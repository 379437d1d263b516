//! Asking for memory before it is read.

const LINE_BYTES: usize = 64;

/// Asks for so many bytes at once, where reading them would ask for one line after the other. Wrong
/// addresses do no harm.
#[inline]
pub(crate) fn prefetch_bytes(start: *const u8, bytes: usize) {
    (0..bytes).step_by(LINE_BYTES).for_each(|offset| prefetch(start.wrapping_add(offset)));
}

/// Asks for the cache line of `address`. Wrong addresses do no harm.
#[inline]
pub(crate) fn prefetch(address: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch never faults, and every x86-64 has it.
    unsafe {
        std::arch::x86_64::_mm_prefetch(address.cast::<i8>(), std::arch::x86_64::_MM_HINT_T0);
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}
