//! How objects are published in a directory, real or simulated.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use super::file_system::Directory;
use super::name;
use super::reader::Reader;
use super::writer::Writer;
use crate::format::storage::{
    BUFFER_ALIGNMENT, Buffer, ObjectMeta, ObjectReader, ObjectWriter, PutMode, SnapshotStorage,
    StorageError, StorageErrorKind, WriteHint,
};

/// Reads that are expected to be in flight on one object.
const READS_IN_FLIGHT: usize = 4;

/// Buffer of a small object that is read or written whole.
const SMALL_BUFFER_BYTES_MAX: usize = 1 << 20;

/// The storage port over a directory.
#[derive(Debug)]
pub(super) struct Volume<D: Directory> {
    directory: Arc<D>,
    /// Held by [`put`](SnapshotStorage::put), so that two of them never share a temporary file.
    committing: Mutex<()>,
}

impl<D: Directory> Volume<D> {
    /// The port over `directory`.
    pub(super) fn new(directory: D) -> Self {
        Self { directory: Arc::new(directory), committing: Mutex::new(()) }
    }

    /// The directory.
    pub(super) fn directory(&self) -> &D {
        &self.directory
    }

    /// Describes a failure that concerns the object `name`.
    fn object_error(&self, action: &'static str, name: &str, error: io::Error) -> StorageError {
        StorageError::from_io(action, self.directory.path_of(name), error)
    }

    /// Describes a failure that concerns the directory.
    fn place_error(&self, action: &'static str, error: io::Error) -> StorageError {
        StorageError::from_io(action, self.directory.location(), error)
    }

    /// Fails if `name` is not one that this storage holds.
    fn check_name(&self, action: &'static str, name: &str) -> Result<(), StorageError> {
        name::check(name).map_err(|error| {
            // The name is shown quoted: joined to the directory it could look like another path.
            let object = format!("{name:?} in {}", self.directory.location());
            StorageError::from_io(action, object, error)
        })
    }

    /// Fails if something is called `name`.
    ///
    /// Only spares the work: it is the rename that never replaces.
    fn check_absent(&self, name: &str) -> Result<(), StorageError> {
        match self.directory.exists(name) {
            Ok(false) => Ok(()),
            Ok(true) => Err(self.object_error("create", name, io::ErrorKind::AlreadyExists.into())),
            Err(error) => Err(self.object_error("create", name, error)),
        }
    }

    fn open_reader(&self, name: &str, in_flight: usize) -> Result<Reader<D::File>, StorageError> {
        self.check_name("open", name)?;
        let file = self.directory.open(name, in_flight);
        let reader = file.and_then(|file| Reader::new(file, self.directory.path_of(name)));
        reader.map_err(|error| self.object_error("open", name, error))
    }

    /// A writer under a name whose temporary file nobody else can be writing.
    fn writer(
        &self,
        name: &str,
        mode: PutMode,
        hint: WriteHint,
    ) -> Result<Writer<D>, StorageError> {
        let create = || Writer::create(Arc::clone(&self.directory), name, mode, hint);
        let writer = create().or_else(|error| {
            if error.kind() != io::ErrorKind::AlreadyExists {
                return Err(error);
            }
            // A crash, or a failure to clean up after a failure, left it; it is nobody's.
            self.directory.remove(&name::temporary(name))?;
            create()
        });
        writer.map_err(|error| self.object_error("create", &name::temporary(name), error))
    }

    /// Writes `bytes` through a writer that was created for them alone.
    fn write_whole(&self, mut writer: Box<Writer<D>>, bytes: &[u8]) -> Result<(), StorageError> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let mut buffer = writer.reclaim()?;
            rest = &rest[buffer.extend_from_slice(rest)..];
            writer.submit(buffer)?;
        }
        writer.finish()?;
        // The rename is the commit; it may still be undone by a crash until this.
        self.directory.sync().map_err(|error| self.place_error("sync", error))
    }
}

impl<D: Directory> SnapshotStorage for Volume<D> {
    fn location(&self) -> String {
        self.directory.location()
    }

    fn list(&self) -> Result<Vec<ObjectMeta>, StorageError> {
        let entries = self.directory.entries().map_err(|error| self.place_error("list", error))?;
        Ok(entries.iter().map(|(name, stat)| stat.meta(name)).collect())
    }

    fn create(&self, name: &str, hint: WriteHint) -> Result<Box<dyn ObjectWriter>, StorageError> {
        self.check_name("create", name)?;
        self.check_absent(name)?;
        let directory = Arc::clone(&self.directory);
        match Writer::create(directory, name, PutMode::CreateNew, hint) {
            Ok(writer) => Ok(Box::new(writer)),
            // If anything is in the way it is the temporary file.
            Err(error) => Err(self.object_error("create", &name::temporary(name), error)),
        }
    }

    fn replace(&self, name: &str, hint: WriteHint) -> Result<Box<dyn ObjectWriter>, StorageError> {
        self.check_name("replace", name)?;
        Ok(Box::new(self.writer(name, PutMode::Replace, hint)?))
    }

    fn open(&self, name: &str) -> Result<Box<dyn ObjectReader>, StorageError> {
        Ok(Box::new(self.open_reader(name, READS_IN_FLIGHT)?))
    }

    fn put(&self, name: &str, bytes: &[u8], mode: PutMode) -> Result<(), StorageError> {
        self.check_name("put", name)?;
        // Nothing is kept in the lock, so a panic of another holder left nothing half done.
        let _committing = self.committing.lock().unwrap_or_else(PoisonError::into_inner);
        if mode == PutMode::CreateNew {
            self.check_absent(name)?;
        }
        // What the object refers to is durable before the object exists.
        self.directory.sync().map_err(|error| self.place_error("sync", error))?;
        let hint = WriteHint {
            buffer_bytes: small_buffer_bytes(bytes.len()),
            buffers_max: 1,
            expected_bytes: bytes.len() as u64,
        };
        let writer = self.writer(name, mode, hint)?;
        self.write_whole(Box::new(writer), bytes)
    }

    fn get(&self, name: &str, bytes_max: u64) -> Result<Vec<u8>, StorageError> {
        let mut reader = self.open_reader(name, 1)?;
        let bytes = reader.bytes();
        if bytes > bytes_max {
            let reason = format!("{bytes} bytes, at most {bytes_max} are allowed");
            let path = self.directory.path_of(name);
            return Err(StorageError::new(StorageErrorKind::TooLarge, "read", path, reason));
        }
        let mut content = Vec::with_capacity(bytes as usize);
        let mut buffer = Buffer::new(small_buffer_bytes(bytes as usize));
        while (content.len() as u64) < bytes {
            reader.submit(content.len() as u64, buffer)?;
            (_, buffer) = reader.complete()?;
            content.extend_from_slice(buffer.filled());
        }
        Ok(content)
    }

    fn remove(&self, name: &str) -> Result<(), StorageError> {
        self.check_name("remove", name)?;
        match self.directory.remove(name) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(self.object_error("remove", name, error))
            }
            _ => Ok(()),
        }
    }

    fn sync(&self) -> Result<(), StorageError> {
        self.directory.sync().map_err(|error| self.place_error("sync", error))
    }

    fn free_bytes(&self) -> Result<Option<u64>, StorageError> {
        let free = self.directory.free_bytes();
        free.map(Some).map_err(|error| self.place_error("inspect", error))
    }
}

/// Capacity of the buffer for a small object of `bytes` bytes.
fn small_buffer_bytes(bytes: usize) -> usize {
    bytes.clamp(1, SMALL_BUFFER_BYTES_MAX).next_multiple_of(BUFFER_ALIGNMENT)
}
