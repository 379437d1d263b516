//! Threads that change one collection, read it, clone it and take cuts of it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::kind::sealed::Sealed;
use super::{Hash, SortedSet};
use crate::tree::COPIED;
use crate::{Change, Database, Error, Expiry, Store};

const FIELDS: u64 = 120;
const TOTAL: u64 = FIELDS * 100;
const UPDATES: u64 = if cfg!(debug_assertions) { 3000 } else { 30_000 };
const KEYS: [&[u8]; 2] = [b"hash", b"sorted set"];

fn field(number: u64) -> [u8; 8] {
    number.to_be_bytes()
}

fn number(hash: &Hash, field: &[u8]) -> u64 {
    hash.get(field).map_or(0, |value| u64::from_le_bytes(value.try_into().unwrap()))
}

/// Fields whose values add up to the same at all times.
fn check_hash(hash: &Hash) {
    assert_eq!(hash.iter().map(|(field, _)| number(hash, field)).sum::<u64>(), TOTAL);
}

/// Members whose scores do, and every one is where the index says.
fn check_sorted_set(set: &SortedSet) {
    let sum: f64 = set.iter().map(|(_, score)| score).sum();
    assert!((sum - TOTAL as f64).abs() < 0.5);
    for (rank, (member, score)) in set.iter().enumerate() {
        assert_eq!((set.rank(member), set.score(member)), (Some(rank as u64), Some(score)));
    }
}

/// Takes one from a field and gives it to another.
fn transfer(database: &Database, rng: &mut fastrand::Rng) -> Result<Hash, Error> {
    let (from, to) = (field(rng.u64(..FIELDS)), field(rng.u64(..FIELDS)));
    database.update_collection(KEYS[0], |hash: &mut Hash| {
        let kept = if rng.u8(0..16) == 0 { hash.clone() } else { Hash::new() };
        let before = number(hash, &from);
        if before > 0 {
            hash.insert(from, (before - 1).to_le_bytes());
            hash.insert(to, (number(hash, &to) + 1).to_le_bytes());
        }
        if rng.u8(0..64) == 0 {
            // What is taken out and put back is as good as ever.
            let taken = std::mem::take(hash);
            *hash = taken.clone();
            return Ok(taken);
        }
        Ok::<_, Error>(kept)
    })?;
    database.update_collection(KEYS[1], |set: &mut SortedSet| {
        let before = set.score(&from).unwrap_or(0.0);
        if before > 0.0 {
            set.insert(from, before - 1.0);
            let score = set.score(&to).unwrap_or(0.0);
            set.insert(to, score + 1.0);
        }
        Ok::<_, Error>(())
    })?;
    database.update_collection(KEYS[0], |hash: &mut Hash| Ok::<_, Error>(hash.clone()))
}

fn look(store: &Store, database: &Database, rng: &mut fastrand::Rng) -> Result<(), Error> {
    match rng.u8(0..8) {
        0 => {
            let cut = store.snapshot()?;
            for key in KEYS {
                let item = cut.item(0, key).expect("it is there");
                if let Ok(hash) = item.collection() {
                    check_hash(hash);
                } else {
                    check_sorted_set(item.collection()?);
                }
            }
        }
        1 => {
            let cloned = database.with_collection(KEYS[0], |hash: &Hash| {
                thread::yield_now();
                hash.clone()
            })?;
            check_hash(&cloned.expect("it is there"));
        }
        2 => check_hash(&database.collection(KEYS[0])?.expect("it is there")),
        3 => check_sorted_set(&database.collection(KEYS[1])?.expect("it is there")),
        4 => drop(database.with_collection(KEYS[1], check_sorted_set)?),
        5 => {
            let (item, _) = database.item(KEYS[1]).expect("it is there");
            let mut set = item.collection::<SortedSet>()?.clone();
            set.insert(b"another", 0.0);
            check_sorted_set(&set);
        }
        _ => drop(database.with_collection(KEYS[0], check_hash)?),
    }
    Ok(())
}

