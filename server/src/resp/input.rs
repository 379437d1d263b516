//! What a client sent, cut into commands.

use exuvia::Value;

use super::args::{Args, Span};
use super::{inline, pool};

/// Longest line: an inline command, or the digits of a length.
const LINE_BYTES_MAX: usize = 64 << 10;
/// An argument of at least this length that has not arrived whole gets its own allocation, into
/// which the socket is read directly.
const LARGE_BYTES_MIN: usize = 64 << 10;
/// Factor by which the allocation of a large argument grows: every step copies what is there.
const LARGE_GROWTH: usize = 4;
/// Commands cut in one go; what follows them waits in the buffer.
const COMMANDS_MAX: usize = 1024;
/// Room that a read should find in the buffer.
const READ_BYTES_MIN: usize = 4 << 10;

/// What a client may send.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of one argument.
    pub bulk_bytes_max: usize,
    /// Bytes of one command's arguments together, with the spans that describe them.
    pub command_bytes_max: usize,
    /// Arguments of one command.
    pub args_max: usize,
    /// Whether the limits are those of a client that has yet to authenticate. Its commands are
    /// cut one at a time, since the first of them may lift the limits for the next.
    pub unauthenticated: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bulk_bytes_max: 512 << 20,
            command_bytes_max: (1 << 30) + (16 << 20),
            args_max: 1 << 20,
            unauthenticated: false,
        }
    }
}

/// How a client broke the protocol. The text is Redis's own; the connection is closed after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProtocolError {
    /// A line of words that does not end.
    InlineTooLong,
    /// An inline command with an open quote.
    UnbalancedQuotes,
    /// A count of arguments that does not end.
    CountTooLong,
    /// A count of arguments that is no number or too large.
    InvalidCount,
    /// More arguments than a client may send before it has authenticated.
    UnauthenticatedCount,
    /// Something else than the `$` of an argument.
    ExpectedBulk(u8),
    /// The length of an argument that does not end.
    LengthTooLong,
    /// The length of an argument that is no number or too large.
    InvalidLength,
    /// A longer argument than a client may send before it has authenticated.
    UnauthenticatedLength,
    /// Arguments that are too large together.
    CommandTooLong,
}

impl std::fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = match self {
            Self::InlineTooLong => "too big inline request",
            Self::UnbalancedQuotes => "unbalanced quotes in request",
            Self::CountTooLong => "too big mbulk count string",
            Self::InvalidCount => "invalid multibulk length",
            Self::UnauthenticatedCount => "unauthenticated multibulk length",
            Self::ExpectedBulk(byte) => {
                return write!(f, "Protocol error: expected '$', got '{}'", char::from(*byte));
            }
            Self::LengthTooLong => "too big bulk count string",
            Self::InvalidLength => "invalid bulk length",
            Self::UnauthenticatedLength => "unauthenticated bulk length",
            Self::CommandTooLong => "command exceeds the query buffer limit",
        };
        write!(f, "Protocol error: {text}")
    }
}

impl std::error::Error for ProtocolError {}

/// A command that has arrived whole; its arguments are found through [`Input::args`].
#[derive(Clone, Copy, Debug)]
pub struct Command {
    first: u32,
    args: u32,
}

/// Where the parser stands between two commands or within one.
#[derive(Debug)]
enum State {
    /// Before a command.
    Start,
    /// Before the `$` of an argument; `left` are missing, this one included.
    Length { left: u32 },
    /// In an argument of `bytes` bytes.
    Bulk { left: u32, bytes: usize },
    /// In a large argument, whose bytes and line end are collected in `data`.
    Large { left: u32, bytes: usize, data: Vec<u8> },
}

/// The receiving half of a connection: bytes as they came, and the commands found in them.
///
/// The cycle is [`read_target`](Self::read_target), read from the socket, [`parse`](Self::parse),
/// run the [commands](Self::commands), [`consume`](Self::consume). Memory follows the bytes
/// received, never the lengths announced: buffers grow geometrically as they fill.
#[derive(Debug)]
pub struct Input {
    buffer: Vec<u8>,
    /// Everything before it is part of a span or has been understood.
    at: usize,
    /// Where the first byte behind the last complete command lies.
    command_end: usize,
    state: State,
    spans: Vec<Span>,
    large: Vec<Value>,
    commands: Vec<Command>,
    /// The command that is not complete: its first span, and the bytes of its arguments.
    partial_first: usize,
    partial_bytes: usize,
    /// Large arguments of complete commands.
    large_complete: usize,
}

