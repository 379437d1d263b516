//! Replies on their way to a client.

use std::collections::VecDeque;
use std::fmt;
use std::io::IoSlice;

use exuvia::Value;

use super::{Protocol, pool};

/// The rest of a long reply, which is written as the client takes it.
pub(crate) trait Source: Send + Sync + fmt::Debug {
    /// Writes the next part, of about [`Output::PART_BYTES`]; returns whether that was the last.
    fn write_part(&mut self, out: &mut Output) -> bool;
}

/// A run of reply bytes.
#[derive(Debug)]
enum Chunk {
    Bytes(Vec<u8>),
    Shared(Value),
    /// Bytes that have yet to be written, in the version in which the reply began.
    Later(Box<dyn Source>, Protocol),
}

impl Chunk {
    /// What can be sent of it as it is.
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Shared(value) => value,
            Self::Later(..) => &[],
        }
    }

    /// Bytes that it counts for; as to what is still to be written, those of its next part.
    fn pending_bytes(&self) -> usize {
        match self {
            Self::Bytes(_) | Self::Shared(_) => self.bytes().len(),
            Self::Later(..) => Output::PART_BYTES,
        }
    }

    fn is_later(&self) -> bool {
        matches!(self, Self::Later(..))
    }
}

/// A place in the replies, to go back to when a command fails half way through its own.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    chunks: usize,
    tail_bytes: usize,
}

/// The sending half of a connection: replies that the socket has yet to take.
///
/// Replies collect in one buffer, which leaves in one write. A large value that the engine shares
/// is not copied into it: the buffer is set aside, the value queued behind it, and all leave in
/// one vectored write.
#[derive(Debug, Default)]
pub struct Output {
    queue: VecDeque<Chunk>,
    queued_bytes: usize,
    tail: Vec<u8>,
    /// Bytes of the first chunk that were sent.
    sent: usize,
    protocol: Protocol,
}

impl Output {
    /// Slices handed to the socket in one call.
    pub const SLICES_MAX: usize = 64;

    /// Values of at least this length are sent from where they are, if they are shared.
    pub const SHARED_BYTES_MIN: usize = 16 << 10;

    /// Bytes that are written at once of a reply whose rest can wait.
    pub(crate) const PART_BYTES: usize = 32 << 10;

    /// An output without replies.
    pub fn new() -> Self {
        Self::default()
    }

    /// The version replies are written in.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Changes the version of the replies that follow.
    pub fn set_protocol(&mut self, protocol: Protocol) {
        self.protocol = protocol;
    }

    /// Bytes that have yet to be sent.
    pub fn pending_bytes(&self) -> usize {
        self.queued_bytes + self.tail.len() - self.sent
    }

    /// Pieces of replies that wait ahead of the buffer, such as large values, and their bytes.
    pub fn queued(&self) -> (usize, usize) {
        let sent = if self.queue.is_empty() { 0 } else { self.sent };
        (self.queue.len(), self.queued_bytes - sent)
    }

