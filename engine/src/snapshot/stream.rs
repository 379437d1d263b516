//! Writing the parts of a save: one thread a part, or fewer where buffers are short, from the walk
//! into pages.

use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use super::budget::WritePlan;
use super::fault;
use super::meter::MeteredStorage;
use super::run::Run;
use super::walks::{WalkSlot, Walks, lock};
use crate::collection::Encoder;
use crate::format::storage::{SnapshotStorage, StorageError, StorageErrorKind};
use crate::format::{
    FormatError, HashRange, HashSeed, PageOptions, PartEntry, PartHeader, PartWriter, Pushed,
    Record, SnapshotId, ValueType, part_name,
};
use crate::version::{Step, Take, Walk, WalkEntry};
use crate::{Collection, Error, Expiry, Value};

/// What the parts of one snapshot have in common.
#[derive(Debug)]
pub(super) struct Plan<'s> {
    pub(super) storage: MeteredStorage<'s>,
    pub(super) base: String,
    pub(super) snapshot_id: SnapshotId,
    pub(super) hash_seed: HashSeed,
    pub(super) pages: PageOptions,
    pub(super) buffers: WritePlan,
}

/// Finished parts. As long as no manifest can list them, dropping them removes their objects.
#[derive(Debug)]
pub(super) struct FinishedParts<'s> {
    storage: &'s dyn SnapshotStorage,
    run: Arc<Run>,
    entries: Vec<PartEntry>,
    /// Whether a manifest that lists them may be there.
    listed: bool,
}

impl FinishedParts<'_> {
    /// What the manifest says of them, in order.
    pub(super) fn entries(&self) -> Vec<PartEntry> {
        self.entries.clone()
    }

    /// A manifest that lists them is about to be put: from here on they stay, whatever happens.
    pub(super) fn keep(&mut self) {
        self.listed = true;
    }

    /// Removes the objects after all: no manifest lists them, and none will.
    pub(super) fn remove(mut self) {
        self.listed = false;
    }
}

impl Drop for FinishedParts<'_> {
    fn drop(&mut self) {
        if self.listed || self.entries.is_empty() {
            return;
        }
        self.run.abort();
        for part in &self.entries {
            // Nobody lists the part, so a later sweep finds it.
            let Err(error) = self.storage.remove(&part.name) else { continue };
            let name = &part.name;
            tracing::warn!("{name}, of a failed save, stays behind: {}", fault::chain(&error));
            // Nobody waits for a storage that is gone once for every part.
            if error.kind() == StorageErrorKind::Unavailable {
                return;
            }
        }
    }
}

/// Writes every walk into a part of its own and returns the finished parts in order.
///
/// # Errors
///
/// The first failure of any part, or why the save was stopped. No part is left then.
pub(super) fn write_parts<'s>(
    plan: &Plan<'s>,
    run: &Arc<Run>,
    walks: &Walks,
    look: impl Fn() -> Result<(), Error>,
) -> Result<FinishedParts<'s>, Error> {
    let finished = Mutex::new(FinishedParts {
        storage: plan.storage.inner,
        run: Arc::clone(run),
        entries: Vec::with_capacity(walks.slots().len()),
        listed: false,
    });
    // The next part that nobody writes.
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for thread_number in 0..plan.buffers.writers {
            let working = run.working();
            let (finished, next) = (&finished, &next);
            let work = move || {
                let _working = working;
                while !run.is_stopping() {
                    // Relaxed: the slots are shared before the threads start.
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(slot) = walks.slots().get(number) else { return };
                    match part_thread(plan, run, number as u32, slot) {
                        Ok(part) => lock(finished).entries.push(part),
                        Err(error) => run.stop(error),
                    }
                }
            };
            let thread = thread::Builder::new().name(format!("exuvia-part-{thread_number}"));
            if let Err(error) = thread.spawn_scoped(scope, work) {
                let name = part_name(&plan.base, thread_number as u32, plan.snapshot_id);
                run.stop(StorageError::from_io("start the thread of", name, error).into());
                break;
            }
        }
        walks.attend(run, look);
    });
    let mut finished = finished.into_inner().unwrap_or_else(PoisonError::into_inner);
    run.check()?;
    finished.entries.sort_by_key(|part| part.header.number);
    Ok(finished)
}

fn part_thread(
    plan: &Plan<'_>,
    run: &Run,
    number: u32,
    slot: &WalkSlot,
) -> Result<PartEntry, Error> {
    // Clients go first; where the system refuses, the save is merely less polite.
    let _ = crate::disk::lower_priority();
    let name = part_name(&plan.base, number, plan.snapshot_id);
    catch_unwind(AssertUnwindSafe(|| write_part(plan, run, number, &name, slot)))
        .unwrap_or_else(|panic| Err(fault::panicked("write", &name, &*panic)))
}

