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
//! # Invariants
//!
//! * **L1** For every lent link there is an owned link to the same node, in a node that lives at
//!   least as long as the lent link can be followed.
//! * **L2** Where a count is handed over, both links are marked by one thread, which is the only
//!   one to mark either, and both nodes stay alive meanwhile.
//! * **L3** A node with a link that is lent to a tree, and each from the root of that tree down to it,
//!   is noted as [`INDEBTED`](State::INDEBTED), so that whoever looks for lent links finds them all.
//! * **L4** And owned links of such nodes lead to nodes of the same update, or to such as owe nothing,
//!   until the loan is settled: what another tree has borrowed is not found on the way. Whoever
//!   settles comes by each link once, so that one which he has just made owned leads him nowhere.

#![expect(unsafe_code, reason = "a lent link is a copy of a counted pointer that is not counted")]

use std::mem::{self, ManuallyDrop};
use std::ops::Deref;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::fence;

use super::age::Age;
use super::node::{Child, Inner, Node};
use super::state::State;
use crate::sync::atomic::{AtomicU8, Ordering};

/// The link does not count its node.
const LENT: u8 = 1;

/// What is noted beside the pointer to a node. Takes the room that tells a leaf from an inner node.
#[derive(Debug)]
pub(super) struct Marks {
    age: Age,
    /// [`LENT`], or nothing.
    link: AtomicU8,
    /// With a first child: what is to be known of the node that it is in.
    pub(super) parent: AtomicU8,
}

impl Marks {
    #[inline]
    pub(super) fn new(age: Age) -> Self {
        Self { age, link: AtomicU8::new(0), parent: AtomicU8::new(0) }
    }

    pub(super) fn age(&self) -> Age {
        self.age
    }
}

/// A way to a node.
#[derive(Debug)]
pub(super) struct Link<B>(ManuallyDrop<Node<B>>);

impl<B> Deref for Link<B> {
    type Target = Node<B>;

    #[inline]
    fn deref(&self) -> &Node<B> {
        &self.0
    }
}

impl<B> Clone for Link<B> {
    /// Counts the node once more, whether the original counts it or not.
    #[inline]
    fn clone(&self) -> Self {
        Self::new(Node::clone(&self.0))
    }
}

impl<B> Drop for Link<B> {
    #[inline]
    fn drop(&mut self) {
        if !self.is_lent() {
            // SAFETY: an owned link has a count of its own (L1), and is dropped once.
            unsafe { ManuallyDrop::drop(&mut self.0) };
        }
    }
}

impl<B> Link<B> {
    #[inline]
    pub(super) fn new(node: Node<B>) -> Self {
        Self(ManuallyDrop::new(node))
    }

    #[inline]
    pub(super) fn is_lent(&self) -> bool {
        // Relaxed: whoever marks a link that another thread drops has let go of its node before,
        // by a count or by a guard, which orders the two.
        self.0.marks().link.load(Ordering::Relaxed) == LENT
    }

    /// Whether it is lent, or some link of the node may be.
    pub(super) fn has_borrowed(&self) -> bool {
        self.is_lent() || self.as_inner().is_some_and(is_indebted)
    }

    /// A lent link to the same node.
    ///
    /// # Safety
    ///
    /// L1: the caller keeps the node that this link is in for as long as the new link is lent.
    #[inline]
    pub(super) unsafe fn lend(&self) -> Self {
        let node = match &*self.0 {
            Node::Leaf(leaf, marks) => {
                // SAFETY: the copy is never dropped while it is lent, and until then not counted.
                let leaf = unsafe { ptr::read(leaf) };
                Node::Leaf(leaf, Marks { link: AtomicU8::new(LENT), ..Marks::new(marks.age) })
            }
            Node::Inner(children, marks) => {
                // SAFETY: as above.
                let children = unsafe { ptr::read(children) };
                Node::Inner(children, Marks { link: AtomicU8::new(LENT), ..Marks::new(marks.age) })
            }
        };
        Self::new(node)
    }

    /// Moves the link out of a node that nobody else has and that goes: what is left there is lent,
    /// so that dropping it does nothing.
    ///
    /// # Safety
    ///
    /// What is left is not followed any more.
    #[inline]
    pub(super) unsafe fn take(&mut self) -> Self {
        // SAFETY: the link that is lent is not followed, as the caller says.
        let mut taken = unsafe { self.lend() };
        mem::swap(taken.link_mut(), self.link_mut());
        taken
    }

