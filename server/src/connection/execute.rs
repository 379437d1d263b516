//! Running the commands of a batch.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::exchange::OUTPUT_BYTES_MAX;
use super::http;
use super::lookahead::{self, Lookups};
use super::task::{Closed, Connection, takes_no_reply};
use crate::client::{ReplyMode, Session};
use crate::command::{
    Call, CommandId, Failure, Flags, Handler, Keys, LastFound, LaterFn, LongCall, NowFn, Spec,
    Table,
};
use crate::gate::Reasons;
use crate::resp::{Args, Command};
use crate::server::Ran;

/// A command that is known and has the right number of arguments.
#[derive(Clone, Copy)]
pub(super) struct Resolved {
    pub(super) id: CommandId,
    pub(super) spec: &'static Spec,
}

/// What is to be done with a command.
enum Verdict {
    Run,
    Queue,
    Refuse(Failure),
}

impl Connection {
    /// Runs every command of the batch, up to one that closes the connection.
    pub(super) async fn execute(&mut self) -> Result<(), Closed> {
        let count = self.input.commands().len();
        let mut next = 0;
        self.lap = Instant::now();
        self.apart_until = 0;
        while next < count && !self.session.closing {
            next += self.run_plain(next);
            if next < count && !self.session.closing {
                self.run_one(self.input.commands()[next]).await?;
                next += 1;
            }
            if self.out.pending_bytes() > OUTPUT_BYTES_MAX {
                self.bear_replies()?;
                self.send_down_to(OUTPUT_BYTES_MAX / 2).await?;
            }
        }
        self.turn_commands += count;
        Ok(())
    }

    /// Runs commands from the one at `first` on, for as long as none needs more than to be run.
    /// Returns how many it ran.
    fn run_plain(&mut self, first: usize) -> usize {
        let count = self.input.commands().len();
        let mut next = first;
        let mut warm = first;
        while next < count
            && self.session.is_plain()
            && !self.session.closing
            && self.server.gate.reasons().is_empty()
            && self.out.pending_bytes() <= OUTPUT_BYTES_MAX
        {
            let commands = &self.input.commands()[next..];
            let args = self.input.args(commands[0]);
            if lookahead::is_get(args) {
                let stats = &self.server.threads[self.session.entry.thread];
                let lookups =
                    Lookups { database: &self.database, events: &self.server.events, stats };
                let run = lookups.run(&self.input, commands, &mut self.out);
                let now = Instant::now();
                let took = now - self.lap;
                self.lap = now;
                stats.command(self.table.get).ran(run as u64, took);
                if self.server.slow.concerns(took / run.max(1) as u32) {
                    self.note_slow_gets(next, run, took);
                }
                self.last_command = self.table.get.index() as u32 + 1;
                next += run;
                continue;
            }
            if warm <= next && commands.len() >= lookahead::WARM_COMMANDS_MIN {
                warm = next + lookahead::warm(&self.input, commands, &self.database);
            }
            match resolve(self.table, args, &mut self.last_found) {
                Err((None, _)) if http::is_line(args.at(0)) => self.hang_up_on_http(),
                Err((id, failure)) => self.reject(id, &failure),
                Ok(Resolved { id, spec }) => match spec.handler_for(args.len()) {
                    Handler::Now(run) => {
                        let together = self.run_together(next, spec);
                        if together > 0 {
                            next += together;
                            continue;
                        }
                        self.run_now(self.input.commands()[next], id, spec, run);
                    }
                    Handler::Later(_) | Handler::Container => break,
                },
            }
            next += 1;
        }
        next - first
    }

