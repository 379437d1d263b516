//! Ziplist: elements one after another, each preceded by the length of the one before it.
//!
//! Four bytes of total length, four of the last element's offset, two of count (65535: unknown),
//! little-endian, the elements, 255.

use super::element::{Element, take, take_slice};
use crate::Fault;
use crate::decimal::parse_integer;

const HEADER_BYTES: usize = 10;
const COUNT_UNKNOWN: u16 = u16::MAX;
const END: u8 = 255;
/// Length of the element before, if five bytes hold it.
const LONG: u8 = 254;

/// The elements of a ziplist.
#[derive(Debug)]
pub(crate) struct Ziplist<'a> {
    bytes: &'a [u8],
    rest: &'a [u8],
    tail: usize,
    count: Option<u64>,
    seen: u64,
    /// Where the element that was read last stands; the first one's place if none was.
    last: usize,
    last_bytes: usize,
}

impl<'a> Ziplist<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Result<Self, Fault> {
        let mut rest = bytes;
        let total = u32::from_le_bytes(take(&mut rest).ok_or(Fault::Ziplist)?);
        let tail = u32::from_le_bytes(take(&mut rest).ok_or(Fault::Ziplist)?) as usize;
        let count = u16::from_le_bytes(take(&mut rest).ok_or(Fault::Ziplist)?);
        if total as usize != bytes.len() {
            return Err(Fault::Ziplist);
        }
        let count = (count != COUNT_UNKNOWN).then_some(u64::from(count));
        Ok(Self { bytes, rest, tail, count, seen: 0, last: HEADER_BYTES, last_bytes: 0 })
    }

    /// How many elements it says it has, zero if it does not say.
    pub(crate) fn count_hint(&self) -> u64 {
        self.count.unwrap_or(0)
    }

    pub(crate) fn next(&mut self) -> Result<Option<Element<'a>>, Fault> {
        if self.rest == [END] {
            let whole = self.count.is_none_or(|count| count == self.seen);
            return if whole && self.last == self.tail { Ok(None) } else { Err(Fault::Ziplist) };
        }
        let element = self.element().ok_or(Fault::Ziplist)?;
        self.seen += 1;
        Ok(Some(element))
    }

    fn element(&mut self) -> Option<Element<'a>> {
        let start = self.bytes.len() - self.rest.len();
        let before = match take(&mut self.rest)? {
            [LONG] => u32::from_le_bytes(take(&mut self.rest)?) as usize,
            [END] => return None,
            [short] => usize::from(short),
        };
        if before != self.last_bytes {
            return None;
        }
        let [first] = take(&mut self.rest)?;
        let element = match first {
            0x00..=0x3f => self.text(usize::from(first))?,
            0x40..=0x7f => {
                let [second] = take(&mut self.rest)?;
                self.text(usize::from(first & 0x3f) << 8 | usize::from(second))?
            }
            0x80 => {
                let len = u32::from_be_bytes(take(&mut self.rest)?);
                self.text(len as usize)?
            }
            0xc0 => Element::integer(i64::from(i16::from_le_bytes(take(&mut self.rest)?))),
            0xd0 => Element::integer(i64::from(i32::from_le_bytes(take(&mut self.rest)?))),
            0xe0 => Element::integer(i64::from_le_bytes(take(&mut self.rest)?)),
            0xf0 => {
                let [low, middle, high] = take(&mut self.rest)?;
                Element::integer(i64::from(i32::from_le_bytes([0, low, middle, high]) >> 8))
            }
            0xfe => Element::integer(i64::from(i8::from_le_bytes(take(&mut self.rest)?))),
            0xf1..=0xfd => Element::integer(i64::from(first & 0x0f) - 1),
            _ => return None,
        };
        self.last = start;
        self.last_bytes = self.bytes.len() - self.rest.len() - start;
        Some(element)
    }

    fn text(&mut self, len: usize) -> Option<Element<'a>> {
        take_slice(&mut self.rest, len).map(Element::Bytes)
    }
}

/// Puts a ziplist together; its memory is kept for the next one.
#[derive(Debug)]
pub(crate) struct ZiplistBuilder {
    bytes: Vec<u8>,
    count: u64,
    last: usize,
    last_bytes: usize,
}

impl ZiplistBuilder {
    pub(crate) fn new() -> Self {
        Self { bytes: vec![0; HEADER_BYTES], count: 0, last: HEADER_BYTES, last_bytes: 0 }
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.truncate(HEADER_BYTES);
        (self.count, self.last, self.last_bytes) = (0, HEADER_BYTES, 0);
    }

