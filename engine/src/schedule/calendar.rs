//! Instants at which a schedule comes due.

use std::fmt;

use super::pattern::Pattern;
use super::zone::{Offsets, Zone};
use super::{cron, refused, save_schedule};
use crate::Error;

/// A change of the wall clock that is smaller is bridged; a larger one starts anew.
pub(super) const JUMP_MIN_S: i64 = 3 * 3600;

/// When to save: a set of wall-clock times in a zone.
///
/// The [module](crate::schedule) says which texts are accepted and what happens when clocks jump.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    pattern: Pattern,
    zone: Zone,
}

impl Schedule {
    /// Parses a crontab expression of five fields, or a macro as `@daily`, in local time.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidOption`] with one line that names the field that is wrong and says what is
    /// accepted. An expression that never comes due, as the 30th of February, is refused too.
    pub fn cron(expression: &str) -> Result<Self, Error> {
        let pattern = cron::parse(expression).map_err(|reason| refused("cron", reason))?;
        Ok(Self { pattern, zone: Zone::LOCAL })
    }

    /// Parses `HH:MM` in local time, with `*` for any number or any digit: `23:45`, `*:15`, `1*:00`.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidOption`] with one line that says what is accepted.
    pub fn save_schedule(times: &str) -> Result<Self, Error> {
        let pattern =
            save_schedule::parse(times).map_err(|reason| refused("save_schedule", reason))?;
        Ok(Self { pattern, zone: Zone::LOCAL })
    }

    /// The same times in another zone.
    #[must_use]
    pub fn in_zone(self, zone: Zone) -> Self {
        Self { zone, ..self }
    }

    /// The zone it is in.
    pub fn zone(&self) -> Zone {
        self.zone
    }

    /// The text it was parsed from.
    pub fn text(&self) -> &str {
        self.pattern.text()
    }

    /// Unix time in milliseconds at which it next comes due after `unix_ms`; `None` if it does
    /// not before the year 2101.
    pub fn next_after_unix_ms(&self, unix_ms: u64) -> Option<u64> {
        let after_s = i64::try_from(unix_ms / 1000).ok()?;
        let due_s = next_after_s(&self.pattern, &self.zone, after_s)?;
        u64::try_from(due_s).ok()?.checked_mul(1000)
    }

    /// Whether it goes by elapsed time rather than by fixed times of the day.
    pub(super) fn is_by_elapsed_time(&self) -> bool {
        self.pattern.by_elapsed_time
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.text(), self.zone)
    }
}

/// 2101-01-02T00:00:00Z: no wall clock finds a match from here on.
const END_S: i64 = 4_134_067_200;

/// The first instant after `after_s` at which `pattern` comes due by the wall clock `zone`.
///
/// The time line is cut where the offset changes. Within a stretch the wall clock runs evenly, so
/// a match is found by the wall clock and moved back by the offset.
pub(super) fn next_after_s(pattern: &Pattern, zone: &impl Offsets, after_s: i64) -> Option<i64> {
    let mut from = after_s + 1;
    while from < END_S {
        let offset = zone.offset_s(from);
        let wall = pattern.next_wall_s(from + offset)?;
        let instant = wall - offset;
        let Some(change) = zone.next_change_s(from, instant) else {
            if pattern.by_elapsed_time || !is_repeated(zone, instant, offset) {
                return Some(instant);
            }
            from = instant + 1;
            continue;
        };
        // The wall clock never shows a match before the change. It may skip one there.
        let changed_to = zone.offset_s(change);
        let is_skipped = wall < change + changed_to && changed_to - offset < JUMP_MIN_S;
        if is_skipped && !pattern.every_hour {
            return Some(change);
        }
        from = change;
    }
    None
}

/// Whether the wall clock, which is `offset` ahead, has shown the time of `instant` before.
fn is_repeated(zone: &impl Offsets, instant: i64, offset: i64) -> bool {
    let offset_before = zone.offset_s(instant - JUMP_MIN_S);
    let set_back = offset_before - offset;
    (1..JUMP_MIN_S).contains(&set_back) && zone.offset_s(instant - set_back) == offset_before
}
