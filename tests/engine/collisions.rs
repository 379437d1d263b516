//! Keys whose 64-bit hashes are all equal, as an attacker who knows the seed would send them.

use std::collections::HashSet;

use exuvia::{Expiry, Options, Store};
use exuvia_tests::chaos::Stage;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::fixture::{assert_no_history, find, find_at, numbers, put};

const SEED: u64 = 42;
const KEYS: u64 = 2_000;

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

fn open() -> (Store, exuvia::Database) {
    let options = Options::in_memory().shards(1).hash_seed(SEED).maintenance(false);
    let store = Store::open(options).unwrap();
    let database = store.database(0).unwrap();
    (store, database)
}

#[test]
fn the_keys_of_these_tests_collide() {
    let hash = |number| xxh3_64_with_seed(&colliding(number), SEED);
    assert!((1..KEYS).all(|number| hash(number) == hash(0)));
}

#[test]
fn keys_of_one_hash_are_told_apart_in_the_table_and_in_cuts() {
    let _stage = Stage::enter();
    let (store, database) = open();
    for number in 0..KEYS {
        assert!(!database.contains_key(&colliding(number)));
        put(&database, &colliding(number), number);
    }
    // Neighbours of other hashes must not suffer.
    for number in 0..1_000_u64 {
        put(&database, &number.to_be_bytes(), number);
    }
    let cut = store.snapshot().unwrap();
    for number in (0..KEYS).step_by(2) {
        assert!(database.remove(&colliding(number)));
    }
    for number in 0..KEYS {
        let expected = (number % 2 == 1).then_some(number);
        assert_eq!(find(&database, &colliding(number)), expected);
    }
    assert_eq!(find_at(&cut, &colliding(6)), Some(6));
    assert_eq!(numbers(&cut).len() as u64, KEYS + 1_000);
    let keys: Vec<_> = cut.iter().map(|entry| entry.key.to_vec()).collect();
    let run: Vec<_> = keys.iter().filter(|key| key.len() == 32).collect();
    assert!(run.is_sorted(), "keys of one hash are out of order");
    drop(cut);
    assert_no_history(&store);
    assert_eq!(database.len(), KEYS / 2 + 1_000);
}

#[test]
fn a_scan_over_keys_of_one_hash_ends_and_visits_each() {
    let _stage = Stage::enter();
    let (_store, database) = open();
    for number in 0..KEYS {
        put(&database, &colliding(number), number);
    }
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
    assert_eq!(visited.len() as u64, KEYS);
}

#[test]
fn removed_keys_of_one_hash_make_room_for_others() {
    let _stage = Stage::enter();
    let (store, database) = open();
    for round in 0..20 {
        for number in 0..300 {
            let key = colliding(round * 1_000 + number);
            database.set(&key, b"value", Expiry::Never).unwrap();
        }
        for number in 0..300 {
            assert!(database.remove(&colliding(round * 1_000 + number)));
        }
    }
    store.maintain();
    assert_eq!(database.len(), 0);
    let bytes = store.stats().table_bytes;
    assert!(bytes < 1 << 20, "{bytes} bytes of segments for no key");
}
