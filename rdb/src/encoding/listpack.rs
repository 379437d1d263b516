//! Listpack: elements one after another, each followed by its own length.
//!
//! Four bytes of total length, two of count (65535: unknown), little-endian, the elements, 255.
//! An element is its encoding, its bytes, and the length of both in base 128, to be read from
//! the back.

use super::element::{Element, take, take_slice};
use crate::Fault;
use crate::decimal::parse_integer;

const HEADER_BYTES: usize = 6;
const COUNT_UNKNOWN: u16 = u16::MAX;
const END: u8 = 255;
/// Longer listpacks are refused by the readers of Redis.
const BYTES_MAX: usize = 1 << 30;

/// The elements of a listpack.
#[derive(Debug)]
pub(crate) struct Listpack<'a> {
    rest: &'a [u8],
    count: Option<u64>,
    seen: u64,
}

impl<'a> Listpack<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Result<Self, Fault> {
        let mut rest = bytes;
        let total = u32::from_le_bytes(take(&mut rest).ok_or(Fault::Listpack)?);
        let count = u16::from_le_bytes(take(&mut rest).ok_or(Fault::Listpack)?);
        if total as usize != bytes.len() {
            return Err(Fault::Listpack);
        }
        let count = (count != COUNT_UNKNOWN).then_some(u64::from(count));
        Ok(Self { rest, count, seen: 0 })
    }

    /// How many elements it says it has, zero if it does not say.
    pub(crate) fn count_hint(&self) -> u64 {
        self.count.unwrap_or(0)
    }

    pub(crate) fn next(&mut self) -> Result<Option<Element<'a>>, Fault> {
        if self.rest == [END] {
            let whole = self.count.is_none_or(|count| count == self.seen);
            return if whole { Ok(None) } else { Err(Fault::Listpack) };
        }
        let element = self.element().ok_or(Fault::Listpack)?;
        self.seen += 1;
        Ok(Some(element))
    }

    fn element(&mut self) -> Option<Element<'a>> {
        let before = self.rest.len();
        let [first] = take(&mut self.rest)?;
        let element = match first {
            0x00..=0x7f => Element::integer(i64::from(first)),
            0x80..=0xbf => self.bytes(usize::from(first & 0x3f))?,
            0xc0..=0xdf => {
                let [second] = take(&mut self.rest)?;
                Element::integer(sign(i64::from(first & 0x1f) << 8 | i64::from(second), 13))
            }
            0xe0..=0xef => {
                let [second] = take(&mut self.rest)?;
                self.bytes(usize::from(first & 0x0f) << 8 | usize::from(second))?
            }
            0xf0 => {
                let len = u32::from_le_bytes(take(&mut self.rest)?);
                self.bytes(len as usize)?
            }
            0xf1 => Element::integer(i64::from(i16::from_le_bytes(take(&mut self.rest)?))),
            0xf2 => {
                let [low, middle, high] = take(&mut self.rest)?;
                let value = i64::from(u32::from_le_bytes([low, middle, high, 0]));
                Element::integer(sign(value, 24))
            }
            0xf3 => Element::integer(i64::from(i32::from_le_bytes(take(&mut self.rest)?))),
            0xf4 => Element::integer(i64::from_le_bytes(take(&mut self.rest)?)),
            _ => return None,
        };
        let length = Backlen::new(before - self.rest.len());
        let found = take_slice(&mut self.rest, length.as_bytes().len())?;
        (found == length.as_bytes()).then_some(element)
    }

    fn bytes(&mut self, len: usize) -> Option<Element<'a>> {
        take_slice(&mut self.rest, len).map(Element::Bytes)
    }
}

/// The low `bits` bits of `value` as a signed number.
fn sign(value: i64, bits: u32) -> i64 {
    value << (64 - bits) >> (64 - bits)
}

/// The length of an element as it stands behind it: seven bits a byte, the lowest last, and the
/// high bit of every byte but the first says that another one stands before it.
struct Backlen {
    bytes: [u8; 5],
    start: usize,
}

impl Backlen {
    fn new(length: usize) -> Self {
        let mut bytes = [0; 5];
        let mut start = bytes.len();
        let mut left = length;
        loop {
            start -= 1;
            bytes[start] = (left & 0x7f) as u8;
            left >>= 7;
            // A length in 32 bits takes five bytes at most.
            if left == 0 || start == 0 {
                break;
            }
        }
        for byte in &mut bytes[start + 1..] {
            *byte |= 0x80;
        }
        Self { bytes, start }
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[self.start..]
    }
}

/// Puts a listpack together; its memory is kept for the next one.
#[derive(Debug)]
pub(crate) struct ListpackBuilder {
    bytes: Vec<u8>,
    count: u64,
}

impl ListpackBuilder {
    pub(crate) fn new() -> Self {
        Self { bytes: vec![0; HEADER_BYTES], count: 0 }
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.truncate(HEADER_BYTES);
        self.count = 0;
    }

