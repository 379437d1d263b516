//! What is refused, and that nothing happens then.

use exuvia::{Error, Expiry, KEY_BYTES_MAX, Store};

use exuvia_tests::fixture::{assert_no_history, find, find_at, open, put};

#[test]
fn a_store_refuses_more_snapshots_than_it_has_places_for() {
    let (store, database) = open(1);
    let mut cuts = Vec::new();
    let refused = loop {
        put(&database, b"key", cuts.len() as u64);
        match store.snapshot() {
            Ok(cut) => cuts.push(cut),
            Err(error) => break error,
        }
        assert!(cuts.len() < 10_000, "there is no limit");
    };
    assert!(matches!(refused, Error::TooManySnapshots { open } if open == cuts.len()));
    assert!(refused.is_retryable());
    for (number, cut) in cuts.iter().enumerate() {
        assert_eq!(find_at(cut, b"key"), Some(number as u64), "cut {number}");
    }
    // A place is free again as soon as a snapshot is gone, in whatever order they go.
    cuts.swap_remove(cuts.len() / 2);
    store.maintain();
    cuts.push(store.snapshot().unwrap());
    assert!(store.snapshot().is_err());
    drop(cuts);
    assert_no_history(&store);
    assert_eq!(store.stats().snapshots_open, 0);
}

#[test]
fn a_key_that_is_too_long_is_refused_and_absent() {
    let (_store, database) = open(1);
    let too_long = vec![b'k'; KEY_BYTES_MAX + 1];
    let refused = database.set(&too_long, b"value", Expiry::Never);
    assert!(matches!(refused, Err(Error::KeyTooLong { bytes_max: KEY_BYTES_MAX, .. })));
    assert_eq!(database.get(&too_long), None);
    assert!(!database.remove(&too_long));
    assert_eq!(database.len(), 0);
    // Beyond the length that fits sixteen bits a key is as good as any other.
    for bytes in [65_535, 65_536, 1 << 20] {
        let long = &too_long[..bytes];
        put(&database, long, bytes as u64);
        assert_eq!(find(&database, long), Some(bytes as u64));
        assert_eq!(find(&database, &long[1..]), None);
        assert!(database.remove(long));
    }
}

#[test]
fn a_database_out_of_range_is_refused_by_its_number() {
    let store = Store::in_memory();
    let refused = store.database(store.databases());
    assert!(matches!(refused, Err(Error::NoSuchDatabase { index: 16, databases: 16 })));
    assert!(store.swap_databases(0, 16).is_err());
    assert_eq!(store.snapshot().unwrap().get(16, b"key"), None);
}
