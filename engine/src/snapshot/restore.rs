//! Reading the parts of a snapshot, several at once.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::pieces::{self, Pieces};
use super::progress::Meter;
use super::{budget, fault};
use crate::format::storage::{SnapshotStorage, StorageErrorKind};
use crate::format::{
    DamagedPage, FormatError, Manifest, PageContent, PartEntry, PartFault, PartReader, ReadHint,
    Record, SnapshotFile, SnapshotFileKind, ValueType,
};
use crate::{Collection, Error};

/// What takes the records of a snapshot.
pub(super) trait Sink: Sync {
    /// Begins a part, whose records come in order and on one thread.
    fn part(&self) -> Box<dyn PartSink + '_>;

    /// Learns of a damaged page, and says whether to go on behind it.
    ///
    /// # Errors
    ///
    /// The damage, if it ends the load.
    fn damaged(&self, page: DamagedPage) -> Result<(), Error> {
        Err(fault::while_reading("", FormatError::Page(page)))
    }

    /// Learns that a part cannot be read further, and says whether to go on with the others.
    ///
    /// # Errors
    ///
    /// The reason, if it ends the load.
    fn broken(&self, error: Error) -> Result<(), Error> {
        Err(error)
    }
}

/// What takes the records of one part.
pub(super) trait PartSink {
    /// Takes one record.
    ///
    /// # Errors
    ///
    /// Whatever ends the load.
    fn record(&mut self, record: &Record<'_>) -> Result<(), Error>;

    /// Takes a record whose value is a collection; the value in `record` means nothing.
    ///
    /// # Errors
    ///
    /// Whatever ends the load.
    fn collection(&mut self, record: &Record<'_>, collection: Collection) -> Result<(), Error>;

    /// Whether collections are to be built, which takes their memory. If not,
    /// [`unbuilt`](Self::unbuilt) learns of them instead.
    fn builds_collections(&self) -> bool {
        true
    }

    /// Learns of a collection that is not built, whose key and value have so many bytes.
    fn unbuilt(&mut self, _record_bytes: u64) {}
}

/// Reads every part that `manifest` lists and hands its records to `sink`, the records of one part
/// in order, on as many threads as there are cores and parts.
///
/// # Errors
///
/// The first error of any thread. [`Error::Corrupt`] if a part is missing, damaged, or not what
/// the manifest says.
pub(super) fn read_parts(
    storage: &dyn SnapshotStorage,
    manifest: &Manifest,
    buffer_bytes: usize,
    meter: &Meter,
    sink: &dyn Sink,
) -> Result<(), Error> {
    let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let workers = manifest.parts.len().min(cores).max(1);
    let longest = manifest.parts.iter().map(|part| part.bytes).max().unwrap_or(0);
    let reading = Reading {
        storage,
        parts: &manifest.parts,
        hint: budget::read_hint(buffer_bytes, workers, storage.buffer_needs(longest)),
        meter,
        sink,
        next: AtomicUsize::new(0),
        stop: AtomicBool::new(false),
        failure: Mutex::new(None),
    };
    thread::scope(|scope| {
        for number in 1..workers {
            let thread = thread::Builder::new().name(format!("exuvia-load-{number}"));
            if thread.spawn_scoped(scope, || reading.work()).is_err() {
                // The threads that could be started share the work.
                break;
            }
        }
        reading.work();
    });
    reading.failure.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
}

/// Work that the threads share.
struct Reading<'a> {
    storage: &'a dyn SnapshotStorage,
    parts: &'a [PartEntry],
    hint: ReadHint,
    meter: &'a Meter,
    sink: &'a dyn Sink,
    /// The next part that nobody reads.
    next: AtomicUsize,
    stop: AtomicBool,
    failure: Mutex<Option<Error>>,
}

impl Reading<'_> {
    fn work(&self) {
        // Relaxed: the parts are shared before the threads start, the results after they end.
        while !self.stop.load(Ordering::Relaxed) {
            let Some(part) = self.parts.get(self.next.fetch_add(1, Ordering::Relaxed)) else {
                return;
            };
            let result = catch_unwind(AssertUnwindSafe(|| self.read_part(part)))
                .unwrap_or_else(|panic| Err(fault::panicked("load", &part.name, &*panic)))
                .or_else(|error| self.sink.broken(error));
            if let Err(error) = result {
                self.stop.store(true, Ordering::Relaxed);
                let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
                failure.get_or_insert(error);
            }
        }
    }

