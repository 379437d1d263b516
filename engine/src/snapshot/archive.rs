//! A store's snapshots: the place they are kept, how they are made, and what became of them.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use super::fault;
use super::limit::RateLimit;
use super::progress::Meter;
use super::run::Run;
use super::{LoadReport, Progress, SavePhase, SaveStatus, Saved};
use crate::format::storage::SnapshotStorage;
use crate::format::{Codec, NameTemplate, SnapshotId};
use crate::{Clock, Compression, Error, LoadMode, Options, SnapshotFormat};

/// Everything of a store that has to do with its snapshots.
#[derive(Debug)]
pub(crate) struct Archive {
    storage: Option<Arc<dyn SnapshotStorage>>,
    /// Whether no other process writes there under the same names.
    exclusive: bool,
    pub(super) clock: Arc<dyn Clock>,
    /// How many databases the store has.
    pub(super) databases: u16,
    pub(super) format: SnapshotFormat,
    #[cfg(feature = "rdb")]
    rdb_version_max: u16,
    pub(super) parts: u32,
    pub(super) buffer_bytes: usize,
    pub(super) load_mode: LoadMode,
    /// How long a load at open goes on trying while the storage cannot be read.
    pub(super) load_patience: Duration,
    /// How long a save goes on trying to look while the storage is not available.
    pub(super) save_patience: Duration,
    pub(super) rate: Arc<RateLimit>,
    memory_limit: AtomicU64,
    /// How many of the newest snapshots to keep; zero is all.
    retain: AtomicU32,
    settings: Mutex<Settings>,
    state: Mutex<State>,
    save_ended: Condvar,
    /// Held by a load: two at once would only steal each other's memory.
    loading: Mutex<()>,
}

#[derive(Clone, Debug)]
struct Settings {
    /// `None` if saving and loading by name are switched off.
    template: Option<Template>,
    compression: Compression,
}

/// A `dbfilename` with its text.
#[derive(Clone, Debug)]
pub(super) struct Template {
    pub(super) text: String,
    pub(super) names: NameTemplate,
}

impl Template {
    /// # Errors
    ///
    /// [`Error::InvalidOption`] if it is no name of a snapshot.
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        let names = NameTemplate::parse(text).map_err(|error| Error::InvalidOption {
            option: "dbfilename",
            reason: format!("{error} (in {text:?})"),
        })?;
        Ok(Self { text: text.to_owned(), names })
    }
}

/// The time and the number by which snapshots are ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stamp {
    pub(super) cut_unix_ms: u64,
    pub(super) sequence: u64,
}

/// Whether the store holds what its snapshots held.
#[derive(Clone, Debug)]
enum Readiness {
    /// Nothing was loaded yet.
    Unloaded,
    /// The load is complete, or there was nothing to load.
    Ready,
    /// The load failed, for this reason: the store must never publish a snapshot.
    Failed(String),
}

impl Readiness {
    fn check(&self) -> Result<(), Error> {
        match self {
            Self::Ready => Ok(()),
            Self::Unloaded => Err(Error::NotLoaded { reason: "it has not ended yet".to_owned() }),
            Self::Failed(reason) => Err(Error::NotLoaded { reason: reason.clone() }),
        }
    }
}

#[derive(Debug)]
struct State {
    readiness: Readiness,
    closed: bool,
    running: Option<Arc<Run>>,
    status: SaveStatus,
    /// Snapshots with a sound manifest that could not be loaded.
    damaged: HashSet<SnapshotId>,
    /// Of the newest snapshot that this store knows to exist, or cannot rule out.
    newest: Stamp,
    load: Option<Arc<Meter>>,
    load_report: Option<LoadReport>,
}

