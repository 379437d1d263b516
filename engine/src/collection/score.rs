//! Scores as bytes: they sort like the scores whatever follows them, none is the start of another,
//! and small whole numbers are short.
//!
//! Most scores are counts, ranks and times. A positive one is told by the highest *step* that is
//! not above it, and if it lies beyond that, by how far. Steps are 0, 2⁻⁸, and the whole numbers
//! from 1 on, numbered in that order.
//!
//! ```text
//! code: number: 2 · number of the step + (1 if the score is beyond it)
//!       [distance: difference of the IEEE 754 bits of the score and of the step]
//!
//! 10nnnnnn                    0 to 30             1 byte
//! 110nnnnn n*8                to 4,094            2
//! 1110nnnn n*16               to 524,286          3
//! 11110nnn n*24               to 67,108,862       4
//! 111110nn n*32               to 2³³ − 2          5
//! 11111100 n*40               to 2³⁹ − 2          6
//! 11111101 n*48               to 2⁴⁷ − 2          7
//! 11111110 n*56               below 2⁵⁴           8
//! 11111111 the score's bits   2⁵⁴ and above       9
//!
//! distance: ddddddd0          a distance whose other bits are zero, as those of halves are
//!           ddddddd1 d*8..    any other
//! ```
//!
//! A step tells how many bits a distance has, because the next one ends it: 52 above one, and one
//! less for each doubling. So a distance need not tell its length, and a code with one takes
//! 9 bytes at most, and 8 from 2⁻⁸ to 31 and for a time in seconds. A negative score's code is that
//! of its magnitude with all bits inverted. Both zeros are one.
//!
//! That the first bits of a number tell its length, and bytes still sort like numbers, is as in
//! UTF-8 and Google's orderedcode; inverted codes for what is negative, and classes of magnitude by
//! the first byte, are as in the key encoding of `SQLite4`
//! (<https://sqlite.org/src4/doc/trunk/www/key_encoding.wiki>).

/// Bytes of a code at most.
#[cfg(test)]
const CODE_BYTES_MAX: usize = 9;

const SIGN: u64 = 1 << 63;
/// The second step.
const SMALL: f64 = 1.0 / 256.0;
/// From here on scores are not told by steps.
const LARGE: f64 = (1_u64 << 54) as f64;
/// What follows the first byte of such a score.
const LARGE_BYTES: usize = 8;
/// Longest number, in bits, of whose bytes leading ones tell the number.
const TOLD_BY_ONES_BITS_MAX: u32 = 34;
/// From here on the whole first byte tells how many follow: this one, that so many do.
const WHOLE_FIRST: u8 = 0b1111_1100;
const WHOLE_FIRST_MORE: u32 = 5;
/// Bits of a distance in its first byte.
const FIRST_BITS: u32 = 7;

#[cfg(test)]
mod tests;

/// A score as bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Code {
    /// From the highest bit on.
    bytes: [u8; 16],
    len: u8,
}

impl Code {
    #[inline]
    pub(super) fn new(score: f64) -> Self {
        debug_assert!(!score.is_nan(), "a score is a number");
        // Which a negative zero is not.
        let is_negative = score < 0.0;
        let (word, len) = encode(score.abs());
        let word = if is_negative { !word } else { word };
        Self { bytes: word.to_be_bytes(), len: len as u8 }
    }

    #[inline]
    pub(super) fn as_slice(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// Bytes that are above whatever begins with the code, and not above any higher code.
    pub(super) fn successor(&self) -> Self {
        let shift = 128 - 8 * u32::from(self.len);
        // No code has all bits set: an infinity's bits have not.
        let next = ((u128::from_be_bytes(self.bytes) >> shift) + 1) << shift;
        Self { bytes: next.to_be_bytes(), len: (16 - next.trailing_zeros() / 8) as u8 }
    }
}

/// The number and the lower bound of the highest step that is not above `magnitude`.
#[inline]
fn step_below(magnitude: f64) -> (u64, f64) {
    if magnitude >= 1.0 {
        let whole = magnitude as i64;
        (whole as u64 + 1, whole as f64)
    } else if magnitude >= SMALL {
        (1, SMALL)
    } else {
        (0, 0.0)
    }
}

#[inline]
fn step(number: u64) -> f64 {
    match number {
        0 => 0.0,
        1 => SMALL,
        // Signed numbers are converted in one instruction.
        _ => (number - 1).cast_signed() as f64,
    }
}

/// Bits of a distance from a step.
#[inline]
fn distance_bits(step: u64) -> u32 {
    match step {
        // All that a number below 2⁻⁸ has.
        0 => 62,
        // Eight exponents.
        1 => 55,
        // A mantissa without the bits that differ between whole numbers. Beyond the last that has
        // neighbours which are not whole nothing is expected.
        _ => (52_u32).saturating_sub((step - 1).ilog2()).max(1),
    }
}

/// The code of a score that is not negative, from the highest bit on, and its length.
#[inline]
fn encode(magnitude: f64) -> (u128, usize) {
    if magnitude >= LARGE {
        return (0xff << 120 | u128::from(magnitude.to_bits()) << 56, 1 + LARGE_BYTES);
    }
    let (step, floor) = step_below(magnitude);
    let distance = magnitude.to_bits() - floor.to_bits();
    let number = step << 1 | u64::from(distance != 0);
    let bits = u64::BITS - number.leading_zeros();
    let (more, first) = if bits <= TOLD_BY_ONES_BITS_MAX {
        let more = bits.saturating_sub(6).div_ceil(7);
        (more, 0xff << (7 - more) & 0xff)
    } else {
        let more = bits.div_ceil(8);
        (more, u32::from(WHOLE_FIRST) + more - WHOLE_FIRST_MORE)
    };
    let head = u64::from(first) << 56 | number << (56 - 8 * more);
    let word = u128::from(head) << 64;
    let len = 1 + more as usize;
    if distance == 0 {
        return (word, len);
    }
    let bits = distance_bits(step);
    let aligned = distance << (u64::BITS - bits);
    let rest = aligned << FIRST_BITS;
    let more_follows = rest != 0;
    let first = aligned >> (u64::BITS - FIRST_BITS) << 1 | u64::from(more_follows);
    let tail = first << 56 | rest >> 8;
    let tail_len = if more_follows { 1 + rest_bytes(bits) } else { 1 };
    (word | u128::from(tail) << (56 - 8 * more), len + tail_len)
}

/// Bytes that follow the first one of a distance, if any do.
#[inline]
fn rest_bytes(distance_bits: u32) -> usize {
    (distance_bits.saturating_sub(FIRST_BITS)).div_ceil(8) as usize
}

/// The first eight bytes as a number, as if zeros followed.
#[inline]
fn word(bytes: &[u8]) -> u64 {
    if let Some(bytes) = bytes.first_chunk() {
        return u64::from_be_bytes(*bytes);
    }
    let shift = u64::BITS - 8 * bytes.len() as u32;
    bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)).unbounded_shl(shift)
}

