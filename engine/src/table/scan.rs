//! Going through a keyspace in hash order, one segment at a time.

use super::chain;
use super::entry::Entry;
use super::keyspace::{HashRange, Keyspace};
use super::segment::{SLOTS, Segment};
use super::write::Trimmed;
use crate::sync::{Guard, pin};

/// The entries of one segment, in ascending (hash, key) order, and where the segment ends.
#[derive(Debug)]
pub(crate) struct Page<'g> {
    pub(crate) entries: Vec<(u64, Entry<'g>)>,
    /// The last hash that the page covers.
    pub(crate) last: u64,
}

impl Keyspace {
    /// Collects what `visible` makes of the segment that covers `from`: entries with hashes from
    /// `from` on, sorted by hash, then key (R12, R18).
    fn page<'g>(
        &self,
        from: u64,
        guard: &'g Guard,
        mut visible: impl FnMut(super::word::Word<'g>, Entry<'g>) -> Option<Entry<'g>>,
    ) -> Page<'g> {
        let Some(directory) = self.shard(from).directory_ordered() else {
            let last = HashRange::of_prefix(from, self.shard_bits()).last;
            return Page { entries: Vec::new(), last };
        };
        let located = self.locate_in(directory, from, guard);
        let last = self.range_of(from, &located).last;
        // Every entry is a cache miss; asked for together they come while others are waited for.
        let mut heads = Vec::with_capacity(SLOTS);
        for slot in located.segment.slots() {
            let word = slot.load_ordered(guard);
            let Some(head) = word.entry() else { continue };
            head.prefetch();
            heads.push((word, head));
        }
        let mut entries = Vec::with_capacity(heads.len());
        for (word, head) in heads {
            if let Some(entry) = visible(word, head) {
                let hash = self.hash(entry.key());
                if hash >= from {
                    entries.push((hash, entry));
                }
            }
        }
        entries.sort_unstable_by(|(left_hash, left), (right_hash, right)| {
            left_hash.cmp(right_hash).then_with(|| left.key().cmp(right.key()))
        });
        Page { entries, last }
    }

    /// What a cut at `version` sees of the segment that covers `from`.
    pub(crate) fn page_at<'g>(&self, from: u64, version: u64, guard: &'g Guard) -> Page<'g> {
        self.page(from, guard, |word, head| chain::visible_at(word, head, version, &self.versions))
    }

    /// What is current in the segment that covers `from`.
    pub(crate) fn current_page<'g>(&self, from: u64, guard: &'g Guard) -> Page<'g> {
        self.page(from, guard, |word, head| {
            chain::current(word, head, &self.versions).filter(|entry| !entry.is_tombstone())
        })
    }

    /// Cuts off all history in the hashes `first..=last` that nobody needs (the walk's half of
    /// R4). Works on the segments as they are now, and helps those that are being replaced.
    pub(crate) fn trim_range(&self, first: u64, last: u64) {
        let mut from = first;
        loop {
            let guard = pin();
            let reached = match self.shard(from).directory_ordered() {
                None => HashRange::of_prefix(from, self.shard_bits()).last,
                Some(directory) => {
                    let located = self.locate_in(directory, from, &guard);
                    let range = self.range_of(from, &located);
                    if self.trim_segment(located.segment, &guard) == Trimmed::Frozen {
                        // The copier may have decided before the cursor moved: do it again.
                        self.finish_replacement(from, &located, &guard);
                        continue;
                    }
                    range.last
                }
            };
            match reached.checked_add(1) {
                Some(next) if reached < last => from = next,
                _ => return,
            }
        }
    }

    fn trim_segment(&self, segment: &Segment, guard: &Guard) -> Trimmed {
        for slot in segment.slots() {
            let word = slot.load_ordered(guard);
            if word.is_frozen() {
                return Trimmed::Frozen;
            }
            if !word.has_chain() {
                continue;
            }
            let Some(head) = word.entry() else { continue };
            let keeping = self.keeping(self.hash(head.key()));
            if self.trim_slot(&keeping, slot, guard) == Trimmed::Frozen {
                return Trimmed::Frozen;
            }
        }
        Trimmed::Done
    }

    /// A current entry chosen at random: a random segment, then any of its keys, each as likely.
    ///
    /// `random` gives independent random words. `None` if none was found in `tries` segments.
    pub(crate) fn sample<'g>(
        &self,
        tries: u32,
        random: &mut dyn FnMut() -> u64,
        guard: &'g Guard,
    ) -> Option<Entry<'g>> {
        for _ in 0..tries {
            let Some(located) = self.locate(random(), guard) else { continue };
            let mut live = Vec::with_capacity(SLOTS);
            for slot in located.segment.slots() {
                let word = slot.load(guard);
                if !word.is_vacant() && !word.is_tombstone() {
                    live.push(word);
                }
            }
            if live.is_empty() {
                continue;
            }
            let word = live[(random() % live.len() as u64) as usize];
            let Some(head) = word.entry() else { continue };
            let current = chain::current(word, head, &self.versions);
            if let Some(entry) = current.filter(|entry| !entry.is_tombstone()) {
                return Some(entry);
            }
        }
        None
    }
}
