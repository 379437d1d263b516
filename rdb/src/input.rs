//! The bytes of a file: buffered, counted, summed, and read as lengths and strings.

use std::io::{ErrorKind, Read};

use crate::blob::Blob;
use crate::checksum::Checksum;
use crate::decimal::Decimal;
use crate::opcode::string;
use crate::{Fault, RdbError, lzf};

/// Bytes that are read from a source at a time.
pub const BUFFER_BYTES: usize = 64 * 1024;

/// A length, or how else the string behind it is stored.
enum Length {
    Bytes(u64),
    Encoding(u8),
}

/// The source of a file.
pub(crate) struct Input<R> {
    outer: Outer<R>,
    /// Where bytes come from while a compressed blob lasts.
    blob: Option<Blob>,
    /// The compressed form of the string that is being read.
    compressed: Vec<u8>,
    string_bytes_max: u64,
}

impl<R: Read> Input<R> {
    pub(crate) fn new(source: R, buffer_bytes: usize, string_bytes_max: u64) -> Self {
        let buffer = vec![0; buffer_bytes].into_boxed_slice();
        let checksum = Checksum::new();
        let outer = Outer { source, buffer, summed: 0, start: 0, end: 0, consumed: 0, checksum };
        Self { outer, blob: None, compressed: Vec::new(), string_bytes_max }
    }

    /// Bytes of the file that were read.
    pub(crate) fn offset(&self) -> u64 {
        self.outer.consumed
    }

    /// The checksum of the bytes that were read.
    pub(crate) fn checksum(&mut self) -> u64 {
        self.outer.sum();
        self.outer.checksum.value()
    }

    /// What is wrong, and where.
    pub(crate) fn damaged(&self, fault: Fault) -> RdbError {
        RdbError::Damaged { offset: self.offset(), fault }
    }

    pub(crate) fn unsupported(&self, what: impl Into<Box<str>>) -> RdbError {
        RdbError::Unsupported { offset: self.offset(), what: what.into() }
    }

    /// Reads from `blob` until it ends.
    pub(crate) fn enter(&mut self, blob: Blob) {
        self.blob = Some(blob);
    }

    pub(crate) fn is_in_blob(&self) -> bool {
        self.blob.is_some()
    }

    /// Goes back to the file if the blob is through; returns whether it was.
    pub(crate) fn leave_if_through(&mut self) -> Result<bool, RdbError> {
        let Some(blob) = &mut self.blob else { return Ok(false) };
        let through = match blob.fill_buf() {
            Ok(bytes) => bytes.is_empty(),
            Err(_) => return Err(self.damaged(Fault::Blob)),
        };
        if through {
            self.blob = None;
        }
        Ok(through)
    }

    /// Bytes that are there without reading; none at the end.
    fn fill(&mut self) -> Result<&[u8], RdbError> {
        let offset = self.outer.consumed;
        match &mut self.blob {
            Some(blob) => {
                blob.fill_buf().map_err(|_| RdbError::Damaged { offset, fault: Fault::Blob })
            }
            None => Ok(self.outer.fill()?),
        }
    }

    fn consume(&mut self, bytes: usize) {
        match &mut self.blob {
            Some(blob) => blob.consume(bytes),
            None => self.outer.consume(bytes),
        }
    }

    fn cut_short(&self) -> RdbError {
        RdbError::CutShort { offset: self.offset() }
    }

