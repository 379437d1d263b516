//! What a store holds after some operations.

use std::collections::BTreeMap;

use exuvia::{Change, Condition, Expiry, ExpiryChange, SetOptions};

use super::op::{filled, filled_value};
use super::{Access, Bytes, Op, Outcome, Place};

/// A value and its expiry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The value.
    pub value: Bytes,
    /// When it expires.
    pub expiry: Expiry,
}

/// Every key of every database.
pub type Contents = BTreeMap<Place, Item>;

/// Whether a key with this expiry is gone at `now_unix_ms`.
pub fn is_expired(expiry: Expiry, now_unix_ms: u64) -> bool {
    match expiry {
        Expiry::Never => false,
        Expiry::At(at) => at <= now_unix_ms,
    }
}

/// The fold: what operations have left behind, and the time it is.
#[derive(Clone, Debug)]
pub struct State {
    now_unix_ms: u64,
    contents: Contents,
}

impl State {
    /// An empty store at a time.
    pub fn new(now_unix_ms: u64) -> Self {
        Self { now_unix_ms, contents: Contents::new() }
    }

    /// The time it is.
    pub fn now_unix_ms(&self) -> u64 {
        self.now_unix_ms
    }

    /// What a reader finds.
    pub fn visible(&self) -> Contents {
        let mut visible = self.contents.clone();
        visible.retain(|_, item| !is_expired(item.expiry, self.now_unix_ms));
        visible
    }

    /// The bounds of a database's length: without the expired keys, and with all that a sweep
    /// has perhaps not reached.
    pub fn len_bounds(&self, database: u16) -> (u64, u64) {
        let items = || self.contents.iter().filter(|(place, _)| place.database == database);
        let live = items().filter(|(_, item)| !is_expired(item.expiry, self.now_unix_ms)).count();
        (live as u64, items().count() as u64)
    }

    /// Performs an operation and answers as the engine must.
    pub fn apply(&mut self, op: &Op) -> Outcome {
        match op {
            Op::Get(place) => Outcome::Value(self.value(place)),
            Op::Expiry(place) => Outcome::Expiry(self.live(place).map(|item| item.expiry)),
            Op::GetMany(places, _) => {
                Outcome::Values(places.iter().map(|place| self.value(place)).collect())
            }
            Op::Set(place, value, expiry) => Outcome::Existed(self.set(place, value, *expiry)),
            Op::SetWith(place, value, options) => self.set_with(place, value, *options),
            Op::Remove(place) => Outcome::Existed(self.take(place).is_some()),
            Op::Take(place) => Outcome::Value(self.take(place)),
            Op::Update(place, edit) => {
                let found = self.value(place);
                self.change(place, edit.change(found.as_deref()));
                Outcome::Value(found)
            }
            Op::Fill { database, first, count, tag } => {
                for number in *first..first + count {
                    let value = filled_value(number, *tag);
                    self.set(&filled(*database, number), &value, Expiry::Never);
                }
                Outcome::Done
            }
            Op::Drain { database, first, count } => {
                for number in *first..first + count {
                    self.take(&filled(*database, number));
                }
                Outcome::Done
            }
            Op::Clear(database) => {
                self.contents.retain(|place, _| place.database != *database);
                Outcome::Done
            }
            Op::ClearAll => {
                self.contents.clear();
                Outcome::Done
            }
            Op::Swap(a, b) => {
                self.swap(*a, *b);
                Outcome::Done
            }
            Op::Transaction(accesses, fails) => self.transaction(accesses, *fails),
            Op::Advance(ms) => {
                self.now_unix_ms += ms;
                Outcome::Done
            }
        }
    }

    fn live(&self, place: &Place) -> Option<&Item> {
        self.contents.get(place).filter(|item| !is_expired(item.expiry, self.now_unix_ms))
    }

    fn value(&self, place: &Place) -> Option<Bytes> {
        self.live(place).map(|item| item.value.clone())
    }

    fn set(&mut self, place: &Place, value: &[u8], expiry: Expiry) -> bool {
        let existed = self.live(place).is_some();
        self.contents.insert(place.clone(), Item { value: value.into(), expiry });
        existed
    }

    /// Removes a key that is there. An expired one may stay, for a sweep to find.
    fn take(&mut self, place: &Place) -> Option<Bytes> {
        let value = self.value(place)?;
        self.contents.remove(place);
        Some(value)
    }

    fn resolve(&self, place: &Place, change: ExpiryChange) -> Expiry {
        match change {
            ExpiryChange::Keep => self.live(place).map_or(Expiry::Never, |item| item.expiry),
            ExpiryChange::Set(expiry) => expiry,
        }
    }

    fn set_with(&mut self, place: &Place, value: &[u8], options: SetOptions) -> Outcome {
        let found = self.value(place);
        let existed = found.is_some();
        let stored = match options.condition {
            Condition::Always => true,
            Condition::IfAbsent => !existed,
            Condition::IfPresent => existed,
        };
        if stored {
            let expiry = self.resolve(place, options.expiry);
            self.set(place, value, expiry);
        }
        Outcome::Stored { stored, existed, old: found.filter(|_| options.return_old) }
    }

    fn change(&mut self, place: &Place, change: Change) {
        match change {
            Change::Keep => {}
            Change::Set(value, expiry) => {
                let expiry = self.resolve(place, expiry);
                self.set(place, &value, expiry);
            }
            Change::Expire(expiry) => {
                if let Some(value) = self.value(place) {
                    self.set(place, &value, expiry);
                }
            }
            Change::Remove => {
                self.take(place);
            }
        }
    }

    fn swap(&mut self, a: u16, b: u16) {
        let swapped = std::mem::take(&mut self.contents).into_iter().map(|(mut place, item)| {
            if place.database == a {
                place.database = b;
            } else if place.database == b {
                place.database = a;
            }
            (place, item)
        });
        self.contents = swapped.collect();
    }

    fn transaction(&mut self, accesses: &[Access], fails: bool) -> Outcome {
        let before = fails.then(|| self.contents.clone());
        let mut outcomes = Vec::with_capacity(accesses.len());
        for access in accesses {
            outcomes.push(match access {
                Access::Get(place) => {
                    Outcome::Entry(self.live(place).map(|item| (item.value.clone(), item.expiry)))
                }
                Access::Set(place, value, expiry) => {
                    self.set(place, value, *expiry);
                    Outcome::Done
                }
                Access::Remove(place) => Outcome::Existed(self.take(place).is_some()),
            });
        }
        match before {
            Some(contents) => {
                self.contents = contents;
                Outcome::RolledBack
            }
            None => Outcome::Committed(outcomes),
        }
    }
}
