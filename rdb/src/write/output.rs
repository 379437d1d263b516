//! The bytes of a file on their way out: gathered, summed, and written as lengths and strings.

use std::io::Write;

use crate::RdbError;
use crate::checksum::Checksum;
use crate::decimal::parse_integer;
use crate::input::BUFFER_BYTES;
use crate::opcode::string;

/// A destination with a buffer before it.
pub(super) struct Output<W> {
    destination: W,
    buffer: Vec<u8>,
    checksum: Checksum,
    written: u64,
}

impl<W: Write> Output<W> {
    pub(super) fn new(destination: W) -> Self {
        let buffer = Vec::with_capacity(BUFFER_BYTES);
        Self { destination, buffer, checksum: Checksum::new(), written: 0 }
    }

    pub(super) fn destination_mut(&mut self) -> &mut W {
        &mut self.destination
    }

    /// Bytes that were put so far.
    pub(super) fn bytes(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }

    pub(super) fn put(&mut self, bytes: &[u8]) -> Result<(), RdbError> {
        if self.buffer.len() + bytes.len() > BUFFER_BYTES {
            self.drain()?;
        }
        if bytes.len() >= BUFFER_BYTES {
            self.checksum.add(bytes);
            self.destination.write_all(bytes)?;
            self.written += bytes.len() as u64;
        } else {
            self.buffer.extend_from_slice(bytes);
        }
        Ok(())
    }

    pub(super) fn byte(&mut self, byte: u8) -> Result<(), RdbError> {
        self.put(&[byte])
    }

    pub(super) fn length(&mut self, length: u64) -> Result<(), RdbError> {
        let big = length.to_be_bytes();
        match length {
            0..=0x3f => self.byte(big[7]),
            0x40..=0x3fff => self.put(&[0x40 | big[6], big[7]]),
            0x4000..=0xffff_ffff => {
                self.byte(0x80)?;
                self.put(&big[4..])
            }
            _ => {
                self.byte(0x81)?;
                self.put(&big)
            }
        }
    }

    /// Writes a string, as an integer if it is the decimal form of one of 32 bits.
    pub(super) fn string(&mut self, bytes: &[u8]) -> Result<(), RdbError> {
        // The longest such form has eleven bytes.
        let integer = if bytes.len() <= 11 { parse_integer(bytes) } else { None };
        if let Some(value) = integer.and_then(|value| i32::try_from(value).ok()) {
            let little = value.to_le_bytes();
            let (encoding, width) = match value {
                -0x80..=0x7f => (string::INT_8, 1),
                -0x8000..=0x7fff => (string::INT_16, 2),
                _ => (string::INT_32, 4),
            };
            self.byte(0xc0 | encoding)?;
            return self.put(&little[..width]);
        }
        self.raw_string(bytes)
    }

    /// Writes a string as its own bytes.
    pub(super) fn raw_string(&mut self, bytes: &[u8]) -> Result<(), RdbError> {
        self.length(bytes.len() as u64)?;
        self.put(bytes)
    }

    /// Writes a time in milliseconds; those that nobody will see are the last that there is.
    pub(super) fn time_ms(&mut self, unix_ms: u64) -> Result<(), RdbError> {
        self.put(&i64::try_from(unix_ms).unwrap_or(i64::MAX).to_le_bytes())
    }

    /// The checksum of all bytes so far.
    pub(super) fn checksum(&mut self) -> Result<u64, RdbError> {
        self.drain()?;
        Ok(self.checksum.value())
    }

    /// Writes out what is in the buffer and returns the destination.
    pub(super) fn into_inner(mut self) -> Result<W, RdbError> {
        self.drain()?;
        self.destination.flush()?;
        Ok(self.destination)
    }

    fn drain(&mut self) -> Result<(), RdbError> {
        self.checksum.add(&self.buffer);
        self.destination.write_all(&self.buffer)?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}
