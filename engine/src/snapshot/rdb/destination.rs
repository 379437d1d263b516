//! An object of the storage as something to write to.

use std::io::{self, Write};

use crate::format::storage::{Buffer, ObjectMeta, ObjectWriter, StorageError};

/// An object on its way to the storage. While it is held, what is written stays in memory, so
/// that writing never waits.
pub(super) struct Destination {
    object: Box<dyn ObjectWriter>,
    buffer: Buffer,
    held: Vec<u8>,
    is_held: bool,
}

impl Destination {
    pub(super) fn new(mut object: Box<dyn ObjectWriter>) -> Result<Self, StorageError> {
        let mut buffer = object.reclaim()?;
        buffer.clear();
        Ok(Self { object, buffer, held: Vec::new(), is_held: false })
    }

    /// Keeps in memory what is written from now on.
    pub(super) fn hold(&mut self) {
        self.is_held = true;
    }

    /// Bytes that are kept in memory.
    pub(super) fn held_bytes(&self) -> usize {
        self.held.len()
    }

    /// Writes what was kept, and everything from now on.
    pub(super) fn release(&mut self) -> io::Result<()> {
        self.is_held = false;
        let mut held = std::mem::take(&mut self.held);
        self.write_all(&held)?;
        held.clear();
        self.held = held;
        Ok(())
    }

    /// Makes the object durable under its name.
    pub(super) fn finish(mut self) -> Result<ObjectMeta, StorageError> {
        if !self.buffer.is_empty() {
            self.object.submit(self.buffer)?;
        }
        self.object.finish()
    }
}

impl Write for Destination {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_held {
            self.held.extend_from_slice(bytes);
            return Ok(bytes.len());
        }
        if self.buffer.spare_len() == 0 {
            let next = self.object.reclaim().map_err(io::Error::other)?;
            let full = std::mem::replace(&mut self.buffer, next);
            self.buffer.clear();
            self.object.submit(full).map_err(io::Error::other)?;
        }
        Ok(self.buffer.extend_from_slice(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
