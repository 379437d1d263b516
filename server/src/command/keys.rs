//! The keys that a command works on: the live ones, or those of the atomic step it is part of.

use exuvia::{
    Change, Condition, Database, EntryRef, Error, Expiry, ExpiryChange, SetOptions, SetOutcome,
    Store, Transaction, Value,
};

use super::Failure;
use crate::stats::ThreadStats;

/// An atomic step, without the lifetime of the store it belongs to.
pub(crate) trait Step {
    fn get(&mut self, database: u16, key: &[u8]) -> Result<Option<(Value, Expiry)>, Error>;
    fn set(&mut self, database: u16, key: &[u8], value: Value, expiry: Expiry)
    -> Result<(), Error>;
    fn remove(&mut self, database: u16, key: &[u8]) -> Result<bool, Error>;
}

impl Step for Transaction<'_> {
    fn get(&mut self, database: u16, key: &[u8]) -> Result<Option<(Value, Expiry)>, Error> {
        Transaction::get(self, database, key)
    }

    fn set(
        &mut self,
        database: u16,
        key: &[u8],
        value: Value,
        expiry: Expiry,
    ) -> Result<(), Error> {
        Transaction::set(self, database, key, value, expiry)
    }

    fn remove(&mut self, database: u16, key: &[u8]) -> Result<bool, Error> {
        Transaction::remove(self, database, key)
    }
}

/// A look at an entry, live or within a step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen<'a> {
    pub(crate) value: &'a [u8],
    pub(crate) expiry: Expiry,
}

impl<'a> From<EntryRef<'a>> for Seen<'a> {
    #[inline]
    fn from(entry: EntryRef<'a>) -> Self {
        Self { value: entry.value, expiry: entry.expiry }
    }
}

/// Access to keys of the session's database.
///
/// Commands are written against this alone, so that each works by itself and as part of `EXEC`.
/// What [`Database`] does with one key is one atomic operation here too.
pub(crate) struct Keys<'a> {
    /// The database that the session has selected.
    pub(crate) database: &'a mut Database,
    pub(crate) store: &'a Store,
    pub(crate) step: Option<&'a mut dyn Step>,
    pub(crate) stats: &'a ThreadStats,
}

