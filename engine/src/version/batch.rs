//! Batches: several entries that become visible in one step.
//!
//! The entries of a transaction are installed one after another with a version word that points
//! to the transaction's [`Batch`]. Until the batch is committed, by one swap, readers and walks
//! pass through such an entry to the one it covers. A single-key write that meets one gives the
//! transaction a moment and then aborts it, so that it never waits for a thread that has stopped.
//! Once committed, the batch is stamped like a single entry, and its stamp is every entry's.
//!
//! | state | meaning | next |
//! |---|---|---|
//! | `PENDING` | entries are being installed, nothing is visible | `UNSTAMPED`, `ABORTED` |
//! | `UNSTAMPED` | committed; everything is visible | a version |
//! | `ABORTED` | never to be visible; whoever meets its entries takes them back | |
//! | a version | committed at that version | |

use crate::hooks::{self, Point};
use crate::sync::atomic::{AtomicU64, Ordering};

const PENDING: u64 = 1;
const UNSTAMPED: u64 = 2;
const ABORTED: u64 = 3;
/// Versions begin above the states.
pub(crate) const FIRST_VERSION: u64 = 16;

const BATCH_BIT: u64 = 1 << 63;

/// The shared fate of a transaction's entries.
#[derive(Debug)]
#[repr(align(8))]
pub(crate) struct Batch {
    state: AtomicU64,
}

/// What has become of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Committed at this version.
    Committed(u64),
    /// Not visible, or not yet.
    Undecided,
}

impl Batch {
    pub(crate) fn new() -> Self {
        Self { state: AtomicU64::new(PENDING) }
    }

    /// The version word that leads to this batch.
    pub(crate) fn version_word(batch: *const Self) -> u64 {
        BATCH_BIT | batch.expose_provenance() as u64
    }

    /// The batch that a version word leads to, if it is such a word.
    ///
    /// The address stays valid for as long as a guard is held that was made before the word was
    /// read: a batch is retired after all words that lead to it are gone.
    pub(crate) fn of_word(word: u64) -> Option<*const Self> {
        (word & BATCH_BIT != 0)
            .then(|| std::ptr::with_exposed_provenance((word & !BATCH_BIT) as usize))
    }

    /// Makes every installed entry visible at once, and stamps them from `global`.
    ///
    /// Returns their version, or `None` if somebody has aborted the batch.
    pub(crate) fn commit(&self, global: &AtomicU64) -> Option<u64> {
        // SeqCst: the commit comes before the load of the global version that stamps it (R5).
        self.state.compare_exchange(PENDING, UNSTAMPED, Ordering::SeqCst, Ordering::SeqCst).ok()?;
        hooks::at(Point::Committed);
        match self.fate(global) {
            Fate::Committed(version) => Some(version),
            Fate::Undecided => unreachable!("a committed batch stays committed"),
        }
    }

    /// Decides that the batch is never to be visible, unless it is already.
    ///
    /// Returns whether it is aborted, by this call or before.
    pub(crate) fn abort(&self) -> bool {
        let before =
            self.state.compare_exchange(PENDING, ABORTED, Ordering::SeqCst, Ordering::SeqCst);
        matches!(before, Ok(_) | Err(ABORTED))
    }

    /// Whether the batch is neither committed nor aborted.
    pub(crate) fn is_pending(&self) -> bool {
        self.state.load(Ordering::SeqCst) == PENDING
    }

    /// What has become of the batch; stamps it if it is committed and nobody has yet (R5c).
    pub(crate) fn fate(&self, global: &AtomicU64) -> Fate {
        match self.state.load(Ordering::SeqCst) {
            PENDING | ABORTED => Fate::Undecided,
            UNSTAMPED => {
                let version = global.load(Ordering::SeqCst);
                match self.state.compare_exchange(
                    UNSTAMPED,
                    version,
                    Ordering::SeqCst,
                    Ordering::SeqCst,
                ) {
                    Ok(_) => Fate::Committed(version),
                    Err(stamped) => Fate::Committed(stamped),
                }
            }
            version => Fate::Committed(version),
        }
    }
}