    fn link_mut(&mut self) -> &mut u8 {
        match &mut *self.0 {
            Node::Leaf(_, marks) | Node::Inner(_, marks) => marks.link.get_mut(),
        }
    }

    /// Makes an owned link of a lent one by counting the node. Several threads may.
    pub(super) fn count(&self) {
        if !self.is_lent() {
            return;
        }
        let counted = ManuallyDrop::new(self.clone());
        let link = &self.0.marks().link;
        if link.compare_exchange(LENT, 0, Ordering::AcqRel, Ordering::Relaxed).is_err() {
            // Another thread was quicker.
            drop(ManuallyDrop::into_inner(counted));
        }
    }

    /// Hands the count of an owned link over to a lent one to the same node.
    ///
    /// # Safety
    ///
    /// L2: nobody else marks either link, and neither can be dropped meanwhile. L1: the node that
    /// `heir` is in outlives all who can still follow this link.
    #[inline]
    pub(super) unsafe fn hand_over(&self, heir: &Self) {
        debug_assert!(!self.is_lent() && heir.is_lent());
        // Relaxed: see `is_lent`.
        self.0.marks().link.store(LENT, Ordering::Relaxed);
        heir.0.marks().link.store(0, Ordering::Relaxed);
    }

    /// The children of an inner node to be changed: copied if somebody else has them too.
    ///
    /// Of a lent link the children are lent again if nobody but its owner has the node, and else
    /// counted.
    #[inline]
    pub(super) fn children_mut(&mut self) -> &mut Inner<B>
    where
        B: Copy,
    {
        if self.is_lent() {
            self.copy_lent(1);
        }
        let Node::Inner(children, marks) = &mut *self.0 else { unreachable!("an inner node") };
        marks.age = Age::now();
        let _ = Arc::make_mut(children);
        children
    }

    /// Turns a lent link to an inner node into an owned one to a copy of it, whose children are
    /// lent again if the node has just so many `owners`.
    pub(super) fn copy_lent(&mut self, owners: usize)
    where
        B: Copy,
    {
        debug_assert!(self.is_lent());
        let Some(children) = self.as_inner() else { unreachable!("an inner node") };
        let copy: Inner<B> = if has_owners(children, owners) {
            let lend = |child: &Child<B>| {
                // SAFETY: this link is lent, so the node lives for as long as it can be followed
                // (L1), and the copy takes its place.
                let node = unsafe { child.node.lend() };
                Child { node, len: child.len, bound: child.bound }
            };
            let copy: Inner<B> = children.iter().map(lend).collect();
            State::of(&copy).add(State::INDEBTED);
            copy
        } else {
            children.iter().cloned().collect()
        };
        self.set(Node::inner(copy));
    }

    /// Replaces the node.
    #[inline]
    pub(super) fn set(&mut self, node: Node<B>) {
        // What is noted here of the node that the link is in stays.
        let parent = self.marks().parent.load(Ordering::Relaxed);
        *self = Self::new(node);
        self.marks().parent.store(parent, Ordering::Relaxed);
    }
}

/// Whether some links of a node, or of nodes that it leads to, may be lent.
pub(super) fn is_indebted<B>(node: &Inner<B>) -> bool {
    State::of(node).has(State::INDEBTED)
}

/// Takes the children out of a node, which is left empty, and tells whether some may be lent. If
/// somebody else has the node too they are counted.
pub(super) fn take_children<B: Copy>(node: &mut Inner<B>) -> (Vec<Child<B>>, bool) {
    let indebted = is_indebted(node);
    let mut old = mem::take(node);
    let children = Arc::make_mut(&mut old).iter_mut().map(|child| {
        // SAFETY: the old node goes, and nobody follows its links until then.
        let node = unsafe { child.node.take() };
        Child { node, len: child.len, bound: child.bound }
    });
    (children.collect(), indebted)
}

/// Makes a node of children, some of which may be lent if it is `indebted`.
pub(super) fn inner_of<B>(children: impl Iterator<Item = Child<B>>, indebted: bool) -> Inner<B> {
    let node: Inner<B> = children.collect();
    if indebted {
        State::of(&node).add(State::INDEBTED);
    }
    node
}

/// Whether there are exactly `owners` counts of a node. What those who have let go did to it
/// happened before.
#[inline]
fn has_owners<B>(node: &Inner<B>, owners: usize) -> bool {
    let has = Arc::strong_count(node) == owners;
    // Pairs with the release of those who counted down.
    fence(Ordering::Acquire);
    has
}
