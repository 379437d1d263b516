//! Walks: nothing twice, nothing missing, and no history behind them.

use std::collections::HashMap;
use std::thread;

use exuvia::{Database, SnapshotEntry, Store, Walk};
use exuvia_tests::chaos::Stage;
use exuvia_tests::deadline::{Deadline, eventually};
use exuvia_tests::seed::Seed;

use exuvia_tests::fixture::{PATIENCE, assert_no_history, number, open, put};

const STAYING: u64 = 4_000;

fn fill(database: &Database, keys: u64) {
    for key in 0..keys {
        put(database, &key.to_be_bytes(), key);
    }
}

/// Inserts crowds of keys and removes them again, so that segments split and are compacted.
fn churn(database: &Database, first: u64, deadline: Deadline) {
    while !deadline.passed() {
        for key in first..first + 4_000 {
            put(database, &key.to_be_bytes(), key);
        }
        for key in first..first + 4_000 {
            database.remove(&key.to_be_bytes());
        }
    }
}

fn count_keys(entries: impl Iterator<Item = SnapshotEntry>) -> HashMap<u64, u32> {
    let mut counts = HashMap::new();
    for entry in entries {
        let key = u64::from_be_bytes(entry.key.as_ref().try_into().unwrap());
        assert_eq!(number(&entry.value), key, "a value under another key");
        *counts.entry(key).or_default() += 1;
    }
    counts
}

#[test]
fn keys_that_nobody_touches_come_out_of_every_walk_exactly_once() {
    let seed = Seed::draw("untouched keys");
    let stage = Stage::enter();
    stage.unleash(seed);
    let (store, database) = open(2);
    fill(&database, STAYING);
    let deadline = Deadline::of_stress();
    thread::scope(|scope| {
        let database = &database;
        scope.spawn(move || churn(database, 1_000_000, deadline));
        scope.spawn(move || churn(database, 2_000_000, deadline));
        let mut rng = seed.rng(0);
        while !deadline.passed() {
            let walks = store.snapshot().unwrap().into_walks(1 << rng.u32(0..4));
            let counts = count_keys(walks.into_iter().flatten());
            assert!(counts.values().all(|&count| count == 1), "a key was emitted twice");
            let missing = (0..STAYING).filter(|key| !counts.contains_key(key)).count();
            assert_eq!(missing, 0, "untouched keys are missing");
        }
    });
    assert_no_history(&store);
}

#[test]
fn keys_written_once_while_a_walk_passes_leave_no_history() {
    let seed = Seed::draw("cold keys");
    let stage = Stage::enter();
    stage.unleash(seed);
    let deadline = Deadline::of_stress();
    let mut round = 0;
    while !deadline.passed() {
        round += 1;
        let (store, database) = open(1);
        fill(&database, STAYING);
        let walks = store.snapshot().unwrap().into_walks(2);
        let ended = thread::scope(|scope| {
            for thread in 0..2_u64 {
                let (database, mut rng) = (&database, seed.rng(2 * round + thread));
                scope.spawn(move || {
                    // Each key once, so that no later overwrite takes a forgotten version along.
                    let mut keys: Vec<u64> = (thread..STAYING).step_by(2).collect();
                    rng.shuffle(&mut keys);
                    for key in keys {
                        match rng.u32(0..4) {
                            0 => assert!(database.remove(&key.to_be_bytes())),
                            _ => put(database, &key.to_be_bytes(), key),
                        }
                    }
                });
            }
            let walkers: Vec<_> = walks
                .into_iter()
                .map(|mut walk| {
                    scope.spawn(move || {
                        let counts = count_keys(walk.by_ref());
                        assert!(counts.values().all(|&count| count == 1), "a key came out twice");
                        walk
                    })
                })
                .collect();
            walkers.into_iter().map(|walker| walker.join().unwrap()).collect::<Vec<_>>()
        });
        // Neither the end of the cut nor maintenance has had a chance to clear up.
        let held = store.stats().superseded_entries;
        assert_eq!(held, 0, "history stays behind walks that have passed");
        drop(ended);
        assert_no_history(&store);
    }
}

#[test]
fn history_is_released_as_a_walk_passes_and_not_only_at_its_end() {
    const KEYS: u64 = 20_000;
    let _stage = Stage::enter();
    let (store, database) = open(1);
    fill(&database, KEYS);
    let mut walk = store.snapshot().unwrap().into_walks(1).pop().unwrap();
    fill(&database, KEYS);
    assert_eq!(store.stats().superseded_entries, KEYS);
    let passed = walk.by_ref().take(KEYS as usize * 3 / 4).count();
    store.maintain();
    let held = store.stats().superseded_entries;
    // What the walk has passed, but for the segment it stands in and one for good measure.
    assert!(held <= KEYS - passed as u64 + 2 * 512, "{held} entries held after {passed}");
    assert_eq!(walk.by_ref().count() + passed, KEYS as usize);
    let gone = eventually(PATIENCE, || {
        store.maintain();
        store.stats().superseded_entries == 0
    });
    assert!(gone, "a walk at its end holds {:?}", store.stats());
    // Behind a walk nothing is kept in the first place.
    fill(&database, KEYS);
    assert_eq!(store.stats().superseded_entries, 0);
}

#[test]
fn a_snapshot_that_is_kept_keeps_its_history_until_it_is_dropped() {
    let _stage = Stage::enter();
    let (store, database) = open(1);
    fill(&database, STAYING);
    let cut = store.snapshot().unwrap();
    for round in 0..3 {
        for key in 0..STAYING {
            put(&database, &key.to_be_bytes(), key + round);
        }
        // One version for the cut, none for the rounds in between.
        assert_eq!(store.stats().superseded_entries, STAYING, "round {round}");
        assert_eq!(count_keys(cut.iter()).len() as u64, STAYING);
    }
    drop(cut);
    assert_no_history(&store);
}

#[test]
fn walks_and_snapshots_dropped_half_way_leave_no_history() {
    let seed = Seed::draw("dropped half way");
    let stage = Stage::enter();
    stage.unleash(seed);
    let (store, database) = open(2);
    fill(&database, STAYING);
    let deadline = Deadline::of_stress();
    thread::scope(|scope| {
        let (store, database) = (&store, &database);
        scope.spawn(move || churn(database, 1_000_000, deadline));
        scope.spawn(move || {
            while !deadline.passed() {
                fill(database, STAYING);
            }
        });
        let mut rng = seed.rng(0);
        let mut open: Vec<Walk> = Vec::new();
        while !deadline.passed() {
            abandon_some(store, &mut open, &mut rng);
        }
    });
    assert_no_history(&store);
    let cut = store.snapshot().unwrap();
    assert!((0..STAYING).all(|key| cut.get(0, &key.to_be_bytes()).is_some()));
}

/// Opens cuts, moves walks on a little, and drops them in any order.
fn abandon_some(store: &Store, open: &mut Vec<Walk>, rng: &mut fastrand::Rng) {
    let cut = store.snapshot().unwrap();
    if rng.bool() {
        cut.iter().take(rng.usize(0..6_000)).for_each(drop);
    } else {
        open.extend(cut.into_walks(1 << rng.u32(0..3)));
    }
    for walk in open.iter_mut() {
        walk.take(rng.usize(0..1_000)).for_each(drop);
    }
    while open.len() > 6 {
        let dropped = rng.usize(0..open.len());
        open.swap_remove(dropped);
    }
}
