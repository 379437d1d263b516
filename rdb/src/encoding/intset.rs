//! Intset: integers of one width, sorted.

use super::element::take;
use crate::Fault;
use crate::decimal::Decimal;

/// The integers of a set, in ascending order.
#[derive(Debug)]
pub(crate) struct Intset<'a> {
    width: usize,
    rest: &'a [u8],
    last: Option<i64>,
}

impl<'a> Intset<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Result<Self, Fault> {
        let mut rest = bytes;
        let width = u32::from_le_bytes(take(&mut rest).ok_or(Fault::Intset)?) as usize;
        let count = u32::from_le_bytes(take(&mut rest).ok_or(Fault::Intset)?) as usize;
        if !matches!(width, 2 | 4 | 8) || count.checked_mul(width) != Some(rest.len()) {
            return Err(Fault::Intset);
        }
        Ok(Self { width, rest, last: None })
    }

    pub(crate) fn len(&self) -> usize {
        self.rest.len() / self.width
    }

    pub(crate) fn next(&mut self) -> Result<Option<Decimal>, Fault> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let value = match self.width {
            2 => take(&mut self.rest).map(|bytes| i64::from(i16::from_le_bytes(bytes))),
            4 => take(&mut self.rest).map(|bytes| i64::from(i32::from_le_bytes(bytes))),
            _ => take(&mut self.rest).map(i64::from_le_bytes),
        };
        let value = value.ok_or(Fault::Intset)?;
        if self.last.is_some_and(|last| last >= value) {
            return Err(Fault::Intset);
        }
        self.last = Some(value);
        Ok(Some(Decimal::new(value)))
    }
}
