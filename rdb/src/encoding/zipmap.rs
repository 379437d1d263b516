//! Zipmap: fields and values of a small hash, as Redis 2 wrote them.
//!
//! One byte of count, then pairs of (length, name, length, one byte of slack, value, slack), then
//! 255. A length is one byte below 254, or 254 and four bytes, little-endian.

use super::element::{take, take_slice};
use crate::Fault;

const LONG: u8 = 254;
const END: u8 = 255;

/// A field and its value.
type Pair<'a> = (&'a [u8], &'a [u8]);

/// The fields and values of a hash.
#[derive(Debug)]
pub(crate) struct Zipmap<'a> {
    rest: &'a [u8],
}

impl<'a> Zipmap<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Result<Self, Fault> {
        // The count is of use to nobody: from 254 fields on it says nothing.
        let (_, rest) = bytes.split_first().ok_or(Fault::Zipmap)?;
        Ok(Self { rest })
    }

    pub(crate) fn next(&mut self) -> Result<Option<Pair<'a>>, Fault> {
        let Some(len) = self.len()? else {
            return if self.rest.is_empty() { Ok(None) } else { Err(Fault::Zipmap) };
        };
        let field = take_slice(&mut self.rest, len).ok_or(Fault::Zipmap)?;
        let len = self.len()?.ok_or(Fault::OddLength)?;
        let [slack] = take(&mut self.rest).ok_or(Fault::Zipmap)?;
        let value = take_slice(&mut self.rest, len).ok_or(Fault::Zipmap)?;
        take_slice(&mut self.rest, usize::from(slack)).ok_or(Fault::Zipmap)?;
        Ok(Some((field, value)))
    }

    fn len(&mut self) -> Result<Option<usize>, Fault> {
        Ok(match take(&mut self.rest).ok_or(Fault::Zipmap)? {
            [END] => None,
            [LONG] => {
                let bytes = take(&mut self.rest).ok_or(Fault::Zipmap)?;
                Some(u32::from_le_bytes(bytes) as usize)
            }
            [short] => Some(usize::from(short)),
        })
    }
}
