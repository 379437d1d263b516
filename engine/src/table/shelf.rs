//! Memory of entries that were freed, for the next ones.
//!
//! A write makes an entry and frees another, a little later and often of the same size. What was
//! freed last is still in the processor's cache; what the allocator gives has been lying somewhere
//! in a heap of millions of entries. So each thread keeps a few blocks of each size on a shelf, the
//! latest on top, as the magazines of Bonwick and Adams do ("Magazines and Vmem", 2001).
//!
//! A thread that has put something on its shelf gives it all back when it ends.
//!
//! # Invariants
//!
//! * **S1** A block on a shelf was allocated with the layout of its class, and nobody else has it.
//! * **S2** The first word of a block on a shelf is the address of the one below it, or null.

use std::alloc::{Layout, alloc, dealloc};
use std::cell::UnsafeCell;
use std::marker::PhantomData;
use std::ptr;

use crate::sync::prefetch_bytes;

/// Sizes are rounded up to this, which costs nothing: no allocator has finer classes.
const GRAIN_BYTES: usize = 8;
/// Larger blocks take so long to fill that it does not matter where they come from.
const BLOCK_BYTES_MAX: usize = 512;
const CLASSES: usize = BLOCK_BYTES_MAX / GRAIN_BYTES;
/// Bytes on one thread's shelf at most. A collector's bags come back one after the other, and the
/// entries of a few of them have to find room.
const SHELF_BYTES_MAX: usize = 64 << 10;

/// Where sanitizers or Miri look for what is used after it was freed, every block is to go.
const IS_USED: bool = cfg!(not(any(engine_small, fuzzing, miri)));

/// A block on a shelf (S2).
struct Block {
    below: *mut Block,
}

struct Shelf {
    tops: [*mut Block; CLASSES],
    bytes: usize,
    /// It is not to be used.
    is_aside: bool,
}

impl Shelf {
    const fn new() -> Self {
        Self { tops: [ptr::null_mut(); CLASSES], bytes: 0, is_aside: false }
    }

    fn take(&mut self, layout: Layout) -> Option<*mut u8> {
        let top = self.tops.get_mut(class_of(layout))?;
        let block = *top;
        if block.is_null() || self.is_aside {
            return None;
        }
        // SAFETY: S1, S2.
        let below = unsafe { (*block).below };
        *top = below;
        // What the next entry is written to should be at hand: publishing waits until it is written.
        prefetch_bytes(below.cast(), layout.size());
        self.bytes -= layout.size();
        Some(block.cast())
    }

    /// Puts a block on the shelf if there is room.
    ///
    /// # Safety
    ///
    /// The block was allocated with this layout, and nobody else has it.
    unsafe fn put(&mut self, block: *mut u8, layout: Layout) -> bool {
        let Some(top) = self.tops.get_mut(class_of(layout)) else { return false };
        if self.is_aside || self.bytes + layout.size() > SHELF_BYTES_MAX {
            return false;
        }
        #[expect(clippy::cast_ptr_alignment, reason = "every layout here is aligned to a word")]
        let block = block.cast::<Block>();
        // SAFETY: the block is the caller's, and at least a word long and aligned to one.
        unsafe { block.write(Block { below: *top }) };
        *top = block;
        self.bytes += layout.size();
        true
    }
}

impl Drop for Shelf {
    fn drop(&mut self) {
        for class in 0..CLASSES {
            let layout = layout_of((class + 1) * GRAIN_BYTES);
            while let Some(block) = self.take(layout) {
                // SAFETY: S1.
                unsafe { dealloc(block, layout) };
            }
        }
    }
}

thread_local! {
    static SHELF: UnsafeCell<Shelf> = const { UnsafeCell::new(Shelf::new()) };
}

/// Runs `f` on this thread's shelf, unless it has none, or has none any more.
#[inline]
fn with_shelf<R>(f: impl FnOnce(&mut Shelf) -> Option<R>) -> Option<R> {
    if !IS_USED {
        return None;
    }
    // SAFETY: the shelf is this thread's alone, and nothing that is done with it here runs anything
    // that could come back.
    SHELF.try_with(|shelf| f(unsafe { &mut *shelf.get() })).ok().flatten()
}

