//! How many own a node.

use crate::sync::atomic::{AtomicU32, Ordering, fence};

/// From here on a count is not to be trusted any more. As many threads as there can be do not get
/// from here to where it would begin anew.
const SATURATED_MIN: u32 = 1 << 31;
/// Where such a count is kept.
const SATURATED: u32 = SATURATED_MIN | 1 << 30;

/// The number of links that own a node. Four bytes are enough for all that somebody has room for;
/// should they not be, the node is never freed, as with the Linux kernel's `refcount_t`.
#[derive(Debug)]
pub(super) struct Count(AtomicU32);

impl Count {
    pub(super) fn one() -> Self {
        Self(AtomicU32::new(1))
    }

    /// Counts one more.
    #[inline]
    pub(super) fn add(&self) {
        // Relaxed: whoever counts has come by the node already.
        if self.0.fetch_add(1, Ordering::Relaxed) >= SATURATED_MIN {
            self.saturate();
        }
    }

    /// Counts one down, and tells whether it was the last.
    #[inline]
    pub(super) fn remove(&self) -> bool {
        // Release: what was done by way of this count happens before the node is freed.
        match self.0.fetch_sub(1, Ordering::Release) {
            1 => {
                // Pairs with the release of all who have let go.
                fence(Ordering::Acquire);
                true
            }
            SATURATED_MIN.. => {
                self.saturate();
                false
            }
            _ => false,
        }
    }

    /// Whether there are just so many. What those who have let go did happened before.
    #[inline]
    pub(super) fn is(&self, count: usize) -> bool {
        let is = self.0.load(Ordering::Relaxed) as usize == count;
        // Pairs with the release of those who have let go.
        fence(Ordering::Acquire);
        is
    }

    #[cold]
    fn saturate(&self) {
        self.0.store(SATURATED, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_that_has_grown_too_large_never_comes_to_its_end() {
        let count = Count(AtomicU32::new(SATURATED_MIN - 1));
        count.add();
        assert!(!count.remove(), "what is counted so often is still trusted");
        count.add();
        count.add();
        for _ in 0..1000 {
            assert!(!count.remove());
        }
        assert_eq!(count.0.load(Ordering::Relaxed), SATURATED);
        assert!(!count.is(1));
    }

    #[test]
    fn the_last_one_to_let_go_is_told() {
        let count = Count::one();
        count.add();
        assert!(count.is(2) && !count.remove());
        assert!(count.is(1) && count.remove());
    }
}
