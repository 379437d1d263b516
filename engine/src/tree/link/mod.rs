//! What leads from a node to another: a link that has a count of it, or has borrowed it.
//!
//! Copying an inner node counts each of its children once more, and letting go of the old one
//! counts each of them down: twice thirty cache lines, most of them far away, to change one child.
//! Where the old node is about to go anyway its counts can be *handed over* instead. How trees
//! agree on that is in [`loan`](super::loan); here is what a link may do:
//!
//! ```text
//! owned ── counts the node; dropping it counts down
//! lent ─── does not count the node; dropping it does nothing
//! ```
//!
//! A link for itself says so in its pointer; of the links of an inner node a word of bits tells,
//! so that a node's links are handed over at once.
//!
//! # Invariants
//!
//! * **L1** For every lent link there is an owned link to the same node, in a node or a loan that
//!   lives at least as long as the lent link can be followed.
//! * **L2** Where a count is handed over, both links are marked by one thread, which is the only
//!   one to mark either, and both nodes stay alive meanwhile.
//! * **L3** A node with a link that is lent to a tree, and each from the root of that tree down to it,
//!   is noted as [`INDEBTED`](State::INDEBTED), so that whoever looks for lent links finds them all.
//! * **L4** And owned links of such nodes lead to nodes of the same update, or to such as owe nothing,
//!   until the loan is settled: what another tree has borrowed is not found on the way. Whoever
//!   settles comes by each link once, so that one which he has just made owned leads him nowhere.

#![expect(unsafe_code, reason = "a lent link is a copy of a counted pointer that is not counted")]

mod child;

use std::iter;
use std::mem;
use std::ops::Range;

pub(super) use self::child::Child;
use super::age::Age;
use super::leaf::spliced;
use super::node::{At, Inner, InnerMut, Node};
use super::state::State;

/// Bytes of a node that are asked for before it is known what will be looked for there.
const BEGINNING_BYTES: usize = 256;

/// A way to a node.
#[derive(Debug)]
pub(super) struct Link<B>(At<B>);

impl<B> Clone for Link<B> {
    /// Counts the node once more, whether the original counts it or not.
    #[inline]
    fn clone(&self) -> Self {
        // SAFETY: B2: this link leads to it.
        unsafe { Self::counted(self.0) }
    }
}

impl<B> Drop for Link<B> {
    #[inline]
    fn drop(&mut self) {
        if !self.0.is_lent() {
            // SAFETY: an owned link has a count of its own, and is dropped once.
            unsafe { release(self.0) };
        }
    }
}

/// Lets go of a count, and frees what nobody else has.
///
/// # Safety
///
/// The count is the caller's.
unsafe fn release<B>(link: At<B>) {
    // SAFETY: as the caller says.
    if !unsafe { link.uncount() } {
        return;
    }
    // SAFETY: it was the last count, so the node is alive until this function frees it.
    if let Node::Inner(inner) = unsafe { link.node() } {
        for slot in slots(inner.all() & !inner.lent()) {
            // SAFETY: an owned link has a count of its own, and goes with the node.
            unsafe { release(inner.links()[slot]) };
        }
    }
    // SAFETY: as above.
    unsafe { link.deallocate() };
}

/// The slots whose bits are set.
pub(super) fn slots(mut bits: u32) -> impl Iterator<Item = usize> {
    iter::from_fn(move || {
        let slot = bits.trailing_zeros();
        (slot < u32::BITS).then(|| {
            bits &= bits - 1;
            slot as usize
        })
    })
}

