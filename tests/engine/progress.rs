//! A thread that is stopped anywhere stops nobody else.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use exuvia::hooks::Point;
use exuvia::{Change, Database, Error, Expiry, ExpiryChange, Hash, Store, Value};
use exuvia_tests::chaos::{Parked, Stage};
use exuvia_tests::deadline::Deadline;

use exuvia_tests::fixture::{PATIENCE, assert_no_history, find, open, put};

const THREADS: u64 = 8;
const OPERATIONS: u64 = 20_000;

const HASH: &[u8] = b"hash";
/// Enough for nodes that a version borrows from the one before.
const FIELDS: u64 = 600;

/// Sets a field of the hash that all share.
fn set_field(database: &Database, number: u64) {
    let set = |hash: &mut Hash| {
        hash.insert((number % FIELDS).to_be_bytes(), number.to_le_bytes());
        Ok::<_, Error>(())
    };
    database.update_collection(HASH, set).unwrap();
}

/// Comes by every race point sooner or later, and returns once it has been parked.
fn victim(store: &Store, database: &Database, released: &AtomicBool) {
    Parked::offer();
    for round in 0.. {
        // With a cut open and without one; keys that everybody else writes too.
        let cut = (round % 3 != 0).then(|| store.snapshot().unwrap());
        for key in 0..600_u64 {
            let key = (round * 600 + key).to_be_bytes();
            put(database, &key, round);
            put(database, &(round % 64).to_be_bytes(), round);
            find(database, &key);
        }
        (0..FIELDS).for_each(|number| set_field(database, number));
        let both = store.transaction(|transaction| {
            for key in [round % 64, (round + 1) % 64] {
                let value = Value::from(&round.to_le_bytes());
                transaction.set(0, &key.to_be_bytes(), value, Expiry::Never)?;
            }
            Ok::<_, Error>(())
        });
        both.unwrap();
        if let Some(cut) = cut {
            cut.into_walks(2).into_iter().flatten().for_each(drop);
        }
        for key in 0..500_u64 {
            database.remove(&(round * 600 + key).to_be_bytes());
        }
        if released.load(Ordering::SeqCst) {
            return;
        }
    }
}

/// Single-key operations on keys of its own, each checked, and on keys that all share.
fn others(database: &Database, thread: u64, done: &AtomicU64) {
    for round in 0..OPERATIONS / 4 {
        let own = [thread.to_be_bytes(), (round % 100).to_be_bytes()].concat();
        put(database, &own, round);
        assert_eq!(find(database, &own), Some(round));
        let shared = (round % 64).to_be_bytes();
        let add = |found: Option<exuvia::EntryRef<'_>>| {
            let value = found.map_or_else(|| Value::from(&[0; 8]), |entry| entry.value.into());
            (Change::Set(value, ExpiryChange::Keep), ())
        };
        database.update(&shared, add).unwrap();
        if round % 16 == 0 {
            set_field(database, thread + round);
        }
        if round % 2 == 0 {
            assert!(database.remove(&own));
            assert_eq!(find(database, &own), None);
        }
        done.fetch_add(4, Ordering::SeqCst);
    }
}

fn single_keys_proceed_while_a_thread_is_parked_at(point: Point) {
    let stage = Stage::enter();
    let (store, database) = open(1);
    let parked = stage.park_at(point);
    let released = AtomicBool::new(false);
    let done = AtomicU64::new(0);
    thread::scope(|scope| {
        scope.spawn(|| victim(&store, &database, &released));
        let arrived = parked.arrives_within(PATIENCE);
        if arrived {
            for thread in 1..=THREADS {
                let (database, done) = (&database, &done);
                scope.spawn(move || others(database, thread, done));
            }
            let deadline = Deadline::after(PATIENCE);
            while done.load(Ordering::SeqCst) < THREADS * OPERATIONS && !deadline.passed() {
                thread::sleep(Duration::from_millis(1));
            }
        }
        let finished = done.load(Ordering::SeqCst);
        released.store(true, Ordering::SeqCst);
        drop(parked);
        assert!(arrived, "no operation comes by {point:?}");
        assert_eq!(finished, THREADS * OPERATIONS, "operations wait for a thread at {point:?}");
    });
    let count = store.snapshot().unwrap().iter().count();
    assert_eq!(count as u64, database.len());
    assert_no_history(&store);
}

#[test]
fn single_key_operations_wait_for_no_thread_wherever_it_is_stopped() {
    for &point in Point::ALL {
        single_keys_proceed_while_a_thread_is_parked_at(point);
    }
}

/// A walk holds nothing while its owner does something else, so any number of them may be
/// abandoned without anybody noticing.
#[test]
fn an_idle_walk_delays_neither_operations_nor_other_cuts() {
    let _stage = Stage::enter();
    let (store, database) = open(1);
    for key in 0..5_000_u64 {
        put(&database, &key.to_be_bytes(), key);
    }
    let mut idle: Vec<_> = (0..8)
        .flat_map(|_| store.snapshot().unwrap().into_walks(1))
        .map(|mut walk| {
            walk.next().expect("the store holds keys");
            walk
        })
        .collect();
    for key in 0..20_000_u64 {
        put(&database, &key.to_be_bytes(), key);
    }
    assert_eq!(store.snapshot().unwrap().iter().count(), 20_000);
    for walk in &mut idle {
        assert_eq!(walk.count(), 4_999);
    }
    drop(idle);
    assert_no_history(&store);
}
