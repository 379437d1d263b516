//! Compressing a payload where it pays, and decompressing it into bounded memory.

use std::fmt;

use super::{Codec, RAW_BYTES_MAX};
use crate::error::{FormatError, PageFault};
use crate::storage::Buffer;

/// Bytes out of the middle of a page by which its compressibility is judged.
const SAMPLE_BYTES: usize = 16 << 10;

/// Longest result of compressing `raw_bytes` that is worth storing: a tenth must be saved.
const fn worthwhile_bytes(raw_bytes: usize) -> usize {
    raw_bytes - raw_bytes.div_ceil(10)
}

/// Compresses the payloads of one part, page by page.
pub(crate) struct PageCompressor {
    #[cfg(feature = "zstd")]
    zstd: Option<zstd::bulk::Compressor<'static>>,
    /// Whether the page before shrank: as long as pages do, none is sampled first.
    #[cfg(feature = "zstd")]
    last_shrank: bool,
    #[cfg(feature = "zstd")]
    sample: Vec<u8>,
}

#[cfg(feature = "zstd")]
impl PageCompressor {
    /// A compressor for `codec`.
    pub(crate) fn new(codec: Codec) -> Result<Self, FormatError> {
        let unsupported = |_| FormatError::UnsupportedCodec { codec: "zstd" };
        Ok(match codec {
            Codec::None => Self { zstd: None, last_shrank: false, sample: Vec::new() },
            Codec::Zstd { level } => Self {
                zstd: Some(zstd::bulk::Compressor::new(level).map_err(unsupported)?),
                last_shrank: false,
                sample: vec![0; worthwhile_bytes(SAMPLE_BYTES)],
            },
        })
    }

    /// Compresses `raw` into the start of `stored` and returns the length, or `None` if a tenth
    /// cannot be saved.
    pub(crate) fn compress(&mut self, raw: &[u8], stored: &mut [u8]) -> Option<usize> {
        let zstd = self.zstd.as_mut()?;
        if !self.last_shrank && raw.len() > 2 * SAMPLE_BYTES {
            let start = raw.len() / 2 - SAMPLE_BYTES / 2;
            let sample = &raw[start..start + SAMPLE_BYTES];
            zstd.compress_to_buffer(sample, &mut self.sample[..]).ok()?;
        }
        // A result that does not fit the room is an error of zstd's, and means "not worth it".
        let room = worthwhile_bytes(raw.len()).min(stored.len());
        let stored_bytes = zstd.compress_to_buffer(raw, &mut stored[..room]).ok();
        self.last_shrank = stored_bytes.is_some();
        stored_bytes
    }
}

#[cfg(not(feature = "zstd"))]
impl PageCompressor {
    /// A compressor for `codec`, which cannot be anything but [`Codec::None`].
    pub(crate) fn new(codec: Codec) -> Result<Self, FormatError> {
        match codec {
            Codec::None => Ok(Self {}),
            Codec::Zstd { .. } => Err(FormatError::UnsupportedCodec { codec: "zstd" }),
        }
    }

    /// Never saves anything.
    pub(crate) fn compress(&mut self, _raw: &[u8], _stored: &mut [u8]) -> Option<usize> {
        None
    }
}

impl fmt::Debug for PageCompressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PageCompressor").finish_non_exhaustive()
    }
}

/// Decompresses payloads into memory that is allocated once, with the first compressed page.
#[derive(Default)]
pub(crate) struct PageDecompressor {
    #[cfg(feature = "zstd")]
    zstd: Option<zstd::bulk::Decompressor<'static>>,
    raw: Option<Buffer>,
}

impl PageDecompressor {
    /// The decompressed payload of a page, which must be exactly `raw_bytes` long.
    pub(crate) fn decompress(&mut self, stored: &[u8], raw_bytes: usize) -> Result<(), PageFault> {
        let raw = Self::room(&mut self.raw, raw_bytes);
        #[cfg(feature = "zstd")]
        {
            let zstd = match &mut self.zstd {
                Some(zstd) => zstd,
                none => none
                    .insert(zstd::bulk::Decompressor::new().map_err(|_| PageFault::Compression)?),
            };
            match zstd.decompress_to_buffer(stored, &mut raw.all_mut()[..raw_bytes]) {
                Ok(bytes) if bytes == raw_bytes => Ok(()),
                _ => Err(PageFault::Compression),
            }
        }
        #[cfg(not(feature = "zstd"))]
        {
            let _ = (stored, raw);
            Err(PageFault::Codec(super::header::StoredAs::Zstd as u8))
        }
    }

    /// Keeps a copy of a payload that is not aligned for its archive.
    pub(crate) fn align(&mut self, payload: &[u8]) {
        let raw = Self::room(&mut self.raw, payload.len());
        raw.all_mut()[..payload.len()].copy_from_slice(payload);
    }

    /// The payload that was decompressed or aligned last.
    pub(crate) fn payload(&self) -> &[u8] {
        self.raw.as_ref().map_or(&[], Buffer::filled)
    }

    fn room(raw: &mut Option<Buffer>, raw_bytes: usize) -> &mut Buffer {
        let raw = raw.get_or_insert_with(|| Buffer::new(RAW_BYTES_MAX.next_multiple_of(4096)));
        raw.set_len(raw_bytes);
        raw
    }
}

impl fmt::Debug for PageDecompressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PageDecompressor").field("raw", &self.raw).finish_non_exhaustive()
    }
}
