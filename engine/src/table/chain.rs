//! Version chains: which superseded entries a slot keeps, and who retires the others.
//!
//! A slot word owns a set of entries (rule R2):
//!
//! ```text
//! nodes(word) = { the entry } ∪ ( CHAIN set in word ? nodes(the entry's link) : ∅ )
//! ```
//!
//! Versions and links never change. Every change of ownership is one swap of the slot word, or of
//! a shard's root for whole segments; whoever wins it retires `nodes(before) − nodes(after)`, and
//! nobody else retires anything.

use super::draft;
use super::entry::Entry;
use super::word::Word;
use crate::sync::Guard;
use crate::sync::atomic::AtomicU16;
use crate::version::{Held, Stamp, Versions};

/// The version at which the head of a chain is superseded: not yet.
const NOT_SUPERSEDED: u64 = u64::MAX;

/// What a change of a collection leaves behind, between the five kilobytes of one element and the
/// hundred of a hundred elements.
const CHANGE_BYTES: usize = 16 << 10;

/// What decides whether a superseded entry is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keeping<'a> {
    pub(super) versions: &'a Versions,
    /// Rank of the keyspace in the order of walks.
    pub(super) rank: &'a AtomicU16,
    pub(super) hash: u64,
}

/// The link of `entry`, if the word that led to it says that it may be followed.
#[inline]
pub(super) fn predecessor<'g>(word: Word<'g>, entry: Entry<'g>) -> Option<(Word<'g>, Entry<'g>)> {
    if !word.has_chain() {
        return None;
    }
    // SAFETY: the word that led to the entry has CHAIN.
    let link = unsafe { entry.link() };
    Some((link, link.entry()?))
}

/// All entries that `word` owns, newest first.
pub(super) fn nodes<'g>(
    word: Word<'g>,
    entry: Entry<'g>,
) -> impl Iterator<Item = (Word<'g>, Entry<'g>)> {
    std::iter::successors(Some((word, entry)), move |&(word, entry)| predecessor(word, entry))
}

/// The entry that is current, maybe a tombstone: the head, or what it covers while its
/// transaction is undecided.
#[inline]
pub(super) fn current<'g>(
    word: Word<'g>,
    entry: Entry<'g>,
    versions: &Versions,
) -> Option<Entry<'g>> {
    match versions.stamp(entry) {
        Stamp::At(_) => Some(entry),
        Stamp::Undecided => predecessor(word, entry).map(|(_, entry)| entry),
    }
}

/// The entry that a cut at `version` sees, tombstones left out.
pub(super) fn visible_at<'g>(
    word: Word<'g>,
    entry: Entry<'g>,
    version: u64,
    versions: &Versions,
) -> Option<Entry<'g>> {
    nodes(word, entry)
        .find(|&(_, entry)| match versions.stamp(entry) {
            Stamp::At(from) => from <= version,
            Stamp::Undecided => false,
        })
        .map(|(_, entry)| entry)
        .filter(|entry| !entry.is_tombstone())
}

impl Keeping<'_> {
    fn is_needed(&self, from: u64, until: u64) -> bool {
        self.versions.is_needed(from, until, self.rank, self.hash)
    }

    fn stamp(&self, entry: Entry<'_>) -> u64 {
        match self.versions.stamp(entry) {
            Stamp::At(version) => version,
            // Only heads are ever undecided, and callers have waited for those.
            Stamp::Undecided => NOT_SUPERSEDED,
        }
    }

    /// The link that a new version, superseding `word`, has to have: to the first entry that a
    /// cut needs, with `CHAIN` only if one below it is needed too (rule R3).
    pub(super) fn link_to_needed<'g>(
        &self,
        word: Word<'g>,
        entry: Entry<'g>,
        superseded_at: u64,
    ) -> Option<Word<'g>> {
        let mut until = superseded_at;
        let mut first: Option<Word<'g>> = None;
        for (word, entry) in nodes(word, entry) {
            let from = self.stamp(entry);
            if self.is_needed(from, until) {
                match first {
                    None => first = Some(word.with_chain(false)),
                    Some(link) => return Some(link.with_chain(true)),
                }
            }
            until = from;
        }
        first
    }

    /// Whether anything below the head is needed. The head is stamped.
    pub(super) fn needs_chain<'g>(&self, word: Word<'g>, head: Entry<'g>) -> bool {
        let Stamp::At(superseded_at) = self.versions.stamp(head) else { return true };
        predecessor(word, head)
            .is_some_and(|(link, entry)| self.link_to_needed(link, entry, superseded_at).is_some())
    }
}

/// Retires `nodes(before)` less `nodes(after)`, where `after` is the link into the chain of
/// `before` that its `successor` has, and returns the change of what cuts hold: the head of
/// `before` was current until then and is held from then on unless it is retired. What those that
/// are retired shared with the newest one that is kept is left to it.
pub(super) fn retire_difference<'g>(
    before: Word<'g>,
    head: Entry<'g>,
    after: Option<Word<'g>>,
    successor: Entry<'g>,
    guard: &'g Guard,
) -> Held {
    let mut held = Held::default();
    let mut kept_below = false;
    // Stays empty, and without an allocation, unless something below may be kept.
    let mut gone: Vec<Entry<'g>> = Vec::new();
    for (depth, (word, entry)) in nodes(before, head).enumerate() {
        let keep = match after {
            // Everything below the first kept entry stays iff the link says so.
            Some(link) if link.same_entry(word) => {
                kept_below = link.has_chain();
                leave_to(entry, &gone, successor, &mut held);
                true
            }
            _ => kept_below,
        };
        match (keep, depth) {
            (true, 0) => held.add(entry),
            (true, _) => {}
            (false, 0) => retire_bytes(entry, replaced_bytes(entry, successor), guard),
            (false, _) => {
                held.let_go(entry);
                retire(entry, guard);
            }
        }
        if !keep && after.is_some() {
            gone.push(entry);
        }
    }
    held
}

/// Leaves to `kept` what the versions after it that are gone, newest first, had from it.
fn leave_to(kept: Entry<'_>, gone: &[Entry<'_>], successor: Entry<'_>, held: &mut Held) {
    let Some(older) = kept.stored() else { return };
    let mut successor = successor;
    for &entry in gone {
        let left = entry.stored().map(|stored| stored.bytes_left_to(older, successor.collection()));
        held.grow(kept, left.unwrap_or(0));
        successor = entry;
    }
}

/// Hands an entry that is out of the table to the collector (E3).
pub(super) fn retire(entry: Entry<'_>, guard: &Guard) {
    retire_bytes(entry, entry.heap_bytes(), guard);
}

/// About what is freed with an entry that `successor` has replaced. A large collection shares most
/// of its nodes with what was made of it, and to hand garbage over at every change would take longer
/// than the change.
fn replaced_bytes(entry: Entry<'_>, successor: Entry<'_>) -> usize {
    let bytes = entry.heap_bytes();
    match (entry.collection(), successor.collection()) {
        (Some(before), Some(after)) if bytes > CHANGE_BYTES && before.is_near(after) => {
            CHANGE_BYTES.max(bytes.saturating_sub(successor.heap_bytes()))
        }
        _ => bytes,
    }
}

fn retire_bytes(entry: Entry<'_>, bytes: usize, guard: &Guard) {
    let address = entry.address();
    let free = move || {
        // SAFETY: the caller has won the swap that took the entry out of the table, so it is
        // retired once (E3), and nobody is pinned any longer who could reach it.
        unsafe { draft::free(address) };
    };
    // SAFETY: as above; an entry is plain bytes and counted bytes, which any thread may free.
    unsafe { guard.retire(bytes, free) };
}
