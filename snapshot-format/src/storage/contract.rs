//! What every [`SnapshotStorage`] must do, as tests that any implementation can run.
//!
//! Each function takes an empty storage and panics with the rule that it finds broken.
//! [`run_all`] asks for a fresh storage for each of them.
//!
//! ```
//! use exuvia_snapshot_format::storage::{MemoryStorage, contract};
//!
//! contract::run_all(|| Box::new(MemoryStorage::new()));
//! ```

use super::{
    BUFFER_ALIGNMENT, Buffer, ObjectReader, ObjectWriter, PutMode, SnapshotStorage, StorageError,
    StorageErrorKind, WriteHint,
};

/// A name as snapshots have them, colons included.
const NAME: &str = "dump-2026-01-31T23:59:58-0000-1a2b3c4d.dfs";

const HINT: WriteHint =
    WriteHint { buffer_bytes: 2 * BUFFER_ALIGNMENT, buffers_max: 2, expected_bytes: 0 };

/// Runs every test of this module, each on a storage that `fresh` returns.
///
/// # Panics
///
/// If the storage breaks a rule of the port.
pub fn run_all(fresh: impl Fn() -> Box<dyn SnapshotStorage>) {
    let tests: [fn(&dyn SnapshotStorage); 15] = [
        an_object_is_what_was_submitted,
        a_writer_never_has_more_buffers_than_it_may,
        an_object_appears_when_it_is_finished,
        an_aborted_object_leaves_nothing,
        a_dropped_writer_leaves_nothing,
        a_cancelled_writer_ends_in_an_error_and_leaves_nothing,
        a_taken_name_is_refused,
        an_object_is_replaced_in_one_step,
        a_buffer_behind_the_tail_is_refused,
        put_creates_or_replaces_as_told,
        get_refuses_what_is_too_long,
        reads_may_be_asked_for_in_any_order,
        misplaced_reads_are_refused,
        what_is_not_there_is_not_found,
        removing_is_idempotent,
    ];
    for test in tests {
        test(fresh().as_ref());
    }
}

/// An object holds the filled parts of the submitted buffers, in their order, whatever its
/// length.
///
/// # Panics
///
/// If the storage breaks this rule.
pub fn an_object_is_what_was_submitted(storage: &dyn SnapshotStorage) {
    let lengths = [0, 1, 4095, 4096, 4097, 3 * BUFFER_ALIGNMENT, 9 * BUFFER_ALIGNMENT + 7];
    for (at, length) in lengths.into_iter().enumerate() {
        let name = format!("object-{at}");
        let bytes = pattern(length);
        write(storage, &name, &bytes);
        assert_eq!(ok(storage.get(&name, length as u64)), bytes, "an object of {length} bytes");
        let mut reader = ok(storage.open(&name));
        assert_eq!(reader.bytes(), length as u64, "the length of an open object");
        assert_eq!(read(reader.as_mut()), bytes, "an object of {length} bytes, read in windows");
    }
    let listed = ok(storage.list());
    for (at, length) in lengths.into_iter().enumerate() {
        let name = format!("object-{at}");
        let meta = listed.iter().find(|meta| meta.name == name).expect("an object is listed");
        assert_eq!(meta.bytes, length as u64, "the listed length of {name}");
    }
    assert_eq!(listed.len(), lengths.len(), "nothing else is listed");
}

/// All buffers are of the asked capacity and come back empty, and there are never more of them
/// than the hint allows, however long the object.
///
/// # Panics
///
/// If the storage breaks this rule.
pub fn a_writer_never_has_more_buffers_than_it_may(storage: &dyn SnapshotStorage) {
    let mut writer = ok(storage.create(NAME, HINT));
    let mut places = Vec::new();
    for round in 0..40 {
        let mut buffer = ok(writer.reclaim());
        assert!(buffer.is_empty(), "a reclaimed buffer is empty");
        assert_eq!(buffer.capacity(), HINT.buffer_bytes, "a buffer has the asked capacity");
        let place = buffer.all().as_ptr() as usize;
        assert!(place.is_multiple_of(BUFFER_ALIGNMENT), "a buffer is aligned");
        if !places.contains(&place) {
            places.push(place);
        }
        buffer.extend_from_slice(&[round; BUFFER_ALIGNMENT]);
        ok(writer.submit(buffer));
    }
    assert!(places.len() <= HINT.buffers_max, "{} buffers circulate", places.len());
    ok(writer.finish());
}

