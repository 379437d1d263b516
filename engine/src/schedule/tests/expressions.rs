//! What expressions mean, by dates checked by hand, and what is refused with which words.

use super::*;
use crate::Error;

/// 2026-11-22 is a Sunday, and so is 2026-11-01.
const SUNDAY: &str = "2026-11-22 00:00";

fn refusal(expression: &str) -> String {
    match Schedule::cron(expression) {
        Err(Error::InvalidOption { option: "cron", reason }) => reason,
        other => panic!("{expression:?}: {other:?}"),
    }
}

fn days(expression: &str, count: usize) -> Vec<String> {
    let runs = runs_of(expression, SUNDAY, count);
    runs.iter().map(|run| run[5..10].to_owned()).collect()
}

#[test]
fn weekdays_are_monday_to_friday() {
    let expected = ["11-23", "11-24", "11-25", "11-26", "11-27", "11-30"];
    for expression in ["0 6 * * 1-5", "0 6 * * mon-fri", "0 6 * * MON,TUE,Wed,thu,5"] {
        assert_eq!(days(expression, 6), expected, "{expression}");
    }
}

#[test]
fn zero_and_seven_are_both_sunday() {
    for expression in ["0 6 * * 0", "0 6 * * 7", "0 6 * * sun", "0 6 * * 0,7", "0 6 * * */7"] {
        assert_eq!(days(expression, 3), ["11-22", "11-29", "12-06"], "{expression}");
    }
    for expression in ["0 6 * * 5-7", "0 6 * * fri-sun", "0 6 * * 0,fri,sat"] {
        assert_eq!(days(expression, 4), ["11-22", "11-27", "11-28", "11-29"], "{expression}");
    }
    assert_eq!(days("0 6 * * sun-mon", 3), ["11-22", "11-23", "11-29"]);
    assert_eq!(days("0 6 * * 1/2", 5), ["11-22", "11-23", "11-25", "11-27", "11-29"]);
    for expression in ["0 6 * * sun-sun", "0 6 * * 0-sun", "0 6 * * 7-sun"] {
        assert_eq!(days(expression, 3), ["11-22", "11-29", "12-06"], "{expression}");
    }
    assert_eq!(days("0 6 * * 0-7", 3), ["11-22", "11-23", "11-24"]);
}

#[test]
fn either_day_field_does_if_both_are_restricted() {
    // Fridays of December 2026 are the 4th, 11th, 18th and 25th; the 13th is a Sunday.
    let expected = ["11-27", "12-04", "12-11", "12-13", "12-18"];
    assert_eq!(days("0 6 13 * 5", 5), expected);
    assert_eq!(days("30 4 1,15 12 fri", 4), ["12-01", "12-04", "12-11", "12-15"]);
    // A list that holds everything but does not begin with a star is restricted.
    assert_eq!(days("0 6 1-31 * 5", 3), ["11-22", "11-23", "11-24"]);
    assert_eq!(days("0 6 13 * 1,*", 3), ["11-22", "11-23", "11-24"]);
}

#[test]
fn both_day_fields_must_do_if_one_begins_with_a_star() {
    // Odd days that are Fridays: the 27th of November, the 11th and 25th of December.
    assert_eq!(days("0 6 */2 * 5", 3), ["11-27", "12-11", "12-25"]);
    // 13ths on a Sunday, Tuesday, Thursday or Saturday: December, then March to May 2027.
    assert_eq!(days("0 6 13 * */2", 3), ["12-13", "02-13", "03-13"]);
    // Sundays, Tuesdays, Thursdays and Saturdays with an odd date.
    assert_eq!(days("0 6 */2 * */2", 3), ["11-29", "12-01", "12-03"]);
    assert_eq!(days("0 6 *,13 * 5", 2), ["11-27", "12-04"]);
    assert_eq!(days("0 6 * * *", 2), ["11-22", "11-23"]);
}

