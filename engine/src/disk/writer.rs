//! An object on its way to disk.

use std::io;
use std::sync::Arc;

use super::file_system::{Direction, Directory, File, Transfer};
use super::name;
use crate::format::storage::{
    BUFFER_ALIGNMENT, Buffer, ObjectMeta, ObjectWriter, PutMode, StorageError, StorageErrorKind,
    WriteHint,
};

/// Room reserved at a time: as much as there is already, within these limits.
///
/// Each reservation costs a journal entry, and a file system in memory clears what it reserves.
/// What is unused is given back in the end.
const RESERVATION_BYTES: std::ops::RangeInclusive<u64> = (1 << 20)..=(64 << 20);

/// Writes `NAME.tmp` and renames it in the end.
#[derive(Debug)]
pub(super) struct Writer<D: Directory> {
    directory: Arc<D>,
    name: String,
    mode: PutMode,
    file: D::File,
    buffers: Circle,
    /// Length of the object so far.
    bytes: u64,
    /// Room reserved, or `None` once that was refused.
    reserved_bytes: Option<u64>,
    expected_bytes: u64,
    state: State,
}

/// What may still happen to a writer.
///
/// | from | by | to |
/// |---|---|---|
/// | `Open` | a buffer that ends between blocks | `Ended` |
/// | `Open`, `Ended` | a call that fails | `Poisoned` |
/// | `Open`, `Ended` | the rename | `Published` |
///
/// Dropped in any state but `Published`, it unlinks its temporary file.
#[derive(Debug)]
enum State {
    /// Buffers may follow.
    Open,
    /// The last buffer, which is not a multiple of the alignment long, was submitted.
    Ended,
    /// A call failed: only aborting is left.
    Poisoned(StorageErrorKind, String),
    /// The file has its name.
    Published,
}

/// The writer's buffers: free, with the caller, or in flight.
#[derive(Debug)]
struct Circle {
    free: Vec<Buffer>,
    lent: usize,
    in_flight: usize,
    buffer_bytes: usize,
    buffers_max: usize,
}

impl<D: Directory> Writer<D> {
    /// Creates the temporary file of `name`.
    ///
    /// # Errors
    ///
    /// As [`Directory::create`].
    pub(super) fn create(
        directory: Arc<D>,
        name: &str,
        mode: PutMode,
        hint: WriteHint,
    ) -> io::Result<Self> {
        let file = directory.create(&name::temporary(name), hint.buffers_max)?;
        let buffers = Circle {
            free: Vec::new(),
            lent: 0,
            in_flight: 0,
            buffer_bytes: hint.buffer_bytes.max(1).next_multiple_of(BUFFER_ALIGNMENT),
            buffers_max: hint.buffers_max.max(1),
        };
        Ok(Self {
            directory,
            name: name.to_owned(),
            mode,
            file,
            buffers,
            bytes: 0,
            reserved_bytes: Some(0),
            expected_bytes: hint.expected_bytes,
            state: State::Open,
        })
    }

    /// Fails if an earlier call failed.
    fn check(&self) -> Result<(), StorageError> {
        match &self.state {
            State::Poisoned(kind, reason) => {
                let reason = format!("an earlier call failed: {reason}");
                Err(StorageError::new(*kind, "write", self.path(), reason))
            }
            State::Open | State::Ended | State::Published => Ok(()),
        }
    }

    /// Fails with `error`, and for ever.
    fn poison(&mut self, action: &'static str, error: io::Error) -> StorageError {
        let reason = error.to_string();
        let error = StorageError::from_io(action, self.path(), error);
        self.state = State::Poisoned(error.kind(), reason);
        error
    }

    fn path(&self) -> String {
        self.directory.path_of(&self.name)
    }

    /// Waits until one buffer is written completely and returns it.
    fn settle_one(&mut self) -> io::Result<Buffer> {
        loop {
            let (mut transfer, moved) = self.file.complete()?;
            transfer.advance(moved?)?;
            if transfer.range.is_empty() {
                self.buffers.in_flight -= 1;
                return Ok(transfer.buffer);
            }
            self.file.submit(transfer)?;
        }
    }

