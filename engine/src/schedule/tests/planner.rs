//! The planner under a clock that jumps.

use std::sync::Arc;

use super::super::{Planner, Step};
use super::*;
use crate::{Clock, ManualClock};

const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

/// A planner and its clock.
struct Plan {
    clock: Arc<ManualClock>,
    planner: Planner,
}

impl Plan {
    fn new(expression: &str, zone: &str, now: &str) -> Self {
        let clock = Arc::new(ManualClock::new(utc_ms(now)));
        let planner = Planner::new(in_zone(expression, zone), Arc::clone(&clock) as _);
        Self { clock, planner }
    }

    fn due(&self) -> String {
        text_of(self.planner.due_unix_ms().unwrap())
    }

    /// Whether a save is to be started, the clock having moved by `ms`.
    fn after(&mut self, ms: u64) -> bool {
        self.clock.advance(ms);
        self.planner.step() == Step::Run
    }

    /// The same, the clock having been set back.
    fn after_back(&mut self, ms: u64) -> bool {
        self.clock.set(self.clock.unix_ms() - ms);
        self.planner.step() == Step::Run
    }

    /// The times at which saves are started until `to`, if the clock is read every `every` ms.
    fn runs_until(&mut self, to: &str, every: u64) -> Vec<String> {
        let mut runs = Vec::new();
        while self.clock.unix_ms() < utc_ms(to) {
            if self.after(every) {
                runs.push(text_of(self.clock.unix_ms())[8..].to_owned());
            }
        }
        runs
    }
}

#[test]
fn a_run_is_started_once_when_it_is_due_and_the_next_is_planned() {
    let mut plan = Plan::new("*/5 * * * *", "UTC", "2026-11-22 12:00");
    assert_eq!(plan.planner.step(), Step::Wait { ms: 5 * MINUTE });
    assert_eq!(plan.due(), "2026-11-22 12:05");
    assert!(!plan.after(5 * MINUTE - 1));
    assert!(plan.after(1));
    assert_eq!(plan.planner.step(), Step::Wait { ms: 5 * MINUTE });
    assert_eq!(plan.due(), "2026-11-22 12:10");
    // Read a little late.
    assert!(plan.after(5 * MINUTE + 700));
    assert_eq!(plan.planner.step(), Step::Wait { ms: 5 * MINUTE - 700 });
}

#[test]
fn a_schedule_without_a_future_waits_for_ever() {
    let mut plan = Plan::new("0 0 1 1 *", "UTC", "2100-06-01 00:00");
    assert_eq!(plan.planner.due_unix_ms(), None);
    assert_eq!(plan.planner.step(), Step::Wait { ms: u64::MAX });
    // Until somebody mends the clock.
    plan.clock.set(utc_ms("2026-06-01 00:00"));
    plan.planner.step();
    assert_eq!(plan.due(), "2027-01-01 00:00");
}

#[test]
fn runs_skipped_by_less_than_three_hours_are_made_once_together() {
    for expression in ["*/5 * * * *", "0,5,10 13,14 * * *", "30 12 * * *"] {
        let mut plan = Plan::new(expression, "UTC", "2026-11-22 12:01");
        assert!(plan.after(3 * HOUR - 1), "{expression}");
        assert!(!plan.after(SECOND), "{expression}");
        assert!(plan.planner.due_unix_ms().unwrap() > plan.clock.unix_ms(), "{expression}");
    }
}

#[test]
fn a_larger_jump_makes_the_plan_anew() {
    for expression in ["*/5 * * * *", "30 12 * * *"] {
        let mut plan = Plan::new(expression, "UTC", "2026-11-22 12:01");
        assert!(!plan.after(3 * HOUR), "{expression}");
        let next = plan.planner.schedule().next_after_unix_ms(plan.clock.unix_ms());
        assert_eq!(plan.planner.due_unix_ms(), next, "{expression}");
        assert!(!plan.after_back(3 * HOUR), "{expression}");
        assert_eq!(text_of(plan.planner.due_unix_ms().unwrap())[..14], *"2026-11-22 12:");
    }
}

