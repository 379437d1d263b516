//! The global version and the register of open cuts.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crossbeam_utils::CachePadded;

use super::batch::{Batch, FIRST_VERSION, Fate};
use super::position::{Position, top_bits};
use crate::Error;
use crate::hooks::{self, Point};
use crate::sync::atomic::{AtomicI64, AtomicU16, AtomicU32, AtomicU64, Ordering};
use crate::sync::{Guard, announce};
use crate::table::Entry;
use crate::tree::advance_age;

/// How many cuts can be open at once.
pub(crate) const CUTS_MAX: usize = 64;
/// How many walks a cut can be split into.
pub(crate) const WALKS_MAX: usize = 64;

/// The version word of an entry that is published and not stamped.
pub(crate) const UNSTAMPED: u64 = 0;
/// The version of a register slot that holds no cut. Below every version.
const NO_CUT: u64 = 0;

const STRIPES: usize = 16;

/// Index of an open cut in the register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CutId(usize);

/// Since when an entry is part of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stamp {
    /// Since this version; 0 is before every cut.
    At(u64),
    /// Belongs to a transaction that is not committed: what it covers is still current.
    Undecided,
}

/// One open cut.
#[derive(Debug)]
struct CutSlot {
    /// The cut's version, or [`NO_CUT`].
    version: AtomicU64,
    /// Binary logarithm of the number of walks, or [`WHOLE`].
    walk_bits: AtomicU32,
    /// `cursors[0]` belongs to the cut as a whole and never moves while the cut is open;
    /// `cursors[1 + i]` is where walk `i` stands.
    cursors: [AtomicU64; 1 + WALKS_MAX],
}

/// Of [`CutSlot::walk_bits`]: the cut is not split into walks.
const WHOLE: u32 = u32::MAX;

/// Superseded entries that cuts hold, by thread stripe: all that were ever added and removed.
#[derive(Debug, Default)]
struct HeldStripe {
    added: AtomicI64,
    removed: AtomicI64,
    bytes: AtomicI64,
    /// How often a version was superseded that a cut may need.
    superseded: AtomicU64,
}

/// Keeps writes from publishing while databases change places.
#[derive(Debug)]
pub(crate) struct EraChange<'a> {
    versions: &'a Versions,
    _alone: MutexGuard<'a, ()>,
}

impl Drop for EraChange<'_> {
    fn drop(&mut self) {
        self.versions.mode.era.fetch_add(1, Ordering::SeqCst);
    }
}

/// The time between two changes of places of databases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Era(u64);

/// A change of what cuts hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) added: i64,
    pub(crate) removed: i64,
    pub(crate) bytes: i64,
}

impl Held {
    /// Counts an entry in that was superseded.
    pub(crate) fn add(&mut self, entry: Entry<'_>) {
        self.added += 1;
        self.bytes += entry.count_held_in() as i64;
    }

    /// Counts an entry out that is current again.
    pub(crate) fn take_back(&mut self, entry: Entry<'_>) {
        self.removed += 1;
        self.bytes -= entry.count_held_out() as i64;
    }

    /// Counts an entry out that nobody holds any longer.
    pub(crate) fn let_go(&mut self, entry: Entry<'_>) {
        self.removed += 1;
        self.bytes -= entry.let_held_go() as i64;
    }

    /// Counts in what an entry that is held has come to hold besides.
    pub(crate) fn grow(&mut self, entry: Entry<'_>, bytes: u64) {
        self.bytes += entry.stored().map_or(0, |stored| stored.grow(bytes)) as i64;
    }

    /// Both changes together.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            added: self.added + other.added,
            removed: self.removed + other.removed,
            bytes: self.bytes + other.bytes,
        }
    }

    /// How many entries are held more than before.
    pub(crate) fn entries(self) -> i64 {
        self.added - self.removed
    }
}

/// What every write of a store looks at: one line, unless a cut is open.
#[derive(Debug, Default)]
struct Mode {
    /// Cuts that are pending or open. Writers are quiet while it is 0.
    open: AtomicU64,
    /// Bit `i`: register slot `i` may hold a cut.
    active: AtomicU64,
    /// Odd while databases change places, and another number afterwards.
    era: AtomicU64,
}

/// Proof that no cut starts and no database is replaced while it is held.
pub(crate) type Starts<'a> = MutexGuard<'a, ()>;

/// Versions of one store.
#[derive(Debug)]
pub(crate) struct Versions {
    /// The version that entries are stamped with.
    global: CachePadded<AtomicU64>,
    mode: CachePadded<Mode>,
    cuts: Box<[CachePadded<CutSlot>]>,
    starts: Mutex<()>,
    era_changes: Mutex<()>,
    held: Box<[CachePadded<HeldStripe>]>,
}

