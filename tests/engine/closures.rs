//! Closures of callers: whatever they do, nobody waits for them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use exuvia::{Change, Error, Expiry, Store, Value};
use exuvia_tests::chaos::Stage;

use exuvia_tests::fixture::{assert_no_history, find, find_at, open, put};

const SLEEP: Duration = Duration::from_secs(2);

/// Takes cuts and writes while `foreign` code sleeps inside an operation of another thread.
///
/// One cut that waited for the sleeper takes about as long as it sleeps. The median keeps the
/// tight bound, for the scheduler may delay any single one.
fn delays_nobody(store: &Store, foreign: impl FnOnce(&AtomicBool) + Send) {
    let asleep = AtomicBool::new(false);
    let mut times = Vec::new();
    thread::scope(|scope| {
        let sleeper = scope.spawn(|| foreign(&asleep));
        while !asleep.load(Ordering::SeqCst) {
            thread::yield_now();
        }
        let other = store.database(0).unwrap();
        while !sleeper.is_finished() {
            let start = Instant::now();
            let cut = store.snapshot().unwrap();
            put(&other, b"other", 1);
            drop(cut);
            times.push(start.elapsed());
            thread::sleep(Duration::from_millis(5));
        }
    });
    times.sort();
    assert!(times.len() > 20, "only {} cuts while a closure slept {SLEEP:?}", times.len());
    assert!(times[times.len() - 1] < SLEEP / 2, "a cut took {:?}", times[times.len() - 1]);
    assert!(times[times.len() / 2] < Duration::from_millis(10), "{:?}", times[times.len() / 2]);
}

fn sleep(asleep: &AtomicBool) {
    asleep.store(true, Ordering::SeqCst);
    thread::sleep(SLEEP);
}

#[test]
fn an_update_closure_that_sleeps_delays_no_cut() {
    let _stage = Stage::enter();
    let (store, database) = open(1);
    put(&database, b"key", 1);
    delays_nobody(&store, |asleep| {
        let set = |_: Option<exuvia::EntryRef<'_>>| {
            sleep(asleep);
            (Change::Set(Value::from(&2_u64.to_le_bytes()), exuvia::ExpiryChange::Keep), ())
        };
        database.update(b"key", set).unwrap();
    });
    assert_eq!(find(&database, b"key"), Some(2));
    assert_no_history(&store);
}

#[test]
fn a_reading_closure_that_sleeps_delays_no_cut() {
    let _stage = Stage::enter();
    let (store, database) = open(1);
    put(&database, b"key", 1);
    delays_nobody(&store, |asleep| database.with(b"key", |_| sleep(asleep)).unwrap());
    assert_no_history(&store);
}

#[test]
fn a_transaction_that_sleeps_delays_no_cut_and_no_write() {
    let _stage = Stage::enter();
    let (store, database) = open(1);
    delays_nobody(&store, |asleep| {
        let slept = AtomicBool::new(false);
        let written = store.transaction(|transaction| {
            transaction.set(0, b"first", Value::from(b"12345678"), Expiry::Never)?;
            // Once, should it run several times.
            if !slept.swap(true, Ordering::SeqCst) {
                sleep(asleep);
            }
            transaction.set(0, b"second", Value::from(b"12345678"), Expiry::Never)
        });
        written.unwrap();
    });
    assert!(database.contains_key(b"first") && database.contains_key(b"second"));
    assert_no_history(&store);
}

#[test]
fn clearing_behind_a_transaction_that_sleeps_delays_no_cut_and_no_write() {
    let _stage = Stage::enter();
    let (store, database) = open(1);
    let clearing = AtomicBool::new(false);
    thread::scope(|scope| {
        let (store, database, clearing) = (&store, &database, &clearing);
        delays_nobody(store, |asleep| {
            // It may wait for the transaction, but then it must wait alone.
            scope.spawn(move || {
                while !clearing.load(Ordering::SeqCst) {
                    thread::yield_now();
                }
                database.clear();
            });
            let slept = store.transaction(|transaction| {
                transaction.set(0, b"key", Value::from(b"12345678"), Expiry::Never)?;
                if !clearing.swap(true, Ordering::SeqCst) {
                    sleep(asleep);
                }
                Ok::<_, Error>(())
            });
            slept.unwrap();
        });
    });
    assert_no_history(&store);
}

#[test]
fn a_closure_that_panics_changes_nothing_and_blocks_nothing() {
    let _stage = Stage::enter();
    let (store, database) = open(1);
    put(&database, b"key", 1);
    let cut = store.snapshot().unwrap();
    let panics = |run: &dyn Fn()| catch_unwind(AssertUnwindSafe(run)).expect_err("it panics");
    for _ in 0..100 {
        panics(&|| {
            database.update::<()>(b"key", |_| panic!("a closure")).unwrap();
        });
        panics(&|| {
            database.with(b"key", |_| panic!("a closure"));
        });
        panics(&|| database.get_many(&[b"key"], |_, _| panic!("a closure")));
        panics(&|| {
            database.scan(0, 10, |_| panic!("a closure"));
        });
        panics(&|| {
            let set = |transaction: &mut exuvia::Transaction<'_>| {
                transaction.set(0, b"key", Value::from(b"12345678"), Expiry::Never)?;
                assert!(transaction.get(0, b"key")?.is_none(), "a closure");
                Ok::<_, Error>(())
            };
            store.transaction(set).unwrap();
        });
    }
    assert_eq!(find(&database, b"key"), Some(1));
    let start = Instant::now();
    put(&database, b"key", 2);
    drop(store.snapshot().unwrap());
    assert!(start.elapsed() < Duration::from_secs(1), "something was left locked");
    assert_eq!((find_at(&cut, b"key"), find(&database, b"key")), (Some(1), Some(2)));
    drop(cut);
    assert_no_history(&store);
}

#[test]
fn closures_may_use_the_store_they_are_called_from() {
    let _stage = Stage::enter();
    let (store, database) = open(1);
    put(&database, b"key", 1);
    let seen = database.with(b"key", |_| {
        put(&database, b"from with", 2);
        let cut = store.snapshot().unwrap();
        (find(&database, b"key"), find_at(&cut, b"from with"))
    });
    assert_eq!(seen, Some((Some(1), Some(2))));
    let seen = database.update(b"key", |_| {
        put(&database, b"from update", 3);
        (Change::Remove, find_at(&store.snapshot().unwrap(), b"from update"))
    });
    assert_eq!(seen.unwrap(), Some(3));
    assert_eq!(find(&database, b"key"), None);
    let mut found = Vec::new();
    database.scan(0, 100, |entry| found.push(find(&database, entry.key)));
    assert_eq!(found.len(), 2);
    assert_no_history(&store);
}
