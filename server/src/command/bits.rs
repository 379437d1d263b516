//! Single bits of strings, and ranges of them. Bit 0 is the highest of the first byte.

use std::ops::Range;

use exuvia::{Change, ExpiryChange, Value};

use super::call::is;
use super::keys::Seen;
use super::spec::{Group, Spec};
use super::{Call, Failure, Outcome};
use crate::number::parse_i64;

pub(super) const COMMANDS: &[Spec] = &[
    Spec::now(Group::Bitmap, "setbit", 4, setbit)
        .writes()
        .grows()
        .key()
        .access(&[&["RW", "access", "update"]])
        .doc(
            "2.2.0",
            "O(1)",
            "Sets or clears the bit at offset of the string value. Creates the key if it doesn't \
         exist.",
        ),
    Spec::now(Group::Bitmap, "getbit", 3, getbit)
        .reads()
        .fast()
        .key()
        .access(&[&["RO", "access"]])
        .doc("2.2.0", "O(1)", "Returns a bit value by offset."),
    Spec::now(Group::Bitmap, "bitcount", -2, bitcount)
        .reads()
        .key()
        .access(&[&["RO", "access"]])
        .doc("2.6.0", "O(N)", "Counts the number of set bits (population counting) in a string."),
    Spec::now(Group::Bitmap, "bitpos", -3, bitpos).reads().key().access(&[&["RO", "access"]]).doc(
        "2.8.7",
        "O(N)",
        "Finds the first set (1) or clear (0) bit in a string.",
    ),
];

/// A place in a string that may be as long as `bytes_max`, counted in bits. With `width`, a
/// number behind `#` counts fields of so many bits.
///
/// # Errors
///
/// If it is no number, negative, or behind the longest string.
pub(super) fn offset(text: &[u8], width: Option<u32>, bytes_max: usize) -> Result<usize, Failure> {
    const WRONG: Failure = Failure::new("ERR bit offset is not an integer or out of range");
    let offset = match (text, width) {
        ([b'#', index @ ..], Some(width)) => {
            parse_i64(index).and_then(|index| index.checked_mul(i64::from(width)))
        }
        (text, _) => parse_i64(text),
    };
    let offset = offset.and_then(|offset| usize::try_from(offset).ok()).ok_or(WRONG)?;
    if offset / 8 < bytes_max { Ok(offset) } else { Err(WRONG) }
}

/// A copy of a string, or of none, with zeros behind it up to `bytes` bytes.
pub(super) fn grown(entry: Option<Seen<'_>>, bytes: usize) -> Vec<u8> {
    let old = entry.map_or(&[][..], |entry| entry.value);
    let mut grown = Vec::with_capacity(bytes.max(old.len()));
    grown.extend_from_slice(old);
    grown.resize(bytes.max(old.len()), 0);
    grown
}

fn setbit(call: &mut Call<'_>) -> Outcome {
    let at = offset(call.args.at(2), None, call.server.string_bytes_max())?;
    let on = match parse_i64(call.args.at(3)) {
        Some(0) => false,
        Some(1) => true,
        _ => return Err(Failure::new("ERR bit is not an integer or out of range")),
    };
    let mask = 0x80_u8 >> (at % 8);
    let before = call.keys.update(call.args.at(1), |entry| {
        let byte = entry.and_then(|entry| entry.value.get(at / 8).copied());
        let before = byte.unwrap_or(0) & mask != 0;
        if byte.is_some() && before == on {
            return (Change::Keep, before);
        }
        let mut new = grown(entry, at / 8 + 1);
        if on {
            new[at / 8] |= mask;
        } else {
            new[at / 8] &= !mask;
        }
        (Change::Set(Value::from(new), ExpiryChange::Keep), before)
    })?;
    call.out.integer(i64::from(before));
    Ok(())
}

