//! Collections under keys: of databases, and within transactions.

use super::kind::{CollectionType, try_clone_at};
use crate::lapse::Lapse;
use crate::store::{check_item, check_key};
use crate::sync::pin;
use crate::table::{Content, Decision, Draft, Entry, Payload, tombstone};
use crate::{Database, Error, Expiry, Item, Transaction, ValueType};

/// What an update of a collection comes to.
enum Outcome<C> {
    /// Nothing has changed.
    Same,
    /// This is to be stored.
    Changed(C),
    /// Nothing is left.
    Empty,
}

/// Runs `f` on `after`, which is a copy of `before`, which is what is stored, or is empty; without
/// what had expired of it by `now_unix_ms`.
fn update<C: CollectionType, R, E>(
    before: Option<&C>,
    mut after: C,
    now_unix_ms: u64,
    f: &mut impl FnMut(&mut C) -> Result<R, E>,
) -> Result<(Outcome<C>, R), E> {
    if after.next_expiry_of_any().is_past(now_unix_ms) {
        after.purge_expired(now_unix_ms);
    }
    let result = f(&mut after)?;
    let outcome = match before {
        Some(before) if after.is_unchanged(before) => Outcome::Same,
        None if after.is_nothing() => Outcome::Same,
        _ if after.is_nothing() => Outcome::Empty,
        _ => Outcome::Changed(after),
    };
    Ok((outcome, result))
}

/// The collection of type `C` in an entry.
fn of_entry<C: CollectionType>(entry: Entry<'_>) -> Result<&C, Error> {
    entry.collection().ok_or(Error::WrongType)?.downcast()
}

impl Database {
    /// Returns the type of what `key` holds, or `None` if it is absent.
    pub fn value_type(&self, key: &[u8]) -> Option<ValueType> {
        let guard = pin();
        self.find(key, &guard).map(Entry::value_type)
    }

    /// Returns what `key` holds, whatever its type, and when it expires.
    ///
    /// O(1), but for the copy of a small string. Lock-free: a collection that another thread
    /// replaces at the same moment is looked up again.
    pub fn item(&self, key: &[u8]) -> Option<(Item, Expiry)> {
        loop {
            let guard = pin();
            let entry = self.find(key, &guard)?;
            if let Some(item) = entry.try_item_at(|| self.store.clock.unix_ms()) {
                return Some((item, entry.expiry()));
            }
        }
    }

    /// Stores a value of any type, and returns whether the key was there before. An empty
    /// collection removes the key.
    ///
    /// # Errors
    ///
    /// As for [`set`](Self::set).
    pub fn set_item(
        &self,
        key: &[u8],
        item: impl Into<Item>,
        expiry: Expiry,
    ) -> Result<bool, Error> {
        let mut item = item.into();
        check_key(key)?;
        check_item(&item)?;
        if item.is_nothing() {
            return Ok(self.remove(key));
        }
        let payload = Payload::of_item(&mut item);
        self.write(key, |found, spare, versioned| {
            let existed = found.live.is_some();
            let content = || Content { key, payload: payload.clone(), expiry };
            let draft = spare.unwrap_or_else(|| Draft::new(content(), versioned));
            (Decision::Publish(draft), existed)
        })
    }

    /// Returns the collection that `key` holds, or `None` if it is absent. O(1): the collection is
    /// shared, and stays as it is.
    ///
    /// Lock-free: one that another thread replaces at the same moment is looked up again.
    ///
    /// # Errors
    ///
    /// [`Error::WrongType`] if the key holds another type.
    pub fn collection<C: CollectionType>(&self, key: &[u8]) -> Result<Option<C>, Error> {
        loop {
            match self.with_collection(key, C::try_clone)? {
                Some(Some(collection)) => return Ok(Some(collection)),
                None => return Ok(None),
                // It has just been replaced.
                Some(None) => {}
            }
        }
    }

    /// Calls `f` with the collection that `key` holds, unless it is absent, and returns what it
    /// returns.
    ///
    /// Wait-free, but for `f`, unless elements of a hash have expired, which is lock-free. While `f`
    /// runs no memory of any store is reclaimed, so for more than a few lookups, and to clone it,
    /// take the [`collection`](Self::collection) instead. `f` may clone what it gets, but if another
    /// thread has replaced that meanwhile the clone takes O(n): a count for every leaf of a kibibyte,
    /// and about a twentieth of the memory.
    ///
    /// # Errors
    ///
    /// [`Error::WrongType`] if the key holds another type.
    pub fn with_collection<C: CollectionType, R>(
        &self,
        key: &[u8],
        f: impl FnOnce(&C) -> R,
    ) -> Result<Option<R>, Error> {
        loop {
            let guard = pin();
            let Some(entry) = self.find(key, &guard) else { return Ok(None) };
            let collection: &C = of_entry(entry)?;
            let expiry = collection.next_expiry_of_any();
            let now_unix_ms = (expiry != Expiry::Never).then(|| self.store.clock.unix_ms());
            let Some(now_unix_ms) = now_unix_ms.filter(|now| expiry.is_past(*now)) else {
                return Ok(Some(f(collection)));
            };
            if let Some(rest) = try_clone_at(collection, now_unix_ms) {
                return Ok((!rest.is_nothing()).then(|| f(&rest)));
            }
        }
    }

