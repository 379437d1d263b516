//! Counters.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use exuvia::LoadReport;

use crate::command::{CommandId, Table};

/// A counter that one thread moves and others read.
///
/// A load and a store cost a fraction of an atomic addition; nothing is lost, since there is only
/// one writer.
#[derive(Debug, Default)]
pub(crate) struct OwnCounter(AtomicU64);

impl OwnCounter {
    #[inline]
    pub(crate) fn add(&self, more: u64) {
        // Relaxed: a figure for reports; it orders nothing.
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(more), Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn reset(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

/// Classes of the time that a call took. Class 0 is below 1,024 ns, each other twice the one
/// before; the last has no upper end.
pub(crate) const TIME_CLASSES: usize = 32;

/// How often a command ran, how long, and how it went.
#[derive(Debug, Default)]
pub(crate) struct CommandCounts {
    pub(crate) calls: OwnCounter,
    pub(crate) nanos: OwnCounter,
    /// Calls by the class of the time they took.
    pub(crate) by_time: [OwnCounter; TIME_CLASSES],
    /// Calls that ran and failed.
    pub(crate) failed: OwnCounter,
    /// Calls that were refused before they ran.
    pub(crate) rejected: OwnCounter,
}

impl CommandCounts {
    /// Counts `calls` calls that took so long together.
    #[inline]
    pub(crate) fn ran(&self, calls: u64, took: Duration) {
        let nanos = took.as_nanos() as u64;
        self.calls.add(calls);
        self.nanos.add(nanos);
        let each = nanos / calls.max(1);
        let class = (u64::BITS - (each >> 10).leading_zeros()) as usize;
        self.by_time[class.min(TIME_CLASSES - 1)].add(calls);
    }

    fn reset(&self) {
        let counters = [&self.calls, &self.nanos, &self.failed, &self.rejected];
        for counter in counters.into_iter().chain(&self.by_time) {
            counter.reset();
        }
    }
}

/// What all threads counted of one command.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CommandTotals {
    pub(crate) calls: u64,
    pub(crate) nanos: u64,
    pub(crate) failed: u64,
    pub(crate) rejected: u64,
    pub(crate) by_time: [u64; TIME_CLASSES],
}

impl CommandTotals {
    pub(crate) fn add(&mut self, counts: &CommandCounts) {
        self.calls += counts.calls.get();
        self.nanos += counts.nanos.get();
        self.failed += counts.failed.get();
        self.rejected += counts.rejected.get();
        for (total, count) in self.by_time.iter_mut().zip(&counts.by_time) {
            *total += count.get();
        }
    }

    /// Microseconds that this share of the calls took at most, as far as the classes tell.
    pub(crate) fn usec_at(&self, share: f64) -> f64 {
        let timed: u64 = self.by_time.iter().sum();
        let wanted = (timed as f64 * share).ceil() as u64;
        let mut seen = 0;
        for (class, count) in self.by_time.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return class_usec(class);
            }
        }
        0.0
    }
}

/// The upper end of a class, in microseconds.
pub(crate) fn class_usec(class: usize) -> f64 {
    (1_u64 << (class + 10)) as f64 / 1000.0
}

/// Counters of one connection thread, in cache lines of their own.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct ThreadStats {
    pub(crate) commands: Vec<CommandCounts>,
    pub(crate) hits: OwnCounter,
    pub(crate) misses: OwnCounter,
    pub(crate) bytes_in: OwnCounter,
    pub(crate) bytes_out: OwnCounter,
    /// Times that something was received, and sent.
    pub(crate) reads: OwnCounter,
    pub(crate) writes: OwnCounter,
    pub(crate) errors: OwnCounter,
}

impl ThreadStats {
    pub(crate) fn new() -> Self {
        Self {
            commands: Table::shared().all().map(|_| CommandCounts::default()).collect(),
            hits: OwnCounter::default(),
            misses: OwnCounter::default(),
            bytes_in: OwnCounter::default(),
            bytes_out: OwnCounter::default(),
            reads: OwnCounter::default(),
            writes: OwnCounter::default(),
            errors: OwnCounter::default(),
        }
    }

