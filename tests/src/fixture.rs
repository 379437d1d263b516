//! Stores and numbers that the tests share.

use std::collections::HashMap;
use std::time::Duration;

use crate::deadline::eventually;
use exuvia::{Database, Expiry, Options, Snapshot, Store};

/// How long something may take that takes no time on a machine with nothing else to do.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A store without a maintenance thread, and its first database.
///
/// Few shards make its segments split all the time.
///
/// # Panics
///
/// If the engine refuses these options.
pub fn open(shards: u32) -> (Store, Database) {
    open_with(Options::in_memory().shards(shards).maintenance(false))
}

/// A store and its first database.
///
/// # Panics
///
/// If the engine refuses the options.
pub fn open_with(options: Options) -> (Store, Database) {
    let store = Store::open(options).expect("a store opens in memory");
    let database = store.database(0).expect("there is a first database");
    (store, database)
}

/// Stores a number.
///
/// # Panics
///
/// If the engine refuses it.
pub fn put(database: &Database, key: &[u8], number: u64) {
    let set = database.set(key, number.to_le_bytes().as_slice(), Expiry::Never);
    set.expect("a short key and value are stored");
}

/// Reads a number.
///
/// # Panics
///
/// If it is not eight bytes long.
pub fn number(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes.try_into().expect("a value of eight bytes"))
}

/// Reads the number under a key.
pub fn find(database: &Database, key: &[u8]) -> Option<u64> {
    database.with(key, |entry| number(entry.value))
}

/// Reads the number under a key of the first database as of a cut.
pub fn find_at(cut: &Snapshot, key: &[u8]) -> Option<u64> {
    cut.get(0, key).map(|value| number(&value))
}

/// Every number of the first database as of a cut.
///
/// # Panics
///
/// If a key comes twice.
pub fn numbers(cut: &Snapshot) -> HashMap<Vec<u8>, u64> {
    let mut numbers = HashMap::new();
    for entry in cut.iter().filter(|entry| entry.database == 0) {
        let twice = numbers.insert(entry.key.to_vec(), number(&entry.value));
        assert_eq!(twice, None, "{:?} was emitted twice", entry.key);
    }
    numbers
}

/// Asserts that no history stays behind once no cut is open.
///
/// # Panics
///
/// If some does.
pub fn assert_no_history(store: &Store) {
    let gone = eventually(PATIENCE, || {
        store.maintain();
        let stats = store.stats();
        stats.superseded_entries == 0 && stats.superseded_bytes == 0
    });
    assert!(gone, "history is left without a cut that needs it: {:?}", store.stats());
}
