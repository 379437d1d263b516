//! One database's table: its shards, and the way from a hash to a segment.

use std::ptr;
use std::sync::Arc;

use super::counters::{Counters, Counts};
use super::directory::{DEPTH_MAX, Directory, DirectoryWord};
use super::segment::{SEGMENT_BYTES, SLOTS, Segment};
use super::word::Word;
use super::{chain, draft};
use crate::sync::atomic::{AtomicPtr, AtomicU16, Ordering};
use crate::sync::{Guard, pin, prefetch};
use crate::version::position::top_bits;
use crate::version::{Held, Versions};

/// Keys that a reserved segment is to hold on average, below the fill at which it would split.
const RESERVED_FILL: usize = SLOTS * 5 / 8;

/// A shard: the address of its directory, null while it has no segment.
#[derive(Debug)]
pub(super) struct Shard(AtomicPtr<u8>);

/// A lock-free table of one database.
///
/// # Invariants
///
/// * **K1** Whatever a directory reachable from a shard leads to is alive; it is retired by the
///   winner of the root swap that took it out, and by nobody else.
/// * **K2** A keyspace that is dropped is reachable by nobody: the store's pointer to it was
///   retired through the collector, and cuts hold it by count.
#[derive(Debug)]
pub(crate) struct Keyspace {
    pub(super) versions: Arc<Versions>,
    seed: u64,
    rank: AtomicU16,
    shard_bits: u32,
    shards: Box<[Shard]>,
    pub(super) counters: Counters,
}

/// A segment and the way that led to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Located<'g> {
    pub(super) directory: Directory,
    pub(super) word: DirectoryWord,
    pub(super) segment: &'g Segment,
}

/// The hashes a segment covers, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HashRange {
    pub(super) first: u64,
    pub(super) last: u64,
}

impl HashRange {
    /// The range of all hashes whose top `bits` bits are those of `hash`.
    pub(super) fn of_prefix(hash: u64, bits: u32) -> Self {
        // `bits` may be 0 (everything) and never reaches 64.
        let below = u64::MAX >> bits;
        Self { first: hash & !below, last: hash | below }
    }
}

impl Shard {
    /// Acquire suffices for single operations under a guard: a stale directory leads to segments
    /// that are frozen or hold what was current inside the operation's interval (R11).
    #[inline]
    pub(super) fn directory(&self) -> Option<Directory> {
        Directory::from_address(self.0.load(Ordering::Acquire))
    }

    /// For walks and trimmers, which come after a bump or a move of a cursor.
    pub(super) fn directory_ordered(&self) -> Option<Directory> {
        Directory::from_address(self.0.load(Ordering::SeqCst))
    }

    /// Publishes `new` if the root is still `old`.
    pub(super) fn replace(&self, old: Option<Directory>, new: Directory) -> bool {
        let old = old.map_or(ptr::null_mut(), Directory::address);
        self.0.compare_exchange(old, new.address(), Ordering::SeqCst, Ordering::Acquire).is_ok()
    }

    #[inline]
    pub(super) fn prefetch(&self) {
        prefetch(ptr::from_ref(self).cast());
    }
}

impl Keyspace {
    /// Creates an empty table. `rank` is its place in the order of walks.
    pub(crate) fn new(versions: Arc<Versions>, seed: u64, shards: u32, rank: u16) -> Self {
        debug_assert!(shards.is_power_of_two());
        Self {
            versions,
            seed,
            rank: AtomicU16::new(rank),
            shard_bits: shards.ilog2(),
            shards: std::iter::repeat_with(|| Shard(AtomicPtr::new(ptr::null_mut())))
                .take(shards as usize)
                .collect(),
            counters: Counters::new(),
        }
    }

    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    /// The hash that everything here is ordered by.
    #[inline]
    pub(crate) fn hash(&self, key: &[u8]) -> u64 {
        xxhash_rust::xxh3::xxh3_64_with_seed(key, self.seed)
    }

    pub(crate) fn rank(&self) -> &AtomicU16 {
        &self.rank
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counters.sum()
    }

