//! Times of expiry, as the options of several commands give them.

use exuvia::Expiry;

use super::Failure;
use super::call::{Call, integer, is};

/// How a time of expiry is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Seconds,
    Milliseconds,
    /// Seconds since the Unix epoch.
    UnixSeconds,
    /// Milliseconds since the Unix epoch.
    UnixMilliseconds,
}

impl Unit {
    /// The unit that the option `word` of `SET` and `GETEX` stands for.
    pub(super) fn of_option(word: &[u8]) -> Option<Self> {
        let options = [
            ("ex", Self::Seconds),
            ("px", Self::Milliseconds),
            ("exat", Self::UnixSeconds),
            ("pxat", Self::UnixMilliseconds),
        ];
        options.into_iter().find(|(option, _)| is(word, option)).map(|(_, unit)| unit)
    }

    /// The number as milliseconds since the epoch; `None` if that overflows.
    pub(super) fn unix_ms(self, number: i64, now_ms: u64) -> Option<i64> {
        let ms = match self {
            Self::Seconds | Self::UnixSeconds => number.checked_mul(1000)?,
            Self::Milliseconds | Self::UnixMilliseconds => number,
        };
        match self {
            Self::Seconds | Self::Milliseconds => ms.checked_add(i64::try_from(now_ms).ok()?),
            Self::UnixSeconds | Self::UnixMilliseconds => Some(ms),
        }
    }
}

/// Argument `index` as the expiry of a value to be stored: a positive number.
///
/// # Errors
///
/// [`Failure::NOT_AN_INTEGER`]; the failure of a time that no key can expire at.
pub(super) fn of_value(call: &Call<'_>, index: usize, unit: Unit) -> Result<Expiry, Failure> {
    let number = integer(call.args, index)?;
    let invalid = || Failure::expire_time(call.spec.name);
    if number <= 0 {
        return Err(invalid());
    }
    let ms = unit.unix_ms(number, call.server.now_ms()).ok_or_else(invalid)?;
    Ok(Expiry::At(ms as u64))
}