/// Nobody sees an object before it is finished, and everybody does afterwards.
///
/// # Panics
///
/// If the storage breaks this rule.
pub fn an_object_appears_when_it_is_finished(storage: &dyn SnapshotStorage) {
    let mut writer = ok(storage.create(NAME, HINT));
    let mut buffer = ok(writer.reclaim());
    buffer.extend_from_slice(b"part");
    ok(writer.submit(buffer));
    assert_absent(storage, NAME);
    let meta = ok(writer.finish());
    assert_eq!((meta.name.as_str(), meta.bytes), (NAME, 4), "what was finished");
    assert_eq!(ok(storage.get(NAME, 4)), b"part");
}

/// An aborted object was never there: not listed, not readable, its name free.
///
/// # Panics
///
/// If the storage breaks this rule.
pub fn an_aborted_object_leaves_nothing(storage: &dyn SnapshotStorage) {
    begin_and(storage, ObjectWriter::abort);
    assert_empty(storage);
    write(storage, NAME, b"free");
}

/// Dropping a writer is aborting it.
///
/// # Panics
///
/// If the storage breaks this rule.
pub fn a_dropped_writer_leaves_nothing(storage: &dyn SnapshotStorage) {
    begin_and(storage, drop);
    assert_empty(storage);
    write(storage, NAME, b"free");
}

/// A writer with a [canceller](ObjectWriter::canceller) finishes nothing once that was called.
///
/// # Panics
///
/// If the storage breaks this rule.
pub fn a_cancelled_writer_ends_in_an_error_and_leaves_nothing(storage: &dyn SnapshotStorage) {
    let mut writer = ok(storage.create(NAME, HINT));
    let Some(cancel) = writer.canceller() else { return };
    let mut buffer = ok(writer.reclaim());
    buffer.set_len(BUFFER_ALIGNMENT);
    cancel();
    let ended = writer.submit(buffer).and_then(|()| writer.finish().map(drop));
    assert_kind(ended, StorageErrorKind::Cancelled, "a cancelled object");
    cancel();
    assert_empty(storage);
    write(storage, NAME, b"free");
}

/// [`create`](SnapshotStorage::create) never replaces an object.
///
/// # Panics
///
/// If the storage breaks this rule.
pub fn a_taken_name_is_refused(storage: &dyn SnapshotStorage) {
    write(storage, NAME, b"first");
    let refused = storage.create(NAME, HINT).and_then(|mut writer| {
        // A storage may find out as late as when it gives the object its name.
        let buffer = writer.reclaim()?;
        writer.submit(buffer)?;
        writer.finish().map(drop)
    });
    assert_kind(refused, StorageErrorKind::AlreadyExists, "a taken name");
    assert_eq!(ok(storage.get(NAME, 5)), b"first", "the object that was there");
}

/// [`replace`](SnapshotStorage::replace), where the storage has it, leaves the old object until the
/// new one is finished, and for good if that is given up.
///
/// # Panics
///
/// If the storage breaks this rule.
pub fn an_object_is_replaced_in_one_step(storage: &dyn SnapshotStorage) {
    write(storage, NAME, b"old");
    for (finishes, expected) in [(false, b"old"), (true, b"new")] {
        let mut writer = match storage.replace(NAME, HINT) {
            Err(error) if error.kind() == StorageErrorKind::Unsupported => return,
            writer => ok(writer),
        };
        let mut buffer = ok(writer.reclaim());
        buffer.extend_from_slice(b"new");
        ok(writer.submit(buffer));
        assert_eq!(ok(storage.get(NAME, 3)), b"old", "before the new one is finished");
        if finishes {
            ok(writer.finish());
        } else {
            writer.abort();
        }
        assert_eq!(ok(storage.get(NAME, 3)), expected, "afterwards");
        assert_eq!(ok(storage.list()).len(), 1, "there is one object");
    }
}