    /// Whether all was sent.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.tail.is_empty() && self.queue.is_empty()
    }

    /// Bytes allocated for replies, shared values left out.
    pub fn allocated_bytes(&self) -> usize {
        let queued = self.queue.iter().map(|chunk| match chunk {
            Chunk::Bytes(bytes) => bytes.capacity(),
            Chunk::Shared(_) | Chunk::Later(..) => 0,
        });
        queued.sum::<usize>() + self.buffer_bytes()
    }

    /// Bytes allocated for the buffer in which replies collect.
    pub fn buffer_bytes(&self) -> usize {
        self.tail.capacity()
    }

    /// Appends bytes as they are.
    #[inline]
    pub fn raw(&mut self, bytes: &[u8]) {
        if self.tail.capacity() == 0 {
            self.tail = pool::take();
        }
        self.tail.extend_from_slice(bytes);
    }

    /// Appends the replies collected in `other`, without copying the larger part of them.
    pub fn append(&mut self, mut other: Self) {
        debug_assert_eq!(other.sent, 0, "only a connection's own output is sent from");
        if other.queue.is_empty() && other.tail.len() < Self::SHARED_BYTES_MIN {
            self.raw(&other.tail);
            other.release();
            return;
        }
        self.seal();
        self.queued_bytes += other.queued_bytes;
        self.queue.append(&mut other.queue);
        self.tail = other.tail;
    }

    /// Appends a value without copying it.
    pub(super) fn shared(&mut self, value: Value) {
        self.seal();
        self.queued_bytes += value.len();
        self.queue.push_back(Chunk::Shared(value));
    }

    /// Leaves the rest of a reply to `source`, until all that is before it has been sent.
    pub(crate) fn later(&mut self, source: Box<dyn Source>) {
        self.seal();
        self.queued_bytes += Self::PART_BYTES;
        self.queue.push_back(Chunk::Later(source, self.protocol));
    }

    /// Makes sure that there are bytes to send, if there is anything to send.
    pub fn refill(&mut self) {
        while let Some(Chunk::Later(source, protocol)) = self.queue.front_mut() {
            let mut part = Self::new();
            part.set_protocol(*protocol);
            if source.write_part(&mut part) {
                self.queue.pop_front();
                self.queued_bytes -= Self::PART_BYTES;
            }
            part.seal();
            self.queued_bytes += part.queued_bytes;
            while let Some(chunk) = part.queue.pop_back() {
                self.queue.push_front(chunk);
            }
        }
    }

    /// Sets the tail aside as a chunk of its own.
    fn seal(&mut self) {
        if !self.tail.is_empty() {
            let bytes = std::mem::take(&mut self.tail);
            self.queued_bytes += bytes.len();
            self.queue.push_back(Chunk::Bytes(bytes));
        }
    }

    /// The place where the next reply begins.
    #[inline]
    pub fn mark(&self) -> Mark {
        Mark { chunks: self.queue.len(), tail_bytes: self.tail.len() }
    }

    /// Takes back all replies behind `mark`. None of them may have been sent meanwhile.
    pub fn truncate(&mut self, mark: Mark) {
        while self.queue.len() > mark.chunks {
            self.queued_bytes -= self.queue.back().map_or(0, Chunk::pending_bytes);
            // What was the tail at the mark is the first chunk behind it.
            if let Some(Chunk::Bytes(bytes)) = self.queue.pop_back() {
                self.tail = bytes;
            }
        }
        self.tail.truncate(mark.tail_bytes);
    }

    /// Fills `slices` with the first bytes to send; returns how many slices there are. What is
    /// to be [refilled](Self::refill) comes after them.
    pub fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>; Self::SLICES_MAX]) -> usize {
        let ready = self.queue.iter().take_while(|chunk| !chunk.is_later()).map(Chunk::bytes);
        let tail = (!self.tail.is_empty() && !self.queue.iter().any(Chunk::is_later))
            .then_some(&self.tail[..]);
        let mut used = 0;
        for bytes in ready.chain(tail).take(Self::SLICES_MAX) {
            let skipped = if used == 0 { self.sent } else { 0 };
            slices[used] = IoSlice::new(&bytes[skipped..]);
            used += 1;
        }
        used
    }

    /// The bytes to send, if they are in one piece.
    #[inline]
    pub fn single(&self) -> Option<&[u8]> {
        self.queue.is_empty().then(|| &self.tail[self.sent..])
    }

    /// Notes that `bytes` more bytes were sent.
    pub fn advance(&mut self, bytes: usize) {
        self.sent += bytes;
        while let Some(front) = self.queue.front().filter(|front| !front.is_later()) {
            let len = front.bytes().len();
            if self.sent < len {
                return;
            }
            self.sent -= len;
            self.queued_bytes -= len;
            if let Some(Chunk::Bytes(bytes)) = self.queue.pop_front() {
                pool::give(bytes);
            }
        }
        if !self.queue.is_empty() {
            return;
        }
        debug_assert!(self.sent <= self.tail.len(), "the socket took bytes it was not given");
        if self.sent == self.tail.len() {
            self.sent = 0;
            self.release();
        } else if self.sent > Self::SHARED_BYTES_MIN && self.sent > self.tail.len() / 2 {
            // A client that never quite catches up would make the tail grow for ever.
            self.tail.drain(..self.sent);
            self.sent = 0;
        }
    }

    /// Returns the tail, which holds nothing to send, to the thread's pool.
    fn release(&mut self) {
        pool::give(std::mem::take(&mut self.tail));
    }

    /// Everything to send in one piece, for tests.
    #[cfg(test)]
    pub(crate) fn to_vec(&self) -> Vec<u8> {
        let mut all: Vec<u8> = self.queue.iter().flat_map(Chunk::bytes).copied().collect();
        all.extend_from_slice(&self.tail);
        all.split_off(self.sent)
    }
}

#[cfg(test)]
#[path = "output_tests.rs"]
mod tests;
