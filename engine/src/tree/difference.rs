//! What one version of a tree has that another has not.

use super::age::Age;
use super::node::{Inner, Node};
use super::order::Order;
use super::root::Tree;

/// A level of a tree, as far as it may differ.
type Level<'t, B> = Vec<Node<'t, B>>;

/// Nodes that are looked at to tell how two versions differ. Versions next to each other differ in
/// a path or two; for others the answer is that nothing is shared.
const COMPARED_NODES_MAX: usize = 4096;

impl<O: Order> Tree<O> {
    /// Bytes of nodes that `successor` does not share: what stays behind when it replaces this. With
    /// an `older` version of the same tree, only of nodes that this one has from it.
    ///
    /// Takes time in proportion to what differs, which for two versions next to each other is a
    /// path or two, and never long: of trees that differ much it says that they share nothing.
    pub(crate) fn bytes_not_in(&self, successor: &Self, older: Option<&Self>) -> u64 {
        let age_max = match older.map(Self::root) {
            // An update makes the root anew, so no node is younger than that.
            Some(Some(root)) => root.node.node().age(),
            Some(None) => return 0,
            None => Age::MAX,
        };
        let (Some(ours), Some(theirs)) = (self.root(), successor.root()) else {
            return self.heap_bytes();
        };
        let (mut ours, mut theirs) = (vec![ours.node.node()], vec![theirs.node.node()]);
        // Shared nodes are as far from the leaves in both.
        while height(&theirs) > height(&ours) {
            theirs = below(&theirs);
        }
        let mut bytes = 0;
        let mut compared = 0;
        while !ours.is_empty() {
            if height(&ours) == height(&theirs) {
                // Both are looked at before what they share goes from either.
                let (our_addresses, their_addresses) = (addresses(&ours), addresses(&theirs));
                ours.retain(|node| their_addresses.binary_search(&node.address()).is_err());
                theirs.retain(|node| our_addresses.binary_search(&node.address()).is_err());
                theirs = below(&theirs);
            }
            compared += ours.len() + theirs.len();
            if compared > COMPARED_NODES_MAX {
                return self.heap_bytes();
            }
            let old = ours.iter().filter(|node| node.age() <= age_max);
            bytes += old.map(|node| node.heap_bytes()).sum::<u64>();
            ours = below(&ours);
        }
        bytes
    }

    /// Whether the two certainly have most of their nodes in common, as versions next to each other
    /// have if they are large.
    pub(crate) fn is_near(&self, other: &Self) -> bool {
        let (Some(ours), Some(theirs)) = (self.root(), other.root()) else { return false };
        let (Some(ours), Some(theirs)) = (ours.node.as_inner(), theirs.node.as_inner()) else {
            return false;
        };
        let (ours, theirs) = (ours.links(), theirs.links());
        // From both ends, since a node that was split or joined moves those behind it.
        let from_left = ours.iter().zip(theirs.iter()).filter(|(our, their)| our == their).count();
        let from_right =
            ours.iter().rev().zip(theirs.iter().rev()).filter(|(our, their)| our == their).count();
        2 * from_left.max(from_right) >= ours.len()
    }
}

/// The same of trees that a collection need not have.
#[expect(clippy::option_option, reason = "an older version without the tree is not none")]
pub(crate) fn index_bytes_not_in<O: Order>(
    ours: Option<&Tree<O>>,
    successor: Option<&Tree<O>>,
    older: Option<Option<&Tree<O>>>,
) -> u64 {
    match (ours, successor, older) {
        (None, _, _) | (_, _, Some(None)) => 0,
        (Some(ours), None, _) => ours.heap_bytes(),
        (Some(ours), Some(successor), older) => ours.bytes_not_in(successor, older.flatten()),
    }
}

/// Where nodes are, sorted.
fn addresses<B>(level: &Level<'_, B>) -> Vec<usize> {
    let mut addresses: Vec<usize> = level.iter().map(|node| node.address()).collect();
    addresses.sort_unstable();
    addresses
}

/// Levels down to the leaves, and zero below them.
fn height<B>(level: &Level<'_, B>) -> u32 {
    let mut node = level.first().copied();
    let mut height = 0;
    while let Some(found) = node {
        height += 1;
        node = found.as_inner().map(|inner| inner.node(0));
    }
    height
}

fn below<'t, B>(level: &Level<'t, B>) -> Level<'t, B> {
    level.iter().filter_map(|node| node.as_inner()).flat_map(Inner::nodes).collect()
}
