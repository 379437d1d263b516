//! What stands for Zstandard in a build without it.

use super::header::StoredAs;
use crate::error::{FormatError, PageFault};

/// A compressor that there is none of.
pub(super) enum Compressor {}

impl Compressor {
    /// Refuses the codec.
    pub(super) fn new(_level: i32) -> Result<Self, FormatError> {
        Err(FormatError::UnsupportedCodec { codec: "zstd" })
    }

    /// Cannot be called.
    pub(super) fn compress(&mut self, _raw: &[u8], _frame: &mut [u8]) -> Option<usize> {
        match *self {}
    }
}

/// A decompressor that refuses every frame.
#[derive(Default)]
pub(super) struct Decompressor;

impl Decompressor {
    /// Refuses the codec.
    pub(super) fn decompress(&mut self, _: &[u8], _: &mut [u8]) -> Result<usize, PageFault> {
        let Self = self;
        Err(PageFault::Codec(StoredAs::Zstd as u8))
    }
}
