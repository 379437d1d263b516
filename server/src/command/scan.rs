//! Going through the keys of a database: `KEYS` and `SCAN`.

use std::future::Future;
use std::pin::Pin;

use exuvia::{Database, EntryRef};

use super::call::is;
use super::spec::{Flags, Group, Spec};
use super::{Failure, LongCall, Outcome};
use crate::glob;
use crate::number::{format_i64, parse_i64, parse_u64};
use crate::resp::Output;

pub(super) const COMMANDS: &[Spec] = &[
    Spec::later(Group::Generic, "keys", 2, keys).flags(Flags::READONLY.and(Flags::DANGEROUS)).doc(
        "1.0.0",
        "O(N) with N being the number of keys in the database.",
        "Returns all key names that match a pattern.",
    ),
    Spec::later(Group::Generic, "scan", -2, scan).flags(Flags::READONLY).doc(
        "2.8.0",
        "O(1) for every call. O(N) for a complete iteration.",
        "Iterates over the key names in the database.",
    ),
];

/// Keys visited before other clients get a turn.
const TURN_KEYS: usize = 1024;

fn keys<'a>(call: LongCall<'a>) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>> {
    Box::pin(async move {
        let pattern = call.args.at(1);
        let mut found = Found::new(call.out);
        if glob::is_literal(pattern) {
            if call.database.contains_key(pattern) {
                found.add(pattern);
            }
        } else {
            let all = pattern == b"*";
            let database = call.database.clone();
            let mut cursor = 0;
            loop {
                cursor = database.scan(cursor, TURN_KEYS, |entry| {
                    if all || glob::matches(pattern, entry.key) {
                        found.add(entry.key);
                    }
                });
                if cursor == 0 {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        found.reply(call.out);
        Ok(())
    })
}

/// Keys found, already written as replies, since their number is sent first.
struct Found {
    keys: Output,
    count: usize,
}

impl Found {
    fn new(out: &Output) -> Self {
        let mut keys = Output::new();
        keys.set_protocol(out.protocol());
        Self { keys, count: 0 }
    }

    fn add(&mut self, key: &[u8]) {
        self.keys.bulk(key);
        self.count += 1;
    }

    fn reply(self, out: &mut Output) {
        out.array(self.count);
        out.append(self.keys);
    }
}

/// What a `SCAN` looks for.
struct Filter<'a> {
    pattern: Option<&'a [u8]>,
    /// Keys to visit in this call.
    count: usize,
    /// Name of the type that values have to have.
    type_name: Option<&'a [u8]>,
}

impl<'a> Filter<'a> {
    fn parse(call: &LongCall<'a>) -> Result<Self, Failure> {
        let mut filter = Self { pattern: None, count: 10, type_name: None };
        let options = call.args.from(2);
        if !options.len().is_multiple_of(2) {
            return Err(Failure::SYNTAX);
        }
        for option in (0..options.len()).step_by(2) {
            let (word, value) = (options.at(option), options.at(option + 1));
            if is(word, "match") {
                filter.pattern = Some(value).filter(|pattern| *pattern != b"*");
            } else if is(word, "count") {
                let count = parse_i64(value).ok_or(Failure::NOT_AN_INTEGER)?;
                if count < 1 {
                    return Err(Failure::SYNTAX);
                }
                filter.count = usize::try_from(count).unwrap_or(usize::MAX);
            } else if is(word, "type") {
                filter.type_name = Some(value);
            } else {
                return Err(Failure::SYNTAX);
            }
        }
        Ok(filter)
    }

    fn matches(&self, entry: &EntryRef<'_>) -> bool {
        self.type_name.is_none_or(|name| is(name, entry.value_type().name()))
            && self.pattern.is_none_or(|pattern| glob::matches(pattern, entry.key))
    }
}

fn scan<'a>(call: LongCall<'a>) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>> {
    Box::pin(async move {
        let cursor = parse_u64(call.args.at(1)).ok_or(Failure::new("ERR invalid cursor"))?;
        let filter = Filter::parse(&call)?;
        let mut found = Found::new(call.out);
        let cursor = visit(call.database, cursor, &filter, &mut found).await;
        call.out.array(2);
        match i64::try_from(cursor) {
            Ok(cursor) => call.out.bulk(format_i64(cursor, &mut [0; 20])),
            Err(_) => call.out.bulk(cursor.to_string().as_bytes()),
        }
        found.reply(call.out);
        Ok(())
    })
}

/// Visits about as many keys as the filter says; returns the next cursor.
async fn visit(database: &Database, from: u64, filter: &Filter<'_>, found: &mut Found) -> u64 {
    let mut cursor = from;
    let mut left = filter.count;
    loop {
        let turn = left.min(TURN_KEYS);
        cursor = database.scan(cursor, turn, |entry| {
            if filter.matches(&entry) {
                found.add(entry.key);
            }
        });
        left -= turn;
        if cursor == 0 || left == 0 {
            return cursor;
        }
        tokio::task::yield_now().await;
    }
}
