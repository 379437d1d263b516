//! Looking keys of a pipeline up together, so that their cache misses overlap.
//!
//! A run of `GET` is answered from one batched lookup. Each is a lookup of its own: what another
//! client writes meanwhile is seen by some of them and not by others, as it would be if the
//! commands had come one by one. For other commands the lookup only warms the caches.

use exuvia::{Database, EntryRef, ValueType};

use crate::command::Failure;
use crate::resp::{Args, Command, Input, Output};
use crate::stats::ThreadStats;

/// Keys looked up together.
const KEYS_MAX: usize = 32;

/// Whether a command is `GET key`.
#[inline]
pub(super) fn is_get(args: Args<'_>) -> bool {
    args.len() == 2 && args.at(0).eq_ignore_ascii_case(b"get")
}

/// Runs the `GET`s that `commands` begins with; returns how many there were.
pub(super) fn run(
    input: &Input,
    commands: &[Command],
    database: &Database,
    out: &mut Output,
    stats: &ThreadStats,
) -> usize {
    let mut keys: [&[u8]; KEYS_MAX] = [&[]; KEYS_MAX];
    let mut count = 0;
    for command in commands.iter().take(KEYS_MAX) {
        let args = input.args(*command);
        if !is_get(args) {
            break;
        }
        keys[count] = args.at(1);
        count += 1;
    }
    match keys[..count] {
        [key] => answer_one(key, database, out, stats),
        ref keys => answer(keys, database, out, stats),
    }
    count
}

/// Looks one key up and answers it.
fn answer_one(key: &[u8], database: &Database, out: &mut Output, stats: &ThreadStats) {
    // A small value is copied once, from the table into the reply.
    let copied = database.with(key, |entry| {
        let small = entry.value.len() < Output::SHARED_BYTES_MIN;
        if small {
            answer_small(&entry, out);
        }
        small
    });
    match copied {
        Some(true) => stats.hits.add(1),
        Some(false) => answer_large(key, database, out, stats),
        None => {
            stats.misses.add(1);
            out.null();
        }
    }
}

/// Answers what an entry holds, which is not too large to be copied.
#[inline]
fn answer_small(entry: &EntryRef<'_>, out: &mut Output) {
    if entry.value_type() == ValueType::String {
        out.bulk(entry.value);
    } else {
        out.error(Failure::WRONG_TYPE.text());
    }
}

/// Looks one key up and answers it without copying a value that is large.
fn answer_large(key: &[u8], database: &Database, out: &mut Output, stats: &ThreadStats) {
    let found = database.item(key);
    stats.looked_up(found.is_some());
    match found.map(|(item, _)| item.into_string()).transpose() {
        Ok(value) => out.optional(value.as_ref()),
        Err(error) => out.error(Failure::from(error).text()),
    }
}

/// Fewer commands are not worth warming up for.
pub(super) const WARM_COMMANDS_MIN: usize = 4;

/// Brings what the table keeps of the first arguments of `commands` into the processor's caches.
///
/// They are the keys of most commands. Looking them up together overlaps the cache misses that a
/// run of `SET` would otherwise wait for one by one. Returns how many commands it looked at.
pub(super) fn warm(input: &Input, commands: &[Command], database: &Database) -> usize {
    let mut keys: [&[u8]; KEYS_MAX] = [&[]; KEYS_MAX];
    let mut count = 0;
    let mut looked = 0;
    for command in commands.iter().take(KEYS_MAX) {
        looked += 1;
        if let Some(key) = input.args(*command).get(1) {
            keys[count] = key;
            count += 1;
        }
    }
    database.get_many(&keys[..count], |_, _| {});
    looked
}

/// Looks all keys up and answers each.
fn answer(mut keys: &[&[u8]], database: &Database, out: &mut Output, stats: &ThreadStats) {
    while !keys.is_empty() {
        let mut hits = 0;
        // The first value that is too large to be copied under the table's guard.
        let mut large = None;
        database.get_many(keys, |index, entry| {
            if large.is_some() {
                return;
            }
            match entry {
                Some(entry) if entry.value.len() >= Output::SHARED_BYTES_MIN => large = Some(index),
                Some(entry) => {
                    hits += 1;
                    answer_small(&entry, out);
                }
                None => out.null(),
            }
        });
        let answered = large.unwrap_or(keys.len());
        stats.hits.add(hits);
        stats.misses.add(answered as u64 - hits);
        keys = &keys[answered..];
        if let [key, rest @ ..] = keys {
            answer_large(key, database, out, stats);
            keys = rest;
        }
    }
}
