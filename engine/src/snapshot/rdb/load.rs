//! Loading files of other formats.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use exuvia_rdb::dragonfly::{self, Summary};
use exuvia_rdb::{ReadOptions, Reader, Report};

use super::super::archive::Archive;
use super::super::progress::Meter;
use super::super::sink::Counts;
use super::super::{LoadReport, budget, fault};
use super::Foreign;
use super::foreign::Layout;
use super::loader::{Loader, Place};
use super::source::Source;
use crate::Error;
use crate::format::HashSeed;
use crate::format::storage::{SnapshotStorage, StorageError, StorageErrorKind};
use crate::store::Inner;

/// Loads aside and swaps in.
///
/// # Errors
///
/// [`Error::Corrupt`], [`Error::Unsupported`] for what the store has no type for,
/// [`Error::TooFewDatabases`], [`Error::Storage`]. Nothing is changed then.
pub(crate) fn replace(
    inner: &Inner,
    storage: &dyn SnapshotStorage,
    foreign: &Foreign,
) -> Result<LoadReport, Error> {
    let archive = inner.archive();
    let progress = archive.begin_load();
    let seed = getrandom::u64().map_err(|error| {
        StorageError::new(StorageErrorKind::Io, "draw", "a hash seed", error.to_string())
    })?;
    let staged = inner.stage(seed);
    let reading = Reading::of(archive, storage, foreign, &progress.meter);
    let (counts, bytes) = reading.into_place(Place::Aside(&staged, HashSeed(seed)))?;
    inner.swap_in(staged);
    Ok(report(foreign, counts, bytes))
}

/// Reads everything once to check it and once more to set it beside what is there.
///
/// # Errors
///
/// Those of [`replace`]; only a storage that fails between the two readings leaves a part.
pub(crate) fn merge(
    inner: &Arc<Inner>,
    storage: &dyn SnapshotStorage,
    foreign: &Foreign,
) -> Result<LoadReport, Error> {
    let archive = inner.archive();
    let progress = archive.begin_load();
    let reading = Reading::of(archive, storage, foreign, &progress.meter);
    reading.into_place(Place::Nowhere)?;
    let databases: Vec<_> =
        (0..archive.databases).map(|index| inner.database(index)).collect::<Result<_, _>>()?;
    let (counts, bytes) = reading.into_place(Place::Live(&databases))?;
    Ok(report(foreign, counts, bytes))
}

fn report(foreign: &Foreign, counts: Counts, bytes: u64) -> LoadReport {
    LoadReport {
        name: Some(foreign.name().to_owned()),
        records: counts.stored,
        expired: counts.expired,
        bytes,
        cut_unix_ms: foreign.stamp().cut_unix_ms,
        ..LoadReport::default()
    }
}

/// One pass over all files of a snapshot.
#[derive(Clone, Copy)]
pub(super) struct Reading<'r> {
    pub(super) storage: &'r dyn SnapshotStorage,
    pub(super) foreign: &'r Foreign,
    pub(super) meter: &'r Meter,
    pub(super) buffer_bytes: usize,
    pub(super) databases: u16,
    /// What has expired by then is left out.
    pub(super) now_unix_ms: u64,
}

impl<'r> Reading<'r> {
    fn of(
        archive: &Archive,
        storage: &'r dyn SnapshotStorage,
        foreign: &'r Foreign,
        meter: &'r Meter,
    ) -> Self {
        let buffer_bytes = archive.buffer_bytes;
        let (databases, now_unix_ms) = (archive.databases, archive.clock.unix_ms());
        Self { storage, foreign, meter, buffer_bytes, databases, now_unix_ms }
    }
}

