//! A storage that counts, limits and stops what a save writes to another one.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::archive::Archive;
use super::fault;
use super::limit::RateLimit;
use super::patience::Patience;
use super::run::Run;
use crate::format::storage::{
    Buffer, BufferNeeds, ObjectMeta, ObjectReader, ObjectWriter, PutMode, SnapshotStorage,
    StorageError, StorageErrorKind, WriteHint,
};

/// Passes everything on to `inner`; objects being written obey the limit, count as progress, and
/// fail as soon as the save is stopping. What only looks is repeated while the storage is not
/// available.
#[derive(Clone, Debug)]
pub(super) struct MeteredStorage<'s> {
    pub(super) inner: &'s dyn SnapshotStorage,
    run: Arc<Run>,
    rate: Arc<RateLimit>,
    patience: Duration,
}

impl<'s> MeteredStorage<'s> {
    /// What `run` writes to `inner`, as `archive` has it.
    pub(super) fn new(inner: &'s dyn SnapshotStorage, run: &Arc<Run>, archive: &Archive) -> Self {
        Self {
            inner,
            run: Arc::clone(run),
            rate: Arc::clone(&archive.rate),
            patience: archive.save_patience,
        }
    }

    /// Repeats `look` while the storage is not available, unless the save is stopping.
    fn patiently<T>(&self, look: impl Fn() -> Result<T, StorageError>) -> Result<T, StorageError> {
        let mut patience = Patience::new(self.patience);
        loop {
            let error = match look() {
                Err(error) if error.kind() == StorageErrorKind::Unavailable => error,
                looked => return looked,
            };
            let pause = patience.next_pause(Instant::now());
            let Some(pause) = pause.filter(|_| !self.run.is_stopping()) else { return Err(error) };
            tracing::warn!("a save tries again: {}", fault::chain(&error));
            thread::sleep(pause);
        }
    }

    fn metered(&self, name: &str, inner: Box<dyn ObjectWriter>) -> Box<dyn ObjectWriter> {
        let canceller = inner.canceller().map(|cancel| self.run.on_stop(cancel));
        let on_stop = OnStop { run: Arc::clone(&self.run), canceller };
        let rate = Arc::clone(&self.rate);
        Box::new(MeteredWriter { inner, name: name.to_owned(), on_stop, rate })
    }
}

impl SnapshotStorage for MeteredStorage<'_> {
    fn location(&self) -> String {
        self.inner.location()
    }

    fn list(&self) -> Result<Vec<ObjectMeta>, StorageError> {
        self.patiently(|| self.inner.list())
    }

    fn create(&self, name: &str, hint: WriteHint) -> Result<Box<dyn ObjectWriter>, StorageError> {
        Ok(self.metered(name, self.inner.create(name, hint)?))
    }

    fn replace(&self, name: &str, hint: WriteHint) -> Result<Box<dyn ObjectWriter>, StorageError> {
        Ok(self.metered(name, self.inner.replace(name, hint)?))
    }

    fn open(&self, name: &str) -> Result<Box<dyn ObjectReader>, StorageError> {
        self.inner.open(name)
    }

    fn put(&self, name: &str, bytes: &[u8], mode: PutMode) -> Result<(), StorageError> {
        self.inner.put(name, bytes, mode)
    }

    fn get(&self, name: &str, bytes_max: u64) -> Result<Vec<u8>, StorageError> {
        self.patiently(|| self.inner.get(name, bytes_max))
    }

    fn remove(&self, name: &str) -> Result<(), StorageError> {
        self.inner.remove(name)
    }

    fn sync(&self) -> Result<(), StorageError> {
        self.inner.sync()
    }

    fn free_bytes(&self) -> Result<Option<u64>, StorageError> {
        self.inner.free_bytes()
    }

    fn buffer_needs(&self, expected_bytes: u64) -> BufferNeeds {
        self.inner.buffer_needs(expected_bytes)
    }

    fn sweep_unfinished(
        &self,
        is_leftover: &dyn Fn(&ObjectMeta) -> bool,
    ) -> Result<Vec<String>, StorageError> {
        self.inner.sweep_unfinished(is_leftover)
    }
}

/// The save that a writer belongs to, which ends its waiting while this lives.
struct OnStop {
    run: Arc<Run>,
    canceller: Option<u64>,
}

impl Drop for OnStop {
    fn drop(&mut self) {
        if let Some(number) = self.canceller {
            self.run.forget(number);
        }
    }
}

struct MeteredWriter {
    inner: Box<dyn ObjectWriter>,
    name: String,
    on_stop: OnStop,
    rate: Arc<RateLimit>,
}

impl MeteredWriter {
    fn stopped(&self) -> StorageError {
        StorageError::new(
            StorageErrorKind::Cancelled,
            "write",
            self.name.as_str(),
            "the save is stopping",
        )
    }
}

impl ObjectWriter for MeteredWriter {
    fn reclaim(&mut self) -> Result<Buffer, StorageError> {
        if self.on_stop.run.is_stopping() {
            return Err(self.stopped());
        }
        self.inner.reclaim()
    }

    fn submit(&mut self, buffer: Buffer) -> Result<(), StorageError> {
        let bytes = buffer.len() as u64;
        if !self.rate.take(bytes, || self.on_stop.run.is_stopping()) {
            return Err(self.stopped());
        }
        self.inner.submit(buffer)?;
        self.on_stop.run.meter.add_bytes(bytes);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<ObjectMeta, StorageError> {
        if self.on_stop.run.is_stopping() {
            let error = self.stopped();
            self.inner.abort();
            return Err(error);
        }
        self.inner.finish()
    }

    fn abort(self: Box<Self>) {
        self.inner.abort();
    }
}
