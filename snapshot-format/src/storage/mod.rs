//! The storage port: what a snapshot needs from the place it is written to.
//!
//! The port is object-safe and names no runtime. Its calls block, and are made from a snapshot's
//! own threads, never from a thread that serves clients; an implementation is free to run an
//! asynchronous runtime behind them.
//!
//! # How an object is written
//!
//! ```text
//! create(name) ─► writer ─┬─► reclaim() ─► Buffer, filled by the caller ─► submit(buffer) ─┐
//!                         └────────────────────────────────────────────────────────────────┘
//!                         finish() ─► durable under its name      abort() or drop ─► nothing left
//! ```
//!
//! Buffers travel in a circle. [`ObjectWriter::reclaim`] hands out an empty one, and blocks while
//! all of the writer's buffers are on their way to the device: that is the only back-pressure, and
//! it bounds memory. Objects become visible only when they are finished, and a snapshot becomes
//! visible only when its manifest, the last object, is [put](SnapshotStorage::put).

mod buffer;
pub mod contract;
mod memory;

use std::fmt;
use std::sync::Arc;

pub use buffer::{BUFFER_ALIGNMENT, Buffer, BufferMemory};
pub use memory::MemoryStorage;

/// What the storage knows of an object without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ObjectMeta {
    /// Name inside the storage, without directory or prefix.
    pub name: String,
    /// Length in bytes.
    pub bytes: u64,
    /// Milliseconds since the Unix epoch at which the storage says the object was last changed.
    ///
    /// Only ever used to decide whether an unlisted leftover is old enough to sweep.
    pub modified_unix_ms: Option<u64>,
}

impl ObjectMeta {
    /// Describes an object of `bytes` bytes called `name`.
    pub fn new(name: impl Into<String>, bytes: u64, modified_unix_ms: Option<u64>) -> Self {
        Self { name: name.into(), bytes, modified_unix_ms }
    }
}

/// What a writer is allowed to use and told to expect.
#[derive(Clone, Copy, Debug)]
pub struct WriteHint {
    /// Capacity of each buffer; a multiple of [`BUFFER_ALIGNMENT`].
    pub buffer_bytes: usize,
    /// How many buffers the writer may own at once, at least two.
    pub buffers_max: usize,
    /// Expected length of the object, for preallocation; zero when unknown.
    pub expected_bytes: u64,
}

impl Default for WriteHint {
    fn default() -> Self {
        Self { buffer_bytes: 1 << 20, buffers_max: 4, expected_bytes: 0 }
    }
}

/// Memory that the objects of a storage can make use of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BufferNeeds {
    /// Least bytes of buffers with which a writer works. Where a save has less for all of its
    /// parts, it writes fewer of them at a time.
    pub writer_bytes_min: usize,
    /// Bytes of buffers beyond which no object is written or read faster.
    pub object_bytes_max: usize,
    /// Longest single read that makes sense.
    pub read_bytes_max: usize,
}

impl Default for BufferNeeds {
    /// What suits a disk.
    fn default() -> Self {
        Self { writer_bytes_min: 0, object_bytes_max: 8 << 20, read_bytes_max: 1 << 20 }
    }
}

/// Ends a writer's waiting from another thread; see [`ObjectWriter::canceller`].
pub type Canceller = Arc<dyn Fn() + Send + Sync>;

/// Whether [`SnapshotStorage::put`] may replace an object of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutMode {
    /// Fails with [`StorageErrorKind::AlreadyExists`] if the name is taken.
    CreateNew,
    /// Replaces the object atomically: a reader, or a crash, sees the old or the new one whole.
    Replace,
}

/// A place that holds snapshots: a directory, a bucket and prefix, or memory.
///
/// Names are flat: no implementation may interpret a separator in them, and callers never pass
/// one. All calls may block on the device.
pub trait SnapshotStorage: Send + Sync + fmt::Debug {
    /// The place as an operator writes it, for messages: a path or an URI.
    fn location(&self) -> String;

    /// Lists every object, in no particular order, without descending into folders.
    ///
    /// Unfinished objects of local disk are listed under their temporary name.
    ///
    /// # Errors
    ///
    /// [`StorageErrorKind::NotFound`] if the place itself does not exist, otherwise whatever kept
    /// the storage from looking. An empty list always means that there is nothing.
    fn list(&self) -> Result<Vec<ObjectMeta>, StorageError>;

