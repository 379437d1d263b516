//! Where the parts of a node are.

use std::alloc::{self, Layout, handle_alloc_error};
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::slice;

use super::super::age::Age;
use super::count::Count;
use super::{At, FANOUT};
use crate::sync::atomic::{AtomicU8, AtomicU32};

/// What every node begins with.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Head {
    pub(super) count: Count,
    age: Age,
}

impl Head {
    pub(super) fn new(age: Age) -> Self {
        Self { count: Count::one(), age }
    }

    pub(super) fn age(&self) -> Age {
        self.age
    }

    pub(super) fn set_age(&mut self, age: Age) {
        self.age = age;
    }
}

#[derive(Debug)]
#[repr(C)]
pub(super) struct LeafHead {
    pub(super) head: Head,
    /// Bytes of the elements.
    pub(super) len: usize,
}

#[derive(Debug)]
#[repr(C, align(8))]
pub(super) struct InnerHead {
    pub(super) head: Head,
    /// A bit for each link that is lent.
    pub(super) lent: AtomicU32,
    pub(super) children: u8,
    pub(super) state: AtomicU8,
}

impl InnerHead {
    pub(super) fn new(age: Age, lent: u32, children: usize) -> Self {
        let (lent, state) = (AtomicU32::new(lent), AtomicU8::new(0));
        Self { head: Head::new(age), lent, children: children as u8, state }
    }
}

pub(super) const ALIGN: usize = align_of::<InnerHead>();
// Small collections have one leaf each, which this is paid for.
const _: () = assert!(size_of::<LeafHead>() == 16 && size_of::<InnerHead>() == 16);
const _: () = assert!(ALIGN == align_of::<LeafHead>() && FANOUT < u32::BITS as usize);

pub(super) fn leaf_bytes(len: usize) -> usize {
    size_of::<LeafHead>().saturating_add(len)
}

pub(super) fn leaf_layout(len: usize) -> Layout {
    Layout::from_size_align(leaf_bytes(len), ALIGN).expect("a leaf fits the address space")
}

pub(super) const fn inner_bytes<B>(len: usize) -> usize {
    // Each array ends where the next may begin.
    const { assert!(align_of::<B>() <= ALIGN && size_of::<B>().is_multiple_of(ALIGN)) };
    const { assert!(align_of::<At<B>>() == ALIGN && align_of::<u64>() <= ALIGN) };
    size_of::<InnerHead>() + len * (size_of::<B>() + size_of::<At<B>>() + size_of::<u64>())
}

pub(super) fn inner_layout<B>(len: usize) -> Layout {
    Layout::from_size_align(inner_bytes::<B>(len), ALIGN).expect("an inner node is small")
}

/// Memory for a node.
pub(super) fn allocate(layout: Layout) -> NonNull<u8> {
    debug_assert!(layout.size() > 0);
    // SAFETY: every node has a head, so the layout is not empty.
    let node = unsafe { alloc::alloc(layout) };
    NonNull::new(node).unwrap_or_else(|| handle_alloc_error(layout))
}

/// Makes a node longer or shorter.
///
/// # Safety
///
/// It was allocated with the layout `from`, and nobody else has it.
pub(super) unsafe fn reallocate(node: NonNull<u8>, from: Layout, to: Layout) -> NonNull<u8> {
    debug_assert!(to.size() > 0 && from.align() == to.align());
    // SAFETY: as the caller says; a node is not empty, and its layout is one.
    let node = unsafe { alloc::realloc(node.as_ptr(), from, to.size()) };
    NonNull::new(node).unwrap_or_else(|| handle_alloc_error(to))
}

/// Where the arrays of an inner node are.
#[derive(Debug)]
pub(super) struct Arrays<B> {
    pub(super) bounds: NonNull<B>,
    pub(super) links: NonNull<At<B>>,
    pub(super) lens: NonNull<u64>,
}

impl<B> Arrays<B> {
    /// # Safety
    ///
    /// Behind the head there is room for `len` children.
    #[inline]
    pub(super) unsafe fn of(node: NonNull<InnerHead>, len: usize) -> Self {
        // SAFETY: within the allocation, as the caller says. So are the next two.
        let bounds = unsafe { node.add(1) }.cast::<B>();
        // SAFETY: as above.
        let links = unsafe { bounds.add(len) }.cast::<At<B>>();
        // SAFETY: as above.
        let lens = unsafe { links.add(len) }.cast();
        Self { bounds, links, lens }
    }

    /// Room for what is known of `len` children, not yet written.
    ///
    /// # Safety
    ///
    /// The arrays have that length, and nobody else has the node for `'n`.
    #[inline]
    pub(super) unsafe fn room<'n>(self, len: usize) -> Room<'n, B> {
        // SAFETY: as the caller says; anything will do as what is not yet written.
        let bounds = unsafe { slice::from_raw_parts_mut(self.bounds.as_ptr().cast(), len) };
        // SAFETY: as above.
        let links = unsafe { slice::from_raw_parts_mut(self.links.as_ptr().cast(), len) };
        // SAFETY: as above.
        let lens = unsafe { slice::from_raw_parts_mut(self.lens.as_ptr().cast(), len) };
        Room { bounds, links, lens }
    }
}

/// The arrays of an inner node that is being made.
#[derive(Debug)]
pub(super) struct Room<'n, B> {
    pub(super) bounds: &'n mut [MaybeUninit<B>],
    pub(super) links: &'n mut [MaybeUninit<At<B>>],
    pub(super) lens: &'n mut [MaybeUninit<u64>],
}
