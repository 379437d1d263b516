//! Building a tree from the leaves up.

use std::iter;

use super::element::Prefix;
use super::link::{Child, Link};
use super::node::FANOUT;
use super::order::{Bound, Order};
use super::root::Tree;

/// Builds a tree of elements that come in its order, in O(1) each and with full leaves.
#[derive(Debug)]
pub(crate) struct Builder<O: Order> {
    order: O,
    /// The leaf under construction.
    leaf: Vec<u8>,
    leaf_len: u64,
    /// Bounds of its first and its last element.
    leaf_bounds: (O::Bound, O::Bound),
    /// Finished nodes that have no parent yet, by level from the leaves up.
    levels: Vec<Vec<Child<O::Bound>>>,
    heap_bytes: u64,
}

impl<O: Order> Builder<O> {
    pub(crate) fn new(order: O) -> Self {
        Self {
            order,
            leaf: Vec::new(),
            leaf_len: 0,
            leaf_bounds: <(O::Bound, O::Bound)>::default(),
            levels: Vec::new(),
            heap_bytes: 0,
        }
    }

    /// Adds an element. `false` if it does not belong behind those before it, as far as bounds
    /// tell; it is not added then.
    pub(crate) fn push(&mut self, parts: &[&[u8]]) -> bool {
        let element_bytes = parts.iter().map(|part| part.len()).sum();
        let prefix = Prefix::new(element_bytes);
        let before = self.leaf.len();
        self.leaf.extend_from_slice(prefix.as_slice());
        let start = self.leaf.len();
        for part in parts {
            self.leaf.extend_from_slice(part);
        }
        let bound = self.order.bound(&self.leaf[start..]);
        let last = self.leaf_bounds.1;
        if bound < last {
            self.leaf.truncate(before);
            return false;
        }
        // Elements of one hash stay together (T3).
        let divisible = O::ORDERS_LEAVES || last < bound;
        if before > 0 && self.leaf.len() > O::Bound::LEAF_BYTES_MAX && divisible {
            let element = self.leaf.split_off(before);
            self.finish_leaf();
            self.leaf = element;
        }
        if self.leaf_len == 0 {
            self.leaf_bounds.0 = bound;
        }
        self.leaf_bounds.1 = bound;
        self.leaf_len += 1;
        true
    }

    pub(crate) fn order(&self) -> &O {
        &self.order
    }

    /// The tree of all elements.
    pub(crate) fn finish(mut self) -> Tree<O> {
        if self.leaf_len > 0 {
            self.finish_leaf();
        }
        let mut level = 0;
        while level < self.levels.len() {
            let is_top = level + 1 == self.levels.len();
            if is_top && self.levels[level].len() == 1 {
                let root = self.levels[level].pop();
                return Tree::from_root(self.order, root, self.heap_bytes);
            }
            if !self.levels[level].is_empty() {
                self.finish_inner(level);
            }
            level += 1;
        }
        Tree::new(self.order)
    }

    fn finish_leaf(&mut self) {
        let leaf = Link::leaf(iter::once(&self.leaf[..]));
        self.heap_bytes += leaf.heap_bytes();
        // The least bound there is leads to the first leaf (T2).
        let is_first = self.levels.is_empty();
        let bound = if is_first { O::Bound::default() } else { self.leaf_bounds.0 };
        let child = Child::new(leaf, self.leaf_len, bound);
        self.leaf.clear();
        self.leaf_len = 0;
        self.add(0, child);
    }

    fn add(&mut self, level: usize, child: Child<O::Bound>) {
        if level == self.levels.len() {
            self.levels.push(Vec::with_capacity(FANOUT));
        }
        self.levels[level].push(child);
        if self.levels[level].len() > FANOUT {
            // The one too many waits for company, so that no level ends in a lonely node that
            // might have been the root.
            let last = self.levels[level].pop();
            self.finish_inner(level);
            self.levels[level].extend(last);
        }
    }

    fn finish_inner(&mut self, level: usize) {
        let parent = Child::above(self.levels[level].drain(..).collect(), false);
        self.heap_bytes += parent.node.heap_bytes();
        self.add(level + 1, parent);
    }
}
