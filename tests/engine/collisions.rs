//! Keys whose 64-bit hashes are all equal, as an attacker who knows the seed would send them.

use std::collections::{BTreeSet, HashSet};
use std::sync::mpsc;
use std::thread;

use exuvia::{Database, Error, Expiry, Options, Store};
use exuvia_tests::fixture::{PATIENCE, assert_no_history, find, find_at, numbers, open_with, put};
use xxhash_rust::xxh3::xxh3_64_with_seed;

const SEED: u64 = 42;
/// More keys of one hash than fit by far.
const KEYS: u64 = 2_000;
/// Nobody who does not look for collisions meets this many.
const FITTING_MIN: usize = 16;

/// A key of 32 bytes whose hash does not depend on `number`.
///
/// XXH3 multiplies two words of such a key, each mixed with a constant of its secret and the
/// seed; where the first word makes its factor zero, the second is lost.
fn colliding(number: u64) -> [u8; 32] {
    let factor_zero = 0xbe4b_a423_396c_feb8_u64.wrapping_add(SEED);
    let mut key = [0; 32];
    key[..8].copy_from_slice(&factor_zero.to_le_bytes());
    key[8..16].copy_from_slice(&number.to_le_bytes());
    key
}

fn open() -> (Store, Database) {
    open_with(Options::in_memory().shards(1).hash_seed(SEED).maintenance(false))
}

/// Stores keys of one hash until they are refused; returns those that were not.
fn fill(database: &Database, first: u64) -> Vec<u64> {
    let stored = (first..first + KEYS).filter(|&number| {
        match database.set(&colliding(number), &number.to_le_bytes(), Expiry::Never) {
            Ok(existed) => !existed,
            Err(Error::HashCollisions) => false,
            Err(error) => panic!("refused for another reason: {error}"),
        }
    });
    stored.collect()
}

#[test]
fn the_keys_of_these_tests_collide() {
    let hash = |number| xxh3_64_with_seed(&colliding(number), SEED);
    assert!((1..KEYS).all(|number| hash(number) == hash(0)));
}

#[test]
fn keys_of_one_hash_are_told_apart_in_the_table_and_in_cuts() {
    let (store, database) = open();
    let stored = fill(&database, 0);
    assert!(stored.len() >= FITTING_MIN, "only {stored:?} fit");
    for number in 0..KEYS {
        let expected = stored.contains(&number).then_some(number);
        assert_eq!(find(&database, &colliding(number)), expected);
    }
    // What is there can be overwritten and removed, also while a cut keeps it.
    let cut = store.snapshot().unwrap();
    let (overwritten, removed) = (stored[1], stored[2]);
    put(&database, &colliding(overwritten), KEYS);
    assert!(database.remove(&colliding(removed)));
    assert_eq!(find(&database, &colliding(overwritten)), Some(KEYS));
    assert_eq!(find(&database, &colliding(removed)), None);
    assert_eq!(find_at(&cut, &colliding(overwritten)), Some(overwritten));
    assert_eq!(numbers(&cut).len(), stored.len());
    let keys: Vec<_> = cut.iter().map(|entry| entry.key.to_vec()).collect();
    assert!(keys.is_sorted(), "keys of one hash are out of order");
    drop(cut);
    assert_no_history(&store);
    assert_eq!(database.len(), stored.len() as u64 - 1);
}

#[test]
fn keys_of_one_hash_harm_neither_other_keys_nor_memory() {
    let (store, database) = open();
    let stored = fill(&database, 0);
    for number in 0..5_000_u64 {
        put(&database, &number.to_be_bytes(), number);
    }
    assert!((0..5_000).all(|number: u64| find(&database, &number.to_be_bytes()) == Some(number)));
    assert_eq!(database.len(), 5_000 + stored.len() as u64);
    let bytes = store.stats().table_bytes;
    assert!(bytes < 4 << 20, "{bytes} bytes of segments and directories");
}

#[test]
fn a_scan_over_keys_of_one_hash_ends_and_visits_each() {
    let (_store, database) = open();
    let stored = fill(&database, 0);
    let mut visited = HashSet::new();
    let mut cursor = 0;
    for call in 0.. {
        assert!(call < 10 * KEYS, "the scan does not end");
        cursor = database.scan(cursor, 10, |entry| {
            visited.insert(entry.key.to_vec());
        });
        if cursor == 0 {
            break;
        }
    }
    assert_eq!(visited, stored.iter().map(|&number| colliding(number).to_vec()).collect());
}

#[test]
fn removed_keys_of_one_hash_make_room_for_others() {
    let (store, database) = open();
    let mut rounds = BTreeSet::new();
    for round in 0..20 {
        let stored = fill(&database, round * KEYS);
        for &number in &stored {
            assert!(database.remove(&colliding(number)));
        }
        rounds.insert(stored.len());
        assert_eq!(database.len(), 0);
    }
    assert!(rounds.first() >= Some(&FITTING_MIN), "room is lost: {rounds:?} keys fit");
    store.maintain();
    let bytes = store.stats().table_bytes;
    assert!(bytes < 4 << 20, "{bytes} bytes of segments for no key");
}

/// Two nearly empty segments are merged, unless one run would have to take more than it can.
#[test]
fn maintenance_ends_though_neighbours_do_not_fit_one_segment() {
    let (store, database) = open();
    for number in 0..3_000_u64 {
        put(&database, &number.to_be_bytes(), number);
    }
    let stored = fill(&database, 0);
    // Keys elsewhere in the order of hashes that begin their search in the same place.
    let home = |key: &[u8]| xxh3_64_with_seed(key, SEED) as u16;
    let neighbours: Vec<u64> = (1_000_000_u64..)
        .filter(|number| home(&number.to_be_bytes()) == home(&colliding(0)))
        .take(12)
        .collect();
    for &number in &neighbours {
        put(&database, &number.to_be_bytes(), number);
    }
    for number in 0..3_000_u64 {
        assert!(database.remove(&number.to_be_bytes()));
    }
    let (done, ended) = mpsc::channel();
    let maintained = store.clone();
    // Not joined: if it does not end, the test must.
    thread::spawn(move || {
        maintained.maintain();
        let _ = done.send(());
    });
    assert!(ended.recv_timeout(PATIENCE).is_ok(), "maintenance does not end");
    for (key, number) in stored
        .iter()
        .map(|&number| (colliding(number).to_vec(), number))
        .chain(neighbours.iter().map(|&number| (number.to_be_bytes().to_vec(), number)))
    {
        assert_eq!(find(&database, &key), Some(number));
    }
}
