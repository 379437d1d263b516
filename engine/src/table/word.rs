//! The slot word: a tag, a pointer to an entry, and three flags in one atomic word.
//!
//! ```text
//!  63            48 47                                     3   2    1     0
//! ┌────────────────┬────────────────────────────────────────┬────┬─────┬──────┐
//! │ tag of the key │ address of the entry, 8-byte aligned   │TOMB│CHAIN│FROZEN│
//! └────────────────┴────────────────────────────────────────┴────┴─────┴──────┘
//! ```
//!
//! * `FROZEN`: the segment is being replaced; the word never changes again (rule R8).
//! * `CHAIN`: the entry's link to its predecessor may be followed (rule R2). The same bit has the
//!   same meaning in the link itself.
//! * `TOMB`: the entry is a tombstone, so that a scan need not touch it to know.
//!
//! The all-zero word is an empty slot; a frozen empty slot has `FROZEN` alone.

use std::ptr;

use crate::sync::atomic::{AtomicPtr, Ordering};

const FROZEN: usize = 1;
const CHAIN: usize = 2;
const TOMBSTONE: usize = 4;
const FLAGS: usize = FROZEN | CHAIN | TOMBSTONE;
const TAG_SHIFT: u32 = 48;
const ADDRESS: usize = (1 << TAG_SHIFT) - 1;

const _: () = assert!(usize::BITS == 64, "the slot word packs a tag beside a 48-bit address");

/// The value of a slot, or of a link between versions.
///
/// Keeps its pointer's provenance, so that the table runs under Miri.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Word(*mut u8);

impl Word {
    pub(super) const EMPTY: Self = Self(ptr::null_mut());

    /// Packs a pointer to an entry; no flag is set.
    pub(super) fn new(entry: *mut u8, tag: u16) -> Self {
        debug_assert!(entry.addr() & FLAGS == 0 && entry.addr() & !ADDRESS == 0);
        Self(entry.map_addr(|address| address | (tag as usize) << TAG_SHIFT))
    }

    pub(super) fn tag(self) -> u16 {
        (self.0.addr() >> TAG_SHIFT) as u16
    }

    /// The entry's address, null for an empty slot.
    pub(super) fn pointer(self) -> *mut u8 {
        self.0.map_addr(|address| address & ADDRESS & !FLAGS)
    }

    /// Whether the slot was never claimed, frozen or not.
    pub(super) fn is_vacant(self) -> bool {
        self.0.addr() & !FROZEN == 0
    }

    pub(super) fn is_frozen(self) -> bool {
        self.0.addr() & FROZEN != 0
    }

    pub(super) fn has_chain(self) -> bool {
        self.0.addr() & CHAIN != 0
    }

    pub(super) fn is_tombstone(self) -> bool {
        self.0.addr() & TOMBSTONE != 0
    }

    pub(super) fn with_chain(self, chain: bool) -> Self {
        Self(self.0.map_addr(|address| if chain { address | CHAIN } else { address & !CHAIN }))
    }

    pub(super) fn with_tombstone(self, tombstone: bool) -> Self {
        Self(self.0.map_addr(
            |address| {
                if tombstone { address | TOMBSTONE } else { address & !TOMBSTONE }
            },
        ))
    }

    pub(super) fn thawed(self) -> Self {
        Self(self.0.map_addr(|address| address & !FROZEN))
    }

    /// Whether both words lead to the same entry, whatever their flags.
    pub(super) fn same_entry(self, other: Self) -> bool {
        self.pointer() == other.pointer()
    }

    pub(super) fn as_raw(self) -> *mut u8 {
        self.0
    }

    pub(super) fn from_raw(raw: *mut u8) -> Self {
        Self(raw)
    }
}

/// One slot of a segment.
#[derive(Debug)]
#[repr(transparent)]
pub(super) struct Slot(AtomicPtr<u8>);

impl Slot {
    /// Acquire pairs with the Release half of [`replace`](Self::replace): the entry behind the
    /// word is initialised.
    #[inline]
    pub(super) fn load(&self) -> Word {
        Word(self.0.load(Ordering::Acquire))
    }

    /// For slow writers, walks and trimmers, whose loads take part in the total order of R4, R5.
    #[inline]
    pub(super) fn load_ordered(&self) -> Word {
        Word(self.0.load(Ordering::SeqCst))
    }

    /// Replaces `old` by `new`. `old` is never frozen, so a frozen slot always refuses (R8).
    ///
    /// `SeqCst`: the swap must come before the load of the global version that stamps it (R5).
    #[inline]
    pub(super) fn replace(&self, old: Word, new: Word) -> Result<(), Word> {
        debug_assert!(!old.is_frozen() && !new.is_frozen());
        self.0
            .compare_exchange(old.0, new.0, Ordering::SeqCst, Ordering::Acquire)
            .map(|_| ())
            .map_err(Word)
    }

    /// Sets the word of a slot that no other thread knows yet.
    #[inline]
    pub(super) fn fill_private(&self, word: Word) {
        // Relaxed: the segment is published later, by a Release swap of the directory.
        self.0.store(word.0, Ordering::Relaxed);
    }

    /// Freezes the slot for ever and returns the word it holds, thawed.
    pub(super) fn freeze(&self) -> Word {
        Word(self.0.fetch_or(FROZEN, Ordering::SeqCst)).thawed()
    }
}
