//! A storage in memory.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{
    BUFFER_ALIGNMENT, Buffer, ObjectMeta, ObjectReader, ObjectWriter, PutMode, SnapshotStorage,
    StorageError, StorageErrorKind, WriteHint,
};

/// A storage that keeps its objects in memory: for tests, examples, and moving a snapshot from
/// one store to another within a process.
///
/// Clones share their objects. What it holds is as durable as the process.
#[derive(Clone, Default)]
pub struct MemoryStorage {
    objects: Arc<Mutex<BTreeMap<String, Arc<[u8]>>>>,
}

impl MemoryStorage {
    /// An empty storage.
    pub fn new() -> Self {
        Self::default()
    }

    /// The bytes of the object called `name`, if there is one.
    pub fn object(&self, name: &str) -> Option<Vec<u8>> {
        self.objects().get(name).map(|bytes| bytes.to_vec())
    }

    /// Puts an object in place, replacing one of the same name.
    pub fn insert(&self, name: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.objects().insert(name.into(), bytes.into().into());
    }

    /// A panic elsewhere cannot leave the map half changed, so it is used on.
    fn objects(&self) -> MutexGuard<'_, BTreeMap<String, Arc<[u8]>>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn bytes(&self, action: &'static str, name: &str) -> Result<Arc<[u8]>, StorageError> {
        let found = self.objects().get(name).cloned();
        found.ok_or_else(|| refusal(StorageErrorKind::NotFound, action, name, "no such object"))
    }

    fn insert_new(
        &self,
        action: &'static str,
        name: &str,
        bytes: Arc<[u8]>,
    ) -> Result<(), StorageError> {
        let mut objects = self.objects();
        if objects.contains_key(name) {
            return Err(refusal(StorageErrorKind::AlreadyExists, action, name, "it exists"));
        }
        objects.insert(name.to_owned(), bytes);
        Ok(())
    }
}

fn refusal(
    kind: StorageErrorKind,
    action: &'static str,
    name: &str,
    why: &'static str,
) -> StorageError {
    StorageError::new(kind, action, name, why)
}

impl fmt::Debug for MemoryStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStorage").field("objects", &self.objects().len()).finish()
    }
}

impl SnapshotStorage for MemoryStorage {
    fn location(&self) -> String {
        "memory".to_owned()
    }

    fn list(&self) -> Result<Vec<ObjectMeta>, StorageError> {
        let meta = |(name, bytes): (&String, &Arc<[u8]>)| {
            ObjectMeta::new(name.as_str(), bytes.len() as u64, None)
        };
        Ok(self.objects().iter().map(meta).collect())
    }

    fn create(&self, name: &str, hint: WriteHint) -> Result<Box<dyn ObjectWriter>, StorageError> {
        if self.objects().contains_key(name) {
            return Err(refusal(StorageErrorKind::AlreadyExists, "create", name, "it exists"));
        }
        Ok(Box::new(MemoryWriter::new(self, name, PutMode::CreateNew, hint)))
    }

    fn replace(&self, name: &str, hint: WriteHint) -> Result<Box<dyn ObjectWriter>, StorageError> {
        Ok(Box::new(MemoryWriter::new(self, name, PutMode::Replace, hint)))
    }

    fn open(&self, name: &str) -> Result<Box<dyn ObjectReader>, StorageError> {
        let bytes = self.bytes("open", name)?;
        Ok(Box::new(MemoryReader { name: name.to_owned(), bytes, in_flight: Vec::new() }))
    }

    fn put(&self, name: &str, bytes: &[u8], mode: PutMode) -> Result<(), StorageError> {
        match mode {
            PutMode::CreateNew => self.insert_new("put", name, bytes.into()),
            PutMode::Replace => {
                self.insert(name, bytes);
                Ok(())
            }
        }
    }

    fn get(&self, name: &str, bytes_max: u64) -> Result<Vec<u8>, StorageError> {
        let bytes = self.bytes("get", name)?;
        if bytes.len() as u64 > bytes_max {
            return Err(refusal(StorageErrorKind::TooLarge, "get", name, "it is too long"));
        }
        Ok(bytes.to_vec())
    }

