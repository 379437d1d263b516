//! Compressed blobs: some entries of a Dragonfly snapshot in one frame.

use std::fmt;
use std::io::{self, BufRead};

/// The decompressed bytes of a blob, a few at a time.
pub(crate) struct Blob(Box<dyn BufRead + Send>);

/// How a blob is compressed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Codec {
    Zstandard,
    Lz4,
}

impl Blob {
    #[cfg(feature = "dragonfly")]
    pub(crate) fn open(codec: Codec, frame: Vec<u8>) -> io::Result<Self> {
        let window_log_max = window_log_max(frame.len());
        let frame = io::Cursor::new(frame);
        Ok(Self(match codec {
            Codec::Zstandard => {
                let mut decoder = zstd::Decoder::with_buffer(frame)?;
                decoder.window_log_max(window_log_max)?;
                Box::new(io::BufReader::new(decoder))
            }
            Codec::Lz4 => Box::new(io::BufReader::new(lz4_flex::frame::FrameDecoder::new(frame))),
        }))
    }

    /// This build has no decoder.
    #[cfg(not(feature = "dragonfly"))]
    pub(crate) fn open(_: Codec, _: Vec<u8>) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl Blob {
    pub(crate) fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.0.fill_buf()
    }

    pub(crate) fn consume(&mut self, bytes: usize) {
        self.0.consume(bytes);
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Blob")
    }
}

/// The largest window, as a power of two, that a frame of so many bytes may ask for: a decoder
/// allocates it before it has seen the bytes that would fill it.
#[cfg(feature = "dragonfly")]
fn window_log_max(frame_bytes: usize) -> u32 {
    /// What the usual levels of compression need.
    const ORDINARY: u32 = 23;
    /// The most that the format's decoders allow.
    const LARGEST: u32 = 30;
    frame_bytes.saturating_mul(256).checked_ilog2().unwrap_or(0).clamp(ORDINARY, LARGEST)
}