    pub(super) fn keeping(&self, hash: u64) -> chain::Keeping<'_> {
        chain::Keeping { versions: &self.versions, rank: &self.rank, hash }
    }

    pub(super) fn shard_bits(&self) -> u32 {
        self.shard_bits
    }

    #[inline]
    pub(super) fn shard(&self, hash: u64) -> &Shard {
        &self.shards[top_bits(hash, self.shard_bits)]
    }

    /// Index of the directory word for `hash`.
    #[inline]
    pub(super) fn directory_index(&self, hash: u64, depth: u32) -> usize {
        top_bits(hash << self.shard_bits, depth)
    }

    /// Follows a directory to the segment that covers `hash`.
    #[inline]
    pub(super) fn locate_in<'g>(
        &self,
        directory: Directory,
        hash: u64,
        _: &'g Guard,
    ) -> Located<'g> {
        // SAFETY: K1: the directory was read from a shard under the guard.
        let depth = unsafe { directory.depth() };
        // SAFETY: as above; the index has `depth` bits.
        let word = unsafe { directory.word(self.directory_index(hash, depth)) };
        // SAFETY: K1: a segment in a reachable directory is alive while the guard is held.
        let segment = unsafe { word.segment().as_ref() };
        Located { directory, word, segment }
    }

    /// Finds the segment that covers `hash`, if its shard has any.
    #[inline]
    pub(super) fn locate<'g>(&self, hash: u64, guard: &'g Guard) -> Option<Located<'g>> {
        let directory = self.shard(hash).directory()?;
        Some(self.locate_in(directory, hash, guard))
    }

    /// The hashes that `located` covers.
    pub(super) fn range_of(&self, hash: u64, located: &Located<'_>) -> HashRange {
        HashRange::of_prefix(hash, self.shard_bits + located.word.local_depth())
    }

    /// Gives the shard of `hash` its first segment.
    #[cold]
    pub(super) fn create_segment(&self, hash: u64) {
        let segment = Segment::allocate();
        let directory = Directory::allocate(0, |_| DirectoryWord::new(segment, 0));
        if !self.shard(hash).replace(None, directory) {
            // SAFETY: another thread was first; this directory was never shared.
            unsafe { directory.free() };
            // SAFETY: nor was its segment.
            unsafe { Segment::free(segment) };
        }
    }

    /// Gives every shard that has none yet enough segments for its part of `records` keys.
    pub(crate) fn reserve(&self, records: u64) {
        let per_shard = records / self.shards.len() as u64;
        let segments = per_shard.div_ceil(RESERVED_FILL as u64).max(1).next_power_of_two();
        let depth = segments.ilog2().min(DEPTH_MAX);
        if per_shard == 0 {
            return;
        }
        for shard in &self.shards {
            let directory =
                Directory::allocate(depth, |_| DirectoryWord::new(Segment::allocate(), depth));
            if !shard.replace(None, directory) {
                for index in 0..1 << depth {
                    // SAFETY: the directory was never shared, and the index is below 2^depth.
                    let word = unsafe { directory.word(index) };
                    // SAFETY: nor was the segment.
                    unsafe { Segment::free(word.segment()) };
                }
                // SAFETY: never shared.
                unsafe { directory.free() };
            }
        }
    }

    /// Every segment with the range it covers, in order, of one shard's directory.
    pub(super) fn segments_of(
        directory: Directory,
        _: &Guard,
    ) -> impl Iterator<Item = (usize, DirectoryWord, &Segment)> {
        // SAFETY: K1: the directory was read from a shard under the guard.
        let depth = unsafe { directory.depth() };
        let mut index = 0;
        std::iter::from_fn(move || {
            if index >= 1 << depth {
                return None;
            }
            let at = index;
            // SAFETY: as above; the index is in range.
            let word = unsafe { directory.word(at) };
            index += 1 << (depth - word.local_depth());
            // SAFETY: K1.
            Some((at, word, unsafe { word.segment().as_ref() }))
        })
    }

    /// Bytes of all segments and directories.
    pub(crate) fn table_bytes(&self) -> u64 {
        let mut bytes = size_of_val(&*self.shards);
        for shard in &self.shards {
            let guard = pin();
            let Some(directory) = shard.directory() else { continue };
            // SAFETY: K1: the directory was read from a shard under the guard.
            bytes += unsafe { directory.heap_bytes() };
            bytes += Self::segments_of(directory, &guard).count() * SEGMENT_BYTES;
        }
        bytes as u64
    }

    /// Whether no shard was ever given a segment.
    pub(crate) fn is_untouched(&self) -> bool {
        self.shards.iter().all(|shard| shard.directory().is_none())
    }
}

impl Drop for Keyspace {
    /// Frees every entry, segment and directory. Takes time in proportion to their number, so the
    /// store lets a maintenance thread do it.
    fn drop(&mut self) {
        let guard = pin();
        let mut held = Held::default();
        for shard in &self.shards {
            let Some(directory) = shard.directory() else { continue };
            for (_, word, segment) in Self::segments_of(directory, &guard) {
                for slot in segment.slots() {
                    // SAFETY: K2: nobody else can reach the keyspace.
                    unsafe { free_nodes(slot.load(&guard), &mut held) };
                }
                // SAFETY: K2, and each segment is visited once.
                unsafe { Segment::free(word.segment()) };
            }
            // SAFETY: K2.
            unsafe { directory.free() };
        }
        self.versions.note_held(&guard, held);
    }
}

/// Frees everything that `word` owns at once.
///
/// # Safety
///
/// Nobody else can reach it, now or later.
unsafe fn free_nodes(word: Word<'_>, held: &mut Held) {
    let Some(head) = word.entry() else { return };
    for (depth, (_, node)) in chain::nodes(word, head).enumerate() {
        if depth > 0 {
            held.let_go(node);
        }
        // SAFETY: R2: the word owns every node, and the iterator has read the link already.
        unsafe { draft::free(node.address()) };
    }
}