impl Versions {
    pub(crate) fn new() -> Self {
        let cut = || {
            CachePadded::new(CutSlot {
                version: AtomicU64::new(NO_CUT),
                walk_bits: AtomicU32::new(WHOLE),
                cursors: std::array::from_fn(|_| AtomicU64::new(0)),
            })
        };
        Self {
            global: CachePadded::new(AtomicU64::new(FIRST_VERSION)),
            mode: CachePadded::default(),
            cuts: std::iter::repeat_with(cut).take(CUTS_MAX).collect(),
            starts: Mutex::new(()),
            era_changes: Mutex::new(()),
            held: std::iter::repeat_with(CachePadded::default).take(STRIPES).collect(),
        }
    }

    pub(crate) fn global(&self) -> &AtomicU64 {
        &self.global
    }

    /// Whether a write may publish a plain entry and retire all that it replaces.
    ///
    /// Meaningful inside an announcement only (R1): a cut that is registered later waits for it.
    #[inline]
    pub(crate) fn is_quiet(&self) -> bool {
        // SeqCst: the announcement's store comes before this load; see `sync::announce`.
        self.mode.open.load(Ordering::SeqCst) == 0
    }

    /// The present era. Waits while databases change places, which takes microseconds.
    #[inline]
    pub(crate) fn era(&self) -> Era {
        loop {
            let era = self.mode.era.load(Ordering::SeqCst);
            if era.is_multiple_of(2) {
                return Era(era);
            }
            std::thread::yield_now();
        }
    }

    /// Whether databases have changed places, or are about to, since `era`.
    ///
    /// Meaningful inside an announcement only: a change that begins later waits for it.
    #[inline]
    pub(crate) fn is_past(&self, era: Era) -> bool {
        self.mode.era.load(Ordering::SeqCst) != era.0
    }

