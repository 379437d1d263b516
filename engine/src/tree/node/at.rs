//! Where a node is.

use std::marker::PhantomData;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::ptr::NonNull;
use std::{alloc, ptr};

use super::super::age::Age;
use super::layout::{
    ALIGN, Arrays, Head, InnerHead, LeafHead, allocate, inner_layout, leaf_layout, reallocate,
};
use super::{FANOUT, Inner, Leaf, Node};
use crate::sync::prefetch_bytes;

/// The pointer leads to an inner node.
const INNER: usize = 1;
/// The pointer is a link that is lent.
const LENT: usize = 2;
const TAGS: usize = INNER | LENT;
const _: () = assert!(ALIGN > TAGS);

/// Where a node is, of which kind it is, and whether this is lent; nothing of how long.
#[derive(Debug)]
pub(in crate::tree) struct At<B> {
    tagged: NonNull<u8>,
    bound: PhantomData<B>,
}

impl<B> Clone for At<B> {
    #[inline]
    fn clone(&self) -> Self {
        *self
    }
}

impl<B> Copy for At<B> {}

// SAFETY: B3: what is behind the pointer is changed by atomics, or by a thread that has it to itself.
unsafe impl<B: Send + Sync> Send for At<B> {}
// SAFETY: as above.
unsafe impl<B: Send + Sync> Sync for At<B> {}

impl<B> At<B> {
    #[inline]
    fn new(node: NonNull<u8>, tags: usize) -> Self {
        Self { tagged: node.map_addr(|address| address | tags), bound: PhantomData }
    }

    #[inline]
    fn node_pointer(self) -> NonNull<u8> {
        self.tagged.map_addr(|address| {
            NonZeroUsize::new(address.get() & !TAGS).expect("a node is not at zero")
        })
    }

    #[inline]
    fn has(self, tag: usize) -> bool {
        self.tagged.addr().get() & tag != 0
    }

    #[inline]
    pub(in crate::tree) fn is_lent(self) -> bool {
        self.has(LENT)
    }

    /// The same, lent or not.
    #[inline]
    pub(in crate::tree) fn with_lent(self, is_lent: bool) -> Self {
        let tags = self.tagged.addr().get() & INNER | if is_lent { LENT } else { 0 };
        Self::new(self.node_pointer(), tags)
    }

    /// Tells the node from all others there are.
    #[inline]
    pub(in crate::tree) fn address(self) -> usize {
        self.tagged.addr().get() & !TAGS
    }

    /// Asks for so many bytes of the node's memory. A node may be shorter.
    #[inline]
    pub(in crate::tree) fn prefetch(self, bytes: usize) {
        prefetch_bytes(self.node_pointer().as_ptr(), bytes);
    }

    /// # Safety
    ///
    /// B2: the node lives for `'t`.
    #[inline]
    pub(in crate::tree) unsafe fn node<'t>(self) -> Node<'t, B> {
        let at = self.node_pointer();
        if self.has(INNER) {
            Node::Inner(Inner { at: at.cast(), node: PhantomData })
        } else {
            Node::Leaf(Leaf { at: at.cast(), node: PhantomData })
        }
    }

    /// # Safety
    ///
    /// B2: the node lives for `'t`.
    #[inline]
    unsafe fn head<'t>(self) -> &'t Head {
        // SAFETY: B1: every node begins with one; it lives as the caller says.
        unsafe { self.node_pointer().cast().as_ref() }
    }

    /// Counts the node once more.
    ///
    /// # Safety
    ///
    /// B2: the node is alive.
    #[inline]
    pub(in crate::tree) unsafe fn count(self) {
        // SAFETY: as the caller says.
        unsafe { self.head() }.count.add();
    }

    /// Lets go of one count, and tells whether it was the last one: then the caller has the node to
    /// himself, to free it.
    ///
    /// # Safety
    ///
    /// The count is the caller's.
    #[inline]
    pub(in crate::tree) unsafe fn uncount(self) -> bool {
        // SAFETY: what is counted is alive.
        unsafe { self.head() }.count.remove()
    }

    /// Whether there are just so many counts. What those who have let go did to the node happened
    /// before.
    ///
    /// # Safety
    ///
    /// B2: the node is alive.
    #[inline]
    pub(in crate::tree) unsafe fn has_owners(self, owners: usize) -> bool {
        // SAFETY: as the caller says.
        unsafe { self.head() }.count.is(owners)
    }

    /// Gives the memory of a node back. What it leads to is left alone.
    ///
    /// # Safety
    ///
    /// The caller has the node to himself, and does not use it again.
    pub(in crate::tree) unsafe fn deallocate(self) {
        // SAFETY: the node is still there.
        let layout = match unsafe { self.node() } {
            Node::Leaf(leaf) => leaf_layout(leaf.bytes().len()),
            Node::<B>::Inner(inner) => inner_layout::<B>(inner.len()),
        };
        // SAFETY: it was allocated so, and nobody else has it.
        unsafe { alloc::dealloc(self.node_pointer().as_ptr(), layout) };
    }

