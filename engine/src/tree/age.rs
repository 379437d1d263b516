//! When a node came into being, as far as cuts can tell.

use crate::sync::atomic::{AtomicU64, Ordering};

/// Grows with every cut of every store.
static AGE: AtomicU64 = AtomicU64::new(0);

/// The cuts that were taken before a node was made. A version that a cut needs is older than the
/// cut, and a node that a later version of the same key has and that is no younger than that
/// version, it has too.
///
/// Five bytes, which with the [marks](super::link::Marks) fit where a node is told a leaf or an
/// inner one: enough for a cut every millisecond for thirty years.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Age([u8; 5]);

impl Age {
    pub(super) fn now() -> Self {
        // Relaxed: ages are for counts. Whoever makes a node while a cut is taken may be off by one.
        let [bytes @ .., _, _, _] = AGE.load(Ordering::Relaxed).to_le_bytes();
        Self(bytes)
    }

    pub(super) fn get(self) -> u64 {
        let mut bytes = [0; 8];
        bytes[..5].copy_from_slice(&self.0);
        u64::from_le_bytes(bytes)
    }
}

/// Tells nodes that are made from now on from those before: a cut is being taken.
pub(crate) fn advance_age() {
    AGE.fetch_add(1, Ordering::Relaxed);
}