impl Keys<'_> {
    /// Calls `f` with the entry of `key`, and counts a hit or a miss.
    pub(crate) fn with<R>(
        &mut self,
        key: &[u8],
        f: impl FnOnce(Seen<'_>) -> R,
    ) -> Result<Option<R>, Failure> {
        let found = self.peek(key, f)?;
        self.stats.looked_up(found.is_some());
        Ok(found)
    }

    /// Like [`with`](Self::with), but counts nothing.
    #[inline]
    pub(crate) fn peek<R>(
        &mut self,
        key: &[u8],
        f: impl FnOnce(Seen<'_>) -> R,
    ) -> Result<Option<R>, Failure> {
        match &mut self.step {
            None => Ok(self.database.with(key, |entry| f(entry.into()))),
            Some(step) => Ok(step
                .get(self.database.index(), key)?
                .map(|(value, expiry)| f(Seen { value: &value, expiry }))),
        }
    }

    /// The value of `key`, and counts a hit or a miss. A large one is shared, not copied.
    pub(crate) fn get(&mut self, key: &[u8]) -> Result<Option<Value>, Failure> {
        let found = match &mut self.step {
            None => self.database.get(key),
            Some(step) => step.get(self.database.index(), key)?.map(|(value, _)| value),
        };
        self.stats.looked_up(found.is_some());
        Ok(found)
    }

    pub(crate) fn contains(&mut self, key: &[u8]) -> Result<bool, Failure> {
        match &mut self.step {
            None => Ok(self.database.contains_key(key)),
            Some(step) => Ok(step.get(self.database.index(), key)?.is_some()),
        }
    }

    /// Stores a value.
    #[inline]
    pub(crate) fn set(
        &mut self,
        key: &[u8],
        value: impl Into<Value> + AsRef<[u8]>,
        expiry: Expiry,
    ) -> Result<(), Failure> {
        match &mut self.step {
            None => {
                self.database.set(key, value, expiry)?;
            }
            Some(step) => step.set(self.database.index(), key, value.into(), expiry)?,
        }
        Ok(())
    }

    /// Stores a value under conditions.
    pub(crate) fn set_with(
        &mut self,
        key: &[u8],
        value: Value,
        options: SetOptions,
    ) -> Result<SetOutcome, Failure> {
        if self.step.is_none() {
            return Ok(self.database.set_with(key, value, options)?);
        }
        self.update(key, |entry| {
            let stored = match options.condition {
                Condition::Always => true,
                Condition::IfAbsent => entry.is_none(),
                Condition::IfPresent => entry.is_some(),
            };
            let old = entry.filter(|_| options.return_old).map(|entry| Value::from(entry.value));
            let outcome = SetOutcome { stored, existed: entry.is_some(), old };
            let change = Change::Set(value.clone(), options.expiry);
            (if stored { change } else { Change::Keep }, outcome)
        })
    }

    /// The values of several keys as of one instant.
    pub(crate) fn get_many(&mut self, keys: &[&[u8]]) -> Result<Vec<Option<Value>>, Failure> {
        let index = self.database.index();
        match &mut self.step {
            None => Ok(self.database.get_many_atomic(keys)),
            Some(step) => {
                keys.iter().map(|key| Ok(step.get(index, key)?.map(|(value, _)| value))).collect()
            }
        }
    }

    /// Removes a key; returns whether it was there.
    pub(crate) fn remove(&mut self, key: &[u8]) -> Result<bool, Failure> {
        match &mut self.step {
            None => Ok(self.database.remove(key)),
            Some(step) => Ok(step.remove(self.database.index(), key)?),
        }
    }

    /// Removes a key and returns its value.
    pub(crate) fn take(&mut self, key: &[u8]) -> Result<Option<Value>, Failure> {
        let index = self.database.index();
        match &mut self.step {
            None => Ok(self.database.take(key)),
            Some(step) => {
                let found = step.get(index, key)?.map(|(value, _)| value);
                step.remove(index, key)?;
                Ok(found)
            }
        }
    }

    /// Reads, decides and writes one key; the last call of `f` counts.
    pub(crate) fn update<R>(
        &mut self,
        key: &[u8],
        mut f: impl FnMut(Option<Seen<'_>>) -> (Change, R),
    ) -> Result<R, Failure> {
        let index = self.database.index();
        let Some(step) = &mut self.step else {
            return Ok(self.database.update(key, |entry| f(entry.map(Seen::from)))?);
        };
        let old = step.get(index, key)?;
        let entry = old.as_ref().map(|(value, expiry)| Seen { value, expiry: *expiry });
        let (change, result) = f(entry);
        match (change, old) {
            (Change::Keep, _) | (Change::Expire(_), None) => {}
            (Change::Set(value, ExpiryChange::Set(expiry)), _) => {
                step.set(index, key, value, expiry)?;
            }
            (Change::Set(value, ExpiryChange::Keep), old) => {
                let expiry = old.map_or(Expiry::Never, |(_, expiry)| expiry);
                step.set(index, key, value, expiry)?;
            }
            (Change::Expire(expiry), Some((value, _))) => step.set(index, key, value, expiry)?,
            (Change::Remove, _) => {
                step.remove(index, key)?;
            }
        }
        Ok(result)
    }

    /// Runs `f` as one atomic step over several keys, or as part of the step that runs already.
    pub(crate) fn atomically<R>(
        &mut self,
        mut f: impl FnMut(&mut dyn Step) -> Result<R, Failure>,
    ) -> Result<R, Failure> {
        match &mut self.step {
            None => self.store.transaction(|step| f(step)),
            Some(step) => f(*step),
        }
    }
}