impl Archive {
    /// The archive of a store with these options, kept in `storage`; `exclusive` if a lock keeps
    /// other processes from writing there under the same names.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidOption`] for a name template, a number of parts or a compression that no
    /// save could use.
    pub(crate) fn new(
        options: &Options,
        storage: Option<Arc<dyn SnapshotStorage>>,
        exclusive: bool,
    ) -> Result<Self, Error> {
        if !options.parts.is_power_of_two() || options.parts > 64 {
            return Err(Error::InvalidOption {
                option: "parts",
                reason: format!("{} is not a power of two from 1 to 64", options.parts),
            });
        }
        page_codec(options.compression)?;
        #[cfg(feature = "rdb")]
        if !(9..=12).contains(&options.rdb_version_max) {
            return Err(Error::InvalidOption {
                option: "rdb_version",
                reason: format!("{} is not a version from 9 to 12", options.rdb_version_max),
            });
        }
        Ok(Self {
            storage,
            exclusive,
            clock: Arc::clone(&options.clock),
            databases: options.databases,
            format: options.format,
            #[cfg(feature = "rdb")]
            rdb_version_max: options.rdb_version_max,
            parts: options.parts,
            buffer_bytes: options.buffer_bytes,
            load_mode: options.load,
            load_patience: options.load_patience,
            save_patience: options.save_patience,
            rate: Arc::new(RateLimit::new(options.max_bytes_per_sec)),
            memory_limit: AtomicU64::new(options.snapshot_memory_limit),
            retain: AtomicU32::new(options.retain),
            settings: Mutex::new(Settings {
                template: template_or_off(&options.dbfilename)?,
                compression: options.compression,
            }),
            state: Mutex::new(State {
                readiness: Readiness::Unloaded,
                closed: false,
                running: None,
                status: SaveStatus::default(),
                damaged: HashSet::new(),
                newest: Stamp::default(),
                load: None,
                load_report: None,
            }),
            save_ended: Condvar::new(),
            loading: Mutex::new(()),
        })
    }

    /// The store's own storage.
    ///
    /// # Errors
    ///
    /// [`Error::NoStorage`] if it has none.
    pub(crate) fn storage(&self) -> Result<&Arc<dyn SnapshotStorage>, Error> {
        self.storage.as_ref().ok_or(Error::NoStorage)
    }

    pub(super) fn is_exclusive(&self) -> bool {
        self.exclusive
    }

    /// Names later saves by `dbfilename`; an empty one switches naming off.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidOption`] if it is no name of a snapshot.
    pub(crate) fn set_dbfilename(&self, dbfilename: &str) -> Result<(), Error> {
        let template = template_or_off(dbfilename)?;
        lock(&self.settings).template = template;
        Ok(())
    }

    /// How later saves compress their pages.
    pub(crate) fn set_compression(&self, compression: Compression) -> Result<(), Error> {
        page_codec(compression)?;
        lock(&self.settings).compression = compression;
        Ok(())
    }

    /// Limits the rate of saves, the running one included; zero is no limit.
    pub(crate) fn set_max_bytes_per_sec(&self, bytes_per_sec: u64) {
        self.rate.set(bytes_per_sec);
    }

    /// Limits what a save, the running one included, may hold; zero is no limit.
    pub(crate) fn set_snapshot_memory_limit(&self, bytes: u64) {
        // Relaxed: the number stands for itself.
        self.memory_limit.store(bytes, Ordering::Relaxed);
    }

    /// Keeps so many of the newest snapshots when one has been published; zero keeps all.
    pub(crate) fn set_retain(&self, retain: u32) {
        // Relaxed: the number stands for itself.
        self.retain.store(retain, Ordering::Relaxed);
    }

    pub(super) fn retain(&self) -> u32 {
        self.retain.load(Ordering::Relaxed)
    }

    pub(super) fn memory_limit(&self) -> Option<u64> {
        match self.memory_limit.load(Ordering::Relaxed) {
            0 => None,
            bytes => Some(bytes),
        }
    }

    pub(super) fn template(&self) -> Option<Template> {
        lock(&self.settings).template.clone()
    }

    /// The highest version of Redis's format that a save may write.
    #[cfg(feature = "rdb")]
    pub(super) fn rdb_version_max(&self) -> u16 {
        self.rdb_version_max
    }

    pub(super) fn codec(&self) -> Codec {
        page_codec(lock(&self.settings).compression).unwrap_or(Codec::None)
    }