    /// Begins a new object that becomes visible as `name` when it is finished.
    ///
    /// # Errors
    ///
    /// [`StorageErrorKind::AlreadyExists`] if `name` is taken; part names carry a random snapshot
    /// id, so this is never an ordinary event.
    fn create(&self, name: &str, hint: WriteHint) -> Result<Box<dyn ObjectWriter>, StorageError>;

    /// Begins an object that takes the place of whatever is called `name` when it is finished, in
    /// one step: a reader, or a crash, sees the old or the new one whole.
    ///
    /// Only files in formats that have no manifest need it.
    ///
    /// # Errors
    ///
    /// [`StorageErrorKind::Unsupported`] where the storage cannot do that.
    fn replace(&self, name: &str, hint: WriteHint) -> Result<Box<dyn ObjectWriter>, StorageError> {
        let _ = hint;
        let why = "this storage replaces no large objects";
        Err(StorageError::new(StorageErrorKind::Unsupported, "replace", name, why))
    }

    /// Opens an object for reading.
    ///
    /// # Errors
    ///
    /// [`StorageErrorKind::NotFound`] if there is none of that name.
    fn open(&self, name: &str) -> Result<Box<dyn ObjectReader>, StorageError>;

    /// Stores a small object whole. On return it is durable and visible, and so is every object
    /// finished before the call: this is a snapshot's commit.
    ///
    /// # Errors
    ///
    /// With [`PutMode::CreateNew`], [`StorageErrorKind::AlreadyExists`]. After any error the name
    /// holds what it held before, or, if the failure came after the commit point, the new bytes.
    fn put(&self, name: &str, bytes: &[u8], mode: PutMode) -> Result<(), StorageError>;

    /// Reads a small object whole.
    ///
    /// # Errors
    ///
    /// [`StorageErrorKind::TooLarge`] if it is longer than `bytes_max`, before anything of that
    /// size is allocated.
    fn get(&self, name: &str, bytes_max: u64) -> Result<Vec<u8>, StorageError>;

    /// Removes an object. Removing one that is not there succeeds.
    ///
    /// # Errors
    ///
    /// Whatever kept the storage from removing it.
    fn remove(&self, name: &str) -> Result<(), StorageError>;

    /// Returns once every object removed before the call stays removed, whatever happens.
    ///
    /// # Errors
    ///
    /// Whatever kept the storage from making sure.
    fn sync(&self) -> Result<(), StorageError> {
        Ok(())
    }

    /// Bytes that can still be written, where the storage knows.
    ///
    /// # Errors
    ///
    /// Whatever kept the storage from looking.
    fn free_bytes(&self) -> Result<Option<u64>, StorageError> {
        Ok(None)
    }

    /// What memory an object of about `expected_bytes` can make use of.
    fn buffer_needs(&self, _expected_bytes: u64) -> BufferNeeds {
        BufferNeeds::default()
    }

    /// Gives up objects that somebody began and never finished, and returns their names.
    ///
    /// Concerns those that [`list`](Self::list) does not show. `is_leftover` is told the name of
    /// each and when it was begun, and says whether nobody can be at work on it any more.
    ///
    /// # Errors
    ///
    /// Whatever kept the storage from looking, or from giving one up.
    fn sweep_unfinished(
        &self,
        _is_leftover: &dyn Fn(&ObjectMeta) -> bool,
    ) -> Result<Vec<String>, StorageError> {
        Ok(Vec::new())
    }
}

/// One object on its way to the storage: a single stream, front to back, never rewritten.
///
/// # Order
///
/// The object's bytes are the submitted buffers' [filled](Buffer::filled) bytes in the order of
/// submission. Every buffer but the last holds a multiple of [`BUFFER_ALIGNMENT`] bytes.
///
/// # Cancellation
///
/// [`abort`](Self::abort), and dropping the writer, wait for nothing that a client waits for,
/// leave no object and, as far as the storage answers, no temporary one. A writer that has
/// returned an error is poisoned: every later call but `abort` returns an error.
pub trait ObjectWriter: Send {
    /// Returns an empty buffer, waiting for a write to complete if all are in flight.
    ///
    /// # Errors
    ///
    /// The failure of an earlier write.
    fn reclaim(&mut self) -> Result<Buffer, StorageError>;

    /// Appends the filled part of `buffer` to the object. May return before it is written.
    ///
    /// # Errors
    ///
    /// The failure of this or of an earlier write; [`StorageErrorKind::InvalidInput`] if a buffer
    /// follows one that was not a multiple of [`BUFFER_ALIGNMENT`] long.
    fn submit(&mut self, buffer: Buffer) -> Result<(), StorageError>;

