//! Nodes, and what they cost.

use std::sync::Arc;

use super::age::Age;
use super::leaf::Leaf;
use super::link::{Link, Marks};

/// Children of an inner node at most.
#[cfg(not(any(test, engine_small)))]
pub(super) const FANOUT: usize = 32;
/// Few, so that tests of a few hundred elements have several levels.
#[cfg(any(test, engine_small))]
pub(super) const FANOUT: usize = 6;
/// Children below which an inner node is merged with a neighbour, if both fit.
pub(super) const CHILDREN_MIN: usize = FANOUT / 4;
/// Children that two inner nodes may have together to be merged.
pub(super) const CHILDREN_MERGED_MAX: usize = FANOUT * 3 / 4;

/// Bytes of counts before what an `Arc` holds.
const COUNTS_BYTES: usize = 2 * size_of::<usize>();

/// The children of an inner node.
pub(super) type Inner<B> = Arc<[Child<B>]>;

/// A node, shared by all trees that lead to it.
#[derive(Debug)]
pub(super) enum Node<B> {
    Leaf(Leaf, Marks),
    Inner(Inner<B>, Marks),
}

// Marks take no room.
const _: () = assert!(size_of::<Node<u64>>() == 24);

impl<B> Node<B> {
    /// A leaf that has just been made.
    pub(super) fn leaf(leaf: Leaf) -> Self {
        Self::Leaf(leaf, Marks::new(Age::now()))
    }

    /// An inner node that has just been made.
    pub(super) fn inner(children: Inner<B>) -> Self {
        Self::Inner(children, Marks::new(Age::now()))
    }

    #[inline]
    pub(super) fn marks(&self) -> &Marks {
        match self {
            Self::Leaf(_, marks) | Self::Inner(_, marks) => marks,
        }
    }

    /// Where its leaf or its children are: tells it from all others there are.
    #[inline]
    pub(super) fn address(&self) -> usize {
        match self {
            Self::Leaf(leaf, _) => leaf.as_ptr().addr(),
            Self::Inner(children, _) => children.as_ptr().addr(),
        }
    }

    pub(super) fn age(&self) -> Age {
        self.marks().age()
    }

    /// Its children, if it is an inner node.
    #[inline]
    pub(super) fn as_inner(&self) -> Option<&Inner<B>> {
        match self {
            Self::Inner(children, _) => Some(children),
            Self::Leaf(..) => None,
        }
    }
}

impl<B> Clone for Node<B> {
    #[inline]
    fn clone(&self) -> Self {
        match self {
            Self::Leaf(leaf, marks) => Self::Leaf(Arc::clone(leaf), Marks::new(marks.age())),
            Self::Inner(children, marks) => {
                Self::Inner(Arc::clone(children), Marks::new(marks.age()))
            }
        }
    }
}

/// A node as its parent knows it.
#[derive(Clone, Debug)]
pub(super) struct Child<B> {
    pub(super) node: Link<B>,
    /// Elements below it (T1).
    pub(super) len: u64,
    /// Tells it from its left neighbour (T2).
    pub(super) bound: B,
}

impl<B> Child<B> {
    pub(super) fn new(node: Node<B>, len: u64, bound: B) -> Self {
        Self { node: Link::new(node), len, bound }
    }

    /// An inner node above `children`, of which there is at least one.
    pub(super) fn above(children: Inner<B>) -> Self
    where
        B: Copy,
    {
        let len = children.iter().map(|child| child.len).sum();
        let bound = children[0].bound;
        Self::new(Node::inner(children), len, bound)
    }

    /// Whether it is the same node with the same elements.
    #[inline]
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.node.address() == other.node.address()
    }

    /// The same leaves below inner nodes that nobody else has.
    pub(super) fn copy_above_leaves(&self) -> Self
    where
        B: Copy,
    {
        let node = match &*self.node {
            Node::Leaf(..) => Node::clone(&self.node),
            Node::Inner(children, marks) => {
                let children = children.iter().map(Self::copy_above_leaves).collect();
                Node::Inner(children, Marks::new(marks.age()))
            }
        };
        Self::new(node, self.len, self.bound)
    }
}

/// Bytes allocated for a leaf.
pub(super) fn leaf_heap(leaf: &[u8]) -> u64 {
    (COUNTS_BYTES + leaf.len()) as u64
}

/// Bytes allocated for an inner node.
pub(super) fn inner_heap<B>(children: &[Child<B>]) -> u64 {
    (COUNTS_BYTES + size_of_val(children)) as u64
}

/// Bytes of all leaves below a node.
pub(super) fn leaf_bytes<B>(node: &Node<B>) -> u64 {
    match node {
        Node::Leaf(leaf, _) => leaf.len() as u64,
        Node::Inner(children, _) => children.iter().map(|child| leaf_bytes(&child.node)).sum(),
    }
}

/// Bytes allocated for everything below a node, itself included. Touches inner nodes alone.
pub(super) fn subtree_heap<B>(node: &Node<B>) -> u64 {
    match node {
        Node::Leaf(leaf, _) => leaf_heap(leaf),
        Node::Inner(children, _) => {
            inner_heap(children)
                + children.iter().map(|child| subtree_heap(&child.node)).sum::<u64>()
        }
    }
}