    /// The running save, and how the last ones ended.
    pub(crate) fn status(&self) -> SaveStatus {
        let state = lock(&self.state);
        let mut status = state.status.clone();
        if let Some(run) = &state.running {
            status.running = Some(run.progress());
            status.running_trigger = Some(run.trigger);
            status.running_changes_at_cut = run.changes_at_cut();
        }
        status
    }

    /// Begins a save.
    ///
    /// # Errors
    ///
    /// [`Error::SaveInProgress`], [`Error::NotLoaded`], or [`Error::SaveCancelled`] if the store
    /// is closed.
    pub(super) fn begin_save(&self, trigger: &'static str) -> Result<Arc<Run>, Error> {
        let mut state = lock(&self.state);
        if state.closed {
            return Err(Error::SaveCancelled);
        }
        if state.running.is_some() {
            return Err(Error::SaveInProgress);
        }
        state.readiness.check()?;
        let run = Arc::new(Run::new(trigger));
        state.running = Some(Arc::clone(&run));
        Ok(run)
    }

    /// Passes if the store holds what its snapshots held.
    ///
    /// # Errors
    ///
    /// [`Error::NotLoaded`].
    pub(super) fn check_ready(&self) -> Result<(), Error> {
        lock(&self.state).readiness.check()
    }

    /// Counts and logs a save that nobody waits for and that could not even begin.
    #[cfg(feature = "schedule")]
    pub(crate) fn save_refused(&self, trigger: &'static str, error: &Error) {
        tracing::error!(trigger, "a save failed: {}", fault::chain(error));
        let now = self.clock.unix_ms();
        lock(&self.state).status.failed(error, trigger, Duration::ZERO, now);
    }

    /// Whether snapshots have a name, without which none is saved or loaded by itself.
    #[cfg(feature = "schedule")]
    pub(crate) fn names_snapshots(&self) -> bool {
        lock(&self.settings).template.is_some()
    }

    /// Ends the running save and remembers how it ended.
    pub(super) fn end_save(&self, run: &Run, result: Result<&Saved, &Error>) {
        let now = self.clock.unix_ms();
        run.enter(SavePhase::Idle);
        let mut state = lock(&self.state);
        state.running = None;
        match result {
            Ok(saved) => {
                let changes = run.changes_at_cut().unwrap_or(0);
                state.status.succeeded(saved, changes, now);
            }
            Err(error) if run.is_cancelled_by(error) => {
                state.status.cancelled(run.trigger, run.meter.elapsed());
            }
            Err(error) => {
                state.status.failed(error, run.trigger, run.meter.elapsed(), now);
            }
        }
        drop(state);
        self.save_ended.notify_all();
    }