    #[inline]
    pub(crate) fn looked_up(&self, found: bool) {
        if found { self.hits.add(1) } else { self.misses.add(1) }
    }

    #[inline]
    pub(crate) fn command(&self, id: CommandId) -> &CommandCounts {
        &self.commands[id.index()]
    }

    /// Sets everything to zero, as `CONFIG RESETSTAT` does. A count that its thread is just then
    /// adding may survive.
    pub(crate) fn reset(&self) {
        for counts in &self.commands {
            counts.reset();
        }
        let traffic = [&self.bytes_in, &self.bytes_out, &self.reads, &self.writes];
        for counter in [&self.hits, &self.misses, &self.errors].into_iter().chain(traffic) {
            counter.reset();
        }
    }
}

/// Counters that several threads move, none of them often.
#[derive(Debug, Default)]
pub(crate) struct SharedStats {
    pub(crate) connections: AtomicU64,
    pub(crate) connections_refused: AtomicU64,
    pub(crate) clients_evicted: AtomicU64,
    pub(crate) rate: Mutex<Rates>,
    pub(crate) loads: LoadCounts,
    errors: Mutex<BTreeMap<String, u64>>,
}

/// How loads ended.
#[derive(Debug, Default)]
pub(crate) struct LoadCounts {
    pub(crate) succeeded: AtomicU64,
    /// Loads of an older snapshot, because a newer one is damaged.
    pub(crate) fell_back: AtomicU64,
    /// There was no snapshot to load.
    pub(crate) found_none: AtomicU64,
    pub(crate) failed: AtomicU64,
}

impl LoadCounts {
    /// Counts the load at start. One that fails ends the process, so nobody can ask for it.
    pub(crate) fn opened(&self, report: &LoadReport) {
        let count = match (&report.name, report.rejected.is_empty()) {
            (None, _) => &self.found_none,
            (Some(_), true) => &self.succeeded,
            (Some(_), false) => &self.fell_back,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a load that a client asked for.
    pub(crate) fn asked<E>(&self, result: &Result<LoadReport, E>) {
        let count = if result.is_ok() { &self.succeeded } else { &self.failed };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// Codes of errors that are told apart.
const ERROR_CODES_MAX: usize = 64;

impl SharedStats {
    /// Counts an error reply by its code, the first word.
    pub(crate) fn error(&self, text: &str) {
        let code = text.split(' ').next().unwrap_or_default();
        let mut errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = errors.get_mut(code) {
            *count += 1;
        } else if errors.len() < ERROR_CODES_MAX {
            errors.insert(code.to_owned(), 1);
        }
    }

    /// How many errors of each code were sent.
    pub(crate) fn errors(&self) -> BTreeMap<String, u64> {
        self.errors.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn reset(&self) {
        self.connections.store(0, Ordering::Relaxed);
        self.connections_refused.store(0, Ordering::Relaxed);
        self.clients_evicted.store(0, Ordering::Relaxed);
        self.errors.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// Samples taken for rates per second.
const SAMPLES: usize = 16;

/// Rates over the last seconds.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    last: Option<(Instant, [u64; 3])>,
    samples: [[u64; 3]; SAMPLES],
    next: usize,
}

impl Rates {
    /// Takes a sample: commands, bytes received and bytes sent so far.
    pub(crate) fn sample(&mut self, now: Instant, totals: [u64; 3]) {
        if let Some((then, before)) = self.last {
            let elapsed_ms = now.duration_since(then).max(Duration::from_millis(1)).as_millis();
            let rate = |at: usize| {
                (u128::from(totals[at].saturating_sub(before[at])) * 1000 / elapsed_ms) as u64
            };
            self.samples[self.next % SAMPLES] = [rate(0), rate(1), rate(2)];
            self.next += 1;
        }
        self.last = Some((now, totals));
    }

    /// Commands, bytes received and bytes sent per second.
    pub(crate) fn per_second(&self) -> [u64; 3] {
        let taken = self.next.clamp(1, SAMPLES) as u64;
        std::array::from_fn(|at| self.samples.iter().map(|sample| sample[at]).sum::<u64>() / taken)
    }
}
