//! Nodes as they lie in memory, and what they cost.
//!
//! ```text
//! leaf   count age          length │ elements
//! inner  count age lent children state │ bounds │ links │ lengths
//! ```
//!
//! Each is one allocation of just its size. What a search compares lies side by side, so that the
//! processor fetches a node in few lines and all at once; and a node is copied in one go.
//!
//! # Invariants
//!
//! * **B1** A pointer to a node is made where the node is, keeps the provenance of the whole
//!   allocation, and knows the kind of the node. By then everything is written: all bytes of a
//!   leaf; bounds, links and lengths of all children of an inner node.
//! * **B2** A node is alive while views of it can be used: they borrow from a link that counts it,
//!   or from one that is lent and whose lender does (L1 of [`link`](super::link)).
//! * **B3** Of a node that more than one thread may have, `count`, `lent` and `state` change alone,
//!   which are atomic. Everything else is changed by whoever has the node to himself: by its only
//!   count, and by nodes from the root down to it that he has to himself too.

#![expect(unsafe_code, reason = "a node is a head and arrays whose length is known late")]

mod at;
mod count;
mod layout;

use std::marker::PhantomData;
use std::ptr::NonNull;
use std::slice;

pub(super) use self::at::At;
use self::layout::{Arrays, InnerHead, LeafHead, inner_bytes, leaf_bytes};
use super::age::Age;
use super::order::Bound;
use super::state::State;
use crate::sync::atomic::Ordering;

/// Children of an inner node at most: with bounds of eight or of sixteen bytes they fill 768 bytes
/// or a kibibyte, for which allocators have sizes.
#[cfg(not(any(test, engine_small)))]
pub(super) const FANOUT: usize = 31;
/// Few, so that tests of a few hundred elements have several levels.
#[cfg(any(test, engine_small))]
pub(super) const FANOUT: usize = 6;
/// Children below which an inner node is merged with a neighbour, if both fit.
pub(super) const CHILDREN_MIN: usize = FANOUT / 4;
/// Children that two inner nodes may have together to be merged.
pub(super) const CHILDREN_MERGED_MAX: usize = FANOUT * 3 / 4;

/// Bytes of a leaf before its elements.
pub(super) const LEAF_HEAD_BYTES: usize = size_of::<LeafHead>();

/// A node that lives for `'t`.
#[derive(Debug)]
pub(super) enum Node<'t, B> {
    Leaf(Leaf<'t>),
    Inner(Inner<'t, B>),
}

impl<B> Clone for Node<'_, B> {
    #[inline]
    fn clone(&self) -> Self {
        *self
    }
}

impl<B> Copy for Node<'_, B> {}

impl<'t, B> Node<'t, B> {
    /// The node, if it is an inner one.
    #[inline]
    pub(super) fn as_inner(self) -> Option<Inner<'t, B>> {
        match self {
            Self::Inner(inner) => Some(inner),
            Self::Leaf(_) => None,
        }
    }

    /// Where it is: tells it from all others there are.
    #[inline]
    pub(super) fn address(self) -> usize {
        match self {
            Self::Leaf(leaf) => leaf.at.addr().get(),
            Self::Inner(inner) => inner.at.addr().get(),
        }
    }

    pub(super) fn age(self) -> Age {
        match self {
            Self::Leaf(leaf) => leaf.head().head.age(),
            Self::Inner(inner) => inner.head().head.age(),
        }
    }

    /// Bytes allocated for it.
    pub(super) fn heap_bytes(self) -> u64 {
        match self {
            Self::Leaf(leaf) => leaf_bytes(leaf.bytes().len()) as u64,
            Self::Inner(inner) => inner.heap_bytes(),
        }
    }

    /// Bytes allocated for everything below it, itself included. Touches inner nodes, and the
    /// heads of leaves.
    pub(super) fn subtree_heap(self) -> u64 {
        let below = |inner: Inner<'_, B>| inner.nodes_to_weigh().map(Node::subtree_heap).sum();
        self.heap_bytes() + self.as_inner().map_or(0, below)
    }

    /// Bytes of all leaves below it. Touches inner nodes, and the heads of leaves.
    pub(super) fn leaf_bytes(self) -> u64 {
        match self {
            Self::Leaf(leaf) => leaf.bytes().len() as u64,
            Self::Inner(inner) => inner.nodes_to_weigh().map(Node::leaf_bytes).sum(),
        }
    }

    /// The bytes of the first leaf below it.
    pub(super) fn first_leaf(self) -> &'t [u8] {
        let mut node = self;
        loop {
            match node {
                Node::Leaf(leaf) => return leaf.bytes(),
                Node::Inner(inner) => node = inner.node(0),
            }
        }
    }
}

/// A leaf: elements, each behind its length.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leaf<'t> {
    at: NonNull<LeafHead>,
    node: PhantomData<&'t LeafHead>,
}

impl<'t> Leaf<'t> {
    #[inline]
    fn head(self) -> &'t LeafHead {
        // SAFETY: B1, B2.
        unsafe { self.at.as_ref() }
    }

    #[inline]
    pub(super) fn bytes(self) -> &'t [u8] {
        // SAFETY: B1: the elements are behind the head.
        let elements = unsafe { self.at.add(1) };
        // SAFETY: B1: they are so many bytes, which do not change for `'t` (B3).
        unsafe { slice::from_raw_parts(elements.cast().as_ptr(), self.head().len) }
    }
}

/// An inner node.
#[derive(Debug)]
pub(super) struct Inner<'t, B> {
    at: NonNull<InnerHead>,
    node: PhantomData<&'t B>,
}

