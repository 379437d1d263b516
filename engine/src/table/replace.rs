//! Replacing segments: splits, compactions and merges, by freezing, copying and one root swap.
//!
//! ```text
//! freeze every slot ─► copy what is kept into private segments ─► swap the shard's root
//!                                                                  │ won: retire the old ones
//!                                                                  │ lost: free the private ones
//! ```
//!
//! Any thread that meets a frozen slot it needs does all of this itself; a frozen segment's words
//! are final (R8), so it does not matter whose copy is published. What a copy drops is retired by
//! the winner alone (R9).

use std::ptr::NonNull;

use super::chain;
use super::counters::Counts;
use super::directory::{DEPTH_MAX, Directory, DirectoryWord};
use super::entry::Entry;
use super::keyspace::{Keyspace, Located};
use super::segment::{BUCKET_SLOTS, PROBE_BUCKETS, SEGMENT_BYTES, SLOTS, Segment};
use super::word::Word;
use super::write::retire_chain;
use crate::Error;
use crate::hooks::{self, Point};
use crate::sync::{Guard, prefetch};
use crate::version::{Held, Stamp};

/// How many slots ahead of the one that is looked at entries are fetched.
const FREEZE_AHEAD: usize = 16;

/// What a copy of one or two frozen segments keeps, and what the winner retires.
struct Contents<'g> {
    /// Words to place again, in slot order, with their hashes.
    kept: Vec<(u64, Word<'g>)>,
    /// Tombstones that go, with all of their history (R10).
    tombstones: Vec<(Word<'g>, Entry<'g>)>,
    /// Heads that stay and lose their history.
    trimmed: Vec<(Word<'g>, Entry<'g>)>,
}

/// What a segment is replaced for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    /// Room for another key: by a split, unless a copy without tombstones has it.
    Room,
    /// One that is not frozen and has no tombstones.
    Copy,
}

/// Segments that nobody else knows yet; they free themselves unless they are published.
#[derive(Default)]
struct Private(Vec<NonNull<Segment>>);

impl Private {
    fn add(&mut self) -> &Segment {
        let segment = Segment::allocate();
        self.0.push(segment);
        // SAFETY: just allocated, and private.
        unsafe { segment.as_ref() }
    }

