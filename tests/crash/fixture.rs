//! A small store over a simulated disk, and what it should hold.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use exuvia::disk::sim::SimDisk;
use exuvia::{Compression, Error, Expiry, ManualClock, Options, Saved, Store};

/// Keys of each version of the data.
const KEYS: u32 = 60;

/// The two ways of naming: one replaces, one adds.
pub(crate) const TEMPLATES: [&str; 2] = ["dump", "dump-{timestamp}"];

/// Time of the first cut.
const START_UNIX_MS: u64 = 1_795_348_800_000;

/// Options of a store over `disk` that gives up at once where another would try again.
pub(crate) fn options(disk: &SimDisk, dbfilename: &str) -> Options {
    Options::with_storage(Arc::new(disk.clone()))
        .dbfilename(dbfilename)
        .clock(Arc::new(ManualClock::new(START_UNIX_MS)))
        .parts(2)
        .shards(4)
        .buffer_bytes(4 << 20)
        .compression(Compression::None)
        .load_patience(Duration::ZERO)
        .maintenance(false)
}

pub(crate) fn open(disk: &SimDisk, dbfilename: &str) -> Result<Store, Error> {
    Store::open(options(disk, dbfilename))
}

/// Sets every key to `version`; odd versions have a key more, so that removals show.
pub(crate) fn write(store: &Store, version: u32) {
    for key in 0..=KEYS {
        let name = format!("key{key}");
        if key < KEYS || version % 2 == 1 {
            store.set(name.as_bytes(), format!("{version}").as_bytes(), Expiry::Never).unwrap();
        } else {
            store.remove(name.as_bytes());
        }
    }
}

pub(crate) fn save(store: &Store) -> Result<Saved, Error> {
    store.save().and_then(exuvia::Save::wait)
}

/// The version that the store holds whole; zero if it is empty.
///
/// # Panics
///
/// If it holds anything else: a mixture, or part of a version.
pub(crate) fn version(store: &Store) -> u32 {
    let cut = store.snapshot().unwrap();
    let found: BTreeMap<Vec<u8>, u32> = cut
        .iter()
        .map(|entry| {
            let text = String::from_utf8(entry.value.to_vec()).unwrap();
            (entry.key.to_vec(), text.parse().unwrap())
        })
        .collect();
    let Some(&version) = found.values().next() else { return 0 };
    let keys = KEYS + version % 2;
    let expected: BTreeMap<Vec<u8>, u32> =
        (0..keys).map(|key| (format!("key{key}").into_bytes(), version)).collect();
    assert_eq!(found, expected, "not a whole version");
    version
}

/// Opens the store as the next process would and returns the version it finds.
pub(crate) fn recover(disk: &SimDisk, dbfilename: &str) -> u32 {
    version(&open(disk, dbfilename).unwrap())
}

/// A disk that holds the published version 1, and a store that holds version 2.
pub(crate) fn one_saved_two_written(seed: u64, dbfilename: &str) -> (SimDisk, Store) {
    let disk = SimDisk::new(seed);
    let store = open(&disk, dbfilename).unwrap();
    write(&store, 1);
    save(&store).unwrap();
    write(&store, 2);
    (disk, store)
}
