//! Single-key operations of several threads on the same keys and segments.

use std::sync::Barrier;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::thread;

use exuvia::{Change, Condition, Database, Expiry, ExpiryChange, SetOptions, Value};
use exuvia_tests::chaos::Stage;
use exuvia_tests::deadline::Deadline;
use exuvia_tests::seed::Seed;

use exuvia_tests::fixture::{assert_no_history, find, number, open, put};

fn insert_if_absent(database: &Database, key: &[u8], value: u64) -> bool {
    let options = SetOptions { condition: Condition::IfAbsent, ..SetOptions::default() };
    database.set_with(key, value.to_le_bytes().as_slice(), options).unwrap().stored
}

#[test]
fn a_thread_reads_its_own_writes_while_segments_split_under_it() {
    let seed = Seed::draw("own writes");
    let stage = Stage::enter();
    stage.unleash(seed);
    let deadline = Deadline::of_stress();
    let mut round = 0;
    while !deadline.passed() {
        round += 1;
        // A fresh store each time: its few segments split and are replaced under everybody.
        let (store, database) = open(1);
        thread::scope(|scope| {
            for thread in 0..4_u64 {
                let (database, mut rng) = (&database, seed.rng(round * 10 + thread));
                scope.spawn(move || {
                    for key in 0..1_500_u64 {
                        let name = [thread.to_be_bytes(), key.to_be_bytes()].concat();
                        assert_eq!(find(database, &name), None, "there before it was put");
                        put(database, &name, key);
                        assert_eq!(find(database, &name), Some(key), "lost after it was put");
                        if rng.bool() {
                            assert!(database.remove(&name), "lost before it was removed");
                            assert_eq!(find(database, &name), None, "there after removal");
                        }
                        if key > 0 {
                            let earlier = rng.u64(0..key);
                            let name = [thread.to_be_bytes(), earlier.to_be_bytes()].concat();
                            let found = find(database, &name);
                            assert!(found.is_none_or(|number| number == earlier));
                        }
                    }
                });
            }
            if round % 2 == 0 {
                let store = &store;
                scope.spawn(move || {
                    for _ in 0..20 {
                        let _cut = store.snapshot().unwrap();
                        store.maintain();
                    }
                });
            }
        });
        let cut = store.snapshot().unwrap();
        assert_eq!(cut.iter().count() as u64, database.len(), "len and iteration differ");
    }
}

#[test]
fn of_threads_that_insert_a_key_at_once_exactly_one_succeeds() {
    const KEYS: u64 = 600;
    const THREADS: u64 = 4;
    let seed = Seed::draw("one winner");
    let stage = Stage::enter();
    stage.unleash(seed);
    let deadline = Deadline::of_stress();
    while !deadline.passed() {
        let (store, database) = open(1);
        let start = Barrier::new(THREADS as usize);
        let wins: Vec<AtomicU64> = (0..KEYS).map(|_| AtomicU64::new(0)).collect();
        thread::scope(|scope| {
            for thread in 0..THREADS {
                let (database, start, wins) = (&database, &start, &wins);
                scope.spawn(move || {
                    start.wait();
                    for key in 0..KEYS {
                        if insert_if_absent(database, &key.to_be_bytes(), thread) {
                            wins[key as usize].fetch_add(1, Ordering::SeqCst);
                        }
                    }
                });
            }
        });
        for (key, wins) in wins.iter().enumerate() {
            assert_eq!(wins.load(Ordering::SeqCst), 1, "key {key} was inserted so often");
        }
        assert_eq!(database.len(), KEYS);
        assert_eq!(store.snapshot().unwrap().iter().count() as u64, KEYS);
    }
}

#[test]
fn answers_of_racing_sets_and_removals_add_up_to_what_is_there() {
    const KEYS: u64 = 40;
    let seed = Seed::draw("answers add up");
    let stage = Stage::enter();
    stage.unleash(seed);
    let deadline = Deadline::of_stress();
    let (store, database) = open(1);
    // How often each key appeared, less how often it went.
    let balance: Vec<AtomicI64> = (0..KEYS).map(|_| AtomicI64::new(0)).collect();
    thread::scope(|scope| {
        let (store, database, balance) = (&store, &database, &balance);
        for thread in 0..4 {
            let mut rng = seed.rng(thread);
            scope.spawn(move || {
                while !deadline.passed() {
                    let key = rng.u64(0..KEYS);
                    let name = key.to_be_bytes();
                    let difference = match rng.u32(0..5) {
                        0 => i64::from(!database.set(&name, b"set", Expiry::Never).unwrap()),
                        1 => i64::from(insert_if_absent(database, &name, thread)),
                        2 => -i64::from(database.remove(&name)),
                        3 => -i64::from(database.take(&name).is_some()),
                        _ => database
                            .update(&name, |found| match found {
                                Some(_) => (Change::Remove, -1),
                                None => (Change::Set(Value::from(b"new"), ExpiryChange::Keep), 1),
                            })
                            .unwrap(),
                    };
                    balance[key as usize].fetch_add(difference, Ordering::SeqCst);
                }
            });
        }
        scope.spawn(move || {
            while !deadline.passed() {
                drop(store.snapshot().unwrap());
                store.maintain();
            }
        });
    });
    for (key, balance) in (0..KEYS).zip(&balance) {
        let present = i64::from(database.contains_key(&key.to_be_bytes()));
        assert_eq!(balance.load(Ordering::SeqCst), present, "key {key}");
    }
    let present: i64 = balance.iter().map(|balance| balance.load(Ordering::SeqCst)).sum();
    assert_eq!(database.len() as i64, present);
    assert_no_history(&store);
}

#[test]
fn no_increment_is_lost_and_no_result_is_seen_twice() {
    let seed = Seed::draw("increments");
    let stage = Stage::enter();
    stage.unleash(seed);
    let deadline = Deadline::of_stress();
    let (store, database) = open(1);
    let increment = |key: &[u8]| {
        let add = |found: Option<exuvia::EntryRef<'_>>| {
            let sum = found.map_or(0, |entry| number(entry.value)) + 1;
            (Change::Set(Value::from(&sum.to_le_bytes()), ExpiryChange::Keep), sum)
        };
        database.update(key, add).unwrap()
    };
    let done = thread::scope(|scope| {
        let workers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let (mut done, mut last) = (0, 0);
                    while !deadline.passed() {
                        let sum = increment(b"counter");
                        assert!(sum > last, "{sum} after {last}");
                        (done, last) = (done + 1, sum);
                    }
                    done
                })
            })
            .collect();
        let mut last = 0;
        while !deadline.passed() {
            let cut = store.snapshot().unwrap();
            let shown = cut.get(0, b"counter").map_or(0, |value| number(&value));
            assert!(shown >= last, "a later cut shows {shown} after {last}");
            last = shown;
        }
        workers.into_iter().map(|worker| worker.join().unwrap()).sum::<u64>()
    });
    assert_eq!(find(&database, b"counter"), Some(done));
}