fn getbit(call: &mut Call<'_>) -> Outcome {
    let at = offset(call.args.at(2), None, call.server.string_bytes_max())?;
    let byte = call.keys.with(call.args.at(1), |entry| entry.value.get(at / 8).copied())?;
    let bit = byte.flatten().unwrap_or(0) & (0x80 >> (at % 8)) != 0;
    call.out.integer(i64::from(bit));
    Ok(())
}

/// What the two ends of a range count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Bytes,
    Bits,
}

/// A part of a string, as `BITCOUNT` and `BITPOS` name it.
#[derive(Clone, Copy, Debug)]
struct Part {
    start: i64,
    /// None for the end of the string.
    end: Option<i64>,
    unit: Unit,
}

impl Part {
    const ALL: Self = Self { start: 0, end: None, unit: Unit::Bytes };

    /// Reads `start`, `end` and the unit from the arguments that begin at `first`. What is wrong
    /// with the unit is told before what is wrong with the end, or after.
    fn parse(call: &Call<'_>, first: usize, unit_first: bool) -> Result<Self, Failure> {
        let words = call.args.len().saturating_sub(first);
        if words > 3 {
            return Err(Failure::SYNTAX);
        }
        let start = if words > 0 { call.integer(first)? } else { 0 };
        let end = if words > 1 { call.integer(first + 1).map(Some) } else { Ok(None) };
        let unit = match call.args.get(first + 2) {
            None => Ok(Unit::Bytes),
            Some(word) if is(word, "bit") => Ok(Unit::Bits),
            Some(word) if is(word, "byte") => Ok(Unit::Bytes),
            Some(_) => Err(Failure::SYNTAX),
        };
        match (end, unit) {
            (Ok(end), Ok(unit)) => Ok(Self { start, end, unit }),
            (Err(failure), Ok(_)) | (Ok(_), Err(failure)) => Err(failure),
            (Err(end), Err(unit)) => Err(if unit_first { unit } else { end }),
        }
    }

    /// The bits of a string of `bytes` bytes that are meant; ends below zero count from the
    /// string's end, and what lies outside of it is cut off.
    fn bits(self, bytes: usize) -> Range<usize> {
        let scale = if self.unit == Unit::Bits { 1 } else { 8 };
        let length = bytes as i64 * 8 / scale;
        let absolute = |at: i64| if at < 0 { at.saturating_add(length).max(0) } else { at };
        let start = absolute(self.start);
        let end = absolute(self.end.unwrap_or(-1)).min(length - 1);
        if start > end {
            return 0..0;
        }
        (start * scale) as usize..((end + 1) * scale) as usize
    }
}

fn bitcount(call: &mut Call<'_>) -> Outcome {
    let key = call.args.at(1);
    // A key that is not there has no bits, whatever else is asked.
    if call.keys.with(key, |_| ())?.is_none() {
        call.out.integer(0);
        return Ok(());
    }
    match call.args.len() {
        3 => return Err(Failure::SYNTAX),
        4 | 5 => {
            let (start, end) = (call.integer(2)?, call.integer(3)?);
            // Also if the unit is wrong.
            if start < 0 && end < 0 && start > end {
                call.out.integer(0);
                return Ok(());
            }
        }
        _ => {}
    }
    let part = Part::parse(call, 2, false)?;
    let count = call.keys.peek(key, |entry| ones(entry.value, part.bits(entry.value.len())))?;
    call.out.count(count.unwrap_or(0));
    Ok(())
}

/// How many bits of a part of `bytes` are set.
fn ones(bytes: &[u8], part: Range<usize>) -> u64 {
    if part.is_empty() {
        return 0;
    }
    let (first, last) = (part.start / 8, (part.end - 1) / 8);
    let mut count = ones_of(&bytes[first..=last]);
    // The bits of the outer bytes that do not belong to the part.
    let before = bytes[first] & !(0xff_u8 >> (part.start % 8));
    let behind = bytes[last] & (0x7f_u8 >> ((part.end - 1) % 8));
    count -= u64::from(before.count_ones()) + u64::from(behind.count_ones());
    count
}