    /// Adds two segments of this depth, which share what is kept by the last bit that tells one of
    /// that depth from all others.
    fn add_halves(
        &mut self,
        kept: &[(u64, Word<'_>)],
        shard_bits: u32,
        local_depth: u32,
    ) -> Vec<DirectoryWord> {
        let bit = 1 << (u64::BITS - shard_bits - local_depth);
        let mut half = |is_high: bool| {
            let segment = self.add();
            let of_half = |&(hash, _): &(u64, Word<'_>)| (hash & bit != 0) == is_high;
            fill(segment, kept.iter().copied().filter(of_half));
            DirectoryWord::new(NonNull::from(segment), local_depth)
        };
        vec![half(false), half(true)]
    }

    /// Frees what was added so far.
    fn start_over(&mut self) {
        drop(std::mem::take(self));
    }

    fn published(mut self) {
        self.0.clear();
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        for segment in self.0.drain(..) {
            // SAFETY: never published, so this is the only owner.
            unsafe { Segment::free(segment) };
        }
    }
}

/// Two words of a directory whose segments cover the two halves of one range.
#[derive(Clone, Copy, Debug)]
pub(super) struct Buddies {
    pub(super) low: DirectoryWord,
    pub(super) high: DirectoryWord,
}

impl Keyspace {
    /// Finishes the replacement of a segment that somebody froze.
    pub(super) fn finish_replacement(&self, hash: u64, located: &Located<'_>, guard: &Guard) {
        // The only error is that a split would not help, and the segment was replaced all the
        // same; whoever needs the room reports it.
        let _ = self.replace(hash, located, Wanted::Room, guard);
    }

    /// Replaces a segment by one without its tombstones, however full that is, unless somebody
    /// else replaces it in another way.
    pub(super) fn compact_segment(&self, hash: u64, located: &Located<'_>, guard: &Guard) {
        // As above.
        let _ = self.replace(hash, located, Wanted::Copy, guard);
    }

    /// Replaces the segment in `located`, whose run of `hash` is full: by one without its
    /// tombstones if that makes room, by two halves otherwise.
    ///
    /// Returns when the shard's directory no longer holds that segment, whoever replaced it.
    ///
    /// # Errors
    ///
    /// [`Error::HashCollisions`] if nothing makes room, because the directory is at its deepest.
    pub(super) fn replace_segment(
        &self,
        hash: u64,
        located: &Located<'_>,
        guard: &Guard,
    ) -> Result<(), Error> {
        self.replace(hash, located, Wanted::Room, guard)
    }

    fn replace(
        &self,
        hash: u64,
        located: &Located<'_>,
        wanted: Wanted,
        guard: &Guard,
    ) -> Result<(), Error> {
        let contents = self.freeze(&[located.segment], guard);
        let local_depth = located.word.local_depth();
        // A split does not separate equal hashes either.
        let equal = contents.kept.iter().filter(|&&(other, _)| other == hash).count();
        let deepest = local_depth >= DEPTH_MAX || equal >= PROBE_BUCKETS * BUCKET_SLOTS;
        let keeps_depth = wanted == Wanted::Copy || deepest;
        let mut private = Private(Vec::with_capacity(2));
        let mut words = Vec::new();
        let mut has_room = false;
        // Many a segment is only frozen, not full. To split it whenever a copy would do might go on
        // until the directory is at its deepest, with nothing in it.
        if keeps_depth || contents.kept.len() <= SLOTS / 2 {
            let one = private.add();
            fill(one, contents.kept.iter().copied());
            has_room = one.has_room_private(hash);
            words.push(DirectoryWord::new(NonNull::from(one), local_depth));
        }
        if !keeps_depth && !has_room {
            private.start_over();
            words = private.add_halves(&contents.kept, self.shard_bits(), local_depth + 1);
        }
        hooks::at(Point::BeforeRootSwap);
        if self.swap_root(hash, &[located.word], &words, guard) {
            private.published();
            self.retire_contents(&contents, guard);
        }
        if wanted == Wanted::Room && deepest && !has_room {
            return Err(Error::HashCollisions);
        }
        Ok(())
    }

    /// Replaces two neighbouring segments by one, if what they hold fits.
    ///
    /// Returns whether there is one segment now where there were two.
    pub(super) fn merge(&self, hash: u64, buddies: Buddies, guard: &Guard) -> bool {
        let local_depth = buddies.low.local_depth();
        // SAFETY: the word was read from a directory under the guard (K1).
        let low = unsafe { buddies.low.segment().as_ref() };
        // SAFETY: as above.
        let high = unsafe { buddies.high.segment().as_ref() };
        let contents = self.freeze(&[low, high], guard);
        let mut private = Private(Vec::with_capacity(3));
        let one = private.add();
        // Copying two segments into one may overflow a run, unlike R7. Then each is replaced by a
        // copy of its own, since both are frozen.
        let words = if contents.kept.iter().all(|&(hash, word)| one.place_private(hash, word)) {
            vec![DirectoryWord::new(NonNull::from(one), local_depth - 1)]
        } else {
            private.add_halves(&contents.kept, self.shard_bits(), local_depth)
        };
        hooks::at(Point::BeforeRootSwap);
        let swapped = self.swap_root(hash, &[buddies.low, buddies.high], &words, guard);
        if swapped {
            if words.len() == 2 {
                // SAFETY: the segment that overflowed was not published.
                unsafe { Segment::free(private.0.remove(0)) };
            }
            private.published();
            self.retire_contents(&contents, guard);
        }
        // Two copies are no progress: whoever merges as long as it helps must stop there.
        swapped && words.len() == 1
    }

    /// Freezes `segments` and sorts out what a copy of them keeps.
    fn freeze<'g>(&self, segments: &[&'g Segment], guard: &'g Guard) -> Contents<'g> {
        let mut contents =
            Contents { kept: Vec::with_capacity(SLOTS), tombstones: vec![], trimmed: vec![] };
        // Everything is frozen before anything is looked at (R8).
        let mut words = Vec::with_capacity(segments.len() * SLOTS);
        for segment in segments {
            segment.freeze(guard, &mut words);
        }
        for (at, &word) in words.iter().enumerate() {
            // Each key has to be hashed again, and most are far away.
            if let Some(ahead) = words.get(at + FREEZE_AHEAD) {
                prefetch(ahead.pointer());
            }
            let Some(head) = word.entry() else { continue };
            let hash = self.hash(head.key());
            // The copier stamps what it copies (R5c). An undecided head is copied as it is.
            let decided = matches!(self.versions.stamp(head), Stamp::At(_));
            let keeping = self.keeping(hash);
            let needs_chain = word.has_chain() && (!decided || keeping.needs_chain(word, head));
            let drops_needed_tombstones = cfg!(engine_broken = "tombstone_dropped_early");
            if word.is_tombstone() && decided && (!needs_chain || drops_needed_tombstones) {
                contents.tombstones.push((word, head));
                continue;
            }
            if word.has_chain() && !needs_chain {
                contents.trimmed.push((word, head));
            }
            contents.kept.push((hash, word.with_chain(needs_chain)));
        }
        contents
    }

    /// Swaps the directory words `old`, which cover the range of `hash`, for `new`.
    ///
    /// Returns whether this call did it; otherwise somebody else has replaced `old`.
    fn swap_root(
        &self,
        hash: u64,
        old: &[DirectoryWord],
        new: &[DirectoryWord],
        guard: &Guard,
    ) -> bool {
        let shard = self.shard(hash);
        loop {
            let directory = shard.directory().expect("a shard that had a directory has one");
            // SAFETY: K1: read from the shard under the guard.
            let depth = unsafe { directory.depth() };
            // First word of the range that `old` covers.
            let covered_depth = old[0].local_depth() - (old.len() as u32 - 1);
            if depth < covered_depth {
                return false;
            }
            let width = 1_usize << (depth - covered_depth);
            let first = self.directory_index(hash, depth) & !(width - 1);
            let step = width / old.len();
            let stands = step > 0
                && old.iter().enumerate().all(|(i, &word)| {
                    // SAFETY: K1; the index is inside the range that `old` covers.
                    let found = unsafe { directory.word(first + i * step) };
                    found == word
                });
            if !stands {
                return false;
            }
            let grown = depth.max(new[0].local_depth());
            let replacement = Directory::allocate(grown, |index| {
                let was = index >> (grown - depth);
                if (first..first + width).contains(&was) {
                    let offset = index - (first << (grown - depth));
                    let width = width << (grown - depth);
                    new[offset * new.len() / width]
                } else {
                    // SAFETY: K1; the index is below 2^depth.
                    unsafe { directory.word(was) }
                }
            });
            if shard.replace(Some(directory), replacement) {
                retire_directory(directory, guard);
                for word in old {
                    retire_segment(*word, guard);
                }
                return true;
            }
            // SAFETY: never published.
            unsafe { replacement.free() };
        }
    }

    /// Retires what the published copy left out, and counts it out.
    fn retire_contents(&self, contents: &Contents<'_>, guard: &Guard) {
        let mut counts = Counts::default();
        let mut held = Held::default();
        for &(word, head) in &contents.trimmed {
            held = held.and(retire_chain(word, head, guard));
        }
        for &(word, head) in &contents.tombstones {
            counts.count_out(head);
            held = held.and(retire_chain(word, head, guard));
            chain::retire(head, guard);
        }
        self.counters.add(guard, counts);
        self.versions.note_held(guard, held);
    }
}

/// Copies words in slot order into an empty private segment, where they always fit (R7).
fn fill<'g>(segment: &Segment, kept: impl Iterator<Item = (u64, Word<'g>)>) {
    for (hash, word) in kept {
        assert!(segment.place_private(hash, word), "a copy in slot order fits (R7)");
    }
}

