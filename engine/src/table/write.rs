//! Writing one key.

use super::chain::{self, Keeping};
use super::counters::Counts;
use super::draft::Draft;
use super::entry::Entry;
use super::keyspace::Keyspace;
use super::segment::{Probe, tag_of};
use super::word::{Slot, Word};
use crate::Error;
use crate::hooks::{self, Point};
use crate::sync::{Guard, pin};
use crate::version::{Era, Held, Stamp, Versions};

/// What a write wants done with the entry it was shown.
#[derive(Debug)]
pub(crate) enum Decision {
    /// Nothing.
    Keep,
    /// Replace it by this one, which may be a tombstone.
    Publish(Draft),
}

/// What became of a write.
#[derive(Debug)]
pub(crate) enum Written<R> {
    /// It took effect, or decided to keep what is there.
    Done(R),
    /// The keyspace may have become another database's meanwhile.
    Moved,
}

/// Why a draft was not published.
enum Unpublished {
    /// The slot has changed. The draft can be used again.
    Raced(Draft),
    /// See [`Written::Moved`].
    Moved,
}

/// How often a write looks at a transaction in its way before it aborts it; every so many looks it
/// lets other threads run. Some tens of microseconds in all, unless the processor is contended.
const TRANSACTION_WAITS: u32 = 1024;
const TRANSACTION_SPINS: u32 = 32;

/// What trimming one slot came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trimmed {
    /// The slot holds no history that nobody needs, or a newer write looks after it.
    Done,
    /// The segment is being replaced; the replacement has to be looked at again.
    Frozen,
}

/// The slot a write goes to, and what is in it.
struct Target<'g> {
    slot: &'g Slot,
    word: Word<'g>,
    head: Option<Entry<'g>>,
}

impl Keyspace {
    /// Replaces the entry of `key` by what `decide` makes of it, as one linearizable step.
    ///
    /// `decide` gets the current entry (expired or not), the draft of an attempt that lost a race,
    /// to use again, and whether a new draft should have room for a version. It runs outside the
    /// announcement (R17), once for every attempt; what its last call returned is returned.
    ///
    /// With the `era` in which the caller found this keyspace, nothing is written if databases
    /// have changed places since.
    ///
    /// Lock-free. A write that meets a transaction half way gives it a moment to finish and then
    /// aborts it.
    ///
    /// # Errors
    ///
    /// [`Error::HashCollisions`] if more keys collide than a segment of the deepest directory
    /// holds, which takes keys that were made to.
    pub(crate) fn write<R>(
        &self,
        hash: u64,
        key: &[u8],
        era: Option<Era>,
        mut decide: impl FnMut(Option<Entry<'_>>, Option<Draft>, bool) -> (Decision, R),
    ) -> Result<Written<R>, Error> {
        let mut spare = None;
        let mut waits = 0;
        loop {
            let guard = pin();
            let Some(located) = self.locate(hash, &guard) else {
                self.create_segment(hash);
                continue;
            };
            let target = match located.segment.probe(hash, key, &guard) {
                Probe::Found(slot, word, head) if !word.is_frozen() => {
                    // Stamped first, also when nothing will be written (R5a, R5c).
                    if self.versions.stamp(head) == Stamp::Undecided {
                        self.pass_transaction(hash, head, &mut waits, &guard);
                        continue;
                    }
                    Target { slot, word, head: Some(head) }
                }
                Probe::Vacant(slot) => Target { slot, word: Word::EMPTY, head: None },
                Probe::Found(..) | Probe::FrozenVacant => {
                    self.finish_replacement(hash, &located, &guard);
                    continue;
                }
                Probe::Full => {
                    self.replace_segment(hash, &located, &guard)?;
                    continue;
                }
            };
            let current = target.head.filter(|head| !head.is_tombstone());
            let (decision, result) = decide(current, spare.take(), !self.versions.is_quiet());
            let Decision::Publish(draft) = decision else {
                return Ok(Written::Done(result));
            };
            match self.publish(hash, &target, draft, era, &guard) {
                Ok(()) => return Ok(Written::Done(result)),
                Err(Unpublished::Raced(draft)) => spare = Some(draft),
                Err(Unpublished::Moved) => return Ok(Written::Moved),
            }
        }
    }

    /// Publishes `draft` over `target`, or gives it back if the slot has changed.
    fn publish<'g>(
        &self,
        hash: u64,
        target: &Target<'g>,
        draft: Draft,
        era: Option<Era>,
        guard: &'g Guard,
    ) -> Result<(), Unpublished> {
        let keeping = self.keeping(hash);
        let mut draft = draft;
        if draft.is_versioned() {
            // A cut may come to hold what this supersedes. It takes a while, so not below (R17).
            note_successor(target, &draft);
        }
        let (announcement, quiet) = loop {
            let announcement = guard.announce();
            hooks::at(Point::Announced);
            if era.is_some_and(|era| self.versions.is_past(era)) {
                return Err(Unpublished::Moved);
            }
            // Read once: a cut that is registered later waits for this announcement.
            let quiet = self.versions.is_quiet();
            if quiet || draft.is_versioned() {
                break (announcement, quiet);
            }
            // A cut was opened since the draft was built. Allocation happens outside (R17).
            drop(announcement);
            // A cut may keep what this supersedes.
            draft.as_entry().repay();
            draft = draft.into_versioned();
            note_successor(target, &draft);
        };
        let link = if quiet {
            None
        } else {
            target.head.and_then(|head| keeping.link_to_needed(target.word, head, u64::MAX))
        };
        if draft.is_versioned() {
            draft.set_link(link.unwrap_or(Word::EMPTY));
        }
        if cfg!(engine_broken = "stamp_before_publish") && draft.is_versioned() {
            self.versions.stamp(draft.as_entry());
        }
        hooks::at(Point::BeforePublish);
        let word = target
            .slot
            .publish(target.word, draft, tag_of(hash), link.is_some(), guard)
            .map_err(Unpublished::Raced)?;
        let entry = word.entry().expect("a published word leads to its entry");
        hooks::at(Point::BeforeStamp);
        // Also a quiet write stamps a versioned entry: a cut that starts later waits for this
        // announcement, so the stamp cannot come out later than the cut.
        self.versions.stamp(entry);
        drop(announcement);
        match target.head.filter(|_| link.is_none()) {
            // SAFETY: nothing links the entry that this one was published over, and it is retired
            // below.
            Some(before) => unsafe { entry.settle(before) },
            None => entry.repay(),
        }
        self.account(target, entry, link, guard);
        if link.is_some() {
            self.versions.note_superseded(guard);
            hooks::at(Point::BeforeSecondLook);
            if !cfg!(engine_broken = "no_second_look") {
                self.trim_key(&keeping, entry.key(), guard);
            }
        }
        Ok(())
    }