    fn remove(&self, name: &str) -> Result<(), StorageError> {
        self.objects().remove(name);
        Ok(())
    }
}

/// What a writer may still do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WriterState {
    /// Buffers may follow.
    Open,
    /// A buffer of odd length was submitted, so it was the last.
    Tailed,
    /// A call failed.
    Poisoned,
}

struct MemoryWriter {
    storage: MemoryStorage,
    name: String,
    mode: PutMode,
    bytes: Vec<u8>,
    free: Vec<Buffer>,
    buffer_bytes: usize,
    /// Buffers that may yet be allocated.
    unallocated: usize,
    state: WriterState,
}

impl MemoryWriter {
    fn new(storage: &MemoryStorage, name: &str, mode: PutMode, hint: WriteHint) -> Self {
        Self {
            storage: storage.clone(),
            name: name.to_owned(),
            mode,
            bytes: Vec::new(),
            free: Vec::new(),
            buffer_bytes: hint.buffer_bytes,
            unallocated: hint.buffers_max,
            state: WriterState::Open,
        }
    }

    fn refuse(&mut self, action: &'static str, why: &'static str) -> StorageError {
        self.state = WriterState::Poisoned;
        refusal(StorageErrorKind::InvalidInput, action, &self.name, why)
    }
}

impl ObjectWriter for MemoryWriter {
    fn reclaim(&mut self) -> Result<Buffer, StorageError> {
        if self.state == WriterState::Poisoned {
            return Err(self.refuse("reclaim", "an earlier call failed"));
        }
        if let Some(mut buffer) = self.free.pop() {
            buffer.clear();
            return Ok(buffer);
        }
        // Nothing is ever in flight here, so waiting for a buffer would be waiting for ever.
        if self.unallocated == 0 {
            return Err(self.refuse("reclaim", "the caller holds all buffers"));
        }
        self.unallocated -= 1;
        Ok(Buffer::new(self.buffer_bytes))
    }

    fn submit(&mut self, buffer: Buffer) -> Result<(), StorageError> {
        match self.state {
            WriterState::Open => {}
            WriterState::Tailed => return Err(self.refuse("write", "a buffer follows the tail")),
            WriterState::Poisoned => return Err(self.refuse("write", "an earlier call failed")),
        }
        self.bytes.extend_from_slice(buffer.filled());
        if !buffer.len().is_multiple_of(BUFFER_ALIGNMENT) {
            self.state = WriterState::Tailed;
        }
        self.free.push(buffer);
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<ObjectMeta, StorageError> {
        if self.state == WriterState::Poisoned {
            return Err(self.refuse("finish", "an earlier call failed"));
        }
        let bytes = std::mem::take(&mut self.bytes);
        let meta = ObjectMeta::new(self.name.as_str(), bytes.len() as u64, None);
        match self.mode {
            PutMode::CreateNew => self.storage.insert_new("finish", &self.name, bytes.into())?,
            PutMode::Replace => self.storage.insert(self.name.as_str(), bytes),
        }
        Ok(meta)
    }

    fn abort(self: Box<Self>) {}
}

struct MemoryReader {
    name: String,
    bytes: Arc<[u8]>,
    in_flight: Vec<(u64, Buffer)>,
}

impl ObjectReader for MemoryReader {
    fn bytes(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn submit(&mut self, offset: u64, mut buffer: Buffer) -> Result<(), StorageError> {
        if !offset.is_multiple_of(BUFFER_ALIGNMENT as u64) {
            let why = "the offset is not aligned";
            return Err(refusal(StorageErrorKind::InvalidInput, "read", &self.name, why));
        }
        buffer.clear();
        buffer.extend_from_slice(self.bytes.get(offset as usize..).unwrap_or(&[]));
        self.in_flight.push((offset, buffer));
        Ok(())
    }

    /// Answers in the reverse order, as a device may.
    fn complete(&mut self) -> Result<(u64, Buffer), StorageError> {
        self.in_flight.pop().ok_or_else(|| {
            refusal(StorageErrorKind::InvalidInput, "read", &self.name, "no read is in flight")
        })
    }
}
