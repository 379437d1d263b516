//! A save as one RDB file.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use exuvia_rdb::{Event, RdbError, Version, WriteOptions, Writer};

use super::super::estimate::Estimate;
use super::super::meter::MeteredStorage;
use super::super::publish::Naming;
use super::super::save::Job;
use super::super::walks::Walks;
use super::super::{SavePhase, Saved, budget, fault};
use super::destination::Destination;
use super::foreign::CUT_FIELD;
use super::{item, while_writing, write};
use crate::Error;
use crate::format::storage::{SnapshotStorage, StorageError};
use crate::format::{Codec, PageOptions, rdb_name};
use crate::version::Snapshot;

/// A name for the file.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) base: String,
    /// Whether it takes the place of a file of that name.
    pub(crate) replaces: bool,
}

/// What the file says of itself.
struct Head {
    version: Version,
    cut_unix_ms: u64,
    memory_bytes: u64,
    /// How long the file will be, roughly.
    expected_bytes: u64,
}

/// Writes the cut into a file, and gives that its name.
///
/// # Errors
///
/// Those of a [`Save`](crate::Save), and [`Error::Unsupported`] if the file cannot hold something.
pub(crate) fn conduct(job: &Job, cut: Snapshot) -> Result<Saved, Error> {
    let archive = job.inner.archive();
    let stamp = archive.next_stamp(cut.cut_unix_ms());
    let storage = MeteredStorage::new(&*job.storage, &job.run, archive);
    let naming = Naming::new(&storage, &job.template.names, stamp.cut_unix_ms);
    let pages = PageOptions { codec: Codec::None, ..PageOptions::default() };
    let estimate = Estimate::of(&cut, pages, 1);
    job.run.meter.expect(cut.len_hint(), cut.data_bytes_hint());
    let held_before = job.inner.superseded_bytes();
    let look = || job.check_memory(held_before);
    let version = lowest_version(&cut, archive.rdb_version_max())?;
    let (cut_unix_ms, memory_bytes) = (stamp.cut_unix_ms, cut.data_bytes_hint());
    let head =
        Head { version, cut_unix_ms, memory_bytes, expected_bytes: estimate.expected_bytes() };
    let walks = Walks::new(cut.into_walks(1));

    let target = job.prepare(|| naming.choose_rdb(), &estimate, &walks, look)?;
    let name = rdb_name(&target.base);
    let written = thread::scope(|scope| {
        let working = job.run.working();
        let thread = thread::Builder::new().name("exuvia-rdb".to_owned());
        let spawned = thread.spawn_scoped(scope, || {
            let _working = working;
            // Clients go first; where the system refuses, the save is merely less polite.
            let _ = crate::disk::lower_priority();
            catch_unwind(AssertUnwindSafe(|| write_file(job, &storage, &target, &head, &walks)))
                .unwrap_or_else(|panic| Err(fault::panicked("write", &name, &*panic)))
                .inspect_err(|_| job.run.stop(Error::SaveCancelled))
        });
        let thread =
            spawned.map_err(|error| StorageError::from_io("start", "the save's thread", error))?;
        walks.attend(&job.run, look);
        thread.join().unwrap_or_else(|panic| Err(fault::panicked("write", &name, &*panic)))
    });
    let (destination, records) = match written {
        Ok(written) => written,
        // Whoever stopped the save knows better why than the thread that noticed it.
        Err(Error::SaveCancelled) => {
            return Err(job.run.check().err().unwrap_or(Error::SaveCancelled));
        }
        Err(error) => return Err(error),
    };
    job.run.enter(SavePhase::Publishing);
    job.run.commit()?;
    let meta = destination.finish()?;
    job.storage.sync()?;
    archive.note(stamp);
    Ok(Saved {
        manifest: format!("{}/{name}", job.storage.location()),
        name: target.base,
        cut_unix_ms: stamp.cut_unix_ms,
        sequence: stamp.sequence,
        records,
        bytes: meta.bytes,
        duration: job.run.meter.elapsed(),
        trigger: job.run.trigger,
    })
}

fn write_file(
    job: &Job,
    storage: &MeteredStorage<'_>,
    target: &Target,
    head: &Head,
    walks: &Walks,
) -> Result<(Destination, u64), Error> {
    let archive = job.inner.archive();
    let name = &*rdb_name(&target.base);
    let needs = storage.buffer_needs(head.expected_bytes);
    let hint = budget::write_plan(archive.buffer_bytes, 1, head.expected_bytes, needs).hint;
    let object =
        if target.replaces { storage.replace(name, hint)? } else { storage.create(name, hint)? };
    let destination = Destination::new(object)?;
    let broken = |error| while_writing(name, error);
    let drop_stream_counters = archive.rdb_version_max() < Version::REDIS_10.number();
    let options = WriteOptions { version: head.version, drop_stream_counters };
    let mut writer = Writer::begin(destination, options).map_err(broken)?;
    properties(&mut writer, head).map_err(broken)?;
    let mut records = 0;
    for slot in walks.slots() {
        records += write::fill(&mut writer, &job.run, slot, name)?;
    }
    let dropped = writer.dropped_stream_counters();
    if dropped > 0 {
        tracing::warn!(dropped, "{name}: version 9 has no counters of streams and their groups");
    }
    Ok((writer.finish().map_err(broken)?, records))
}

/// The lowest version that holds everything in the cut: the file begins with it, so it has to be
/// known before the first key.
fn lowest_version(cut: &Snapshot, highest: u16) -> Result<Version, Error> {
    let mut needed = Version::REDIS_9.number();
    cut.collections(|key, collection| {
        let Some((version, what)) = item::version_of(collection, highest) else { return Ok(()) };
        needed = needed.max(version);
        if version > highest {
            return Err(item::refuse("an RDB file", key, what, version, highest));
        }
        Ok(())
    })?;
    Ok(Version::Redis(needed))
}

/// Says what wrote the file and when.
fn properties(writer: &mut Writer<Destination>, head: &Head) -> Result<(), RdbError> {
    let cut_unix_s = (head.cut_unix_ms / 1000).to_string();
    let (cut_unix_ms, memory_bytes) = (head.cut_unix_ms.to_string(), head.memory_bytes.to_string());
    let fields: [(&[u8], &[u8]); 5] = [
        (b"exuvia-ver", env!("CARGO_PKG_VERSION").as_bytes()),
        (b"redis-bits", b"64"),
        (b"ctime", cut_unix_s.as_bytes()),
        (CUT_FIELD, cut_unix_ms.as_bytes()),
        (b"used-mem", memory_bytes.as_bytes()),
    ];
    fields.into_iter().try_for_each(|(name, value)| writer.event(Event::Aux { name, value }))
}