fn retire_directory(directory: Directory, guard: &Guard) {
    // SAFETY: K1: the root swap that took the directory out was won by the caller.
    let bytes = unsafe { directory.heap_bytes() };
    let free = move || {
        // SAFETY: as above, and nobody who could have read the old root is pinned any longer.
        unsafe { directory.free() };
    };
    // SAFETY: as above; any thread may free it.
    unsafe { guard.retire(bytes, free) };
}

fn retire_segment(word: DirectoryWord, guard: &Guard) {
    let segment = word.segment();
    let free = move || {
        // SAFETY: K1: the root swap that took the segment out was won by the caller, and nobody
        // who could have read the old root is pinned any longer.
        unsafe { Segment::free(segment) };
    };
    // SAFETY: as above; any thread may free it.
    unsafe { guard.retire(SEGMENT_BYTES, free) };
}

#[cfg(test)]
mod tests {
    use crate::sync::pin;
    use crate::{Expiry, Options, Store};

    #[test]
    fn a_segment_that_is_only_frozen_is_not_split() {
        let options = Options::in_memory().shards(1).maintenance(false);
        let store = Store::open(options).expect("nothing can fail in memory");
        let database = store.database(0).expect("there is a first database");
        let keys = [&b"atlas"[..], b"luna", b"io"];
        for (round, key) in (0..40_u64).zip(keys.into_iter().cycle()) {
            let guard = pin();
            let keyspace = database.keyspace(&guard);
            let hash = keyspace.hash(key);
            if let Some(located) = keyspace.locate(hash, &guard) {
                assert_eq!(located.word.local_depth(), 0, "round {round}");
                located.segment.freeze(&guard, &mut Vec::new());
            }
            // One that is there, one that is not, and one that is removed, in turns.
            let set = if round % 5 == 0 {
                database.remove(key);
                Ok(false)
            } else {
                database.set(key, round.to_le_bytes().as_slice(), Expiry::Never)
            };
            assert!(set.is_ok(), "round {round}");
        }
    }
}
