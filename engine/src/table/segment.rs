//! A segment: a fixed array of slots that covers one range of hashes.
//!
//! Slots stand in buckets of one cache line. A key's home bucket comes from the low bits of its
//! hash, and its slot is somewhere in the run of [`PROBE_BUCKETS`] buckets that begins there. Runs
//! do not wrap around (rule R7). A slot is claimed in one fixed linear order and never emptied
//! while the segment lives (rule R6), so within a bucket the empty slots are always the last ones.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::NonNull;

use super::entry::Entry;
use super::word::{Slot, Word};
use crate::hooks::{self, Point};
use crate::sync::Guard;
use crate::tree::same_bytes;

/// Slots of a bucket: one cache line.
pub(super) const BUCKET_SLOTS: usize = 8;
/// Buckets of a segment.
pub(super) const BUCKETS: usize = if cfg!(engine_small) { 8 } else { 64 };
/// Buckets that a key may be in.
pub(super) const PROBE_BUCKETS: usize = if cfg!(engine_small) { 2 } else { 6 };
/// Slots of a segment.
pub(crate) const SLOTS: usize = BUCKETS * BUCKET_SLOTS;

const HOMES: usize = BUCKETS - PROBE_BUCKETS + 1;
const LAYOUT: Layout = match Layout::from_size_align(SLOTS * size_of::<Slot>(), 64) {
    Ok(layout) => layout,
    Err(_) => panic!("a segment's layout is valid"),
};
/// Bytes of a segment.
pub(crate) const SEGMENT_BYTES: usize = LAYOUT.size();

const _: () = assert!(BUCKET_SLOTS * size_of::<Slot>() == 64, "a bucket is a cache line");

/// The slots themselves; always behind a pointer from a directory.
#[derive(Debug)]
#[repr(C, align(64))]
pub(super) struct Segment {
    slots: [Slot; SLOTS],
}

/// The tag that a slot word keeps of a hash.
#[inline]
pub(super) fn tag_of(hash: u64) -> u16 {
    (hash >> 16) as u16
}

#[inline]
fn home_of(hash: u64) -> usize {
    ((hash as u16 as usize) * HOMES) >> 16
}

/// What a search for a key in one segment came to.
#[derive(Debug)]
pub(super) enum Probe<'g> {
    /// The key has a slot; its word may be frozen, its entry a tombstone.
    Found(&'g Slot, Word<'g>, Entry<'g>),
    /// The key has no slot; the first empty one of its run is this.
    Vacant(&'g Slot),
    /// The key has no slot, and the first empty one of its run is frozen.
    FrozenVacant,
    /// The key has no slot, and its run has no empty one.
    Full,
}

impl Segment {
    /// Allocates an empty segment.
    pub(super) fn allocate() -> NonNull<Self> {
        // SAFETY: the layout is not empty. A zeroed slot is the empty word.
        let memory = unsafe { alloc_zeroed(LAYOUT) };
        NonNull::new(memory.cast()).unwrap_or_else(|| handle_alloc_error(LAYOUT))
    }

    /// Frees a segment, not the entries it leads to.
    ///
    /// # Safety
    ///
    /// Nobody can reach it any longer, and it is freed once.
    pub(super) unsafe fn free(segment: NonNull<Self>) {
        // SAFETY: allocated with this layout in `allocate`.
        unsafe { dealloc(segment.as_ptr().cast(), LAYOUT) };
    }

    pub(super) fn slots(&self) -> &[Slot; SLOTS] {
        &self.slots
    }

    /// The first slot of the run of `hash`, to prefetch.
    #[inline]
    pub(super) fn run(&self, hash: u64) -> &[Slot] {
        let first = home_of(hash) * BUCKET_SLOTS;
        &self.slots[first..first + PROBE_BUCKETS * BUCKET_SLOTS]
    }

    /// Searches `key` for a reader: an empty slot, frozen or not, ends the search, and so does
    /// the end of the run.
    #[inline]
    pub(super) fn find<'g>(
        &'g self,
        hash: u64,
        key: &[u8],
        guard: &'g Guard,
    ) -> Option<(&'g Slot, Word<'g>, Entry<'g>)> {
        let tag = tag_of(hash);
        for bucket in self.run(hash).chunks_exact(BUCKET_SLOTS) {
            for slot in bucket {
                let word = slot.load(guard);
                if word.tag() == tag
                    && let Some(entry) = word.entry()
                    && same_bytes(entry.key(), key)
                {
                    return Some((slot, word, entry));
                }
            }
            // A bucket fills front to back, so its last slot tells whether any is empty. It is
            // loaded after the others: what was claimed meanwhile is newer than this search.
            if bucket[BUCKET_SLOTS - 1].load(guard).is_vacant() {
                return None;
            }
        }
        None
    }

    /// Searches `key` for a writer (rule R6): slots in linear order, the first empty one is where
    /// the key belongs, and a frozen empty one is never passed over.
    pub(super) fn probe<'g>(&'g self, hash: u64, key: &[u8], guard: &'g Guard) -> Probe<'g> {
        let tag = tag_of(hash);
        for slot in self.run(hash) {
            let word = slot.load_ordered(guard);
            let Some(entry) = word.entry() else {
                if word.is_frozen() {
                    if cfg!(engine_broken = "frozen_empty_skipped") {
                        continue;
                    }
                    return Probe::FrozenVacant;
                }
                return Probe::Vacant(slot);
            };
            if word.tag() == tag && same_bytes(entry.key(), key) {
                return Probe::Found(slot, word, entry);
            }
        }
        Probe::Full
    }

    /// Freezes every slot (rule R8) and appends their words, which are final, to `words`.
    pub(super) fn freeze<'g>(&'g self, guard: &'g Guard, words: &mut Vec<Word<'g>>) {
        words.extend(self.slots.iter().map(|slot| {
            hooks::at(Point::Freezing);
            slot.freeze(guard)
        }));
        hooks::at(Point::Frozen);
    }

    /// Whether the run of `hash` has an empty slot, in a segment nobody else knows.
    pub(super) fn has_room_private(&self, hash: u64) -> bool {
        self.run(hash).iter().any(Slot::is_vacant_private)
    }

    /// Puts `word` into the first empty slot of its run, in a segment nobody else knows.
    ///
    /// Returns whether there was one. Copying a whole segment in slot order always succeeds,
    /// since each word lands at or before the place it had (rule R7).
    pub(super) fn place_private(&self, hash: u64, word: Word<'_>) -> bool {
        for slot in self.run(hash) {
            if slot.is_vacant_private() {
                slot.fill_private(word);
                return true;
            }
        }
        false
    }
}
