//! A storage that forgets parts: what a save costs before any device.

use exuvia::format::storage::{
    Buffer, MemoryStorage, ObjectMeta, ObjectReader, ObjectWriter, PutMode, SnapshotStorage,
    StorageError, WriteHint,
};

/// Takes parts and drops them; keeps manifests, which a save reads back.
#[derive(Debug, Default)]
pub struct Nowhere {
    manifests: MemoryStorage,
}

impl SnapshotStorage for Nowhere {
    fn location(&self) -> String {
        "nowhere".to_owned()
    }

    fn list(&self) -> Result<Vec<ObjectMeta>, StorageError> {
        self.manifests.list()
    }

    fn create(&self, name: &str, hint: WriteHint) -> Result<Box<dyn ObjectWriter>, StorageError> {
        let buffer = Buffer::new(hint.buffer_bytes);
        Ok(Box::new(Forgetting { name: name.to_owned(), bytes: 0, free: vec![buffer], hint }))
    }

    fn open(&self, name: &str) -> Result<Box<dyn ObjectReader>, StorageError> {
        self.manifests.open(name)
    }

    fn put(&self, name: &str, bytes: &[u8], mode: PutMode) -> Result<(), StorageError> {
        self.manifests.put(name, bytes, mode)
    }

    fn get(&self, name: &str, bytes_max: u64) -> Result<Vec<u8>, StorageError> {
        self.manifests.get(name, bytes_max)
    }

    fn remove(&self, name: &str) -> Result<(), StorageError> {
        self.manifests.remove(name)
    }
}

struct Forgetting {
    name: String,
    bytes: u64,
    free: Vec<Buffer>,
    hint: WriteHint,
}

impl ObjectWriter for Forgetting {
    fn reclaim(&mut self) -> Result<Buffer, StorageError> {
        let buffer = self.free.pop();
        Ok(buffer.unwrap_or_else(|| Buffer::new(self.hint.buffer_bytes)))
    }

    fn submit(&mut self, mut buffer: Buffer) -> Result<(), StorageError> {
        self.bytes += buffer.len() as u64;
        buffer.clear();
        self.free.push(buffer);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<ObjectMeta, StorageError> {
        Ok(ObjectMeta::new(self.name, self.bytes, None))
    }

    fn abort(self: Box<Self>) {}
}
