//! Skipped and repeated hours, by hand and against a walk through every minute.

use fastrand::Rng;

use super::super::calendar::next_after_s;
use super::super::cron;
use super::super::pattern::Pattern;
use super::super::zone::Offsets;
use super::*;

/// In Berlin 2026-03-29 02:00 (01:00 UTC) becomes 03:00.
const SPRING: &str = "2026-03-28 12:00";
/// In Berlin 2026-10-25 03:00 (01:00 UTC) becomes 02:00: 02:30 is at 00:30 and at 01:30 UTC.
const AUTUMN: &str = "2026-10-24 12:00";

fn berlin(expression: &str, from: &str, count: usize) -> Vec<String> {
    let runs = runs(&in_zone(expression, "Europe/Berlin"), from, count);
    runs.iter().map(|run| run[8..].to_owned()).collect()
}

#[test]
fn times_are_those_of_the_zone() {
    let from = "2026-11-22 00:00";
    for (zone, expected) in [
        ("UTC", "2026-11-22 06:30"),
        ("Europe/Berlin", "2026-11-22 05:30"),
        ("America/New_York", "2026-11-22 11:30"),
        ("Asia/Kolkata", "2026-11-22 01:00"),
        ("Pacific/Kiritimati", "2026-11-22 16:30"),
    ] {
        assert_eq!(runs(&in_zone("30 6 * * *", zone), from, 1), [expected], "{zone}");
    }
    // Monday begins earlier in the east.
    assert_eq!(runs(&in_zone("0 0 * * 1", "Asia/Tokyo"), from, 1), ["2026-11-22 15:00"]);
}

