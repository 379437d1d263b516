//! How elements lie in a leaf: a length, then so many bytes.

/// Bytes that a length takes at most.
const PREFIX_BYTES_MAX: usize = 10;

/// A number as it is written before what it counts: seven bits a byte, the lowest first, and the
/// eighth bit set where another byte follows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prefix {
    bytes: [u8; PREFIX_BYTES_MAX],
    len: u8,
}

impl Prefix {
    #[inline]
    pub(crate) fn new(number: usize) -> Self {
        let mut prefix = Self { bytes: [0; PREFIX_BYTES_MAX], len: 1 };
        if number < 0x80 {
            prefix.bytes[0] = number as u8;
            return prefix;
        }
        let mut rest = number as u64;
        let mut at = 0;
        while rest >= 0x80 {
            prefix.bytes[at] = rest as u8 | 0x80;
            rest >>= 7;
            at += 1;
        }
        prefix.bytes[at] = rest as u8;
        prefix.len = at as u8 + 1;
        prefix
    }

    #[inline]
    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// Reads a number that [`Prefix`] wrote, and returns it with what follows. `None` if `bytes` do
/// not begin with one.
#[inline]
pub(crate) fn read_varint(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    if first < 0x80 { Some((usize::from(first), rest)) } else { read_long_varint(bytes) }
}

#[cold]
fn read_long_varint(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut number = 0_u64;
    for (at, &byte) in bytes.iter().enumerate().take(PREFIX_BYTES_MAX) {
        number |= u64::from(byte & 0x7f).checked_shl(7 * at as u32)?;
        if byte < 0x80 {
            return Some((number as usize, &bytes[at + 1..]));
        }
    }
    None
}

/// The elements of a leaf, or of the rest of one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Elements<'t>(&'t [u8]);

impl<'t> Elements<'t> {
    pub(crate) fn new(bytes: &'t [u8]) -> Self {
        Self(bytes)
    }

    /// Bytes that are still to come.
    #[inline]
    pub(super) fn rest_len(&self) -> usize {
        self.0.len()
    }
}

impl<'t> Iterator for Elements<'t> {
    type Item = &'t [u8];

    #[inline]
    fn next(&mut self) -> Option<&'t [u8]> {
        let (len, rest) = read_varint(self.0)?;
        let (element, rest) = rest.split_at(len);
        self.0 = rest;
        Some(element)
    }
}
