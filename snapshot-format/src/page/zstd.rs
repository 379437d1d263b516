//! Zstandard, one frame at a time with a context that is kept.

use zstd::bulk;

use crate::error::{FormatError, PageFault};

/// Compresses frames at one level.
pub(super) struct Compressor(bulk::Compressor<'static>);

impl Compressor {
    /// A compressor at `level`.
    pub(super) fn new(level: i32) -> Result<Self, FormatError> {
        let unsupported = |_| FormatError::UnsupportedCodec { codec: "zstd" };
        bulk::Compressor::new(level).map(Self).map_err(unsupported)
    }

    /// Compresses `raw` into `frame` and returns the frame's length; `None` if it is longer.
    pub(super) fn compress(&mut self, raw: &[u8], frame: &mut [u8]) -> Option<usize> {
        self.0.compress_to_buffer(raw, frame).ok()
    }
}

/// Decompresses frames; its context is allocated with the first one.
#[derive(Default)]
pub(super) struct Decompressor(Option<bulk::Decompressor<'static>>);

impl Decompressor {
    /// Decompresses `frame` into `raw` and returns the length; an error if it is longer.
    pub(super) fn decompress(&mut self, frame: &[u8], raw: &mut [u8]) -> Result<usize, PageFault> {
        let context = match &mut self.0 {
            Some(context) => context,
            none => none.insert(bulk::Decompressor::new().map_err(|_| PageFault::Compression)?),
        };
        context.decompress_to_buffer(frame, raw).map_err(|_| PageFault::Compression)
    }
}
