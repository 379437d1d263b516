//! Schedules that are too rare for chance: one thread is stopped between two steps of a protocol.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use exuvia::hooks::Point;
use exuvia::{Error, Expiry, Value};
use exuvia_tests::chaos::{Parked, Stage};
use exuvia_tests::deadline::eventually;

use exuvia_tests::fixture::{PATIENCE, assert_no_history, find, find_at, number, open, put};

/// Long enough for another thread to finish what does not wait.
const A_WHILE: Duration = Duration::from_millis(100);

/// A writer that saw no cut keeps no history. A cut that began meanwhile must wait for it, or it
/// finds neither the old value nor one that is old enough.
#[test]
fn a_cut_waits_for_a_writer_that_has_decided_to_keep_nothing() {
    let stage = Stage::enter();
    let (store, database) = open(1);
    put(&database, b"key", 1);
    let parked = stage.park_at(Point::BeforePublish);
    let taken = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            Parked::offer();
            put(&database, b"key", 2);
        });
        assert!(parked.arrives_within(PATIENCE));
        let cut = scope.spawn(|| {
            let cut = store.snapshot().unwrap();
            taken.store(true, Ordering::SeqCst);
            cut
        });
        thread::sleep(A_WHILE);
        assert!(!taken.load(Ordering::SeqCst), "the cut did not wait for an announced writer");
        drop(parked);
        let cut = cut.join().unwrap();
        let shown = find_at(&cut, b"key");
        assert!(shown == Some(1) || shown == Some(2), "the cut shows {shown:?}");
        put(&database, b"key", 3);
        assert_eq!(find_at(&cut, b"key"), shown);
    });
}

/// A writer decides to keep an old version for a walk; the walk passes and trims; the writer
/// publishes. Nobody else will ever look at that key again.
#[test]
fn a_version_published_behind_a_walk_is_trimmed_by_its_writer() {
    let stage = Stage::enter();
    let (store, database) = open(1);
    for key in 0..100_u64 {
        put(&database, &key.to_be_bytes(), key);
    }
    let walks = store.snapshot().unwrap().into_walks(1);
    let parked = stage.park_at(Point::BeforePublish);
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            Parked::offer();
            put(&database, &7_u64.to_be_bytes(), 70);
        });
        assert!(parked.arrives_within(PATIENCE));
        let mut walks = walks;
        let shown: Vec<_> = walks[0].by_ref().collect();
        assert_eq!(shown.len(), 100);
        assert!(shown.iter().all(|entry| number(&entry.value) < 100));
        drop(parked);
        writer.join().unwrap();
        // The walk is still open: its end must not be what clears up.
        let gone = eventually(Duration::from_secs(2), || store.stats().superseded_entries == 0);
        assert!(gone, "a version stays behind the walk: {:?}", store.stats());
    });
    assert_eq!(find(&database, &7_u64.to_be_bytes()), Some(70));
    assert_no_history(&store);
}

/// A write becomes visible before it is stamped. Whoever reads it stamps it, so that a cut taken
/// after that read shows it.
#[test]
fn a_value_that_was_read_is_in_every_later_cut() {
    for point in [Point::BeforeStamp, Point::StampRead] {
        let stage = Stage::enter();
        let (store, database) = open(1);
        put(&database, b"key", 1);
        // With this cut open writers stamp what they write.
        let first = store.snapshot().unwrap();
        let parked = stage.park_at(point);
        thread::scope(|scope| {
            scope.spawn(|| {
                Parked::offer();
                put(&database, b"key", 2);
            });
            assert!(parked.arrives_within(PATIENCE), "{point:?} is never reached");
            assert_eq!(find(&database, b"key"), Some(2), "published, and not found");
            assert_eq!(find_at(&first, b"key"), Some(1));
            let second = scope.spawn(|| store.snapshot().unwrap());
            thread::sleep(A_WHILE);
            drop(parked);
            let second = second.join().unwrap();
            assert_eq!(find_at(&second, b"key"), Some(2), "read before the cut, and not in it");
        });
        assert_eq!(find_at(&first, b"key"), Some(1));
    }
}