impl Reading<'_> {
    /// Gives every key to `place`; returns what became of them and the bytes read.
    pub(super) fn into_place(self, place: Place<'_>) -> Result<(Counts, u64), Error> {
        match &self.foreign.layout {
            Layout::Rdb => {
                let object = &self.foreign.object;
                let source = self.source(object, 1)?;
                self.meter.expect(0, source.len());
                let mut loader = self.loader(place, object);
                let reader = Reader::new(source, ReadOptions::default());
                let report = reader.read(&mut loader).map_err(|failure| failure.of(object))?;
                note(object, &report, &loader);
                Ok((loader.counts(), report.bytes))
            }
            Layout::Dragonfly { base, summary } => self.shards(base, summary, place),
        }
    }

    fn source(&self, object: &str, readers: usize) -> Result<Source<'_>, Error> {
        let hint = budget::read_hint(self.buffer_bytes, readers, self.storage.buffer_needs(0));
        match Source::open(self.storage, object, hint, Some(self.meter)) {
            // The summary lists it, so the snapshot is not whole.
            Err(error) if error.kind() == StorageErrorKind::NotFound && readers > 1 => {
                let reason = "it belongs to the snapshot and is missing".to_owned();
                Err(Error::Corrupt { object: object.to_owned(), reason })
            }
            source => Ok(source?),
        }
    }

    fn loader<'l>(&self, place: Place<'l>, object: &'l str) -> Loader<'l> {
        Loader::new(place, self.databases, self.now_unix_ms, object)
    }

    /// Reads the files of a Dragonfly snapshot, several at once.
    fn shards(
        self,
        base: &str,
        summary: &Summary,
        place: Place<'_>,
    ) -> Result<(Counts, u64), Error> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let readers = cores.min(summary.shards as usize).max(1);
        let state = Shards {
            next: AtomicU32::new(0),
            failed: AtomicBool::new(false),
            outcome: Mutex::new(Ok((Counts::default(), 0))),
        };
        thread::scope(|scope| {
            for _ in 0..readers {
                scope.spawn(|| {
                    state.work(summary.shards, |number| {
                        self.shard(base, summary, number, place, readers)
                    });
                });
            }
        });
        state.outcome.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn shard(
        &self,
        base: &str,
        summary: &Summary,
        number: u32,
        place: Place<'_>,
        readers: usize,
    ) -> Result<(Counts, u64), Error> {
        let object = dragonfly::shard_name(base, number);
        // More than one in any case: a shard is never the whole snapshot.
        let source = self.source(&object, readers.max(2))?;
        let mut loader = self.loader(place, &object);
        let options = ReadOptions::default();
        let report = dragonfly::read_shard(source, summary, number, options, &mut loader)
            .map_err(|failure| failure.of(&object))?;
        note(&object, &report, &loader);
        Ok((loader.counts(), report.bytes))
    }
}

/// Tells an operator what a file has that keys here do not.
fn note(object: &str, report: &Report, loader: &Loader<'_>) {
    if loader.empty() > 0 {
        tracing::warn!(
            keys = loader.empty(),
            "{object}: collections without elements are left out"
        );
    }
    let skipped = &report.skipped;
    if skipped.sticky_marks > 0 {
        tracing::info!(keys = skipped.sticky_marks, "{object}: sticky keys are ordinary ones here");
    }
    if skipped.memcached_flags > 0 {
        let keys = skipped.memcached_flags;
        tracing::warn!(keys, "{object}: keys lose their memcached flags");
    }
}

/// What the threads that read shards share.
struct Shards {
    next: AtomicU32,
    failed: AtomicBool,
    outcome: Mutex<Result<(Counts, u64), Error>>,
}

impl Shards {
    /// Reads one shard after another until none is left, or one failed.
    fn work(&self, shards: u32, read: impl Fn(u32) -> Result<(Counts, u64), Error>) {
        // Relaxed throughout: the numbers stand for themselves, the outcome is in the mutex.
        while !self.failed.load(Ordering::Relaxed) {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= shards {
                return;
            }
            let result = catch_unwind(AssertUnwindSafe(|| read(number)))
                .unwrap_or_else(|panic| Err(fault::panicked("load", "a shard", &*panic)));
            let mut outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner);
            match (&mut *outcome, result) {
                (Ok((counts, bytes)), Ok((more, more_bytes))) => {
                    counts.stored += more.stored;
                    counts.expired += more.expired;
                    *bytes += more_bytes;
                }
                (Ok(_), Err(error)) => {
                    self.failed.store(true, Ordering::Relaxed);
                    *outcome = Err(error);
                }
                (Err(_), _) => {}
            }
        }
    }
}