impl Default for Input {
    fn default() -> Self {
        Self::new()
    }
}

impl Input {
    /// An input that has received nothing.
    pub fn new() -> Self {
        Self {
            buffer: Vec::new(),
            at: 0,
            command_end: 0,
            state: State::Start,
            spans: Vec::new(),
            large: Vec::new(),
            commands: Vec::new(),
            partial_first: 0,
            partial_bytes: 0,
            large_complete: 0,
        }
    }

    /// The buffer to append received bytes to, with room in its spare capacity.
    ///
    /// # Panics
    ///
    /// In debug builds, if there are complete commands that were not consumed.
    pub fn read_target(&mut self) -> &mut Vec<u8> {
        if self.command_end > 0 {
            self.compact();
        }
        if let State::Large { bytes, data, .. } = &mut self.state {
            if data.len() == data.capacity() {
                // Never more than the argument and its line end, so nothing behind it is read.
                let missing = *bytes + 2 - data.len();
                data.reserve_exact(missing.min(data.len() * (LARGE_GROWTH - 1)));
            }
            return data;
        }
        if self.buffer.capacity() == 0 {
            self.buffer = pool::take();
        } else if self.buffer.capacity() - self.buffer.len() < READ_BYTES_MIN {
            // Doubles, as the bytes received double.
            self.buffer.reserve(self.buffer.len().max(READ_BYTES_MIN));
        }
        &mut self.buffer
    }

    /// Returns an empty buffer to the thread's pool: what a connection does before it waits.
    pub fn release(&mut self) {
        if self.buffer.is_empty() && self.buffer.capacity() > 0 {
            pool::give(std::mem::take(&mut self.buffer));
        }
    }

    /// Appends bytes, as a test or a fuzzer receives them, up to the end of a large argument.
    /// Returns how many it took; the commands must be parsed and consumed before the others.
    pub fn feed(&mut self, bytes: &[u8]) -> usize {
        let target = self.read_target();
        let taken = bytes.len().min(target.capacity() - target.len());
        target.extend_from_slice(&bytes[..taken]);
        taken
    }

    /// Bytes held that belong to no complete command.
    pub fn unparsed_bytes(&self) -> usize {
        let large = if let State::Large { data, .. } = &self.state { data.len() } else { 0 };
        self.buffer.len() - self.command_end + large
    }

    /// Bytes held, those of complete commands included.
    pub fn held_bytes(&self) -> usize {
        let large = if let State::Large { data, .. } = &self.state { data.len() } else { 0 };
        self.buffer.len() + large
    }

    /// Bytes allocated for what was received.
    pub fn allocated_bytes(&self) -> usize {
        let large = if let State::Large { data, .. } = &self.state { data.capacity() } else { 0 };
        self.buffer.capacity() + large + self.spans.capacity() * size_of::<Span>()
    }

    /// The complete commands found by the last [`parse`](Self::parse).
    pub fn commands(&self) -> &[Command] {
        &self.commands
    }

