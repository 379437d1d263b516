//! What others may know of a connection, and how they reach it.

use std::fmt::Write;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Waker};
use std::time::Instant;

use super::bounds::{Bound, Class};
use super::{Address, BoundsInForce, Mail, Mailbox};
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
    /// Bytes received, those of the commands that run included.
    pub(crate) input_bytes: AtomicU64,
    pub(crate) input_allocated: AtomicU64,
    /// Bytes of replies in the buffer that the socket did not take yet.
    pub(crate) output_bytes: AtomicU64,
    pub(crate) output_allocated: AtomicU64,
    /// Pieces of replies ahead of the buffer, and their bytes.
    pub(crate) output_queued: AtomicU64,
    pub(crate) output_queued_bytes: AtomicU64,
    pub(crate) bytes_in: AtomicU64,
    pub(crate) bytes_out: AtomicU64,
    pub(crate) channels: AtomicU32,
    pub(crate) patterns: AtomicU32,
    pub(crate) shards: AtomicU32,
    /// Queued commands, or -1 outside of a transaction.
    pub(crate) queued: AtomicI64,
    pub(crate) queued_bytes: AtomicU64,
    pub(crate) watched: AtomicU32,
    pub(crate) resp: AtomicU32,
}

/// A connection as the rest of the server sees it.
#[derive(Debug)]
pub(crate) struct ClientEntry {
    pub(crate) id: u64,
    pub(crate) peer: Address,
    pub(crate) local: Address,
    /// Number of the socket's file descriptor.
    pub(crate) descriptor: i32,
    pub(crate) thread: usize,
    pub(crate) connected_ms: u64,
    pub(crate) report: Report,
    identity: Mutex<Identity>,
    pub(crate) mailbox: Mailbox,
    signals: AtomicU32,
    /// It is shown what others run.
    pub(crate) monitors: AtomicBool,
    /// It is spared when the clients together take too much memory.
    pub(crate) spared: AtomicBool,
    /// What may wait for it.
    bounds: Arc<BoundsInForce>,
    /// Since when more than its soft limit waits for it.
    behind_since: Mutex<Option<Instant>>,
    /// Wakes the connection's task, once it has waited for the first time.
    waker: Mutex<Option<Waker>>,
}

/// A client that has just come.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(crate) id: u64,
    pub(crate) peer: Address,
    pub(crate) local: Address,
    pub(crate) descriptor: i32,
    pub(crate) now_ms: u64,
}

