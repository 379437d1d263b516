//! The hash that orders everything, and ranges of it.

use std::fmt;

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The random seed of a keyspace's hash function.
///
/// It is kept in the manifest and in each part: a store that loads a snapshot adopts it, and an
/// offline reader needs it to find a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HashSeed(pub u64);

/// Hashes `key`: XXH3-64 with `seed`.
///
/// The table of the engine uses this very function, which is why its segments, the pages and the
/// parts have one order.
#[inline]
pub fn hash_key(seed: HashSeed, key: &[u8]) -> u64 {
    xxh3_64_with_seed(key, seed.0)
}

/// An inclusive range of hashes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct HashRange {
    /// The lowest hash in the range.
    pub first: u64,
    /// The highest hash in the range.
    pub last: u64,
}

impl HashRange {
    /// Every hash.
    pub const ALL: Self = Self { first: 0, last: u64::MAX };

    /// The range from `first` to `last`, both included.
    pub const fn new(first: u64, last: u64) -> Self {
        Self { first, last }
    }

    /// The `number`th of `count` equal ranges that together hold every hash.
    ///
    /// # Panics
    ///
    /// If `count` is not a power of two, or `number` is not below it.
    pub const fn nth_of(number: u32, count: u32) -> Self {
        assert!(count.is_power_of_two() && number < count, "a range is one of a power of two");
        let bits = count.trailing_zeros();
        if bits == 0 {
            return Self::ALL;
        }
        let first = (number as u64) << (64 - bits);
        Self { first, last: first | (u64::MAX >> bits) }
    }

    /// Whether `hash` is in the range.
    #[inline]
    pub const fn contains(&self, hash: u64) -> bool {
        self.first <= hash && hash <= self.last
    }
}

impl fmt::Display for HashRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}..={:016x}", self.first, self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_ranges_cover_every_hash_once() {
        for count in [1, 2, 16, 4096] {
            let mut next = 0;
            for number in 0..count {
                let range = HashRange::nth_of(number, count);
                assert_eq!(range.first, next);
                next = range.last.wrapping_add(1);
            }
            assert_eq!(next, 0, "the last range ends at the highest hash");
        }
    }
}