#[test]
fn fixed_times_do_not_run_again_when_the_clock_is_set_back_a_little() {
    let mut plan = Plan::new("30 12 * * *", "UTC", "2026-11-22 12:29");
    assert!(plan.after(MINUTE));
    assert!(!plan.after_back(2 * HOUR));
    assert_eq!(plan.due(), "2026-11-23 12:30");
    assert_eq!(plan.runs_until("2026-11-23 13:00", MINUTE), ["23 12:30"]);
    // One that did not run before still does.
    let mut plan = Plan::new("30 12 * * *", "UTC", "2026-11-22 12:29");
    assert!(!plan.after_back(2 * HOUR));
    assert_eq!(plan.runs_until("2026-11-22 13:00", MINUTE), ["22 12:30"]);
}

#[test]
fn elapsed_time_goes_on_when_the_clock_is_set_back() {
    let mut plan = Plan::new("*/5 * * * *", "UTC", "2026-11-22 11:59");
    assert!(plan.after(MINUTE));
    assert!(!plan.after_back(HOUR + MINUTE));
    assert_eq!(plan.due(), "2026-11-22 11:00");
}

#[test]
fn a_correction_of_the_clock_repeats_no_run() {
    for expression in ["*/5 * * * *", "0 12 * * *"] {
        let mut plan = Plan::new(expression, "UTC", "2026-11-22 11:59");
        assert!(plan.after(MINUTE));
        assert!(!plan.after_back(2 * SECOND), "{expression}");
        assert!(!plan.after(2 * SECOND), "{expression}");
        assert!(plan.planner.due_unix_ms().unwrap() >= utc_ms("2026-11-22 12:05"));
    }
}

#[test]
fn a_run_that_cannot_be_started_is_made_once_later() {
    let mut plan = Plan::new("* * * * *", "UTC", "2026-11-22 12:00");
    assert!(plan.after(MINUTE));
    plan.planner.postpone();
    assert!(plan.planner.is_owed());
    // Three more come due meanwhile.
    for _ in 0..3 {
        assert!(plan.after(MINUTE));
        plan.planner.postpone();
    }
    assert!(plan.after(SECOND));
    assert!(!plan.planner.is_owed());
    assert!(!plan.after(SECOND));
    assert_eq!(plan.due(), "2026-11-22 12:05");
}

#[test]
fn a_whole_year_in_berlin_has_one_run_a_day_however_often_the_clock_is_read() {
    for every in [SECOND * 59, 7 * MINUTE, 59 * MINUTE] {
        let mut plan = Plan::new("30 2 * * *", "Europe/Berlin", "2026-01-01 00:00");
        let runs = plan.runs_until("2027-01-01 00:00", every);
        assert_eq!(runs.len(), 365, "{every}");
    }
}

#[test]
fn a_night_of_the_changed_clock_goes_by_the_same_rules() {
    let mut plan = Plan::new("30 2 * * *", "Europe/Berlin", "2026-03-28 23:00");
    assert_eq!(plan.runs_until("2026-03-29 12:00", MINUTE), ["29 01:00"]);
    let mut plan = Plan::new("30 2 * * *", "Europe/Berlin", "2026-10-24 23:00");
    assert_eq!(plan.runs_until("2026-10-25 12:00", MINUTE), ["25 00:30"]);
    let mut plan = Plan::new("30 * * * *", "Europe/Berlin", "2026-10-25 00:00");
    let expected = ["25 00:30", "25 01:30", "25 02:30"];
    assert_eq!(plan.runs_until("2026-10-25 03:00", MINUTE), expected);
}

#[test]
fn whatever_the_clock_does_at_most_one_run_a_reading_and_the_plan_stays_ahead() {
    let mut random = fastrand::Rng::with_seed(seed());
    let expressions = ["* * * * *", "*/7 * * * *", "30 2 * * *", "0 0 29 2 *"];
    for round in 0..200 {
        let expression = expressions[round % expressions.len()];
        let mut plan = Plan::new(expression, "Europe/Berlin", "2026-03-29 00:00");
        for _ in 0..200 {
            let longest = 1 << random.u32(0..36);
            let ms = random.u64(0..=longest);
            let back = random.u8(0..4) == 0;
            let before = plan.clock.unix_ms();
            let due_before = plan.planner.due_unix_ms();
            let run = if back { plan.after_back(ms.min(before)) } else { plan.after(ms) };
            let now = plan.clock.unix_ms();
            // Runs happen only where a due time was passed in one short move ahead.
            let passed = due_before.is_some_and(|due| due <= now);
            assert_eq!(run, passed && now >= before && now - before < 3 * HOUR, "{expression}");
            if let Some(due) = plan.planner.due_unix_ms() {
                assert!(due > now, "{expression}");
            }
        }
    }
}
