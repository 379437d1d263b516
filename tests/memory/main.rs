//! Memory: what is released, when, and on whose thread.
//!
//! A process of its own, because what it counts is counted for the whole process, and because
//! garbage that other tests' threads leave to reclamation is shared as well.

#![expect(clippy::unwrap_used, reason = "all of it is test code, outside `#[test]` functions too")]

mod collections;

use std::thread;
use std::time::Duration;

use exuvia::{Database, Expiry, Options, Store};
use exuvia_tests::chaos::Stage;
use exuvia_tests::deadline::eventually;
use exuvia_tests::heap::{CountingAllocator, Live, allocated_by, freed_by, live};

use exuvia_tests::fixture::{PATIENCE, assert_no_history, open, open_with, put};

#[global_allocator]
static HEAP: CountingAllocator = CountingAllocator;

/// More blocks than this are freed by the maintenance thread, not by a caller's.
const FREED_BY_CALLERS_MAX: u64 = 1_000;

fn fill(database: &Database, keys: u64, value_bytes: usize) {
    let value = vec![7; value_bytes];
    for key in 0..keys {
        database.set(&key.to_be_bytes(), value.as_slice(), Expiry::Never).unwrap();
    }
}

/// A store with its maintenance thread, as an embedder opens it.
fn open_maintained() -> (Store, Database) {
    open_with(Options::in_memory().shards(16))
}

/// Runs `work` on a thread of its own, so that what a thread keeps for itself goes with it.
fn on_a_thread(work: impl FnOnce() + Send) {
    thread::scope(|scope| {
        scope.spawn(work).join().unwrap();
    });
}

/// Every kind of operation, a cut left open to the end, and several threads.
fn use_a_store() {
    let (store, database) = open_with(Options::in_memory().shards(4));
    thread::scope(|scope| {
        for thread in 0..3_u64 {
            let (store, database) = (&store, &database);
            scope.spawn(move || {
                for round in 0..4_u64 {
                    let cut = store.snapshot().unwrap();
                    for key in 0..3_000_u64 {
                        put(database, &(thread << 32 | key).to_be_bytes(), round);
                    }
                    for key in 0..2_000_u64 {
                        database.remove(&(thread << 32 | key).to_be_bytes());
                    }
                    database.set(b"large", vec![1; 100_000], Expiry::Never).unwrap();
                    cut.into_walks(2).into_iter().flatten().take(4_000).for_each(drop);
                }
            });
        }
    });
    let _left_open = store.snapshot().unwrap();
    fill(&database, 1_000, 10);
    database.clear();
}

/// Each thread that is there at once with others has a place to announce its writes, kept for the
/// next one; chance decides how many there were at once.
const KEPT_BLOCKS_MAX: i64 = 8;
const KEPT_BLOCK_BYTES: i64 = 256;

/// Garbage is freed by whoever works next, in whatever store; without anybody it stays.
fn reclaim() {
    let (store, database) = open(1);
    put(&database, b"key", 1);
    store.maintain();
}

#[test]
fn a_dropped_store_gives_back_every_byte() {
    let _stage = Stage::enter();
    // The first time around, what lives as long as the process comes into being.
    on_a_thread(use_a_store);
    for _ in 0..100 {
        on_a_thread(reclaim);
    }
    let before = live();
    for _ in 0..3 {
        on_a_thread(use_a_store);
    }
    let given_back = eventually(PATIENCE, || {
        on_a_thread(reclaim);
        live().blocks <= before.blocks + KEPT_BLOCKS_MAX
            && live().bytes <= before.bytes + KEPT_BLOCKS_MAX * KEPT_BLOCK_BYTES
    });
    assert!(given_back, "{before:?} before, {:?} after three stores", live());
}

#[test]
fn a_store_emptied_of_most_of_its_keys_shrinks() {
    const KEYS: u64 = 200_000;
    let _stage = Stage::enter();
    let start = live();
    let (store, database) = open_maintained();
    fill(&database, KEYS, 32);
    let grown = |now: Live| now.bytes - start.bytes;
    let full = grown(live());
    let full_table = store.stats().table_bytes;
    for key in 0..KEYS {
        if key % 100 != 0 {
            database.remove(&key.to_be_bytes());
        }
    }
    let shrunk = eventually(Duration::from_secs(10), || {
        store.maintain();
        grown(live()) < full / 10 && store.stats().table_bytes < full_table / 10
    });
    let stats = store.stats();
    assert!(
        shrunk,
        "{full} bytes and {full_table} of table became {} and {stats:?}",
        grown(live())
    );
    assert_eq!(database.len(), KEYS / 100);
    assert!((0..KEYS).step_by(100).all(|key| database.contains_key(&key.to_be_bytes())));
}