    /// The arguments of `command`.
    ///
    /// # Panics
    ///
    /// If the command was consumed.
    #[inline]
    pub fn args(&self, command: Command) -> Args<'_> {
        let first = command.first as usize;
        let spans = &self.spans[first..first + command.args as usize];
        Args::new(&self.buffer, spans, &self.large)
    }

    /// Finds the complete commands among the bytes received.
    ///
    /// # Errors
    ///
    /// A [`ProtocolError`]. Commands before the error are found all the same; nothing behind it
    /// can be understood.
    pub fn parse(&mut self, limits: &Limits) -> Result<(), ProtocolError> {
        let commands_max = if limits.unauthenticated { 1 } else { COMMANDS_MAX };
        while self.commands.len() < commands_max {
            let advanced = match self.state {
                State::Start => self.start(limits)?,
                State::Length { left } => self.length(left, limits)?,
                State::Bulk { left, bytes } => self.bulk(left, bytes),
                State::Large { .. } => self.large(),
            };
            if !advanced {
                break;
            }
        }
        Ok(())
    }

    /// Forgets the complete commands and their bytes.
    pub fn consume(&mut self) {
        self.commands.clear();
        self.spans.drain(..self.partial_first);
        self.partial_first = 0;
        if self.large_complete > 0 {
            self.large.drain(..self.large_complete);
            for span in &mut self.spans {
                *span = span.renumbered(self.large_complete);
            }
            self.large_complete = 0;
        }
        if self.command_end == self.buffer.len() {
            self.command_end = 0;
            self.at = 0;
            self.buffer.clear();
            if self.buffer.capacity() > LARGE_BYTES_MIN {
                self.buffer = Vec::new();
            }
        }
        // The spans of a command with very many arguments are not worth keeping.
        if self.spans.is_empty() && self.spans.capacity() > COMMANDS_MAX * 16 {
            self.spans = Vec::new();
        }
    }

    /// Moves what is left of the bytes to the front of the buffer. Waiting with this until more is
    /// read means that no byte is moved more than once, however small the commands are.
    fn compact(&mut self) {
        debug_assert!(self.commands.is_empty(), "complete commands are consumed before reading");
        self.buffer.drain(..self.command_end);
        for span in &mut self.spans {
            *span = span.shifted(self.command_end);
        }
        self.at -= self.command_end;
        self.command_end = 0;
    }

    /// Begins a command, or takes an inline one whole.
    fn start(&mut self, limits: &Limits) -> Result<bool, ProtocolError> {
        self.partial_first = self.spans.len();
        self.partial_bytes = 0;
        match self.buffer.get(self.at) {
            None => Ok(false),
            Some(b'*') => self.count(limits),
            Some(_) => self.inline(),
        }
    }

    fn count(&mut self, limits: &Limits) -> Result<bool, ProtocolError> {
        let (count, next) = match header(&self.buffer, self.at + 1) {
            Header::Number(count, next) => (count, next),
            Header::Partial => return Ok(false),
            Header::TooLong => return Err(ProtocolError::CountTooLong),
            Header::Invalid => return Err(ProtocolError::InvalidCount),
        };
        if count > limits.args_max as i64 {
            return Err(ProtocolError::InvalidCount);
        }
        if limits.unauthenticated && count > 10 {
            return Err(ProtocolError::UnauthenticatedCount);
        }
        self.at = next;
        if count <= 0 {
            self.command_end = next;
        } else {
            self.state = State::Length { left: count as u32 };
        }
        Ok(true)
    }

    fn inline(&mut self) -> Result<bool, ProtocolError> {
        let received = &self.buffer[self.at..];
        let line_end = received.iter().take(LINE_BYTES_MAX + 1).position(|&byte| byte == b'\n');
        let Some(line_bytes) = line_end else {
            let too_long = received.len() > LINE_BYTES_MAX;
            return if too_long { Err(ProtocolError::InlineTooLong) } else { Ok(false) };
        };
        let start = self.at;
        let line = &mut self.buffer[start..start + line_bytes];
        let spans = &mut self.spans;
        let words =
            inline::split(line, |word, bytes| spans.push(Span::in_buffer(start + word, bytes)));
        words.map_err(|inline::Unbalanced| ProtocolError::UnbalancedQuotes)?;
        self.at = start + line_bytes + 1;
        self.complete();
        Ok(true)
    }

    fn length(&mut self, left: u32, limits: &Limits) -> Result<bool, ProtocolError> {
        match self.buffer.get(self.at) {
            None => return Ok(false),
            Some(b'$') => {}
            Some(&byte) => return Err(ProtocolError::ExpectedBulk(byte)),
        }
        let (bytes, next) = match header(&self.buffer, self.at + 1) {
            Header::Number(bytes, next) => (bytes, next),
            Header::Partial => return Ok(false),
            Header::TooLong => return Err(ProtocolError::LengthTooLong),
            Header::Invalid => return Err(ProtocolError::InvalidLength),
        };
        if bytes < 0 || bytes > limits.bulk_bytes_max.min(1 << 30) as i64 {
            return Err(ProtocolError::InvalidLength);
        }
        if limits.unauthenticated && bytes > 16384 {
            return Err(ProtocolError::UnauthenticatedLength);
        }
        let bytes = bytes as usize;
        // Every argument costs a span besides its bytes.
        self.partial_bytes += bytes + size_of::<Span>();
        if self.partial_bytes > limits.command_bytes_max {
            return Err(ProtocolError::CommandTooLong);
        }
        self.at = next;
        self.state = State::Bulk { left, bytes };
        Ok(true)
    }

    #[inline]
    fn bulk(&mut self, left: u32, bytes: usize) -> bool {
        // Whatever the two bytes of the line end are, Redis skips them.
        let received = self.buffer.len() - self.at;
        if received >= bytes + 2 {
            self.spans.push(Span::in_buffer(self.at, bytes));
            self.at += bytes + 2;
            self.argument_done(left);
            return true;
        }
        if bytes >= LARGE_BYTES_MIN {
            // All that was received behind the header belongs to this argument.
            let room = (received * LARGE_GROWTH).clamp(LARGE_BYTES_MIN, bytes + 2);
            let mut data = Vec::with_capacity(room);
            data.extend_from_slice(&self.buffer[self.at..]);
            self.buffer.truncate(self.at);
            self.state = State::Large { left, bytes, data };
        }
        false
    }

    fn large(&mut self) -> bool {
        let State::Large { left, bytes, data } = &mut self.state else { return false };
        if data.len() < *bytes + 2 {
            return false;
        }
        let (left, bytes, mut data) = (*left, *bytes, std::mem::take(data));
        // An allocator that gave more room than was asked for let more be read.
        self.buffer.extend_from_slice(&data[bytes + 2..]);
        data.truncate(bytes);
        self.spans.push(Span::large(self.large.len()));
        // Shared from the start: storing and sending it copy nothing.
        self.large.push(Value::from(data).into_shared());
        self.argument_done(left);
        true
    }

    fn argument_done(&mut self, left: u32) {
        if left == 1 {
            self.state = State::Start;
            self.complete();
        } else {
            self.state = State::Length { left: left - 1 };
        }
    }

    /// Ends a command. One without words, an empty line, is none.
    fn complete(&mut self) {
        self.command_end = self.at;
        self.large_complete = self.large.len();
        let args = self.spans.len() - self.partial_first;
        if args > 0 {
            self.commands.push(Command { first: self.partial_first as u32, args: args as u32 });
        }
        self.partial_first = self.spans.len();
    }
}

