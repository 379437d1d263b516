//! The file as a whole.

use std::fmt;
use std::io::Write;

use super::WriteOptions;
use super::body::Body;
use super::output::Output;
use crate::{Event, RdbError, opcode};

/// Writes a file from its events.
///
/// Everything between [`begin`](Self::begin) and [`finish`](Self::finish) goes out in order and
/// through a buffer of [`BUFFER_BYTES`](crate::BUFFER_BYTES). A file that was not finished lacks
/// its end marker, which every reader notices. After a failure nothing more is taken.
pub struct Writer<W> {
    output: Output<W>,
    body: Body,
}

impl<W: Write> Writer<W> {
    /// Begins a file.
    ///
    /// # Errors
    ///
    /// [`RdbError::InvalidOptions`] for a version that is not written.
    pub fn begin(destination: W, options: WriteOptions) -> Result<Self, RdbError> {
        options.check()?;
        let mut output = Output::new(destination);
        output.put(format!("REDIS{:04}", options.version.number()).as_bytes())?;
        Ok(Self { output, body: Body::new(options) })
    }

    /// Writes what `event` says.
    ///
    /// # Errors
    ///
    /// [`RdbError::OutOfSequence`] if the event cannot follow those before it, or contradicts the
    /// numbers that they gave; [`RdbError::NeedsVersion`] if the version cannot hold it,
    /// [`RdbError::Unwritable`] if none can; [`RdbError::Io`] from the destination;
    /// [`RdbError::Poisoned`] after any of these.
    pub fn event(&mut self, event: Event<'_>) -> Result<(), RdbError> {
        let Self { output, body } = self;
        if body.is_between() {
            match event {
                Event::Aux { name, value } => {
                    output.byte(opcode::AUX)?;
                    output.string(name)?;
                    return output.string(value);
                }
                Event::Database(number) => {
                    output.byte(opcode::DATABASE)?;
                    return output.length(u64::from(number));
                }
                Event::SizeHint { keys, expiring } => {
                    output.byte(opcode::RESIZE)?;
                    output.length(keys)?;
                    return output.length(expiring);
                }
                Event::Begin(head) => {
                    if let Some(unix_ms) = head.expires_at_unix_ms {
                        output.byte(opcode::EXPIRY_MS)?;
                        output.time_ms(unix_ms)?;
                    }
                    return body.begin(output, head, true);
                }
                _ => {}
            }
        }
        body.event(output, event)
    }

    /// The destination. Bytes may still be on their way to it, in the writer's buffer.
    pub fn get_mut(&mut self) -> &mut W {
        self.output.destination_mut()
    }

    /// Bytes of the file so far.
    pub fn bytes(&self) -> u64 {
        self.output.bytes()
    }

    /// Streams whose counters the version could not hold and the options let go.
    pub fn dropped_stream_counters(&self) -> u64 {
        self.body.dropped_stream_counters()
    }

    /// Ends the file with its checksum and returns the destination, flushed.
    ///
    /// # Errors
    ///
    /// [`RdbError::OutOfSequence`] in the middle of a key, [`RdbError::Poisoned`] after a
    /// failure, [`RdbError::Io`] from the destination.
    pub fn finish(mut self) -> Result<W, RdbError> {
        self.body.check_between()?;
        self.output.byte(opcode::END)?;
        let checksum = self.output.checksum()?;
        self.output.put(&checksum.to_le_bytes())?;
        self.output.into_inner()
    }
}

impl<W> fmt::Debug for Writer<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("body", &self.body).finish_non_exhaustive()
    }
}