/// What every code begins with.
#[derive(Clone, Copy, Debug)]
struct Head {
    /// All bits if the score is negative, which inverts what is read.
    inverted: u64,
    /// Bytes that follow the first.
    more: usize,
    /// Means nothing if those are [`LARGE_BYTES`].
    number: u64,
}

impl Head {
    #[inline]
    fn of(element: &[u8]) -> Self {
        let word = word(element);
        let inverted = (!word).cast_signed() >> 63;
        let inverted = inverted.cast_unsigned();
        let word = word ^ inverted;
        // Neighbours are nearly always of one length, so that branches are foretold. Shifts by what
        // the first byte says would have all that follows wait for it.
        let of_len = |more: u32, told_in: u32| {
            let number = (word & u64::MAX >> told_in) >> (56 - 8 * more);
            Self { inverted, more: more as usize, number }
        };
        match (word >> 56) as u8 {
            ..0b1100_0000 => of_len(0, 2),
            0b1100_0000..0b1110_0000 => of_len(1, 3),
            0b1110_0000..0b1111_0000 => of_len(2, 4),
            0b1111_0000..0b1111_1000 => of_len(3, 5),
            0b1111_1000..WHOLE_FIRST => of_len(4, 6),
            0b1111_1100 => of_len(5, 8),
            0b1111_1101 => of_len(6, 8),
            0b1111_1110 => of_len(7, 8),
            0b1111_1111 => Self { inverted, more: LARGE_BYTES, number: 0 },
        }
    }

    #[inline]
    fn len(self) -> usize {
        1 + self.more
    }

    /// Whether nothing but a step has to be known.
    #[inline]
    fn is_all(self) -> bool {
        self.number & 1 == 0 && self.more < LARGE_BYTES
    }
}

/// Splits an element into the score that it begins with and the rest. What is no element makes
/// some number and some rest.
#[inline]
pub(super) fn split(element: &[u8]) -> (f64, &[u8]) {
    let (score, len) = read(element);
    (score, element.get(len..).unwrap_or_default())
}

/// The score that an element begins with, and the length of its code. A function of its own, so
/// that loops over elements stay small enough to be made one with what they do.
#[inline(never)]
fn read(element: &[u8]) -> (f64, usize) {
    let head = Head::of(element);
    let (bits, len) = if head.is_all() {
        (step(head.number >> 1).to_bits(), head.len())
    } else {
        read_rest(head, element)
    };
    (f64::from_bits(bits | head.inverted & SIGN), len)
}

/// The bits of a magnitude that is no step, and the length of its code.
#[inline]
fn read_rest(head: Head, element: &[u8]) -> (u64, usize) {
    if head.more == LARGE_BYTES {
        let bits = word(element.get(1..).unwrap_or_default()) ^ head.inverted;
        return (bits & !SIGN, 1 + LARGE_BYTES);
    }
    let step_number = head.number >> 1;
    let bits = distance_bits(step_number);
    let tail = word(element.get(head.len()..).unwrap_or_default()) ^ head.inverted;
    let first = tail >> 57 << 57;
    let (aligned, len) = if tail >> 56 & 1 == 0 {
        (first, 1)
    } else {
        let rest_len = rest_bytes(bits);
        let kept = u64::MAX.unbounded_shl(56 - 8 * rest_len as u32);
        (first | (tail & u64::MAX >> 8 & kept) << 1, 1 + rest_len)
    };
    let distance = aligned >> (u64::BITS - bits);
    (step(step_number).to_bits().wrapping_add(distance), head.len() + len)
}

/// Bytes of the code that an element begins with.
#[inline]
pub(super) fn code_len(element: &[u8]) -> usize {
    let head = Head::of(element);
    let len = if head.is_all() { head.len() } else { read_rest(head, element).1 };
    len.min(element.len())
}
