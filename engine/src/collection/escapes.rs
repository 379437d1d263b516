//! What closures of updates may do with the collection that they are given, which borrows from the
//! one that is stored.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::thread;

use super::kind::sealed::Sealed;
use super::{Hash, SortedSet};
use crate::{Database, Error, Expiry, Options, Store};

const FIELDS: u64 = if cfg!(miri) { 40 } else { 200 };
const KEY: &[u8] = b"key";
const OTHER: &[u8] = b"other";

fn field(number: u64) -> [u8; 8] {
    number.to_be_bytes()
}

/// Gives a field another value of the same length, so that a leaf takes the place of another.
fn put(hash: &mut Hash, number: u64, value: u64) {
    hash.insert(field(number), value.to_le_bytes());
}

/// Whether it has all fields, whose values are their numbers but for those that were `put`.
fn is_as(hash: &Hash, put: &[(u64, u64)]) -> bool {
    let value = |number| put.iter().rfind(|(at, _)| *at == number).map_or(number, |(_, it)| *it);
    hash.len() == FIELDS
        && (0..FIELDS).all(|at| hash.get(&field(at)) == Some(&value(at).to_le_bytes()[..]))
}

fn fresh() -> Hash {
    (0..FIELDS).map(|number| (field(number), number.to_le_bytes())).collect()
}

/// A store with two keys.
fn open() -> (Store, Database) {
    let store = Store::open(Options::in_memory().shards(1).databases(1)).unwrap();
    let database = store.database(0).unwrap();
    // The first version is as it was made, and was cloned on its way into the store.
    for key in [KEY, OTHER] {
        database.set_item(key, fresh(), Expiry::Never).unwrap();
        change(&database, key, (0, 0));
        change(&database, key, (0, 1));
        change(&database, key, (0, 0));
    }
    (store, database)
}

fn change(database: &Database, key: &[u8], (number, value): (u64, u64)) {
    database
        .update_collection(key, |hash: &mut Hash| {
            put(hash, number, value);
            Ok::<_, Error>(())
        })
        .unwrap();
}

fn stored(database: &Database, key: &[u8]) -> Hash {
    database.collection(key).unwrap().unwrap()
}

/// What borrows from the version under a key, which stays: an update took it away and failed.
fn taken(database: &Database, key: &[u8], put: &[(u64, u64)]) -> Hash {
    let mut taken = Hash::new();
    let kept = database.update_collection(key, |hash: &mut Hash| {
        for &(number, value) in put {
            self::put(hash, number, value);
        }
        taken = std::mem::take(hash);
        Err::<(), _>(Error::WrongType)
    });
    assert!(matches!(kept, Err(Error::WrongType)));
    taken
}

/// Frees what is retired, as far as nobody is pinned.
fn reclaim(store: &Store) {
    for _ in 0..4 {
        store.maintain();
        crate::maintenance::collect_garbage();
    }
}

#[test]
fn a_clone_of_what_is_being_changed_stays_as_it_was() {
    let (store, database) = open();
    let (first, second) = database
        .update_collection(KEY, |hash: &mut Hash| {
            put(hash, 1, 500);
            let first = hash.clone();
            put(hash, 2, 501);
            let second = hash.clone();
            put(hash, 1, 502);
            Ok::<_, Error>((first, second))
        })
        .unwrap();
    for value in 0..20 {
        change(&database, KEY, (2, value));
    }
    reclaim(&store);
    assert!(is_as(&first, &[(1, 500)]));
    assert!(is_as(&second, &[(1, 500), (2, 501)]));
    assert!(is_as(&stored(&database, KEY), &[(1, 502), (2, 19)]));
}

#[test]
fn two_keys_may_swap_what_they_lend() {
    let (store, database) = open();
    database
        .update_collection(KEY, |one: &mut Hash| {
            put(one, 1, 500);
            database.update_collection(OTHER, |other: &mut Hash| {
                put(other, 2, 501);
                std::mem::swap(one, other);
                Ok::<_, Error>(())
            })
        })
        .unwrap();
    reclaim(&store);
    for key in [KEY, OTHER] {
        change(&database, key, (3, 502));
        change(&database, key, (4, 503));
    }
    reclaim(&store);
    assert!(is_as(&stored(&database, KEY), &[(2, 501), (3, 502), (4, 503)]));
    assert!(is_as(&stored(&database, OTHER), &[(1, 500), (3, 502), (4, 503)]));
}

#[test]
fn what_is_taken_away_outlives_the_key_and_the_store() {
    let (store, database) = open();
    let mut untouched = taken(&database, KEY, &[]);
    let mut kept = taken(&database, KEY, &[]);
    let mut changed = taken(&database, OTHER, &[(1, 500)]);
    change(&database, KEY, (1, 501));
    change(&database, OTHER, (1, 502));
    database.remove(KEY);
    reclaim(&store);
    put(&mut changed, 2, 503);
    put(&mut kept, 3, 504);
    drop((database, store));
    crate::maintenance::collect_garbage();
    put(&mut untouched, 4, 505);
    let clone = changed.clone();
    put(&mut changed, 1, 1);
    assert!(is_as(&clone, &[(1, 500), (2, 503)]));
    assert!(is_as(&changed, &[(2, 503)]));
    assert!(is_as(&kept, &[(3, 504)]));
    assert!(is_as(&untouched, &[(4, 505)]));
}