    /// Starts to write `buffer`, of which the first `length` bytes matter, at the end.
    fn start(&mut self, mut buffer: Buffer, length: usize) -> io::Result<()> {
        // Direct I/O moves whole blocks; what is too much is cut off in the end. Zeroed, because
        // behind the filled part stands whatever the buffer carried last time.
        let padded = length.next_multiple_of(BUFFER_ALIGNMENT);
        buffer.set_len(length);
        buffer.spare_mut()[..padded - length].fill(0);
        while self.buffers.in_flight >= self.buffers.buffers_max {
            let settled = self.settle_one()?;
            self.buffers.keep(settled);
        }
        self.reserve(self.bytes + padded as u64);
        self.file.submit(Transfer::new(Direction::Write, self.bytes, buffer, 0..padded))?;
        self.buffers.in_flight += 1;
        self.bytes += length as u64;
        Ok(())
    }

    /// Reserves room up to `end` and somewhat beyond, so that the file stays in few extents.
    fn reserve(&mut self, end: u64) {
        let Some(reserved) = self.reserved_bytes else { return };
        if end <= reserved {
            return;
        }
        let step = reserved.clamp(*RESERVATION_BYTES.start(), *RESERVATION_BYTES.end());
        let mut next = end.max(reserved.saturating_add(step));
        if end <= self.expected_bytes {
            next = next.min(self.expected_bytes.next_multiple_of(BUFFER_ALIGNMENT as u64));
        }
        // Refused where the file system cannot, and where the room is short: the object may fit
        // nevertheless, and if it does not, the write says so.
        self.reserved_bytes = self.file.preallocate(next).is_ok().then_some(next);
    }

    /// Writes the rest, makes it durable and gives it its name.
    fn publish(&mut self) -> Result<ObjectMeta, StorageError> {
        while self.buffers.in_flight > 0 {
            self.settle_one().map_err(|error| self.poison("write", error))?;
        }
        self.file.truncate(self.bytes).map_err(|error| self.poison("truncate", error))?;
        self.file.sync().map_err(|error| self.poison("sync", error))?;
        let stat = self.file.stat().map_err(|error| self.poison("inspect", error))?;
        self.directory
            .rename(&name::temporary(&self.name), &self.name, self.mode)
            .map_err(|error| self.poison("publish", error))?;
        self.state = State::Published;
        Ok(stat.meta(&self.name))
    }
}

impl<D: Directory> ObjectWriter for Writer<D> {
    fn reclaim(&mut self) -> Result<Buffer, StorageError> {
        self.check()?;
        let mut buffer = match self.buffers.take() {
            Some(buffer) => buffer,
            None if self.buffers.in_flight > 0 => {
                self.settle_one().map_err(|error| self.poison("write", error))?
            }
            None => {
                let reason = "all of the writer's buffers are with its caller";
                let kind = StorageErrorKind::InvalidInput;
                return Err(StorageError::new(kind, "reclaim", self.path(), reason));
            }
        };
        buffer.clear();
        self.buffers.lent += 1;
        Ok(buffer)
    }

    fn submit(&mut self, buffer: Buffer) -> Result<(), StorageError> {
        self.check()?;
        self.buffers.lent = self.buffers.lent.saturating_sub(1);
        let length = buffer.len();
        if length == 0 {
            self.buffers.keep(buffer);
            return Ok(());
        }
        if matches!(self.state, State::Ended) {
            let reason = "a buffer follows one that was not a multiple of the alignment long";
            return Err(self.poison("write", io::Error::new(io::ErrorKind::InvalidInput, reason)));
        }
        if !length.is_multiple_of(BUFFER_ALIGNMENT) {
            self.state = State::Ended;
        }
        self.start(buffer, length).map_err(|error| self.poison("write", error))
    }

    fn finish(mut self: Box<Self>) -> Result<ObjectMeta, StorageError> {
        self.check()?;
        self.publish()
    }

    fn abort(self: Box<Self>) {
        drop(self);
    }
}

impl<D: Directory> Drop for Writer<D> {
    /// Unlinks the temporary file; transfers in flight end in a file without a name.
    fn drop(&mut self) {
        if matches!(self.state, State::Published) {
            return;
        }
        let temporary = name::temporary(&self.name);
        match self.directory.remove(&temporary) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                let path = self.directory.path_of(&temporary);
                tracing::warn!(path, %error, "an unfinished file could not be removed");
            }
        }
    }
}

impl Circle {
    /// A free buffer, a new one while there may be more, or none.
    fn take(&mut self) -> Option<Buffer> {
        self.free.pop().or_else(|| {
            let may_grow = self.lent + self.in_flight < self.buffers_max;
            may_grow.then(|| Buffer::new(self.buffer_bytes))
        })
    }

    /// Keeps a buffer for later, unless the caller brought more than the writer may own.
    fn keep(&mut self, buffer: Buffer) {
        if self.free.len() + self.lent + self.in_flight < self.buffers_max {
            self.free.push(buffer);
        }
    }
}
