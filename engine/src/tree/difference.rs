//! What one version of a tree has that another has not.

use super::node::{Child, Node, inner_heap, leaf_heap};
use super::order::Order;
use super::root::Tree;

/// A level of a tree, as far as it may differ.
type Level<'t, B> = Vec<&'t Node<B>>;

impl<O: Order> Tree<O> {
    /// Bytes of nodes that `other` does not share: what stays behind when `other` replaces this.
    ///
    /// Takes time in proportion to what differs, which for two versions next to each other is a
    /// path or two.
    pub(crate) fn bytes_not_in(&self, other: &Self) -> u64 {
        let (Some(ours), Some(theirs)) = (self.root(), other.root()) else {
            return self.heap_bytes();
        };
        let (mut ours, mut theirs) = (vec![&ours.node], vec![&theirs.node]);
        // Shared nodes are as far from the leaves in both.
        while height(&theirs) > height(&ours) {
            theirs = below(&theirs);
        }
        let mut bytes = 0;
        while !ours.is_empty() {
            if height(&ours) == height(&theirs) {
                let mut known: Vec<usize> = theirs.iter().map(|node| address(node)).collect();
                known.sort_unstable();
                ours.retain(|node| known.binary_search(&address(node)).is_err());
                let mut known: Vec<usize> = ours.iter().map(|node| address(node)).collect();
                known.sort_unstable();
                theirs.retain(|node| known.binary_search(&address(node)).is_err());
                theirs = below(&theirs);
            }
            bytes += ours.iter().map(|node| own_heap(node)).sum::<u64>();
            ours = below(&ours);
        }
        bytes
    }
}

fn address<B>(node: &Node<B>) -> usize {
    match node {
        Node::Leaf(leaf) => leaf.as_ptr().addr(),
        Node::Inner(children) => children.as_ptr().addr(),
    }
}

fn own_heap<B>(node: &Node<B>) -> u64 {
    match node {
        Node::Leaf(leaf) => leaf_heap(leaf),
        Node::Inner(children) => inner_heap(children),
    }
}

/// Levels down to the leaves, and zero below them.
fn height<B>(level: &Level<'_, B>) -> u32 {
    let mut node = level.first().copied();
    let mut height = 0;
    while let Some(found) = node {
        height += 1;
        node = match found {
            Node::Leaf(_) => None,
            Node::Inner(children) => children.first().map(|child| &child.node),
        };
    }
    height
}

fn below<'t, B>(level: &Level<'t, B>) -> Level<'t, B> {
    let children = |node: &'t Node<B>| -> &'t [Child<B>] {
        match node {
            Node::Leaf(_) => &[],
            Node::Inner(children) => children,
        }
    };
    level.iter().flat_map(|node| children(node)).map(|child| &child.node).collect()
}
