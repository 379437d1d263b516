//! The buffer that travels between a page builder and a storage.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// Alignment in bytes of a [`Buffer`]'s start, of its capacity and of object offsets.
///
/// What direct I/O asks for on every common device.
pub const BUFFER_ALIGNMENT: usize = 4096;

/// What all [`BufferMemory`] of this process stands for. Relaxed: a figure to look at, which
/// orders nothing.
static IN_USE_BYTES: AtomicU64 = AtomicU64::new(0);

/// Memory in which objects are written or read, counted while this value lives.
///
/// Every [`Buffer`] counts itself; a storage that copies what it is given into memory of its own
/// counts that by a value of this type.
#[derive(Debug, Default)]
pub struct BufferMemory {
    bytes: u64,
}

impl BufferMemory {
    /// Counts `bytes`.
    pub fn new(bytes: usize) -> Self {
        let mut memory = Self::default();
        memory.set(bytes);
        memory
    }

    /// Counts `bytes` instead of what was counted before.
    pub fn set(&mut self, bytes: usize) {
        let before = std::mem::replace(&mut self.bytes, bytes as u64);
        IN_USE_BYTES.fetch_add(self.bytes.wrapping_sub(before), Ordering::Relaxed);
    }

    /// What is counted in this process at this moment, whoever's save or load it serves.
    pub fn in_use_bytes() -> u64 {
        IN_USE_BYTES.load(Ordering::Relaxed)
    }
}

impl Drop for BufferMemory {
    fn drop(&mut self) {
        self.set(0);
    }
}

/// A fixed-capacity byte buffer whose first byte is aligned to [`BUFFER_ALIGNMENT`].
///
/// The capacity is allocated once, zeroed, and never grows; `filled` bytes from the front on are
/// the buffer's content.
pub struct Buffer {
    /// Holds the aligned region `start .. start + capacity`; never reallocated.
    memory: Vec<u8>,
    start: usize,
    capacity: usize,
    filled: usize,
    _counted: BufferMemory,
}

impl Buffer {
    /// Allocates an empty buffer of `capacity` bytes.
    ///
    /// # Panics
    ///
    /// If `capacity` is zero or not a multiple of [`BUFFER_ALIGNMENT`].
    pub fn new(capacity: usize) -> Self {
        assert!(
            capacity > 0 && capacity.is_multiple_of(BUFFER_ALIGNMENT),
            "a buffer's capacity is a positive multiple of {BUFFER_ALIGNMENT}"
        );
        let memory = vec![0; capacity + BUFFER_ALIGNMENT];
        let start = memory.as_ptr().align_offset(BUFFER_ALIGNMENT);
        let counted = BufferMemory::new(capacity);
        Self { memory, start, capacity, filled: 0, _counted: counted }
    }

    /// Capacity in bytes.
    #[inline]
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Number of bytes filled.
    #[inline]
    pub fn len(&self) -> usize {
        self.filled
    }

    /// Whether nothing is filled.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.filled == 0
    }

    /// Bytes between the filled part and the capacity.
    #[inline]
    pub fn spare_len(&self) -> usize {
        self.capacity - self.filled
    }

    /// The filled bytes.
    #[inline]
    pub fn filled(&self) -> &[u8] {
        &self.memory[self.start..self.start + self.filled]
    }

    /// The filled bytes, writable.
    #[inline]
    pub fn filled_mut(&mut self) -> &mut [u8] {
        &mut self.memory[self.start..self.start + self.filled]
    }

    /// The bytes behind the filled part; call [`set_len`](Self::set_len) after writing to them.
    #[inline]
    pub fn spare_mut(&mut self) -> &mut [u8] {
        &mut self.memory[self.start + self.filled..self.start + self.capacity]
    }

    /// All bytes, filled or not.
    #[inline]
    pub fn all(&self) -> &[u8] {
        &self.memory[self.start..self.start + self.capacity]
    }

    /// All bytes, filled or not, writable.
    #[inline]
    pub fn all_mut(&mut self) -> &mut [u8] {
        &mut self.memory[self.start..self.start + self.capacity]
    }

    /// Declares the first `len` bytes filled.
    ///
    /// # Panics
    ///
    /// If `len` is above the capacity.
    pub fn set_len(&mut self, len: usize) {
        assert!(len <= self.capacity, "a buffer cannot be filled past its capacity");
        self.filled = len;
    }

    /// Empties the buffer.
    pub fn clear(&mut self) {
        self.filled = 0;
    }

    /// Appends as much of `bytes` as fits, and returns how much that was.
    pub fn extend_from_slice(&mut self, bytes: &[u8]) -> usize {
        let n = bytes.len().min(self.spare_len());
        self.spare_mut()[..n].copy_from_slice(&bytes[..n]);
        self.filled += n;
        n
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buffer")
            .field("len", &self.filled)
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_buffers_take_is_counted_while_they_live() {
        // Longer than all buffers of the tests that run beside this one.
        const BYTES: u64 = 256 << 20;
        let buffer = Buffer::new(BYTES as usize);
        assert!(BufferMemory::in_use_bytes() >= BYTES);
        let mut memory = BufferMemory::new(BYTES as usize);
        assert!(BufferMemory::in_use_bytes() >= 2 * BYTES);
        memory.set(0);
        drop(buffer);
        assert!(BufferMemory::in_use_bytes() < BYTES);
    }
}