    /// Whether an element of so many bytes keeps its offsets in 32 bits.
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        u32::try_from(self.bytes.len().saturating_add(bytes).saturating_add(16)).is_ok()
    }

    /// Adds an element, as an integer if it is the decimal form of one.
    pub(crate) fn push(&mut self, element: &[u8]) {
        let start = self.bytes.len();
        match u8::try_from(self.last_bytes) {
            Ok(short) if short < LONG => self.bytes.push(short),
            _ => {
                self.bytes.push(LONG);
                self.bytes.extend_from_slice(&(self.last_bytes as u32).to_le_bytes());
            }
        }
        match parse_integer(element) {
            Some(value) => self.integer(value),
            None => self.text(element),
        }
        self.last = start;
        self.last_bytes = self.bytes.len() - start;
        self.count += 1;
    }

    fn integer(&mut self, value: i64) {
        let little = value.to_le_bytes();
        let (encoding, width) = match value {
            0..=12 => (0xf1 + value as u8, 0),
            -0x80..=0x7f => (0xfe, 1),
            -0x8000..=0x7fff => (0xc0, 2),
            -0x80_0000..=0x7f_ffff => (0xf0, 3),
            -0x8000_0000..=0x7fff_ffff => (0xd0, 4),
            _ => (0xe0, 8),
        };
        self.bytes.push(encoding);
        self.bytes.extend_from_slice(&little[..width]);
    }

    fn text(&mut self, text: &[u8]) {
        match text.len() {
            len @ 0..=0x3f => self.bytes.push(len as u8),
            len @ 0x40..=0x3fff => {
                self.bytes.extend_from_slice(&[0x40 | (len >> 8) as u8, len as u8]);
            }
            len => {
                self.bytes.push(0x80);
                self.bytes.extend_from_slice(&(len as u32).to_be_bytes());
            }
        }
        self.bytes.extend_from_slice(text);
    }

    /// The ziplist, whole.
    pub(crate) fn finish(&mut self) -> &[u8] {
        self.bytes.push(END);
        let total = (self.bytes.len() as u32).to_le_bytes();
        let count = u16::try_from(self.count).unwrap_or(COUNT_UNKNOWN).to_le_bytes();
        self.bytes[..4].copy_from_slice(&total);
        self.bytes[4..8].copy_from_slice(&(self.last as u32).to_le_bytes());
        self.bytes[8..HEADER_BYTES].copy_from_slice(&count);
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::{Ziplist, ZiplistBuilder};
    use crate::Fault;

    fn elements(bytes: &[u8]) -> Result<Vec<Vec<u8>>, Fault> {
        let mut ziplist = Ziplist::new(bytes)?;
        let mut elements = Vec::new();
        while let Some(element) = ziplist.next()? {
            elements.push(element.as_bytes().to_vec());
        }
        Ok(elements)
    }

    #[test]
    fn elements_of_every_encoding_are_read_back() {
        let mut texts: Vec<Vec<u8>> = [0, 12, 13, 127, 128, 32767, 32768, 8_388_607, 8_388_608]
            .into_iter()
            .chain([i64::from(i32::MAX), i64::from(i32::MAX) + 1, i64::MAX])
            .flat_map(|value| [value, -value, -value - 1])
            .map(|value| value.to_string().into_bytes())
            .collect();
        texts.extend([0, 1, 63, 64, 253, 254, 16383, 16384, 70_000].map(|len| vec![b'x'; len]));
        let mut builder = ZiplistBuilder::new();
        for text in &texts {
            builder.push(text);
        }
        assert_eq!(elements(builder.finish()).unwrap(), texts);
    }

    #[test]
    fn a_known_ziplist_is_read() {
        // As Redis 6 writes the list [a, 1].
        let bytes = [16, 0, 0, 0, 13, 0, 0, 0, 2, 0, 0, 1, b'a', 3, 0xf2, 255];
        assert_eq!(elements(&bytes).unwrap(), [b"a".to_vec(), b"1".to_vec()]);
    }

    #[test]
    fn damage_anywhere_in_the_frame_is_noticed() {
        let mut builder = ZiplistBuilder::new();
        builder.push(b"field");
        builder.push(b"7");
        let bytes = builder.finish().to_vec();
        for at in (0..10).chain([10, 11, 17, 19]) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x40;
            assert_eq!(elements(&damaged), Err(Fault::Ziplist), "byte {at}");
        }
        for cut in 0..bytes.len() {
            assert_eq!(elements(&bytes[..cut]), Err(Fault::Ziplist));
        }
    }
}