    /// Runs a command that cannot just be run: it takes long, or the state of the session or of
    /// the server has to be looked at first.
    async fn run_one(&mut self, command: Command) -> Result<(), Closed> {
        if self.session.reply == ReplyMode::SkipNext {
            self.session.reply = ReplyMode::Skip;
        }
        let mark = self.out.mark();
        let args = self.input.args(command);
        let resolved = match resolve(self.table, args, &mut self.last_found) {
            Ok(resolved) => resolved,
            Err((None, _)) if http::is_line(self.input.args(command).at(0)) => {
                self.hang_up_on_http();
                return Ok(());
            }
            Err((id, failure)) => {
                self.session.refuse_queue();
                self.reject(id, &failure);
                if takes_no_reply(&mut self.session) {
                    self.out.truncate(mark);
                }
                return Ok(());
            }
        };
        let Resolved { id, spec } = resolved;
        if held(self.server.gate.reasons(), spec, &self.session) {
            // Replies of earlier commands should not wait with this one.
            self.flush().await?;
            let session = &self.session;
            self.server.gate.wait_while(|reasons| held(reasons, spec, session)).await;
        }
        self.lap = Instant::now();
        let mark = self.out.mark();
        match judge(self.server.gate.reasons(), spec, &self.session) {
            Verdict::Refuse(failure) => {
                self.session.refuse_queue();
                self.reject(Some(id), &failure);
            }
            Verdict::Queue => {
                if self.session.enqueue(id, self.input.args(command)) {
                    self.out.status("QUEUED");
                } else {
                    self.reject(Some(id), &Failure::new("ERR transaction is too large"));
                }
            }
            Verdict::Run => match spec.handler_for(self.input.args(command).len()) {
                Handler::Now(run) => self.run_now(command, id, spec, run),
                Handler::Later(run) => self.run_later(command, id, spec, run).await,
                Handler::Container => {}
            },
        }
        // That a subscription has begun or ended is a message, which a client gets in any case.
        let confirms = spec.flags.has(Flags::PUBSUB.and(Flags::SUBSCRIBER));
        if takes_no_reply(&mut self.session) && !confirms {
            self.out.truncate(mark);
        }
        Ok(())
    }

    #[inline]
    fn run_now(&mut self, command: Command, id: CommandId, spec: &'static Spec, run: NowFn) {
        let Self { input, out, session, database, server, .. } = self;
        let stats = &server.threads[session.entry.thread];
        self.last_command = id.index() as u32 + 1;
        // `CLIENT LIST` shows itself as what its client runs.
        session.entry.report.last_command.store(self.last_command, Ordering::Relaxed);
        let (mark, selected) = (out.mark(), database.index());
        let keys = Keys::live(database, server, stats, spec);
        let args = input.args(command);
        let failure = run(&mut Call { spec, args, out, keys, session, server }).err();
        if let Some(failure) = &failure {
            out.truncate(mark);
            out.error(failure.text());
        }
        let now = Instant::now();
        let took = now - self.lap;
        self.lap = now;
        let ran = Ran { id, spec, args, database: selected, took };
        server.account(&ran, failure.as_ref(), &session.entry);
    }

    async fn run_later(
        &mut self,
        command: Command,
        id: CommandId,
        spec: &'static Spec,
        run: LaterFn,
    ) {
        let Self { input, out, session, database, server, .. } = self;
        let stats = &server.threads[session.entry.thread];
        self.last_command = id.index() as u32 + 1;
        let (mark, selected) = (out.mark(), database.index());
        let args = input.args(command);
        let failure =
            run(LongCall { spec, args, out, database, session, server, stats }).await.err();
        if let Some(failure) = &failure {
            out.truncate(mark);
            out.error(failure.text());
        }
        let took = self.lap.elapsed();
        let ran = Ran { id, spec, args, database: selected, took };
        server.account(&ran, failure.as_ref(), &session.entry);
    }

    /// Notes the commands of a batched lookup that took long, each with its share of the time.
    #[cold]
    fn note_slow_gets(&self, first: usize, count: usize, took: Duration) {
        let spec = self.table.spec(self.table.get);
        let each = took / count.max(1) as u32;
        let now_ms = self.server.now_ms();
        for command in &self.input.commands()[first..first + count] {
            let args = self.input.args(*command);
            self.server.slow.note(spec, args, each, &self.session.entry, now_ms);
        }
    }

