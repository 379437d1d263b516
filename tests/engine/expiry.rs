//! Expiry: sweeps race with writers, and cuts judge by their own time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use exuvia::{
    Change, Clock, Database, Error, Expiry, ExpiryChange, Hash, Lapse, ManualClock, Options, Store,
    Value,
};
use exuvia_tests::chaos::Stage;
use exuvia_tests::deadline::{Deadline, eventually};
use exuvia_tests::seed::Seed;

use exuvia_tests::fixture::{PATIENCE, find, find_at, numbers, open_with, put};

fn open() -> (Store, Database, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new(1_000));
    let options = Options::in_memory().shards(1).clock(clock.clone()).maintenance(false);
    let store = Store::open(options).unwrap();
    let database = store.database(0).unwrap();
    (store, database, clock)
}

fn put_until(database: &Database, key: &[u8], number: u64, unix_ms: u64) {
    database.set(key, number.to_le_bytes().as_slice(), Expiry::At(unix_ms)).unwrap();
}

#[test]
fn maintenance_sweeps_what_has_expired_and_nothing_else() {
    let (store, database, clock) = open();
    for key in 0..3_000_u64 {
        match key % 3 {
            0 => put(&database, &key.to_be_bytes(), key),
            1 => put_until(&database, &key.to_be_bytes(), key, 2_000),
            _ => put_until(&database, &key.to_be_bytes(), key, 9_000),
        }
    }
    assert_eq!(database.stats().expiring, 2_000);
    clock.set(2_000);
    let swept = eventually(PATIENCE, || {
        store.maintain();
        database.len() == 2_000
    });
    assert!(swept, "{} keys are left of 2000", database.len());
    assert_eq!(store.stats().expired_keys, 1_000);
    assert_eq!(database.stats().expiring, 1_000);
    for key in 0..3_000_u64 {
        let expected = (key % 3 != 1).then_some(key);
        assert_eq!(find(&database, &key.to_be_bytes()), expected);
    }
}

#[test]
fn a_cut_shows_a_key_that_expired_and_was_swept_after_it() {
    let (store, database, clock) = open();
    put_until(&database, b"key", 1, 1_500);
    let cut = store.snapshot().unwrap();
    clock.set(1_500);
    let swept = eventually(PATIENCE, || {
        store.maintain();
        database.is_empty()
    });
    assert!(swept, "an expired key is not swept while a cut shows it");
    assert_eq!(find(&database, b"key"), None);
    assert_eq!(find_at(&cut, b"key"), Some(1));
    assert_eq!(numbers(&cut).len(), 1);
    assert_eq!(numbers(&store.snapshot().unwrap()).len(), 0);
}

#[test]
fn reading_an_expired_key_writes_nothing() {
    let (store, database, clock) = open();
    put_until(&database, b"key", 1, 1_500);
    clock.set(1_500);
    let before = store.stats();
    for _ in 0..100 {
        assert_eq!(find(&database, b"key"), None);
        assert!(!database.contains_key(b"key"));
        assert_eq!(database.expiry(b"key"), None);
    }
    assert_eq!(store.stats(), before);
}

/// A clock that has moved on whenever somebody looks.
#[derive(Debug, Default)]
struct Restless(AtomicU64);

impl Clock for Restless {
    fn unix_ms(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst)
    }
}

#[test]
fn keys_that_expire_together_are_there_together_in_every_atomic_read() {
    let clock = Arc::new(Restless::default());
    let (store, database) =
        open_with(Options::in_memory().shards(1).clock(clock.clone()).maintenance(false));
    let keys: Vec<_> = (0..8_u64).map(u64::to_be_bytes).collect();
    for distance in 0..80 {
        let expires = clock.unix_ms() + distance;
        for key in &keys {
            put_until(&database, key, 1, expires);
        }
        let present = |values: usize| assert!(values == 0 || values == 8, "{values} of 8 keys");
        present(database.get_many_atomic(&keys).iter().flatten().count());
        let found = store.transaction(|transaction| {
            let mut found = 0;
            for key in &keys {
                found += usize::from(transaction.get(0, key)?.is_some());
            }
            Ok::<_, Error>(found)
        });
        present(found.unwrap());
        let cut = store.snapshot().unwrap();
        present(keys.iter().filter(|key| cut.get(0, key.as_slice()).is_some()).count());
        present(cut.iter().count());
    }
}

#[test]
fn a_sweep_never_takes_a_key_that_was_set_again() {
    let seed = Seed::draw("set again");
    let stage = Stage::enter();
    stage.unleash(seed);
    let (store, database, clock) = open();
    let deadline = Deadline::of_stress();
    thread::scope(|scope| {
        let (database, clock) = (&database, &clock);
        for thread in 0..2_u64 {
            let mut rng = seed.rng(thread);
            scope.spawn(move || {
                for round in 0.. {
                    let key = [thread.to_be_bytes(), rng.u64(0..20).to_be_bytes()].concat();
                    put_until(database, &key, round, clock.unix_ms() + rng.u64(0..3));
                    for _ in 0..rng.u32(0..4) {
                        thread::yield_now();
                    }
                    put(database, &key, round);
                    thread::yield_now();
                    assert_eq!(find(database, &key), Some(round), "a key without expiry is gone");
                    if deadline.passed() {
                        break;
                    }
                }
            });
        }
        while !deadline.passed() {
            clock.advance(1);
            store.maintain();
        }
    });
}

