//! Ids of entries as clients write them.

use std::ops::RangeInclusive;

use exuvia::StreamId;

use crate::command::Failure;
use crate::number::parse_u64;

const INVALID: Failure = Failure::new("ERR Invalid stream ID specified as stream command argument");
/// Longest text of an id; no number fills it.
const TEXT_BYTES_MAX: usize = 127;

/// Reads one of the numbers of an id. Blanks and a sign may lead, as C's library has it.
fn number(text: &[u8]) -> Option<u64> {
    let digits = text.trim_ascii_start();
    parse_u64(digits.strip_prefix(b"+").unwrap_or(digits))
}

/// Reads `ms-seq`, or `ms` alone, which gets the number `missing`.
fn parse_with(text: &[u8], missing: u64) -> Result<StreamId, Failure> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(INVALID);
    }
    let (ms, seq) = match text.iter().position(|byte| *byte == b'-') {
        Some(dash) => (&text[..dash], Some(&text[dash + 1..])),
        None => (text, None),
    };
    let ms = number(ms).ok_or(INVALID)?;
    let seq = seq.map_or(Some(missing), number).ok_or(INVALID)?;
    Ok(StreamId::new(ms, seq))
}

/// Reads an id.
pub(super) fn parse(text: &[u8]) -> Result<StreamId, Failure> {
    parse_with(text, 0)
}

/// The id that a new entry is to get.
#[derive(Clone, Copy, Debug)]
pub(super) enum NewId {
    /// Whatever comes next.
    Auto,
    /// Of this time, with the next number.
    OfTime(u64),
    Given(StreamId),
}

impl NewId {
    pub(super) fn parse(text: &[u8]) -> Result<Self, Failure> {
        if text == b"*" {
            return Ok(Self::Auto);
        }
        match text.strip_suffix(b"-*") {
            Some(ms) => Ok(Self::OfTime(number(ms).ok_or(INVALID)?)),
            None => Ok(Self::Given(parse(text)?)),
        }
    }
}

/// An end of a range: an id, `-`, `+`, or an id behind `(`, which is left out.
fn bound(text: &[u8], missing: u64) -> Result<(StreamId, bool), Failure> {
    match text {
        b"-" => Ok((StreamId::MIN, false)),
        b"+" => Ok((StreamId::MAX, false)),
        [b'(', id @ ..] if !id.is_empty() => Ok((parse_with(id, missing)?, true)),
        id => Ok((parse_with(id, missing)?, false)),
    }
}

/// The first id of a range.
pub(super) fn start(text: &[u8]) -> Result<StreamId, Failure> {
    match bound(text, 0)? {
        (id, false) => Ok(id),
        (id, true) => id.next().ok_or(Failure::new("ERR invalid start ID for the interval")),
    }
}

/// The last id of a range.
fn end(text: &[u8]) -> Result<StreamId, Failure> {
    match bound(text, u64::MAX)? {
        (id, false) => Ok(id),
        (id, true) => id.previous().ok_or(Failure::new("ERR invalid end ID for the interval")),
    }
}

/// A range of ids.
pub(super) fn range(first: &[u8], last: &[u8]) -> Result<RangeInclusive<StreamId>, Failure> {
    Ok(start(first)?..=end(last)?)
}