#[test]
fn an_unknown_zone_is_refused_and_a_misspelt_one_guessed() {
    for (name, words) in [
        ("Europe/Berlinn", "accepted are local, UTC and IANA names as Europe/Berlin"),
        ("europe/berlin", "did you mean Europe/Berlin?"),
        ("", "there is no zone \"\""),
        ("+02:00", "there is no zone"),
        ("../../etc/passwd", "there is no zone"),
    ] {
        let error = name.parse::<Zone>().unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    assert!("x".repeat(10_000).parse::<Zone>().unwrap_err().to_string().len() < 250);
    assert_eq!("LOCAL".parse::<Zone>().unwrap(), Zone::default());
}

#[test]
fn a_skipped_fixed_time_runs_once_right_after_the_gap() {
    assert_eq!(berlin("30 2 * * *", SPRING, 2), ["29 01:00", "30 00:30"]);
    // All of them together.
    assert_eq!(berlin("0,10,20 2 * * *", SPRING, 2), ["29 01:00", "30 00:00"]);
    // Together with the one that is due there anyway.
    assert_eq!(berlin("30 2,3 * * *", SPRING, 3), ["29 01:00", "29 01:30", "30 00:30"]);
    assert_eq!(berlin("0 2,3 * * *", SPRING, 2), ["29 01:00", "30 00:00"]);
    assert_eq!(berlin("30 1 * * *", SPRING, 2), ["29 00:30", "29 23:30"]);
}

#[test]
fn a_schedule_of_every_hour_loses_nothing_in_spring() {
    assert_eq!(berlin("*/30 * * * *", "2026-03-29 00:15", 3), ["29 00:30", "29 01:00", "29 01:30"]);
    assert_eq!(berlin("15,45 * * * *", "2026-03-29 00:15", 2), ["29 00:45", "29 01:15"]);
    assert_eq!(berlin("@hourly", "2026-03-29 00:15", 2), ["29 01:00", "29 02:00"]);
    // One of certain hours would lose a run.
    assert_eq!(berlin("30 */2 * * *", "2026-03-29 00:15", 2), ["29 01:00", "29 02:30"]);
    assert_eq!(berlin("*/15 2 * * *", "2026-03-29 00:15", 2), ["29 01:00", "30 00:00"]);
}

#[test]
fn a_repeated_fixed_time_runs_at_its_first_occurrence_only() {
    assert_eq!(berlin("30 2 * * *", AUTUMN, 3), ["25 00:30", "26 01:30", "27 01:30"]);
    assert_eq!(
        berlin("0,30 1-3 * * *", "2026-10-24 22:45", 6),
        ["24 23:00", "24 23:30", "25 00:00", "25 00:30", "25 02:00", "25 02:30"]
    );
    // Also if nobody was there at the first.
    assert_eq!(berlin("30 2 * * *", "2026-10-25 00:45", 1), ["26 01:30"]);
    // The end of the repeated hour comes once.
    assert_eq!(berlin("0 3 * * *", AUTUMN, 1), ["25 02:00"]);
}

#[test]
fn a_schedule_with_a_star_runs_by_elapsed_time_in_autumn() {
    let expected = ["25 00:00", "25 00:30", "25 01:00", "25 01:30", "25 02:00"];
    assert_eq!(berlin("*/30 * * * *", "2026-10-24 23:45", 5), expected);
    assert_eq!(berlin("30 * * * *", "2026-10-25 00:15", 3), ["25 00:30", "25 01:30", "25 02:30"]);
    assert_eq!(berlin("*/30 2 * * *", AUTUMN, 4), ["25 00:00", "25 00:30", "25 01:00", "25 01:30"]);
}

#[test]
fn a_save_schedule_follows_the_same_rules() {
    let of = |times: &str, from: &str| {
        let schedule = Schedule::save_schedule(times).unwrap();
        runs(&schedule.in_zone("Europe/Berlin".parse().unwrap()), from, 2)
    };
    assert_eq!(of("02:30", SPRING), ["2026-03-29 01:00", "2026-03-30 00:30"]);
    assert_eq!(of("02:30", AUTUMN), ["2026-10-25 00:30", "2026-10-26 01:30"]);
    assert_eq!(of("*:30", "2026-10-25 00:15"), ["2026-10-25 00:30", "2026-10-25 01:30"]);
}

#[test]
fn half_hours_are_skipped_and_repeated_in_lord_howe() {
    // 2026-10-04 02:00 (+10:30) becomes 02:30 (+11), 2026-04-05 02:00 (+11) becomes 01:30.
    let howe = in_zone("15 2 * * *", "Australia/Lord_Howe");
    assert_eq!(runs(&howe, "2026-10-03 00:00", 2), ["2026-10-03 15:30", "2026-10-04 15:15"]);
    let howe = in_zone("45 1 * * *", "Australia/Lord_Howe");
    assert_eq!(runs(&howe, "2026-04-04 00:00", 2), ["2026-04-04 14:45", "2026-04-05 15:15"]);
}

#[test]
fn a_day_that_a_zone_leaves_out_is_not_made_up_for() {
    // Samoa went from 2011-12-29 24:00 (-10) to 2011-12-31 00:00 (+14).
    let apia = in_zone("0 12 * * *", "Pacific/Apia");
    assert_eq!(runs(&apia, "2011-12-29 00:00", 2), ["2011-12-29 22:00", "2011-12-30 22:00"]);
    let apia = in_zone("0 12 30 12 *", "Pacific/Apia");
    assert_eq!(runs(&apia, "2011-12-01 00:00", 1), ["2012-12-29 22:00"]);
}

/// A wall clock that jumps now and then.
struct Jumps {
    first_offset_s: i64,
    /// When it jumps, ascending, and its offset from there on.
    jumps: Vec<(i64, i64)>,
}

impl Offsets for Jumps {
    fn offset_s(&self, unix_s: i64) -> i64 {
        let passed = self.jumps.iter().take_while(|(at, _)| *at <= unix_s);
        passed.last().map_or(self.first_offset_s, |(_, offset)| *offset)
    }
}

impl Jumps {
    /// Up to `count` jumps of up to `hours_max` hours, at least a day apart.
    fn random(random: &mut Rng, from: i64, count: usize, hours_max: i64) -> Self {
        let quarter = |random: &mut Rng, hours: i64| random.i64(-4 * hours..=4 * hours) * 900;
        let first_offset_s = quarter(random, 12);
        let (mut at, mut offset) = (from, first_offset_s);
        let jumps = (0..count).map(|_| {
            at += random.i64(24 * 60..72 * 60) * 60;
            offset = (offset + quarter(random, hours_max)).clamp(-13 * 3600, 14 * 3600);
            (at, offset)
        });
        Self { first_offset_s, jumps: jumps.collect() }
    }
}

/// The runs from `from` to `to`, found by looking at every minute.
fn walk(pattern: &Pattern, zone: &Jumps, from: i64, to: i64) -> Vec<i64> {
    let matches = |wall: i64| pattern.next_wall_s(wall) == Some(wall);
    let wall_at = |minute: i64| minute + zone.offset_s(minute);
    let minutes = |first: i64, end: i64| (first..end).step_by(60);
    let three_hours = 3 * 3600;
    minutes(from + 60, to)
        .filter(|&now| {
            let wall = wall_at(now);
            let expected = wall_at(now - 60) + 60;
            let skipped = minutes(expected, wall).any(matches);
            if skipped && wall - expected < three_hours && !pattern.every_hour {
                return true;
            }
            let mut before = minutes(now - three_hours + 60, now);
            let is_repeated = before.any(|earlier| wall_at(earlier) == wall);
            matches(wall) && (pattern.by_elapsed_time || !is_repeated)
        })
        .collect()
}

#[test]
fn runs_are_those_of_a_walk_through_every_minute_whatever_the_zone_does() {
    let mut random = Rng::with_seed(seed());
    let from = utc_s("2026-01-01 00:00");
    let to = from + 20 * 86_400;
    let expressions = [
        "* * * * *",
        "*/17 * * * *",
        "13,47 * * * *",
        "30 2 * * *",
        "0,15,30,45 0-23 * * *",
        "*/20 1-3 * * *",
        "5 */3 * * *",
        "0 0 * * *",
        "59 23 */2 * *",
        "30 1,2,3 10,11,12 * 1",
    ];
    let mut total = 0;
    for round in 0..60 {
        let hours_max = if round % 2 == 0 { 2 } else { 26 };
        let zone = Jumps::random(&mut random, from, 8, hours_max);
        let expression = expressions[round % expressions.len()];
        let pattern = cron::parse(expression).unwrap();
        let expected = walk(&pattern, &zone, from, to);
        let next = |after: &i64| next_after_s(&pattern, &zone, *after).filter(|due| *due < to);
        let found: Vec<i64> = std::iter::successors(next(&from), next).collect();
        total += found.len();
        assert_eq!(found, expected, "{expression}, {:?}", (zone.first_offset_s, &zone.jumps));
    }
    assert!(total > 10_000, "{total}");
}

#[test]
fn clocks_that_are_far_off_end_the_plan_and_harm_nobody() {
    for zone in ["UTC", "local", "Europe/Berlin"] {
        let schedule = in_zone("0 0 * * *", zone);
        for unix_ms in [u64::MAX, u64::MAX / 1000, i64::MAX as u64, 4_200_000_000_000] {
            assert_eq!(schedule.next_after_unix_ms(unix_ms), None, "{zone} {unix_ms}");
        }
        assert!(schedule.next_after_unix_ms(0).is_some());
    }
}
