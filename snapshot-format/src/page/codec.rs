//! Compressing a payload where it pays, and decompressing it into bounded memory.

use std::fmt;

use super::zstd::{Compressor, Decompressor};
use super::{Codec, RAW_BYTES_MAX};
use crate::error::{FormatError, PageFault};
use crate::storage::{BUFFER_ALIGNMENT, Buffer};

/// Bytes out of the middle of a page by which its compressibility is judged.
const SAMPLE_BYTES: usize = 16 << 10;

/// Longest result of compressing `raw_bytes` that is worth storing: a tenth must be saved.
const fn worthwhile_bytes(raw_bytes: usize) -> usize {
    raw_bytes - raw_bytes.div_ceil(10)
}

/// Compresses the payloads of one part, page by page.
pub(crate) struct PageCompressor {
    /// `None` where nothing is to be compressed.
    compressor: Option<Compressor>,
    /// Whether the page before shrank: as long as pages do, none is sampled first.
    last_shrank: bool,
    /// Room for a sample that shrinks.
    sample: Vec<u8>,
}

impl PageCompressor {
    /// A compressor for `codec`.
    pub(crate) fn new(codec: Codec) -> Result<Self, FormatError> {
        let compressor = match codec {
            Codec::None => None,
            Codec::Zstd { level } => Some(Compressor::new(level)?),
        };
        Ok(Self { compressor, last_shrank: false, sample: vec![0; worthwhile_bytes(SAMPLE_BYTES)] })
    }

    /// Compresses `raw` into the start of `stored` and returns the length, or `None` if a tenth
    /// cannot be saved.
    pub(crate) fn compress(&mut self, raw: &[u8], stored: &mut [u8]) -> Option<usize> {
        let compressor = self.compressor.as_mut()?;
        if !self.last_shrank && raw.len() > 2 * SAMPLE_BYTES {
            let start = raw.len() / 2 - SAMPLE_BYTES / 2;
            compressor.compress(&raw[start..start + SAMPLE_BYTES], &mut self.sample)?;
        }
        let room = worthwhile_bytes(raw.len()).min(stored.len());
        let stored_bytes = compressor.compress(raw, &mut stored[..room]);
        self.last_shrank = stored_bytes.is_some();
        stored_bytes
    }
}

impl fmt::Debug for PageCompressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PageCompressor").finish_non_exhaustive()
    }
}

/// Decompresses payloads into memory that is allocated once, with the first page that needs it.
#[derive(Default)]
pub(crate) struct PageDecompressor {
    decompressor: Decompressor,
    raw: Option<Buffer>,
}

impl PageDecompressor {
    /// Decompresses a payload, which must be exactly `raw_bytes` long.
    pub(crate) fn decompress(&mut self, stored: &[u8], raw_bytes: usize) -> Result<(), PageFault> {
        let raw = Self::room(&mut self.raw, raw_bytes);
        match self.decompressor.decompress(stored, raw.filled_mut())? {
            bytes if bytes == raw_bytes => Ok(()),
            _ => Err(PageFault::Compression),
        }
    }

    /// Keeps a copy of a payload that is not aligned for its archive.
    pub(crate) fn align(&mut self, payload: &[u8]) {
        Self::room(&mut self.raw, payload.len()).filled_mut().copy_from_slice(payload);
    }

    /// The payload that was decompressed or aligned last.
    pub(crate) fn payload(&self) -> &[u8] {
        self.raw.as_ref().map_or(&[], Buffer::filled)
    }

    fn room(raw: &mut Option<Buffer>, raw_bytes: usize) -> &mut Buffer {
        let capacity = RAW_BYTES_MAX.next_multiple_of(BUFFER_ALIGNMENT);
        let raw = raw.get_or_insert_with(|| Buffer::new(capacity));
        raw.set_len(raw_bytes);
        raw
    }
}

impl fmt::Debug for PageDecompressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PageDecompressor").field("raw", &self.raw).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "zstd")]
    #[test]
    fn a_frame_must_have_just_the_length_that_the_header_says() {
        let raw = [7; 1000];
        let mut compressor = PageCompressor::new(Codec::Zstd { level: 1 }).unwrap();
        let mut frame = [0; 1000];
        let frame_bytes = compressor.compress(&raw, &mut frame).unwrap();
        let frame = &frame[..frame_bytes];
        let mut decompressor = PageDecompressor::default();
        assert_eq!(decompressor.decompress(frame, 1000), Ok(()));
        assert_eq!(decompressor.payload(), raw);
        for claimed in [0, 999, 1001, RAW_BYTES_MAX] {
            let refused = decompressor.decompress(frame, claimed);
            assert_eq!(refused, Err(PageFault::Compression), "a claim of {claimed} bytes");
        }
    }

    #[cfg(not(feature = "zstd"))]
    #[test]
    fn a_build_without_zstd_refuses_it_by_name() {
        let error = PageCompressor::new(Codec::Zstd { level: 1 }).expect_err("there is no zstd");
        assert_eq!(error.to_string(), "this build cannot handle the codec zstd");
        let refused = PageDecompressor::default().decompress(&[1, 2, 3], 100);
        assert_eq!(refused, Err(PageFault::Codec(1)));
    }
}