    /// Lets no write publish until the result is dropped, so that none that found its database
    /// before a change of places takes effect after it. Waits for those that are half way.
    pub(crate) fn change_era(&self) -> EraChange<'_> {
        let alone = self.era_changes.lock().unwrap_or_else(PoisonError::into_inner);
        self.mode.era.fetch_add(1, Ordering::SeqCst);
        announce::wait_for_writers();
        EraChange { versions: self, _alone: alone }
    }

    /// Since when `entry` is part of the store. Stamps it if nobody has yet (rule R5c).
    #[inline]
    pub(crate) fn stamp(&self, entry: Entry<'_>) -> Stamp {
        let Some(version) = entry.version() else { return Stamp::At(0) };
        let word = version.load(Ordering::SeqCst);
        if word == UNSTAMPED {
            return Stamp::At(self.stamp_now(version));
        }
        let Some(batch) = Batch::of_word(word) else { return Stamp::At(word) };
        // SAFETY: the word was read under the guard that `entry` borrows, and a batch is retired
        // only after no entry's word leads to it.
        match unsafe { &*batch }.fate(&self.global) {
            Fate::Committed(version) => Stamp::At(version),
            Fate::Undecided => Stamp::Undecided,
        }
    }

    /// The transaction that `entry` belongs to, if it is not settled.
    pub(crate) fn batch_of(entry: Entry<'_>) -> Option<&Batch> {
        let batch = Batch::of_word(entry.version()?.load(Ordering::SeqCst))?;
        // SAFETY: as in `stamp`.
        Some(unsafe { &*batch })
    }

    #[cold]
    fn stamp_now(&self, version: &AtomicU64) -> u64 {
        // SeqCst: the entry was published before this load of the global version (R5b).
        let now = self.global.load(Ordering::SeqCst);
        hooks::at(Point::StampRead);
        match version.compare_exchange(UNSTAMPED, now, Ordering::SeqCst, Ordering::SeqCst) {
            Ok(_) => now,
            Err(stamped) => stamped,
        }
    }

    /// Whether an open cut needs the version that holds from `from` until `until` of a key in the
    /// keyspace of `rank` with this hash (rule R3).
    ///
    /// For a version that is superseded already the answer never turns from no to yes.
    pub(crate) fn is_needed(&self, from: u64, until: u64, rank: &AtomicU16, hash: u64) -> bool {
        let mut active = self.mode.active.load(Ordering::SeqCst);
        while active != 0 {
            let cut = &self.cuts[active.trailing_zeros() as usize];
            active &= active - 1;
            // A cut stores its cursors before its version, so they are loaded after it.
            let version = cut.version.load(Ordering::SeqCst);
            if version == NO_CUT || version < from || version >= until {
                continue;
            }
            let walk_bits = cut.walk_bits.load(Ordering::SeqCst);
            let cursor = if walk_bits == WHOLE { 0 } else { 1 + top_bits(hash, walk_bits) };
            let cursor = Position::from_word(cut.cursors[cursor].load(Ordering::SeqCst));
            // The rank is loaded last: whoever sees a cut sees the ranks it was taken with.
            if cursor <= Position::new(rank.load(Ordering::SeqCst), hash) {
                return true;
            }
        }
        false
    }

    /// Keeps cuts from starting and databases from being replaced. Held for microseconds.
    pub(crate) fn lock_starts(&self) -> Starts<'_> {
        self.starts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a cut and returns its place and version (rules R1, R1b).
    ///
    /// The only call that waits: for writers that are between reading the mode and publishing,
    /// ordinarily some microseconds.
    pub(crate) fn open(&self, _: &Starts<'_>, guard: &Guard) -> Result<(CutId, u64), Error> {
        assert!(!guard.is_announced(), "a cut cannot be taken inside a write");
        let active = self.mode.active.load(Ordering::SeqCst);
        let index = (!active).trailing_zeros() as usize;
        if index >= CUTS_MAX {
            return Err(Error::TooManySnapshots { open: CUTS_MAX });
        }
        let cut = &self.cuts[index];
        cut.walk_bits.store(WHOLE, Ordering::SeqCst);
        cut.cursors[0].store(Position::START.to_word(), Ordering::SeqCst);
        // The final version is registered before the wait; a placeholder would let a second
        // overwrite conclude that nobody needs the first one's predecessor (R1b).
        let version = self.global.load(Ordering::SeqCst);
        cut.version.store(version, Ordering::SeqCst);
        self.mode.active.fetch_or(1 << index, Ordering::SeqCst);
        self.mode.open.fetch_add(1, Ordering::SeqCst);
        hooks::at(Point::CutRegistered);
        if !cfg!(engine_broken = "no_grace_period") {
            announce::wait_for_writers();
        }
        hooks::at(Point::BeforeBump);
        advance_age();
        self.global.fetch_add(1, Ordering::SeqCst);
        Ok((CutId(index), version))
    }

    /// Splits a cut into `2^walk_bits` walks, each with a cursor of its own.
    pub(crate) fn split(&self, cut: CutId, walk_bits: u32) {
        let cut = &self.cuts[cut.0];
        for cursor in &cut.cursors[1..=1 << walk_bits] {
            cursor.store(Position::START.to_word(), Ordering::SeqCst);
        }
        // Whoever still reads the old value looks at `cursors[0]`, which keeps everything.
        cut.walk_bits.store(walk_bits, Ordering::SeqCst);
    }

    /// Declares that walk `walk` needs nothing before `position` any longer (rule R4).
    pub(crate) fn move_cursor(&self, cut: CutId, walk: usize, position: Position) {
        self.cuts[cut.0].cursors[1 + walk].store(position.to_word(), Ordering::SeqCst);
    }

    /// Declares that nobody needs the cut any longer, and gives its place back.
    ///
    /// What it held stays until it is trimmed or overwritten. Writers may be quiet by then: they
    /// retire all that a word owns, history included.
    pub(crate) fn close(&self, cut: CutId) {
        self.cuts[cut.0].version.store(NO_CUT, Ordering::SeqCst);
        self.mode.active.fetch_and(!(1 << cut.0), Ordering::SeqCst);
        self.mode.open.fetch_sub(1, Ordering::SeqCst);
    }

    /// Number of cuts that are open.
    pub(crate) fn open_cuts(&self) -> usize {
        self.mode.open.load(Ordering::SeqCst) as usize
    }

    pub(crate) fn note_held(&self, guard: &Guard, held: Held) {
        if held == Held::default() {
            return;
        }
        let stripe = &self.held[guard.stripe() % STRIPES];
        stripe.added.fetch_add(held.added, Ordering::Relaxed);
        stripe.removed.fetch_add(held.removed, Ordering::Relaxed);
        stripe.bytes.fetch_add(held.bytes, Ordering::Relaxed);
    }

    /// Notes that a version was superseded and may be needed by a cut. Comes after the new one is
    /// published, or its batch committed, and before the writer's second look (R4).
    pub(crate) fn note_superseded(&self, guard: &Guard) {
        let stripe = &self.held[guard.stripe() % STRIPES];
        // SeqCst: see `superseded_ever`.
        stripe.superseded.fetch_add(1, Ordering::SeqCst);
    }

    /// How often a version was superseded that a cut may have needed. Never falls.
    ///
    /// A cut that found this figure before it was opened, and finds the same one after it has
    /// moved its cursor or closed, has nothing to trim: whoever superseded a version that it
    /// needed has not counted yet, so it takes its second look later than that, and trims itself.
    pub(crate) fn superseded_ever(&self) -> u64 {
        let counts = self.held.iter().map(|stripe| stripe.superseded.load(Ordering::SeqCst));
        counts.fold(0, u64::wrapping_add)
    }

    /// Superseded entries that cuts hold, and their bytes; exact while no write is under way.
    pub(crate) fn held(&self) -> Held {
        let mut sum = Held::default();
        for stripe in &self.held {
            sum = sum.and(Held {
                added: stripe.added.load(Ordering::Relaxed),
                removed: stripe.removed.load(Ordering::Relaxed),
                bytes: stripe.bytes.load(Ordering::Relaxed),
            });
        }
        sum
    }
}
