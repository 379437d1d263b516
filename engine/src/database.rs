//! One keyspace of a store.

use std::sync::Arc;

use crate::format::ValueType;
use crate::lapse::Found;
use crate::store::{Inner, check_key, check_value};
use crate::sync::{Guard, pin};
use crate::table::{
    Content, Decision, Draft, Entry, Keyspace, LOOKUP_BATCH, Observed, Payload, Written, tombstone,
};
use crate::{DatabaseStats, EntryRef, Error, Value};

/// When a key expires.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Expiry {
    /// Not at all.
    #[default]
    Never,
    /// At this time, in milliseconds since the Unix epoch.
    At(u64),
}

impl Expiry {
    /// Whether a key with this expiry is gone at `now_unix_ms`.
    pub fn is_past(self, now_unix_ms: u64) -> bool {
        matches!(self, Self::At(unix_ms) if unix_ms <= now_unix_ms)
    }
}

/// What a write does to a key's expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpiryChange {
    /// Leaves it as it was; a new key never expires.
    Keep,
    /// Replaces it.
    Set(Expiry),
}

/// When a [`set_with`](Database::set_with) takes effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    /// Whether the key is there or not.
    #[default]
    Always,
    /// Only if the key is absent.
    IfAbsent,
    /// Only if the key is present.
    IfPresent,
}

/// How [`set_with`](Database::set_with) writes.
#[derive(Clone, Copy, Debug)]
pub struct SetOptions {
    /// When the write takes effect.
    pub condition: Condition,
    /// What becomes of the expiry.
    pub expiry: ExpiryChange,
    /// Whether the outcome holds the string found, replaced or not. A collection that is found is
    /// an error then, and not replaced.
    pub return_old: bool,
}

impl Default for SetOptions {
    fn default() -> Self {
        Self {
            condition: Condition::Always,
            expiry: ExpiryChange::Set(Expiry::Never),
            return_old: false,
        }
    }
}

impl ExpiryChange {
    fn apply(self, before: Option<Expiry>) -> Expiry {
        match self {
            Self::Keep => before.unwrap_or_default(),
            Self::Set(expiry) => expiry,
        }
    }
}

/// What [`set_with`](Database::set_with) did.
#[derive(Clone, Debug)]
pub struct SetOutcome {
    /// Whether the value was stored.
    pub stored: bool,
    /// Whether the key was there before.
    pub existed: bool,
    /// The value found, if it was asked for.
    pub old: Option<Value>,
}

/// What a closure given to [`update`](Database::update) wants done.
#[derive(Clone, Debug)]
pub enum Change {
    /// Nothing.
    Keep,
    /// Store this value.
    Set(Value, ExpiryChange),
    /// Leave the value, change the expiry.
    Expire(Expiry),
    /// Remove the key.
    Remove,
}

/// Where a [`scan`](Database::scan) stands. Zero begins one; zero again ends it.
pub type ScanCursor = u64;

/// A handle to one database of a store.
///
/// Cheap to clone, usable from any thread, inside and outside of any async runtime. Keeps the
/// store alive. A key that has expired is absent to every operation, whether it was removed
/// already or not.
#[derive(Clone, Debug)]
pub struct Database {
    pub(crate) store: Arc<Inner>,
    index: u16,
}

/// Rounds of [`Database::get_many_atomic`] before it takes a cut instead.
const ATOMIC_ROUNDS: u32 = 8;
/// Segments that [`Database::random_key`] looks into before it walks the database in order.
const RANDOM_TRIES: u32 = 256;

impl Database {
    pub(crate) fn new(store: Arc<Inner>, index: u16) -> Self {
        Self { store, index }
    }

    /// Index of the database.
    pub fn index(&self) -> u16 {
        self.index
    }

