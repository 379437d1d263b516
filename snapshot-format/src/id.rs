//! The identity of a snapshot.

use std::fmt;

/// Sixteen random bytes that name one snapshot for ever.
///
/// Every page's checksum is seeded with it, so a page of another snapshot never passes, and part
/// names begin to differ in it, so two saves never write to one file. `Display` prints 32
/// hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SnapshotId([u8; 16]);

impl SnapshotId {
    /// Makes an id of sixteen bytes, which the caller takes from a random source.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The id's bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The first four bytes as a big-endian number: what a part's name carries.
    pub const fn short(&self) -> ShortId {
        ShortId(u32::from_be_bytes([self.0[0], self.0[1], self.0[2], self.0[3]]))
    }
}

impl fmt::Display for SnapshotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for SnapshotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SnapshotId({self})")
    }
}

/// The start of a [`SnapshotId`]: eight hexadecimal digits in a part's name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct ShortId(pub(crate) u32);

impl fmt::Display for ShortId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_form_is_the_start_of_the_long_one() {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&[0x0a, 0x2b, 0x3c, 0x4d]);
        bytes[15] = 1;
        let id = SnapshotId::from_bytes(bytes);
        assert_eq!(id.to_string(), "0a2b3c4d000000000000000000000001");
        assert_eq!(id.short().to_string(), "0a2b3c4d");
    }
}
