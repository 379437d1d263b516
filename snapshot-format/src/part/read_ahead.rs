//! Reading an object front to back with several reads in flight.

use std::fmt;

use crate::error::FormatError;
use crate::storage::{
    BUFFER_ALIGNMENT, Buffer, ObjectReader, SnapshotStorage, StorageError, StorageErrorKind,
};

/// What a reader may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadHint {
    /// How many buffers the reader may own, and so how many reads are in flight; at least one.
    pub buffers: usize,
    /// Capacity of each buffer, a multiple of [`BUFFER_ALIGNMENT`].
    pub buffer_bytes: usize,
}

impl Default for ReadHint {
    fn default() -> Self {
        Self { buffers: 4, buffer_bytes: 1 << 20 }
    }
}

/// A range of an object, read in windows of one buffer each and handed out in ascending order.
///
/// A stretch that lies in one window is borrowed from its buffer; one that crosses into the next
/// is copied together.
pub(super) struct ReadAhead {
    object: Box<dyn ObjectReader>,
    name: Box<str>,
    window_bytes: u64,
    /// Windows below this offset have been asked for.
    asked: u64,
    /// Where the range ends.
    end: u64,
    in_flight: usize,
    /// Windows that arrived before those in front of them.
    arrived: Vec<(u64, Buffer)>,
    /// The window that stretches are handed out from.
    current: Option<(u64, Buffer)>,
    free: Vec<Buffer>,
    /// Buffers that may yet be allocated.
    unallocated: usize,
    /// A stretch that crosses windows.
    crossing: Buffer,
}

impl ReadAhead {
    /// Opens the object called `name`.
    pub(super) fn open(
        storage: &dyn SnapshotStorage,
        name: &str,
        hint: ReadHint,
    ) -> Result<Self, FormatError> {
        if hint.buffers == 0
            || hint.buffer_bytes == 0
            || !hint.buffer_bytes.is_multiple_of(BUFFER_ALIGNMENT)
        {
            return Err(FormatError::InvalidOptions("a reader needs aligned buffers"));
        }
        let object = storage.open(name)?;
        // A short object is read with buffers of its own length.
        let object_bytes = object.bytes().next_multiple_of(BUFFER_ALIGNMENT as u64);
        let window_bytes = object_bytes.clamp(BUFFER_ALIGNMENT as u64, hint.buffer_bytes as u64);
        Ok(Self {
            object,
            name: name.into(),
            window_bytes,
            asked: 0,
            end: 0,
            in_flight: 0,
            arrived: Vec::with_capacity(hint.buffers),
            current: None,
            free: Vec::with_capacity(hint.buffers),
            unallocated: hint.buffers,
            crossing: Buffer::new(BUFFER_ALIGNMENT),
        })
    }

    /// Length of the object.
    pub(super) fn object_bytes(&self) -> u64 {
        self.object.bytes()
    }

    /// Turns to the bytes from `start` to `end`, and begins to read them.
    pub(super) fn seek(&mut self, start: u64, end: u64) -> Result<(), FormatError> {
        while self.in_flight > 0 {
            let window = self.complete()?;
            self.arrived.push(window);
        }
        self.free.extend(self.arrived.drain(..).map(|(_, buffer)| buffer));
        self.free.extend(self.current.take().map(|(_, buffer)| buffer));
        self.asked = start - start % BUFFER_ALIGNMENT as u64;
        self.end = end;
        self.ask()
    }

    /// Where the first window ends after a [`seek`](Self::seek) to `start`, unless the object ends
    /// before: up to there, bytes may be asked for in any order.
    pub(super) fn first_window_end(&self, start: u64) -> u64 {
        start - start % BUFFER_ALIGNMENT as u64 + self.window_bytes
    }

    /// The `bytes` bytes at `offset`, which lies behind all offsets asked for since the last
    /// [`seek`](Self::seek).
    pub(super) fn bytes(&mut self, offset: u64, bytes: usize) -> Result<&[u8], FormatError> {
        if !self.current_holds(offset) {
            self.advance_to(offset)?;
        }
        let end = offset + bytes as u64;
        if self.current_end() >= end {
            return Ok(self.stretch(offset, bytes));
        }
        if self.crossing.capacity() < bytes {
            self.crossing = Buffer::new(bytes.next_multiple_of(BUFFER_ALIGNMENT));
        }
        self.crossing.clear();
        let mut next = offset;
        while next < end {
            if !self.current_holds(next) {
                self.advance_to(next)?;
            }
            let Some((start, buffer)) = &self.current else { return Err(self.too_short()) };
            let part = &buffer.filled()[(next - start) as usize..];
            let part = &part[..part.len().min((end - next) as usize)];
            self.crossing.extend_from_slice(part);
            next += part.len() as u64;
        }
        Ok(self.crossing.filled())
    }

    fn stretch(&self, offset: u64, bytes: usize) -> &[u8] {
        self.current.as_ref().map_or(&[], |(start, buffer)| {
            let at = (offset - start) as usize;
            &buffer.filled()[at..at + bytes]
        })
    }

    fn current_holds(&self, offset: u64) -> bool {
        self.current.as_ref().is_some_and(|(start, _)| *start <= offset)
            && offset < self.current_end()
    }

    fn current_end(&self) -> u64 {
        self.current.as_ref().map_or(0, |(start, buffer)| start + buffer.len() as u64)
    }

    /// Gives the current window back and waits for the one that holds `offset`.
    fn advance_to(&mut self, offset: u64) -> Result<(), FormatError> {
        loop {
            self.free.extend(self.current.take().map(|(_, buffer)| buffer));
            self.ask()?;
            let is_next = |(start, buffer): &(u64, Buffer)| {
                (*start..start + buffer.len() as u64).contains(&offset)
            };
            if let Some(at) = self.arrived.iter().position(is_next) {
                self.current = Some(self.arrived.swap_remove(at));
                return Ok(());
            }
            if self.in_flight == 0 {
                return Err(self.too_short());
            }
            let window = self.complete()?;
            // A window that was skipped is given back at once.
            if window.0 + self.window_bytes <= offset {
                self.free.push(window.1);
            } else {
                self.arrived.push(window);
            }
        }
    }

    /// Starts as many reads as there are buffers.
    fn ask(&mut self) -> Result<(), FormatError> {
        while self.asked < self.end {
            let buffer = match self.free.pop() {
                Some(buffer) => buffer,
                None if self.unallocated > 0 => {
                    self.unallocated -= 1;
                    Buffer::new(self.window_bytes as usize)
                }
                None => return Ok(()),
            };
            self.object.submit(self.asked, buffer)?;
            self.in_flight += 1;
            self.asked += self.window_bytes;
        }
        Ok(())
    }

    fn complete(&mut self) -> Result<(u64, Buffer), FormatError> {
        self.in_flight -= 1;
        Ok(self.object.complete()?)
    }

    fn too_short(&self) -> FormatError {
        let why = format!("it ends before offset {}", self.end);
        StorageError::new(StorageErrorKind::Changed, "read", &*self.name, why).into()
    }
}

impl fmt::Debug for ReadAhead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadAhead")
            .field("name", &self.name)
            .field("window_bytes", &self.window_bytes)
            .field("asked", &self.asked)
            .field("end", &self.end)
            .field("in_flight", &self.in_flight)
            .finish_non_exhaustive()
    }
}
