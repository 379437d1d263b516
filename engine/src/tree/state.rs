//! What is to be known of a node, beside its children.

use crate::sync::atomic::{AtomicU8, Ordering};

/// What is to be known of an inner node. Bits are only ever set and cleared one by one, by whoever
/// leads to the node.
#[derive(Clone, Copy, Debug)]
pub(super) struct State<'n>(pub(super) &'n AtomicU8);

impl State<'_> {
    /// A root: a loan of it is open.
    pub(super) const BORROWED: u8 = 1;
    /// A root: its tree was cloned, so it may outlive the entry that it was made for.
    pub(super) const SHARED: u8 = 2;
    /// A root: its tree has handed its counts over.
    pub(super) const MOVED: u8 = 4;
    /// A root: its tree has handed its counts over, but what an update took the place of is much.
    pub(super) const KEEPS_MUCH: u8 = 16;
    /// Some links of the node, or of nodes that it leads to, may be lent.
    pub(super) const INDEBTED: u8 = 8;

    /// Sets a bit, and returns what was set before.
    #[inline]
    pub(super) fn add(self, bit: u8) -> u8 {
        // What was done to the node before the bit is set is seen by whoever finds it set, and
        // whoever sets another bit later.
        self.0.fetch_or(bit, Ordering::AcqRel)
    }

    /// Sets a bit unless another is set, and returns whether it did.
    pub(super) fn add_unless(self, bit: u8, other: u8) -> bool {
        let add = |state: u8| (state & other == 0).then_some(state | bit);
        self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, add).is_ok()
    }

    #[inline]
    pub(super) fn clear(self, bit: u8) {
        // Pairs with the next `add`.
        self.0.fetch_and(!bit, Ordering::AcqRel);
    }

    #[cfg(test)]
    pub(super) fn has_none(self) -> bool {
        self.0.load(Ordering::Acquire) == 0
    }

    #[inline]
    pub(super) fn has(self, bit: u8) -> bool {
        self.0.load(Ordering::Acquire) & bit != 0
    }
}