#[test]
fn steps_begin_at_the_start_of_their_range() {
    let minutes = |field: &str, count| -> Vec<String> {
        let runs = runs_of(&format!("{field} * * * *"), "2026-11-21 23:59", count);
        runs.iter().map(|run| run[11..].to_owned()).collect()
    };
    assert_eq!(minutes("*/15", 5), ["00:00", "00:15", "00:30", "00:45", "01:00"]);
    assert_eq!(minutes("*/25", 4), ["00:00", "00:25", "00:50", "01:00"]);
    assert_eq!(minutes("5/15", 5), ["00:05", "00:20", "00:35", "00:50", "01:05"]);
    assert_eq!(minutes("10-20/5,59", 5), ["00:10", "00:15", "00:20", "00:59", "01:10"]);
    assert_eq!(minutes("7-7/3", 2), ["00:07", "01:07"]);
    assert_eq!(minutes("007", 1), ["00:07"]);
}

#[test]
fn macros_are_the_usual_expressions() {
    for (name, expected) in [
        ("@hourly", "2026-11-22 01:00"),
        ("@daily", "2026-11-23 00:00"),
        ("@midnight", "2026-11-23 00:00"),
        ("@weekly", "2026-11-29 00:00"),
        ("@monthly", "2026-12-01 00:00"),
        ("@yearly", "2027-01-01 00:00"),
        ("@Annually", "2027-01-01 00:00"),
    ] {
        assert_eq!(runs_of(name, SUNDAY, 1), [expected], "{name}");
    }
}

#[test]
fn leap_days_come_in_leap_years() {
    assert_eq!(runs_of("0 0 29 2 *", SUNDAY, 2), ["2028-02-29 00:00", "2032-02-29 00:00"]);
    // 2100 is none, and the calendar ends behind it.
    assert_eq!(runs_of("0 0 29 2 *", "2096-03-01 00:00", 1), [""; 0]);
    assert_eq!(runs_of("0 0 * * *", "2100-12-30 12:00", 3), ["2100-12-31 00:00"]);
}

#[test]
fn whitespace_does_not_matter() {
    assert_eq!(days("  0\t6   * * 1-5 \n", 1), ["11-23"]);
    assert_eq!(Schedule::cron(" @daily ").unwrap().text(), "@daily");
}

#[test]
fn an_expression_that_is_wrong_is_refused_with_the_field_and_what_it_takes() {
    for (expression, words) in [
        ("", "it is empty; five fields are accepted (minute hour day-of-month month day-of-week)"),
        ("daily", "\"daily\" has 1 field; five are accepted"),
        ("* * * *", "\"* * * *\" has 4 fields; five are accepted"),
        ("0 0 6 * * 1", "has 6 fields; five are accepted"),
        ("0 0 6 * * 1", "none for seconds or years"),
        ("60 * * * *", "minute \"60\": 60 is out of range; it takes *, 0-59, lists"),
        ("0 24 * * *", "hour \"24\": 24 is out of range; it takes *, 0-23"),
        ("0 0 0 * *", "day-of-month \"0\": 0 is out of range; it takes *, 1-31"),
        ("0 0 1 13 *", "month \"13\": 13 is out of range; it takes *, 1-12 or jan-dec"),
        ("0 0 1 * 8", "day-of-week \"8\": 8 is out of range; it takes *, 0-7 or sun-sat"),
        ("*/0 * * * *", "minute \"*/0\": a step is a number from 1 to 59, not \"0\""),
        ("*/60 * * * *", "a step is a number from 1 to 59, not \"60\""),
        ("*/x * * * *", "not \"x\""),
        ("*/ * * * *", "not \"\""),
        ("*/2/3 * * * *", "not \"2/3\""),
        ("20-10 * * * *", "the range 20-10 runs backwards"),
        ("0 0 * * fri-mon", "the range fri-mon runs backwards"),
        ("1-2-3 * * * *", "\"2-3\" means nothing here"),
        ("1, * * * *", "minute \"1,\": something is missing"),
        ("- * * * *", "something is missing"),
        ("+5 * * * *", "\"+5\" means nothing here"),
        ("-5 * * * *", "something is missing"),
        ("1.5 * * * *", "\"1.5\" means nothing here"),
        ("** * * * *", "\"**\" means nothing here"),
        ("*5 * * * *", "\"*5\" means nothing here"),
        ("0 0 ? * 1", "day-of-month \"?\": \"?\" means nothing here"),
        ("0 0 L * *", "\"L\" means nothing here"),
        ("0 0 * * 1#2", "\"1#2\" means nothing here"),
        ("0 0 * * monday", "\"monday\" means nothing here"),
        ("0 0 * foo *", "month \"foo\": \"foo\" means nothing here"),
        ("jan * * * *", "minute \"jan\": \"jan\" means nothing here"),
        ("٣ * * * *", "means nothing here"),
        ("0000 * * * *", "means nothing here"),
        ("99999999999999999999 * * * *", "means nothing here"),
        ("@reboot", "\"@reboot\" is no macro; there are @hourly, @daily"),
        ("0 0 30 2 *", "\"0 0 30 2 *\" never comes due"),
        ("0 0 31 4,6,9,11 */2", "never comes due"),
    ] {
        let reason = refusal(expression);
        assert!(reason.contains(words), "{expression:?}: {reason}");
        assert!(!reason.contains('\n'), "{reason}");
    }
    // An impossible date beside a day of the week is possible.
    assert_eq!(days("0 0 30 2 1", 1), ["02-01"]);
    assert!(refusal(&"1,".repeat(1000)).len() < 100);
}

