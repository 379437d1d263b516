//! Numbers as Redis reads and writes them.

/// Digits behind the point that `INCRBYFLOAT` keeps.
const FRACTION_DIGITS: u32 = 17;

/// Reads a signed integer in its only accepted spelling: no blanks, no plus, no leading zeros.
pub(crate) fn parse_i64(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        [b'0'] if !negative => return Some(0),
        [b'1'..=b'9', ..] if digits.len() <= 19 => {}
        _ => return None,
    }
    let mut magnitude = 0_u64;
    for &byte in digits {
        // Nineteen digits stay below 10^19, which is less than 2^64.
        magnitude = magnitude * 10 + u64::from(byte.is_ascii_digit().then(|| byte - b'0')?);
    }
    if negative { 0_i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() }
}

/// Reads an unsigned integer, leading zeros allowed.
pub(crate) fn parse_u64(text: &[u8]) -> Option<u64> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Reads a floating-point number; infinities are numbers, NaN is not.
pub(crate) fn parse_f64(text: &[u8]) -> Option<f64> {
    let number: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    (!number.is_nan()).then_some(number)
}

/// The digits of `number`, written into `buffer`.
pub(crate) fn format_i64(number: i64, buffer: &mut [u8; 20]) -> &[u8] {
    let mut at = buffer.len();
    let mut magnitude = number.unsigned_abs();
    loop {
        at -= 1;
        buffer[at] = b'0' + (magnitude % 10) as u8;
        magnitude /= 10;
        if magnitude == 0 {
            break;
        }
    }
    if number < 0 {
        at -= 1;
        buffer[at] = b'-';
    }
    &buffer[at..]
}

/// Why two numbers were not added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AddError {
    /// One of them is no number.
    NotANumber,
    /// The sum is infinite, or no number.
    NotFinite,
}

/// Adds two decimal numbers and writes the sum without exponent, as `INCRBYFLOAT` does.
///
/// The sum is exact where both have at most 17 digits behind the point and a magnitude below
/// 10^20. Others are added in double precision, where Redis has a few digits more.
pub(crate) fn add_decimals(a: &[u8], b: &[u8]) -> Result<Vec<u8>, AddError> {
    let sum =
        parse_f64(a).ok_or(AddError::NotANumber)? + parse_f64(b).ok_or(AddError::NotANumber)?;
    if !sum.is_finite() {
        return Err(AddError::NotFinite);
    }
    match (scaled(a), scaled(b)) {
        (Some(a), Some(b)) => Ok(format_scaled(a + b)),
        _ => Ok(sum.to_string().into_bytes()),
    }
}

/// `text` times 10^17, if it is a plain decimal that is exact in this form.
fn scaled(text: &[u8]) -> Option<i128> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    let (whole, fraction) = match digits.iter().position(|&byte| byte == b'.') {
        Some(point) => (&digits[..point], &digits[point + 1..]),
        None => (digits, &[][..]),
    };
    if whole.len() > 20 || fraction.len() > FRACTION_DIGITS as usize {
        return None;
    }
    let mut number = 0_i128;
    for &byte in whole.iter().chain(fraction) {
        number = number * 10 + i128::from(byte.is_ascii_digit().then(|| byte - b'0')?);
    }
    number *= 10_i128.pow(FRACTION_DIGITS - fraction.len() as u32);
    Some(if negative { -number } else { number })
}

fn format_scaled(number: i128) -> Vec<u8> {
    let unit = 10_u128.pow(FRACTION_DIGITS);
    let (whole, fraction) = (number.unsigned_abs() / unit, number.unsigned_abs() % unit);
    let sign = if number < 0 { "-" } else { "" };
    let text = format!("{sign}{whole}.{fraction:017}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_have_one_spelling() {
        for (text, number) in [
            ("0", Some(0)),
            ("-1", Some(-1)),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("-9223372036854775809", None),
            ("99999999999999999999", None),
            ("", None),
            ("-", None),
            ("-0", None),
            ("00", None),
            ("01", None),
            ("+1", None),
            (" 1", None),
            ("1 ", None),
            ("1a", None),
        ] {
            assert_eq!(parse_i64(text.as_bytes()), number, "{text:?}");
        }
    }

    #[test]
    fn a_formatted_integer_reads_back() {
        for number in [0, 7, -7, 10, 1_234_567_890, i64::MAX, i64::MIN] {
            assert_eq!(format_i64(number, &mut [0; 20]), number.to_string().as_bytes());
        }
    }

    #[test]
    fn decimal_sums_are_exact_and_short() {
        for (a, b, sum) in [
            ("10.50", "0.1", "10.6"),
            ("0.1", "0.2", "0.3"),
            ("1", "-1.1", "-0.1"),
            ("3.0e3", "200", "3200"),
            ("17179869184", "1.5", "17179869185.5"),
            ("-5", "5", "0"),
            ("1", "0", "1"),
        ] {
            let got = add_decimals(a.as_bytes(), b.as_bytes()).unwrap();
            assert_eq!(String::from_utf8(got).unwrap(), sum, "{a} + {b}");
        }
    }

    #[test]
    fn sums_that_are_no_numbers_are_refused() {
        assert_eq!(add_decimals(b"1", b"x"), Err(AddError::NotANumber));
        assert_eq!(add_decimals(b"", b"1"), Err(AddError::NotANumber));
        assert_eq!(add_decimals(b"1", b" 1"), Err(AddError::NotANumber));
        assert_eq!(add_decimals(b"nan", b"1"), Err(AddError::NotANumber));
        assert_eq!(add_decimals(b"1", b"+inf"), Err(AddError::NotFinite));
        assert_eq!(add_decimals(b"1e308", b"1e308"), Err(AddError::NotFinite));
    }
}
