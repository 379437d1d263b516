//! All that can be done with collections at once, by threads, at random.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use fastrand::Rng;

use super::{Collection, Hash};
use crate::{Database, Error, Expiry, Store};

const FIELDS: u64 = 150;
const KEYS: [&[u8]; 3] = [b"a", b"b", b"c"];
const THREADS: u64 = 4;
const STEPS: u64 = if cfg!(debug_assertions) { 5000 } else { 20_000 };
/// Collections that were taken out of an update are kept, up to so many.
const STASH_MAX: usize = 5;

fn field(number: u64) -> [u8; 8] {
    number.to_be_bytes()
}

fn number(hash: &Hash, field: &[u8]) -> u64 {
    hash.get(field).map_or(0, |value| u64::from_le_bytes(value.try_into().unwrap()))
}

/// Takes from some fields and gives to others; an empty hash is filled first.
fn transfer(hash: &mut Hash, rng: &mut Rng) {
    if hash.is_empty() {
        *hash = (0..FIELDS).map(|number| (field(number), 100_u64.to_le_bytes())).collect();
    }
    for _ in 0..rng.u8(1..4) {
        let (from, to) = (field(rng.u64(..FIELDS)), field(rng.u64(..FIELDS)));
        let before = number(hash, &from);
        if before > 0 {
            hash.insert(from, (before - 1).to_le_bytes());
            hash.insert(to, (number(hash, &to) + 1).to_le_bytes());
        }
    }
}

/// All values add up to what they always have.
fn check(hash: &Hash) {
    let sum: u64 = hash.iter().map(|(field, _)| number(hash, field)).sum();
    assert!(hash.is_empty() || (hash.len(), sum) == (FIELDS, FIELDS * 100));
}

fn check_any(collection: Option<&Collection>) {
    if let Some(hash) = collection {
        check(hash.downcast().expect("all are hashes"));
    }
}

struct Actor<'a> {
    store: &'a Store,
    database: &'a Database,
    stash: &'a Mutex<Vec<Hash>>,
    rng: Rng,
}

