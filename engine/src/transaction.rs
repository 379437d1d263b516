//! Several keys in one atomic, serializable step.
//!
//! Optimistic: the closure reads from the tables and writes into a buffer; committing installs
//! the writes [undecided](crate::version::batch), each over what was read under its key, holds the
//! keys that were only read in the same way, and makes all of it visible with one swap. If
//! anything has changed the closure runs again. Readers never wait for a transaction. A single-key write that meets one
//! half way gives it a moment and then aborts it, so a transaction may be tried again because of
//! one; a stopped thread stops nobody but other transactions on the same keys.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{MutexGuard, PoisonError};

use crate::lapse::Lapsed;
use crate::store::{Inner, Roots, check_item, check_key};
use crate::sync::{Guard, pin};
use crate::table::{self, Content, Draft, Keyspace, Observed, Payload, tombstone};
use crate::{Error, Expiry, Item, Value};

/// Attempts after which a transaction keeps other transactions out while it runs.
const OPTIMISTIC_ATTEMPTS: u32 = 8;

/// What a transaction does to a key.
#[derive(Debug)]
enum Write {
    Set(Item, Expiry),
    Remove,
    /// Keep it as it was read.
    Hold,
}

/// A key of one database, in the order in which latches are taken.
type Address = (u16, Box<[u8]>);

/// The reads and writes of one atomic step; see [`Store::transaction`](crate::Store::transaction).
pub struct Transaction<'s> {
    store: &'s Inner,
    roots: &'s Roots,
    guard: &'s Guard,
    now_unix_ms: u64,
    reads: BTreeMap<Address, Observed>,
    writes: BTreeMap<Address, Write>,
    /// Set when a read met another transaction half way: nothing read since can be trusted.
    conflicted: bool,
}

impl fmt::Debug for Transaction<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction")
            .field("reads", &self.reads.len())
            .field("writes", &self.writes.len())
            .finish_non_exhaustive()
    }
}

impl Transaction<'_> {
    fn keyspace(&self, database: u16) -> Result<&Keyspace, Error> {
        self.roots.keyspace(database)
    }

    /// Returns the string and the expiry of `key` as this transaction sees it: its own last write,
    /// or what was current when it first read the key.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchDatabase`], and [`Error::WrongType`] if the key holds a collection.
    pub fn get(&mut self, database: u16, key: &[u8]) -> Result<Option<(Value, Expiry)>, Error> {
        let found = self.item(database, key)?;
        found.map(|(item, expiry)| Ok((item.into_string()?, expiry))).transpose()
    }

    /// Returns what `key` holds, whatever its type, and its expiry, as this transaction sees it.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchDatabase`].
    pub fn item(&mut self, database: u16, key: &[u8]) -> Result<Option<(Item, Expiry)>, Error> {
        let address: Address = (database, key.into());
        match self.writes.get(&address) {
            Some(Write::Set(item, expiry)) if !expiry.is_past(self.now_unix_ms) => {
                return Ok(Some((item.clone(), *expiry)));
            }
            Some(Write::Set(..) | Write::Remove) => return Ok(None),
            Some(Write::Hold) | None => {}
        }
        let keyspace = self.keyspace(database)?;
        let (found, observed) = loop {
            let entry = keyspace.look(keyspace.hash(key), key, self.guard);
            let observed = Observed::of(entry);
            let live =
                entry.filter(|entry| !entry.is_tombstone() && entry.is_live_at(self.now_unix_ms));
            let Some(entry) = live else { break (None, observed) };
            if let Some(item) = entry.try_item_at(|| self.now_unix_ms) {
                break (Some((item, entry.expiry())), observed);
            }
            // It has just been replaced, so something else is there.
        };
        let first = *self.reads.entry(address).or_insert(observed);
        // Two reads of one key differ only if it changed meanwhile: the commit will fail.
        self.conflicted |= first != observed;
        Ok(found)
    }

    /// Stores a value.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchDatabase`], [`Error::KeyTooLong`], [`Error::ValueTooLong`].
    pub fn set(
        &mut self,
        database: u16,
        key: &[u8],
        value: impl Into<Value>,
        expiry: Expiry,
    ) -> Result<(), Error> {
        self.set_item(database, key, Item::String(value.into()), expiry)
    }

    /// Stores a value of any type. An empty collection removes the key.
    ///
    /// # Errors
    ///
    /// As for [`set`](Self::set).
    pub fn set_item(
        &mut self,
        database: u16,
        key: &[u8],
        item: impl Into<Item>,
        expiry: Expiry,
    ) -> Result<(), Error> {
        let item = item.into();
        check_key(key)?;
        check_item(&item)?;
        self.keyspace(database)?;
        let write = if item.is_nothing() { Write::Remove } else { Write::Set(item, expiry) };
        self.writes.insert((database, key.into()), write);
        Ok(())
    }

    /// Removes a key, and returns whether it was there.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchDatabase`].
    pub fn remove(&mut self, database: u16, key: &[u8]) -> Result<bool, Error> {
        let existed = self.item(database, key)?.is_some();
        if existed {
            self.writes.insert((database, key.into()), Write::Remove);
        }
        Ok(existed)
    }

    /// Time at which this attempt began, in milliseconds since the Unix epoch: what every expiry
    /// in it is judged by.
    pub fn now_unix_ms(&self) -> u64 {
        self.now_unix_ms
    }
}

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Marks the thread as running a transaction.
struct Inside;

