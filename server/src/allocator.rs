//! The allocator of the process: mimalloc, asked for no alignment that its blocks have anyway.
//!
//! Rust tells an alignment with every request. mimalloc has a function for that, which is made for
//! alignments that are out of the ordinary: unless a block of the right size is at hand, it adds
//! the alignment to the size. So blocks of 160 bytes that are aligned to 8 come from among those of
//! 192, each of them (<https://github.com/microsoft/mimalloc/issues/889>), and a collection of a
//! few elements takes a tenth more than it should.

#![expect(unsafe_code, reason = "an allocator hands out raw memory")]

use std::alloc::{GlobalAlloc, Layout};

use libmimalloc_sys::{
    mi_free, mi_malloc, mi_malloc_aligned, mi_realloc, mi_realloc_aligned, mi_zalloc,
    mi_zalloc_aligned,
};

/// Alignment that every block has: the size of a block is a number of words, and the first one of a
/// page is aligned to more.
const ALIGN_OF_ALL: usize = size_of::<usize>();

/// mimalloc.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allocator;

// SAFETY: every request goes to mimalloc, for whose blocks the contract holds; a request for no more
// than `ALIGN_OF_ALL` needs none of its functions that align. All of them take each other's blocks.
unsafe impl GlobalAlloc for Allocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let block = if layout.align() <= ALIGN_OF_ALL {
            // SAFETY: it takes any size.
            unsafe { mi_malloc(layout.size()) }
        } else {
            // SAFETY: it takes any size, and an alignment that is a power of two.
            unsafe { mi_malloc_aligned(layout.size(), layout.align()) }
        };
        block.cast()
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let block = if layout.align() <= ALIGN_OF_ALL {
            // SAFETY: as above.
            unsafe { mi_zalloc(layout.size()) }
        } else {
            // SAFETY: as above.
            unsafe { mi_zalloc_aligned(layout.size(), layout.align()) }
        };
        block.cast()
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, _: Layout) {
        // SAFETY: the caller hands back a block of this allocator, hence of mimalloc.
        unsafe { mi_free(block.cast()) }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let block = if layout.align() <= ALIGN_OF_ALL {
            // SAFETY: the block is mimalloc's.
            unsafe { mi_realloc(block.cast(), new_size) }
        } else {
            // SAFETY: the block is mimalloc's, and the alignment a power of two.
            unsafe { mi_realloc_aligned(block.cast(), new_size, layout.align()) }
        };
        block.cast()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls `f` with a block that `alloc` makes.
    fn with_block(layout: Layout, is_zeroed: bool, f: impl FnOnce(*mut u8) -> *mut u8) {
        let block = if is_zeroed {
            // SAFETY: no layout here is empty.
            unsafe { Allocator.alloc_zeroed(layout) }
        } else {
            // SAFETY: as above.
            unsafe { Allocator.alloc(layout) }
        };
        assert!(!block.is_null());
        assert!(block.addr().is_multiple_of(layout.align()), "{layout:?}");
        let block = f(block);
        // SAFETY: it is this allocator's, which looks at no layout.
        unsafe { Allocator.dealloc(block, layout) }
    }

    #[test]
    fn blocks_are_aligned_and_keep_what_is_in_them() {
        for align in [1, 2, 4, 8, 16, 32, 64, 4096] {
            for size in (1..300).chain([511, 512, 1000, 1024, 5000, 70_000]) {
                let layout = Layout::from_size_align(size, align).unwrap();
                with_block(layout, true, |block| {
                    // SAFETY: the block has `size` bytes, all of them zero.
                    let bytes = unsafe { std::slice::from_raw_parts_mut(block, size) };
                    assert!(bytes.iter().all(|byte| *byte == 0));
                    bytes.fill(7);
                    // SAFETY: the block is of this layout.
                    let larger = unsafe { Allocator.realloc(block, layout, size * 3) };
                    assert!(larger.addr().is_multiple_of(align), "{layout:?}");
                    // SAFETY: the block has three times as many bytes.
                    let bytes = unsafe { std::slice::from_raw_parts(larger, size) };
                    assert!(bytes.iter().all(|byte| *byte == 7));
                    larger
                });
            }
        }
    }

    #[test]
    fn a_block_takes_no_more_than_its_class() {
        for size in [16, 32, 48, 64, 96, 160, 192, 224, 320, 448, 640, 896, 1024, 1280] {
            with_block(Layout::from_size_align(size, 8).unwrap(), false, |block| {
                // SAFETY: the block is mimalloc's.
                let usable = unsafe { libmimalloc_sys::mi_usable_size(block.cast()) };
                assert_eq!(usable, size);
                block
            });
        }
    }
}
