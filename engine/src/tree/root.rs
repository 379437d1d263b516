//! The tree itself.

use super::free;
use super::iter::Iter;
use super::link::{Child, Link};
use super::loan::{LoanCell, Sharing};
use super::order::{Bound, Order};

/// A persistent sequence of byte strings in an [`Order`].
pub(crate) struct Tree<O: Order> {
    order: O,
    root: Option<Child<O::Bound>>,
    /// Bytes allocated for the nodes (T5).
    heap_bytes: u64,
    /// While nodes are borrowed from another tree, that.
    loan: LoanCell<O::Bound>,
}

impl<O: Order> std::fmt::Debug for Tree<O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tree")
            .field("order", &self.order)
            .field("len", &self.len())
            .field("heap_bytes", &self.heap_bytes)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
thread_local! {
    /// Clones by this thread that had to copy.
    pub(crate) static COPIED: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

impl<O: Order> Clone for Tree<O> {
    /// O(1), unless the tree was replaced a moment ago and is still being looked at. Then all inner
    /// nodes are copied and all leaves counted, which takes milliseconds for a million elements: whoever
    /// can look the key up again [shares](Self::share) what he finds then instead.
    fn clone(&self) -> Self {
        self.share(Sharing::Counted).unwrap_or_else(|| {
            #[cfg(test)]
            COPIED.with(|copied| copied.set(copied.get() + 1));
            // Its inner nodes may have handed over, or be about to. A leaf has nothing to hand
            // over, and stays while whoever looks at the tree has a guard.
            let root = self.root.as_ref().map(Child::copy_above_leaves);
            Self::from_root(self.order, root, self.heap_bytes)
        })
    }
}

impl<O: Order + Default> Default for Tree<O> {
    fn default() -> Self {
        Self::new(O::default())
    }
}

impl<O: Order> Drop for Tree<O> {
    /// Frees what nobody else has: a little at once, the rest in the background.
    fn drop(&mut self) {
        let lender = self.end_loan();
        if let Some(root) = self.root.take() {
            free::free(root);
        }
        if let Some(lender) = lender {
            free::free_inner(lender);
        }
    }
}

impl<O: Order> Tree<O> {
    /// An empty tree.
    pub(crate) fn new(order: O) -> Self {
        Self::from_root(order, None, 0)
    }

    pub(super) fn from_root(order: O, root: Option<Child<O::Bound>>, heap_bytes: u64) -> Self {
        Self { order, root, heap_bytes, loan: LoanCell::default() }
    }

    pub(super) fn with_loan(
        order: O,
        root: Child<O::Bound>,
        heap_bytes: u64,
        loan: LoanCell<O::Bound>,
    ) -> Self {
        Self { order, root: Some(root), heap_bytes, loan }
    }

    pub(super) fn loan(&self) -> &LoanCell<O::Bound> {
        &self.loan
    }

    pub(super) fn loan_mut(&mut self) -> &mut LoanCell<O::Bound> {
        &mut self.loan
    }

    pub(crate) fn order(&self) -> &O {
        &self.order
    }

    pub(super) fn root(&self) -> Option<&Child<O::Bound>> {
        self.root.as_ref()
    }

    pub(super) fn parts_mut(&mut self) -> (&O, &mut Option<Child<O::Bound>>, &mut u64) {
        (&self.order, &mut self.root, &mut self.heap_bytes)
    }

    /// Number of elements. O(1).
    #[inline]
    pub(crate) fn len(&self) -> u64 {
        self.root.as_ref().map_or(0, |root| root.len)
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.root.is_none()
    }

    /// Asks for the beginning of the root.
    pub(crate) fn prefetch(&self) {
        if let Some(root) = self.root() {
            root.node.prefetch();
        }
    }

    /// Bytes allocated for its nodes, as requested from the allocator. Nodes that it shares with
    /// other trees count for each. O(1).
    pub(crate) fn heap_bytes(&self) -> u64 {
        self.heap_bytes
    }

    /// Bytes of its leaves laid end to end. Touches all nodes, but not the elements.
    pub(crate) fn leaf_bytes(&self) -> u64 {
        self.root.as_ref().map_or(0, |root| root.node.node().leaf_bytes())
    }

    /// Whether all elements are in one leaf.
    pub(crate) fn is_one_leaf(&self) -> bool {
        self.root.as_ref().is_none_or(|root| root.node.as_inner().is_none())
    }

    /// The tree of a few elements, encoded, that are in order if the order is one of leaves.
    /// `None` if they are too many for a leaf.
    pub(crate) fn of_one_leaf(order: O, leaf: &[u8], len: u64) -> Option<Self> {
        if len == 0 || leaf.len() > O::Bound::LEAF_BYTES_MAX {
            return None;
        }
        let leaf = Link::leaf(std::iter::once(leaf));
        let heap_bytes = leaf.heap_bytes();
        let root = Child::new(leaf, len, O::Bound::default());
        Some(Self::from_root(order, Some(root), heap_bytes))
    }

    /// Whether the two are known to have the same elements, because they have the same root. O(1).
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (&self.root, &other.root) {
            (Some(left), Some(right)) => left.node.is_same(&right.node),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        }
    }

    /// The elements in order.
    pub(crate) fn iter(&self) -> Iter<'_, O> {
        self.range(0, self.len())
    }

    /// The elements from index `start` to `end`, which is left out.
    pub(crate) fn range(&self, start: u64, end: u64) -> Iter<'_, O> {
        let end = end.min(self.len());
        Iter::new(self, start.min(end), end)
    }
}
