//! A shard's directory: an immutable array of segment pointers, replaced as a whole (rule R9).
//!
//! ```text
//! ┌───────┬──────────────────────────────┬──────────────────────────────┬──
//! │ depth │ local depth | segment address │ local depth | segment address │ ..   2^depth words
//! └───────┴──────────────────────────────┴──────────────────────────────┴──
//! ```
//!
//! A segment of local depth `l` stands in `2^(depth - l)` neighbouring words. Replacing segments,
//! by a split, a merge or a compaction, builds a new array and swaps the shard's root once; there
//! is no other way in which a segment enters or leaves the table.

#![expect(clippy::cast_ptr_alignment, reason = "directories are allocated as arrays of words")]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::NonNull;

use super::segment::Segment;

const DEPTH_SHIFT: u32 = 48;
const ADDRESS: usize = (1 << DEPTH_SHIFT) - 1;

/// Deepest directory of a shard: 2^20 words are 8 MiB.
///
/// With 256 shards that is room for 10^11 keys, so only keys made to collide get there.
pub(super) const DEPTH_MAX: u32 = 20;

/// One directory word: a segment and its local depth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DirectoryWord(*mut u8);

impl DirectoryWord {
    pub(super) fn new(segment: NonNull<Segment>, local_depth: u32) -> Self {
        let pointer = segment.as_ptr().cast::<u8>();
        assert!(pointer.addr() & !ADDRESS == 0, "the directory holds 48-bit addresses");
        Self(pointer.map_addr(|address| address | (local_depth as usize) << DEPTH_SHIFT))
    }

    pub(super) fn local_depth(self) -> u32 {
        (self.0.addr() >> DEPTH_SHIFT) as u32
    }

    pub(super) fn segment(self) -> NonNull<Segment> {
        let pointer = self.0.map_addr(|address| address & ADDRESS).cast();
        NonNull::new(pointer).expect("a directory has no empty words")
    }
}

/// A directory's address: `depth`, then the words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Directory(NonNull<DirectoryWord>);

fn layout(depth: u32) -> Layout {
    Layout::array::<DirectoryWord>(1 + (1_usize << depth)).expect("the depth is limited")
}

impl Directory {
    /// Allocates a directory of `2^depth` words.
    pub(super) fn allocate(depth: u32, mut word_at: impl FnMut(usize) -> DirectoryWord) -> Self {
        assert!(depth <= DEPTH_MAX);
        let layout = layout(depth);
        // SAFETY: the layout is never empty.
        let memory = unsafe { alloc(layout) };
        let Some(start) = NonNull::new(memory.cast::<DirectoryWord>()) else {
            handle_alloc_error(layout)
        };
        let depth_word = DirectoryWord(std::ptr::without_provenance_mut(depth as usize));
        // SAFETY: the first word is inside the allocation.
        unsafe { start.write(depth_word) };
        for index in 0..1_usize << depth {
            // SAFETY: the allocation holds 1 + 2^depth words.
            let place = unsafe { start.add(1 + index) };
            // SAFETY: as above, and aligned like all of them.
            unsafe { place.write(word_at(index)) };
        }
        Self(start)
    }

    /// Takes back an address given by [`address`](Self::address).
    pub(super) fn from_address(address: *mut u8) -> Option<Self> {
        NonNull::new(address.cast()).map(Self)
    }

    pub(super) fn address(self) -> *mut u8 {
        self.0.as_ptr().cast()
    }

    /// Frees the array, not the segments.
    ///
    /// # Safety
    ///
    /// Nobody can reach it any longer, and it is freed once.
    pub(super) unsafe fn free(self) {
        // SAFETY: the caller owns the directory.
        let depth = unsafe { self.depth() };
        // SAFETY: allocated with this layout.
        unsafe { dealloc(self.address(), layout(depth)) };
    }

    /// Number of hash bits that choose the word.
    ///
    /// # Safety
    ///
    /// The directory is reachable under a guard that the caller holds, or owned by the caller.
    #[inline]
    pub(super) unsafe fn depth(self) -> u32 {
        // SAFETY: the first word holds the depth, written before publication.
        unsafe { self.0.read() }.0.addr() as u32
    }

    /// The word for hash bits `prefix` (already shifted down to the depth).
    ///
    /// # Safety
    ///
    /// As for [`depth`](Self::depth), and `index` is below `2^depth`.
    #[inline]
    pub(super) unsafe fn word(self, index: usize) -> DirectoryWord {
        // SAFETY: the caller keeps the index inside the array.
        let place = unsafe { self.0.add(1 + index) };
        // SAFETY: written before publication, immutable since.
        unsafe { place.read() }
    }

    /// Address of a word, to prefetch.
    ///
    /// # Safety
    ///
    /// As for [`word`](Self::word).
    #[inline]
    pub(super) unsafe fn word_address(self, index: usize) -> *const u8 {
        // SAFETY: the caller keeps the index inside the array.
        unsafe { self.0.add(1 + index) }.as_ptr().cast()
    }

    /// Bytes allocated.
    ///
    /// # Safety
    ///
    /// As for [`depth`](Self::depth).
    pub(super) unsafe fn heap_bytes(self) -> usize {
        // SAFETY: as the caller promises.
        layout(unsafe { self.depth() }).size()
    }
}