#[test]
fn clearing_frees_next_to_nothing_on_the_callers_thread() {
    const KEYS: u64 = 100_000;
    let _stage = Stage::enter();
    let start = live();
    let (store, database) = open_maintained();
    for clear_all in [false, true] {
        fill(&database, KEYS, 32);
        let (freed, ()) = freed_by(|| if clear_all { store.clear_all() } else { database.clear() });
        assert!(freed < FREED_BY_CALLERS_MAX, "clearing freed {freed} blocks");
        assert_eq!(database.len(), 0);
        // Nor may the next operations be made to pay for it.
        let (freed, ()) = freed_by(|| put(&database, b"key", 1));
        assert!(freed < FREED_BY_CALLERS_MAX, "a write after clearing freed {freed} blocks");
        let gone = eventually(PATIENCE, || (live().bytes - start.bytes) < KEYS as i64 * 8);
        assert!(gone, "{} bytes are still held", live().bytes - start.bytes);
    }
}

#[test]
fn dropping_a_snapshot_frees_next_to_nothing_on_the_callers_thread() {
    const KEYS: u64 = 100_000;
    let _stage = Stage::enter();
    let (store, database) = open_maintained();
    fill(&database, KEYS, 32);
    let cut = store.snapshot().unwrap();
    fill(&database, KEYS, 32);
    assert_eq!(store.stats().superseded_entries, KEYS);
    let (freed, ()) = freed_by(|| drop(cut));
    assert!(freed < FREED_BY_CALLERS_MAX, "dropping a snapshot freed {freed} blocks");
    let gone = eventually(PATIENCE, || store.stats().superseded_entries == 0);
    assert!(gone, "the maintenance thread does not release {:?}", store.stats());
}

#[test]
fn a_cut_of_a_cleared_database_holds_it_until_the_cut_goes() {
    const KEYS: u64 = 50_000;
    let _stage = Stage::enter();
    let start = live();
    let (store, database) = open_maintained();
    fill(&database, KEYS, 32);
    let cut = store.snapshot().unwrap();
    database.clear();
    assert_eq!(cut.iter().count() as u64, KEYS);
    let (freed, ()) = freed_by(|| drop(cut));
    assert!(freed < FREED_BY_CALLERS_MAX, "dropping a snapshot freed {freed} blocks");
    let gone = eventually(PATIENCE, || (live().bytes - start.bytes) < KEYS as i64 * 8);
    assert!(gone, "{} bytes are still held", live().bytes - start.bytes);
    assert_no_history(&store);
}

/// A walk that waits for its storage must not keep anything from being freed but the history it
/// needs.
#[test]
fn a_stalled_walk_holds_superseded_versions_and_nothing_else() {
    const KEYS: u64 = 2_000;
    let _stage = Stage::enter();
    let (store, database) = open_maintained();
    fill(&database, KEYS, 1_024);
    let mut walk = store.snapshot().unwrap().into_walks(1).pop().unwrap();
    walk.next().expect("the store holds keys");
    let start = live();
    // Two hundred megabytes go through two megabytes of keys.
    for _ in 0..100 {
        fill(&database, KEYS, 1_024);
    }
    let held = live().bytes - start.bytes;
    assert!(held < 32 << 20, "{held} bytes pile up behind a stalled walk");
    assert!(store.stats().superseded_entries <= KEYS);
    assert_eq!(walk.count() as u64, KEYS - 1);
}

#[test]
fn looking_at_an_entry_allocates_nothing() {
    let _stage = Stage::enter();
    let (_store, database) = open(4);
    fill(&database, 1_000, 100);
    let keys: Vec<_> = (0..1_000_u64).map(u64::to_be_bytes).collect();
    let look = || {
        for key in &keys {
            assert!(database.with(key, |entry| entry.value.len()) == Some(100));
            assert!(database.contains_key(key));
        }
        database.get_many(&keys[..16], |_, entry| assert!(entry.is_some()));
    };
    // The first time, a thread makes itself known to the store.
    look();
    let (allocated, ()) = allocated_by(look);
    // Reclamation does some housekeeping every hundred operations or so, on whoever comes along.
    assert!(allocated < 20, "{allocated} blocks for two thousand looks");
}

#[test]
fn a_large_value_is_shared_and_not_copied() {
    const BYTES: usize = 8 << 20;
    let _stage = Stage::enter();
    let (store, database) = open(1);
    database.set(b"large", vec![1; BYTES], Expiry::Never).unwrap();
    let before = live();
    let cut = store.snapshot().unwrap();
    let values: Vec<_> = (0..10).map(|_| database.get(b"large").unwrap()).collect();
    let at_cut = cut.get(0, b"large").unwrap();
    let iterated = cut.iter().next().unwrap().value;
    let grown = live().bytes - before.bytes;
    assert!(grown < BYTES as i64, "{grown} bytes for copies of {BYTES}");
    // A value stays valid whatever happens to its key, and is freed with its last holder.
    database.remove(b"large");
    drop(cut);
    assert_no_history(&store);
    assert!(values.iter().chain([&at_cut, &iterated]).all(|value| value.len() == BYTES));
    drop((values, at_cut, iterated));
    let gone = eventually(PATIENCE, || {
        store.maintain();
        live().bytes < before.bytes
    });
    assert!(gone, "a value that nobody holds is not freed");
}
