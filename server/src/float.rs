//! Floating-point numbers as C's library reads and writes them, which Redis relies on.

use std::io::Write;

use crate::number::format_i64;

/// Longest text of a number: sign, point, 17 digits, and what an exponent or leading zeros take.
pub(crate) const TEXT_BYTES_MAX: usize = 32;
/// Significant digits, as many as every number needs to be read back as itself.
const DIGITS: i32 = 17;

/// The text of `number`, written into `buffer`: at most 17 significant digits, no trailing zeros,
/// and an exponent where the point would be far from them, as `printf` does with `%.17g`.
pub(crate) fn format_f64(number: f64, buffer: &mut [u8; TEXT_BYTES_MAX]) -> &[u8] {
    if let Some(number) = as_short_integer(number) {
        let mut digits = [0; 20];
        let digits = format_i64(number, &mut digits);
        buffer[..digits.len()].copy_from_slice(digits);
        return &buffer[..digits.len()];
    }
    if number.is_infinite() {
        return if number > 0.0 { b"inf" } else { b"-inf" };
    }
    if number.is_nan() {
        return b"nan";
    }
    let mut scientific = [0; TEXT_BYTES_MAX];
    let (digits, exponent) = significant(number, &mut scientific);
    let mut rest = &mut buffer[..];
    // The buffer has room for the longest of these.
    let _ = arrange(number.is_sign_negative(), digits, exponent, &mut rest);
    let used = TEXT_BYTES_MAX - rest.len();
    &buffer[..used]
}

/// The number as an integer, if it is one and has no more digits than are written.
fn as_short_integer(number: f64) -> Option<i64> {
    let is_short = number.fract() == 0.0 && number.abs() < 1e17;
    (is_short && (number != 0.0 || number.is_sign_positive())).then_some(number as i64)
}

/// The significant digits without trailing zeros, and the power of ten of the first of them.
fn significant(number: f64, buffer: &mut [u8; TEXT_BYTES_MAX]) -> (&[u8], i32) {
    let mut rest = &mut buffer[..];
    // Seventeen digits, a point and an exponent fit.
    let _ = write!(rest, "{:.*e}", DIGITS as usize - 1, number.abs());
    let used = TEXT_BYTES_MAX - rest.len();
    let mark = buffer.iter().position(|byte| *byte == b'e').unwrap_or(used);
    let exponent = str::from_utf8(&buffer[mark + 1..used]).ok().and_then(|text| text.parse().ok());
    // Closes the gap that the point leaves.
    buffer.copy_within(2..mark, 1);
    let digits = &buffer[..mark - 1];
    let kept = digits.iter().rposition(|digit| *digit != b'0').map_or(1, |last| last + 1);
    (&digits[..kept], exponent.unwrap_or(0))
}

/// Writes digits with the point or the exponent where they belong.
fn arrange(
    negative: bool,
    digits: &[u8],
    exponent: i32,
    out: &mut impl Write,
) -> std::io::Result<()> {
    if negative {
        out.write_all(b"-")?;
    }
    if !(-4..DIGITS).contains(&exponent) {
        out.write_all(&digits[..1])?;
        if digits.len() > 1 {
            out.write_all(b".")?;
            out.write_all(&digits[1..])?;
        }
        let sign = if exponent < 0 { '-' } else { '+' };
        return write!(out, "e{sign}{:02}", exponent.abs());
    }
    if exponent < 0 {
        out.write_all(b"0.")?;
        out.write_all(&b"000"[..(-exponent - 1) as usize])?;
        return out.write_all(digits);
    }
    let whole = exponent as usize + 1;
    if digits.len() <= whole {
        out.write_all(digits)?;
        return out.write_all(&[b'0'; DIGITS as usize][..whole - digits.len()]);
    }
    out.write_all(&digits[..whole])?;
    out.write_all(b".")?;
    out.write_all(&digits[whole..])
}

/// Reads a number that is all of `text`, as the arguments of commands are: no blanks, and nothing
/// too large or too small to be told from infinity or zero. Infinities are numbers, NaN is not.
pub(crate) fn parse_f64(text: &[u8]) -> Option<f64> {
    let (number, is_exact) = read(text)?;
    (is_exact && !number.is_nan()).then_some(number)
}

/// Reads a number as the ends of ranges are read: blanks may lead, nothing at all is zero, and
/// what is too large is infinite.
pub(crate) fn parse_f64_loosely(text: &[u8]) -> Option<f64> {
    let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
    if text.is_empty() {
        return Some(0.0);
    }
    let blanks = text.iter().take_while(|byte| byte.is_ascii_whitespace() || **byte == 0x0b);
    let (number, _) = read(&text[blanks.count()..])?;
    (!number.is_nan()).then_some(number)
}

