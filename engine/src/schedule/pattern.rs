//! Wall-clock times that match five fields, found by the crate `cron`.
//!
//! That crate numbers the days of the week from 1 for Sunday, wants a field of seconds, and takes
//! a day only if both day fields match. So fields reach it as plain lists of its own numbers, and
//! where either day field is to do there are two of its schedules, merged.

use std::fmt::Write;
use std::str::FromStr;

use ::cron::Schedule as CronSchedule;
use chrono::{DateTime, Utc};

use super::field::{DAY_OF_MONTH, DAY_OF_WEEK, Field, FieldKind, HOUR, MINUTE, MONTH};

/// The five fields of a crontab.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields {
    pub(super) minute: Field,
    pub(super) hour: Field,
    pub(super) day_of_month: Field,
    pub(super) month: Field,
    pub(super) day_of_week: Field,
}

/// A set of wall-clock times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    text: String,
    /// A time matches if it is in any of them.
    schedules: Vec<CronSchedule>,
    /// Whether it goes by elapsed time, so that a repeated hour counts twice.
    pub(super) by_elapsed_time: bool,
    /// Whether it comes due in every hour, so that it loses nothing to a skipped one.
    pub(super) every_hour: bool,
}

impl Pattern {
    /// The times that match `fields`; `text` is what people know them by.
    pub(super) fn new(text: &str, fields: &Fields) -> Self {
        let either = !fields.day_of_month.starred && !fields.day_of_week.starred;
        let any_day_of_month = Field::every(&DAY_OF_MONTH);
        let any_day_of_week = Field::every(&DAY_OF_WEEK);
        let schedules = if either {
            vec![
                translate(&Fields { day_of_week: any_day_of_week, ..*fields }),
                translate(&Fields { day_of_month: any_day_of_month, ..*fields }),
            ]
        } else {
            vec![translate(fields)]
        };
        Self {
            text: text.to_owned(),
            schedules,
            by_elapsed_time: fields.minute.starred || fields.hour.starred,
            every_hour: fields.hour.is_every(&HOUR),
        }
    }

    /// The text it was made of.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The first matching time that is not before `wall_s`, both in seconds by a wall clock that
    /// read zero at 1970-01-01T00:00:00. `None` if none is left before the year 2101.
    pub(super) fn next_wall_s(&self, wall_s: i64) -> Option<i64> {
        // The crate looks for later times than the one it is given. UTC stands in for the wall
        // clock, because it neither skips nor repeats anything.
        let before = DateTime::<Utc>::from_timestamp(wall_s.max(0) - 1, 0)?;
        self.schedules
            .iter()
            .filter_map(|schedule| schedule.after(&before).next())
            .map(|time| time.timestamp())
            .min()
    }
}

/// Hands fields to the crate, of which both day fields have to match.
fn translate(fields: &Fields) -> CronSchedule {
    let expression = format!(
        "0 {} {} {} {} {}",
        list(fields.minute, &MINUTE, 0),
        list(fields.hour, &HOUR, 0),
        list(fields.day_of_month, &DAY_OF_MONTH, 0),
        list(fields.month, &MONTH, 0),
        // The crate's Sunday is 1.
        list(fields.day_of_week, &DAY_OF_WEEK, 1),
    );
    CronSchedule::from_str(&expression).expect("lists of numbers in range are an expression")
}

/// A field as the crate reads it, each number raised by `shift`.
fn list(field: Field, kind: &FieldKind, shift: u8) -> String {
    if field.is_every(kind) {
        return "*".to_owned();
    }
    let mut text = String::new();
    for number in field.numbers() {
        let comma = if text.is_empty() { "" } else { "," };
        write!(text, "{comma}{}", number + shift).expect("a string takes any text");
    }
    text
}
