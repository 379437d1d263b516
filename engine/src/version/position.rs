//! Positions: the order in which walks pass over keys.

/// Where a key is, or where a walk stands, in ascending (database, hash) order.
///
/// Sixteen bits of database and the upper 48 bits of the hash. Walks stand on the bounds of
/// segments, which never differ in the lower 16 bits only, so nothing is lost by dropping them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position(u64);

const HASH_DROPPED_BITS: u32 = 16;
const DATABASE_SHIFT: u32 = 48;

impl Position {
    /// Before every key.
    pub(crate) const START: Self = Self(0);
    /// Behind every key.
    pub(crate) const END: Self = Self(u64::MAX);

    /// The rank of a keyspace that no walk can be said to have passed before it ends.
    pub(crate) const UNORDERED_RANK: u16 = u16::MAX - 1;

    pub(crate) fn new(rank: u16, hash: u64) -> Self {
        Self(u64::from(rank) << DATABASE_SHIFT | hash >> HASH_DROPPED_BITS)
    }

    pub(crate) fn from_word(word: u64) -> Self {
        Self(word)
    }

    pub(crate) fn to_word(self) -> u64 {
        self.0
    }
}

/// The top `bits` bits of `hash`, also for none of them.
#[inline]
pub(crate) fn top_bits(hash: u64, bits: u32) -> usize {
    debug_assert!(bits < 64);
    // A shift by 64 is not defined, hence in two steps (rule R14).
    (hash >> 1 >> (63 - bits)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_order_by_database_then_hash() {
        let low = Position::new(0, u64::MAX);
        let high = Position::new(1, 0);
        assert!(Position::START < low && low < high);
        assert!(Position::new(Position::UNORDERED_RANK, u64::MAX) < Position::END);
    }

    #[test]
    fn no_bits_of_a_hash_are_zero() {
        assert_eq!(top_bits(u64::MAX, 0), 0);
        assert_eq!(top_bits(u64::MAX, 1), 1);
        assert_eq!(top_bits(0x8000_0000_0000_0000, 8), 0x80);
    }
}
