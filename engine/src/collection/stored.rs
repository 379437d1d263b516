//! A collection as an entry holds it, and what cuts hold with it.
//!
//! While a cut is open the versions of a collection that it does not need come and go. What the
//! one that it needs holds all alone grows with each of them: nodes that it shared with a version
//! that is gone, and that the next one has not. So that counts of what cuts hold come out at zero
//! in the end, whatever the order in which threads get to count, everything about one version is
//! in one word: the bytes, and two marks.
//!
//! * `COUNTED`: the bytes are counted in. What is added to them is to be counted by whoever adds.
//! * `LET_GO`: they are counted out, or about to be. Nothing is added any more.

use super::Collection;
use crate::sync::atomic::{AtomicU64, Ordering};

const COUNTED: u64 = 1 << 63;
const LET_GO: u64 = 1 << 62;
const BYTES: u64 = LET_GO - 1;
/// Nobody has said yet what stays behind.
const UNKNOWN: u64 = BYTES;

/// A collection as one entry holds it: never changed. Lies within the entry.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) collection: Collection,
    /// Bytes that a cut holds with the entry once it is superseded, and the marks.
    held: AtomicU64,
}

// Relaxed throughout: the counts are sums that need no order, and each step on one version's word
// is atomic.
impl Stored {
    pub(crate) fn new(collection: Collection) -> Self {
        Self { collection, held: AtomicU64::new(UNKNOWN) }
    }

    /// Bytes allocated for what it holds.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.collection.heap_bytes() as usize
    }

    /// Finds out what stays behind if `successor`, or nothing, takes the entry's place.
    ///
    /// The first to try decides. If it is not the one that succeeds, the count is of what it
    /// would have left behind.
    pub(crate) fn note_successor(&self, successor: Option<&Collection>) {
        let held = self.held.load(Ordering::Relaxed);
        if held != UNKNOWN {
            return;
        }
        let bytes = match successor {
            Some(successor) => self.collection.bytes_not_in(successor, None),
            None => self.collection.heap_bytes(),
        };
        let _ = self.held.compare_exchange(held, bytes, Ordering::Relaxed, Ordering::Relaxed);
    }

    fn bytes_of(&self, held: u64) -> usize {
        match held & BYTES {
            UNKNOWN => self.heap_bytes(),
            bytes => bytes as usize,
        }
    }

    /// Begins to count what a cut holds with the entry; returns that.
    pub(crate) fn count_in(&self) -> usize {
        self.bytes_of(self.held.fetch_or(COUNTED, Ordering::Relaxed))
    }

    /// Ends it, because the entry is current again; returns what was counted.
    pub(crate) fn count_out(&self) -> usize {
        self.bytes_of(self.held.fetch_and(!COUNTED, Ordering::Relaxed))
    }

    /// Ends it for good; returns what was counted, or will have been.
    pub(crate) fn let_go(&self) -> usize {
        self.bytes_of(self.held.fetch_or(LET_GO, Ordering::Relaxed))
    }

    /// Bytes that are left to an `older` version when this one, replaced by `successor`, goes.
    pub(crate) fn bytes_left_to(&self, older: &Self, successor: Option<&Collection>) -> u64 {
        match successor {
            Some(successor) => self.collection.bytes_not_in(successor, Some(&older.collection)),
            None => self.collection.heap_bytes(),
        }
    }

    /// Adds to what a cut holds with the entry, up to all of it; returns what has to be counted
    /// in addition.
    pub(crate) fn grow(&self, bytes: u64) -> usize {
        let all = self.collection.heap_bytes();
        let grown = |held: u64| (held & BYTES).saturating_add(bytes).min(all);
        let added = self.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |held| {
            let fixed = held & LET_GO != 0 || held & BYTES >= all;
            (!fixed).then(|| held & !BYTES | grown(held))
        });
        let Ok(before) = added else { return 0 };
        let added = grown(before) - (before & BYTES);
        if before & COUNTED == 0 { 0 } else { added as usize }
    }
}