    #[inline]
    pub(crate) fn keyspace<'g>(&self, guard: &'g Guard) -> &'g Keyspace {
        self.store.roots(guard).of_index(self.index)
    }

    /// The current entry of `key`, unless it has expired.
    #[inline]
    pub(crate) fn find<'g>(&self, key: &[u8], guard: &'g Guard) -> Option<Entry<'g>> {
        let keyspace = self.keyspace(guard);
        keyspace.get(keyspace.hash(key), key, guard).filter(|entry| self.store.is_live(*entry))
    }

    /// Writes `key` in the keyspace that is this database's when the write takes effect, and tells
    /// of what it has found expired there and replaced.
    pub(crate) fn write<R>(
        &self,
        key: &[u8],
        mut decide: impl FnMut(Found<'_>, Option<Draft>, bool) -> (Decision, R),
    ) -> Result<R, Error> {
        let mut ended = None;
        let result = loop {
            let era = self.store.versions.era();
            let guard = pin();
            let keyspace = self.keyspace(&guard);
            let hash = keyspace.hash(key);
            let written = keyspace.write(hash, key, Some(era), |entry, spare, versioned| {
                let found = self.store.judge(entry);
                let lapse = found.lapse.filter(|lapse| lapse.ends_key());
                let (decision, result) = decide(found, spare, versioned);
                ended = lapse.filter(|_| matches!(decision, Decision::Publish(_)));
                (decision, result)
            })?;
            if let Written::Done(result) = written {
                break result;
            }
        };
        if let Some(lapse) = ended {
            self.store.note_lapse(self.index, key, lapse);
        }
        Ok(result)
    }

    /// Returns the string that `key` holds; `None` if it is absent or holds a collection, which
    /// [`collection`](Self::collection) and [`item`](Self::item) return.
    ///
    /// Wait-free, but for the copy of a small value; a large one is counted, not copied.
    pub fn get(&self, key: &[u8]) -> Option<Value> {
        let guard = pin();
        self.find(key, &guard).and_then(Entry::to_string_value)
    }

    /// Calls `f` with the entry of `key`, without copying, and returns what it returns.
    ///
    /// Wait-free, but for `f`. While `f` runs no memory of any store is reclaimed, so it must be
    /// short and must not block.
    #[inline]
    pub fn with<R>(&self, key: &[u8], f: impl FnOnce(EntryRef<'_>) -> R) -> Option<R> {
        let guard = pin();
        self.find(key, &guard).map(|entry| f(EntryRef::of(entry)))
    }

    /// Looks several keys up with their memory accesses overlapped: several times faster than one
    /// after the other, once the data does not fit into the processor's caches.
    ///
    /// Calls `f` with each key's index and entry, in order. Each lookup is linearizable, all of
    /// them together are not; see [`get_many_atomic`](Self::get_many_atomic). What holds for the
    /// closure of [`with`](Self::with) holds for `f`.
    pub fn get_many<K: AsRef<[u8]>>(
        &self,
        keys: &[K],
        mut f: impl FnMut(usize, Option<EntryRef<'_>>),
    ) {
        for (batch, keys) in keys.chunks(LOOKUP_BATCH).enumerate() {
            let guard = pin();
            let mut found = [None; LOOKUP_BATCH];
            self.keyspace(&guard).get_batch(keys, &guard, &mut found);
            for (i, entry) in found[..keys.len()].iter().enumerate() {
                let live =
                    entry.filter(|entry| !entry.is_tombstone() && self.store.is_live(*entry));
                f(batch * LOOKUP_BATCH + i, live.map(EntryRef::of));
            }
        }
    }

    /// Brings what the table has of several keys into the processor's caches, with the memory
    /// accesses overlapped, for whoever is about to write them one after the other.
    ///
    /// Changes nothing and finds nothing. A few keys, some tens, are all that caches keep until
    /// their turn comes.
    pub fn prefetch<K: AsRef<[u8]>>(&self, keys: &[K]) {
        for keys in keys.chunks(LOOKUP_BATCH) {
            let guard = pin();
            self.keyspace(&guard).prefetch_batch(keys, &guard);
        }
    }

    /// Returns the strings that `keys` held together at one instant, and `None` for keys that are
    /// absent or hold a collection.
    ///
    /// Reads twice and compares; if writers keep changing the keys, it takes a cut instead, which
    /// waits for microseconds.
    pub fn get_many_atomic<K: AsRef<[u8]>>(&self, keys: &[K]) -> Vec<Option<Value>> {
        if keys.len() == 1 {
            return vec![self.get(keys[0].as_ref())];
        }
        for _ in 0..ATOMIC_ROUNDS {
            if let Some(values) = self.try_get_many(keys) {
                return values;
            }
        }
        match self.store.snapshot() {
            Ok(cut) => keys.iter().map(|key| cut.get(self.index, key.as_ref())).collect(),
            // Every place for a cut is taken; go on trying.
            Err(_) => loop {
                std::thread::yield_now();
                if let Some(values) = self.try_get_many(keys) {
                    break values;
                }
            },
        }
    }

    /// One round of reading twice; `None` if anything changed in between.
    fn try_get_many<K: AsRef<[u8]>>(&self, keys: &[K]) -> Option<Vec<Option<Value>>> {
        let guard = pin();
        let keyspace = self.keyspace(&guard);
        let mut entries = Vec::with_capacity(keys.len());
        for keys in keys.chunks(LOOKUP_BATCH) {
            let mut found = [None; LOOKUP_BATCH];
            keyspace.get_batch(keys, &guard, &mut found);
            entries.extend_from_slice(&found[..keys.len()]);
        }
        let unchanged = keys.iter().zip(&entries).all(|(key, entry)| {
            let key = key.as_ref();
            keyspace.observe(keyspace.hash(key), key, &guard) == Some(Observed::of(*entry))
        });
        // One time for all of them: keys that expire together are there together or not.
        let now_unix_ms = self.store.clock.unix_ms();
        let is_there =
            |entry: &Entry<'_>| !entry.is_tombstone() && !entry.expiry().is_past(now_unix_ms);
        unchanged.then(|| {
            entries
                .into_iter()
                .map(|entry| entry.filter(is_there).and_then(Entry::to_string_value))
                .collect()
        })
    }

    /// Whether `key` is present.
    pub fn contains_key(&self, key: &[u8]) -> bool {
        let guard = pin();
        self.find(key, &guard).is_some()
    }

    /// Returns when `key` expires, or `None` if it is absent.
    pub fn expiry(&self, key: &[u8]) -> Option<Expiry> {
        let guard = pin();
        self.find(key, &guard).map(Entry::expiry)
    }

    /// Stores a value, and returns whether the key was there before.
    ///
    /// Lock-free, except that it waits while a [transaction](crate::Store::transaction) is about
    /// to change the same key. A value above 4 KiB is moved into the store without copying if it
    /// is handed over as a `Vec` whose capacity is its length.
    ///
    /// # Errors
    ///
    /// [`Error::KeyTooLong`], [`Error::ValueTooLong`], [`Error::HashCollisions`].
    pub fn set(
        &self,
        key: &[u8],
        value: impl Into<Value> + AsRef<[u8]>,
        expiry: Expiry,
    ) -> Result<bool, Error> {
        let options = SetOptions { expiry: ExpiryChange::Set(expiry), ..SetOptions::default() };
        self.set_with(key, value, options).map(|outcome| outcome.existed)
    }

    /// Stores a value if a condition holds; see [`SetOptions`].
    ///
    /// # Errors
    ///
    /// As for [`set`](Self::set), and [`Error::WrongType`] if the old value is asked for and is a
    /// collection; nothing is stored then.
    pub fn set_with(
        &self,
        key: &[u8],
        value: impl Into<Value> + AsRef<[u8]>,
        options: SetOptions,
    ) -> Result<SetOutcome, Error> {
        check_key(key)?;
        check_value(value.as_ref())?;
        if value.as_ref().len() <= crate::table::COPIED_BYTES_MAX {
            // The bytes are copied into the entry, so they need no allocation on the way.
            return self.set_payload(key, &Payload::Copied(value.as_ref()), options);
        }
        let mut value = value.into();
        self.set_payload(key, &Payload::of(&mut value), options)
    }

    fn set_payload(
        &self,
        key: &[u8],
        payload: &Payload<'_>,
        options: SetOptions,
    ) -> Result<SetOutcome, Error> {
        self.write(key, |found, spare, versioned| {
            let current = found.live;
            if options.return_old && current.is_some_and(|entry| entry.collection().is_some()) {
                return (Decision::Keep, Err(Error::WrongType));
            }
            let outcome = |stored| {
                Ok(SetOutcome {
                    stored,
                    existed: current.is_some(),
                    old: current.filter(|_| options.return_old).map(Entry::to_value),
                })
            };
            let refused = match options.condition {
                Condition::Always => false,
                Condition::IfAbsent => current.is_some(),
                Condition::IfPresent => current.is_none(),
            };
            if refused {
                return (Decision::Keep, outcome(false));
            }
            let expiry = options.expiry.apply(current.map(Entry::expiry));
            let draft = match spare {
                Some(draft) if draft.as_entry().expiry() == expiry => draft,
                _ => Draft::new(Content { key, payload: payload.clone(), expiry }, versioned),
            };
            (Decision::Publish(draft), outcome(true))
        })?
    }

    /// Removes a key, and returns whether it was there. Lock-free like [`set`](Self::set).
    pub fn remove(&self, key: &[u8]) -> bool {
        self.remove_returning(key, |_| Some(())).is_some()
    }

    /// Removes a key that holds a string, and returns that; leaves a collection where it is.
    pub fn take(&self, key: &[u8]) -> Option<Value> {
        // A closure, since the method by itself is not general over the entry's lifetime.
        #[expect(clippy::redundant_closure_for_method_calls, reason = "see above")]
        self.remove_returning(key, |entry| entry.to_string_value())
    }

    /// Removes a key that has expired, or of which `f` makes something.
    fn remove_returning<R>(&self, key: &[u8], f: impl Fn(Entry<'_>) -> Option<R>) -> Option<R> {
        self.write(key, |found, _, versioned| match (found.entry, found.live.and_then(&f)) {
            (None, _) => (Decision::Keep, None),
            (Some(_), None) if found.live.is_some() => (Decision::Keep, None),
            (Some(_), result) => (Decision::Publish(tombstone(key, versioned)), result),
        })
        .unwrap_or_else(|error| {
            // Only a key without a slot can fail to get one, and that is not there to remove.
            debug_assert!(matches!(error, Error::HashCollisions));
            None
        })
    }

    /// Takes a key out of the table that has expired and was not swept yet, and returns whether
    /// it was one. Does nothing while [expiry is held back](crate::Store::hold_expiry).
    ///
    /// Nothing but the time at which [`on_expired`](crate::Options::on_expired) is called depends
    /// on this: a key that has expired is absent in any case.
    pub fn remove_expired(&self, key: &[u8]) -> bool {
        let is_due = !self.store.is_expiry_held() && {
            let guard = pin();
            let keyspace = self.keyspace(&guard);
            let entry = keyspace.get(keyspace.hash(key), key, &guard);
            entry.is_some_and(|entry| !self.store.is_live(entry))
        };
        // Whether it still has to go is decided by the write.
        is_due && {
            self.remove_returning(key, |_| None::<()>);
            true
        }
    }

    /// Replaces the string that `key` holds by what `f` makes of it, as one atomic step, and
    /// returns what `f` returned with it.
    ///
    /// If another thread changes the key meanwhile, `f` runs again on what that left; only the
    /// last call counts. `f` should be short: while it runs no memory of any store is reclaimed.
    /// It may panic, which changes nothing.
    ///
    /// # Errors
    ///
    /// [`Error::WrongType`] if it holds a collection, [`Error::KeyTooLong`],
    /// [`Error::ValueTooLong`], [`Error::HashCollisions`].
    pub fn update<R>(
        &self,
        key: &[u8],
        mut f: impl FnMut(Option<EntryRef<'_>>) -> (Change, R),
    ) -> Result<R, Error> {
        self.update_entry(key, |entry| match entry {
            Some(entry) if entry.value_type() != ValueType::String => {
                (Change::Keep, Err(Error::WrongType))
            }
            entry => {
                let (change, result) = f(entry);
                (change, Ok(result))
            }
        })?
    }

    /// Does what [`update`](Self::update) does to a value of any type.
    ///
    /// # Errors
    ///
    /// [`Error::KeyTooLong`], [`Error::ValueTooLong`], [`Error::HashCollisions`].
    pub fn update_entry<R>(
        &self,
        key: &[u8],
        mut f: impl FnMut(Option<EntryRef<'_>>) -> (Change, R),
    ) -> Result<R, Error> {
        check_key(key)?;
        loop {
            let written =
                self.write(key, |Found { entry: found, live: current, .. }, _, versioned| {
                    let (change, result) = f(current.map(EntryRef::of));
                    match draft_of(key, change, found, current, versioned) {
                        Ok(Some(decision)) => (decision, Ok(Some(result))),
                        Ok(None) => (Decision::Keep, Ok(None)),
                        Err(error) => (Decision::Keep, Err(error)),
                    }
                })?;
            if let Some(result) = written? {
                return Ok(result);
            }
        }
    }

    /// Number of keys. Exact while nobody writes; keys that have expired count until they are
    /// swept, which happens in the background.
    pub fn len(&self) -> u64 {
        self.stats().keys
    }

    /// Whether [`len`](Self::len) is zero.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Removes every key, in constant time. The memory is freed in the background.
    pub fn clear(&self) {
        self.store.clear([self.index]);
    }

    /// Calls `f` with about `count` entries from `cursor` on, and returns the cursor to go on
    /// from; 0 begins a scan and, returned, ends it.
    ///
    /// A key that is present during the whole scan is visited exactly once, others at most once,
    /// whatever happens to the table meanwhile: the cursor is a hash, and entries are visited in
    /// the order of their hashes. What holds for the closure of [`with`](Self::with) holds for
    /// `f`.
    pub fn scan(
        &self,
        cursor: ScanCursor,
        count: usize,
        mut f: impl FnMut(EntryRef<'_>),
    ) -> ScanCursor {
        let mut from = cursor;
        let mut visited = 0;
        loop {
            let guard = pin();
            let page = self.keyspace(&guard).current_page(from, &guard);
            let mut last_hash = None;
            for &(hash, entry) in &page.entries {
                // Keys of one hash are never separated: the cursor could not tell them apart.
                if visited >= count.max(1) && last_hash != Some(hash) {
                    return hash;
                }
                last_hash = Some(hash);
                if self.store.is_live(entry) {
                    visited += 1;
                    f(EntryRef::of(entry));
                }
            }
            match page.last.checked_add(1) {
                None => return 0,
                Some(next) if visited >= count => return next,
                Some(next) => from = next,
            }
        }
    }

    /// Returns a key chosen at random, or `None` if there is none.
    pub fn random_key(&self) -> Option<Value> {
        let guard = pin();
        let mut random = || self.store.random();
        let sampled = self.keyspace(&guard).sample(RANDOM_TRIES, &mut random, &guard);
        if let Some(entry) = sampled.filter(|entry| self.store.is_live(*entry)) {
            return Some(Value::from(entry.key()));
        }
        drop(guard);
        // Few keys in a large table, or an expired one: take the next from a random place on.
        let start = self.store.random();
        let mut found = None;
        for from in [start, 0] {
            let mut cursor = from;
            loop {
                cursor = self.scan(cursor, 1, |entry| {
                    found.get_or_insert_with(|| Value::from(entry.key));
                });
                if found.is_some() {
                    return found;
                }
                if cursor == 0 {
                    break;
                }
            }
        }
        None
    }

    /// Figures of this database.
    pub fn stats(&self) -> DatabaseStats {
        let guard = pin();
        DatabaseStats::of(self.keyspace(&guard).counts())
    }
}

/// The draft that carries out `change`, if it changes anything. `None` if what it was to be made of
/// was replaced a moment ago.
fn draft_of(
    key: &[u8],
    change: Change,
    found: Option<Entry<'_>>,
    current: Option<Entry<'_>>,
    versioned: bool,
) -> Result<Option<Decision>, Error> {
    let before = current.map(Entry::expiry);
    let draft = match (change, current) {
        (Change::Keep, _) | (Change::Expire(_), None) => return Ok(Some(Decision::Keep)),
        (Change::Set(mut value, expiry), _) => {
            check_value(&value)?;
            let payload = Payload::of(&mut value);
            Draft::new(Content { key, payload, expiry: expiry.apply(before) }, versioned)
        }
        (Change::Expire(expiry), Some(entry)) => {
            let Some(payload) = entry.try_payload() else { return Ok(None) };
            Draft::new(Content { key, payload, expiry }, versioned)
        }
        (Change::Remove, _) if found.is_none() => return Ok(Some(Decision::Keep)),
        (Change::Remove, _) => tombstone(key, versioned),
    };
    Ok(Some(Decision::Publish(draft)))
}
