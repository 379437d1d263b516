//! Crontab expressions against the crate `croner`, over ten years.

use chrono::{DateTime, Duration, Utc};
use croner::Cron;
use croner::parser::CronParser;
use fastrand::Rng;

use super::super::cron;
use super::{seed, utc_s};

const EXPRESSIONS: usize = 400;

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// A field of numbers from `first` to `last`, and now and then of names.
struct Generator {
    first: u8,
    last: u8,
    names: &'static [&'static str],
    /// How often of ten the field is restricted.
    restricted: u8,
}

impl Generator {
    fn field(&self, random: &mut Rng) -> String {
        if random.u8(0..10) >= self.restricted {
            return "*".to_owned();
        }
        let items = if random.u8(0..3) == 0 { random.usize(2..5) } else { 1 };
        let items: Vec<String> = (0..items).map(|_| self.item(random)).collect();
        items.join(",")
    }

    fn item(&self, random: &mut Rng) -> String {
        let (low, high) = (random.u8(self.first..=self.last), random.u8(self.first..=self.last));
        let (low, high) = (low.min(high), low.max(high));
        let step = random.u8(1..=self.last);
        match random.u8(0..6) {
            0 => format!("*/{step}"),
            1 => format!("{low}-{high}/{step}"),
            2 => format!("{low}/{step}"),
            // The other crate reads `0-sun` as the whole week; hand-checked dates say Sunday.
            3 if high == 0 => "0-0".to_owned(),
            3 => format!("{}-{}", self.value(low, random), self.value(high, random)),
            _ => self.value(low, random),
        }
    }

    /// A number or its name.
    fn value(&self, number: u8, random: &mut Rng) -> String {
        match self.names.get(usize::from(number - self.first)) {
            Some(name) if random.bool() => {
                if random.bool() {
                    name.to_uppercase()
                } else {
                    (*name).to_owned()
                }
            }
            _ => number.to_string(),
        }
    }
}

fn expression(random: &mut Rng) -> String {
    let fields = [
        Generator { first: 0, last: 59, names: &[], restricted: 8 },
        Generator { first: 0, last: 23, names: &[], restricted: 7 },
        Generator { first: 1, last: 31, names: &[], restricted: 5 },
        Generator { first: 1, last: 12, names: &MONTHS, restricted: 4 },
        Generator { first: 0, last: 7, names: &DAYS, restricted: 5 },
    ];
    fields.map(|field| field.field(random)).join(" ")
}

/// The other crate's reading of `expression`.
fn croner(expression: &str) -> Cron {
    // It takes only a plain `*` for unrestricted, so that the rule for `*/2` has to be given.
    let fields: Vec<&str> = expression.split(' ').collect();
    let starred = [fields[2], fields[4]].iter().any(|day| day.len() > 1 && day.starts_with('*'));
    let parser = CronParser::builder().sloppy_ranges(true).dom_and_dow(starred).build();
    parser.parse(expression).unwrap_or_else(|error| panic!("{expression}: {error}"))
}

/// Whether the other crate finds no day at all for `oracle` in as many years as dates repeat.
fn never_comes_due(oracle: &Cron) -> bool {
    let (hour, minute) = (oracle.pattern.hours.values()[0], oracle.pattern.minutes.values()[0]);
    let first = DateTime::<Utc>::from_timestamp(utc_s("2020-01-01 00:00"), 0).unwrap()
        + Duration::hours(i64::from(hour))
        + Duration::minutes(i64::from(minute));
    (0..28 * 366).all(|day| !oracle.is_time_matching(&(first + Duration::days(day))).unwrap())
}

#[test]
fn another_crate_reads_every_expression_in_the_same_way_over_ten_years() {
    let mut random = Rng::with_seed(seed());
    let (from, to) = (utc_s("2020-01-01 00:00"), utc_s("2030-01-01 00:00"));
    let (mut compared, mut impossible) = (0_u64, 0);
    for _ in 0..EXPRESSIONS {
        let expression = expression(&mut random);
        let oracle = croner(&expression);
        let pattern = match cron::parse(&expression) {
            Ok(pattern) => pattern,
            Err(reason) if reason.contains("never comes due") => {
                assert!(never_comes_due(&oracle), "{expression}: {reason}");
                impossible += 1;
                continue;
            }
            Err(reason) => panic!("{expression}: {reason}"),
        };
        // Several questions a day, or one a run where runs are rarer.
        let mut after = from;
        while after < to {
            let time = DateTime::<Utc>::from_timestamp(after, 0).unwrap();
            let found = pattern.next_wall_s(after + 1);
            let expected = oracle.find_next_occurrence(&time, false).ok();
            assert_eq!(found, expected.map(|time| time.timestamp()), "{expression} after {time}");
            compared += 1;
            let Some(found) = found else { break };
            after = found.max(after + random.i64(1..86_400));
        }
    }
    eprintln!("{compared} questions, {impossible} impossible expressions");
    assert!(compared > 100_000 && impossible < EXPRESSIONS / 10);
}
