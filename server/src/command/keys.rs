//! The keys that a command works on: the live ones, or those of the atomic step it is part of.

use std::any::Any;

use exuvia::{
    Change, Collection, CollectionType, Condition, Database, EntryRef, Error, Expiry, ExpiryChange,
    Item, SetOptions, SetOutcome, Value, ValueType,
};

use super::step::{Recorder, Step, Written};
use super::tell::{Edit, Told, Wrote};
use super::{Failure, Spec};
use crate::events::Event;
use crate::server::Server;
use crate::stats::ThreadStats;

/// A look at an entry, live or within a step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen<'a> {
    /// The string; empty if there is a collection.
    pub(crate) value: &'a [u8],
    pub(crate) collection: Option<&'a Collection>,
    pub(crate) expiry: Expiry,
}

impl<'a> From<EntryRef<'a>> for Seen<'a> {
    #[inline]
    fn from(entry: EntryRef<'a>) -> Self {
        Self { value: entry.value, collection: entry.collection(), expiry: entry.expiry }
    }
}

impl<'a> From<&'a (Item, Expiry)> for Seen<'a> {
    fn from((item, expiry): &'a (Item, Expiry)) -> Self {
        let value = item.as_string().map_or(&[][..], |value| value);
        let collection = match item {
            Item::Collection(collection) => Some(collection),
            _ => None,
        };
        Self { value, collection, expiry: *expiry }
    }
}

impl Seen<'_> {
    pub(crate) fn value_type(&self) -> ValueType {
        self.collection.map_or(ValueType::String, Collection::value_type)
    }

    /// The string to keep.
    pub(crate) fn to_value(self) -> Value {
        Value::from(self.value)
    }

    /// Passes if the value is a string.
    fn check_string(&self) -> Result<(), Failure> {
        if self.collection.is_some() { Err(Failure::WRONG_TYPE) } else { Ok(()) }
    }
}

/// Access to keys of the session's database.
///
/// Commands are written against this alone, so that each works by itself and as part of `EXEC`.
/// What [`Database`] does with one key is one atomic operation here too.
pub(crate) struct Keys<'a> {
    /// The database that the session has selected.
    pub(crate) database: &'a mut Database,
    pub(crate) server: &'a Server,
    pub(crate) step: Option<&'a mut dyn Step>,
    pub(crate) stats: &'a ThreadStats,
    /// The command, which says what a write is called.
    pub(crate) spec: &'static Spec,
    /// Nobody else reads or writes meanwhile, and no cut can be taken.
    pub(crate) alone: bool,
    /// The collection of the one key that the command works on, while it is being updated.
    pub(crate) held: Option<&'a mut dyn Any>,
}

impl<'a> Keys<'a> {
    /// The live keys of `database`.
    #[inline]
    pub(crate) fn live(
        database: &'a mut Database,
        server: &'a Server,
        stats: &'a ThreadStats,
        spec: &'static Spec,
    ) -> Self {
        Self { database, server, step: None, stats, spec, alone: false, held: None }
    }

    /// The keys of a command that changes one collection, which is being updated already.
    pub(crate) fn holding(self, held: &'a mut dyn Any) -> Self {
        Self { held: Some(held), ..self }
    }
}

