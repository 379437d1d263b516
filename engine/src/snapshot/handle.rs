//! The handle of a running save.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::completion::Completion;
use super::run::Run;
use super::{Progress, Saved};
use crate::format::storage::SnapshotStorage;
use crate::{Error, SnapshotFormat};

/// Overrides for one save.
///
/// ```
/// use exuvia::SaveOptions;
///
/// let options = SaveOptions::default().dbfilename("before-upgrade").trigger("operator");
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct SaveOptions {
    /// Another storage than the store's.
    pub storage: Option<Arc<dyn SnapshotStorage>>,
    /// Another name template than the store's.
    pub dbfilename: Option<String>,
    /// Another format than the store's.
    pub format: Option<SnapshotFormat>,
    /// What triggered it, for status and logs, as `command`, `cron`, `shutdown`.
    pub trigger: Option<&'static str>,
}

impl SaveOptions {
    /// Saves to another storage than the store's.
    #[must_use]
    pub fn storage(mut self, storage: Arc<dyn SnapshotStorage>) -> Self {
        self.storage = Some(storage);
        self
    }

    /// Names the snapshot by another template than the store's.
    #[must_use]
    pub fn dbfilename(mut self, template: impl Into<String>) -> Self {
        self.dbfilename = Some(template.into());
        self
    }

    /// Saves in another format than the store's.
    #[must_use]
    pub fn format(mut self, format: SnapshotFormat) -> Self {
        self.format = Some(format);
        self
    }

    /// Says what triggered the save. Default `command`.
    #[must_use]
    pub fn trigger(mut self, trigger: &'static str) -> Self {
        self.trigger = Some(trigger);
        self
    }
}

/// A running save: wait for it by blocking, or by awaiting the handle on any executor.
///
/// Dropping the handle does not stop the save; [`cancel`](Self::cancel) does.
///
/// # Cancel safety
///
/// The future holds no work of its own: dropping it between two polls loses only the result,
/// which [`Store::save_status`](crate::Store::save_status) still tells.
#[derive(Debug)]
pub struct Save {
    run: Arc<Run>,
    completion: Completion<Result<Saved, Error>>,
}

impl Save {
    pub(super) fn new(run: Arc<Run>, completion: Completion<Result<Saved, Error>>) -> Self {
        Self { run, completion }
    }

    /// Waits until the snapshot is published or has failed.
    ///
    /// # Errors
    ///
    /// [`Error::SaveCancelled`], [`Error::SnapshotMemoryExceeded`], [`Error::NotEnoughSpace`], or
    /// [`Error::Storage`] with what the storage reported. No file of the failed save is left, as
    /// far as the storage could be reached; earlier snapshots are untouched.
    ///
    /// # Panics
    ///
    /// If the result was handed out already by awaiting the handle.
    pub fn wait(self) -> Result<Saved, Error> {
        loop {
            if let Some(result) = self.completion.wait_until(None) {
                return result;
            }
        }
    }

    /// Like [`wait`](Self::wait) for at most `timeout`; `None` if the save still runs then.
    ///
    /// # Panics
    ///
    /// If the result was handed out already.
    pub fn wait_timeout(&mut self, timeout: Duration) -> Option<Result<Saved, Error>> {
        self.completion.wait_until(Some(Instant::now() + timeout))
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        self.run.progress()
    }

    /// Asks it to stop. The save then fails with [`Error::SaveCancelled`] once its files are
    /// removed. Past the point where its manifest may be published the request has no effect.
    pub fn cancel(&self) {
        self.run.cancel();
    }

    /// Whether it has ended.
    pub fn is_finished(&self) -> bool {
        self.completion.is_ready()
    }
}

impl Future for Save {
    type Output = Result<Saved, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.completion.poll(context)
    }
}
