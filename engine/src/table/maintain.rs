//! Upkeep of one segment at a time: expiry, compaction, merging.

use super::content::{Content, Payload};
use super::counters::Counts;
use super::directory::DirectoryWord;
use super::draft::Draft;
use super::entry::Entry;
use super::keyspace::{HashRange, Keyspace, Located};
use super::replace::Buddies;
use super::segment::{SLOTS, Segment};
use super::shelf::Aside;
use super::write::{Decision, Written};
use crate::Expiry;
use crate::lapse::Lapse;
use crate::sync::{Guard, pin};

/// How many times as many live entries as tombstones a segment may have, and a table, before it is
/// worth compacting. One figure for both: a table that has too many tombstones then has a segment
/// that has too many, so a sweep of it does away with some.
const LIVE_PER_TOMBSTONE: u64 = 4;
/// Tombstones that a table may have whatever else it has.
const TOMBSTONES_MIN: i64 = 1024;
/// Live entries of two neighbours together up to which they are merged. A split leaves each half
/// with about a third of its slots live, so a merge is far from causing the next split.
const MERGED_LIVE_MAX: usize = SLOTS * 3 / 8;

/// How a segment is looked after.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Care {
    /// What has expired by this time is removed; nothing if there is none.
    pub(crate) expired_by_unix_ms: Option<u64>,
    /// Whether the keys of which something was removed are listed.
    pub(crate) lists: bool,
}

/// What looking after one segment came to.
#[derive(Debug, Default)]
pub(crate) struct Tended {
    /// Where the next segment begins, if there is one.
    pub(crate) next: Option<u64>,
    /// Keys removed because they had expired.
    pub(crate) expired: u64,
    /// Keys of which something was removed, if they are listed.
    pub(crate) lapsed: Vec<(Box<[u8]>, Lapse)>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Occupancy {
    live: usize,
    /// Tombstones with nothing below them that a cut needs.
    droppable: usize,
    frozen: bool,
}

impl Keyspace {
    /// Looks after the segment that covers `from`: removes what has expired, compacts tombstones,
    /// and merges it with its neighbours while they are nearly empty.
    pub(crate) fn tend(&self, from: u64, care: Care) -> Tended {
        let guard = pin();
        let mut tended = Tended::default();
        let Some(located) = self.locate(from, &guard) else {
            let last = HashRange::of_prefix(from, self.shard_bits()).last;
            return Tended { next: last.checked_add(1), ..tended };
        };
        if let Some(now_unix_ms) = care.expired_by_unix_ms {
            self.remove_expired(located.segment, now_unix_ms, care.lists, &mut tended, &guard);
        }
        let Occupancy { live, droppable, frozen } = self.occupancy(located.segment, &guard);
        // A merge that came to nothing, because somebody replaced one of the two, leaves the other
        // frozen, and nobody may come by to write there.
        if frozen || droppable as u64 * LIVE_PER_TOMBSTONE > live as u64 {
            self.compact_segment(from, &located, &guard);
        }
        while self.merge_at(from) {}
        let last = self.locate(from, &guard).map_or(u64::MAX, |now| self.range_of(from, &now).last);
        tended.next = last.checked_add(1);
        tended
    }

    fn occupancy(&self, segment: &Segment, guard: &Guard) -> Occupancy {
        let mut sum = Occupancy::default();
        for slot in segment.slots() {
            let word = slot.load(guard);
            sum.frozen |= word.is_frozen();
            let Some(head) = word.entry() else { continue };
            if !word.is_tombstone() {
                sum.live += 1;
            } else if !word.has_chain()
                || !self.keeping(self.hash(head.key())).needs_chain(word, head)
            {
                sum.droppable += 1;
            }
        }
        sum
    }