#[test]
fn threads_that_change_and_clone_one_collection_see_it_whole() -> Result<(), Error> {
    let store = Store::in_memory();
    let database = store.database(0)?;
    let fields = (0..FIELDS).map(field);
    let hash: Hash = fields.clone().map(|field| (field, 100_u64.to_le_bytes())).collect();
    let set: SortedSet = fields.map(|field| (field, 100.0)).collect();
    database.set_item(KEYS[0], hash, Expiry::Never)?;
    database.set_item(KEYS[1], set, Expiry::Never)?;
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let writers: Vec<_> = (0..3)
            .map(|seed| {
                let database = &database;
                scope.spawn(move || {
                    let mut rng = fastrand::Rng::with_seed(seed);
                    let mut kept = vec![Hash::new(); 4];
                    for _ in 0..UPDATES {
                        let slot = rng.usize(..kept.len());
                        kept[slot] = transfer(database, &mut rng).expect("the types match");
                        check_hash(&kept[slot]);
                    }
                })
            })
            .collect();
        for seed in 0..2 {
            let (store, database, done) = (&store, &database, &done);
            scope.spawn(move || {
                let mut rng = fastrand::Rng::with_seed(100 + seed);
                while !done.load(Ordering::Relaxed) {
                    look(store, database, &mut rng).expect("the types match");
                }
            });
        }
        let ended: Vec<_> = writers.into_iter().map(thread::ScopedJoinHandle::join).collect();
        done.store(true, Ordering::Relaxed);
        assert!(ended.iter().all(Result::is_ok));
    });
    let hash: Hash = database.collection(KEYS[0])?.expect("it is there");
    check_hash(&hash);
    Ok(())
}

/// Everything that takes what a key holds, but for clones inside a closure.
fn take(store: &Store, database: &Database, rng: &mut fastrand::Rng) -> Result<(), Error> {
    match rng.u8(0..8) {
        0 | 1 => drop(database.item(KEYS[0])),
        2 => drop(database.collection::<Hash>(KEYS[0])?),
        3 => drop(store.transaction(|step| step.item(0, KEYS[0]))?),
        4 => {
            // A copy under the other key.
            store.transaction(|step| {
                let Some((item, expiry)) = step.item(0, KEYS[0])? else { return Ok(()) };
                step.set_item(0, KEYS[1], item, expiry)
            })?;
        }
        5 => {
            let expiry = Expiry::At(u64::MAX - rng.u64(..9));
            database.update_entry(KEYS[0], |_| (Change::Expire(expiry), ()))?;
        }
        6 => store.maintain(),
        _ => {
            // What the key still holds can be cloned.
            database.with_collection(KEYS[1], |hash: &Hash| {
                let refused = hash.try_clone().is_none();
                let is_same =
                    database.with_collection(KEYS[1], |now: &Hash| std::ptr::eq(now, hash));
                assert!(!refused || is_same.ok().flatten() != Some(true), "refused, and current");
            })?;
        }
    }
    Ok(())
}

#[test]
fn what_a_key_holds_is_never_copied_however_often_it_is_replaced() -> Result<(), Error> {
    let store = Store::in_memory();
    let database = store.database(0)?;
    let hash: Hash = (0..FIELDS).map(|number| (field(number), number.to_le_bytes())).collect();
    for key in KEYS {
        database.set_item(key, hash.clone(), Expiry::Never)?;
    }
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let takers: Vec<_> = (0..2)
            .map(|seed| {
                let (store, database, done) = (&store, &database, &done);
                scope.spawn(move || {
                    let mut rng = fastrand::Rng::with_seed(seed);
                    while !done.load(Ordering::Relaxed) {
                        take(store, database, &mut rng).expect("the types match");
                    }
                    COPIED.get()
                })
            })
            .collect();
        for number in 0..UPDATES {
            let key = KEYS[usize::from(number % 8 == 0)];
            let changed = database.update_collection(key, |hash: &mut Hash| {
                hash.insert(field(number % FIELDS), number.to_le_bytes());
                Ok::<_, Error>(())
            });
            changed.expect("the types match");
        }
        done.store(true, Ordering::Relaxed);
        for taker in takers {
            assert_eq!(taker.join().expect("it ended well"), 0);
        }
        assert_eq!(COPIED.get(), 0);
    });
    Ok(())
}