    /// Retires what the write superseded for good, and counts.
    fn account<'g>(
        &self,
        target: &Target<'g>,
        entry: Entry<'g>,
        link: Option<Word<'g>>,
        guard: &'g Guard,
    ) {
        let mut counts = Counts { changes: 1, ..Counts::default() };
        counts.count_in(entry);
        if let Some(head) = target.head {
            counts.count_out(head);
            self.versions
                .note_held(guard, chain::retire_difference(target.word, head, link, entry, guard));
        }
        self.counters.add(guard, counts);
    }

    /// Gets a transaction's undecided entry out of the way of a write.
    fn pass_transaction(&self, hash: u64, head: Entry<'_>, waits: &mut u32, guard: &Guard) {
        let Some(batch) = Versions::batch_of(head) else { return };
        *waits += 1;
        if batch.is_pending() && *waits < TRANSACTION_WAITS {
            if waits.is_multiple_of(TRANSACTION_SPINS) {
                std::thread::yield_now();
            } else {
                std::hint::spin_loop();
            }
        } else if batch.abort() {
            self.take_back(hash, head, guard);
        }
    }

    /// Cuts the history of `key` off if nobody needs it (the writer's half of R4).
    pub(super) fn trim_key(&self, keeping: &Keeping<'_>, key: &[u8], guard: &Guard) {
        while let Some(directory) = self.shard(keeping.hash).directory_ordered() {
            let located = self.locate_in(directory, keeping.hash, guard);
            let Probe::Found(slot, ..) = located.segment.probe(keeping.hash, key, guard) else {
                // A replacement dropped the key with all of its history.
                return;
            };
            match self.trim_slot(keeping, slot, guard) {
                Trimmed::Done => return,
                Trimmed::Frozen => {
                    self.finish_replacement(keeping.hash, &located, guard);
                }
            }
        }
    }

    /// Cuts the history of one slot off if nobody needs it.
    pub(super) fn trim_slot<'g>(
        &self,
        keeping: &Keeping<'_>,
        slot: &'g Slot,
        guard: &'g Guard,
    ) -> Trimmed {
        let word = slot.load_ordered(guard);
        if word.is_frozen() {
            return Trimmed::Frozen;
        }
        let Some(head) = word.entry().filter(|_| word.has_chain()) else { return Trimmed::Done };
        if keeping.needs_chain(word, head) {
            return Trimmed::Done;
        }
        hooks::at(Point::BeforeTrim);
        match slot.replace(word, word.with_chain(false)) {
            Ok(()) => {
                self.versions.note_held(guard, retire_chain(word, head, guard));
                Trimmed::Done
            }
            Err(now) if now.is_frozen() => Trimmed::Frozen,
            // Somebody wrote or trimmed; a writer takes its own second look.
            Err(_) => Trimmed::Done,
        }
    }
}

fn note_successor(target: &Target<'_>, draft: &Draft) {
    if let Some(head) = target.head {
        head.note_successor(draft.as_entry());
    }
}

/// Retires everything below the head that `word` owned.
pub(super) fn retire_chain<'g>(word: Word<'g>, head: Entry<'g>, guard: &'g Guard) -> Held {
    let mut held = Held::default();
    for (_, entry) in chain::nodes(word, head).skip(1) {
        held.let_go(entry);
        chain::retire(entry, guard);
    }
    held
}
