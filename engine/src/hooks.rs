//! Named race points, at which tests delay or park a thread.
//!
//! Without the feature `test-hooks` every call compiles to nothing.

/// A point between two steps of a concurrent protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[cfg_attr(not(feature = "test-hooks"), expect(unreachable_pub, reason = "public for tests"))]
pub enum Point {
    /// A writer has announced itself and has not read the mode yet.
    Announced,
    /// A writer has decided what the new entry links to and is about to publish it.
    BeforePublish,
    /// An entry is published and not stamped yet.
    BeforeStamp,
    /// A stamp was read from the global version and is not stored yet.
    StampRead,
    /// A writer has published and stamped, and is about to look for history it need not keep.
    BeforeSecondLook,
    /// A cut has registered its version and has not waited for writers yet.
    CutRegistered,
    /// A cut has waited for writers and has not advanced the global version yet.
    BeforeBump,
    /// A walk has emitted a segment and has not moved its cursor.
    SegmentEmitted,
    /// A walk has moved its cursor and has not trimmed behind it.
    CursorMoved,
    /// A trimmer has decided that a chain is not needed and is about to cut it off.
    BeforeTrim,
    /// A segment is being frozen, slot by slot.
    Freezing,
    /// All slots of a segment are frozen and nothing is copied yet.
    Frozen,
    /// Replacements of a segment are built and not published yet.
    BeforeRootSwap,
    /// A reader has found its entry and has not looked at it.
    EntryFound,
    /// A transaction has installed one of its entries.
    BatchInstalled,
    /// A transaction has installed all of its entries and is about to commit.
    BeforeCommit,
    /// A transaction is committed and its entries still point to its descriptor.
    Committed,
    /// A version of a collection is published and is about to be handed what a level of its nodes has
    /// borrowed.
    BeforeHandOver,
}

#[cfg(feature = "test-hooks")]
impl Point {
    /// Every race point.
    pub const ALL: &[Self] = &[
        Self::Announced,
        Self::BeforePublish,
        Self::BeforeStamp,
        Self::StampRead,
        Self::BeforeSecondLook,
        Self::CutRegistered,
        Self::BeforeBump,
        Self::SegmentEmitted,
        Self::CursorMoved,
        Self::BeforeTrim,
        Self::Freezing,
        Self::Frozen,
        Self::BeforeRootSwap,
        Self::EntryFound,
        Self::BatchInstalled,
        Self::BeforeCommit,
        Self::Committed,
        Self::BeforeHandOver,
    ];
}

#[cfg(feature = "test-hooks")]
mod switch {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{PoisonError, RwLock};

    use super::Point;

    /// Whether a hook is installed; looked at before the lock is touched.
    static ACTIVE: AtomicBool = AtomicBool::new(false);
    static HOOK: RwLock<Option<fn(Point)>> = RwLock::new(None);

    /// Calls `hook` at every race point of every store in this process.
    pub fn install(hook: fn(Point)) {
        *HOOK.write().unwrap_or_else(PoisonError::into_inner) = Some(hook);
        ACTIVE.store(true, Ordering::SeqCst);
    }

    /// Stops calling the hook.
    pub fn clear() {
        ACTIVE.store(false, Ordering::SeqCst);
        *HOOK.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    #[inline]
    pub(crate) fn at(point: Point) {
        if ACTIVE.load(Ordering::Relaxed) {
            // Copied out, so that a hook that parks its thread holds no lock.
            let hook = *HOOK.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(hook) = hook {
                hook(point);
            }
        }
    }
}

#[cfg(feature = "test-hooks")]
pub(crate) use switch::at;
#[cfg(feature = "test-hooks")]
pub use switch::{clear, install};

#[cfg(not(feature = "test-hooks"))]
#[inline(always)]
pub(crate) fn at(_: Point) {}
