//! Time zones, as offsets from UTC that change at known instants.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Local, Offset, TimeZone, Utc};
use chrono_tz::{TZ_VARIANTS, Tz};

use super::refused;
use crate::Error;

/// The zone in which a schedule's times are read.
///
/// Parsed from `local`, `UTC`, or a name of the IANA database, which is part of the build.
///
/// # Examples
///
/// ```
/// use exuvia::schedule::Zone;
///
/// assert_eq!("Europe/Berlin".parse::<Zone>()?.to_string(), "Europe/Berlin");
/// assert_eq!("utc".parse::<Zone>()?, Zone::UTC);
/// let error = "europe/berlin".parse::<Zone>().unwrap_err();
/// assert!(error.to_string().contains("did you mean Europe/Berlin?"));
/// # Ok::<(), exuvia::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Zone(Kind);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Local,
    Utc,
    Iana(Tz),
}

impl Zone {
    /// The machine's own zone, by which snapshots are named too.
    pub const LOCAL: Self = Self(Kind::Local);
    /// Coordinated universal time.
    pub const UTC: Self = Self(Kind::Utc);
}

impl FromStr for Zone {
    type Err = Error;

    /// # Errors
    ///
    /// [`Error::InvalidOption`] if there is no zone of that name.
    fn from_str(name: &str) -> Result<Self, Error> {
        if name.eq_ignore_ascii_case("local") {
            return Ok(Self::LOCAL);
        }
        if name.eq_ignore_ascii_case("utc") {
            return Ok(Self::UTC);
        }
        name.parse().map(|zone| Self(Kind::Iana(zone))).map_err(|_| {
            let name: String = name.chars().take(64).collect();
            let meant = TZ_VARIANTS
                .iter()
                .find(|zone| zone.name().eq_ignore_ascii_case(&name))
                .map_or(String::new(), |zone| format!(", did you mean {zone}?"));
            let accepted = "accepted are local, UTC and IANA names as Europe/Berlin";
            refused("cron_zone", format!("there is no zone {name:?}{meant}; {accepted}"))
        })
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Kind::Local => f.write_str("local"),
            Kind::Utc => f.write_str("UTC"),
            Kind::Iana(zone) => f.write_str(zone.name()),
        }
    }
}

/// What a wall clock shows: universal time and an offset that changes now and then.
///
/// Changes are at least [`CHANGES_APART_S`] apart.
pub(super) trait Offsets {
    /// Seconds by which the wall clock is ahead of UTC at `unix_s`.
    fn offset_s(&self, unix_s: i64) -> i64;

    /// The first instant in (`from_s`, `to_s`] at which the offset is another than before.
    fn next_change_s(&self, from_s: i64, to_s: i64) -> Option<i64> {
        let offset = self.offset_s(from_s);
        let mut low = from_s;
        while low < to_s {
            let mut high = to_s.min(low + CHANGES_APART_S);
            if self.offset_s(high) == offset {
                low = high;
                continue;
            }
            // The change is in (low, high], and there is only one.
            while high - low > 1 {
                let middle = low + (high - low) / 2;
                if self.offset_s(middle) == offset {
                    low = middle;
                } else {
                    high = middle;
                }
            }
            return Some(high);
        }
        None
    }
}

/// No zone changes its offset twice within this time.
const CHANGES_APART_S: i64 = 12 * 3600;

impl Offsets for Zone {
    fn offset_s(&self, unix_s: i64) -> i64 {
        let Some(utc) = DateTime::<Utc>::from_timestamp(unix_s, 0) else { return 0 };
        let utc = utc.naive_utc();
        let offset = match self.0 {
            Kind::Local => Local.offset_from_utc_datetime(&utc).fix(),
            Kind::Utc => return 0,
            Kind::Iana(zone) => zone.offset_from_utc_datetime(&utc).fix(),
        };
        i64::from(offset.local_minus_utc())
    }
}