impl<B> Link<B> {
    /// A leaf of `parts` laid end to end.
    #[inline]
    pub(super) fn leaf<'a>(parts: impl Iterator<Item = &'a [u8]> + Clone) -> Self {
        Self(At::new_leaf(parts))
    }

    /// Puts `parts` in the place of the bytes of a leaf that are in `cut`: there, if nobody else has
    /// the leaf and a good part of it stays, and else in a copy.
    #[inline]
    pub(super) fn splice(&mut self, cut: Range<usize>, parts: &[&[u8]]) {
        let Node::Leaf(leaf) = self.node() else { unreachable!("a leaf") };
        // To make room an allocator may copy what is about to go.
        let most_goes = cut.len() > leaf.bytes().len() / 2;
        if most_goes || self.is_lent() || !self.has_owners(1) {
            *self = Self::leaf(spliced(leaf.bytes(), &cut, parts));
            return;
        }
        // SAFETY: B3: this is the only count, and the caller has the link to himself.
        self.0 = unsafe { self.0.splice_leaf(cut, parts) };
    }

    /// An inner node above `children`, of which there are some, but no more than fit. If some may
    /// have borrowed it is `indebted`.
    pub(super) fn above(
        children: impl ExactSizeIterator<Item = Child<B>>,
        indebted: bool,
        age: Age,
    ) -> Self {
        let len = children.len();
        let parts = children.map(|child| {
            let Child { node, len, bound } = child;
            (bound, node.into_at(), len)
        });
        let link = Self(At::new_inner(len, parts, age));
        if let Some(inner) = link.as_inner().filter(|_| indebted) {
            inner.state().add(State::INDEBTED);
        }
        link
    }

    /// Another owned link to a node.
    ///
    /// # Safety
    ///
    /// B2: the node is alive.
    #[inline]
    unsafe fn counted(node: At<B>) -> Self {
        // SAFETY: as the caller says.
        unsafe { node.count() };
        Self(node.with_lent(false))
    }

    /// The pointer, with the count that the link may have.
    #[inline]
    fn into_at(self) -> At<B> {
        let at = self.0;
        mem::forget(self);
        at
    }

    #[inline]
    pub(super) fn node(&self) -> Node<'_, B> {
        // SAFETY: B2: the link counts it, or L1.
        unsafe { self.0.node() }
    }

    /// Asks for the beginning of the node.
    #[inline]
    pub(super) fn prefetch(&self) {
        self.0.prefetch(BEGINNING_BYTES);
    }

    #[inline]
    pub(super) fn as_inner(&self) -> Option<Inner<'_, B>> {
        self.node().as_inner()
    }

    /// Bytes allocated for the node.
    #[inline]
    pub(super) fn heap_bytes(&self) -> u64 {
        self.node().heap_bytes()
    }

    /// Whether it leads to the same node.
    #[inline]
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.0 == other.0
    }

    #[inline]
    pub(super) fn is_lent(&self) -> bool {
        self.0.is_lent()
    }

    /// Whether it is lent, or some link of the node may be.
    pub(super) fn has_borrowed(&self) -> bool {
        self.is_lent() || self.as_inner().is_some_and(is_indebted)
    }

    /// Whether there are just so many owned links to the node.
    #[inline]
    pub(super) fn has_owners(&self, owners: usize) -> bool {
        // SAFETY: B2: this link leads to it.
        unsafe { self.0.has_owners(owners) }
    }

    /// A lent link to the same node.
    ///
    /// # Safety
    ///
    /// L1: the caller keeps an owned link to the node for as long as the new link can be followed.
    #[inline]
    pub(super) unsafe fn lend(&self) -> Self {
        Self(self.0.with_lent(true))
    }

    /// Makes the node one that nobody else has, by copying it if somebody does, and gives access to
    /// it.
    ///
    /// Of a lent link the children are lent again if nobody but its owner has the node, and else
    /// counted.
    #[inline]
    pub(super) fn inner_mut(&mut self) -> InnerMut<'_, B>
    where
        B: Copy,
    {
        if self.is_lent() {
            self.copy_lent(1);
        } else if !self.has_owners(1) {
            self.copy(false);
        }
        let Some(inner) = self.as_inner() else { unreachable!("an inner node") };
        // SAFETY: B3: this is the only count, and the caller has the link to himself.
        let mut inner = unsafe { InnerMut::new(inner) };
        inner.touch();
        inner
    }

    /// Turns a lent link to an inner node into an owned one to a copy of it, whose children are
    /// lent again if the node has just so many `owners`.
    pub(super) fn copy_lent(&mut self, owners: usize)
    where
        B: Copy,
    {
        debug_assert!(self.is_lent());
        // Lent: this link is, so the node lives for as long as it can be followed (L1), and the copy
        // takes its place.
        self.copy(self.has_owners(owners));
    }

    fn copy(&mut self, is_lent: bool)
    where
        B: Copy,
    {
        let Some(inner) = self.as_inner() else { unreachable!("an inner node") };
        let copy = Self(At::copy_inner(inner, is_lent));
        if is_lent {
            copy.as_inner().expect("a copy is of the same kind").state().add(State::INDEBTED);
        } else {
            for link in inner.links() {
                // SAFETY: B2: the node leads to it.
                unsafe { link.count() };
            }
        }
        *self = copy;
    }
}

/// Whether some links of a node, or of nodes that it leads to, may be lent.
#[inline]
pub(super) fn is_indebted<B>(node: Inner<'_, B>) -> bool {
    node.state().has(State::INDEBTED)
}

/// Makes lent links of a node owned ones by counting. Several threads may.
pub(super) fn count_children<B>(node: Inner<'_, B>, which: u32) {
    for slot in slots(node.lent() & which) {
        // SAFETY: B2: the node leads to it.
        let counted = unsafe { Link::counted(node.links()[slot]) };
        // SAFETY: the count that was just made is the node's if this says so, and goes otherwise:
        // another thread was quicker.
        if unsafe { node.mark_owned(1 << slot) } != 0 {
            mem::forget(counted);
        }
    }
}

/// An inner node to which a link in a slot leads that owns it, and alone.
pub(super) fn only_owned<B>(node: Inner<'_, B>, slot: usize) -> Option<Inner<'_, B>> {
    if node.lent() >> slot & 1 == 1 {
        // A lent node is another's, and may be gone.
        return None;
    }
    // SAFETY: B2: the node leads to it.
    let is_only = |_: &Inner<'_, B>| unsafe { node.links()[slot].has_owners(1) };
    node.node(slot).as_inner().filter(is_only)
}

/// Whether the node in a slot has one owner.
#[cfg(test)]
pub(super) fn has_one_owner<B>(node: Inner<'_, B>, slot: usize) -> bool {
    // SAFETY: B2: the node leads to it.
    unsafe { node.links()[slot].has_owners(1) }
}

/// Another owned link to what is in a slot.
pub(super) fn clone_child<B>(node: Inner<'_, B>, slot: usize) -> Link<B> {
    // SAFETY: B2: the node leads to it.
    unsafe { Link::counted(node.links()[slot]) }
}

/// Hands the counts of owned links of a node over to lent ones in slots of another.
///
/// # Safety
///
/// The links of each slot lead to the same node. L2: nobody else marks them, and neither node can be
/// dropped meanwhile. L1: the heir outlives all who can still follow the links that lend.
#[inline]
pub(super) unsafe fn hand_over_links<B>(from: (Inner<'_, B>, u32), to: (Inner<'_, B>, u32)) {
    debug_assert!(from.0.lent() & from.1 == 0 && to.0.lent() & to.1 == to.1);
    // SAFETY: the count of each goes to the other, as the caller says.
    unsafe { from.0.mark_lent(from.1) };
    // SAFETY: as above.
    unsafe { to.0.mark_owned(to.1) };
}
