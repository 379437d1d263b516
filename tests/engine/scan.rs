//! Scans and random keys.

use std::collections::HashSet;
use std::thread;

use exuvia::Options;
use exuvia_tests::chaos::Stage;
use exuvia_tests::deadline::Deadline;
use exuvia_tests::seed::Seed;

use exuvia_tests::fixture::{number, open, open_with, put};

const STAYING: u64 = 3_000;

#[test]
fn a_scan_visits_every_key_that_is_there_all_along() {
    let seed = Seed::draw("scan");
    let stage = Stage::enter();
    stage.unleash(seed);
    let (_store, database) = open(2);
    for key in 0..STAYING {
        put(&database, &key.to_be_bytes(), key);
    }
    let deadline = Deadline::of_stress();
    thread::scope(|scope| {
        let database = &database;
        for thread in 1..3_u64 {
            scope.spawn(move || {
                // Keys come in crowds and go again, so that segments split and are compacted.
                while !deadline.passed() {
                    for key in thread * 1_000_000..thread * 1_000_000 + 5_000 {
                        put(database, &key.to_be_bytes(), key);
                    }
                    for key in thread * 1_000_000..thread * 1_000_000 + 5_000 {
                        database.remove(&key.to_be_bytes());
                    }
                }
            });
        }
        let mut rng = seed.rng(0);
        while !deadline.passed() {
            let mut visited = HashSet::new();
            let mut cursor = 0;
            let count = rng.usize(1..500);
            loop {
                cursor = database.scan(cursor, count, |entry| {
                    let key = u64::from_be_bytes(entry.key.try_into().unwrap());
                    assert_eq!(number(entry.value), key);
                    visited.insert(key);
                });
                if cursor == 0 {
                    break;
                }
            }
            let missed = (0..STAYING).filter(|key| !visited.contains(key)).count();
            assert_eq!(missed, 0, "a scan by {count} missed keys");
        }
    });
}

#[test]
fn a_scan_asks_for_about_as_many_entries_as_it_is_told() {
    let (_store, database) = open(4);
    for key in 0..20_000_u64 {
        put(&database, &key.to_be_bytes(), key);
    }
    let mut visited = 0;
    let next = database.scan(0, 10, |_| visited += 1);
    assert_ne!(next, 0, "a scan of ten reached the end of twenty thousand");
    assert!((1..=1_024).contains(&visited), "a scan of ten visited {visited}");
}

#[test]
fn a_random_key_is_one_of_the_keys_and_each_is_drawn_some_time() {
    // How likely a key is depends on its hash, hence the fixed seed.
    let (_store, database) = open_with(Options::in_memory().shards(4).hash_seed(1));
    assert_eq!(database.random_key(), None);
    for key in 0..50_u64 {
        put(&database, &key.to_be_bytes(), key);
    }
    let mut drawn = HashSet::new();
    for _ in 0..100_000 {
        let key = database.random_key().expect("fifty keys are there");
        drawn.insert(u64::from_be_bytes(key.as_ref().try_into().unwrap()));
        if drawn.len() == 50 {
            break;
        }
    }
    assert!(drawn.iter().all(|&key| key < 50));
    assert_eq!(drawn.len(), 50, "some keys are never drawn");
}
