//! The engine's table and its peers behind one interface.

mod concurrent;
mod exclusive;
mod ours;

use std::hash::{BuildHasher, Hasher};

pub use concurrent::{Dashmap, Papaya, Scc};
pub use exclusive::Hashbrown;
use exuvia::format::{HashSeed, hash_key};
pub use ours::Exuvia;

/// Keys of one batched lookup.
pub const BATCH: usize = 16;

/// A table of byte strings.
pub trait Table {
    /// Name in reports.
    const NAME: &'static str;

    /// An empty table.
    fn new() -> Self;

    /// An empty table that is freed by the thread that drops it, and at once.
    fn short_lived() -> Self
    where
        Self: Sized,
    {
        Self::new()
    }

    /// Stores a copy of a value under a copy of a key that is not there.
    fn insert(&self, key: &[u8], value: &[u8]);

    /// Replaces the value of a key that is there by a copy of another, in a block of its own.
    fn overwrite(&self, key: &[u8], value: &[u8]) {
        self.insert(key, value);
    }

    /// Reads the number in the value of a key, in place.
    fn get(&self, key: &[u8]) -> Option<u64>;

    /// Sums the numbers in the values of several keys, those that are there.
    fn sum(&self, keys: &[&[u8]; BATCH]) -> u64 {
        keys.iter().filter_map(|key| self.get(key)).sum()
    }

    /// How many keys there are.
    fn len(&self) -> usize;

    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

const SEED: HashSeed = HashSeed(0x5eed);

/// The engine's hash function as a hasher: one call of XXH3 over the whole key, at full speed.
#[derive(Clone, Copy, Debug, Default)]
pub struct OneShot(u64);

impl Hasher for OneShot {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = hash_key(SEED, bytes);
    }

    /// The length that precedes a slice; XXH3 covers it.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Makes [`OneShot`] hashers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Xxh3;

impl BuildHasher for Xxh3 {
    type Hasher = OneShot;

    fn build_hasher(&self) -> OneShot {
        OneShot::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::{key, value};

    #[test]
    fn a_hasher_gives_the_engines_hash_of_a_key() {
        let boxed: Box<[u8]> = Box::from(*b"some key");
        assert_eq!(Xxh3.hash_one(&boxed), hash_key(SEED, b"some key"));
        assert_eq!(Xxh3.hash_one(b"some key".as_slice()), hash_key(SEED, b"some key"));
    }

    fn behaves_like_a_table<T: Table>() {
        let table = T::new();
        for number in 0..1_000 {
            table.insert(&key(number), &value(0, 32));
        }
        for number in 0..1_000 {
            table.overwrite(&key(number), &value(number, 32));
        }
        assert_eq!(table.len(), 1_000, "{}", T::NAME);
        assert_eq!(table.get(&key(999)), Some(999), "{}", T::NAME);
        assert_eq!(table.get(&key(1_000)), None, "{}", T::NAME);
        let keys: [_; BATCH] = std::array::from_fn(|index| key(990 + index));
        let keys = std::array::from_fn(|index| keys[index].as_slice());
        assert_eq!(table.sum(&keys), (990..1_000).sum::<u64>(), "{}", T::NAME);
    }

    #[test]
    fn all_peers_behave_alike() {
        behaves_like_a_table::<Exuvia>();
        behaves_like_a_table::<Papaya>();
        behaves_like_a_table::<Dashmap>();
        behaves_like_a_table::<Scc>();
        behaves_like_a_table::<Hashbrown>();
    }
}
