//! The three orders of elements.

use std::fmt::Debug;
use std::hash::Hasher;
use std::marker::PhantomData;
use std::sync::OnceLock;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::node::LEAF_HEAD_BYTES;

/// What a child is told from its left neighbour by.
pub(crate) trait Bound: Copy + Debug + Default + PartialOrd + Send + Sync + 'static {
    /// Longest leaf of several elements: with its head it fills a kibibyte. Tests have short ones,
    /// so that some hundred elements have several levels.
    const LEAF_BYTES_MAX: usize =
        if cfg!(any(test, engine_small)) { 96 } else { 1024 - LEAF_HEAD_BYTES };
    /// Length below which a leaf is merged with a neighbour, if both fit.
    const LEAF_BYTES_MIN: usize = Self::LEAF_BYTES_MAX / 4;
    /// Length that two leaves may have together to be merged.
    const LEAF_BYTES_MERGED_MAX: usize = Self::LEAF_BYTES_MAX / 4 * 3;
}

/// Lists are changed at their ends, where leaves are on average half as long, and are rarely
/// searched: theirs may be longer, and leave less at the ends of the memory that they are given.
impl Bound for () {
    const LEAF_BYTES_MAX: usize =
        if cfg!(any(test, engine_small)) { 96 } else { 2048 - LEAF_HEAD_BYTES };
}

impl Bound for u64 {}

impl Bound for [u64; 2] {}

/// What determines where an element belongs.
pub(crate) trait Order: Copy + Debug {
    /// What a child has to be told from its left neighbour by.
    type Bound: Bound;

    /// Whether the elements of a leaf are in the order of the tree, and not just those of
    /// different leaves.
    const ORDERS_LEAVES: bool;

    /// The bound of `element`: not above that of any element behind it.
    fn bound(&self, element: &[u8]) -> Self::Bound;
}

/// By position: elements are where they were put.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sequence;

impl Order for Sequence {
    type Bound = ();

    const ORDERS_LEAVES: bool = true;

    fn bound(&self, _: &[u8]) {}
}

/// By the bytes of elements, compared like strings.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sorted;

impl Order for Sorted {
    /// The first sixteen bytes, most significant first.
    type Bound = [u64; 2];

    const ORDERS_LEAVES: bool = true;

    #[inline]
    fn bound(&self, element: &[u8]) -> [u64; 2] {
        let mut start = [0; 16];
        let known = element.len().min(16);
        start[..known].copy_from_slice(&element[..known]);
        let (high, low) = start.split_at(8);
        [high, low].map(|half| u64::from_be_bytes(half.try_into().expect("half of sixteen bytes")))
    }
}

/// Which part of an element is its key.
pub(crate) trait Keyed: Copy + Debug {
    fn key(element: &[u8]) -> &[u8];

    /// Whether the key of `element` is `key`.
    #[inline]
    fn has_key(element: &[u8], key: &[u8]) -> bool {
        same_bytes(Self::key(element), key)
    }
}

/// By the keyed hash of keys. Elements of one leaf are in no order, so that a collection of one
/// leaf keeps its elements as they came.
#[derive(Debug)]
pub(crate) struct Hashed<K> {
    seed: u64,
    keyed: PhantomData<fn() -> K>,
}

impl<K> Clone for Hashed<K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for Hashed<K> {}

impl<K> Default for Hashed<K> {
    fn default() -> Self {
        Self::new(process_seed())
    }
}

impl<K> Hashed<K> {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, keyed: PhantomData }
    }

    pub(crate) fn seed(self) -> u64 {
        self.seed
    }

    /// The hash of a key.
    #[inline]
    pub(crate) fn hash(self, key: &[u8]) -> u64 {
        xxh3_64_with_seed(key, self.seed)
    }
}

impl<K: Keyed> Order for Hashed<K> {
    type Bound = u64;

    const ORDERS_LEAVES: bool = false;

    #[inline]
    fn bound(&self, element: &[u8]) -> u64 {
        self.hash(K::key(element))
    }
}

/// The seed of collections that are made in this process: nobody outside can choose keys that
/// collide by it.
pub(crate) fn process_seed() -> u64 {
    static SEED: OnceLock<u64> = OnceLock::new();
    // The standard library's own keys are as random as the system's randomness.
    *SEED.get_or_init(|| {
        std::hash::BuildHasher::build_hasher(&std::hash::RandomState::new()).finish()
    })
}

/// Compares byte strings, whose ends differ more often than their starts. Short ones, as most keys
/// are, without a call.
#[inline]
pub(crate) fn same_bytes(left: &[u8], right: &[u8]) -> bool {
    const WORD: usize = 8;
    const WORDS: usize = 2 * WORD;
    if left.len() != right.len() {
        return false;
    }
    // The two ends overlap where there is less between them.
    if let (Some(left_end), Some(right_end)) = (left.last_chunk(), right.last_chunk::<WORD>()) {
        return left_end == right_end
            && if left.len() <= WORDS {
                left.first_chunk::<WORD>() == right.first_chunk()
            } else if left.len() <= WORDS + WORD {
                left.first_chunk::<WORDS>() == right.first_chunk()
            } else {
                left == right
            };
    }
    match (left.last_chunk(), right.last_chunk::<4>()) {
        (Some(left_end), Some(right_end)) => {
            left_end == right_end && left.first_chunk::<4>() == right.first_chunk()
        }
        _ => left.iter().eq(right),
    }
}
