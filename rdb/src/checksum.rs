//! CRC-64 as Redis has it: the Jones polynomial, reflected, from zero.

use crc::{CRC_64_REDIS, Crc, Digest, Table};

/// Sixteen bytes a step: a table of 32 KiB makes the checksum cheaper than the copying.
static TABLE: Crc<u64, Table<16>> = Crc::<u64, Table<16>>::new(&CRC_64_REDIS);

/// A running checksum.
#[derive(Clone)]
pub(crate) struct Checksum(Digest<'static, u64, Table<16>>);

impl Checksum {
    pub(crate) fn new() -> Self {
        Self(TABLE.digest())
    }

    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn value(&self) -> u64 {
        self.0.clone().finalize()
    }
}

/// The checksum of `bytes`.
pub(crate) fn checksum(bytes: &[u8]) -> u64 {
    TABLE.checksum(bytes)
}

#[cfg(test)]
mod tests {
    use super::{Checksum, checksum};

    #[test]
    fn the_checksum_of_nine_digits_is_the_published_one() {
        assert_eq!(checksum(b"123456789"), 0xe9c6_d914_c4b8_d9ca);
    }

    #[test]
    fn pieces_have_the_checksum_of_the_whole() {
        let bytes: Vec<u8> = (0..1000).map(|i| (i * 7) as u8).collect();
        for cut in [0, 1, 15, 16, 17, 999, 1000] {
            let mut running = Checksum::new();
            running.add(&bytes[..cut]);
            running.add(&bytes[cut..]);
            assert_eq!(running.value(), checksum(&bytes));
        }
    }
}
