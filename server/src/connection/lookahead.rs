//! Looking keys of a pipeline up together, so that their cache misses overlap.
//!
//! A run of `GET` is answered from one batched lookup. Each is a lookup of its own: what another
//! client writes meanwhile is seen by some of them and not by others, as it would be if the
//! commands had come one by one. For other commands the lookup only warms the caches.

use exuvia::{Database, EntryRef, ValueType};

use crate::command::Failure;
use crate::events::Events;
use crate::resp::{Args, Command, Input, Output};
use crate::stats::ThreadStats;

/// Keys looked up together.
const KEYS_MAX: usize = 32;

/// Whether a command is `GET key`.
#[inline]
pub(super) fn is_get(args: Args<'_>) -> bool {
    args.len() == 2 && args.at(0).eq_ignore_ascii_case(b"get")
}

/// Where keys are looked up, and what is told of it.
pub(super) struct Lookups<'a> {
    pub(super) database: &'a Database,
    pub(super) events: &'a Events,
    pub(super) stats: &'a ThreadStats,
}

impl Lookups<'_> {
    /// Runs the `GET`s that `commands` begins with; returns how many there were.
    pub(super) fn run(&self, input: &Input, commands: &[Command], out: &mut Output) -> usize {
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
            [key] => self.answer_one(key, out),
            ref keys => self.answer(keys, out),
        }
        count
    }

    /// Looks one key up and answers it.
    fn answer_one(&self, key: &[u8], out: &mut Output) {
        // A small value is copied once, from the table into the reply.
        let copied = self.database.with(key, |entry| {
            let small = entry.value.len() < Output::SHARED_BYTES_MIN;
            if small {
                answer_small(&entry, out);
            }
            small
        });
        match copied {
            Some(true) => self.stats.hits.add(1),
            Some(false) => self.answer_large(key, out),
            None => {
                self.stats.misses.add(1);
                self.missed(key);
                out.null();
            }
        }
    }

    /// Looks one key up and answers it without copying a value that is large.
    fn answer_large(&self, key: &[u8], out: &mut Output) {
        let found = self.database.item(key);
        self.stats.looked_up(found.is_some());
        if found.is_none() {
            self.missed(key);
        }
        match found.map(|(item, _)| item.into_string()).transpose() {
            Ok(value) => out.optional(value.as_ref()),
            Err(error) => out.error(Failure::from(error).text()),
        }
    }

    /// Tells of a miss, if anybody is to hear of it.
    #[inline]
    fn missed(&self, key: &[u8]) {
        if self.events.watched.any() {
            self.events.missed(self.database, key);
        }
    }

    /// Looks all keys up and answers each.
    fn answer(&self, mut keys: &[&[u8]], out: &mut Output) {
        let tells = self.events.watched.any();
        while !keys.is_empty() {
            let (mut hits, mut missed) = (0, Vec::new());
            // The first value that is too large to be copied under the table's guard.
            let mut large = None;
            self.database.get_many(keys, |index, entry| {
                if large.is_some() {
                    return;
                }
                match entry {
                    Some(entry) if entry.value.len() >= Output::SHARED_BYTES_MIN => {
                        large = Some(index);
                    }
                    Some(entry) => {
                        hits += 1;
                        answer_small(&entry, out);
                    }
                    None => {
                        out.null();
                        if tells {
                            missed.push(keys[index]);
                        }
                    }
                }
            });
            let answered = large.unwrap_or(keys.len());
            self.stats.hits.add(hits);
            self.stats.misses.add(answered as u64 - hits);
            for key in missed {
                self.missed(key);
            }
            keys = &keys[answered..];
            if let [key, rest @ ..] = keys {
                self.answer_large(key, out);
                keys = rest;
            }
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
        let key = input.args(*command).get(1);
        if let Some(key) = key.filter(|key| count == 0 || keys[count - 1] != *key) {
            keys[count] = key;
            count += 1;
        }
    }
    database.prefetch(&keys[..count]);
    looked
}
