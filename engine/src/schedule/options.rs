//! A schedule among the options of a store.

use super::{Schedule, Zone, refused};
use crate::{Error, Options};

/// What options say of the schedule.
#[derive(Clone, Debug, Default)]
pub(crate) struct ScheduleOptions {
    schedule: Option<Schedule>,
    /// Applies whether it is set before or after the schedule.
    zone: Zone,
}

impl ScheduleOptions {
    /// The schedule in its zone.
    pub(crate) fn schedule(&self) -> Option<Schedule> {
        self.schedule.clone().map(|schedule| schedule.in_zone(self.zone))
    }

    fn set(&mut self, option: &'static str, schedule: Schedule) -> Result<(), Error> {
        if let Some(other) = &self.schedule {
            return Err(refused(
                option,
                format!(
                    "there is a schedule already ({:?}), and only one is possible",
                    other.text()
                ),
            ));
        }
        self.schedule = Some(schedule);
        Ok(())
    }
}

/// Available with the feature `schedule`.
impl Options {
    /// Saves by this crontab expression, in [local time](Self::cron_zone) unless that is set.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidOption`] with one line that says what is accepted, or if there is a
    /// schedule already.
    ///
    /// # Examples
    ///
    /// ```
    /// use exuvia::Options;
    ///
    /// let options = Options::new("data").cron("*/5 * * * *")?.cron_zone("UTC")?;
    /// assert!(Options::new("data").cron("*/5 * * *").is_err());
    /// # Ok::<(), exuvia::Error>(())
    /// ```
    pub fn cron(mut self, expression: &str) -> Result<Self, Error> {
        self.schedule.set("cron", Schedule::cron(expression)?)?;
        Ok(self)
    }

    /// Reads the times of the schedule in this zone: `local` (the default), `UTC` or an IANA name.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidOption`] if there is no such zone.
    pub fn cron_zone(mut self, zone: &str) -> Result<Self, Error> {
        self.schedule.zone = zone.parse()?;
        Ok(self)
    }

    /// Saves at these times, `HH:MM` with `*` for any number or any digit, in the schedule's zone.
    ///
    /// [`cron`](Self::cron) says more; this is what older configurations have.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidOption`] with one line that says what is accepted, or if there is a
    /// schedule already.
    pub fn save_schedule(mut self, times: &str) -> Result<Self, Error> {
        self.schedule.set("save_schedule", Schedule::save_schedule(times)?)?;
        Ok(self)
    }
}