/// The cut's time and its position must fit: whoever saw a key expired, and wrote that down, is
/// not contradicted by a cut that shows what was written.
#[test]
fn a_cut_that_shows_what_followed_an_expiry_does_not_show_the_key() {
    let seed = Seed::draw("followed an expiry");
    let stage = Stage::enter();
    stage.unleash(seed);
    let (store, database, clock) = open();
    let deadline = Deadline::of_stress();
    thread::scope(|scope| {
        let (store, database, clock) = (&store, &database, &clock);
        scope.spawn(move || {
            for round in 1.. {
                let key = [b"expires ".as_slice(), &u64::to_be_bytes(round)].concat();
                put_until(database, &key, round, clock.unix_ms() + 2);
                while find(database, &key).is_some() && !deadline.passed() {
                    thread::yield_now();
                }
                if deadline.passed() {
                    break;
                }
                put(database, b"seen to expire", round);
            }
        });
        scope.spawn(move || {
            while !deadline.passed() {
                clock.advance(1);
                store.maintain();
                thread::yield_now();
            }
        });
        while !deadline.passed() {
            let cut = store.snapshot().unwrap();
            let noted = find_at(&cut, b"seen to expire").unwrap_or(0);
            for round in noted.saturating_sub(3)..=noted {
                let key = [b"expires ".as_slice(), &u64::to_be_bytes(round)].concat();
                let shown = find_at(&cut, &key);
                assert_eq!(shown, None, "round {round} of {noted}, cut at {}", cut.cut_unix_ms());
            }
        }
    });
}

/// What an observer was told.
type Told = Arc<Mutex<Vec<(u16, Vec<u8>, Lapse)>>>;

fn observed(clock: &Arc<ManualClock>) -> (Store, Told) {
    let told = Told::default();
    let list = Arc::clone(&told);
    let options =
        Options::in_memory().maintenance(false).clock(clock.clone()).on_expired(move |expired| {
            list.lock().unwrap().push((expired.database, expired.key.to_vec(), expired.lapse));
        });
    (Store::open(options).unwrap(), told)
}

#[test]
fn an_observer_is_told_once_of_every_key_whoever_takes_it_out() {
    let clock = Arc::new(ManualClock::new(1_000));
    let (store, told) = observed(&clock);
    let database = store.database(2).unwrap();
    let keys = ["kept", "set", "updated", "removed", "asked", "moved", "swept"];
    for key in keys {
        let expiry = if key == "kept" { Expiry::Never } else { Expiry::At(2_000) };
        database.set(key.as_bytes(), b"v", expiry).unwrap();
    }
    clock.set(2_000);
    let take = || std::mem::take(&mut *told.lock().unwrap());
    for key in keys {
        assert_eq!(database.contains_key(key.as_bytes()), key == "kept");
    }
    assert!(take().is_empty(), "nothing was taken out yet");
    let hold = store.hold_expiry();
    store.maintain();
    assert!(!database.remove_expired(b"asked"));
    assert!(take().is_empty());
    drop(hold);
    let is_told = |key: &str| {
        let told = take();
        assert_eq!(told, [(2, key.as_bytes().to_vec(), Lapse::Key)]);
    };
    database.set(b"set", b"w", Expiry::Never).unwrap();
    is_told("set");
    database
        .update(b"updated", |_| (Change::Set(Value::from(b"w"), ExpiryChange::Keep), ()))
        .unwrap();
    is_told("updated");
    assert!(!database.remove(b"removed"));
    is_told("removed");
    assert!(database.remove_expired(b"asked") && !database.remove_expired(b"kept"));
    is_told("asked");
    store.transaction(|step| step.set(2, b"moved", b"w", Expiry::Never)).unwrap();
    is_told("moved");
    store.maintain();
    is_told("swept");
    store.maintain();
    assert!(take().is_empty());
    assert_eq!(store.stats().expired_keys, 6);
    assert_eq!(database.len(), 4);
}

#[test]
fn an_observer_is_told_of_fields_that_are_taken_out() {
    let clock = Arc::new(ManualClock::new(1_000));
    let (store, told) = observed(&clock);
    let database = store.database(0).unwrap();
    for (key, fields) in [("some", 2), ("written", 2), ("all", 1), ("replaced", 2), ("step", 2)] {
        let add = |hash: &mut Hash| {
            hash.insert_with_expiry("a", "1", Expiry::At(2_000));
            if fields > 1 {
                hash.insert("b", "2");
            }
            Ok::<_, Error>(())
        };
        database.update_collection(key.as_bytes(), add).unwrap();
    }
    clock.set(2_000);
    database.update_collection(b"written", |_: &mut Hash| Ok::<_, Error>(())).unwrap();
    database.set(b"replaced", b"v", Expiry::Never).unwrap();
    store
        .transaction(|step| {
            step.update_collection(0, b"step", |hash: &mut Hash| {
                hash.insert("c", "3");
                Ok::<_, Error>(())
            })
        })
        .unwrap();
    store.maintain();
    store.maintain();
    let mut told = told.lock().unwrap().clone();
    told.sort_by(|left, right| left.1.cmp(&right.1));
    let expected = [
        (0, b"all".to_vec(), Lapse::LastElements),
        (0, b"some".to_vec(), Lapse::Elements),
        (0, b"step".to_vec(), Lapse::Elements),
        (0, b"written".to_vec(), Lapse::Elements),
    ];
    assert_eq!(told, expected);
}