impl Actor<'_> {
    fn key(&mut self) -> &'static [u8] {
        KEYS[self.rng.usize(..KEYS.len())]
    }

    fn act(&mut self) -> Result<(), Error> {
        match self.rng.u8(0..64) {
            0..24 => self.change(),
            24..34 => self.change_and_clone(),
            34..38 => {
                self.stash();
                Ok(())
            }
            38..42 => self.unstash(),
            42..46 => self.copy(),
            46..48 => self.transact(),
            48..50 => {
                self.panic();
                Ok(())
            }
            50..52 => self.swap(),
            52 if self.rng.u8(0..4) == 0 => {
                let key = self.key();
                self.database.remove(key);
                Ok(())
            }
            53 if self.rng.u8(0..4) == 0 => {
                self.database.clear();
                Ok(())
            }
            54 if self.rng.u8(0..4) == 0 => self.cut(),
            55 => {
                self.store.maintain();
                Ok(())
            }
            _ => self.look(),
        }
    }

    fn change(&mut self) -> Result<(), Error> {
        let (key, rng) = (self.key(), &mut self.rng);
        self.database.update_collection(key, |hash: &mut Hash| {
            transfer(hash, rng);
            if rng.u8(0..16) == 0 {
                thread::yield_now();
            }
            Ok(())
        })
    }

    fn change_and_clone(&mut self) -> Result<(), Error> {
        let (key, rng) = (self.key(), &mut self.rng);
        let clone = self.database.update_collection(key, |hash: &mut Hash| {
            transfer(hash, rng);
            let clone = hash.clone();
            transfer(hash, rng);
            Ok::<_, Error>(clone)
        })?;
        check(&clone);
        Ok(())
    }

    fn put(&mut self, hash: Hash) {
        let mut stash = self.stash.lock().unwrap();
        stash.push(hash);
        if stash.len() > STASH_MAX {
            let at = self.rng.usize(..stash.len());
            stash.swap_remove(at);
        }
    }

    /// Takes what an update was given out of it.
    fn stash(&mut self) {
        let (key, rng) = (self.key(), &mut self.rng);
        let mut taken = Hash::new();
        let kept = self.database.update_collection(key, |hash: &mut Hash| {
            transfer(hash, rng);
            taken = std::mem::take(hash);
            Err::<(), _>(Error::WrongType)
        });
        assert!(matches!(kept, Err(Error::WrongType)));
        self.put(taken);
    }

    /// Stores what was taken, under any key, in an update or by itself.
    fn unstash(&mut self) -> Result<(), Error> {
        let taken = self.stash.lock().unwrap().pop();
        let Some(mut taken) = taken else { return Ok(()) };
        let key = self.key();
        if self.rng.bool() {
            thread::scope(|scope| {
                scope.spawn(|| check(&taken.clone()));
                check(&taken.clone());
            });
            transfer(&mut taken, &mut self.rng);
            check(&taken);
            self.database.set_item(key, taken, Expiry::Never)?;
            return Ok(());
        }
        let mut taken = Some(taken);
        let rng = &mut self.rng;
        self.database.update_collection(key, |hash: &mut Hash| {
            if let Some(taken) = taken.take() {
                *hash = taken;
            }
            transfer(hash, rng);
            Ok(())
        })
    }

    fn copy(&mut self) -> Result<(), Error> {
        let (from, to) = (self.key(), self.key());
        if self.rng.bool() {
            if let Some((item, expiry)) = self.database.item(from) {
                self.database.set_item(to, item, expiry)?;
            }
            return Ok(());
        }
        self.store.transaction(|transaction| match transaction.item(0, from)? {
            Some((item, expiry)) => transaction.set_item(0, to, item, expiry),
            None => Ok(()),
        })
    }

    fn transact(&mut self) -> Result<(), Error> {
        let (key, rng) = (self.key(), &mut self.rng);
        self.store.transaction(|transaction| {
            transaction.update_collection(0, key, |hash: &mut Hash| {
                transfer(hash, rng);
                Ok::<_, Error>(())
            })?;
            transaction.item(0, KEYS[0]).map(drop)
        })
    }

    fn panic(&mut self) {
        let (key, rng) = (self.key(), &mut self.rng);
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            self.database.update_collection(key, |hash: &mut Hash| {
                transfer(hash, rng);
                if hash.len() == FIELDS {
                    std::panic::resume_unwind(Box::new("on purpose"));
                }
                Ok::<_, Error>(())
            })
        }));
        assert!(panicked.is_err());
    }

    fn swap(&mut self) -> Result<(), Error> {
        let (one, other, rng) = (self.key(), self.key(), &mut self.rng);
        let mut swapped = false;
        self.database.update_collection(one, |one: &mut Hash| {
            transfer(one, rng);
            if std::mem::replace(&mut swapped, true) {
                return Ok(());
            }
            self.database.update_collection(other, |other: &mut Hash| {
                transfer(other, rng);
                std::mem::swap(one, other);
                Ok(())
            })
        })
    }

    fn cut(&mut self) -> Result<(), Error> {
        let cut = self.store.snapshot()?;
        if self.rng.bool() {
            for walk in cut.into_walks(2) {
                walk.for_each(|entry| check_any(entry.collection.as_ref()));
            }
        } else {
            thread::sleep(Duration::from_micros(self.rng.u64(..300)));
            cut.iter().for_each(|entry| check_any(entry.collection.as_ref()));
        }
        Ok(())
    }

    fn look(&mut self) -> Result<(), Error> {
        let key = self.key();
        if self.rng.bool() {
            self.database.with_collection(key, |hash: &Hash| {
                let clone = hash.clone();
                if self.rng.u8(0..4) == 0 {
                    thread::yield_now();
                }
                check(hash);
                check(&clone);
            })?;
            return Ok(());
        }
        if let Some(mut hash) = self.database.collection::<Hash>(key)? {
            check(&hash);
            transfer(&mut hash, &mut self.rng);
            check(&hash);
        }
        Ok(())
    }
}

#[test]
fn whatever_threads_do_with_collections_they_stay_whole() -> Result<(), Error> {
    let store = Store::in_memory();
    let database = store.database(0)?;
    let stash = Mutex::default();
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let rng = Rng::with_seed(seed + thread);
            let mut actor = Actor { store: &store, database: &database, stash: &stash, rng };
            scope.spawn(move || {
                for _ in 0..STEPS {
                    actor.act().expect("the types match, and few cuts are open");
                }
            });
        }
    });
    for key in KEYS {
        database.collection(key)?.iter().for_each(check);
    }
    stash.into_inner().unwrap().iter().for_each(check);
    Ok(())
}
