//! One save, from the cut to the published manifest.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use super::archive::{Stamp, Template};
use super::completion::completion;
use super::estimate::Estimate;
use super::meter::MeteredStorage;
use super::publish::{Naming, Published, Unpublished};
use super::run::Run;
use super::stream::{self, FinishedParts, Plan};
use super::walks::Walks;
use super::{Save, SaveOptions, SavePhase, Saved, budget, fault, retain};
use crate::format::storage::{SnapshotStorage, StorageError, StorageErrorKind};
use crate::format::{HashSeed, Manifest, PageOptions, SnapshotId, manifest_name};
use crate::store::Inner;
use crate::version::Snapshot;
use crate::{Error, SnapshotFormat};

/// Trigger of a save that does not say what triggered it.
const TRIGGER_DEFAULT: &str = "command";

/// Takes a cut on the calling thread and saves it on others.
///
/// # Errors
///
/// [`Error::NoStorage`], [`Error::InvalidOption`] for the name, [`Error::SaveInProgress`],
/// [`Error::NotLoaded`], [`Error::TooManySnapshots`], or [`Error::Storage`] if no thread could be
/// started.
pub(crate) fn start(inner: &Arc<Inner>, options: SaveOptions) -> Result<Save, Error> {
    let archive = inner.archive();
    let retains = options.storage.is_none() && options.dbfilename.is_none();
    let storage = match options.storage {
        Some(storage) => storage,
        None => Arc::clone(archive.storage()?),
    };
    let template = match options.dbfilename {
        Some(text) => Some(Template::parse(&text)?),
        None => archive.template(),
    };
    let Some(template) = template else {
        return Err(Error::InvalidOption {
            option: "dbfilename",
            reason: "it is empty, so a save has no name".to_owned(),
        });
    };
    let format = options.format.unwrap_or(archive.format);
    let run = archive.begin_save(options.trigger.unwrap_or(TRIGGER_DEFAULT))?;
    let (inner_of_job, run_of_job) = (Arc::clone(inner), Arc::clone(&run));
    let job = Job { inner: inner_of_job, run: run_of_job, storage, template, format, retains };
    launch(job).inspect_err(|error| end(inner, &run, Err(error)))
}

/// A save that has begun.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) inner: Arc<Inner>,
    pub(super) run: Arc<Run>,
    pub(super) storage: Arc<dyn SnapshotStorage>,
    pub(super) template: Template,
    format: SnapshotFormat,
    /// Whether it is one of those that the store keeps only so many of.
    retains: bool,
}

fn launch(job: Job) -> Result<Save, Error> {
    let cut = job.inner.snapshot()?;
    job.run.set_changes_at_cut(cut.changes_at_cut());
    job.run.enter(SavePhase::Streaming);
    let (promise, completion) = completion();
    let run = Arc::clone(&job.run);
    let work = move || {
        let result = catch_unwind(AssertUnwindSafe(|| job.conduct(cut)))
            .unwrap_or_else(|panic| Err(fault::panicked("save", "the snapshot", &*panic)));
        end(&job.inner, &job.run, result.as_ref());
        if result.is_ok() && job.retains {
            retain::after_save(job.inner.archive());
        }
        // Whoever gets the result may drop the last handle next and expect that all is let go.
        drop(job);
        promise.provide(result);
    };
    thread::Builder::new()
        .name("exuvia-save".to_owned())
        .spawn(work)
        .map_err(|error| StorageError::from_io("start", "the save's thread", error))?;
    Ok(Save::new(run, completion))
}

/// Ends a save, with a line in the log.
fn end(inner: &Inner, run: &Run, result: Result<&Saved, &Error>) {
    match result {
        Ok(saved) => tracing::info!(
            records = saved.records,
            bytes = saved.bytes,
            milliseconds = saved.duration.as_millis() as u64,
            trigger = saved.trigger,
            "published {}",
            saved.manifest
        ),
        Err(error) if run.is_cancelled_by(error) => {
            run.abort();
            tracing::info!(trigger = run.trigger, "a save was cancelled");
        }
        Err(error) => {
            run.abort();
            tracing::error!(trigger = run.trigger, "a save failed: {}", fault::chain(error));
        }
    }
    inner.archive().end_save(run, result);
}

impl Job {
    fn conduct(&self, cut: Snapshot) -> Result<Saved, Error> {
        match self.format {
            SnapshotFormat::Pages => self.conduct_pages(cut),
            #[cfg(feature = "rdb")]
            SnapshotFormat::Rdb => super::rdb::conduct(self, cut),
        }
    }

