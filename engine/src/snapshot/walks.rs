//! The history that a save holds, and who lets go of it when the storage stands still.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::run::Run;
use crate::Error;
use crate::version::Walk;

/// How often the coordinating thread looks at what the save holds in memory.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A walk that its thread takes for a page at a time, so that it can be dropped, and with it the
/// history it holds, while that thread waits for the storage.
pub(super) type WalkSlot = Mutex<Option<Walk>>;

/// The walks of a save, one for each part.
#[derive(Debug)]
pub(super) struct Walks(Vec<WalkSlot>);

impl Walks {
    pub(super) fn new(walks: Vec<Walk>) -> Self {
        Self(walks.into_iter().map(|walk| Mutex::new(Some(walk))).collect())
    }

    pub(super) fn slots(&self) -> &[WalkSlot] {
        &self.0
    }

    /// Waits until no thread works for the save.
    ///
    /// Meanwhile calls `look` every few milliseconds; an error that it returns stops the save.
    /// Once the save is stopping all history goes, even if its threads are stuck in the storage.
    pub(super) fn attend(&self, run: &Run, look: impl Fn() -> Result<(), Error>) {
        while run.wait_for_workers(LOOK_EVERY) {
            if let Err(error) = look() {
                run.stop(error);
            }
            if run.is_stopping() {
                run.abort();
                self.release();
            }
        }
    }

    fn release(&self) {
        for slot in &self.0 {
            drop(lock(slot).take());
        }
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panicked part ends the save; what its mutexes hold is only dropped afterwards.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
