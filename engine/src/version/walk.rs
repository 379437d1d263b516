//! One pass over a range of a cut, in order, letting go of history behind it.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::Position;
use super::snapshot::{Cut, SnapshotEntry};
use crate::collection::Collection;
use crate::hooks::{self, Point};
use crate::sync::pin;
use crate::table::Entry;
use crate::{Expiry, Value};

/// A pass over one range of hashes of a cut, through every database, in ascending (database,
/// hash, key) order.
///
/// What it has passed it needs no longer: superseded values behind it are let go. Dropping a walk
/// half way is O(1) and lets go of the rest.
#[derive(Debug)]
pub struct Walk {
    cut: Arc<Cut>,
    index: usize,
    first: u64,
    last: u64,
    /// Database the walk is in.
    database: usize,
    /// Hash at which the current segment's part of the range begins.
    from: u64,
    /// The last entry taken, if the walk stopped inside a segment.
    taken: Option<(u64, Box<[u8]>)>,
    done: bool,
    /// Copies of one segment, for the iterator.
    ready: VecDeque<SnapshotEntry>,
}

/// What the receiver of an entry did with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Take {
    /// Took it.
    Next,
    /// Took it, and has something to do that may block.
    Stop,
    /// Has no room: the same entry is offered again by the next call.
    Full,
}

/// Whether a walk has more to offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    More,
    Done,
}

/// An entry that a walk offers, borrowed for the time of the call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WalkEntry<'a> {
    pub(crate) database: u16,
    pub(crate) hash: u64,
    pub(crate) key: &'a [u8],
    pub(crate) value: &'a [u8],
    pub(crate) expiry: Expiry,
    entry: Entry<'a>,
    /// The time by which expiry is judged.
    unix_ms: u64,
}

impl WalkEntry<'_> {
    /// The string to keep beyond the call: counted if it is large, copied if it is small.
    pub(crate) fn to_value(self) -> Value {
        self.entry.to_value()
    }

    /// The collection to keep beyond the call, if the value is one.
    pub(crate) fn to_collection(self) -> Option<Collection> {
        self.entry.collection_of_cut(self.unix_ms)
    }
}

impl Walk {
    pub(super) fn new(cut: Arc<Cut>, index: usize, bits: u32) -> Self {
        let width = u64::MAX >> bits;
        let first = if bits == 0 { 0 } else { (index as u64) << (64 - bits) };
        let last = first | width;
        Self {
            cut,
            index,
            first,
            last,
            database: 0,
            from: first,
            taken: None,
            done: false,
            ready: VecDeque::new(),
        }
    }

    /// The first and the last hash of the walk's range.
    pub fn hash_range(&self) -> (u64, u64) {
        (self.first, self.last)
    }

    /// Offers the next entries to `f` until it stops, or one segment is through.
    ///
    /// `f` runs under a guard and must not block (R15).
    pub(crate) fn advance(&mut self, f: &mut dyn FnMut(WalkEntry<'_>) -> Take) -> Step {
        while !self.done && self.from == self.first && self.taken.is_none() {
            if !self.cut.keyspaces[self.database].is_untouched() {
                break;
            }
            self.next_database();
        }
        if self.done {
            return Step::Done;
        }
        match self.offer_segment(f) {
            ControlFlow::Break(()) => Step::More,
            ControlFlow::Continue(last) => {
                self.pass(last);
                if self.done { Step::Done } else { Step::More }
            }
        }
    }

    /// Offers what is left of the current segment; `Continue` with its last hash when through.
    fn offer_segment(&mut self, f: &mut dyn FnMut(WalkEntry<'_>) -> Take) -> ControlFlow<(), u64> {
        let cut = Arc::clone(&self.cut);
        let keyspace = &cut.keyspaces[self.database];
        let guard = pin();
        let page = keyspace.page_at(self.from, cut.version, &guard);
        let mut previous: Option<(u64, Entry<'_>)> = None;
        for (i, &(hash, entry)) in page.entries.iter().enumerate() {
            if hash > self.last {
                break;
            }
            // The entries themselves are near, since their keys were hashed to sort them.
            if let Some((_, ahead)) = page.entries.get(i + PREFETCH_AHEAD) {
                ahead.prefetch_value();
            }
            let offered = match &self.taken {
                Some((taken, key)) => (hash, entry.key()) > (*taken, &**key),
                None => true,
            };
            if !offered || !entry.is_live_at(cut.unix_ms) {
                continue;
            }
            let take = f(WalkEntry {
                database: self.database as u16,
                hash,
                key: entry.key(),
                value: entry.value(),
                expiry: entry.expiry(),
                entry,
                unix_ms: cut.unix_ms,
            });
            let stop_after = match take {
                Take::Next => {
                    previous = Some((hash, entry));
                    continue;
                }
                Take::Stop => Some((hash, entry)),
                Take::Full => previous,
            };
            if let Some((hash, entry)) = stop_after {
                self.taken = Some((hash, entry.key().into()));
            }
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(page.last.min(self.last))
    }

    /// Moves behind `last`: first the cursor, then the trim of what it passed (R4).
    fn pass(&mut self, last: u64) {
        let passed_from = self.from;
        let keyspace = Arc::clone(&self.cut.keyspaces[self.database]);
        self.taken = None;
        hooks::at(Point::SegmentEmitted);
        let trims_first = cfg!(engine_broken = "trim_before_cursor");
        if trims_first {
            keyspace.trim_range(passed_from, last);
        }
        if last == self.last {
            self.next_database();
        } else {
            self.from = last + 1;
            self.cut.move_cursor(self.index, Position::new(self.database as u16, self.from));
        }
        hooks::at(Point::CursorMoved);
        if !trims_first && self.cut.has_superseded() {
            keyspace.trim_range(passed_from, last);
        }
    }

    fn next_database(&mut self) {
        self.database += 1;
        self.from = self.first;
        self.done = self.database == self.cut.keyspaces.len();
        let position =
            if self.done { Position::END } else { Position::new(self.database as u16, self.first) };
        self.cut.move_cursor(self.index, position);
    }
}

/// Copies one segment at a time, and holds nothing back in between.
impl Iterator for Walk {
    type Item = SnapshotEntry;

    fn next(&mut self) -> Option<SnapshotEntry> {
        while self.ready.is_empty() && !self.done {
            let mut ready = std::mem::take(&mut self.ready);
            self.advance(&mut |entry| {
                ready.push_back(SnapshotEntry::of(entry.database, entry.entry, entry.unix_ms));
                Take::Next
            });
            self.ready = ready;
        }
        self.ready.pop_front()
    }
}

/// How many entries ahead of the one that is copied its value is asked for.
const PREFETCH_AHEAD: usize = 4;

impl Drop for Walk {
    fn drop(&mut self) {
        // Whatever is left of the range is not needed; the history goes with the last walk.
        self.cut.move_cursor(self.index, Position::END);
    }
}