impl<B> Clone for Inner<'_, B> {
    #[inline]
    fn clone(&self) -> Self {
        *self
    }
}

impl<B> Copy for Inner<'_, B> {}

impl<'t, B> Inner<'t, B> {
    #[inline]
    fn head(self) -> &'t InnerHead {
        // SAFETY: B1, B2.
        unsafe { self.at.as_ref() }
    }

    #[inline]
    fn arrays(self) -> Arrays<B> {
        // SAFETY: B1.
        unsafe { Arrays::of(self.at, self.len()) }
    }

    /// Number of its children.
    #[inline]
    pub(super) fn len(self) -> usize {
        usize::from(self.head().children)
    }

    /// What tells each child from its left neighbour (T2).
    #[inline]
    pub(super) fn bounds(self) -> &'t [B] {
        // SAFETY: B1, B3.
        unsafe { slice::from_raw_parts(self.arrays().bounds.as_ptr(), self.len()) }
    }

    /// Elements below each child (T1).
    #[inline]
    pub(super) fn lens(self) -> &'t [u64] {
        // SAFETY: B1, B3.
        unsafe { slice::from_raw_parts(self.arrays().lens.as_ptr(), self.len()) }
    }

    /// Where its children are.
    #[inline]
    pub(super) fn links(self) -> &'t [At<B>] {
        // SAFETY: B1, B3.
        unsafe { slice::from_raw_parts(self.arrays().links.as_ptr(), self.len()) }
    }

    /// A child.
    #[inline]
    pub(super) fn node(self, slot: usize) -> Node<'t, B> {
        // SAFETY: B2: a node keeps what it leads to.
        unsafe { self.links()[slot].node() }
    }

    /// A child that is to be read from its beginning: all of a leaf is asked for at once.
    #[inline]
    pub(super) fn node_to_read(self, slot: usize) -> Node<'t, B>
    where
        B: Bound,
    {
        let node = self.node(slot);
        if let Node::Leaf(_) = node {
            self.links()[slot].prefetch(B::LEAF_BYTES_MAX);
        }
        node
    }

    /// Its children.
    pub(super) fn nodes(self) -> impl DoubleEndedIterator<Item = Node<'t, B>> {
        // SAFETY: as above.
        self.links().iter().map(|link| unsafe { link.node() })
    }

    /// Its children, whose heads alone are to be read, and are asked for side by side.
    fn nodes_to_weigh(self) -> impl DoubleEndedIterator<Item = Node<'t, B>> {
        self.links().iter().for_each(|link| link.prefetch(LEAF_HEAD_BYTES));
        self.nodes()
    }

    /// A bit for each child.
    #[inline]
    pub(super) fn all(self) -> u32 {
        (1 << self.len()) - 1
    }

    /// A bit for each child whose link is lent.
    #[inline]
    pub(super) fn lent(self) -> u32 {
        // Relaxed: whoever marks a link that another thread looks at has let go of its node before,
        // by a count or by a guard, which orders the two.
        self.head().lent.load(Ordering::Relaxed)
    }

    /// Marks links as lent.
    ///
    /// # Safety
    ///
    /// Somebody else has their counts now.
    #[inline]
    pub(super) unsafe fn mark_lent(self, slots: u32) {
        // Relaxed: see `lent`.
        self.head().lent.fetch_or(slots, Ordering::Relaxed);
    }

    /// Marks links as no longer lent, and returns which of them were.
    ///
    /// # Safety
    ///
    /// Those that were have counts of their own now.
    #[inline]
    pub(super) unsafe fn mark_owned(self, slots: u32) -> u32 {
        // What was done for a link before it is marked is seen by whoever finds it so.
        self.head().lent.fetch_and(!slots, Ordering::AcqRel) & slots
    }

    #[inline]
    pub(super) fn state(self) -> State<'t> {
        State(&self.head().state)
    }

    /// Bytes allocated for it.
    pub(super) fn heap_bytes(self) -> u64 {
        inner_bytes::<B>(self.len()) as u64
    }
}

/// An inner node that the caller has to himself.
#[derive(Debug)]
pub(super) struct InnerMut<'t, B>(Inner<'t, B>);

impl<'t, B> InnerMut<'t, B> {
    /// # Safety
    ///
    /// The caller has the node to himself for `'t` (B3).
    #[inline]
    pub(super) unsafe fn new(inner: Inner<'t, B>) -> Self {
        Self(inner)
    }

    #[inline]
    pub(super) fn view(&self) -> Inner<'_, B> {
        self.0
    }

    /// Says that it has been made now.
    #[inline]
    pub(super) fn touch(&mut self) {
        // SAFETY: B3: nobody else has the node.
        unsafe { (*self.0.at.as_ptr()).head.set_age(Age::now()) };
    }

    /// Writes all that is known of a child, and forgets what was there. The link may be lent.
    ///
    /// # Safety
    ///
    /// If the link is not lent it has a count, which is the node's from now on.
    #[inline]
    pub(super) unsafe fn set(&mut self, slot: usize, (bound, link, below): (B, At<B>, u64)) {
        // SAFETY: B3: nobody else has the node.
        let room = unsafe { self.0.arrays().room(self.0.len()) };
        room.bounds[slot].write(bound);
        room.links[slot].write(link.with_lent(false));
        room.lens[slot].write(below);
        // SAFETY: B3: as above.
        let lent = unsafe { (*self.0.at.as_ptr()).lent.get_mut() };
        *lent = *lent & !(1 << slot) | u32::from(link.is_lent()) << slot;
    }
}