/// While it exists the thread gets new memory, and gives memory back at once.
///
/// Whoever moves entries together would otherwise move each to where another has just been.
#[derive(Debug)]
pub(super) struct Aside(PhantomData<*const ()>);

impl Aside {
    pub(super) fn new() -> Self {
        with_shelf(|shelf| {
            shelf.is_aside = true;
            Some(())
        });
        Self(PhantomData)
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        with_shelf(|shelf| {
            shelf.is_aside = false;
            Some(())
        });
    }
}

fn class_of(layout: Layout) -> usize {
    layout.size() / GRAIN_BYTES - 1
}

/// The layout of a block of at least `bytes`, which are not zero.
pub(super) fn layout_of(bytes: usize) -> Layout {
    let bytes = bytes.checked_next_multiple_of(GRAIN_BYTES);
    bytes
        .and_then(|bytes| Layout::from_size_align(bytes, GRAIN_BYTES).ok())
        .expect("lengths are below isize::MAX")
}

/// Allocates a block with a [layout](layout_of); null if there is no memory.
#[inline]
pub(super) fn allocate(layout: Layout) -> *mut u8 {
    if let Some(block) = with_shelf(|shelf| shelf.take(layout)) {
        return block;
    }
    // SAFETY: a layout of `layout_of` is not empty.
    unsafe { alloc(layout) }
}

/// Frees a block.
///
/// # Safety
///
/// It was allocated with this layout by [`allocate`], and nobody has it any longer.
#[inline]
pub(super) unsafe fn release(block: *mut u8, layout: Layout) {
    // SAFETY: the caller promises it.
    if with_shelf(|shelf| unsafe { shelf.put(block, layout) }.then_some(())).is_some() {
        return;
    }
    // SAFETY: the caller promises it.
    unsafe { dealloc(block, layout) };
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A block on its way to a shelf.
    fn block(layout: Layout) -> *mut u8 {
        // SAFETY: a layout of `layout_of` is not empty.
        let block = unsafe { alloc(layout) };
        assert!(!block.is_null());
        block
    }

    #[test]
    fn what_was_freed_last_is_what_is_taken_first_of_its_size() {
        let mut shelf = Shelf::new();
        let (small, large) = (layout_of(33), layout_of(48));
        assert_eq!((small.size(), large.size()), (40, 48));
        let blocks = [block(small), block(large), block(small)];
        for (block, layout) in blocks.into_iter().zip([small, large, small]) {
            // SAFETY: just allocated with this layout.
            assert!(unsafe { shelf.put(block, layout) });
        }
        assert_eq!(shelf.bytes, 40 + 48 + 40);
        let taken = [shelf.take(small), shelf.take(small), shelf.take(small), shelf.take(large)];
        assert_eq!(taken, [Some(blocks[2]), Some(blocks[0]), None, Some(blocks[1])]);
        assert_eq!(shelf.bytes, 0);
        for (block, layout) in blocks.into_iter().zip([small, large, small]) {
            // SAFETY: allocated above with this layout, and taken off the shelf.
            unsafe { dealloc(block, layout) };
        }
    }

    #[test]
    fn a_shelf_is_not_for_large_blocks_nor_for_many() {
        let mut shelf = Shelf::new();
        let layout = layout_of(BLOCK_BYTES_MAX + 1);
        let large = block(layout);
        // SAFETY: just allocated with this layout.
        assert!(!unsafe { shelf.put(large, layout) });
        assert_eq!(shelf.take(layout), None);
        // SAFETY: it was refused.
        unsafe { dealloc(large, layout) };

        let layout = layout_of(BLOCK_BYTES_MAX);
        for _ in 0..SHELF_BYTES_MAX / BLOCK_BYTES_MAX {
            // SAFETY: just allocated with this layout.
            assert!(unsafe { shelf.put(block(layout), layout) });
        }
        let last = block(layout);
        // SAFETY: just allocated with this layout.
        assert!(!unsafe { shelf.put(last, layout) });
        // SAFETY: it was refused.
        unsafe { dealloc(last, layout) };
    }
}
