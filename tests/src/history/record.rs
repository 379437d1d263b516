//! Recording writes and cuts.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use exuvia::Expiry;

/// What a write leaves under its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Number of the write in its thread.
    pub sequence: u64,
    /// Expiry of the key.
    pub expiry: Expiry,
}

/// One finished write.
#[derive(Clone, Copy, Debug)]
pub struct Write {
    /// Ticket drawn before it began.
    pub begin: u64,
    /// Ticket drawn after it ended.
    pub end: u64,
    /// The key and what it left there; `None` if it took no effect.
    pub effect: Option<(u32, Option<Stamp>)>,
}

/// The clockwork that a run's threads share.
#[derive(Debug)]
pub struct History {
    tickets: AtomicU64,
    started: Vec<AtomicUsize>,
    finished: Vec<AtomicUsize>,
}

/// What a cut showed, and between which writes it was taken.
#[derive(Debug)]
pub struct Observation {
    /// For each thread, how many writes had finished before the cut was asked for.
    pub finished_before: Vec<usize>,
    /// For each thread, how many writes had started when it was there.
    pub started_after: Vec<usize>,
    /// Time of the cut.
    pub cut_unix_ms: u64,
    /// For each thread, what its keys held.
    pub contents: Vec<HashMap<u32, Stamp>>,
}

/// One thread's side of a history.
#[derive(Debug)]
pub struct Writer<'h> {
    history: &'h History,
    thread: usize,
    writes: Vec<Write>,
}

impl History {
    /// A history of so many writing threads.
    pub fn new(threads: usize) -> Self {
        let counters = || (0..threads).map(|_| AtomicUsize::new(0)).collect();
        Self { tickets: AtomicU64::new(0), started: counters(), finished: counters() }
    }

    /// The recorder of one thread.
    pub fn writer(&self, thread: usize) -> Writer<'_> {
        Writer { history: self, thread, writes: Vec::new() }
    }

    /// Takes a cut with `cut` and notes between which writes that happened.
    pub fn observe<C>(&self, cut: impl FnOnce() -> C) -> (C, Observation) {
        let count = |counters: &[AtomicUsize]| {
            counters.iter().map(|counter| counter.load(Ordering::SeqCst)).collect()
        };
        let finished_before = count(&self.finished);
        let cut = cut();
        let started_after = count(&self.started);
        let contents = vec![HashMap::new(); self.started.len()];
        (cut, Observation { finished_before, started_after, cut_unix_ms: 0, contents })
    }
}

impl Writer<'_> {
    /// Performs and records a write: `perform` gets its number and tells its effect.
    pub fn write(&mut self, perform: impl FnOnce(u64) -> Option<(u32, Option<Stamp>)>) {
        let History { tickets, started, finished } = self.history;
        started[self.thread].fetch_add(1, Ordering::SeqCst);
        let begin = tickets.fetch_add(1, Ordering::SeqCst);
        let effect = perform(self.writes.len() as u64);
        let end = tickets.fetch_add(1, Ordering::SeqCst);
        self.writes.push(Write { begin, end, effect });
        finished[self.thread].fetch_add(1, Ordering::SeqCst);
    }

    /// Ends recording.
    pub fn into_writes(self) -> Vec<Write> {
        self.writes
    }
}
