//! A transaction's entries: installed undecided, then visible together or taken back.

use super::chain;
use super::counters::Counts;
use super::draft::Draft;
use super::entry::Entry;
use super::keyspace::Keyspace;
use super::maintain::tombstone;
use super::segment::{Probe, tag_of};
use super::word::{Slot, Word};
use crate::Error;
use crate::sync::Guard;
use crate::sync::atomic::Ordering;
use crate::version::batch::Batch;
use crate::version::{Held, Stamp};

/// What a transaction saw under a key: an entry's identity, or nothing.
///
/// Absence has an identity too, that of the tombstone: a key that came and went is not the same.
/// Identities are addresses, so they mean something only while the guard is held under which
/// they were taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Observed(Option<*mut u8>);

/// An entry that a transaction has installed and that is not decided yet.
#[derive(Debug)]
pub(crate) struct Installed<'g> {
    /// The slot word that leads to it.
    word: Word<'g>,
    hash: u64,
    /// Whether it counts as a change.
    counts: bool,
}

impl Observed {
    pub(crate) fn of(entry: Option<Entry<'_>>) -> Self {
        Self(entry.map(Entry::address))
    }
}

impl Keyspace {
    /// The identity of what is current under `key`, or `None` if a transaction is about to
    /// change it.
    pub(crate) fn observe(&self, hash: u64, key: &[u8], guard: &Guard) -> Option<Observed> {
        let found =
            self.locate(hash, guard).and_then(|located| located.segment.find(hash, key, guard));
        let Some((_, _, head)) = found else { return Some(Observed(None)) };
        (self.versions.stamp(head) != Stamp::Undecided).then(|| Observed::of(Some(head)))
    }