    /// Puts every entry of the segment that covers `from` into new memory, and returns how many.
    /// None while cuts are open, which would keep the old ones.
    pub(crate) fn pack(&self, from: u64) -> u64 {
        let guard = pin();
        let Some(located) = self.locate(from, &guard) else { return 0 };
        let _aside = Aside::new();
        let mut packed = 0;
        for slot in located.segment.slots() {
            let word = slot.load(&guard);
            let Some(entry) = word.entry().filter(|entry| !entry.is_tombstone()) else { continue };
            let key = entry.key();
            let outcome = self.write(self.hash(key), key, None, |current, _, versioned| {
                // What has just been replaced is in new memory already.
                match current.filter(|_| !versioned).and_then(Entry::try_content) {
                    None => (Decision::Keep, false),
                    Some(content) => (Decision::Publish(Draft::new(content, false)), true),
                }
            });
            packed += u64::from(matches!(outcome, Ok(Written::Done(true))));
        }
        // Nobody has changed anything.
        self.counters.add(&guard, Counts { changes: -(packed as i64), ..Counts::default() });
        packed
    }

    fn remove_expired(
        &self,
        segment: &Segment,
        now_unix_ms: u64,
        lists: bool,
        tended: &mut Tended,
        guard: &Guard,
    ) {
        let lapse = |entry: Entry<'_>| Lapse::of(entry, now_unix_ms);
        for slot in segment.slots() {
            let word = slot.load(guard);
            let Some(entry) = word.entry().filter(|entry| lapse(*entry).is_some()) else {
                continue;
            };
            let key = entry.key();
            let outcome = self.write(self.hash(key), key, None, |current, _, versioned| {
                // Looked at again: it may have been written meanwhile.
                let lapsed = current.and_then(|entry| Some((entry, lapse(entry)?)));
                let Some((entry, lapse)) = lapsed else { return (Decision::Keep, None) };
                let draft = match entry.collection().filter(|_| !lapse.ends_key()) {
                    None => tombstone(key, versioned),
                    // Some of its elements have expired, and others are left.
                    Some(collection) => {
                        let Some(rest) = collection.try_clone_at(now_unix_ms) else {
                            // It has just been replaced; the next round looks at what took its
                            // place.
                            return (Decision::Keep, None);
                        };
                        Draft::of_collection(key, rest, entry.expiry(), versioned)
                    }
                };
                (Decision::Publish(draft), Some(lapse))
            });
            let Ok(Written::Done(Some(lapse))) = outcome else { continue };
            tended.expired += u64::from(lapse.ends_key());
            if lists {
                tended.lapsed.push((key.into(), lapse));
            }
        }
    }

    /// Merges the segment that covers `from` with its buddy, if both are nearly empty.
    fn merge_at(&self, from: u64) -> bool {
        let guard = pin();
        let Some(located) = self.locate(from, &guard) else { return false };
        let Some(buddies) = self.buddies(from, &located) else { return false };
        let live: usize = [buddies.low, buddies.high]
            .map(|word| {
                // SAFETY: read from a directory under the guard.
                let occupancy = self.occupancy(unsafe { word.segment().as_ref() }, &guard);
                if occupancy.frozen { SLOTS } else { occupancy.live }
            })
            .iter()
            .sum();
        live <= MERGED_LIVE_MAX && self.merge(from, buddies, &guard)
    }

    /// The two directory words that one merge would join, if both are single segments.
    fn buddies(&self, hash: u64, located: &Located<'_>) -> Option<Buddies> {
        let local_depth = located.word.local_depth();
        if local_depth == 0 {
            return None;
        }
        // SAFETY: `located` was read under a guard that the caller holds.
        let depth = unsafe { located.directory.depth() };
        let width = 1_usize << (depth - local_depth);
        let low_index = self.directory_index(hash, depth) & !(2 * width - 1);
        let word_at = |index: usize| -> DirectoryWord {
            // SAFETY: as above; both indexes are below 2^depth.
            unsafe { located.directory.word(index) }
        };
        let (low, high) = (word_at(low_index), word_at(low_index + width));
        (low.local_depth() == local_depth && high.local_depth() == local_depth)
            .then_some(Buddies { low, high })
    }

    /// Whether compaction is worth a pass over the whole table.
    pub(crate) fn wants_compaction(&self) -> bool {
        let Counts { keys, tombstones, .. } = self.counts();
        tombstones > TOMBSTONES_MIN.max(keys / LIVE_PER_TOMBSTONE as i64)
    }
}

/// A draft that marks `key` as removed.
pub(crate) fn tombstone(key: &[u8], versioned: bool) -> Draft {
    let content = Content { key, payload: Payload::Tombstone, expiry: Expiry::Never };
    Draft::new(content, versioned)
}