/// Only the last buffer may have an odd length; what follows is refused and poisons the writer.
///
/// # Panics
///
/// If the storage breaks this rule.
pub fn a_buffer_behind_the_tail_is_refused(storage: &dyn SnapshotStorage) {
    let mut writer = ok(storage.create(NAME, HINT));
    for length in [BUFFER_ALIGNMENT, 5] {
        let mut buffer = ok(writer.reclaim());
        buffer.set_len(length);
        ok(writer.submit(buffer));
    }
    let refused = writer.reclaim().and_then(|mut buffer| {
        buffer.set_len(BUFFER_ALIGNMENT);
        writer.submit(buffer)
    });
    assert_kind(refused, StorageErrorKind::InvalidInput, "a buffer behind the tail");
    assert!(writer.finish().is_err(), "a poisoned writer finishes nothing");
    assert_empty(storage);
}

/// [`PutMode::CreateNew`] keeps what is there, [`PutMode::Replace`] replaces it.
///
/// # Panics
///
/// If the storage breaks this rule.
pub fn put_creates_or_replaces_as_told(storage: &dyn SnapshotStorage) {
    ok(storage.put(NAME, b"first", PutMode::CreateNew));
    let refused = storage.put(NAME, b"second", PutMode::CreateNew);
    assert_kind(refused, StorageErrorKind::AlreadyExists, "a taken name");
    assert_eq!(ok(storage.get(NAME, 64)), b"first");
    ok(storage.put(NAME, b"third", PutMode::Replace));
    assert_eq!(ok(storage.get(NAME, 64)), b"third");
    ok(storage.put("another", b"", PutMode::Replace));
    assert_eq!(ok(storage.get("another", 0)), b"");
}

/// [`get`](SnapshotStorage::get) returns an object of just the allowed length and no longer one.
///
/// # Panics
///
/// If the storage breaks this rule.
pub fn get_refuses_what_is_too_long(storage: &dyn SnapshotStorage) {
    ok(storage.put(NAME, &pattern(1000), PutMode::CreateNew));
    assert_eq!(ok(storage.get(NAME, 1000)), pattern(1000));
    assert_kind(storage.get(NAME, 999), StorageErrorKind::TooLarge, "an object too long");
}

/// Reads are answered whole, whatever the order in which they were asked for.
///
/// # Panics
///
/// If the storage breaks this rule.
pub fn reads_may_be_asked_for_in_any_order(storage: &dyn SnapshotStorage) {
    let bytes = pattern(6 * BUFFER_ALIGNMENT + 99);
    write(storage, NAME, &bytes);
    let mut reader = ok(storage.open(NAME));
    let offsets = [5, 0, 6, 2, 2, 4].map(|block| (block * BUFFER_ALIGNMENT) as u64);
    for offset in offsets {
        ok(reader.submit(offset, Buffer::new(2 * BUFFER_ALIGNMENT)));
    }
    let mut answered: Vec<u64> = Vec::new();
    for _ in offsets {
        let (offset, buffer) = ok(reader.complete());
        let expected = &bytes[offset as usize..];
        let expected = &expected[..expected.len().min(2 * BUFFER_ALIGNMENT)];
        assert_eq!(buffer.filled(), expected, "the read at {offset}");
        answered.push(offset);
    }
    answered.sort_unstable();
    let mut asked = offsets.to_vec();
    asked.sort_unstable();
    assert_eq!(answered, asked, "every read is answered once");
}

