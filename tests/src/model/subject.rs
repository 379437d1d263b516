//! The engine under the model's operations.

use std::sync::Arc;

use exuvia::{
    Database, EntryRef, Error, Expiry, ManualClock, Options, Snapshot, SnapshotEntry, Store, Value,
    Walk,
};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::op::{filled, filled_value};
use super::{Access, Bytes, Contents, Item, Op, Outcome, Place};

/// A store on a manual clock that answers like [`State`](super::State).
#[derive(Debug)]
pub struct Subject {
    store: Store,
    databases: Vec<Database>,
    clock: Arc<ManualClock>,
    hash_seed: u64,
}

/// Why a transaction ended without effect.
#[derive(Debug)]
enum Failure {
    OnPurpose,
    Engine(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Engine(error)
    }
}

fn owned(entry: Option<EntryRef<'_>>) -> Option<Bytes> {
    entry.map(|entry| entry.value.into())
}

impl Subject {
    /// Opens an empty store without a maintenance thread, so that nothing happens by itself.
    ///
    /// # Panics
    ///
    /// If the engine refuses these options.
    pub fn new(databases: u16, shards: u32, start_unix_ms: u64, hash_seed: u64) -> Self {
        let clock = Arc::new(ManualClock::new(start_unix_ms));
        let options = Options::in_memory()
            .databases(databases)
            .shards(shards)
            .clock(clock.clone())
            .hash_seed(hash_seed)
            .maintenance(false);
        let store = Store::open(options).expect("a store in memory opens");
        let database = |index| store.database(index).expect("the index is in range");
        let databases = (0..databases).map(database).collect();
        Self { store, databases, clock, hash_seed }
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// A database's handle.
    pub fn database(&self, index: u16) -> &Database {
        &self.databases[usize::from(index)]
    }

    fn of(&self, place: &Place) -> &Database {
        self.database(place.database)
    }

    /// Performs an operation.
    ///
    /// # Panics
    ///
    /// If the engine refuses it, or answers differently in two ways of asking the same.
    pub fn apply(&self, op: &Op) -> Outcome {
        match op {
            Op::Get(place) => Outcome::Value(self.get(place)),
            Op::Expiry(place) => Outcome::Expiry(self.of(place).expiry(&place.key)),
            Op::GetMany(places, atomic) => Outcome::Values(self.get_many(places, *atomic)),
            Op::Set(place, value, expiry) => {
                let set = self.of(place).set(&place.key, &**value, *expiry);
                Outcome::Existed(set.expect("a short key and value are stored"))
            }
            Op::SetWith(place, value, options) => {
                let set = self.of(place).set_with(&place.key, &**value, *options);
                let set = set.expect("a short key and value are stored");
                let old = set.old.map(Bytes::from);
                Outcome::Stored { stored: set.stored, existed: set.existed, old }
            }
            Op::Remove(place) => Outcome::Existed(self.of(place).remove(&place.key)),
            Op::Take(place) => Outcome::Value(self.of(place).take(&place.key).map(Bytes::from)),
            Op::Update(place, edit) => {
                let updated = self.of(place).update(&place.key, |found| {
                    (edit.change(found.map(|entry| entry.value)), owned(found))
                });
                Outcome::Value(updated.expect("a short key and value are stored"))
            }
            Op::Fill { database, first, count, tag } => {
                for number in *first..first + count {
                    let value = filled_value(number, *tag);
                    let place = filled(*database, number);
                    let set = self.of(&place).set(&place.key, &*value, Expiry::Never);
                    set.expect("a short key and value are stored");
                }
                Outcome::Done
            }
            Op::Drain { database, first, count } => {
                for number in *first..first + count {
                    let place = filled(*database, number);
                    self.of(&place).remove(&place.key);
                }
                Outcome::Done
            }
            Op::Clear(database) => {
                self.database(*database).clear();
                Outcome::Done
            }
            Op::ClearAll => {
                self.store.clear_all();
                Outcome::Done
            }
            Op::Swap(a, b) => {
                self.store.swap_databases(*a, *b).expect("both indices are in range");
                Outcome::Done
            }
            Op::Transaction(accesses, fails) => self.transaction(accesses, *fails),
            Op::Advance(ms) => {
                self.clock.advance(*ms);
                Outcome::Done
            }
        }
    }

    /// Reads in each way there is, which must agree.
    fn get(&self, place: &Place) -> Option<Bytes> {
        let value = self.of(place).get(&place.key).map(Bytes::from);
        let borrowed = self.of(place).with(&place.key, |entry| {
            assert_eq!(entry.key, &*place.key, "an entry under another key's name");
            Bytes::from(entry.value)
        });
        assert_eq!(value, borrowed, "get and with differ");
        assert_eq!(value.is_some(), self.of(place).contains_key(&place.key));
        value
    }

    fn get_many(&self, places: &[Place], atomic: bool) -> Vec<Option<Bytes>> {
        let Some(first) = places.first() else { return Vec::new() };
        let keys: Vec<&[u8]> = places.iter().map(|place| &*place.key).collect();
        if atomic {
            let values = self.of(first).get_many_atomic(&keys);
            return values.into_iter().map(|value| value.map(Bytes::from)).collect();
        }
        let mut values = Vec::new();
        self.of(first).get_many(&keys, |index, entry| {
            assert_eq!(index, values.len(), "a batch answers out of order");
            values.push(owned(entry));
        });
        values
    }

    fn transaction(&self, accesses: &[Access], fails: bool) -> Outcome {
        let done = self.store.transaction(|transaction| {
            let mut outcomes = Vec::with_capacity(accesses.len());
            for access in accesses {
                outcomes.push(match access {
                    Access::Get(place) => {
                        let found = transaction.get(place.database, &place.key)?;
                        Outcome::Entry(found.map(|(value, expiry)| (Bytes::from(value), expiry)))
                    }
                    Access::Set(place, value, expiry) => {
                        let value = Value::from(&**value);
                        transaction.set(place.database, &place.key, value, *expiry)?;
                        Outcome::Done
                    }
                    Access::Remove(place) => {
                        Outcome::Existed(transaction.remove(place.database, &place.key)?)
                    }
                });
            }
            if fails { Err(Failure::OnPurpose) } else { Ok(outcomes) }
        });
        match done {
            Ok(outcomes) => Outcome::Committed(outcomes),
            Err(Failure::OnPurpose) => Outcome::RolledBack,
            Err(Failure::Engine(error)) => panic!("a transaction failed: {error}"),
        }
    }

    /// Everything a cut shows.
    ///
    /// # Panics
    ///
    /// If the keys do not come in ascending (database, hash, key) order.
    pub fn contents(&self, snapshot: &Snapshot) -> Contents {
        self.collect(snapshot.iter())
    }

    /// Everything the walks show together.
    ///
    /// # Panics
    ///
    /// If a key comes out of two walks, or out of one in another than ascending order.
    pub fn drain(&self, walks: Vec<Walk>) -> Contents {
        let mut contents = Contents::new();
        for walk in walks {
            for (place, item) in self.collect(walk) {
                let twice = contents.insert(place.clone(), item);
                assert!(twice.is_none(), "{place:?} came out of two walks");
            }
        }
        contents
    }

    fn collect(&self, entries: impl Iterator<Item = SnapshotEntry>) -> Contents {
        let mut contents = Contents::new();
        let mut last = None;
        for entry in entries {
            let hash = xxh3_64_with_seed(&entry.key, self.hash_seed);
            let position = Some((entry.database, hash, Bytes::from(entry.key.clone())));
            assert!(last < position, "a cut emits {position:?} after {last:?}");
            last = position;
            let place = Place { database: entry.database, key: entry.key.into() };
            contents.insert(place, Item { value: entry.value.into(), expiry: entry.expiry });
        }
        contents
    }
}
