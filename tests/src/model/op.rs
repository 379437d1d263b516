//! Operations and their answers.

use std::fmt;

use exuvia::{Change, Expiry, ExpiryChange, SetOptions, Value};

use super::Bytes;

/// A key of a database.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Index of the database.
    pub database: u16,
    /// The key.
    pub key: Bytes,
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{:?}", self.database, self.key)
    }
}

/// One operation, as the model and the engine both perform it.
#[derive(Clone, Debug)]
pub enum Op {
    /// Reads a value.
    Get(Place),
    /// Reads an expiry.
    Expiry(Place),
    /// Reads several values of the first place's database, `true` as of one instant.
    GetMany(Vec<Place>, bool),
    /// Stores a value.
    Set(Place, Bytes, Expiry),
    /// Stores a value under conditions.
    SetWith(Place, Bytes, SetOptions),
    /// Removes a key.
    Remove(Place),
    /// Removes a key and reads its value.
    Take(Place),
    /// Reads, changes and writes a key as one step.
    Update(Place, Edit),
    /// Stores `count` numbered keys from `first` on, enough to split segments.
    Fill {
        /// Index of the database.
        database: u16,
        /// Number of the first key.
        first: u32,
        /// How many keys.
        count: u32,
        /// What tells the values of one fill from another's.
        tag: u64,
    },
    /// Removes `count` numbered keys from `first` on.
    Drain {
        /// Index of the database.
        database: u16,
        /// Number of the first key.
        first: u32,
        /// How many keys.
        count: u32,
    },
    /// Removes every key of a database.
    Clear(u16),
    /// Removes every key of every database.
    ClearAll,
    /// Exchanges two databases.
    Swap(u16, u16),
    /// Several accesses as one step; with `true` it fails at its end and must leave no trace.
    Transaction(Vec<Access>, bool),
    /// Moves the clock forwards by milliseconds.
    Advance(u64),
}

/// One access inside a transaction.
#[derive(Clone, Debug)]
pub enum Access {
    /// Reads a value and its expiry.
    Get(Place),
    /// Stores a value.
    Set(Place, Bytes, Expiry),
    /// Removes a key.
    Remove(Place),
}

/// What an update does to the value it finds.
#[derive(Clone, Debug)]
pub enum Edit {
    /// Nothing.
    Keep,
    /// Appends to the value, or stores a new one.
    Append(Bytes, ExpiryChange),
    /// Changes the expiry alone.
    Expire(Expiry),
    /// Removes the key.
    Remove,
}

impl Edit {
    /// The change this edit makes of the value found.
    pub fn change(&self, found: Option<&[u8]>) -> Change {
        match self {
            Self::Keep => Change::Keep,
            Self::Append(bytes, expiry) => {
                let value = Bytes::from(found.unwrap_or_default()).followed_by(bytes);
                Change::Set(Value::from(&*value), *expiry)
            }
            Self::Expire(expiry) => Change::Expire(*expiry),
            Self::Remove => Change::Remove,
        }
    }
}

/// What an operation answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing to tell.
    Done,
    /// Whether the key was there before.
    Existed(bool),
    /// The value found.
    Value(Option<Bytes>),
    /// The values found.
    Values(Vec<Option<Bytes>>),
    /// The expiry found.
    Expiry(Option<Expiry>),
    /// The value and expiry found.
    Entry(Option<(Bytes, Expiry)>),
    /// What a conditional set did.
    Stored {
        /// Whether the value was stored.
        stored: bool,
        /// Whether the key was there before.
        existed: bool,
        /// The value found, if it was asked for.
        old: Option<Bytes>,
    },
    /// The answers of a transaction's accesses.
    Committed(Vec<Outcome>),
    /// The transaction failed on purpose.
    RolledBack,
}

/// Number of key `number` of a [`Op::Fill`].
pub(super) fn filled(database: u16, number: u32) -> Place {
    Place { database, key: format!("fill:{number:05}").into() }
}

/// Its value.
pub(super) fn filled_value(number: u32, tag: u64) -> Bytes {
    format!("{number}/{tag}").into()
}
