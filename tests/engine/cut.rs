//! What a cut is, without concurrency.

use std::collections::BTreeSet;

use exuvia::{Expiry, Options, Store};

use exuvia_tests::fixture::{assert_no_history, find_at, numbers, open, put};

#[test]
fn a_cut_ignores_writes_after_it() {
    let (store, database) = open(1);
    put(&database, b"kept", 1);
    put(&database, b"overwritten", 2);
    put(&database, b"removed", 3);
    let cut = store.snapshot().unwrap();
    put(&database, b"overwritten", 20);
    put(&database, b"added", 4);
    database.remove(b"removed");
    assert_eq!(find_at(&cut, b"kept"), Some(1));
    assert_eq!(find_at(&cut, b"overwritten"), Some(2));
    assert_eq!(find_at(&cut, b"removed"), Some(3));
    assert_eq!(find_at(&cut, b"added"), None);
    let expected = [(b"kept".to_vec(), 1), (b"overwritten".to_vec(), 2), (b"removed".to_vec(), 3)];
    assert_eq!(numbers(&cut), expected.into());
}

#[test]
fn a_cut_keeps_showing_keys_that_were_removed_and_compacted_away() {
    let (store, database) = open(1);
    for key in 0..5_000_u64 {
        put(&database, &key.to_be_bytes(), key);
    }
    let cut = store.snapshot().unwrap();
    for key in 0..5_000_u64 {
        database.remove(&key.to_be_bytes());
    }
    for key in 5_000..10_000_u64 {
        put(&database, &key.to_be_bytes(), key);
    }
    store.maintain();
    let expected = (0..5_000_u64).map(|key| (key.to_be_bytes().to_vec(), key)).collect();
    assert_eq!(numbers(&cut), expected);
    drop(cut);
    assert_no_history(&store);
}

#[test]
fn a_cut_outlives_every_handle_of_its_store() {
    let (store, database) = open(4);
    put(&database, b"key", 1);
    let cut = store.snapshot().unwrap();
    drop((store, database));
    assert_eq!(find_at(&cut, b"key"), Some(1));
    assert_eq!(numbers(&cut), [(b"key".to_vec(), 1)].into());
    assert_eq!(cut.into_walks(2).into_iter().flatten().count(), 1);
}

#[test]
fn walks_cover_every_key_of_every_database_once() {
    let store = Store::open(Options::in_memory().databases(3).shards(4)).unwrap();
    for index in 0..3 {
        let database = store.database(index).unwrap();
        for key in 0..3_000_u64 {
            put(&database, &key.to_be_bytes(), key);
        }
    }
    for walks in [1, 2, 8, 64] {
        let mut entries: Vec<_> = store
            .snapshot()
            .unwrap()
            .into_walks(walks)
            .into_iter()
            .flatten()
            .map(|entry| (entry.database, entry.key.to_vec()))
            .collect();
        entries.sort();
        let keys = |index: u16| (0..3_000_u64).map(move |key| (index, key.to_be_bytes().to_vec()));
        let expected: Vec<_> = (0..3).flat_map(keys).collect();
        assert!(entries == expected, "{walks} walks show {} entries", entries.len());
    }
}

#[test]
fn an_empty_store_has_empty_cuts() {
    let store = Store::in_memory();
    let cut = store.snapshot().unwrap();
    assert_eq!(cut.iter().count(), 0);
    assert_eq!(cut.get(0, b"key"), None);
    assert_eq!(cut.into_walks(4).into_iter().flatten().count(), 0);
}

#[test]
fn iterated_entries_are_as_many_as_the_database_is_long() {
    let (store, database) = open(2);
    for key in 0..20_000_u64 {
        put(&database, &(key % 15_000).to_be_bytes(), key);
        if key % 3 == 0 {
            database.remove(&(key / 2).to_be_bytes());
        }
    }
    let cut = store.snapshot().unwrap();
    assert_eq!(cut.iter().count() as u64, database.len());
    let figures = database.stats();
    assert_eq!(figures.keys, database.len());
    assert_eq!(figures.data_bytes, 16 * database.len());
}

#[test]
fn values_of_every_size_come_back_whole_from_the_table_and_from_cuts() {
    let (store, database) = open(1);
    // Around every boundary there may be: size classes, the out-of-line limit, lengths of 16 bits.
    let around = |power: u32| (1_usize << power) - 1..=(1 << power) + 1;
    let sizes: BTreeSet<usize> = (0..18).flat_map(around).collect();
    let value = |size: usize| (0..size).map(|byte| (byte % 251) as u8).collect::<Vec<_>>();
    for &size in &sizes {
        let key = format!("{size}");
        database.set(key.as_bytes(), value(size), Expiry::Never).unwrap();
    }
    let cut = store.snapshot().unwrap();
    for &size in &sizes {
        let key = format!("{size}");
        assert_eq!(&*database.get(key.as_bytes()).unwrap(), value(size), "{size} bytes");
        database.set(key.as_bytes(), value(size + 1), Expiry::At(u64::MAX)).unwrap();
        assert_eq!(&*cut.get(0, key.as_bytes()).unwrap(), value(size), "{size} bytes of a cut");
    }
    for entry in cut.iter() {
        let size = std::str::from_utf8(&entry.key).unwrap().parse().unwrap();
        assert_eq!(&*entry.value, value(size), "{size} bytes iterated");
    }
}
