//! A storage that fails at any one of its calls: the failure is reported, and nothing is left.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use exuvia_snapshot_format::storage::{
    Buffer, MemoryStorage, ObjectMeta, ObjectReader, ObjectWriter, PutMode, SnapshotStorage,
    StorageError, StorageErrorKind, WriteHint,
};
use exuvia_snapshot_format::{Codec, FormatError, PageOptions, PartWriter, ReadHint};

use crate::records::{OwnedRecord, header, in_order, push, read, written};

/// Counts calls down, and fails the one that reaches zero.
#[derive(Clone, Debug)]
struct Fuse(Arc<AtomicU32>);

impl Fuse {
    fn of(calls: u32) -> Self {
        Self(Arc::new(AtomicU32::new(calls)))
    }

    fn burn(&self) -> Result<(), StorageError> {
        match self.0.fetch_sub(1, Ordering::Relaxed) {
            0 => Err(StorageError::new(StorageErrorKind::Io, "reach", "the disk", "it is gone")),
            _ => Ok(()),
        }
    }

    /// Whether the call that fails was made; the counter has wrapped then.
    fn is_blown(&self) -> bool {
        self.0.load(Ordering::Relaxed) > u32::MAX / 2
    }
}

#[derive(Debug)]
struct Failing {
    inner: MemoryStorage,
    fuse: Fuse,
}

impl SnapshotStorage for Failing {
    fn location(&self) -> String {
        self.inner.location()
    }
    fn list(&self) -> Result<Vec<ObjectMeta>, StorageError> {
        self.inner.list()
    }
    fn create(&self, name: &str, hint: WriteHint) -> Result<Box<dyn ObjectWriter>, StorageError> {
        self.fuse.burn()?;
        let inner = self.inner.create(name, hint)?;
        Ok(Box::new(FailingWriter { inner, fuse: self.fuse.clone() }))
    }
    fn open(&self, name: &str) -> Result<Box<dyn ObjectReader>, StorageError> {
        self.fuse.burn()?;
        let inner = self.inner.open(name)?;
        Ok(Box::new(FailingReader { inner, fuse: self.fuse.clone() }))
    }
    fn put(&self, name: &str, bytes: &[u8], mode: PutMode) -> Result<(), StorageError> {
        self.inner.put(name, bytes, mode)
    }
    fn get(&self, name: &str, bytes_max: u64) -> Result<Vec<u8>, StorageError> {
        self.inner.get(name, bytes_max)
    }
    fn remove(&self, name: &str) -> Result<(), StorageError> {
        self.inner.remove(name)
    }
}

struct FailingWriter {
    inner: Box<dyn ObjectWriter>,
    fuse: Fuse,
}

impl ObjectWriter for FailingWriter {
    fn reclaim(&mut self) -> Result<Buffer, StorageError> {
        self.fuse.burn()?;
        self.inner.reclaim()
    }
    fn submit(&mut self, buffer: Buffer) -> Result<(), StorageError> {
        self.fuse.burn()?;
        self.inner.submit(buffer)
    }
    fn finish(self: Box<Self>) -> Result<ObjectMeta, StorageError> {
        self.fuse.burn()?;
        self.inner.finish()
    }
    fn abort(self: Box<Self>) {
        self.inner.abort();
    }
}

struct FailingReader {
    inner: Box<dyn ObjectReader>,
    fuse: Fuse,
}

impl ObjectReader for FailingReader {
    fn bytes(&self) -> u64 {
        self.inner.bytes()
    }
    fn submit(&mut self, offset: u64, buffer: Buffer) -> Result<(), StorageError> {
        self.fuse.burn()?;
        self.inner.submit(offset, buffer)
    }
    fn complete(&mut self) -> Result<(u64, Buffer), StorageError> {
        self.fuse.burn()?;
        self.inner.complete()
    }
}

fn records() -> Vec<OwnedRecord> {
    let mut rng = fastrand::Rng::with_seed(1);
    let mut value = || (0..500).map(|_| rng.u8(..)).collect::<Vec<_>>();
    in_order((0..100).map(|n| OwnedRecord::new(0, &[n], &value(), None)).collect())
}

fn options(codec: Codec) -> PageOptions {
    PageOptions { codec, raw_bytes_target: 2000, piece_bytes: 400 }
}

#[test]
fn a_write_that_fails_anywhere_is_reported_and_leaves_nothing() {
    let hint = WriteHint { buffer_bytes: 3 << 12, ..WriteHint::default() };
    for codec in [Codec::None, Codec::Zstd { level: 1 }] {
        let mut failures = 0;
        for calls in 0.. {
            let storage = Failing { inner: MemoryStorage::new(), fuse: Fuse::of(calls) };
            let write = |storage: &dyn SnapshotStorage| {
                let options = options(codec);
                let mut writer = PartWriter::begin(storage, header(), "part", options, hint)?;
                for record in &records() {
                    if let Err(error) = push(&mut writer, record) {
                        let later = writer.seal_page().unwrap_err();
                        assert!(matches!(later, FormatError::Poisoned), "{later}");
                        return Err(error);
                    }
                }
                writer.finish()
            };
            let result = write(&storage);
            if !storage.fuse.is_blown() {
                result.unwrap();
                break;
            }
            failures += 1;
            let error = result.unwrap_err();
            assert!(matches!(error, FormatError::Storage(_)), "call {calls}: {error}");
            assert!(error.is_retryable() && !error.is_corruption());
            assert_eq!(storage.list().unwrap(), [], "call {calls}");
        }
        assert!(failures > 10, "{failures} calls failed");
    }
}

#[test]
fn a_poisoned_writer_takes_no_record() {
    for codec in [Codec::None, Codec::Zstd { level: 1 }] {
        let storage = Failing { inner: MemoryStorage::new(), fuse: Fuse::of(2) };
        let hint = WriteHint { buffer_bytes: 3 << 12, ..WriteHint::default() };
        let mut writer =
            PartWriter::begin(&storage, header(), "part", options(codec), hint).unwrap();
        let small = |n| OwnedRecord::new(0, &[n], &[n; 300], None);
        let records = in_order((0..=u8::MAX).map(small).collect());
        let first_failed = records.iter().position(|record| push(&mut writer, record).is_err());
        for record in &records[first_failed.unwrap()..] {
            let error = writer.try_push(&record.borrow()).map(drop);
            let is_refused = matches!(error, Err(FormatError::Poisoned)) || error.is_ok();
            assert!(is_refused, "{error:?}");
            let error = push(&mut writer, record).unwrap_err();
            assert!(matches!(error, FormatError::Poisoned), "{error}");
        }
    }
}

#[test]
fn a_read_that_fails_anywhere_is_reported() {
    let (inner, entry) = written(options(Codec::None), &records());
    let hint = ReadHint { buffers: 3, buffer_bytes: 4096 };
    for calls in 0.. {
        let storage = Failing { inner: inner.clone(), fuse: Fuse::of(calls) };
        let result = read(&storage, &entry, hint);
        if !storage.fuse.is_blown() {
            assert_eq!(result.unwrap(), records());
            return;
        }
        let error = result.unwrap_err();
        assert!(matches!(error, FormatError::Storage(_)), "call {calls}: {error}");
    }
}
