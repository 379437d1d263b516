//! One persistent, counted B+tree for all collections.
//!
//! A [`Tree`] is a value: cloning it is O(1), and an update of one clone, which copies the path
//! from the root to one leaf, is never seen by another. That is what lets an entry be replaced by
//! one swap, and a cut hold a sorted set of millions for the price of a count.
//!
//! ```text
//! Tree ── Child{ node, len, bound } ── Inner: head, bounds, links, lens of up to 31 children
//!                                      Leaf:  head, length, element, length, element, ..
//!                                             1 or 2 KiB
//! ```
//!
//! An element is a byte string. What is in it, and the order of elements, is the [`Order`]'s: by
//! [position](Sequence), by [keyed hash](Hashed), or by [bytes](Sorted). Who leads to a leaf knows
//! how many elements it has. So a collection that fits one leaf costs its elements, a byte or two
//! for each, and one small allocation.
//!
//! Nodes are counted, which needs no history: any number of clones, copies under other keys and
//! cuts share them, and whoever lets go of the last one frees it. The price is that copying an
//! inner node touches the count of each of its children, unless the old node goes and can
//! [hand its counts over](loan).
//!
//! # Invariants
//!
//! * **T1** `len` of a child is the number of elements below it, and is not zero.
//! * **T2** `bound` of a child is not above that of any element below it, and that of its right
//!   neighbour not below any. A first child has nothing to be told from: its bound means nothing,
//!   and when it gets a left neighbour it takes its parent's.
//! * **T3** Elements of equal hash are in one leaf.
//! * **T4** A leaf is longer than [`LEAF_BYTES_MAX`](order::Bound::LEAF_BYTES_MAX) only if it has one element, or elements of
//!   one hash.
//! * **T5** `heap_bytes` of a tree is what its nodes were allocated with.

mod age;
mod build;
mod difference;
mod edit;
mod element;
mod free;
mod iter;
mod leaf;
mod link;
mod loan;
mod node;
mod order;
mod root;
mod search;
mod state;

#[cfg(test)]
mod tests;

pub(crate) use age::advance_age;
pub(crate) use build::Builder;
pub(crate) use difference::index_bytes_not_in;
pub(crate) use edit::encode;
pub(crate) use element::{Elements, Prefix, read_varint};
pub(crate) use free::free_buried;
pub(crate) use iter::Iter;
pub(crate) use loan::{Replaced, Sharing};
pub(crate) use order::{Hashed, Keyed, Order, Sequence, Sorted, process_seed, same_bytes};
#[cfg(test)]
pub(crate) use root::COPIED;
pub(crate) use root::Tree;