    pub(crate) fn byte(&mut self) -> Result<u8, RdbError> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], RdbError> {
        let mut array = [0; N];
        let mut filled = 0;
        while filled < N {
            let there = self.fill()?;
            let take = there.len().min(N - filled);
            if take == 0 {
                return Err(self.cut_short());
            }
            array[filled..filled + take].copy_from_slice(&there[..take]);
            self.consume(take);
            filled += take;
        }
        Ok(array)
    }

    /// A time in milliseconds; those before the epoch are the epoch.
    pub(crate) fn time_ms(&mut self) -> Result<u64, RdbError> {
        Ok(u64::try_from(i64::from_le_bytes(self.array()?)).unwrap_or(0))
    }

    fn any_length(&mut self) -> Result<Length, RdbError> {
        let first = self.byte()?;
        let low = first & 0x3f;
        Ok(match (first >> 6, low) {
            (0, _) => Length::Bytes(u64::from(low)),
            (1, _) => Length::Bytes(u64::from(low) << 8 | u64::from(self.byte()?)),
            (2, 0) => Length::Bytes(u64::from(u32::from_be_bytes(self.array()?))),
            (2, 1) => Length::Bytes(u64::from_be_bytes(self.array()?)),
            (3, _) => Length::Encoding(low),
            _ => return Err(self.damaged(Fault::Length)),
        })
    }

    /// A number in the form of a length.
    pub(crate) fn length(&mut self) -> Result<u64, RdbError> {
        match self.any_length()? {
            Length::Bytes(number) => Ok(number),
            Length::Encoding(_) => Err(self.damaged(Fault::Length)),
        }
    }

    /// Reads a string in place of what `into` holds. Its memory grows with the bytes that arrive.
    pub(crate) fn string(&mut self, into: &mut Vec<u8>) -> Result<(), RdbError> {
        into.clear();
        let integer = match self.any_length()? {
            Length::Bytes(bytes) => return self.bytes(into, bytes),
            Length::Encoding(string::LZF) => return self.lzf_string(into),
            Length::Encoding(string::INT_8) => i64::from(i8::from_le_bytes(self.array()?)),
            Length::Encoding(string::INT_16) => i64::from(i16::from_le_bytes(self.array()?)),
            Length::Encoding(string::INT_32) => i64::from(i32::from_le_bytes(self.array()?)),
            Length::Encoding(_) => return Err(self.damaged(Fault::String)),
        };
        into.extend_from_slice(Decimal::new(integer).as_bytes());
        Ok(())
    }

    fn lzf_string(&mut self, into: &mut Vec<u8>) -> Result<(), RdbError> {
        let (stored, raw) = (self.length()?, self.length()?);
        self.check_limit(raw)?;
        if !lzf::is_possible(stored, raw) {
            return Err(self.damaged(Fault::Lzf));
        }
        let mut compressed = std::mem::take(&mut self.compressed);
        compressed.clear();
        self.bytes(&mut compressed, stored)?;
        lzf::decompress(&compressed, into, raw as usize).map_err(|fault| self.damaged(fault))?;
        self.compressed = compressed;
        Ok(())
    }

    fn check_limit(&self, bytes: u64) -> Result<(), RdbError> {
        if bytes <= self.string_bytes_max {
            return Ok(());
        }
        Err(RdbError::TooLong { offset: self.offset(), bytes, bytes_max: self.string_bytes_max })
    }

    /// Appends the next `bytes` bytes.
    pub(crate) fn bytes(&mut self, into: &mut Vec<u8>, bytes: u64) -> Result<(), RdbError> {
        self.check_limit(bytes)?;
        let mut left = bytes as usize;
        while left > 0 {
            let there = self.fill()?;
            let take = there.len().min(left);
            if take == 0 {
                return Err(self.cut_short());
            }
            into.extend_from_slice(&there[..take]);
            self.consume(take);
            left -= take;
        }
        Ok(())
    }
}

/// The file itself.
struct Outer<R> {
    source: R,
    buffer: Box<[u8]>,
    /// Up to where the buffer is part of the checksum; never behind `start`.
    summed: usize,
    start: usize,
    end: usize,
    /// Bytes that were taken from the buffer, ever.
    consumed: u64,
    checksum: Checksum,
}

impl<R: Read> Outer<R> {
    fn fill(&mut self) -> Result<&[u8], std::io::Error> {
        if self.start == self.end {
            self.sum();
            self.end = loop {
                match self.source.read(&mut self.buffer) {
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    // A source that claims more than there is room for is not believed.
                    result => break result?.min(self.buffer.len()),
                }
            };
            (self.start, self.summed) = (0, 0);
        }
        Ok(&self.buffer[self.start..self.end])
    }

    fn consume(&mut self, bytes: usize) {
        self.start += bytes;
        self.consumed += bytes as u64;
    }

    /// Adds what was taken since the last time to the checksum.
    fn sum(&mut self) {
        self.checksum.add(&self.buffer[self.summed..self.start]);
        self.summed = self.start;
    }
}
