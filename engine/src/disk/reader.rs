//! An object on disk, open for reading.

use std::collections::VecDeque;
use std::io;

use super::file_system::{Direction, File, FileStat, Transfer};
use crate::format::storage::{
    BUFFER_ALIGNMENT, Buffer, ObjectReader, StorageError, StorageErrorKind,
};

/// Reads ranges of a file that must not change meanwhile.
#[derive(Debug)]
pub(super) struct Reader<F: File> {
    file: F,
    /// For messages.
    path: String,
    /// What the file was when it was opened.
    opened: FileStat,
    in_flight: usize,
    /// Reads that lie behind the end and need no device.
    empty: VecDeque<(u64, Buffer)>,
}

impl<F: File> Reader<F> {
    /// A reader of `file`, which messages call `path`.
    ///
    /// # Errors
    ///
    /// If the file cannot be asked for its length.
    pub(super) fn new(file: F, path: String) -> io::Result<Self> {
        let opened = file.stat()?;
        Ok(Self { file, path, opened, in_flight: 0, empty: VecDeque::new() })
    }

    fn fail(&self, error: io::Error) -> StorageError {
        StorageError::from_io("read", &self.path, error)
    }

    fn invalid(&self, reason: &'static str) -> StorageError {
        StorageError::new(StorageErrorKind::InvalidInput, "read", &self.path, reason)
    }

    fn changed(&self, reason: &'static str) -> StorageError {
        StorageError::new(StorageErrorKind::Changed, "read", &self.path, reason)
    }

    /// How much of a buffer of `capacity` bytes at `offset` the file fills.
    fn wanted(&self, offset: u64, capacity: usize) -> usize {
        let rest = self.opened.bytes.saturating_sub(offset);
        usize::try_from(rest).map_or(capacity, |rest| rest.min(capacity))
    }
}

impl<F: File> ObjectReader for Reader<F> {
    fn bytes(&self) -> u64 {
        self.opened.bytes
    }

    fn submit(&mut self, offset: u64, mut buffer: Buffer) -> Result<(), StorageError> {
        if !offset.is_multiple_of(BUFFER_ALIGNMENT as u64) {
            return Err(self.invalid("the offset is not a multiple of the alignment"));
        }
        buffer.clear();
        if self.wanted(offset, buffer.capacity()) == 0 {
            self.empty.push_back((offset, buffer));
            return Ok(());
        }
        // The whole buffer is asked for, since direct I/O reads whole blocks; at the end of the
        // file the answer is short.
        let range = 0..buffer.capacity();
        let transfer = Transfer::new(Direction::Read, offset, buffer, range);
        self.file.submit(transfer).map_err(|error| self.fail(error))?;
        self.in_flight += 1;
        Ok(())
    }

    fn complete(&mut self) -> Result<(u64, Buffer), StorageError> {
        if let Some(read) = self.empty.pop_front() {
            return Ok(read);
        }
        if self.in_flight == 0 {
            return Err(self.invalid("no read is in flight"));
        }
        loop {
            let completion = self.file.complete();
            self.in_flight -= 1;
            let (mut transfer, result) = completion.map_err(|error| self.fail(error))?;
            let moved = result.map_err(|error| self.fail(error))?;
            let wanted = self.wanted(transfer.file_offset, transfer.buffer.capacity());
            let have = transfer.range.start + moved;
            let stat = self.file.stat().map_err(|error| self.fail(error))?;
            if stat != self.opened {
                return Err(self.changed("the file changed while it was read"));
            }
            if have >= wanted {
                transfer.buffer.set_len(wanted);
                return Ok((transfer.file_offset, transfer.buffer));
            }
            transfer.advance(moved).map_err(|error| self.fail(error))?;
            self.file.submit(transfer).map_err(|error| self.fail(error))?;
            self.in_flight += 1;
        }
    }
}
