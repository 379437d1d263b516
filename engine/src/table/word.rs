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
//!
//! # Invariant
//!
//! * **W1** A `Word<'g>` that is not vacant leads to an entry that is alive while the guard is held
//!   that `'g` borrows: it was read from a slot under that guard, or published under it, or it is
//!   the link of such a word's entry and `CHAIN` said that it may be followed. So following it is
//!   safe, and only making one out of nothing is not.

use std::marker::PhantomData;
use std::ptr;

use super::draft::Draft;
use super::entry::Entry;
use crate::sync::Guard;

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
pub(super) struct Word<'g>(*mut u8, PhantomData<&'g Guard>);

impl<'g> Word<'g> {
    pub(super) const EMPTY: Self = Self(ptr::null_mut(), PhantomData);

    fn map(self, change: impl FnOnce(usize) -> usize) -> Self {
        Self(self.0.map_addr(change), PhantomData)
    }

    /// The word as it is kept in memory.
    pub(super) fn to_raw(self) -> *mut u8 {
        self.0
    }

    /// Takes a word from memory.
    ///
    /// # Safety
    ///
    /// W1 holds for it and `'g`.
    pub(super) unsafe fn from_raw(raw: *mut u8) -> Self {
        Self(raw, PhantomData)
    }

    /// The entry that the word leads to, `None` for a vacant one.
    #[inline]
    pub(super) fn entry(self) -> Option<Entry<'g>> {
        // SAFETY: W1.
        (!self.is_vacant()).then(|| unsafe { Entry::from_address(self.pointer()) })
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
        self.map(|address| if chain { address | CHAIN } else { address & !CHAIN })
    }

    pub(super) fn thawed(self) -> Self {
        self.map(|address| address & !FROZEN)
    }

    /// Whether both words lead to the same entry, whatever their flags.
    pub(super) fn same_entry(self, other: Word<'_>) -> bool {
        self.pointer() == other.pointer()
    }
}

/// One slot of a segment.
#[derive(Debug)]
#[repr(transparent)]
pub(super) struct Slot(AtomicPtr<u8>);

impl Slot {
    /// Acquire pairs with the Release half of the swaps below: the entry behind the word is
    /// initialised.
    #[inline]
    pub(super) fn load<'g>(&'g self, _: &'g Guard) -> Word<'g> {
        Word(self.0.load(Ordering::Acquire), PhantomData)
    }

    /// For slow writers, walks and trimmers, whose loads take part in the total order of R4, R5.
    #[inline]
    pub(super) fn load_ordered<'g>(&'g self, _: &'g Guard) -> Word<'g> {
        Word(self.0.load(Ordering::SeqCst), PhantomData)
    }

    /// Replaces `old` by `new`, or returns what is there. `old` is never frozen, so a frozen slot
    /// always refuses (R8).
    ///
    /// `SeqCst`: the swap must come before the load of the global version that stamps it (R5).
    #[inline]
    pub(super) fn replace<'g>(&'g self, old: Word<'g>, new: Word<'g>) -> Result<(), Word<'g>> {
        debug_assert!(!old.is_frozen() && !new.is_frozen());
        self.0
            .compare_exchange(old.0, new.0, Ordering::SeqCst, Ordering::Acquire)
            .map(|_| ())
            .map_err(|now| Word(now, PhantomData))
    }

    /// Publishes `draft` in place of `old` and returns the word that leads to it; or gives the
    /// draft back if the slot holds something else. `chain`: whether its link may be followed.
    pub(super) fn publish<'g>(
        &'g self,
        old: Word<'g>,
        draft: Draft,
        tag: u16,
        chain: bool,
        _: &'g Guard,
    ) -> Result<Word<'g>, Draft> {
        let address = draft.address();
        debug_assert!(address.addr() & FLAGS == 0 && address.addr() & !ADDRESS == 0);
        let tombstone = if draft.as_entry().is_tombstone() { TOMBSTONE } else { 0 };
        let flags = tombstone | if chain { CHAIN } else { 0 };
        let packed = address.map_addr(|address| address | (tag as usize) << TAG_SHIFT | flags);
        let new = Word(packed, PhantomData);
        match self.replace(old, new) {
            // From here on the table owns the entry, and `new` follows it under the guard (W1).
            Ok(()) => {
                draft.into_address();
                Ok(new)
            }
            Err(_) => Err(draft),
        }
    }

    /// Sets the word of a slot that no other thread knows yet.
    #[inline]
    pub(super) fn fill_private(&self, word: Word<'_>) {
        // Relaxed: the segment is published later, by a Release swap of the directory.
        self.0.store(word.0, Ordering::Relaxed);
    }

    /// Whether a slot that no other thread knows yet is empty.
    pub(super) fn is_vacant_private(&self) -> bool {
        self.0.load(Ordering::Relaxed).is_null()
    }

    /// Freezes the slot for ever and returns the word it holds, thawed.
    pub(super) fn freeze<'g>(&'g self, _: &'g Guard) -> Word<'g> {
        Word(self.0.fetch_or(FROZEN, Ordering::SeqCst), PhantomData).thawed()
    }
}
