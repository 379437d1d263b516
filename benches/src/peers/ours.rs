//! The engine's table.

use exuvia::{Database, Expiry, Options, Store};

use super::{BATCH, SEED, Table};
use crate::workload::number;

/// One database of a store in memory.
#[derive(Debug)]
pub struct Exuvia {
    store: Store,
    database: Database,
}

impl Exuvia {
    fn open(options: Options) -> Self {
        let options = options.databases(1).hash_seed(SEED.0);
        let store = Store::open(options).expect("a store in memory opens");
        let database = store.database(0).expect("the first database is there");
        Self { store, database }
    }

    /// The store, to take cuts of.
    pub fn store(&self) -> &Store {
        &self.store
    }
}

impl Table for Exuvia {
    const NAME: &'static str = "exuvia";

    fn new() -> Self {
        Self::open(Options::in_memory())
    }

    fn short_lived() -> Self {
        // The store's thread would free it while the next one is measured.
        Self::open(Options::in_memory().maintenance(false))
    }

    #[inline]
    fn insert(&self, key: &[u8], value: &[u8]) {
        self.database.set(key, value, Expiry::Never).expect("the key and the value are short");
    }

    #[inline]
    fn get(&self, key: &[u8]) -> Option<u64> {
        self.database.with(key, |entry| number(entry.value))
    }

    #[inline]
    fn sum(&self, keys: &[&[u8]; BATCH]) -> u64 {
        let mut sum = 0;
        self.database.get_many(keys, |_, entry| sum += entry.map_or(0, |it| number(it.value)));
        sum
    }

    fn len(&self) -> usize {
        self.database.len() as usize
    }
}