impl Inside {
    fn enter() -> Self {
        assert!(!INSIDE.replace(true), "{NESTED}");
        Self
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        INSIDE.set(false);
    }
}

const NESTED: &str = "a transaction's closure works through the transaction alone";

/// Panics inside a transaction's closure, where the caller would wait for itself.
pub(crate) fn assert_outside() {
    assert!(!INSIDE.get(), "{NESTED}");
}

/// How one attempt ended.
enum Attempt<R> {
    /// With what it has replaced that had expired.
    Done(R, Vec<Lapsed>),
    Conflict,
}

impl Inner {
    /// Runs `f` until one run of it can be committed as if it had run alone.
    pub(crate) fn transact<R, E: From<Error>>(
        &self,
        mut f: impl FnMut(&mut Transaction<'_>) -> Result<R, E>,
    ) -> Result<R, E> {
        let inside = Inside::enter();
        for attempt in 0_u32.. {
            // Databases are not replaced while a transaction runs; it may span several of them.
            let gate = self.gate.read().unwrap_or_else(PoisonError::into_inner);
            let alone = (attempt >= OPTIMISTIC_ATTEMPTS)
                .then(|| self.serial.lock().unwrap_or_else(PoisonError::into_inner));
            let outcome = self.attempt(&mut f);
            drop(alone);
            drop(gate);
            if let Attempt::Done(result, lapsed) = outcome? {
                drop(inside);
                for Lapsed { database, key, lapse } in lapsed {
                    self.note_lapse(database, &key, lapse);
                }
                return Ok(result);
            }
            std::thread::yield_now();
        }
        unreachable!("a transaction is tried until it succeeds or fails")
    }

    fn attempt<R, E: From<Error>>(
        &self,
        f: &mut impl FnMut(&mut Transaction<'_>) -> Result<R, E>,
    ) -> Result<Attempt<R>, E> {
        let guard = pin();
        let roots = self.roots(&guard);
        let mut transaction = Transaction {
            store: self,
            roots,
            guard: &guard,
            now_unix_ms: self.clock.unix_ms(),
            reads: BTreeMap::new(),
            writes: BTreeMap::new(),
            conflicted: false,
        };
        let result = f(&mut transaction);
        // An error may be the outcome of reads that do not belong together: check them first.
        match (result, transaction.conflicted) {
            (_, true) => Ok(Attempt::Conflict),
            (Ok(result), false) => Ok(match transaction.commit()? {
                Some(lapsed) => Attempt::Done(result, lapsed),
                None => Attempt::Conflict,
            }),
            (Err(error), false) => {
                transaction.writes.clear();
                if transaction.commit()?.is_some() { Err(error) } else { Ok(Attempt::Conflict) }
            }
        }
    }
}

impl Transaction<'_> {
    /// Commits and returns what was replaced that had expired, or `None` with nothing changed.
    fn commit(self) -> Result<Option<Vec<Lapsed>>, Error> {
        if self.writes.is_empty() {
            return Ok(self.reads_are_current().then(Vec::new));
        }
        let Self { store, roots, guard, now_unix_ms, mut reads, mut writes, .. } = self;
        // A key that was only read is held like one that is written, by a copy of itself, until
        // the commit: otherwise somebody could change it after it was checked, and then look for
        // this transaction's writes in vain.
        for address in reads.keys() {
            writes.entry(address.clone()).or_insert(Write::Hold);
        }
        let _latches = store.latch(roots, writes.keys())?;
        let mut changes = Vec::with_capacity(writes.len());
        for (address, write) in writes {
            let keyspace = roots.keyspace(address.0)?;
            let key = &*address.1;
            let hash = keyspace.hash(key);
            let counts = !matches!(write, Write::Hold);
            let draft = match write {
                Write::Set(mut item, expiry) => {
                    let payload = Payload::of_item(&mut item);
                    Draft::new(Content { key, payload, expiry }, true)
                }
                Write::Remove => tombstone(key, true),
                Write::Hold => match keyspace.get(hash, key, guard) {
                    Some(entry) => match entry.try_content() {
                        Some(content) => Draft::new(content, true),
                        // It has just been replaced, so it is not what was read.
                        None => return Ok(None),
                    },
                    None => tombstone(key, true),
                },
            };
            changes.push(table::Change {
                keyspace,
                database: address.0,
                hash,
                expected: reads.remove(&address),
                draft,
                counts,
            });
        }
        table::commit(changes, &store.versions, now_unix_ms, guard)
    }

    /// Whether everything that was read was current together, at some instant since.
    fn reads_are_current(&self) -> bool {
        self.reads.iter().all(|((database, key), observed)| {
            let keyspace = self.roots.of_index(*database);
            keyspace.observe(keyspace.hash(key), key, self.guard) == Some(*observed)
        })
    }
}

impl Inner {
    /// Takes the latches of `keys` against other transactions, in ascending order.
    fn latch<'k>(
        &self,
        roots: &Roots,
        keys: impl Iterator<Item = &'k Address>,
    ) -> Result<Vec<MutexGuard<'_, ()>>, Error> {
        let mut stripes = keys
            .map(|(database, key)| {
                Ok(roots.keyspace(*database)?.hash(key) as usize % self.latches.len())
            })
            .collect::<Result<Vec<_>, Error>>()?;
        stripes.sort_unstable();
        stripes.dedup();
        Ok(stripes
            .into_iter()
            .map(|stripe| self.latches[stripe].lock().unwrap_or_else(PoisonError::into_inner))
            .collect())
    }
}
