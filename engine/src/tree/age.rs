//! When a node came into being, as far as cuts can tell.

use crate::sync::atomic::{AtomicU32, Ordering};

/// Grows with every cut of every store, and stops at its end.
static AGE: AtomicU32 = AtomicU32::new(0);

/// The cuts that were taken before a node was made. A version that a cut needs is older than the
/// cut, and a node that a later version of the same key has and that is no younger than that
/// version, it has too.
///
/// Four bytes, which a node has room for: enough for a cut every second for a hundred years. When
/// they are used up all nodes are held to be as old as a cut, which counts too many of them as held
/// and does no other harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Age(u32);

impl Age {
    pub(super) const MAX: Self = Self(u32::MAX);

    pub(super) fn now() -> Self {
        // Relaxed: ages are for counts. Whoever makes a node while a cut is taken may be off by one.
        Self(AGE.load(Ordering::Relaxed))
    }
}

/// Tells nodes that are made from now on from those before: a cut is being taken.
pub(crate) fn advance_age() {
    let next = |age: u32| age.checked_add(1);
    // An error says that it is at its end.
    let _ = AGE.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
}