/// Between registering a cut and advancing the version, writers already keep history for it.
#[test]
fn writes_while_a_cut_is_being_taken_are_in_it_or_keep_what_they_replace() {
    for point in [Point::CutRegistered, Point::BeforeBump] {
        let stage = Stage::enter();
        let (store, database) = open(1);
        put(&database, b"key", 1);
        put(&database, b"other", 1);
        let parked = stage.park_at(point);
        thread::scope(|scope| {
            let cut = scope.spawn(|| {
                Parked::offer();
                store.snapshot().unwrap()
            });
            assert!(parked.arrives_within(PATIENCE), "{point:?} is never reached");
            put(&database, b"key", 2);
            put(&database, b"key", 3);
            database.remove(b"other");
            drop(parked);
            let cut = cut.join().unwrap();
            // All of it happened before the version advanced.
            let shown = (find_at(&cut, b"key"), find_at(&cut, b"other"));
            assert_eq!(shown, (Some(3), None), "{point:?}");
            put(&database, b"key", 4);
            put(&database, b"other", 4);
            assert_eq!((find_at(&cut, b"key"), find_at(&cut, b"other")), shown, "{point:?}");
        });
        assert_no_history(&store);
    }
}

/// Bytes of two different values must never be read as one, nor after they are freed.
#[test]
fn a_reader_stopped_at_its_entry_reads_it_whole_however_much_changes_meanwhile() {
    let stage = Stage::enter();
    let (store, database) = open(1);
    put(&database, b"key", 7);
    let parked = stage.park_at(Point::EntryFound);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            Parked::offer();
            find(&database, b"key")
        });
        assert!(parked.arrives_within(PATIENCE));
        for round in 0..20_000_u64 {
            put(&database, b"key", u64::MAX);
            put(&database, &round.to_be_bytes(), u64::MAX);
        }
        drop(parked);
        assert_eq!(reader.join().unwrap(), Some(7));
    });
    assert_no_history(&store);
}

/// What a transaction has read must still hold when its writes become visible, or a thread that
/// changed it, and saw nothing of the transaction after that, is contradicted.
#[test]
fn a_transaction_does_not_commit_over_what_was_changed_since_it_was_read() {
    for point in [Point::BatchInstalled, Point::BeforeCommit] {
        let stage = Stage::enter();
        let (store, database) = open(1);
        let parked = stage.park_at(point);
        thread::scope(|scope| {
            let transaction = scope.spawn(|| {
                Parked::offer();
                let note_absence = store.transaction(|transaction| {
                    if transaction.get(0, b"read")?.is_none() {
                        let value = Value::from(&1_u64.to_le_bytes());
                        transaction.set(0, b"written", value, Expiry::Never)?;
                    }
                    Ok::<_, Error>(())
                });
                note_absence.unwrap();
            });
            assert!(parked.arrives_within(PATIENCE), "{point:?} is never reached");
            // Reads of what is being written neither wait nor see it; writes do not wait either.
            put(&database, b"read", 1);
            let seen = find(&database, b"written");
            let cut = store.snapshot().unwrap();
            assert_eq!(find_at(&cut, b"written"), seen, "{point:?}");
            drop(parked);
            transaction.join().unwrap();
            let after = find(&database, b"written");
            assert_eq!(after, seen, "{point:?}: written by who had read, after it was changed");
        });
    }
}

/// Handles follow their index. A write that found its database before a swap must not turn up in
/// the other one after somebody has looked there and not found it.
#[test]
fn a_write_that_began_before_a_swap_is_not_seen_to_move() {
    let stage = Stage::enter();
    let (store, first) = open(1);
    let second = store.database(1).unwrap();
    // Databases that hold nothing may be special.
    put(&first, b"other", 1);
    put(&second, b"other", 2);
    let parked = stage.park_at(Point::BeforePublish);
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            Parked::offer();
            put(&first, b"key", 1);
        });
        assert!(parked.arrives_within(PATIENCE));
        let swap = scope.spawn(|| store.swap_databases(0, 1).unwrap());
        // It may wait for the writer, or finish without it.
        if eventually(A_WHILE, || swap.is_finished()) {
            assert_eq!(find(&second, b"key"), None);
            drop(parked);
            writer.join().unwrap();
            assert_eq!(find(&second, b"key"), None, "written to database 0, seen to come to 1");
            assert_eq!(find(&first, b"key"), Some(1));
        } else {
            drop(parked);
            writer.join().unwrap();
            swap.join().unwrap();
            let found = (find(&first, b"key"), find(&second, b"key"));
            assert!(found == (None, Some(1)) || found == (Some(1), None), "{found:?}");
        }
    });
}
