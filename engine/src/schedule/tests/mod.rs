//! Schedules against hand-checked dates, another crate, a walk through every minute, and stores.

mod expressions;
mod oracle;
mod planner;
mod scheduler;
mod zones;

use chrono::{DateTime, NaiveDateTime, Utc};

use super::{Schedule, Zone};

/// A moment, as in `2026-11-22 12:00` of UTC, in seconds.
fn utc_s(text: &str) -> i64 {
    let time = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M")
        .or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S"))
        .unwrap_or_else(|error| panic!("{text}: {error}"));
    time.and_utc().timestamp()
}

fn utc_ms(text: &str) -> u64 {
    utc_s(text) as u64 * 1000
}

fn text_of(unix_ms: u64) -> String {
    let time = DateTime::<Utc>::from_timestamp_millis(unix_ms as i64).unwrap();
    time.format("%Y-%m-%d %H:%M").to_string()
}

fn in_zone(expression: &str, zone: &str) -> Schedule {
    Schedule::cron(expression).unwrap().in_zone(zone.parse().unwrap())
}

/// The first runs after `from`, all in UTC.
fn runs(schedule: &Schedule, from: &str, count: usize) -> Vec<String> {
    let next = |after: &u64| schedule.next_after_unix_ms(*after);
    std::iter::successors(next(&utc_ms(from)), next).take(count).map(text_of).collect()
}

/// The first runs of a crontab expression in UTC.
fn runs_of(expression: &str, from: &str, count: usize) -> Vec<String> {
    runs(&Schedule::cron(expression).unwrap().in_zone(Zone::UTC), from, count)
}

/// The seed of a random test, taken from the environment or drawn, and printed.
fn seed() -> u64 {
    let given = std::env::var("EXUVIA_TEST_SEED").ok();
    let seed = given.map_or_else(|| fastrand::u64(..), |given| given.parse().unwrap());
    eprintln!("EXUVIA_TEST_SEED={seed}");
    seed
}
