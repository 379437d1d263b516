//! One field of a crontab: a set of small numbers and the text it is written as.

use super::Refusal;

/// Which field it is, and what it takes.
#[derive(Debug)]
pub(super) struct FieldKind {
    name: &'static str,
    first: u8,
    last: u8,
    /// Names of consecutive numbers, of the first one on.
    names: &'static [&'static str],
    /// What a single value is, for messages.
    values: &'static str,
}

pub(super) const MINUTE: FieldKind =
    FieldKind { name: "minute", first: 0, last: 59, names: &[], values: "0-59" };

pub(super) const HOUR: FieldKind =
    FieldKind { name: "hour", first: 0, last: 23, names: &[], values: "0-23" };

pub(super) const DAY_OF_MONTH: FieldKind =
    FieldKind { name: "day-of-month", first: 1, last: 31, names: &[], values: "1-31" };

pub(super) const MONTH: FieldKind = FieldKind {
    name: "month",
    first: 1,
    last: 12,
    names: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
    values: "1-12 or jan-dec",
};

pub(super) const DAY_OF_WEEK: FieldKind = FieldKind {
    name: "day-of-week",
    first: 0,
    last: SUNDAY,
    names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
    values: "0-7 or sun-sat",
};

/// Sunday's other number, which lets a range end with it.
const SUNDAY: u8 = 7;

impl FieldKind {
    fn is_day_of_week(&self) -> bool {
        self.last == SUNDAY
    }
}

/// A parsed field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field {
    /// Bit n is set if the number n matches.
    bits: u64,
    /// Whether it was written with `*` in front.
    pub(super) starred: bool,
}

impl Field {
    /// The field of these numbers, written with `*` in front or not.
    pub(super) fn of(numbers: impl IntoIterator<Item = u8>, starred: bool) -> Self {
        let bits = numbers.into_iter().fold(0, |bits, number| bits | 1 << number);
        Self { bits, starred }
    }

    /// The field that matches everything.
    pub(super) fn every(kind: &FieldKind) -> Self {
        let last = if kind.is_day_of_week() { kind.last - 1 } else { kind.last };
        Self::of(kind.first..=last, true)
    }

    /// Parses `text` as the field `kind`.
    ///
    /// # Errors
    ///
    /// A sentence that names the field and the part of it that is wrong, and what is accepted.
    pub(super) fn parse(kind: &FieldKind, text: &str) -> Result<Self, Refusal> {
        let mut bits = 0;
        for item in text.split(',') {
            bits |= parse_item(kind, item).map_err(|what| {
                format!(
                    "{} {text:?}: {what}; it takes *, {}, lists (1,3), ranges (1-5) and steps \
                     (*/2, 1-5/2)",
                    kind.name, kind.values
                )
            })?;
        }
        if kind.is_day_of_week() && bits & 1 << SUNDAY != 0 {
            bits = bits & !(1 << SUNDAY) | 1;
        }
        Ok(Self { bits, starred: text.starts_with('*') })
    }

    /// The numbers that match, ascending.
    pub(super) fn numbers(self) -> impl Iterator<Item = u8> {
        (0..64).filter(move |number| self.bits >> number & 1 == 1)
    }

    /// Whether every number that there is matches.
    pub(super) fn is_every(self, kind: &FieldKind) -> bool {
        self.bits == Self::every(kind).bits
    }
}

/// Parses `*`, a number or a range, each with or without a step, into bits.
fn parse_item(kind: &FieldKind, item: &str) -> Result<u64, Refusal> {
    let (range, step) = match item.split_once('/') {
        Some((range, step)) => (range, Some(step)),
        None => (item, None),
    };
    let (first, last) = match range.split_once('-') {
        _ if range == "*" => (kind.first, kind.last),
        Some((first, last)) => parse_range(kind, range, first, last)?,
        None => {
            let first = parse_value(kind, range)?;
            // With a step a single number begins a range that goes as far as it can.
            (first, if step.is_some() { kind.last } else { first })
        }
    };
    let step = match step {
        Some(step) => parse_step(kind, step)?,
        None => 1,
    };
    Ok(Field::of((first..=last).step_by(usize::from(step)), false).bits)
}

fn parse_range(
    kind: &FieldKind,
    range: &str,
    first: &str,
    last: &str,
) -> Result<(u8, u8), Refusal> {
    let sunday_ends_it = kind.is_day_of_week() && last.eq_ignore_ascii_case(kind.names[0]);
    let first = parse_value(kind, first)?;
    let last = if sunday_ends_it && first > 0 { SUNDAY } else { parse_value(kind, last)? };
    if first > last {
        return Err(format!("the range {range} runs backwards"));
    }
    Ok((first, last))
}

fn parse_step(kind: &FieldKind, text: &str) -> Result<u8, Refusal> {
    match parse_number(text) {
        Some(step) if (1..=kind.last).contains(&step) => Ok(step),
        _ => Err(format!("a step is a number from 1 to {}, not {text:?}", kind.last)),
    }
}

fn parse_value(kind: &FieldKind, text: &str) -> Result<u8, Refusal> {
    if let Some(number) = parse_number(text) {
        if (kind.first..=kind.last).contains(&number) {
            return Ok(number);
        }
        return Err(format!("{text} is out of range"));
    }
    kind.names
        .iter()
        .zip(kind.first..)
        .find_map(|(name, number)| text.eq_ignore_ascii_case(name).then_some(number))
        .ok_or_else(|| match text {
            "" => "something is missing".to_owned(),
            _ => format!("{text:?} means nothing here"),
        })
}

/// A number of at most three digits and nothing else.
fn parse_number(text: &str) -> Option<u8> {
    let is_short = (1..=3).contains(&text.len());
    if is_short && text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().ok()
    } else {
        None
    }
}
