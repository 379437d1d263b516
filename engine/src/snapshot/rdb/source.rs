//! An object of the storage as something to read from.

use std::io::{self, Read};

use super::super::progress::Meter;
use crate::format::ReadHint;
use crate::format::storage::{
    BUFFER_ALIGNMENT, Buffer, ObjectReader, SnapshotStorage, StorageError, StorageErrorKind,
};

/// An object that is read from front to back, with several reads in flight.
pub(super) struct Source<'m> {
    object: Box<dyn ObjectReader>,
    name: String,
    meter: Option<&'m Meter>,
    window_bytes: u64,
    /// Where the next window to ask for begins.
    asked: u64,
    /// Where the next byte to give out stands.
    position: u64,
    in_flight: usize,
    /// Windows that arrived before those in front of them.
    arrived: Vec<(u64, Buffer)>,
    /// The window that bytes are given out from.
    current: Option<(u64, Buffer)>,
    free: Vec<Buffer>,
}

impl<'m> Source<'m> {
    /// Opens the object called `name`; what is read of it counts for `meter`.
    pub(super) fn open(
        storage: &dyn SnapshotStorage,
        name: &str,
        hint: ReadHint,
        meter: Option<&'m Meter>,
    ) -> Result<Self, StorageError> {
        let object = storage.open(name)?;
        let bytes = object.bytes().next_multiple_of(BUFFER_ALIGNMENT as u64);
        let window_bytes = bytes.clamp(BUFFER_ALIGNMENT as u64, hint.buffer_bytes as u64);
        let windows = bytes.div_ceil(window_bytes).min(hint.buffers as u64).max(1);
        let buffer = || Buffer::new(window_bytes as usize);
        let free = std::iter::repeat_with(buffer).take(windows as usize).collect();
        Ok(Self {
            object,
            name: name.to_owned(),
            meter,
            window_bytes,
            asked: 0,
            position: 0,
            in_flight: 0,
            arrived: Vec::new(),
            current: None,
            free,
        })
    }

    /// Length of the object.
    pub(super) fn len(&self) -> u64 {
        self.object.bytes()
    }

    /// Makes the window that holds the position the current one.
    fn advance(&mut self) -> Result<(), StorageError> {
        self.free.extend(self.current.take().map(|(_, buffer)| buffer));
        while self.asked < self.len() {
            let Some(buffer) = self.free.pop() else { break };
            self.object.submit(self.asked, buffer)?;
            self.in_flight += 1;
            self.asked += self.window_bytes;
        }
        loop {
            let position = self.position;
            let at = self.arrived.iter().position(|&(start, _)| start == position);
            if let Some(at) = at {
                self.current = Some(self.arrived.swap_remove(at));
                return Ok(());
            }
            if self.in_flight == 0 {
                let why = format!("it ends before offset {position}");
                let kind = StorageErrorKind::Changed;
                return Err(StorageError::new(kind, "read", self.name.as_str(), why));
            }
            self.in_flight -= 1;
            self.arrived.push(self.object.complete()?);
        }
    }
}

impl Read for Source<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.position >= self.len() || into.is_empty() {
            return Ok(0);
        }
        let holds = |(start, buffer): &(u64, Buffer)| self.position < start + buffer.len() as u64;
        if !self.current.as_ref().is_some_and(holds) {
            self.advance().map_err(io::Error::other)?;
        }
        let Some((start, buffer)) = &self.current else { return Ok(0) };
        let there = &buffer.filled()[(self.position - start) as usize..];
        let take = there.len().min(into.len());
        into[..take].copy_from_slice(&there[..take]);
        self.position += take as u64;
        if let Some(meter) = self.meter {
            meter.add_bytes(take as u64);
        }
        Ok(take)
    }
}
