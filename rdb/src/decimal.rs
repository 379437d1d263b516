//! Integers as text, the way Redis shows them.

use std::io::Write;

/// Bytes of the longest 64-bit integer with its sign.
const DIGITS_MAX: usize = 20;

/// An integer in decimal, on the stack.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decimal {
    digits: [u8; DIGITS_MAX],
    len: usize,
}

impl Decimal {
    pub(crate) fn new(value: i64) -> Self {
        let mut digits = [0; DIGITS_MAX];
        let mut rest = &mut digits[..];
        // Twenty bytes hold every i64, so the write cannot fail.
        let written = write!(rest, "{value}");
        debug_assert!(written.is_ok());
        let len = DIGITS_MAX - rest.len();
        Self { digits, len }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.digits[..self.len]
    }
}

/// The integer that `text` is the only decimal form of.
pub(crate) fn parse_integer(text: &[u8]) -> Option<i64> {
    if text.len() > DIGITS_MAX {
        return None;
    }
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let (first, _) = digits.split_first()?;
    let canonical = match first {
        b'0' => text == b"0",
        byte => byte.is_ascii_digit(),
    };
    if !canonical {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{Decimal, parse_integer};

    #[test]
    fn every_form_that_is_canonical_is_read_back() {
        for value in [0, 1, -1, 9, 10, -10, 127, i64::MAX, i64::MIN] {
            let text = Decimal::new(value);
            assert_eq!(text.as_bytes(), value.to_string().as_bytes());
            assert_eq!(parse_integer(text.as_bytes()), Some(value));
        }
    }

    #[test]
    fn other_forms_are_no_integers() {
        let texts: [&[u8]; 11] = [
            b"",
            b"-",
            b"00",
            b"01",
            b"-0",
            b"+1",
            b" 1",
            b"1 ",
            b"1.0",
            b"9223372036854775808",
            b"123456789012345678901",
        ];
        for text in texts {
            assert_eq!(parse_integer(text), None, "{}", text.escape_ascii());
        }
    }
}
