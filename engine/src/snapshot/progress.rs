//! How far a save or a load is.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::SavePhase;

/// How far a save or load is.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Progress {
    /// What a save is doing; [`SavePhase::Streaming`] for a load.
    pub phase: SavePhase,
    /// Records written or stored.
    pub records_done: u64,
    /// Records in all; for a save an estimate.
    pub records_total: u64,
    /// Bytes given to the storage or read from it.
    pub bytes_done: u64,
    /// Bytes in all: of a save those of keys and values before compression, an estimate; of a
    /// load those of the parts.
    pub bytes_total: u64,
    /// Time since the start.
    pub elapsed: Duration,
}

impl Progress {
    /// Mean rate in bytes per second since the start.
    pub fn bytes_per_sec(&self) -> u64 {
        (self.bytes_done as f64 / self.elapsed.as_secs_f64().max(1e-3)) as u64
    }

    /// Records done in percent of all; at most 100 although the total is an estimate.
    pub fn percent(&self) -> f64 {
        if self.records_total == 0 {
            return 0.0;
        }
        (self.records_done as f64 * 100.0 / self.records_total as f64).min(100.0)
    }

    /// Time left if it goes on as it went so far; `None` before anything is done.
    pub fn time_left(&self) -> Option<Duration> {
        let done = self.percent() / 100.0;
        (done > 0.0).then(|| self.elapsed.mul_f64((1.0 - done) / done))
    }
}

/// Counts what the threads of a save or load get done.
///
/// The counters are independent and only shown, so relaxed accesses suffice.
#[derive(Debug)]
pub(super) struct Meter {
    started: Instant,
    records_done: AtomicU64,
    records_total: AtomicU64,
    bytes_done: AtomicU64,
    bytes_total: AtomicU64,
}

impl Meter {
    pub(super) fn new() -> Self {
        Self {
            started: Instant::now(),
            records_done: AtomicU64::new(0),
            records_total: AtomicU64::new(0),
            bytes_done: AtomicU64::new(0),
            bytes_total: AtomicU64::new(0),
        }
    }

    /// Declares what there is to do, and starts counting afresh.
    pub(super) fn expect(&self, records: u64, bytes: u64) {
        self.records_total.store(records, Ordering::Relaxed);
        self.bytes_total.store(bytes, Ordering::Relaxed);
        self.records_done.store(0, Ordering::Relaxed);
        self.bytes_done.store(0, Ordering::Relaxed);
    }

    pub(super) fn add_records(&self, records: u64) {
        self.records_done.fetch_add(records, Ordering::Relaxed);
    }

    pub(super) fn add_bytes(&self, bytes: u64) {
        self.bytes_done.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    pub(super) fn read(&self, phase: SavePhase) -> Progress {
        Progress {
            phase,
            records_done: self.records_done.load(Ordering::Relaxed),
            records_total: self.records_total.load(Ordering::Relaxed),
            bytes_done: self.bytes_done.load(Ordering::Relaxed),
            bytes_total: self.bytes_total.load(Ordering::Relaxed),
            elapsed: self.started.elapsed(),
        }
    }
}
