//! When a field is to expire.

use exuvia::{Expiry, Hash};

use crate::command::Failure;
use crate::command::call::{Call, integer};
use crate::command::expiry::Unit;
use crate::events::Event;

/// The latest time that a field can expire at: 46 bits of milliseconds, as in Redis.
const UNIX_MS_MAX: i64 = (1 << 46) - 1;

/// A time to expire at, seen from the time of the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Deadline {
    pub(super) unix_ms: i64,
    is_past: bool,
}

impl Deadline {
    /// Argument `index` as a deadline.
    ///
    /// # Errors
    ///
    /// [`Failure::NOT_AN_INTEGER`]; a failure for a number that is negative or too large.
    pub(super) fn parse(call: &Call<'_>, index: usize, unit: Unit) -> Result<Self, Failure> {
        let number = integer(call.args, index)?;
        if number < 0 {
            return Err(Failure::new("ERR invalid expire time, must be >= 0"));
        }
        let now_ms = call.server.now_ms();
        let unix_ms = unit.unix_ms(number, now_ms).filter(|unix_ms| *unix_ms <= UNIX_MS_MAX);
        let unix_ms = unix_ms.ok_or_else(|| Failure::expire_time(call.spec.name))?;
        Ok(Self { unix_ms, is_past: unix_ms <= now_ms as i64 })
    }

    /// Lets `field`, which is there, expire then: at once if that is past. Returns whether it is
    /// still there.
    pub(super) fn apply(self, hash: &mut Hash, field: &[u8]) -> bool {
        if self.is_past {
            hash.remove(field);
        } else {
            hash.set_expiry(field, self.expiry());
        }
        !self.is_past
    }

    pub(super) fn expiry(self) -> Expiry {
        Expiry::At(self.unix_ms as u64)
    }

    /// The event of fields that were given it.
    pub(super) fn event(self) -> Event {
        if self.is_past { Event::HDEL } else { Event::HEXPIRE }
    }

    /// Whether it has passed already.
    pub(super) fn is_past(self) -> bool {
        self.is_past
    }
}
