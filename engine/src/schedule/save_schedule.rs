//! The older form of a schedule: `HH:MM`, in which `*` stands for any digit or any number.

use super::Refusal;
use super::field::{DAY_OF_MONTH, DAY_OF_WEEK, Field, MONTH};
use super::pattern::{Fields, Pattern};

/// Parses `HH:MM`: `23:45`, `*:15`, `*:*`, `1*:00`.
///
/// # Errors
///
/// One line that says what is wrong and what is accepted.
pub(super) fn parse(text: &str) -> Result<Pattern, Refusal> {
    let refuse = |what: &str| {
        format!("{text:?} {what}; HH:MM is accepted, with * for any number or digit (23:45, *:15)")
    };
    // What is longer than this is wrong in any case, and not worth repeating.
    if text.len() > 32 {
        return Err("it is too long; HH:MM is accepted, with * for any number or digit".to_owned());
    }
    let (hour, minute) = text.trim().split_once(':').ok_or_else(|| refuse("has no colon"))?;
    let fields = Fields {
        minute: parse_glob(minute, 59).ok_or_else(|| refuse("names no minute from 00 to 59"))?,
        hour: parse_glob(hour, 23).ok_or_else(|| refuse("names no hour from 00 to 23"))?,
        day_of_month: Field::every(&DAY_OF_MONTH),
        month: Field::every(&MONTH),
        day_of_week: Field::every(&DAY_OF_WEEK),
    };
    Ok(Pattern::new(text.trim(), &fields))
}

/// The numbers from 0 to `last` that a glob of one or two characters matches; `None` if that is
/// none of them.
fn parse_glob(glob: &str, last: u8) -> Option<Field> {
    let mut digits = [b'0', b'0'];
    match *glob.as_bytes() {
        [b'*'] => digits = [b'*', b'*'],
        [ones] => digits[1] = ones,
        [tens, ones] => digits = [tens, ones],
        _ => return None,
    }
    if !digits.iter().all(|digit| digit.is_ascii_digit() || *digit == b'*') {
        return None;
    }
    let fits = |digit: u8, number: u8| digit == b'*' || digit - b'0' == number;
    let numbers = (0..=last).filter(|n| fits(digits[0], n / 10) && fits(digits[1], n % 10));
    let field = Field::of(numbers, glob.contains('*'));
    (field.numbers().count() > 0).then_some(field)
}