#[test]
fn another_thread_may_change_what_was_taken_while_the_key_goes_on() {
    let (store, database) = open();
    let (sender, receiver) = mpsc::channel::<Hash>();
    thread::scope(|scope| {
        scope.spawn(move || {
            for mut hash in receiver {
                put(&mut hash, 2, 501);
                let mut clone = hash.clone();
                put(&mut clone, 1, 1);
                put(&mut hash, 2, 2);
                assert!(is_as(&clone, &[(2, 501)]));
                assert!(is_as(&hash, &[(1, 500)]));
            }
        });
        for round in 0..if cfg!(miri) { 4 } else { 100 } {
            sender.send(taken(&database, KEY, &[(1, 500)])).unwrap();
            change(&database, KEY, (0, round));
            change(&database, KEY, (0, 0));
        }
        drop(sender);
    });
    reclaim(&store);
    assert!(is_as(&stored(&database, KEY), &[]));
}

#[test]
fn what_one_key_lent_may_be_stored_under_another_and_in_another_store() {
    let (store, database) = open();
    let (other_store, other_database) = open();
    let mut first = Some(taken(&database, KEY, &[(1, 500)]));
    other_database
        .update_collection(KEY, |hash: &mut Hash| {
            *hash = first.take().unwrap();
            put(hash, 2, 501);
            Ok::<_, Error>(())
        })
        .unwrap();
    let second = taken(&database, OTHER, &[(3, 502)]);
    database.set_item(KEY, second, Expiry::Never).unwrap();
    // Back to where it came from, in the place of what it borrows from.
    let mut third = Some(taken(&database, OTHER, &[(4, 503)]));
    database
        .update_collection(OTHER, |hash: &mut Hash| {
            *hash = third.take().unwrap();
            Ok::<_, Error>(())
        })
        .unwrap();
    let fourth = taken(&other_database, KEY, &[(5, 504)]);
    store
        .transaction(|transaction| transaction.set_item(0, b"third", fourth.clone(), Expiry::Never))
        .unwrap();
    drop(fourth);
    change(&other_database, KEY, (6, 505));
    reclaim(&other_store);
    assert!(is_as(&stored(&other_database, KEY), &[(1, 500), (2, 501), (6, 505)]));
    drop((other_database, other_store));
    for key in [KEY, OTHER, b"third"] {
        change(&database, key, (7, 506));
    }
    reclaim(&store);
    assert!(is_as(&stored(&database, KEY), &[(3, 502), (7, 506)]));
    assert!(is_as(&stored(&database, OTHER), &[(4, 503), (7, 506)]));
    assert!(is_as(&stored(&database, b"third"), &[(1, 500), (2, 501), (5, 504), (7, 506)]));
}

#[test]
fn an_update_that_loses_the_race_or_panics_leaves_no_trace() {
    let (store, database) = open();
    for round in 0..10 {
        let mut calls = 0;
        database
            .update_collection(KEY, |hash: &mut Hash| {
                put(hash, 1, round);
                calls += 1;
                if calls == 1 {
                    // Another one, meanwhile: the first is sealed, and then dropped.
                    change(&database, KEY, (2, round));
                }
                Ok::<_, Error>(())
            })
            .unwrap();
        assert_eq!(calls, 2);
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            database.update_collection(KEY, |hash: &mut Hash| {
                put(hash, 1, 500);
                if hash.len() == FIELDS {
                    std::panic::resume_unwind(Box::new("on purpose"));
                }
                Ok::<_, Error>(())
            })
        }));
        assert!(panicked.is_err());
    }
    reclaim(&store);
    assert!(is_as(&stored(&database, KEY), &[(1, 9), (2, 9)]));
}

#[test]
fn threads_may_clone_what_is_being_changed() {
    let (store, database) = open();
    let clones: Vec<Hash> = database
        .update_collection(KEY, |hash: &mut Hash| {
            put(hash, 1, 500);
            let shared = &*hash;
            let clone = || {
                let mut clone = shared.clone();
                put(&mut clone, 2, 501);
                clone
            };
            Ok::<_, Error>(thread::scope(|scope| {
                let threads: Vec<_> = (0..3).map(|_| scope.spawn(clone)).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            }))
        })
        .unwrap();
    change(&database, KEY, (1, 1));
    reclaim(&store);
    assert!(clones.iter().all(|clone| is_as(clone, &[(1, 500), (2, 501)])));
    assert!(is_as(&stored(&database, KEY), &[]));
}

#[test]
fn what_a_reader_looks_at_stays_though_it_is_replaced() {
    let (_store, database) = open();
    let clone = database
        .with_collection(KEY, |hash: &Hash| {
            for value in 0..20 {
                change(&database, KEY, (value % 3, value));
            }
            assert!(hash.try_clone().is_none(), "it has handed over");
            assert!(is_as(hash, &[]));
            hash.clone()
        })
        .unwrap()
        .unwrap();
    database.remove(KEY);
    assert!(is_as(&clone, &[]));
}

#[test]
fn both_trees_of_a_sorted_set_are_lent() {
    let (store, database) = open();
    let set: SortedSet = (0..FIELDS).map(|number| (field(number), number as f64)).collect();
    database.set_item(KEY, set, Expiry::Never).unwrap();
    let mut clones = Vec::new();
    for round in 0..40 {
        let clone = database
            .update_collection(KEY, |set: &mut SortedSet| {
                // Next to where it was, so that the order stays.
                set.insert(field(round), round as f64 + 0.5);
                Ok::<_, Error>((round % 4 == 0).then(|| set.clone()))
            })
            .unwrap();
        clones.extend(clone.map(|clone| (round, clone)));
        if round % 8 == 0 {
            reclaim(&store);
        }
    }
    database.remove(KEY);
    reclaim(&store);
    for (round, clone) in clones {
        for number in 0..FIELDS {
            let score = number as f64 + if number <= round { 0.5 } else { 0.0 };
            assert_eq!(clone.score(&field(number)), Some(score));
            assert_eq!(clone.rank(&field(number)), Some(number));
        }
    }
}
