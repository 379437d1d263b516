//! What a cut holds of collections that are changed, and of ones that are removed, beside what is
//! counted.

use exuvia::{Change, CollectionType, Database, Error, Expiry, Hash, List, Set, SortedSet, Store};
use exuvia_tests::chaos::Stage;
use exuvia_tests::deadline::eventually;
use exuvia_tests::fixture::{PATIENCE, assert_no_history, open};
use exuvia_tests::heap::live;

const ELEMENTS: u64 = 50_000;
const KEY: &[u8] = b"large";

/// Bytes that are held for the cut, as the allocator sees it.
fn really_held(store: &Store, base: i64) -> i64 {
    live().bytes - base - store.stats().total.entry_bytes as i64
}

/// Whether the count is right within some percent, once garbage is gone.
fn check(store: &Store, base: i64, when: &str) {
    let counted = || store.stats().superseded_bytes as i64;
    let close = || (really_held(store, base) - counted()).abs() * 8 < counted() + 400_000;
    let right = eventually(PATIENCE, || {
        store.maintain();
        close()
    });
    let really = really_held(store, base);
    assert!(right, "{} bytes are counted, {really} are held {when}", counted());
}

fn update<C: CollectionType>(database: &Database, f: impl Fn(&mut C)) {
    let updated = database.update_collection(KEY, |collection: &mut C| {
        f(collection);
        Ok::<_, Error>(())
    });
    updated.unwrap();
}

/// Changes a collection under a cut a bit, a lot, and removes it.
fn hold<C: CollectionType>(
    collection: impl FnOnce() -> C,
    change: impl Fn(&Database, u64),
    all_changes: u64,
) {
    let _stage = Stage::enter();
    let (store, database) = open(1);
    database.set(KEY, b"".as_slice(), Expiry::Never).unwrap();
    store.maintain();
    let base = live().bytes - store.stats().total.entry_bytes as i64;
    database.set_item(KEY, collection().into(), Expiry::Never).unwrap();
    let whole = store.stats().total.entry_bytes as i64;
    let cut = store.snapshot().unwrap();
    assert_eq!(store.stats().superseded_bytes, 0);
    for number in 0..300 {
        change(&database, number * 7919 % ELEMENTS);
    }
    check(&store, base, "after some changes");
    assert!((store.stats().superseded_bytes as i64) < whole, "less than all is held");
    for number in 300..all_changes {
        change(&database, number * 7919 % ELEMENTS);
    }
    check(&store, base, "after many changes");
    database.update_entry(KEY, |_| (Change::Expire(Expiry::At(u64::MAX)), ())).unwrap();
    change(&database, 1);
    check(&store, base, "after a change of the expiry");
    assert!(database.remove(KEY));
    check(&store, base, "after the removal");
    assert!(store.stats().superseded_bytes as i64 > whole * 9 / 10, "all of it is held");
    assert_eq!(cut.iter().count(), 1);
    drop(cut);
    let gone = eventually(PATIENCE, || {
        store.maintain();
        really_held(&store, base) < 400_000
    });
    assert!(gone, "{} bytes are still held", really_held(&store, base));
    assert_eq!(store.stats().superseded_bytes, 0);
    assert_no_history(&store);
}

#[test]
fn what_a_cut_holds_of_a_hash_is_counted() {
    hold(
        || (0..ELEMENTS).map(|number| (number.to_be_bytes(), "a value")).collect::<Hash>(),
        |database, number| {
            update(database, |hash: &mut Hash| {
                hash.insert(number.to_be_bytes(), "another");
            });
        },
        5_000,
    );
}

#[test]
fn what_a_cut_holds_of_a_set_is_counted() {
    hold(
        || (0..ELEMENTS).map(u64::to_be_bytes).collect::<Set>(),
        |database, number| {
            update(database, |set: &mut Set| {
                set.remove(&number.to_be_bytes());
                set.insert((ELEMENTS + number).to_be_bytes());
            });
        },
        5_000,
    );
}

#[test]
fn what_a_cut_holds_of_a_sorted_set_is_counted() {
    hold(
        || {
            let mut set = SortedSet::new();
            (0..ELEMENTS).for_each(|number| {
                set.insert(number.to_be_bytes(), number as f64);
            });
            set
        },
        |database, number| {
            update(database, |set: &mut SortedSet| {
                set.insert(number.to_be_bytes(), -(number as f64));
            });
        },
        3_000,
    );
}

#[test]
fn what_a_cut_holds_of_a_list_is_counted() {
    hold(
        || (0..ELEMENTS).map(|number| number.to_string()).collect::<List>(),
        |database, _| {
            update(database, |list: &mut List| {
                let element = list.pop_front().unwrap();
                list.push_back(element);
            });
        },
        30_000,
    );
}

/// The same few elements over and over: what is held is that part of the collection, not a path
/// for every change.
#[test]
fn changes_of_one_element_hold_one_path() {
    let _stage = Stage::enter();
    let (store, database) = open(1);
    let hash: Hash = (0..ELEMENTS).map(|number| (number.to_be_bytes(), "a value")).collect();
    database.set_item(KEY, hash, Expiry::Never).unwrap();
    let cut = store.snapshot().unwrap();
    for number in 0..2_000_u32 {
        update(&database, |hash: &mut Hash| {
            hash.insert(7_u64.to_be_bytes(), number.to_be_bytes());
        });
        if number % 2 == 0 {
            // Another way to change it, which sees the collection before.
            let changed = store.transaction(|step| {
                step.update_collection(0, KEY, |hash: &mut Hash| {
                    hash.insert(7_u64.to_be_bytes(), "in a step");
                    Ok::<_, Error>(())
                })
            });
            changed.unwrap();
        }
    }
    let held = store.stats().superseded_bytes;
    assert!(held < 30_000, "{held} bytes are counted");
    drop(cut);
    store.maintain();
    assert_eq!(store.stats().superseded_bytes, 0);
}

/// A cut that opens and closes while another one stays leaves what it held to that.
#[test]
fn what_a_second_cut_held_is_left_to_the_first() {
    let _stage = Stage::enter();
    let (store, database) = open(1);
    let hash: Hash = (0..ELEMENTS).map(|number| (number.to_be_bytes(), "a value")).collect();
    database.set_item(KEY, hash, Expiry::Never).unwrap();
    let whole = store.stats().total.entry_bytes;
    let first = store.snapshot().unwrap();
    let change = |number: u64| {
        update(&database, |hash: &mut Hash| {
            hash.insert((number * 7919 % ELEMENTS).to_be_bytes(), "another");
        });
    };
    for round in 0..40 {
        let second = store.snapshot().unwrap();
        for number in 0..100 {
            change(round * 100 + number);
        }
        drop(second);
    }
    change(1);
    assert!(database.remove(KEY));
    let held = store.stats().superseded_bytes;
    assert!(held > whole * 9 / 10 && held < whole * 11 / 10, "{held} bytes of {whole}");
    drop(first);
    store.maintain();
    assert_eq!(store.stats().superseded_bytes, 0);
}