#[test]
fn any_text_is_either_a_schedule_or_refused() {
    let mut random = fastrand::Rng::with_seed(seed());
    let pieces = ["*", "/", "-", ",", " ", "0", "7", "59", "sun", "Jan", "@", "daily", "ß", "\0"];
    let mut accepted = 0;
    for _ in 0..20_000 {
        let count = random.usize(1..16);
        let text: String = (0..count).map(|_| *random.choice(pieces.iter()).unwrap()).collect();
        let _ = Schedule::save_schedule(&text);
        if let Ok(schedule) = Schedule::cron(&text) {
            accepted += 1;
            assert!(schedule.next_after_unix_ms(0).is_some(), "{text:?}");
        }
    }
    assert!(accepted > 0);
}

#[test]
fn save_schedule_matches_hours_and_minutes_by_glob() {
    let first = |times: &str, count| {
        let schedule = Schedule::save_schedule(times).unwrap().in_zone(Zone::UTC);
        let runs = runs(&schedule, "2026-11-22 00:00", count);
        runs.iter().map(|run| run[8..].to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(first("23:45", 2), ["22 23:45", "23 23:45"]);
    assert_eq!(first("*:15", 2), ["22 00:15", "22 01:15"]);
    assert_eq!(first("*:*", 2), ["22 00:01", "22 00:02"]);
    assert_eq!(first("**:**", 1), ["22 00:01"]);
    assert_eq!(first("1*:00", 2), ["22 10:00", "22 11:00"]);
    assert_eq!(first("*3:30", 4), ["22 03:30", "22 13:30", "22 23:30", "23 03:30"]);
    assert_eq!(first("9:5", 1), ["22 09:05"]);
    assert_eq!(first("12:*0", 2), ["22 12:00", "22 12:10"]);
}

#[test]
fn a_save_schedule_that_is_wrong_is_refused_with_what_is_accepted() {
    for (times, words) in [
        ("", "has no colon"),
        ("2345", "has no colon"),
        ("24:00", "names no hour"),
        ("3*:00", "names no hour"),
        ("23:60", "names no minute"),
        ("23:", "names no minute"),
        (":45", "names no hour"),
        ("23:45:00", "names no minute"),
        ("123:00", "names no hour"),
        ("2?:00", "names no hour"),
        ("-1:00", "names no hour"),
        ("ß:00", "names no hour"),
        ("12 :00", "names no hour"),
    ] {
        let Err(Error::InvalidOption { option: "save_schedule", reason }) =
            Schedule::save_schedule(times)
        else {
            panic!("{times}");
        };
        assert!(reason.contains(words) && reason.contains("HH:MM is accepted"), "{reason}");
    }
    let long = Schedule::save_schedule(&"9".repeat(1000)).unwrap_err().to_string();
    assert!(long.contains("it is too long") && long.len() < 120, "{long}");
}