/// A read at an odd offset, and waiting where nothing is in flight, are refused.
///
/// # Panics
///
/// If the storage breaks this rule.
pub fn misplaced_reads_are_refused(storage: &dyn SnapshotStorage) {
    write(storage, NAME, &pattern(100));
    let mut reader = ok(storage.open(NAME));
    let odd = reader.submit(7, Buffer::new(BUFFER_ALIGNMENT));
    assert_kind(odd, StorageErrorKind::InvalidInput, "an odd offset");
    let none = reader.complete();
    assert_kind(none, StorageErrorKind::InvalidInput, "waiting for no read");
    ok(reader.submit(0, Buffer::new(BUFFER_ALIGNMENT)));
    assert_eq!(ok(reader.complete()).1.len(), 100, "the reader can still be used");
}

/// What is not there is told from what cannot be read.
///
/// # Panics
///
/// If the storage breaks this rule.
pub fn what_is_not_there_is_not_found(storage: &dyn SnapshotStorage) {
    assert_empty(storage);
    assert_absent(storage, NAME);
}

/// Removing an object that is not there succeeds, as removing it again must.
///
/// # Panics
///
/// If the storage breaks this rule.
pub fn removing_is_idempotent(storage: &dyn SnapshotStorage) {
    write(storage, NAME, b"gone");
    ok(storage.put("kept", b"kept", PutMode::CreateNew));
    ok(storage.remove(NAME));
    assert_absent(storage, NAME);
    ok(storage.remove(NAME));
    assert_eq!(ok(storage.get("kept", 4)), b"kept");
}

/// Begins an object, writes to it, and ends it with `end`.
fn begin_and(storage: &dyn SnapshotStorage, end: impl FnOnce(Box<dyn ObjectWriter>)) {
    let mut writer = ok(storage.create(NAME, HINT));
    let mut buffer = ok(writer.reclaim());
    buffer.set_len(BUFFER_ALIGNMENT);
    ok(writer.submit(buffer));
    end(writer);
}

fn write(storage: &dyn SnapshotStorage, name: &str, bytes: &[u8]) {
    let mut writer = ok(storage.create(name, HINT));
    for chunk in bytes.chunks(HINT.buffer_bytes) {
        let mut buffer = ok(writer.reclaim());
        assert_eq!(buffer.extend_from_slice(chunk), chunk.len(), "a buffer takes its capacity");
        ok(writer.submit(buffer));
    }
    let meta = ok(writer.finish());
    assert_eq!((meta.name.as_str(), meta.bytes), (name, bytes.len() as u64), "what was finished");
}

fn read(reader: &mut dyn ObjectReader) -> Vec<u8> {
    let mut bytes = vec![0; reader.bytes() as usize];
    for offset in (0..reader.bytes()).step_by(BUFFER_ALIGNMENT) {
        ok(reader.submit(offset, Buffer::new(BUFFER_ALIGNMENT)));
        let (offset, buffer) = ok(reader.complete());
        bytes[offset as usize..][..buffer.len()].copy_from_slice(buffer.filled());
    }
    bytes
}

/// Bytes of which every block differs from every other.
fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at ^ (at >> 8) ^ (at / BUFFER_ALIGNMENT * 37)) as u8).collect()
}

#[track_caller]
fn ok<T>(result: Result<T, StorageError>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("a call that must succeed failed: {error:?}"),
    }
}

#[track_caller]
fn assert_kind<T>(result: Result<T, StorageError>, kind: StorageErrorKind, what: &str) {
    match result {
        Ok(_) => panic!("{what} must be refused"),
        Err(error) => assert_eq!(error.kind(), kind, "{what}: {error:?}"),
    }
}

#[track_caller]
fn assert_empty(storage: &dyn SnapshotStorage) {
    let listed = ok(storage.list());
    assert!(listed.is_empty(), "there must be nothing, there is {listed:?}");
}

#[track_caller]
fn assert_absent(storage: &dyn SnapshotStorage, name: &str) {
    assert_kind(storage.get(name, 1 << 20), StorageErrorKind::NotFound, "an absent object");
    assert_kind(storage.open(name), StorageErrorKind::NotFound, "opening an absent object");
    let listed = ok(storage.list());
    assert!(listed.iter().all(|meta| meta.name != name), "{name} must not be listed");
}
