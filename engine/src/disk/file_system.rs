//! The few operations on files that publishing needs, as traits.
//!
//! [`os`](super::os) implements them for the operating system, [`sim`](super::sim) for a disk in
//! memory that fails on command.

use std::fmt;
use std::io;
use std::ops::Range;

use crate::format::storage::{BUFFER_ALIGNMENT, Buffer, ObjectMeta, PutMode};

/// Completions in a row that move nothing before a transfer is given up.
const FRUITLESS_MAX: u8 = 4;

/// Which way a [`Transfer`] goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// From the file into the buffer.
    Read,
    /// From the buffer into the file.
    Write,
}

/// One read or write on its way. Owns its buffer until it is completed.
#[derive(Debug)]
pub(super) struct Transfer {
    pub(super) direction: Direction,
    /// Offset in the file of the buffer's first byte.
    pub(super) file_offset: u64,
    pub(super) buffer: Buffer,
    /// The bytes of the buffer that remain to be transferred.
    pub(super) range: Range<usize>,
    /// Completions in a row that moved nothing.
    pub(super) fruitless: u8,
}

impl Transfer {
    /// Describes a transfer between `range` of `buffer` and the file.
    pub(super) fn new(
        direction: Direction,
        file_offset: u64,
        buffer: Buffer,
        range: Range<usize>,
    ) -> Self {
        Self { direction, file_offset, buffer, range, fruitless: 0 }
    }

    /// Offset in the file at which the remaining bytes begin.
    pub(super) fn position(&self) -> u64 {
        self.file_offset + self.range.start as u64
    }

    /// Takes `moved` bytes off the front of the range.
    ///
    /// A partial transfer goes on at a block boundary, as direct I/O requires, and so moves some
    /// bytes twice. Less than a block is no step back: going on in the middle of one is refused by
    /// direct I/O and then done without, and it is how a full device comes to say that it is.
    ///
    /// # Errors
    ///
    /// If nothing was moved several times in a row.
    pub(super) fn advance(&mut self, moved: usize) -> io::Result<()> {
        let wanted = self.range.len();
        if moved >= wanted {
            self.range.start = self.range.end;
            return Ok(());
        }
        let end = self.range.start + moved;
        let boundary = end - end % BUFFER_ALIGNMENT;
        self.range.start = if boundary > self.range.start { boundary } else { end };
        self.fruitless = if moved == 0 { self.fruitless + 1 } else { 0 };
        if self.fruitless > FRUITLESS_MAX {
            let reason = format!("the device does not move the remaining {wanted} bytes");
            return Err(io::Error::new(io::ErrorKind::WriteZero, reason));
        }
        Ok(())
    }
}

/// The outcome of one transfer: how many bytes from the front of its range were moved.
///
/// The outer error means that the transfer, with its buffer, was lost with whatever carried it.
pub(super) type Completion = io::Result<(Transfer, io::Result<usize>)>;

/// What a file says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileStat {
    /// Length in bytes.
    pub(super) bytes: u64,
    /// Time of the last change of content, in nanoseconds since the Unix epoch.
    pub(super) modified_unix_ns: i128,
}

impl FileStat {
    /// Describes the file as the object `name`.
    pub(super) fn meta(&self, name: &str) -> ObjectMeta {
        let modified_unix_ms = u64::try_from(self.modified_unix_ns / 1_000_000).ok();
        ObjectMeta::new(name, self.bytes, modified_unix_ms)
    }
}

/// An open file.
///
/// Transfers are submitted and completed in any order; the other calls block, and expect that no
/// transfer is in flight. Dropping a file with transfers in flight does not wait for them.
pub(super) trait File: Send + 'static {
    /// Starts a transfer. An error loses the buffer.
    fn submit(&mut self, transfer: Transfer) -> io::Result<()>;

    /// Waits for any one of the transfers in flight; the caller knows that there is one.
    fn complete(&mut self) -> Completion;

    /// Reserves room for the first `bytes` bytes, which may make the file that long.
    fn preallocate(&mut self, bytes: u64) -> io::Result<()>;

    /// Sets the length and gives back room reserved behind it.
    fn truncate(&mut self, bytes: u64) -> io::Result<()>;

    /// Makes content and length durable. The file's name is not part of it.
    fn sync(&mut self) -> io::Result<()>;

    /// Length and time of the last change.
    fn stat(&self) -> io::Result<FileStat>;
}

/// A directory of files with flat names.
pub(super) trait Directory: Send + Sync + fmt::Debug + 'static {
    /// What its files are.
    type File: File;

    /// The directory as an operator writes it.
    fn location(&self) -> String;

    /// The file `name` as an operator writes it.
    fn path_of(&self, name: &str) -> String;

    /// Creates the file `name`, which must not exist, for writing with up to `in_flight_max`
    /// transfers at a time.
    fn create(&self, name: &str, in_flight_max: usize) -> io::Result<Self::File>;

    /// Opens the file `name` for reading with about `in_flight_max` transfers at a time.
    fn open(&self, name: &str, in_flight_max: usize) -> io::Result<Self::File>;

    /// Whether anything is called `name`.
    fn exists(&self, name: &str) -> io::Result<bool>;

    /// Renames `from` to `to` atomically.
    fn rename(&self, from: &str, to: &str, mode: PutMode) -> io::Result<()>;

    /// Removes the file `name`.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes all creations, renames and removals so far durable.
    fn sync(&self) -> io::Result<()>;

    /// Everything in the directory but folders, with what it says of itself.
    fn entries(&self) -> io::Result<Vec<(String, FileStat)>>;

    /// Bytes that can still be written.
    fn free_bytes(&self) -> io::Result<u64>;
}