    /// Makes a leaf of `parts` laid end to end.
    #[inline]
    pub(in crate::tree) fn new_leaf<'a>(parts: impl Iterator<Item = &'a [u8]> + Clone) -> Self {
        let len = parts.clone().map(<[u8]>::len).sum();
        let node = allocate(leaf_layout(len));
        // SAFETY: a node has room for its head, and nobody else has what was just made.
        unsafe { node.cast().write(LeafHead { head: Head::new(Age::now()), len }) };
        let mut at = size_of::<LeafHead>();
        let mut room = len;
        for part in parts {
            room = room.checked_sub(part.len()).expect("parts are what they were");
            // SAFETY: within the allocation, since there is room.
            let to = unsafe { node.add(at) };
            // SAFETY: as above; what was just made does not overlap anything.
            unsafe { ptr::copy_nonoverlapping(part.as_ptr(), to.as_ptr(), part.len()) };
            at += part.len();
        }
        assert_eq!(room, 0, "parts are what they were");
        Self::new(node, 0)
    }

    /// Changes a leaf where it is: `parts` come in the place of the bytes in `cut`. Returns where it is
    /// then.
    ///
    /// # Safety
    ///
    /// The caller has the leaf to himself (B3), and does not use this pointer again.
    ///
    /// # Panics
    ///
    /// If the leaf has no such bytes.
    pub(in crate::tree) unsafe fn splice_leaf(self, cut: Range<usize>, parts: &[&[u8]]) -> Self {
        // SAFETY: as the caller says.
        let Node::<B>::Leaf(leaf) = (unsafe { self.node() }) else { unreachable!("a leaf") };
        let old_len = leaf.bytes().len();
        assert!(cut.start <= cut.end && cut.end <= old_len, "a leaf has the bytes that are cut");
        let behind = old_len - cut.end;
        let len = cut.start + parts.iter().map(|part| part.len()).sum::<usize>() + behind;
        let mut node = self.node_pointer();
        if len > old_len {
            // SAFETY: it was allocated so, and nobody else has it.
            node = unsafe { reallocate(node, leaf_layout(old_len), leaf_layout(len)) };
        }
        // SAFETY: offsets up to the longer of the two lengths are within the allocation.
        let at = |offset| unsafe { node.add(size_of::<LeafHead>() + offset) };
        // SAFETY: the bytes behind the cut are within the allocation, where they are and where they go.
        unsafe { ptr::copy(at(cut.end).as_ptr(), at(len - behind).as_ptr(), behind) };
        let mut to = cut.start;
        for part in parts {
            // SAFETY: what comes in ends where what is behind it begins. Parts are not in the leaf,
            // which the caller has to himself.
            unsafe { ptr::copy_nonoverlapping(part.as_ptr(), at(to).as_ptr(), part.len()) };
            to += part.len();
        }
        if len < old_len {
            // SAFETY: as above.
            node = unsafe { reallocate(node, leaf_layout(old_len), leaf_layout(len)) };
        }
        // SAFETY: a node has room for its head.
        unsafe { node.cast().write(LeafHead { head: Head::new(Age::now()), len }) };
        Self::new(node, 0)
    }

    /// Makes an inner node of `len` children, of each of which its bound, a link, lent or not, and
    /// the number of elements are given.
    #[inline]
    pub(in crate::tree) fn new_inner(
        len: usize,
        children: impl Iterator<Item = (B, Self, u64)>,
        age: Age,
    ) -> Self {
        assert!((1..=FANOUT).contains(&len), "an inner node has children, and room for them");
        let node = allocate(inner_layout::<B>(len));
        // SAFETY: the allocation has room for so many.
        let arrays = unsafe { Arrays::of(node.cast(), len) };
        // SAFETY: nobody else has what was just made.
        let room = unsafe { arrays.room(len) };
        let mut lent = 0;
        let mut written = 0;
        for (bound, link, below) in children {
            room.bounds[written].write(bound);
            room.links[written].write(link.with_lent(false));
            room.lens[written].write(below);
            lent |= u32::from(link.is_lent()) << written;
            written += 1;
        }
        assert_eq!(written, len, "there are as many children as were said");
        // SAFETY: a node has room for its head.
        unsafe { node.cast().write(InnerHead::new(age, lent, len)) };
        Self::new(node, INNER)
    }

    /// Copies an inner node, with all links lent or none.
    #[inline]
    pub(in crate::tree) fn copy_inner(from: Inner<'_, B>, is_lent: bool) -> Self
    where
        B: Copy,
    {
        let layout = inner_layout::<B>(from.len());
        let node = allocate(layout);
        let lent = if is_lent { from.all() } else { 0 };
        // SAFETY: a node has room for its head, and nobody else has what was just made.
        unsafe { node.cast().write(InnerHead::new(Age::now(), lent, from.len())) };
        // SAFETY: what is behind the head is within either allocation.
        let behind = |node: NonNull<u8>| unsafe { node.add(size_of::<InnerHead>()) };
        let bytes = layout.size() - size_of::<InnerHead>();
        // SAFETY: both have so many bytes there; the one does not change meanwhile (B3), and the
        // other was just made.
        unsafe { behind(node).copy_from_nonoverlapping(behind(from.at.cast()), bytes) };
        Self::new(node, INNER)
    }
}

impl<B> PartialEq for At<B> {
    /// Whether it is the same node.
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.address() == other.address()
    }
}

const _: () = assert!(size_of::<Option<At<u64>>>() == 8);
