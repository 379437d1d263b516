//! Whole databases: clearing and swapping are one step to every reader and every cut.

use std::thread;

use exuvia::{Expiry, Options, Snapshot, Store};
use exuvia_tests::chaos::Stage;
use exuvia_tests::deadline::Deadline;
use exuvia_tests::seed::Seed;

use exuvia_tests::fixture::{assert_no_history, number, put};

const KEYS: u64 = 1_200;

fn open(databases: u16) -> Store {
    let options = Options::in_memory().databases(databases).shards(2).maintenance(false);
    Store::open(options).unwrap()
}

/// Every (key, value) of a database as of a cut, in order of keys.
fn shown(cut: &Snapshot, database: u16) -> Vec<(u64, u64)> {
    let of_database = cut.iter().filter(|entry| entry.database == database);
    let mut shown: Vec<_> = of_database
        .map(|entry| (u64::from_be_bytes((*entry.key).try_into().unwrap()), number(&entry.value)))
        .collect();
    shown.sort_unstable();
    shown
}

/// Keys are filled in ascending order, so what is there is always the first keys of one round.
fn assert_one_round(shown: &[(u64, u64)]) {
    let keys = shown.iter().map(|entry| entry.0);
    assert!(keys.eq(0..shown.len() as u64), "there are gaps among {} keys", shown.len());
    let round = shown.first().map(|entry| entry.1);
    assert!(shown.iter().all(|entry| Some(entry.1) == round), "two rounds are mixed");
}

#[test]
fn a_cut_sees_a_clear_whole_or_not_at_all() {
    let seed = Seed::draw("clear");
    let stage = Stage::enter();
    stage.unleash(seed);
    let store = open(2);
    let deadline = Deadline::of_stress();
    thread::scope(|scope| {
        let store = &store;
        for index in 0..2 {
            let database = store.database(index).unwrap();
            scope.spawn(move || {
                for round in 1.. {
                    for key in 0..KEYS {
                        put(&database, &key.to_be_bytes(), round);
                    }
                    database.clear();
                    assert_eq!(database.len(), 0, "a cleared database is not empty");
                    assert!(!database.contains_key(&0_u64.to_be_bytes()));
                    if deadline.passed() {
                        break;
                    }
                }
            });
        }
        while !deadline.passed() {
            let cut = store.snapshot().unwrap();
            for database in 0..2 {
                let first = shown(&cut, database);
                assert_one_round(&first);
                assert_eq!(shown(&cut, database), first, "a cut changed");
                let found = cut.get(database, &0_u64.to_be_bytes()).is_some();
                assert_eq!(found, !first.is_empty(), "get and iter of one cut differ");
            }
            store.maintain();
        }
    });
    assert_no_history(&store);
}

#[test]
fn a_cut_sees_all_databases_cleared_at_once() {
    let seed = Seed::draw("clear all");
    let stage = Stage::enter();
    stage.unleash(seed);
    let store = open(3);
    let deadline = Deadline::of_stress();
    thread::scope(|scope| {
        let store = &store;
        scope.spawn(move || {
            for round in 1.. {
                for key in 0..KEYS {
                    for index in 0..3 {
                        put(&store.database(index).unwrap(), &key.to_be_bytes(), round);
                    }
                }
                store.clear_all();
                if deadline.passed() {
                    break;
                }
            }
        });
        while !deadline.passed() {
            let cut = store.snapshot().unwrap();
            let shown: Vec<_> = (0..3).map(|database| shown(&cut, database)).collect();
            for shown in &shown {
                assert_one_round(shown);
            }
            let lengths: Vec<_> = shown.iter().map(Vec::len).collect();
            // Filled in turn, the later database is at most one key behind the earlier.
            assert!(lengths.is_sorted_by(|a, b| a >= b) && lengths[0] - lengths[2] <= 1);
            let firsts: Vec<_> = shown.iter().filter_map(|shown| shown.first()).collect();
            assert!(firsts.iter().all(|first| first.1 == firsts[0].1), "{firsts:?}");
            store.maintain();
        }
    });
    assert_no_history(&store);
}

#[test]
fn a_cut_sees_a_swap_whole_and_never_a_key_twice_or_nowhere() {
    let seed = Seed::draw("swap");
    let stage = Stage::enter();
    stage.unleash(seed);
    let store = open(2);
    let databases = [0, 1].map(|index| store.database(index).unwrap());
    for (database, owner) in databases.iter().zip(1..) {
        for key in 0..KEYS {
            put(database, &key.to_be_bytes(), owner);
        }
    }
    let deadline = Deadline::of_stress();
    thread::scope(|scope| {
        let (store, databases) = (&store, &databases);
        scope.spawn(move || {
            while !deadline.passed() {
                store.swap_databases(0, 1).unwrap();
                store.maintain();
            }
        });
        scope.spawn(move || {
            // Writes that change nothing, into whichever contents a handle has at the time.
            while !deadline.passed() {
                for database in databases {
                    let key = 5_u64.to_be_bytes();
                    let keep = |found: Option<exuvia::EntryRef<'_>>| {
                        let value = found.expect("the key is in both").value.into();
                        (exuvia::Change::Set(value, exuvia::ExpiryChange::Keep), ())
                    };
                    database.update(&key, keep).unwrap();
                }
            }
        });
        while !deadline.passed() {
            let cut = store.snapshot().unwrap();
            let owners: Vec<_> = (0..2)
                .map(|database| {
                    let shown = shown(&cut, database);
                    assert_eq!(shown.len() as u64, KEYS);
                    assert_one_round(&shown);
                    shown[0].1
                })
                .collect();
            assert_eq!(owners[0] + owners[1], 3, "{owners:?}");
        }
    });
    assert_no_history(&store);
}

#[test]
fn a_handle_follows_its_index_through_clears_and_swaps() {
    let store = open(2);
    let [first, second] = [0, 1].map(|index| store.database(index).unwrap());
    put(&first, b"key", 1);
    store.swap_databases(0, 1).unwrap();
    assert!(!first.contains_key(b"key") && second.contains_key(b"key"));
    store.swap_databases(1, 1).unwrap();
    assert_eq!((first.len(), second.len()), (0, 1));
    let cut = store.snapshot().unwrap();
    second.clear();
    second.set(b"key", b"again", Expiry::Never).unwrap();
    assert_eq!(cut.get(1, b"key").map(|value| number(&value)), Some(1));
    assert_eq!(cut.get(0, b"key"), None);
    drop(cut);
    assert_no_history(&store);
}

/// A write takes effect in the contents that its database has then, not in those that it found
/// when it began: whoever looked at the other database in between is not contradicted.
#[test]
fn an_update_that_outlasts_a_swap_writes_where_its_handle_points_by_then() {
    let store = open(2);
    let [first, second] = [0, 1].map(|index| store.database(index).unwrap());
    put(&first, b"other", 1);
    put(&second, b"other", 2);
    let mut calls = 0;
    let set = |_: Option<exuvia::EntryRef<'_>>| {
        calls += 1;
        if calls == 1 {
            store.swap_databases(0, 1).unwrap();
            assert!(!second.contains_key(b"key"));
        }
        (exuvia::Change::Set(b"value".into(), exuvia::ExpiryChange::Keep), ())
    };
    first.update(b"key", set).unwrap();
    assert!(!second.contains_key(b"key"), "written to database 0, seen to come to 1");
    assert!(first.contains_key(b"key"), "an update got lost");
    assert_eq!(calls, 2, "the closure's answer belongs to the other database's contents");
}
