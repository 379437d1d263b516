//! Files put together by hand, byte by byte.

/// A file under construction.
#[derive(Clone, Debug)]
pub(crate) struct Forge(Vec<u8>);

/// The checksum, bit by bit: slow, and nothing like the one under test.
pub(crate) fn checksum(bytes: &[u8]) -> u64 {
    const POLYNOMIAL_REFLECTED: u64 = 0x95ac_9329_ac4b_c9b5;
    bytes.iter().fold(0, |sum: u64, &byte| {
        (0..8).fold(sum ^ u64::from(byte), |sum, _| {
            if sum & 1 == 1 { sum >> 1 ^ POLYNOMIAL_REFLECTED } else { sum >> 1 }
        })
    })
}

impl Forge {
    pub(crate) fn new(header: &str) -> Self {
        Self(header.as_bytes().to_vec())
    }

    pub(crate) fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// A string below 64 bytes.
    pub(crate) fn string(self, text: impl AsRef<[u8]>) -> Self {
        let text = text.as_ref();
        assert!(text.len() < 64);
        self.bytes(&[text.len() as u8]).bytes(text)
    }

    /// The type and the name of a key.
    pub(crate) fn key(self, type_byte: u8, key: &str) -> Self {
        self.bytes(&[type_byte]).string(key)
    }

    /// The end marker alone, as versions before 5 have it.
    pub(crate) fn end_without_checksum(self) -> Vec<u8> {
        self.bytes(&[255]).0
    }

    pub(crate) fn end(self) -> Vec<u8> {
        let ended = self.bytes(&[255]);
        let sum = checksum(&ended.0).to_le_bytes();
        ended.bytes(&sum).0
    }
}