/// The number that all of `text` is, and whether it is in the range of finite numbers or was
/// spelled as an infinity.
fn read(text: &[u8]) -> Option<(f64, bool)> {
    let (negative, magnitude) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] | rest => (false, rest),
    };
    // A second sign is none of a number, though the standard library would take it.
    let first = magnitude.first()?.to_ascii_lowercase();
    let (number, is_zero) = match magnitude {
        [b'0', b'x' | b'X', digits @ ..] => read_hexadecimal(digits)?,
        _ if first.is_ascii_digit() || matches!(first, b'.' | b'i' | b'n') => {
            let number: f64 = str::from_utf8(magnitude).ok()?.parse().ok()?;
            let mantissa = magnitude.split(|byte| matches!(byte, b'e' | b'E')).next()?;
            (number, mantissa.iter().all(|byte| matches!(byte, b'0' | b'.')))
        }
        _ => return None,
    };
    let overflows = number.is_infinite() && first != b'i';
    let underflows = number == 0.0 && !is_zero;
    Some((if negative { -number } else { number }, !overflows && !underflows))
}

/// Reads what follows `0x`; also tells whether all digits are zeros.
fn read_hexadecimal(text: &[u8]) -> Option<(f64, bool)> {
    let mark = text.iter().position(|byte| matches!(byte, b'p' | b'P')).unwrap_or(text.len());
    let exponent = match text.get(mark + 1..) {
        None => 0,
        Some(exponent) => str::from_utf8(exponent).ok()?.parse::<i32>().ok()?.clamp(-5000, 5000),
    };
    let (mut number, mut scale, mut digits, mut behind_point) = (0.0_f64, 0, 0, false);
    for &byte in &text[..mark] {
        if byte == b'.' && !behind_point {
            behind_point = true;
            continue;
        }
        let digit = char::from(byte).to_digit(16)?;
        digits += 1;
        number = number * 16.0 + f64::from(digit);
        scale = if behind_point { i32::saturating_add(scale, 4) } else { scale };
    }
    // In two steps, since the power of two alone may be out of range where the product is not.
    let power = exponent.saturating_sub(scale);
    let half = power / 2;
    let scaled = number * 2_f64.powi(half) * 2_f64.powi(power - half);
    (digits > 0).then_some((scaled, number == 0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(number: f64) -> String {
        String::from_utf8(format_f64(number, &mut [0; TEXT_BYTES_MAX]).to_vec()).unwrap()
    }

    #[test]
    fn numbers_have_the_text_that_printf_gives_them() {
        for (number, expected) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (3.0, "3"),
            (-17.0, "-17"),
            (0.1, "0.10000000000000001"),
            (-2.5, "-2.5"),
            (2.675, "2.6749999999999998"),
            (1e16, "10000000000000000"),
            (1e17, "1e+17"),
            (123_456_789_012_345_678.0, "1.2345678901234568e+17"),
            (1e-4, "0.0001"),
            (1e-5, "1.0000000000000001e-05"),
            (1e-7, "9.9999999999999995e-08"),
            (0.000_123_456_789_012_345_67, "0.00012345678901234567"),
            (1.5e300, "1.5000000000000001e+300"),
            (-f64::MAX, "-1.7976931348623157e+308"),
            (f64::MIN_POSITIVE, "2.2250738585072014e-308"),
            (5e-324, "4.9406564584124654e-324"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (100.5, "100.5"),
            (9_007_199_254_740_993.0, "9007199254740992"),
        ] {
            assert_eq!(text(number), expected);
        }
    }

    #[test]
    fn a_written_number_reads_back_as_itself() {
        let mut rng = fastrand::Rng::with_seed(crate::seed::test_seed());
        for _ in 0..10_000 {
            let number = f64::from_bits(rng.u64(..));
            if !number.is_nan() {
                assert_eq!(parse_f64(text(number).as_bytes()), Some(number), "{number:e}");
            }
        }
    }

    #[test]
    fn arguments_are_read_strictly() {
        for (text, number) in [
            ("1", Some(1.0)),
            ("+1.5", Some(1.5)),
            (".5", Some(0.5)),
            ("5.", Some(5.0)),
            ("1e3", Some(1000.0)),
            ("inf", Some(f64::INFINITY)),
            ("-Infinity", Some(f64::NEG_INFINITY)),
            ("0x10", Some(16.0)),
            ("0x.8p1", Some(1.0)),
            ("-0X1P-2", Some(-0.25)),
            ("0e5", Some(0.0)),
            ("1e-320", Some(1e-320)),
            ("1e400", None),
            ("1e-400", None),
            ("nan", None),
            ("", None),
            (" 1", None),
            ("1 ", None),
            ("0x", None),
            ("0xp1", None),
            ("--1", None),
            ("+-1", None),
            ("1e", None),
            (".", None),
            ("infinit", None),
        ] {
            assert_eq!(parse_f64(text.as_bytes()), number, "{text:?}");
        }
    }

    #[test]
    fn ends_of_ranges_are_read_loosely() {
        for (text, number) in [
            ("", Some(0.0)),
            ("\t 1", Some(1.0)),
            ("1e400", Some(f64::INFINITY)),
            ("-1e400", Some(f64::NEG_INFINITY)),
            ("1e-400", Some(0.0)),
            ("5\0abc", Some(5.0)),
            (" ", None),
            ("1 ", None),
            ("nan", None),
        ] {
            assert_eq!(parse_f64_loosely(text.as_bytes()), number, "{text:?}");
        }
    }
}
