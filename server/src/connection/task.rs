//! The life of a connection.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Waker;
use std::time::Instant;

use exuvia::Database;

use super::stream::Stream;
use crate::channels::Topic;
use crate::client::{ClientEntry, ReplyMode, Session};
use crate::command::{LastFound, Table};
use crate::resp::{Input, Output, Protocol};
use crate::server::{Server, Shared};
use crate::stats::ThreadStats;

/// The connection is over: the client went away, was sent away, or has had its last reply.
#[derive(Clone, Copy, Debug)]
pub(super) struct Closed;

/// Commands that run before other clients of the thread get a turn.
const TURN_COMMANDS_MAX: usize = 4096;

/// A connection, from accepting to closing.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(super) stream: Stream,
    /// What was written may have to be flushed.
    pub(super) unflushed: bool,
    pub(super) input: Input,
    pub(super) out: Output,
    pub(super) session: Session,
    pub(super) database: Database,
    pub(super) server: Shared,
    pub(super) table: &'static Table,
    /// The waker left with the client's entry.
    pub(super) waker: Option<Waker>,
    /// Messages were left in the mailbox because too many replies wait.
    pub(super) mail_waits: bool,
    /// The client's entry tells of replies that the socket did not take.
    pub(super) unsent_told: bool,
    /// Commands run since the thread last served somebody else.
    pub(super) turn_commands: usize,
    pub(super) last_found: LastFound,
    /// Number of the last command plus one.
    pub(super) last_command: u32,
    /// When the last command ended, or the batch began.
    pub(super) lap: Instant,
    /// Commands of the batch, up to the one of this number, are not to be run
    /// [together](super::together).
    pub(super) apart_until: usize,
}

impl Connection {
    pub(crate) fn new(
        stream: Stream,
        entry: Arc<ClientEntry>,
        database: Database,
        server: Shared,
    ) -> Self {
        let authenticated = server.settings().requirepass().is_empty();
        Self {
            stream,
            unflushed: false,
            input: Input::new(),
            out: Output::new(),
            session: Session::new(entry, authenticated),
            database,
            server,
            table: Table::shared(),
            waker: None,
            mail_waits: false,
            unsent_told: false,
            turn_commands: 0,
            last_found: LastFound::default(),
            last_command: 0,
            lap: Instant::now(),
            apart_until: 0,
        }
    }

    /// Serves the client until it is done.
    pub(crate) async fn serve(mut self) {
        // However it ended, there is nobody left to tell.
        let Closed = match self.serve_batches().await {
            Ok(()) => Closed,
            Err(closed) => closed,
        };
        if self.session.closing {
            self.say_farewell().await;
        }
    }

    /// Runs commands until the last reply is sent.
    async fn serve_batches(&mut self) -> Result<(), Closed> {
        loop {
            let limits = self.server.limits(self.session.authenticated);
            let parsed = self.input.parse(&limits);
            let commands = self.input.commands().len();
            if commands > 0 {
                self.execute().await?;
            }
            self.input.consume();
            if commands > 0 {
                self.report();
                self.bear_replies()?;
            }
            if self.session.closing {
                return self.flush().await;
            }
            if let Err(error) = parsed {
                tracing::debug!(client = self.session.entry.id, %error, "closing a connection");
                self.out.error(&format!("ERR {error}"));
                self.session.closing = true;
                return self.flush().await;
            }
            if commands == 0 {
                self.exchange().await?;
            }
            if self.turn_commands > TURN_COMMANDS_MAX {
                self.turn_commands = 0;
                tokio::task::yield_now().await;
            }
        }
    }

    pub(super) fn stats(&self) -> &ThreadStats {
        &self.server.threads[self.session.entry.thread]
    }

    /// Tells the client's entry how the connection stands.
    fn report(&self) {
        let report = &self.session.entry.report;
        report.last_active_ms.store(self.server.now_ms(), Ordering::Relaxed);
        report.database.store(u32::from(self.database.index()), Ordering::Relaxed);
        report.last_command.store(self.last_command, Ordering::Relaxed);
        report.input_bytes.store(self.input.unparsed_bytes() as u64, Ordering::Relaxed);
        let queue = self.session.queue.as_ref();
        let queued = queue.map_or(-1, |queue| queue.commands.len() as i64);
        report.queued.store(queued, Ordering::Relaxed);
        report.queued_bytes.store(queue.map_or(0, |queue| queue.bytes as u64), Ordering::Relaxed);
        let watched = self.session.watches.as_ref().map_or(0, |watches| watches.keys().len());
        report.watched.store(watched as u32, Ordering::Relaxed);
        let resp = if self.out.protocol() == Protocol::Resp3 { 3 } else { 2 };
        report.resp.store(resp, Ordering::Relaxed);
    }

    /// Tells the client's entry what was received and has yet to run.
    pub(super) fn report_input(&self) {
        let report = &self.session.entry.report;
        report.input_bytes.store(self.input.held_bytes() as u64, Ordering::Relaxed);
        report.input_allocated.store(self.input.allocated_bytes() as u64, Ordering::Relaxed);
    }

    /// Tells the client's entry which replies wait, where the socket did not take all of them.
    #[cold]
    pub(super) fn report_unsent(&mut self) {
        let report = &self.session.entry.report;
        let (mut pieces, mut bytes) = self.out.queued();
        let mut buffered = self.out.pending_bytes() - bytes;
        let mut allocated = self.out.buffer_bytes();
        // A buffer that has grown is memory like that of other pieces.
        if buffered > Output::SHARED_BYTES_MIN {
            (pieces, bytes, buffered, allocated) = (pieces + 1, bytes + buffered, 0, 0);
        }
        report.output_bytes.store(buffered as u64, Ordering::Relaxed);
        report.output_allocated.store(allocated as u64, Ordering::Relaxed);
        report.output_queued.store(pieces as u64, Ordering::Relaxed);
        report.output_queued_bytes.store(bytes as u64, Ordering::Relaxed);
        self.unsent_told = !self.out.is_empty();
    }

    /// Ends the connection if more replies wait than may.
    pub(super) fn bear_replies(&mut self) -> Result<(), Closed> {
        if !self.session.entry.has_bounds_for(self.out.pending_bytes()) {
            return Ok(());
        }
        // What the socket takes of them at once does not count for long, so it is told of too.
        self.report_unsent();
        let bears = self.session.entry.bears_replies(self.out.pending_bytes());
        if bears { Ok(()) } else { Err(Closed) }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let id = self.session.entry.id;
        forget_subscriptions(&self.server, &mut self.session);
        self.server.monitors.remove(&self.session.entry, &self.server.gate);
        self.server.clients.remove(id);
    }
}

/// Ends all subscriptions of a session.
pub(crate) fn forget_subscriptions(server: &Server, session: &mut Session) {
    for topic in [Topic::Channel, Topic::Pattern, Topic::Shard] {
        for name in std::mem::take(session.subscriptions.of_mut(topic)) {
            server.channels.unsubscribe(topic, &name, session.entry.id);
        }
    }
    let report = &session.entry.report;
    for count in [&report.channels, &report.patterns, &report.shards] {
        count.store(0, Ordering::Relaxed);
    }
}

/// Whether the reply of the command that runs is not wanted; moves on to the next command's.
pub(super) fn takes_no_reply(session: &mut Session) -> bool {
    match session.reply {
        ReplyMode::On | ReplyMode::SkipNext => false,
        ReplyMode::Off => true,
        ReplyMode::Skip => {
            session.reply = ReplyMode::On;
            true
        }
    }
}
