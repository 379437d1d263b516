//! Versions of one collection that hand over to each other, among clones that stay.

use std::thread;

use exuvia::{Database, Error, Expiry, Hash, Item, Store};
use exuvia_tests::chaos::Stage;
use exuvia_tests::deadline::Deadline;
use exuvia_tests::seed::Seed;
use fastrand::Rng;

const KEY: &[u8] = b"key";
/// Enough for several leaves on two levels.
const FIELDS: u64 = 3000;
/// Clones that each thread keeps.
const KEPT: usize = 8;

fn field(number: u64) -> [u8; 8] {
    number.to_be_bytes()
}

fn number(hash: &Hash, field: &[u8]) -> u64 {
    hash.get(field).map_or(0, |value| u64::from_le_bytes(value.try_into().unwrap()))
}

/// All values add up to what they always have, every field is found where it is, and there are as
/// many as ever unless threads `reshape` the hash.
fn check(hash: &Hash, reshapes: bool) {
    assert!(hash.iter().all(|(field, _)| hash.contains(field)), "a field is lost");
    let sum: u64 = hash.iter().map(|(field, _)| number(hash, field)).sum();
    let fields = if reshapes { hash.iter().count() as u64 } else { FIELDS };
    assert_eq!((hash.len(), sum), (fields, FIELDS * 100), "a version has changed");
}

/// Takes from a field and gives to another.
fn transfer(database: &Database, rng: &mut Rng) {
    let (from, to) = (field(rng.u64(..FIELDS)), field(rng.u64(..FIELDS)));
    let updated = database.update_collection(KEY, |hash: &mut Hash| {
        let before = number(hash, &from);
        if before > 0 {
            hash.insert(from, (before - 1).to_le_bytes());
            hash.insert(to, (number(hash, &to) + 1).to_le_bytes());
        }
        Ok::<_, Error>(())
    });
    updated.unwrap();
}

/// Takes fields out or puts new ones in, so that nodes are split and joined.
fn reshape(database: &Database, rng: &mut Rng) {
    let fields = 2 * FIELDS;
    let (start, count, grows) = (rng.u64(..fields), rng.u64(1..60), rng.bool());
    let updated = database.update_collection(KEY, |hash: &mut Hash| {
        let others: Vec<_> = (0..count).map(|step| field((start + step * 7) % fields)).collect();
        for other in others {
            let (taken, given) = (number(hash, &other), number(hash, &field(start)));
            if grows && hash.len() < FIELDS * 3 / 2 && !hash.contains(&other) {
                hash.insert(other, 0_u64.to_le_bytes());
            } else if !grows && hash.len() > FIELDS / 2 && hash.remove(&other) {
                // It may have been this very field.
                let given = if other == field(start) { 0 } else { given };
                hash.insert(field(start), (given + taken).to_le_bytes());
            }
        }
        Ok::<_, Error>(())
    });
    updated.unwrap();
}

fn clone(store: &Store, database: &Database, rng: &mut Rng) -> Hash {
    let of_item = |item: Option<(Item, Expiry)>| item.unwrap().0.collection().cloned().unwrap();
    match rng.u8(0..4) {
        0 => database.collection(KEY).unwrap().unwrap(),
        1 => of_item(database.item(KEY)),
        2 => of_item(store.transaction(|step| step.item(0, KEY)).unwrap()),
        _ => database.with_collection(KEY, Hash::clone).unwrap().unwrap(),
    }
}

/// Threads that change the collection and keep clones of it for a while, with or without delays
/// between the steps of a change.
fn clones_stay(delays: bool, reshapes: bool) {
    let stage = Stage::enter();
    let seed = Seed::draw("loans");
    if delays {
        stage.unleash(seed);
    }
    let store = Store::in_memory();
    let database = store.database(0).unwrap();
    let hash: Hash = (0..FIELDS).map(|number| (field(number), 100_u64.to_le_bytes())).collect();
    database.set_item(KEY, hash, Expiry::Never).unwrap();
    let deadline = Deadline::of_stress();
    thread::scope(|scope| {
        for thread in 0..3 {
            let (store, database) = (&store, &database);
            let mut rng = seed.rng(thread);
            scope.spawn(move || {
                let mut kept: Vec<Hash> = Vec::new();
                while !deadline.passed() {
                    for _ in 0..rng.u8(0..64) {
                        if reshapes && rng.bool() {
                            reshape(database, &mut rng);
                        } else {
                            transfer(database, &mut rng);
                        }
                    }
                    kept.push(clone(store, database, &mut rng));
                    if kept.len() > KEPT {
                        check(&kept.swap_remove(rng.usize(..KEPT)), reshapes);
                    }
                }
                for hash in &kept {
                    check(hash, reshapes);
                }
            });
        }
    });
    check(&database.collection(KEY).unwrap().unwrap(), reshapes);
}

#[test]
fn clones_among_versions_that_hand_over_stay_as_they_were() {
    clones_stay(false, false);
}

#[test]
fn so_they_do_when_every_step_takes_its_time() {
    clones_stay(true, false);
}

#[test]
fn clones_among_versions_that_split_and_join_nodes_stay_as_they_were() {
    clones_stay(false, true);
}

#[test]
fn so_they_do_when_every_step_of_those_takes_its_time() {
    clones_stay(true, true);
}
