//! Saves by the clock.
//!
//! A [`Schedule`] is a crontab expression, or the older `HH:MM` form, in a time zone. It is set
//! when a store is opened ([`Options::cron`](crate::Options::cron)) or at run time
//! ([`Store::set_schedule`](crate::Store::set_schedule)); a thread of the store then starts a save
//! whenever one is due, with the trigger [`TRIGGER`]. The thread ends with the store.
//!
//! # Which expressions
//!
//! Five fields, as on crontab.guru: minute (0-59), hour (0-23), day of the month (1-31), month
//! (1-12 or `jan`-`dec`) and day of the week (0-7 or `sun`-`sat`, 0 and 7 both Sunday). A field is
//! `*`, a number, a range (`1-5`), either with a step (`*/15`, `10-50/5`; `5/15` is `5-59/15`), or
//! a list of those (`1,15,20-25`). Names work in lists and ranges, in any case; `sun` ends a range
//! as 7 (`fri-sun`). `@hourly`, `@daily`, `@midnight`, `@weekly`, `@monthly`, `@yearly` and
//! `@annually` are short for the usual expressions.
//!
//! If both day fields are restricted, a day that **either** matches will do: `0 6 13 * 5` is six
//! o'clock on every 13th and on every Friday. A day field that begins with `*` is unrestricted,
//! `*/2` too; then a day must match both.
//!
//! # When the clock jumps
//!
//! | what happens | what is done |
//! |---|---|
//! | an hour is repeated (autumn) | a fixed time runs at its first occurrence only; a schedule whose minute or hour begins with `*` runs by elapsed time, in both |
//! | an hour is skipped (spring) | the times in it run once, together, right after it; a schedule of every hour loses nothing and runs by elapsed time |
//! | the clock jumps ahead by less than three hours, or the machine was suspended so long | the times skipped run once, together, at once |
//! | it is set back by less than three hours | fixed times do not run again; a schedule with `*` is planned anew, unless it was less than a minute |
//! | it jumps by three hours or more, either way | the plan is made anew, nothing is made up for |
//! | a time comes while a save runs, or while the store loads | one save follows right after, however many times came |
//!
//! The clock is read every second.
//!
//! # Examples
//!
//! ```
//! use exuvia::schedule::{Schedule, Zone};
//!
//! let schedule = Schedule::cron("30 6 * * mon-fri")?.in_zone("Europe/Berlin".parse()?);
//! // Saturday, 2026-11-21T12:00:00Z; the next weekday's 6:30 in Berlin is 5:30 in UTC.
//! let next = schedule.next_after_unix_ms(1_795_262_400_000);
//! assert_eq!(next, Some(1_795_411_800_000));
//!
//! let error = Schedule::cron("0 25 * * *").unwrap_err();
//! assert!(error.to_string().contains("hour \"25\": 25 is out of range"));
//! # Ok::<(), exuvia::Error>(())
//! ```
//!
//! # How
//!
//! ```text
//! cron, save_schedule   text to fields (field), each a set of numbers
//!   pattern             fields to the crate `cron`, which walks the calendar; wall-clock times
//!     calendar          wall-clock times to instants, through a zone and its changes
//!       planner         which instant is next, whatever the clock does
//!         scheduler     the thread that sleeps until then and starts the save
//! ```

mod calendar;
mod cron;
mod field;
mod options;
mod pattern;
mod planner;
mod save_schedule;
mod scheduler;
mod store;
#[cfg(test)]
mod tests;
mod zone;

pub use calendar::Schedule;
pub(crate) use options::ScheduleOptions;
pub use planner::{Planner, Step};
pub(crate) use scheduler::Scheduler;
pub use scheduler::TRIGGER;
pub use zone::Zone;

/// Why the text of a schedule is refused: one line that says what is accepted.
type Refusal = String;

/// The error of an option that is refused.
fn refused(option: &'static str, reason: Refusal) -> crate::Error {
    crate::Error::InvalidOption { option, reason }
}