    /// Installs `draft` over what is current under its key, to become visible with `batch`.
    ///
    /// The new entry links its predecessor whatever cuts are open, since that stays current until
    /// the batch is committed. So nothing is decided here that a new cut could make wrong, and no
    /// announcement is needed.
    ///
    /// The caller holds the latch of the key against other transactions. Returns `None` if the
    /// key is not, or no longer, as `expected`.
    ///
    /// # Errors
    ///
    /// [`Error::HashCollisions`].
    pub(crate) fn install<'g>(
        &self,
        hash: u64,
        expected: Option<Observed>,
        draft: Draft,
        counts: bool,
        batch: *const Batch,
        guard: &'g Guard,
    ) -> Result<Option<Installed<'g>>, Error> {
        let mut draft = draft;
        draft.set_version_word(Batch::version_word(batch));
        loop {
            let Some(located) = self.locate(hash, guard) else {
                self.create_segment(hash);
                continue;
            };
            let (slot, word, head) =
                match located.segment.probe(hash, draft.as_entry().key(), guard) {
                    Probe::Found(slot, word, head) if !word.is_frozen() => (slot, word, Some(head)),
                    Probe::Vacant(slot) => (slot, Word::EMPTY, None),
                    Probe::Found(..) | Probe::FrozenVacant => {
                        self.finish_replacement(hash, &located, guard);
                        continue;
                    }
                    Probe::Full => {
                        self.replace_segment(hash, &located, guard)?;
                        continue;
                    }
                };
            // Stamped before anything is published over it (R5a). An undecided head belongs to a
            // transaction that is being taken back.
            if head.is_some_and(|head| self.versions.stamp(head) == Stamp::Undecided) {
                return Ok(None);
            }
            if expected.is_some_and(|expected| expected != Observed::of(head)) {
                return Ok(None);
            }
            if let Some(head) = head {
                head.note_successor(draft.as_entry());
            }
            draft.set_link(word);
            match slot.publish(word, draft, tag_of(hash), head.is_some(), guard) {
                Ok(word) => {
                    let mut held = Held::default();
                    if let Some(head) = head {
                        held.add(head);
                    }
                    self.versions.note_held(guard, held);
                    return Ok(Some(Installed { word, hash, counts }));
                }
                Err(raced) => draft = raced,
            }
        }
    }

    /// Ends the life of a committed entry as part of a batch: gives it the batch's version,
    /// counts it, and cuts off what it covered if no cut needs that. Returns what it has replaced,
    /// if it counts as a change.
    pub(crate) fn settle<'g>(
        &self,
        installed: &Installed<'g>,
        version: u64,
        guard: &'g Guard,
    ) -> Option<Entry<'g>> {
        let entry = installed.entry();
        if let Some(word) = entry.version() {
            // Only the owner of a batch replaces the words that lead to it.
            word.store(version, Ordering::SeqCst);
        }
        let changes = i64::from(installed.counts);
        let mut counts = Counts { changes, ..Counts::default() };
        counts.count_in(entry);
        let covered = chain::predecessor(installed.word, entry);
        if let Some((_, covered)) = covered {
            counts.count_out(covered);
        }
        self.counters.add(guard, counts);
        if covered.is_some() {
            self.versions.note_superseded(guard);
            let keeping = self.keeping(installed.hash);
            self.trim_key(&keeping, entry.key(), guard);
            self.shorten(installed, guard);
        }
        covered.map(|(_, covered)| covered).filter(|_| installed.counts)
    }

    /// Replaces a settled entry by a copy that links only what a cut needs, if its own link leads
    /// over entries that nobody does. Keeps chains short under repeated transactions (R3).
    fn shorten(&self, installed: &Installed<'_>, guard: &Guard) {
        let entry = installed.entry();
        let keeping = self.keeping(installed.hash);
        let Stamp::At(version) = self.versions.stamp(entry) else { return };
        let Some(located) = self.locate(installed.hash, guard) else { return };
        let Probe::Found(slot, word, head) =
            located.segment.probe(installed.hash, entry.key(), guard)
        else {
            return;
        };
        if word.is_frozen() || !word.has_chain() || head.address() != entry.address() {
            return;
        }
        let Some((below, predecessor)) = chain::predecessor(word, head) else { return };
        let link = keeping.link_to_needed(below, predecessor, version);
        if link.is_none_or(|link| link.same_entry(below)) {
            return;
        }
        let Some(content) = entry.try_content() else { return };
        let mut copy = Draft::new(content, true);
        copy.set_version_word(version);
        copy.set_link(link.unwrap_or(Word::EMPTY));
        let Ok(published) = slot.publish(word, copy, tag_of(installed.hash), link.is_some(), guard)
        else {
            return;
        };
        let copy = published.entry().expect("a published word leads to its entry");
        self.versions.note_held(guard, chain::retire_difference(word, head, link, copy, guard));
    }

    /// Takes back what `installed` stands for, whose batch was aborted.
    pub(crate) fn give_up(&self, installed: &Installed<'_>, guard: &Guard) {
        let entry = installed.entry();
        self.take_back(installed.hash, entry, guard);
    }

    /// Takes an entry of an aborted batch out of the table, so that what it covered is there as
    /// if nothing had happened. Any thread may do this; one succeeds.
    pub(super) fn take_back(&self, hash: u64, entry: Entry<'_>, guard: &Guard) {
        while let Some(located) = self.locate(hash, guard) {
            let Probe::Found(slot, word, head) = located.segment.probe(hash, entry.key(), guard)
            else {
                return;
            };
            if head.address() != entry.address() {
                return;
            }
            if word.is_frozen() {
                self.finish_replacement(hash, &located, guard);
                continue;
            }
            let taken = match chain::predecessor(word, entry) {
                Some((link, covered)) => self.uncover(slot, word, link, covered, guard),
                None => self.bury(slot, word, entry, guard),
            };
            if taken {
                chain::retire(entry, guard);
                return;
            }
        }
    }

    /// Puts the covered entry back into its slot.
    fn uncover<'g>(
        &self,
        slot: &'g Slot,
        word: Word<'g>,
        link: Word<'g>,
        covered: Entry<'g>,
        guard: &'g Guard,
    ) -> bool {
        let uncovered = slot.replace(word, link).is_ok();
        if uncovered {
            let mut held = Held::default();
            held.take_back(covered);
            self.versions.note_held(guard, held);
        }
        uncovered
    }

    /// Leaves a tombstone in a slot that was empty, since it can never be so again (R6).
    fn bury<'g>(&self, slot: &'g Slot, word: Word<'g>, entry: Entry<'g>, guard: &'g Guard) -> bool {
        let grave = tombstone(entry.key(), false);
        let Ok(buried) = slot.publish(word, grave, word.tag(), false, guard) else { return false };
        let mut counts = Counts::default();
        counts.count_in(buried.entry().expect("a published word leads to its entry"));
        self.counters.add(guard, counts);
        true
    }
}

impl<'g> Installed<'g> {
    pub(super) fn entry(&self) -> Entry<'g> {
        self.word.entry().expect("an installed word leads to its entry")
    }
}