/// The number after a `*` or `$`.
enum Header {
    /// The number, and where the bytes behind its line end begin.
    Number(i64, usize),
    Partial,
    TooLong,
    Invalid,
}

/// Reads digits up to a line end.
#[inline]
fn header(buffer: &[u8], start: usize) -> Header {
    let mut number = 0;
    // The common case: few digits, all of them there.
    for (offset, &byte) in buffer[start..].iter().take(10).enumerate() {
        match byte {
            b'0'..=b'9' => number = number * 10 + i64::from(byte - b'0'),
            b'\r' if offset > 0 && (buffer[start] != b'0' || offset == 1) => {
                let end = start + offset + 2;
                return if end <= buffer.len() {
                    Header::Number(number, end)
                } else {
                    Header::Partial
                };
            }
            _ => break,
        }
    }
    header_in_full(buffer, start)
}

#[cold]
fn header_in_full(buffer: &[u8], start: usize) -> Header {
    let line = &buffer[start..];
    match line.iter().take(LINE_BYTES_MAX + 1).position(|&byte| byte == b'\r') {
        Some(end) if start + end + 1 >= buffer.len() => Header::Partial,
        Some(end) => match crate::number::parse_i64(&line[..end]) {
            Some(number) => Header::Number(number, start + end + 2),
            None => Header::Invalid,
        },
        None if line.len() > LINE_BYTES_MAX => Header::TooLong,
        None => Header::Partial,
    }
}

#[cfg(test)]
#[path = "input_tests.rs"]
mod tests;