    fn conduct_pages(&self, cut: Snapshot) -> Result<Saved, Error> {
        let archive = self.inner.archive();
        let storage = MeteredStorage::new(&*self.storage, &self.run, archive);
        let stamp = archive.next_stamp(cut.cut_unix_ms());
        let naming = Naming::new(&storage, &self.template.names, stamp.cut_unix_ms);
        let hash_seed = HashSeed(cut.hash_seed());
        let pages = PageOptions { codec: archive.codec(), ..PageOptions::default() };
        let estimate = Estimate::of(&cut, pages, archive.parts);
        self.run.meter.expect(cut.len_hint(), cut.data_bytes_hint());
        // What other cuts hold already is not this save's.
        let held_before = self.inner.superseded_bytes();
        let look = || self.check_memory(held_before);
        let walks = Walks::new(cut.into_walks(archive.parts));

        let base = self.prepare(|| naming.choose(), &estimate, &walks, look)?;
        let expected_bytes = estimate.expected_bytes();
        let part_bytes = expected_bytes / u64::from(archive.parts);
        let needs = storage.buffer_needs(part_bytes);
        let buffers =
            budget::write_plan(archive.buffer_bytes, archive.parts as usize, expected_bytes, needs);
        let plan = Plan {
            storage: storage.clone(),
            snapshot_id: random_id()?,
            hash_seed,
            pages,
            buffers,
            base,
        };
        let parts = stream::write_parts(&plan, &self.run, &walks, look)?;
        self.run.enter(SavePhase::Publishing);
        self.publish(&plan, &naming, stamp, parts)
    }

    /// Finds a name and asks for room, on a thread of its own: the storage may take its time, and
    /// somebody has to watch what the cut holds meanwhile.
    pub(super) fn prepare<N: Send>(
        &self,
        choose: impl FnOnce() -> Result<N, Error> + Send,
        estimate: &Estimate,
        walks: &Walks,
        look: impl Fn() -> Result<(), Error>,
    ) -> Result<N, Error> {
        let work = || {
            let base = choose()?;
            estimate.check_space(&*self.storage, &self.inner)?;
            Ok(base)
        };
        let prepared = thread::scope(|scope| {
            let working = self.run.working();
            let thread = thread::Builder::new().name("exuvia-prepare".to_owned());
            let thread = thread.spawn_scoped(scope, move || {
                let _working = working;
                work()
            });
            let thread = thread
                .map_err(|error| StorageError::from_io("start", "the save's thread", error))?;
            walks.attend(&self.run, look);
            thread
                .join()
                .unwrap_or_else(|panic| Err(fault::panicked("save", "the snapshot", &*panic)))
        });
        self.run.check()?;
        prepared
    }

    fn publish(
        &self,
        plan: &Plan<'_>,
        naming: &Naming<'_>,
        stamp: Stamp,
        mut parts: FinishedParts<'_>,
    ) -> Result<Saved, Error> {
        let manifest = Manifest {
            snapshot_id: plan.snapshot_id,
            cut_unix_ms: stamp.cut_unix_ms,
            sequence: stamp.sequence,
            hash_seed: plan.hash_seed,
            base_id: None,
            engine_version: env!("CARGO_PKG_VERSION").to_owned(),
            parts: parts.entries(),
        };
        let bytes = manifest
            .encode()
            .map_err(|error| fault::while_writing(&manifest_name(&plan.base), error))?;
        self.run.commit()?;
        parts.keep();
        let published = match naming.publish(&plan.base, &bytes) {
            Ok(published) => published,
            Err(Unpublished::Clean(error)) => {
                parts.remove();
                return Err(error);
            }
            Err(Unpublished::Unknown(error)) => {
                self.inner.archive().note(stamp);
                tracing::warn!(
                    "{} may be published in spite of the failure, so its parts stay",
                    plan.base
                );
                return Err(error);
            }
        };
        self.inner.archive().note(stamp);
        naming.remove_replaced(&published);
        Ok(self.saved(&manifest, bytes.len() as u64, published))
    }

    fn saved(&self, manifest: &Manifest, manifest_bytes: u64, published: Published) -> Saved {
        let object = manifest_name(&published.base);
        Saved {
            name: published.base,
            manifest: format!("{}/{object}", self.storage.location()),
            cut_unix_ms: manifest.cut_unix_ms,
            sequence: manifest.sequence,
            records: manifest.records(),
            bytes: manifest.bytes() + manifest_bytes,
            duration: self.run.meter.elapsed(),
            trigger: self.run.trigger,
        }
    }

    /// Refuses to go on once the save holds more history than it may.
    pub(super) fn check_memory(&self, held_before: u64) -> Result<(), Error> {
        let Some(bytes_max) = self.inner.archive().memory_limit() else { return Ok(()) };
        let held_bytes = self.inner.superseded_bytes().saturating_sub(held_before);
        if held_bytes > bytes_max {
            return Err(Error::SnapshotMemoryExceeded { held_bytes, bytes_max });
        }
        Ok(())
    }
}

fn random_id() -> Result<SnapshotId, Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| {
        StorageError::new(StorageErrorKind::Io, "draw", "a snapshot id", error.to_string())
    })?;
    Ok(SnapshotId::from_bytes(bytes))
}
