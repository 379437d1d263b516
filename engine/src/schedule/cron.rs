//! Crontab expressions.

use super::Refusal;
use super::field::{DAY_OF_MONTH, DAY_OF_WEEK, Field, HOUR, MINUTE, MONTH};
use super::pattern::{Fields, Pattern};

/// Longest expression: one that lists every number of every field is shorter.
const EXPRESSION_BYTES_MAX: usize = 512;

/// What the macros stand for.
const MACROS: [(&str, &str); 7] = [
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
];

/// Parses a crontab expression of five fields, or a macro.
///
/// # Errors
///
/// One line that names the field that is wrong and says what is accepted.
pub(super) fn parse(text: &str) -> Result<Pattern, Refusal> {
    if text.len() > EXPRESSION_BYTES_MAX {
        return Err(format!("it is longer than {EXPRESSION_BYTES_MAX} bytes"));
    }
    let expression = expand_macro(text.trim())?;
    let texts: Vec<&str> = expression.split_whitespace().collect();
    let [minute, hour, day_of_month, month, day_of_week] = texts[..] else {
        return Err(wrong_count(expression, texts.len()));
    };
    let fields = Fields {
        minute: Field::parse(&MINUTE, minute)?,
        hour: Field::parse(&HOUR, hour)?,
        day_of_month: Field::parse(&DAY_OF_MONTH, day_of_month)?,
        month: Field::parse(&MONTH, month)?,
        day_of_week: Field::parse(&DAY_OF_WEEK, day_of_week)?,
    };
    let pattern = Pattern::new(text.trim(), &fields);
    if pattern.next_wall_s(0).is_none() {
        return Err(format!("{text:?} never comes due: no month it names has such a day"));
    }
    Ok(pattern)
}

fn expand_macro(text: &str) -> Result<&str, Refusal> {
    if !text.starts_with('@') {
        return Ok(text);
    }
    MACROS
        .iter()
        .find_map(|(name, fields)| text.eq_ignore_ascii_case(name).then_some(*fields))
        .ok_or_else(|| {
            let names: Vec<&str> = MACROS.iter().map(|(name, _)| *name).collect();
            format!("{text:?} is no macro; there are {}", names.join(", "))
        })
}

fn wrong_count(expression: &str, found: usize) -> Refusal {
    let fields = "minute hour day-of-month month day-of-week";
    match found {
        0 => format!("it is empty; five fields are accepted ({fields})"),
        1 => format!("{expression:?} has 1 field; five are accepted ({fields})"),
        6 => format!(
            "{expression:?} has 6 fields; five are accepted ({fields}), none for seconds or years"
        ),
        _ => format!("{expression:?} has {found} fields; five are accepted ({fields})"),
    }
}
