//! Children by themselves, out of the node that they are in.

use std::iter;
use std::mem::{self, ManuallyDrop};

use super::super::age::Age;
use super::super::node::{Inner, InnerMut, Node};
use super::{Link, is_indebted};

/// A node as its parent knows it.
#[derive(Clone, Debug)]
pub(in crate::tree) struct Child<B> {
    pub(in crate::tree) node: Link<B>,
    /// Elements below it (T1).
    pub(in crate::tree) len: u64,
    /// Tells it from its left neighbour (T2).
    pub(in crate::tree) bound: B,
}

impl<B: Copy> Child<B> {
    pub(in crate::tree) fn new(node: Link<B>, len: u64, bound: B) -> Self {
        Self { node, len, bound }
    }

    /// An inner node above `children`, of which there are some.
    pub(in crate::tree) fn above(children: Vec<Self>, indebted: bool) -> Self {
        let len = children.iter().map(|child| child.len).sum();
        let bound = children[0].bound;
        Self::new(Link::above(children.into_iter(), indebted, Age::now()), len, bound)
    }

    /// The same leaves below inner nodes that nobody else has.
    pub(in crate::tree) fn copy_above_leaves(&self) -> Self {
        Self::new(copy_above_leaves(&self.node), self.len, self.bound)
    }
}

/// See [`Child::copy_above_leaves`].
fn copy_above_leaves<B: Copy>(link: &Link<B>) -> Link<B> {
    let Some(inner) = link.as_inner() else { return link.clone() };
    let copies = (0..inner.len()).map(|slot| {
        // SAFETY: what is read is not let go of.
        let child = ManuallyDrop::new(unsafe { read_child(inner, slot) });
        child.copy_above_leaves()
    });
    Link::above(copies, false, Node::Inner(inner).age())
}

/// What is written of a child, as it is for itself.
///
/// # Safety
///
/// Of what is read or what is in the slot, one alone is let go of: they have one count.
#[inline]
unsafe fn read_child<B: Copy>(inner: Inner<'_, B>, slot: usize) -> Child<B> {
    let link = inner.links()[slot].with_lent(inner.lent() >> slot & 1 == 1);
    Child { node: Link(link), len: inner.lens()[slot], bound: inner.bounds()[slot] }
}

/// A child that was taken out of its slot, and is put back there.
struct Taken<'i, 'n, B: Copy> {
    inner: &'i mut InnerMut<'n, B>,
    slot: usize,
    child: ManuallyDrop<Child<B>>,
}

impl<B: Copy> Drop for Taken<'_, '_, B> {
    fn drop(&mut self) {
        // SAFETY: it is not used again.
        let Child { node, len, bound } = unsafe { ManuallyDrop::take(&mut self.child) };
        // SAFETY: the count that the link may have is not let go of.
        unsafe { self.inner.set(self.slot, (bound, node.into_at(), len)) };
    }
}

impl<B: Copy> InnerMut<'_, B> {
    /// Changes a child.
    pub(in crate::tree) fn with_child<R>(
        &mut self,
        slot: usize,
        change: impl FnOnce(&mut Child<B>) -> R,
    ) -> R {
        // SAFETY: what is read is put back, over what was in the slot.
        let child = ManuallyDrop::new(unsafe { read_child(self.view(), slot) });
        let mut taken = Taken { inner: self, slot, child };
        change(&mut taken.child)
    }
}

impl<B> Link<B> {
    /// Takes the children out, and tells whether some may have borrowed; an empty leaf is left. If
    /// somebody else has the node too they are counted.
    pub(in crate::tree) fn take_children(&mut self) -> (Vec<Child<B>>, bool)
    where
        B: Copy,
    {
        self.inner_mut();
        let node = mem::replace(self, Self::leaf(iter::empty()));
        let Some(inner) = node.as_inner() else { unreachable!("an inner node") };
        let indebted = is_indebted(inner);
        // SAFETY: the slots go with the node, by itself.
        let children = (0..inner.len()).map(|slot| unsafe { read_child(inner, slot) }).collect();
        // SAFETY: `inner_mut` has made this link the only one.
        unsafe { node.into_at().deallocate() };
        (children, indebted)
    }
}
