//! Atomic words under loom, with sequentially consistent accesses that are.
//!
//! Loom weakens `SeqCst` accesses to acquire and release, and does not see that an execution
//! depends on the order of `SeqCst` fences, so with those it leaves executions out. One more word,
//! changed before every load and after every store, gives both: the total order, and every
//! interleaving of it. What stays weaker are the accesses that name another ordering.

use loom::sync::atomic::{AtomicUsize, Ordering};

loom::lazy_static! {
    static ref ORDER: AtomicUsize = AtomicUsize::new(0);
}

fn order() {
    ORDER.fetch_add(1, Ordering::AcqRel);
}

/// A word that everybody agrees about.
pub(crate) struct Word(AtomicUsize);

impl Word {
    pub(crate) fn new(value: usize) -> Self {
        Self(AtomicUsize::new(value))
    }

    pub(crate) fn load(&self) -> usize {
        order();
        self.0.load(Ordering::SeqCst)
    }

    pub(crate) fn load_acquire(&self) -> usize {
        self.0.load(Ordering::Acquire)
    }

    pub(crate) fn store(&self, value: usize) {
        self.0.store(value, Ordering::SeqCst);
        order();
    }

    pub(crate) fn store_release(&self, value: usize) {
        self.0.store(value, Ordering::Release);
    }

    pub(crate) fn add(&self, increment: isize) {
        self.0.fetch_add(increment as usize, Ordering::SeqCst);
        order();
    }

    pub(crate) fn swap(&self, value: usize) {
        self.0.swap(value, Ordering::SeqCst);
        order();
    }

    pub(crate) fn replace(&self, expected: usize, value: usize) -> Result<usize, usize> {
        order();
        let replaced =
            self.0.compare_exchange(expected, value, Ordering::SeqCst, Ordering::Acquire);
        order();
        replaced
    }
}
