//! Entries of streams.
//!
//! ```text
//! element: id, then for each field: length, field, length, value
//! ```

use std::fmt;

use super::id::StreamId;
use crate::tree::{Iter, Prefix, Sorted, read_varint};

/// Lays fields and values end to end, each behind its length.
pub(super) fn encode<F: AsRef<[u8]>, V: AsRef<[u8]>>(
    fields: impl IntoIterator<Item = (F, V)>,
) -> Vec<u8> {
    let mut encoded = Vec::new();
    let mut put = |bytes: &[u8]| {
        encoded.extend_from_slice(Prefix::new(bytes.len()).as_slice());
        encoded.extend_from_slice(bytes);
    };
    for (field, value) in fields {
        put(field.as_ref());
        put(value.as_ref());
    }
    encoded
}

/// An entry of a [`Stream`](super::Stream).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct StreamEntry<'a> {
    /// Its id.
    pub id: StreamId,
    fields: &'a [u8],
}

impl<'a> StreamEntry<'a> {
    pub(in crate::collection) fn decode(element: &'a [u8]) -> Option<Self> {
        let (id, fields) = StreamId::split(element)?;
        Some(Self { id, fields })
    }

    /// Whether its bytes are fields with values to the end.
    pub(in crate::collection) fn is_sound(&self) -> bool {
        let mut fields = self.fields();
        while !fields.0.is_empty() {
            if fields.next().is_none() {
                return false;
            }
        }
        true
    }

    /// Its fields with their values, in the order in which they were given; a field may occur
    /// several times.
    pub fn fields(&self) -> StreamFields<'a> {
        StreamFields(self.fields)
    }
}

impl fmt::Debug for StreamEntry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let escaped =
            self.fields().map(|(field, value)| (field.escape_ascii(), value.escape_ascii()));
        write!(f, "{} ", self.id)?;
        f.debug_map().entries(escaped).finish()
    }
}

/// The fields of a [`StreamEntry`] with their values.
#[derive(Clone, Debug)]
pub struct StreamFields<'a>(&'a [u8]);

impl<'a> StreamFields<'a> {
    fn take_bytes(&mut self) -> Option<&'a [u8]> {
        let (len, rest) = read_varint(self.0)?;
        let (bytes, rest) = rest.split_at_checked(len)?;
        self.0 = rest;
        Some(bytes)
    }
}

impl<'a> Iterator for StreamFields<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let mut rest = self.clone();
        let pair = (rest.take_bytes()?, rest.take_bytes()?);
        *self = rest;
        Some(pair)
    }
}

/// The entries of a [`Stream`](super::Stream), from either end.
#[derive(Clone, Debug)]
pub struct StreamIter<'a>(Iter<'a, Sorted>);

impl<'a> StreamIter<'a> {
    pub(super) fn new(elements: Iter<'a, Sorted>) -> Self {
        Self(elements)
    }
}

impl<'a> Iterator for StreamIter<'a> {
    type Item = StreamEntry<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        StreamEntry::decode(self.0.next()?)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl DoubleEndedIterator for StreamIter<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        StreamEntry::decode(self.0.next_back()?)
    }
}

impl ExactSizeIterator for StreamIter<'_> {}