    /// Waits until no save runs.
    pub(crate) fn wait_for_save(&self) {
        let mut state = lock(&self.state);
        while state.running.is_some() {
            state = self.save_ended.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits until no save runs, at most for `timeout`.
    #[cfg(feature = "schedule")]
    pub(crate) fn wait_for_save_at_most(&self, timeout: Duration) {
        let state = lock(&self.state);
        let running = |state: &mut State| state.running.is_some();
        // Whether it was in time is for the caller to see.
        drop(self.save_ended.wait_timeout_while(state, timeout, running));
    }

    /// Stamp of a cut taken at `cut_unix_ms`: later than every snapshot known, whatever the clock
    /// did meanwhile.
    pub(super) fn next_stamp(&self, cut_unix_ms: u64) -> Stamp {
        let newest = lock(&self.state).newest;
        Stamp {
            cut_unix_ms: cut_unix_ms.max(newest.cut_unix_ms.saturating_add(1)),
            sequence: newest.sequence.saturating_add(1),
        }
    }

    /// Takes notice of a snapshot that exists, or may.
    pub(super) fn note(&self, stamp: Stamp) {
        let newest = &mut lock(&self.state).newest;
        // Either may be the larger one alone, if snapshots of several processes meet.
        newest.cut_unix_ms = newest.cut_unix_ms.max(stamp.cut_unix_ms);
        newest.sequence = newest.sequence.max(stamp.sequence);
    }

    /// Takes notice of a snapshot that could not be loaded, so that retention leaves it alone.
    pub(super) fn note_damaged(&self, id: Option<SnapshotId>) {
        lock(&self.state).damaged.extend(id);
    }

    /// Snapshots that look complete and could not be loaded.
    pub(super) fn damaged(&self) -> HashSet<SnapshotId> {
        lock(&self.state).damaged.clone()
    }

    /// Cancels the running save; returns whether there was one.
    pub(crate) fn cancel_save(&self) -> bool {
        let running = lock(&self.state).running.clone();
        running.inspect(|run| run.cancel()).is_some()
    }

    /// Refuses every later save, and cancels the running one.
    pub(crate) fn close(&self) {
        lock(&self.state).closed = true;
        self.cancel_save();
    }

    pub(super) fn is_closed(&self) -> bool {
        lock(&self.state).closed
    }

    /// Keeps loads from beginning, unless one runs.
    pub(super) fn no_load(&self) -> Option<MutexGuard<'_, ()>> {
        match self.loading.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Waits for a running load to end, and keeps others from beginning.
    pub(super) fn one_load(&self) -> MutexGuard<'_, ()> {
        lock(&self.loading)
    }

    /// Shows a load's progress from now on.
    pub(super) fn begin_load(&self) -> LoadInProgress<'_> {
        let meter = Arc::new(Meter::new());
        lock(&self.state).load = Some(Arc::clone(&meter));
        LoadInProgress { archive: self, meter }
    }

    /// Whether the load at open has not ended yet.
    pub(crate) fn is_loading(&self) -> bool {
        matches!(lock(&self.state).readiness, Readiness::Unloaded)
    }

    /// Progress of the running load.
    pub(crate) fn load_progress(&self) -> Option<Progress> {
        let meter = lock(&self.state).load.clone()?;
        Some(meter.read(SavePhase::Streaming))
    }

    /// What the last load that succeeded did.
    pub(crate) fn load_report(&self) -> Option<LoadReport> {
        lock(&self.state).load_report.clone()
    }

    /// Declares that the store holds what it should: it may save from now on. `changes` is its
    /// count of changes at this point, all of which are in the snapshot.
    pub(super) fn loaded(&self, report: &LoadReport, changes: u64) {
        let mut state = lock(&self.state);
        state.status.changes_at_last_cut = changes;
        state.readiness = Readiness::Ready;
        state.status.last_success_unix_ms = report.cut_unix_ms;
        state.load_report = Some(report.clone());
    }

    /// Takes notice of a load at run time.
    pub(super) fn reloaded(&self, report: &LoadReport) {
        lock(&self.state).load_report = Some(report.clone());
    }

    /// Declares that the first load failed: the store must never save.
    pub(super) fn load_failed(&self, error: &Error) {
        lock(&self.state).readiness = Readiness::Failed(fault::chain(error));
    }
}

/// Shows the progress of a load until it is dropped.
#[derive(Debug)]
pub(super) struct LoadInProgress<'a> {
    archive: &'a Archive,
    pub(super) meter: Arc<Meter>,
}

impl Drop for LoadInProgress<'_> {
    fn drop(&mut self) {
        lock(&self.archive.state).load = None;
    }
}

fn template_or_off(dbfilename: &str) -> Result<Option<Template>, Error> {
    if dbfilename.is_empty() {
        return Ok(None);
    }
    Template::parse(dbfilename).map(Some)
}

/// The codec of pages. A build without compression stores them as they are.
///
/// # Errors
///
/// [`Error::InvalidOption`] for a level that there is not.
fn page_codec(compression: Compression) -> Result<Codec, Error> {
    match compression {
        Compression::Zstd { level } if !(1..=22).contains(&level) => Err(Error::InvalidOption {
            option: "compression",
            reason: format!("zstd has no level {level}, only 1 to 22"),
        }),
        Compression::Zstd { level } if cfg!(feature = "zstd") => Ok(Codec::Zstd { level }),
        Compression::None | Compression::Zstd { .. } => Ok(Codec::None),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every critical section of this file is a few assignments, none of which panics half way.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