fn write_part(
    plan: &Plan<'_>,
    run: &Run,
    number: u32,
    name: &str,
    slot: &WalkSlot,
) -> Result<PartEntry, Error> {
    let broken = |error| fault::while_writing(name, error);
    let Some((first, last)) = lock(slot).as_ref().map(Walk::hash_range) else {
        return Err(Error::SaveCancelled);
    };
    let header = PartHeader {
        snapshot_id: plan.snapshot_id,
        hash_seed: plan.hash_seed,
        number,
        hash_range: HashRange::new(first, last),
    };
    let mut writer = PartWriter::begin(&plan.storage, header, name, plan.pages, plan.buffers.hint)
        .map_err(broken)?;
    match fill(&mut writer, run, slot, name) {
        Ok(()) => writer.finish().map_err(broken),
        Err(error) => {
            writer.abort();
            Err(error)
        }
    }
}

/// Why the walk let go of its guard.
enum Pause {
    /// Its segment is through.
    Segment,
    /// The next entry does not fit in the page.
    Page,
    /// An entry fits in no page.
    Large(LargeRecord),
    /// The page refused an entry.
    Broken(FormatError),
}

fn fill(writer: &mut PartWriter, run: &Run, slot: &WalkSlot, name: &str) -> Result<(), Error> {
    let broken = |error| fault::while_writing(name, error);
    let mut records = 0;
    let mut encoded = Vec::new();
    loop {
        if run.is_stopping() {
            return Err(Error::SaveCancelled);
        }
        let mut pause = Pause::Segment;
        let step = match &mut *lock(slot) {
            Some(walk) => {
                walk.advance(&mut |entry| offer(writer, &entry, &mut encoded, &mut pause))
            }
            None => return Err(Error::SaveCancelled),
        };
        match pause {
            Pause::Segment => {}
            Pause::Page => writer.seal_page().map_err(broken)?,
            Pause::Large(large) => large.push(writer).map_err(broken)?,
            Pause::Broken(error) => return Err(broken(error)),
        }
        run.meter.add_records(writer.records() - records);
        records = writer.records();
        if matches!(step, Step::Done) {
            // The history of the range goes before the device has the last of its pages.
            drop(lock(slot).take());
            return Ok(());
        }
    }
}

/// Copies one entry into the page. Runs under the walk's guard, so it never waits.
fn offer(
    writer: &mut PartWriter,
    entry: &WalkEntry<'_>,
    encoded: &mut Vec<u8>,
    pause: &mut Pause,
) -> Take {
    let mut record = Record {
        database: entry.database,
        hash: entry.hash,
        value_type: ValueType::String,
        key: entry.key,
        expires_at_unix_ms: expires_at(entry.expiry),
        value: entry.value,
    };
    let collection = entry.to_collection();
    if let Some(collection) = &collection {
        if collection.heap_bytes() > ENCODED_AT_ONCE_BYTES_MAX {
            *pause = Pause::Large(LargeRecord::of(entry));
            return Take::Stop;
        }
        encode(collection, encoded);
        record.value_type = collection.value_type();
        record.value = encoded;
    }
    let (take, reason) = match writer.try_push(&record) {
        Ok(Pushed::Stored) => return Take::Next,
        Ok(Pushed::PageFull) => (Take::Full, Pause::Page),
        Ok(Pushed::TooLarge) => (Take::Stop, Pause::Large(LargeRecord::of(entry))),
        Err(error) => (Take::Stop, Pause::Broken(error)),
    };
    *pause = reason;
    take
}

/// Collections of more bytes are encoded a leaf at a time, without the walk's guard.
const ENCODED_AT_ONCE_BYTES_MAX: u64 = 64 << 10;

/// Writes a small collection as a record has it.
pub(super) fn encode(collection: &Collection, into: &mut Vec<u8>) {
    into.clear();
    let encoded = Encoder::new(collection).read_to_end(into);
    debug_assert!(encoded.is_ok(), "memory can be read");
}

/// A record that outlives the walk's guard: its value is shared with the table where it can be.
struct LargeRecord {
    database: u16,
    hash: u64,
    key: Box<[u8]>,
    expires_at_unix_ms: Option<u64>,
    value: Value,
    collection: Option<Collection>,
}

impl LargeRecord {
    fn of(entry: &WalkEntry<'_>) -> Self {
        Self {
            database: entry.database,
            hash: entry.hash,
            key: entry.key.into(),
            expires_at_unix_ms: expires_at(entry.expiry),
            value: entry.to_value(),
            collection: entry.to_collection(),
        }
    }

    fn push(&self, writer: &mut PartWriter) -> Result<(), FormatError> {
        let record = Record {
            database: self.database,
            hash: self.hash,
            value_type: self.collection.as_ref().map_or(ValueType::String, Collection::value_type),
            key: &self.key,
            expires_at_unix_ms: self.expires_at_unix_ms,
            value: &self.value,
        };
        let Some(collection) = &self.collection else { return writer.push_large(&record) };
        let mut encoder = Encoder::new(collection);
        writer.push_streamed(&record, encoder.len(), &mut encoder)
    }
}

/// A record's expiry as a page has it.
pub(super) fn expires_at(expiry: Expiry) -> Option<u64> {
    match expiry {
        Expiry::Never => None,
        Expiry::At(unix_ms) => Some(unix_ms),
    }
}