    /// Waits for all writes, makes the object durable and gives it its name.
    ///
    /// # Errors
    ///
    /// The failure of this or of an earlier write, with nothing left behind.
    fn finish(self: Box<Self>) -> Result<ObjectMeta, StorageError>;

    /// Gives up the object.
    fn abort(self: Box<Self>);

    /// A way to end this writer's waiting from another thread: once it is called, the call that
    /// waits and every later one return [`StorageErrorKind::Cancelled`] soon. `None` from a writer
    /// whose calls never wait for long.
    fn canceller(&self) -> Option<Canceller> {
        None
    }
}

/// An object open for reading at any offset, with several reads in flight.
///
/// All reads see one state of the object; if it is changed meanwhile they fail with
/// [`StorageErrorKind::Changed`] where the storage can tell.
pub trait ObjectReader: Send {
    /// Length in bytes.
    fn bytes(&self) -> u64;

    /// Starts to fill `buffer` from `offset` on, up to its capacity or the end of the object.
    ///
    /// `offset` and the capacity are multiples of [`BUFFER_ALIGNMENT`].
    ///
    /// # Errors
    ///
    /// [`StorageErrorKind::InvalidInput`] if they are not.
    fn submit(&mut self, offset: u64, buffer: Buffer) -> Result<(), StorageError>;

    /// Waits for any one of the reads in flight and returns its offset and its buffer, filled to
    /// its capacity or to the end of the object, never less.
    ///
    /// # Errors
    ///
    /// The failure of a read; [`StorageErrorKind::InvalidInput`] if none is in flight.
    fn complete(&mut self) -> Result<(u64, Buffer), StorageError>;
}

/// Why a storage failed, as far as a caller can act on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StorageErrorKind {
    /// No object, directory or bucket of that name.
    NotFound,
    /// The name is taken.
    AlreadyExists,
    /// The caller may not do that there.
    PermissionDenied,
    /// No room is left on the device or in the quota.
    StorageFull,
    /// The object is longer than the caller allows.
    TooLarge,
    /// The object changed while it was read.
    Changed,
    /// The storage could not be reached, or was too slow.
    Unavailable,
    /// The call broke the port's contract.
    InvalidInput,
    /// The operation was cancelled by its owner.
    Cancelled,
    /// The storage lacks what was asked for, as a kernel without `io_uring`.
    Unsupported,
    /// Anything else the device or service reported.
    Io,
}

/// A failed call to a storage: what was tried, on what, and why it failed.
#[derive(Debug, thiserror::Error)]
#[error("{action} {object}")]
pub struct StorageError {
    kind: StorageErrorKind,
    action: &'static str,
    object: String,
    #[source]
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl StorageError {
    /// Describes a failed `action` (a verb, as in `write`) on `object` (a path or an URI).
    pub fn new(
        kind: StorageErrorKind,
        action: &'static str,
        object: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self { kind, action, object: object.into(), source: source.into() }
    }

    /// Describes a failed system call, with the kind that its error code implies.
    pub fn from_io(
        action: &'static str,
        object: impl Into<String>,
        source: std::io::Error,
    ) -> Self {
        use std::io::ErrorKind as E;
        let kind = match source.kind() {
            E::NotFound => StorageErrorKind::NotFound,
            E::AlreadyExists => StorageErrorKind::AlreadyExists,
            E::PermissionDenied | E::ReadOnlyFilesystem => StorageErrorKind::PermissionDenied,
            E::StorageFull | E::QuotaExceeded | E::FileTooLarge => StorageErrorKind::StorageFull,
            E::TimedOut | E::ConnectionRefused | E::ConnectionReset | E::HostUnreachable => {
                StorageErrorKind::Unavailable
            }
            E::Unsupported => StorageErrorKind::Unsupported,
            E::InvalidInput => StorageErrorKind::InvalidInput,
            _ => StorageErrorKind::Io,
        };
        Self::new(kind, action, object, source)
    }

    /// The kind of failure, to branch on.
    pub fn kind(&self) -> StorageErrorKind {
        self.kind
    }

    /// The object, directory or bucket the call was about.
    pub fn object(&self) -> &str {
        &self.object
    }

    /// Whether the same call may succeed later without anybody changing anything.
    pub fn is_retryable(&self) -> bool {
        matches!(self.kind, StorageErrorKind::Unavailable | StorageErrorKind::Io)
    }
}
