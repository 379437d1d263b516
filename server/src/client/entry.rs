//! What others may know of a connection, and how they reach it.

use std::fmt::Write;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Waker};

use super::{Address, Mail, Mailbox};
use crate::command::Table;

/// Reasons to interrupt a connection that waits, one bit each.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Signals(u32);

impl Signals {
    /// The connection is to be closed.
    pub(crate) const KILL: Self = Self(1);
    /// Messages wait in the mailbox.
    pub(crate) const MAIL: Self = Self(2);

    #[inline]
    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// Names that a client gave itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Identity {
    pub(crate) name: String,
    pub(crate) library: String,
    pub(crate) library_version: String,
}

/// Figures that a connection reports after every batch of commands.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) last_active_ms: AtomicU64,
    pub(crate) database: AtomicU32,
    /// Number of the last command plus one.
    pub(crate) last_command: AtomicU32,
    pub(crate) input_bytes: AtomicU64,
    pub(crate) input_allocated: AtomicU64,
    pub(crate) output_bytes: AtomicU64,
    pub(crate) output_allocated: AtomicU64,
    pub(crate) bytes_in: AtomicU64,
    pub(crate) bytes_out: AtomicU64,
    pub(crate) channels: AtomicU32,
    pub(crate) patterns: AtomicU32,
    pub(crate) shards: AtomicU32,
    /// Queued commands, or -1 outside of a transaction.
    pub(crate) queued: AtomicI64,
    pub(crate) watched: AtomicU32,
    pub(crate) resp: AtomicU32,
}

/// A connection as the rest of the server sees it.
#[derive(Debug)]
pub(crate) struct ClientEntry {
    pub(crate) id: u64,
    pub(crate) peer: Address,
    pub(crate) local: Address,
    pub(crate) thread: usize,
    pub(crate) connected_ms: u64,
    pub(crate) report: Report,
    identity: Mutex<Identity>,
    pub(crate) mailbox: Mailbox,
    signals: AtomicU32,
    /// It is shown what others run.
    pub(crate) monitors: AtomicBool,
    /// Wakes the connection's task, once it has waited for the first time.
    waker: Mutex<Option<Waker>>,
}

impl ClientEntry {
    pub(crate) fn new(id: u64, peer: Address, local: Address, thread: usize, now_ms: u64) -> Self {
        let report = Report {
            last_active_ms: AtomicU64::new(now_ms),
            queued: AtomicI64::new(-1),
            resp: AtomicU32::new(2),
            ..Report::default()
        };
        Self {
            id,
            peer,
            local,
            thread,
            connected_ms: now_ms,
            report,
            identity: Mutex::default(),
            mailbox: Mailbox::default(),
            signals: AtomicU32::new(0),
            monitors: AtomicBool::new(false),
            waker: Mutex::new(None),
        }
    }

    /// Leaves mail for the connection, or ends it if it does not read what it has.
    pub(crate) fn post(&self, mail: Mail) {
        let kept = self.mailbox.put(mail);
        if !kept {
            tracing::warn!(
                client = self.id,
                address = %self.peer,
                "disconnecting a client that does not read what it is sent"
            );
        }
        self.signal(if kept { Signals::MAIL } else { Signals::KILL });
    }

    /// Interrupts the connection.
    pub(crate) fn signal(&self, signal: Signals) {
        // SeqCst, as the connection's look at the signals after it has left its waker: one of
        // the two sees what the other wrote.
        self.signals.fetch_or(signal.0, Ordering::SeqCst);
        let waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waker) = &*waker {
            waker.wake_by_ref();
        }
    }

    /// The signals raised and not yet taken.
    #[inline]
    pub(crate) fn signals(&self) -> Signals {
        Signals(self.signals.load(Ordering::SeqCst))
    }

    /// Takes a signal back, before what it stands for is looked at.
    pub(crate) fn clear(&self, signal: Signals) {
        self.signals.fetch_and(!signal.0, Ordering::SeqCst);
    }

    pub(crate) fn identity(&self) -> Identity {
        self.identity.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn identify(&self, change: impl FnOnce(&mut Identity)) {
        change(&mut self.identity.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Whether it receives messages.
    pub(crate) fn is_subscriber(&self) -> bool {
        let report = &self.report;
        [&report.channels, &report.patterns, &report.shards]
            .iter()
            .any(|count| count.load(Ordering::Relaxed) > 0)
    }

    /// The line that `CLIENT LIST` shows.
    pub(crate) fn describe(&self, now_ms: u64) -> String {
        let Identity { name, library, library_version } = self.identity();
        let report = &self.report;
        let get = |figure: &AtomicU64| figure.load(Ordering::Relaxed);
        let get32 = |figure: &AtomicU32| figure.load(Ordering::Relaxed);
        let queued = report.queued.load(Ordering::Relaxed);
        let mut flags = String::new();
        for (set, letter) in [
            (self.monitors.load(Ordering::Relaxed), 'O'),
            (self.is_subscriber(), 'P'),
            (queued >= 0, 'x'),
            (self.peer.is_unix(), 'U'),
            (self.signals().has(Signals::KILL), 'A'),
        ] {
            if set {
                flags.push(letter);
            }
        }
        if flags.is_empty() {
            flags.push('N');
        }
        let command = match get32(&report.last_command).checked_sub(1) {
            None => "NULL",
            Some(number) => Table::shared().at(number as usize).map_or("NULL", |spec| spec.name),
        };
        let mut line = format!(
            "id={} addr={} laddr={} fd=0 name={name} age={} idle={} flags={flags} db={} sub={} \
             psub={} ssub={} multi={queued} qbuf={} qbuf-free={} argv-mem=0 multi-mem=0",
            self.id,
            self.peer,
            self.local,
            now_ms.saturating_sub(self.connected_ms) / 1000,
            now_ms.saturating_sub(get(&report.last_active_ms)) / 1000,
            get32(&report.database),
            get32(&report.channels),
            get32(&report.patterns),
            get32(&report.shards),
            get(&report.input_bytes),
            get(&report.input_allocated).saturating_sub(get(&report.input_bytes)),
        );
        let memory = get(&report.input_allocated) + get(&report.output_allocated);
        let _ = write!(
            line,
            " rbs=0 rbp=0 obl={} oll=0 omem={} tot-mem={memory} events=r cmd={command} \
             user=default redir=-1 resp={} watch={} lib-name={library} lib-ver={library_version} thread={} \
             tot-net-in={} tot-net-out={}",
            get(&report.output_bytes),
            get(&report.output_allocated),
            get32(&report.resp),
            get32(&report.watched),
            self.thread,
            get(&report.bytes_in),
            get(&report.bytes_out),
        );
        line
    }
}

/// Leaves the waker of the connection's task with its entry. `left` is the connection's own note
/// of the waker it left before; a task keeps its waker, so this does its work once.
#[inline]
pub(crate) fn wake(entry: &ClientEntry, left: &mut Option<Waker>, context: &Context<'_>) {
    if left.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
        return;
    }
    *left = Some(context.waker().clone());
    *entry.waker.lock().unwrap_or_else(PoisonError::into_inner) = Some(context.waker().clone());
}