    pub(crate) fn push_integer(&mut self, value: i64) {
        let start = self.bytes.len();
        if (0..=0x7f).contains(&value) {
            self.bytes.push(value as u8);
        } else if (-0x1000..0x1000).contains(&value) {
            self.bytes.extend_from_slice(&[0xc0 | (value >> 8) as u8 & 0x1f, value as u8]);
        } else if let Ok(value) = i16::try_from(value) {
            self.bytes.push(0xf1);
            self.bytes.extend_from_slice(&value.to_le_bytes());
        } else if (-0x80_0000..0x80_0000).contains(&value) {
            self.bytes.push(0xf2);
            self.bytes.extend_from_slice(&value.to_le_bytes()[..3]);
        } else if let Ok(value) = i32::try_from(value) {
            self.bytes.push(0xf3);
            self.bytes.extend_from_slice(&value.to_le_bytes());
        } else {
            self.bytes.push(0xf4);
            self.bytes.extend_from_slice(&value.to_le_bytes());
        }
        self.close(start);
    }

    /// Adds an element, as an integer if it is the decimal form of one.
    pub(crate) fn push(&mut self, element: &[u8]) {
        if let Some(value) = parse_integer(element) {
            return self.push_integer(value);
        }
        let start = self.bytes.len();
        match element.len() {
            len @ 0..=0x3f => self.bytes.push(0x80 | len as u8),
            len @ 0x40..=0xfff => {
                self.bytes.extend_from_slice(&[0xe0 | (len >> 8) as u8, len as u8]);
            }
            len => {
                self.bytes.push(0xf0);
                self.bytes.extend_from_slice(&(len as u32).to_le_bytes());
            }
        }
        self.bytes.extend_from_slice(element);
        self.close(start);
    }

    /// Whether an element of so many bytes keeps it below what readers accept.
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        self.bytes.len().saturating_add(bytes) < BYTES_MAX
    }

    fn close(&mut self, start: usize) {
        let length = Backlen::new(self.bytes.len() - start);
        self.bytes.extend_from_slice(length.as_bytes());
        self.count += 1;
    }

    /// The listpack, whole.
    pub(crate) fn finish(&mut self) -> &[u8] {
        self.bytes.push(END);
        let total = (self.bytes.len() as u32).to_le_bytes();
        let count = u16::try_from(self.count).unwrap_or(COUNT_UNKNOWN).to_le_bytes();
        self.bytes[..4].copy_from_slice(&total);
        self.bytes[4..HEADER_BYTES].copy_from_slice(&count);
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::{Listpack, ListpackBuilder};
    use crate::Fault;

    fn elements(bytes: &[u8]) -> Result<Vec<Vec<u8>>, Fault> {
        let mut listpack = Listpack::new(bytes)?;
        let mut elements = Vec::new();
        while let Some(element) = listpack.next()? {
            elements.push(element.as_bytes().to_vec());
        }
        Ok(elements)
    }

    #[test]
    fn elements_of_every_encoding_are_read_back() {
        let mut texts: Vec<Vec<u8>> = [0, 1, 127, 128, 4095, 4096, 32767, 32768, 8_388_607]
            .into_iter()
            .chain([8_388_608, i64::from(i32::MAX), i64::from(i32::MAX) + 1, i64::MAX])
            .flat_map(|value| [value, -value, -value - 1])
            .map(|value| value.to_string().into_bytes())
            .collect();
        texts.extend([0, 1, 63, 64, 127, 128, 4095, 4096, 20_000].map(|len| vec![b'x'; len]));
        let mut builder = ListpackBuilder::new();
        for text in &texts {
            builder.push(text);
        }
        assert_eq!(elements(builder.finish()).unwrap(), texts);
    }

    #[test]
    fn a_known_listpack_is_read() {
        // As Redis 7 writes the hash {f: 1}.
        let bytes = [12, 0, 0, 0, 2, 0, 0x81, b'f', 2, 1, 1, 255];
        assert_eq!(elements(&bytes).unwrap(), [b"f".to_vec(), b"1".to_vec()]);
    }

    #[test]
    fn damage_anywhere_in_the_frame_is_noticed() {
        let mut builder = ListpackBuilder::new();
        builder.push(b"field");
        builder.push(b"7");
        let bytes = builder.finish().to_vec();
        // Byte 6 is the encoding; bytes 7 to 11 are the text and say what they like.
        for at in (0..bytes.len()).filter(|at| !(7..12).contains(at) && *at != 13) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x40;
            assert_eq!(elements(&damaged), Err(Fault::Listpack), "byte {at}");
        }
        for cut in 0..bytes.len() {
            assert_eq!(elements(&bytes[..cut]), Err(Fault::Listpack));
        }
    }
}