impl ClientEntry {
    pub(crate) fn new(arrived: Arrived, thread: usize, bounds: Arc<BoundsInForce>) -> Self {
        let Arrived { id, peer, local, descriptor, now_ms } = arrived;
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
            descriptor,
            thread,
            connected_ms: now_ms,
            report,
            identity: Mutex::default(),
            mailbox: Mailbox::default(),
            signals: AtomicU32::new(0),
            monitors: AtomicBool::new(false),
            spared: AtomicBool::new(false),
            bounds,
            behind_since: Mutex::default(),
            waker: Mutex::new(None),
        }
    }

    /// Leaves mail for the connection, or ends it if it does not read what it has.
    pub(crate) fn post(&self, mail: Mail) {
        if self.signals().has(Signals::KILL) {
            return;
        }
        let waiting = self.mailbox.put(mail);
        if self.bears(waiting + self.unsent_bytes()) {
            self.signal(Signals::MAIL);
        } else {
            self.mailbox.clear();
        }
    }

    /// Looks again at what waits for it, which may have waited for too long. Returns whether the
    /// client has to be looked at once more.
    pub(crate) fn review(&self) -> bool {
        let behind = |entry: &Self| {
            entry.behind_since.lock().unwrap_or_else(PoisonError::into_inner).is_some()
        };
        self.bears(self.mailbox.waiting().1 + self.unsent_bytes()) && behind(self)
    }

    /// Whether `bytes` that wait are enough for some limit.
    #[inline]
    pub(crate) fn has_bounds_for(&self, bytes: usize) -> bool {
        !self.bounds.are_harmless(bytes)
    }

    /// Whether the client may have `bytes` waiting; if not, its connection is ended.
    #[inline]
    pub(crate) fn bears(&self, bytes: usize) -> bool {
        self.bounds.are_harmless(bytes) || self.judge(bytes as u64)
    }

    /// Whether the client may have `bytes` of replies waiting besides its mail; if not, its
    /// connection is ended. Without the mail, whoever has most of what waits there would seem to
    /// have caught up, and its time past the soft limit would begin anew.
    pub(crate) fn bears_replies(&self, bytes: usize) -> bool {
        self.bears(bytes + self.mailbox.waiting().1)
    }

    /// Compares what waits with the limits of the client's class.
    #[cold]
    fn judge(&self, bytes: u64) -> bool {
        let monitors = self.monitors.load(Ordering::Relaxed);
        let class = if monitors || self.is_subscriber() { Class::PubSub } else { Class::Normal };
        let Bound { hard_bytes, soft_bytes, soft_seconds } = self.bounds.of(class);
        let mut behind = self.behind_since.lock().unwrap_or_else(PoisonError::into_inner);
        let mut too_long = false;
        if soft_bytes > 0 && bytes >= soft_bytes {
            let since = *behind.get_or_insert_with(Instant::now);
            // Whole seconds, as in Redis: with none it is not ended in the moment it gets there.
            too_long = since.elapsed().as_secs() > soft_seconds;
            self.bounds.watch();
        } else {
            *behind = None;
        }
        drop(behind);
        let too_much = hard_bytes > 0 && bytes >= hard_bytes;
        if !too_much && !too_long {
            return true;
        }
        if !self.signals().has(Signals::KILL) {
            tracing::warn!(
                client = self.id,
                address = %self.peer,
                bytes,
                "disconnecting a client that does not read what it is sent, see \
                 --client_output_buffer_limit"
            );
            self.signal(Signals::KILL);
        }
        false
    }

    /// Bytes of replies that the socket has not taken.
    fn unsent_bytes(&self) -> usize {
        let report = &self.report;
        let buffered = report.output_bytes.load(Ordering::Relaxed);
        (buffered + report.output_queued_bytes.load(Ordering::Relaxed)) as usize
    }

    /// Memory that the client takes, as far as it is known.
    pub(crate) fn memory_bytes(&self) -> u64 {
        let report = &self.report;
        let held = [
            &report.input_allocated,
            &report.output_allocated,
            &report.output_queued_bytes,
            &report.queued_bytes,
        ];
        let held: u64 = held.iter().map(|figure| figure.load(Ordering::Relaxed)).sum();
        held + self.mailbox.waiting().1 as u64 + size_of::<Self>() as u64
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

    /// The line that `CLIENT LIST` shows: with figures behind those that Redis 7 has.
    pub(crate) fn describe_with_figures(&self, now_ms: u64) -> String {
        let (report, mut line) = (&self.report, self.describe(now_ms));
        // Nothing that is written to a string can fail.
        let _ = write!(
            line,
            " thread={} tot-net-in={} tot-net-out={}",
            self.thread,
            report.bytes_in.load(Ordering::Relaxed),
            report.bytes_out.load(Ordering::Relaxed),
        );
        line
    }

    /// The line that `CLIENT INFO` shows. Some libraries refuse one with fields that they do not
    /// know, so it has none but Redis's.
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
            (self.spared.load(Ordering::Relaxed), 'e'),
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
            "id={} addr={} laddr={} fd={} name={name} age={} idle={} flags={flags} db={} sub={} \
             psub={} ssub={} multi={queued} qbuf={} qbuf-free={} argv-mem=0 multi-mem={}",
            self.id,
            self.peer,
            self.local,
            self.descriptor,
            now_ms.saturating_sub(self.connected_ms) / 1000,
            now_ms.saturating_sub(get(&report.last_active_ms)) / 1000,
            get32(&report.database),
            get32(&report.channels),
            get32(&report.patterns),
            get32(&report.shards),
            get(&report.input_bytes),
            get(&report.input_allocated).saturating_sub(get(&report.input_bytes)),
            get(&report.queued_bytes),
        );
        let (letters, letter_bytes) = self.mailbox.waiting();
        let allocated = get(&report.output_allocated);
        let _ = write!(
            line,
            " rbs={allocated} rbp={allocated} obl={} oll={} omem={} tot-mem={} events=r \
             cmd={command} user=default redir=-1 resp={} watch={} lib-name={library} \
             lib-ver={library_version}",
            get(&report.output_bytes),
            get(&report.output_queued) + letters as u64,
            get(&report.output_queued_bytes) + letter_bytes as u64,
            self.memory_bytes(),
            get32(&report.resp),
            get32(&report.watched),
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