    fn read_part(&self, part: &PartEntry) -> Result<(), Error> {
        let broken = |error| fault::while_reading(&part.name, error);
        check_name(&part.name)?;
        let mut reader = match PartReader::open(self.storage, part, self.hint) {
            Err(FormatError::Storage(error)) if error.kind() == StorageErrorKind::NotFound => {
                return Err(missing(&part.name));
            }
            opened => opened.map_err(broken)?,
        };
        let mut pieces = Pieces::new(part);
        let mut sink = self.sink.part();
        let mut bytes_passed = 0;
        while !self.stop.load(Ordering::Relaxed) {
            let records = match reader.next_page() {
                Ok(Some(page)) => take_page(page.content(), &mut pieces, &mut *sink, &part.name)?,
                Ok(None) => return Ok(()),
                Err(FormatError::Page(damage)) => {
                    self.sink.damaged(damage)?;
                    // The record that the page belonged to is lost with it.
                    pieces = Pieces::new(part);
                    0
                }
                Err(error) => return Err(broken(error)),
            };
            self.meter.add_records(records);
            self.meter.add_bytes(reader.bytes_passed() - bytes_passed);
            bytes_passed = reader.bytes_passed();
        }
        Ok(())
    }
}

/// Hands the records of a page on, and returns how many that were.
fn take_page(
    content: &PageContent<'_>,
    pieces: &mut Pieces,
    sink: &mut dyn PartSink,
    part: &str,
) -> Result<u64, Error> {
    let mut taken = 0;
    match content {
        PageContent::Records(records) => {
            for record in records.clone() {
                if record.value_type == ValueType::String {
                    sink.record(&record)?;
                } else if !sink.builds_collections() {
                    sink.unbuilt(record.bytes());
                } else {
                    let collection = Collection::decode(record.value_type, record.value)
                        .map_err(|error| pieces::within(part, &record, &error))?;
                    sink.collection(&record, collection)?;
                }
                taken += 1;
            }
        }
        PageContent::Piece(piece) => taken += u64::from(pieces.take(piece, sink, part)?),
    }
    Ok(taken)
}

/// Opens every part that `manifest` lists and returns the length of all: what is missing or cut
/// short shows before anything large is read or allocated.
///
/// # Errors
///
/// [`Error::Corrupt`] if a part is missing or has another length, [`Error::Storage`] if it cannot
/// be opened.
pub(super) fn check_present(
    storage: &dyn SnapshotStorage,
    manifest: &Manifest,
) -> Result<u64, Error> {
    let mut bytes = 0;
    for part in &manifest.parts {
        check_name(&part.name)?;
        let found = match storage.open(&part.name) {
            Ok(reader) => Some(reader.bytes()),
            Err(error) if error.kind() == StorageErrorKind::NotFound => None,
            Err(error) => return Err(error.into()),
        };
        bytes += check_length(part, found)?;
    }
    Ok(bytes)
}

/// Compares the length found of a part with the manifest's, and returns it.
///
/// # Errors
///
/// [`Error::Corrupt`] if it is another, or if there is no such object.
pub(super) fn check_length(part: &PartEntry, found: Option<u64>) -> Result<u64, Error> {
    let Some(found) = found else { return Err(missing(&part.name)) };
    if found == part.bytes {
        return Ok(found);
    }
    let fault = PartFault::Length { found, expected: part.bytes };
    let part = part.name.as_str().into();
    Err(fault::while_reading("", FormatError::Part { part, fault }))
}

/// A manifest comes from outside: it may name nothing but parts.
pub(super) fn check_name(name: &str) -> Result<(), Error> {
    let is_part = SnapshotFile::parse(name)
        .is_some_and(|file| !file.temporary && matches!(file.kind, SnapshotFileKind::Part { .. }));
    if is_part {
        return Ok(());
    }
    Err(Error::Corrupt {
        object: name.to_owned(),
        reason: "the manifest lists it as a part, but parts have other names".to_owned(),
    })
}

fn missing(name: &str) -> Error {
    Error::Corrupt {
        object: name.to_owned(),
        reason: "the manifest lists it, but it is not there".to_owned(),
    }
}

/// Whether `error` says that the storage could not be read, as opposed to what was read there.
pub(super) fn is_unreadable(error: &Error) -> bool {
    let Error::Storage(error) = error else { return false };
    !matches!(
        error.kind(),
        StorageErrorKind::NotFound
            | StorageErrorKind::AlreadyExists
            | StorageErrorKind::TooLarge
            | StorageErrorKind::InvalidInput
            | StorageErrorKind::Cancelled
            | StorageErrorKind::Unsupported
    )
}