    /// Ends a connection that speaks HTTP, whose next lines would be run as commands.
    #[cold]
    fn hang_up_on_http(&mut self) {
        http::warn(&self.session.entry.peer);
        self.session.closing = true;
    }

    /// Answers a command that is not run. A refused `EXEC` ends its transaction.
    fn reject(&mut self, id: Option<CommandId>, failure: &Failure) {
        let abort = (id == Some(self.table.exec)).then(|| {
            self.session.queue = None;
            self.session.watches = None;
            failure.aborting()
        });
        let failure = abort.as_ref().unwrap_or(failure);
        self.out.error(failure.text());
        self.server.shared.error(failure.text());
        let stats = self.stats();
        stats.errors.add(1);
        if let Some(id) = id {
            stats.command(id).rejected.add(1);
        }
    }
}

/// Finds the command, and the subcommand if it has any, and checks the number of arguments.
#[inline]
pub(super) fn resolve(
    table: &Table,
    args: Args<'_>,
    last: &mut LastFound,
) -> Result<Resolved, (Option<CommandId>, Failure)> {
    let Some(mut id) = table.find_again(args.at(0), last) else {
        return Err((None, Failure::unknown_command(args.at(0), args.from(1).iter())));
    };
    let mut spec = table.spec(id);
    if !spec.subcommands.is_empty() && args.len() > 1 {
        match table.subcommand(id, args.at(1)) {
            Some(sub) => (id, spec) = (sub, table.spec(sub)),
            None => return Err((Some(id), Failure::unknown_subcommand(spec.name, args.at(1)))),
        }
    }
    if spec.accepts(args.len()) {
        Ok(Resolved { id, spec })
    } else {
        Err((Some(id), Failure::arity(spec.name)))
    }
}

/// Whether a command has to wait for its turn.
fn held(reasons: Reasons, spec: &Spec, session: &Session) -> bool {
    if reasons.is_empty() {
        return false;
    }
    // What is served while data is loaded is about the server; without it nobody could end a
    // pause or look at a shutdown.
    let about_server = spec.flags.has(Flags::LOADING);
    let executes = session.queue.is_some() && spec.name == "exec";
    let writes = spec.flags.has(Flags::WRITE) || executes;
    let reads = spec.flags.has(Flags::READONLY);
    (writes && reasons.any(Reasons::HOLD_WRITES))
        || (reads && reasons.any(Reasons::ALONE))
        || (!about_server && reasons.any(Reasons::PAUSED_ALL))
}

/// Decides what becomes of a command that is due, in the order in which Redis asks.
fn judge(reasons: Reasons, spec: &Spec, session: &Session) -> Verdict {
    let has = |flag| spec.flags.has(flag);
    let queueing = session.queue.is_some();
    if !session.authenticated && !has(Flags::NO_AUTH) {
        return Verdict::Refuse(Failure::NO_AUTH);
    }
    if queueing && has(Flags::NO_MULTI) {
        return Verdict::Refuse(Failure::new("ERR Command not allowed inside a transaction"));
    }
    if has(Flags::DENYOOM) && reasons.any(Reasons::OUT_OF_MEMORY) {
        return Verdict::Refuse(Failure::OUT_OF_MEMORY);
    }
    if session.is_confined() && !has(Flags::SUBSCRIBER) {
        return Verdict::Refuse(
            format!(
                "ERR Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / \
                 RESET are allowed in this context",
                spec.name
            )
            .into(),
        );
    }
    if reasons.any(Reasons::LOADING) && !has(Flags::LOADING) {
        return Verdict::Refuse(Failure::LOADING);
    }
    if queueing && !has(Flags::UNQUEUED) { Verdict::Queue } else { Verdict::Run }
}
