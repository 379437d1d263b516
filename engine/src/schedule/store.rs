//! The schedule of a store at run time.

use super::Schedule;
use crate::{Error, Store};

/// Available with the feature `schedule`.
impl Store {
    /// Saves by `schedule` from now on, or by none. A run that is owed because a save was running
    /// when it came due is made also under the new schedule, but not under none.
    ///
    /// # Errors
    ///
    /// [`Error::NoStorage`] if there is no place to save to, [`Error::Storage`] if the thread that
    /// keeps the schedule does not start.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use exuvia::format::storage::MemoryStorage;
    /// use exuvia::schedule::Schedule;
    /// use exuvia::{Options, Store};
    ///
    /// let store = Store::open(Options::with_storage(Arc::new(MemoryStorage::new())))?;
    /// store.set_schedule(Some(Schedule::cron("@daily")?))?;
    /// assert!(store.next_scheduled_unix_ms().is_some());
    /// store.set_schedule(None)?;
    /// assert_eq!(store.next_scheduled_unix_ms(), None);
    /// # Ok::<(), exuvia::Error>(())
    /// ```
    pub fn set_schedule(&self, schedule: Option<Schedule>) -> Result<(), Error> {
        self.inner().set_schedule(schedule)
    }

    /// Unix time in milliseconds of the next scheduled save; `None` without a schedule, and
    /// while snapshots have no name, so that none is saved.
    pub fn next_scheduled_unix_ms(&self) -> Option<u64> {
        self.inner().next_scheduled_unix_ms()
    }
}