    /// Changes the collection that `key` holds as one atomic step, and returns what `f` returned.
    ///
    /// `f` gets an empty collection if the key is absent. What it leaves is stored, with the
    /// expiry that the key had; a collection that it leaves empty is removed, and one that it does
    /// not change is left alone, as it is if `f` returns an error. The cost is that of the
    /// changes, whatever the length.
    ///
    /// If another thread changes the key meanwhile, `f` runs again on what that left; only the
    /// last call counts. `f` should be short: while it runs no memory of any store is reclaimed.
    /// It may panic, which changes nothing. What it gets is a collection like any other, which it may
    /// clone, swap for another or take away; the change then costs a little more.
    ///
    /// # Errors
    ///
    /// What `f` returned; [`Error::WrongType`] if the key holds another type,
    /// [`Error::KeyTooLong`], [`Error::HashCollisions`].
    pub fn update_collection<C: CollectionType, R, E: From<Error>>(
        &self,
        key: &[u8],
        mut f: impl FnMut(&mut C) -> Result<R, E>,
    ) -> Result<R, E> {
        check_key(key)?;
        loop {
            if let Some(result) = self.try_update(key, &mut f)? {
                return Ok(result);
            }
        }
    }

    /// `None` if what was found had been replaced already.
    fn try_update<C: CollectionType, R, E: From<Error>>(
        &self,
        key: &[u8],
        f: &mut impl FnMut(&mut C) -> Result<R, E>,
    ) -> Result<Option<R>, E> {
        let mut has_lapsed = false;
        let result = self.write(key, |found, _, versioned| {
            has_lapsed = false;
            let before = match found.live.map(of_entry::<C>).transpose() {
                Ok(before) => before,
                Err(error) => return (Decision::Keep, Err(error.into())),
            };
            // While cuts are open what is replaced may stay, so it lends nothing.
            let copy = if versioned { C::try_clone } else { C::try_lend };
            let Some(after) = before.map_or_else(|| Some(C::default()), copy) else {
                return (Decision::Keep, Ok(None));
            };
            let expiry = found.live.map_or(Expiry::Never, Entry::expiry);
            let (outcome, result) = match update(before, after, found.now_unix_ms, f) {
                Ok(updated) => updated,
                Err(error) => return (Decision::Keep, Err(error)),
            };
            // Without its expired elements it counts as changed, whatever `f` does.
            has_lapsed = found.lapse == Some(Lapse::Elements);
            let decision = match outcome {
                Outcome::Same => Decision::Keep,
                Outcome::Empty => Decision::Publish(tombstone(key, versioned)),
                Outcome::Changed(mut after) => {
                    after.seal();
                    Decision::Publish(Draft::of_collection(key, after.into(), expiry, versioned))
                }
            };
            (decision, Ok(Some(result)))
        })?;
        if has_lapsed {
            self.store.note_lapse(self.index(), key, Lapse::Elements);
        }
        result
    }
}

impl Transaction<'_> {
    /// Returns the collection that `key` holds as this transaction sees it. O(1).
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchDatabase`], and [`Error::WrongType`] if the key holds another type.
    pub fn collection<C: CollectionType>(
        &mut self,
        database: u16,
        key: &[u8],
    ) -> Result<Option<C>, Error> {
        let found = self.item(database, key)?;
        found.map(|(item, _)| item.collection().cloned()).transpose()
    }

    /// Changes the collection that `key` holds; see [`Database::update_collection`].
    ///
    /// # Errors
    ///
    /// What `f` returned, and as for [`collection`](Self::collection).
    pub fn update_collection<C: CollectionType, R, E: From<Error>>(
        &mut self,
        database: u16,
        key: &[u8],
        mut f: impl FnMut(&mut C) -> Result<R, E>,
    ) -> Result<R, E> {
        let found = self.item(database, key)?;
        let before = found.as_ref().map(|(item, _)| item.collection::<C>()).transpose()?;
        let expiry = found.as_ref().map_or(Expiry::Never, |(_, expiry)| *expiry);
        let now_unix_ms = self.now_unix_ms();
        let after = before.cloned().unwrap_or_default();
        let (outcome, result) = update(before, after, now_unix_ms, &mut f)?;
        match outcome {
            Outcome::Same => {}
            Outcome::Changed(after) => self.set_item(database, key, after, expiry)?,
            Outcome::Empty => {
                self.remove(database, key)?;
            }
        }
        Ok(result)
    }
}