impl Keys<'_> {
    /// Calls `f` with the string that `key` holds, and counts a hit or a miss.
    pub(crate) fn with<R>(
        &mut self,
        key: &[u8],
        f: impl FnOnce(Seen<'_>) -> R,
    ) -> Result<Option<R>, Failure> {
        let found = self.peek(key, |entry| entry.check_string().map(|()| f(entry)))?;
        self.looked_up(key, found.is_some());
        found.transpose()
    }

    /// Calls `f` with what `key` holds, whatever its type, and counts a hit or a miss.
    pub(crate) fn with_any<R>(
        &mut self,
        key: &[u8],
        f: impl FnOnce(Seen<'_>) -> R,
    ) -> Result<Option<R>, Failure> {
        let found = self.peek(key, f)?;
        self.looked_up(key, found.is_some());
        Ok(found)
    }

    /// Like [`with_any`](Self::with_any), but counts nothing.
    #[inline]
    pub(crate) fn peek<R>(
        &mut self,
        key: &[u8],
        f: impl FnOnce(Seen<'_>) -> R,
    ) -> Result<Option<R>, Failure> {
        match &mut self.step {
            None => Ok(self.database.with(key, |entry| f(entry.into()))),
            Some(step) => {
                let found = step.item(self.database.index(), key)?;
                Ok(found.as_ref().map(|entry| f(entry.into())))
            }
        }
    }

    /// The string that `key` holds, and counts a hit or a miss. A large one is shared, not copied.
    pub(crate) fn get(&mut self, key: &[u8]) -> Result<Option<Value>, Failure> {
        let found = self.item(key)?.map(|(item, _)| item.into_string()).transpose()?;
        self.looked_up(key, found.is_some());
        Ok(found)
    }

    /// What `key` holds, whatever its type.
    pub(crate) fn item(&mut self, key: &[u8]) -> Result<Option<(Item, Expiry)>, Failure> {
        match &mut self.step {
            None => Ok(self.database.item(key)),
            Some(step) => Ok(step.item(self.database.index(), key)?),
        }
    }

    pub(crate) fn contains(&mut self, key: &[u8]) -> Result<bool, Failure> {
        match &mut self.step {
            None => Ok(self.database.contains_key(key)),
            Some(step) => Ok(step.item(self.database.index(), key)?.is_some()),
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
        let expires = expiry != Expiry::Never;
        match &mut self.step {
            None => {
                let existed = self.database.set(key, value, expiry)?;
                self.wrote(key, Wrote::Value { existed, expires });
            }
            Some(step) => {
                step.set(self.database.index(), key, value.into().into(), expiry)?;
                if step.is_heard() {
                    self.tell(key, Wrote::Value { existed: true, expires });
                }
            }
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
        let index = self.database.index();
        let Some(step) = &mut self.step else {
            let outcome = self.database.set_with(key, value, options)?;
            if self.is_heard() {
                let SetOutcome { stored, existed, .. } = outcome;
                if options.return_old && !existed {
                    self.missed(key);
                }
                let expires = matches!(options.expiry, ExpiryChange::Set(Expiry::At(_)));
                let value = Wrote::Value { existed, expires };
                self.tell(key, if stored { value } else { Wrote::Nothing { existed } });
            }
            return Ok(outcome);
        };
        if options.return_old && step.is_heard() {
            let found = step.item(index, key)?.is_some();
            step.looked_up(index, key, found);
        }
        self.update_any(key, |entry| {
            if options.return_old
                && let Some(Err(failure)) = entry.as_ref().map(Seen::check_string)
            {
                return (Change::Keep, Err(failure));
            }
            let stored = match options.condition {
                Condition::Always => true,
                Condition::IfAbsent => entry.is_none(),
                Condition::IfPresent => entry.is_some(),
            };
            let old = entry.filter(|_| options.return_old).map(|entry| Value::from(entry.value));
            let outcome = SetOutcome { stored, existed: entry.is_some(), old };
            let change = Change::Set(value.clone(), options.expiry);
            (if stored { change } else { Change::Keep }, Ok(outcome))
        })?
    }

    /// The strings that several keys hold, as of one instant.
    pub(crate) fn get_many(&mut self, keys: &[&[u8]]) -> Result<Vec<Option<Value>>, Failure> {
        let index = self.database.index();
        match &mut self.step {
            None if self.alone => Ok(keys.iter().map(|key| self.database.get(key)).collect()),
            None => Ok(self.database.get_many_atomic(keys)),
            Some(step) => {
                let string = |(item, _): (Item, _)| item.into_string().ok();
                keys.iter().map(|key| Ok(step.item(index, key)?.and_then(string))).collect()
            }
        }
    }

    /// Removes a key; returns whether it was there.
    pub(crate) fn remove(&mut self, key: &[u8]) -> Result<bool, Failure> {
        match &mut self.step {
            None => {
                let removed = self.database.remove(key);
                if removed {
                    self.wrote(key, Wrote::Removal);
                }
                Ok(removed)
            }
            Some(step) => {
                let removed = step.remove(self.database.index(), key)?;
                if removed {
                    step.tell(self.database.index(), key, Event::DEL);
                }
                Ok(removed)
            }
        }
    }

    /// Removes a key that holds a string, and returns that.
    pub(crate) fn take(&mut self, key: &[u8]) -> Result<Option<Value>, Failure> {
        if self.step.is_none() {
            // A large string is handed over, not copied.
            if let Some(value) = self.database.take(key) {
                self.wrote(key, Wrote::Removal);
                return Ok(Some(value));
            }
            let found = self.database.value_type(key);
            let is_collection = found.is_some_and(|found| found != ValueType::String);
            return if is_collection { Err(Failure::WRONG_TYPE) } else { Ok(None) };
        }
        self.update(key, |entry| match entry {
            Some(entry) => (Change::Remove, Some(entry.to_value())),
            None => (Change::Keep, None),
        })
    }

    /// Reads, decides and writes a key that holds a string or nothing; the last call of `f`
    /// counts.
    pub(crate) fn update<R>(
        &mut self,
        key: &[u8],
        mut f: impl FnMut(Option<Seen<'_>>) -> (Change, R),
    ) -> Result<R, Failure> {
        self.update_any(key, |entry| match entry.as_ref().map_or(Ok(()), Seen::check_string) {
            Ok(()) => {
                let (change, result) = f(entry);
                (change, Ok(result))
            }
            Err(failure) => (Change::Keep, Err(failure)),
        })?
    }

    /// Reads, decides and writes one key, whatever it holds; the last call of `f` counts.
    pub(crate) fn update_any<R>(
        &mut self,
        key: &[u8],
        mut f: impl FnMut(Option<Seen<'_>>) -> (Change, R),
    ) -> Result<R, Failure> {
        let index = self.database.index();
        let Some(step) = &mut self.step else {
            let mut wrote = Wrote::Nothing { existed: true };
            let result = self.database.update_entry(key, |entry| {
                let existed = entry.is_some();
                let (change, result) = f(entry.map(Seen::from));
                wrote = Wrote::by(&change, existed);
                (change, result)
            })?;
            self.wrote(key, wrote);
            return Ok(result);
        };
        let old = step.item(index, key)?;
        let (change, result) = f(old.as_ref().map(Seen::from));
        let wrote = Wrote::by(&change, old.is_some());
        match (change, old) {
            (Change::Keep, _) | (Change::Expire(_), None) => {}
            (Change::Set(value, ExpiryChange::Set(expiry)), _) => {
                step.set(index, key, value.into(), expiry)?;
            }
            (Change::Set(value, ExpiryChange::Keep), old) => {
                let expiry = old.map_or(Expiry::Never, |(_, expiry)| expiry);
                step.set(index, key, value.into(), expiry)?;
            }
            (Change::Expire(expiry), Some((item, _))) => step.set(index, key, item, expiry)?,
            (Change::Remove, _) => {
                step.remove(index, key)?;
            }
        }
        if step.is_heard() {
            self.tell(key, wrote);
        }
        Ok(result)
    }

    /// Calls `f` with the collection that `key` holds, and counts a hit or a miss.
    pub(crate) fn with_collection<C: CollectionType, R>(
        &mut self,
        key: &[u8],
        f: impl FnOnce(&C) -> R,
    ) -> Result<Option<R>, Failure> {
        let found = match &mut self.step {
            None => self.database.with_collection(key, f)?,
            Some(step) => match step.item(self.database.index(), key)? {
                Some((item, _)) => Some(f(item.collection()?)),
                None => None,
            },
        };
        self.looked_up(key, found.is_some());
        Ok(found)
    }

    /// Calls `f` with the collection that `key` holds, and counts a hit or a miss. `f` may keep a
    /// clone if `is_kept`: it gets one then, of what nobody has replaced, which is in O(1).
    pub(crate) fn with_kept<C: CollectionType, R>(
        &mut self,
        key: &[u8],
        is_kept: impl FnOnce(&C) -> bool,
        f: impl FnOnce(&C) -> R,
    ) -> Result<Option<R>, Failure> {
        let mut later = Some(f);
        let found = self.with_collection(key, |collection| {
            if is_kept(collection) { None } else { later.take().map(|f| f(collection)) }
        })?;
        match (found, later) {
            (Some(None), Some(f)) => Ok(self.look_up(key)?.map(|collection| f(&collection))),
            (found, _) => Ok(found.flatten()),
        }
    }

    /// The collection that `key` holds, and counts a hit or a miss. Takes no copy.
    pub(crate) fn collection<C: CollectionType>(
        &mut self,
        key: &[u8],
    ) -> Result<Option<C>, Failure> {
        let found = self.look_up(key)?;
        self.looked_up(key, found.is_some());
        Ok(found)
    }

    fn look_up<C: CollectionType>(&mut self, key: &[u8]) -> Result<Option<C>, Failure> {
        Ok(match &mut self.step {
            None => self.database.collection(key)?,
            Some(step) => {
                let found = step.item(self.database.index(), key)?;
                found.map(|(item, _)| item.collection().cloned()).transpose()?
            }
        })
    }

    /// Changes the collection that `key` holds, or an empty one. If `f` leaves it empty the key is
    /// removed, and if it fails nothing is changed. The last call of `f` counts.
    pub(crate) fn update_collection<C: CollectionType, R>(
        &mut self,
        key: &[u8],
        f: impl FnMut(&mut C) -> Result<R, Failure>,
    ) -> Result<R, Failure> {
        let spec = self.spec;
        self.update_collection_telling(key, f, |_, changed| {
            [changed.then(|| Event::of(spec)).flatten(), None]
        })
    }

    /// Does what [`update_collection`](Self::update_collection) does, and tells of the `events`
    /// that follow from what `f` returned and whether it has changed anything.
    ///
    /// That the key is new or was removed is told in any case, in front of them and behind them.
    pub(crate) fn update_collection_telling<C: CollectionType, R>(
        &mut self,
        key: &[u8],
        mut f: impl FnMut(&mut C) -> Result<R, Failure>,
        events: impl FnOnce(&R, bool) -> Told,
    ) -> Result<R, Failure> {
        if let Some(held) = &mut self.held {
            return f(held.downcast_mut().ok_or(Failure::WRONG_TYPE)?);
        }
        let index = self.database.index();
        let Some(step) = &mut self.step else {
            let mut edit = None;
            let watched = &self.server.watched;
            let result = self.database.update_collection(key, |collection: &mut C| {
                let before = watched.any().then(|| collection.clone());
                let result = f(collection)?;
                edit = before
                    .map(|before| Edit::new(&Item::from(before), &Item::from(collection.clone())));
                Ok::<R, Failure>(result)
            })?;
            if let Some(edit) = edit {
                self.edited(key, edit, events(&result, edit.changed));
            }
            return Ok(result);
        };
        let (before, expiry) = match step.item(index, key)? {
            Some((item, expiry)) => (item.collection::<C>()?.clone(), expiry),
            None => (C::default(), Expiry::Never),
        };
        let mut after = before.clone();
        let result = f(&mut after)?;
        let after = Item::from(after);
        let edit = Edit::new(&Item::from(before), &after);
        if edit.changed {
            step.set(index, key, after, expiry)?;
        }
        if step.is_heard() {
            self.edited(key, edit, events(&result, edit.changed));
        }
        Ok(result)
    }

    /// Runs `f` as one atomic step over several keys, or as part of the step that runs already.
    pub(crate) fn atomically<R>(
        &mut self,
        mut f: impl FnMut(&mut dyn Step) -> Result<R, Failure>,
    ) -> Result<R, Failure> {
        match &mut self.step {
            None => {
                let (mut written, spec) = (Written::new(self.server), self.spec);
                let result = self.server.store.transaction(|transaction| {
                    written.restart();
                    f(&mut Recorder::new(transaction, &mut written, spec))
                });
                drop(if result.is_ok() { written.take_effect() } else { written.fail() });
                result
            }
            Some(step) => f(*step),
        }
    }
}

/// The collection that a key holds within a step, and when the key expires.
///
/// # Errors
///
/// [`Failure::WRONG_TYPE`].
pub(crate) fn collection_at<C: CollectionType>(
    step: &mut dyn Step,
    database: u16,
    key: &[u8],
) -> Result<Option<(C, Expiry)>, Failure> {
    let found = step.item(database, key)?;
    Ok(found
        .map(|(item, expiry)| Ok::<_, Error>((item.collection::<C>()?.clone(), expiry)))
        .transpose()?)
}