fn ones_of(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let in_words: u64 =
        words.iter().map(|word| u64::from(u64::from_ne_bytes(*word).count_ones())).sum();
    in_words + rest.iter().map(|byte| u64::from(byte.count_ones())).sum::<u64>()
}

fn bitpos(call: &mut Call<'_>) -> Outcome {
    let bit = match call.integer(2)? {
        0 => false,
        1 => true,
        _ => return Err(Failure::new("ERR The bit argument must be 1 or 0.")),
    };
    let key = call.args.at(1);
    if call.keys.with(key, |_| ())?.is_none() {
        // An absent string is one of zeros without end.
        call.out.integer(if bit { -1 } else { 0 });
        return Ok(());
    }
    let part = if call.args.len() == 3 { Part::ALL } else { Part::parse(call, 3, true)? };
    let found = call.keys.peek(key, |entry| {
        let bits = part.bits(entry.value.len());
        if bits.is_empty() {
            return None;
        }
        // Behind its end a string is zeros, unless the client named an end.
        let padded = !bit && part.end.is_none();
        first_bit(entry.value, bits.clone(), bit).or(padded.then_some(bits.end))
    })?;
    call.out.integer(found.flatten().map_or(-1, |at| at as i64));
    Ok(())
}

/// The first bit of the part that is `bit`.
fn first_bit(bytes: &[u8], part: Range<usize>, bit: bool) -> Option<usize> {
    let mut at = part.start;
    while at < part.end {
        let byte = if bit { bytes[at / 8] } else { !bytes[at / 8] };
        let rest = byte & (0xff_u8 >> (at % 8));
        if rest != 0 {
            let found = at / 8 * 8 + rest.leading_zeros() as usize;
            return (found < part.end).then_some(found);
        }
        at = at / 8 * 8 + 8;
        // Long runs without the bit are passed a word at a time.
        let skipped = if bit { 0 } else { u64::MAX };
        let (words, _) = bytes[at.min(part.end).div_ceil(8)..].as_chunks::<8>();
        let run = words.iter().take_while(|word| u64::from_ne_bytes(**word) == skipped).count();
        at += run * 64;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::test_seed;

    #[test]
    fn counting_and_finding_agree_with_looking_at_every_bit() {
        let mut random = fastrand::Rng::with_seed(test_seed());
        for _ in 0..2000 {
            let fill = random.choice([0_u8, 0xff, 0x10]).unwrap();
            let mut bytes = vec![fill; random.usize(1..40)];
            for _ in 0..random.usize(0..3) {
                let at = random.usize(..bytes.len());
                bytes[at] = random.u8(..);
            }
            let start = random.usize(..bytes.len() * 8);
            let end = random.usize(start..=bytes.len() * 8);
            let is_set = |at: usize| bytes[at / 8] & (0x80 >> (at % 8)) != 0;
            let count = (start..end).filter(|at| is_set(*at)).count() as u64;
            assert_eq!(ones(&bytes, start..end), count, "{bytes:?} {start}..{end}");
            for bit in [true, false] {
                let found = (start..end).find(|at| is_set(*at) == bit);
                assert_eq!(first_bit(&bytes, start..end, bit), found, "{bytes:?} {start}..{end}");
            }
        }
    }

    #[test]
    fn offsets_are_whole_numbers_within_the_longest_string() {
        assert_eq!(offset(b"0", None, 1).unwrap(), 0);
        assert_eq!(offset(b"7", None, 1).unwrap(), 7);
        assert_eq!(offset(b"#2", Some(5), 8).unwrap(), 10);
        for (text, width) in
            [("8", None), ("-1", None), ("a", None), ("#1", None), ("#-1", Some(8)), ("", None)]
        {
            assert!(offset(text.as_bytes(), width, 1).is_err(), "{text}");
        }
        assert!(offset(b"#9223372036854775807", Some(2), usize::MAX).is_err());
    }
}
