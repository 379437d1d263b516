//! Exact counts without a contended line: each thread adds to a stripe.

use crossbeam_utils::CachePadded;

use super::entry::Entry;
use crate::Expiry;
use crate::sync::Guard;
use crate::sync::atomic::{AtomicI64, Ordering};

const STRIPES: usize = 16;

/// Sums of all stripes, or a change of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) keys: i64,
    pub(crate) expiring: i64,
    pub(crate) data_bytes: i64,
    pub(crate) entry_bytes: i64,
    pub(crate) tombstones: i64,
    /// Keys with elements that expire.
    pub(crate) expiring_within: i64,
    /// Writes that took effect, ever.
    pub(crate) changes: i64,
}

#[derive(Debug, Default)]
struct Stripe {
    keys: AtomicI64,
    expiring: AtomicI64,
    data_bytes: AtomicI64,
    entry_bytes: AtomicI64,
    tombstones: AtomicI64,
    expiring_within: AtomicI64,
    changes: AtomicI64,
}

/// Counters of one keyspace.
#[derive(Debug)]
pub(crate) struct Counters(Box<[CachePadded<Stripe>]>);

impl Counters {
    pub(crate) fn new() -> Self {
        Self(std::iter::repeat_with(CachePadded::default).take(STRIPES).collect())
    }

    pub(crate) fn add(&self, guard: &Guard, change: Counts) {
        let stripe = &self.0[guard.stripe() % STRIPES];
        // Relaxed: sums are exact when nobody writes and need no order otherwise.
        let add = |counter: &AtomicI64, change: i64| {
            if change != 0 {
                counter.fetch_add(change, Ordering::Relaxed);
            }
        };
        add(&stripe.keys, change.keys);
        add(&stripe.expiring, change.expiring);
        add(&stripe.data_bytes, change.data_bytes);
        add(&stripe.entry_bytes, change.entry_bytes);
        add(&stripe.tombstones, change.tombstones);
        add(&stripe.expiring_within, change.expiring_within);
        add(&stripe.changes, change.changes);
    }

    pub(crate) fn sum(&self) -> Counts {
        let mut sum = Counts::default();
        for stripe in &self.0 {
            sum.keys += stripe.keys.load(Ordering::Relaxed);
            sum.expiring += stripe.expiring.load(Ordering::Relaxed);
            sum.data_bytes += stripe.data_bytes.load(Ordering::Relaxed);
            sum.entry_bytes += stripe.entry_bytes.load(Ordering::Relaxed);
            sum.tombstones += stripe.tombstones.load(Ordering::Relaxed);
            sum.expiring_within += stripe.expiring_within.load(Ordering::Relaxed);
            sum.changes += stripe.changes.load(Ordering::Relaxed);
        }
        sum
    }
}

impl Counts {
    /// Counts an entry at the head of its chain in.
    pub(super) fn count_in(&mut self, entry: Entry<'_>) {
        self.count(entry, 1);
    }

    /// Counts an entry at the head of its chain out.
    pub(super) fn count_out(&mut self, entry: Entry<'_>) {
        self.count(entry, -1);
    }

    fn count(&mut self, entry: Entry<'_>, sign: i64) {
        self.entry_bytes += sign * entry.heap_bytes() as i64;
        if entry.is_tombstone() {
            self.tombstones += sign;
        } else {
            self.keys += sign;
            self.data_bytes += sign * entry.data_bytes() as i64;
            self.expiring += sign * i64::from(entry.has_expiry());
            if let Some(collection) = entry.collection() {
                self.expiring_within += sign * i64::from(collection.next_expiry() != Expiry::Never);
            }
        }
    }
}
