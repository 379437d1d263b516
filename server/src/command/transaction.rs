//! `MULTI`, `EXEC`, `DISCARD`, `WATCH`, `UNWATCH`.
//!
//! `EXEC` runs what was queued as one atomic step, in one of two ways:
//!
//! * Commands about single keys run as one transaction of the store. Those that touch no data, as
//!   `PUBLISH`, run right behind it: the transaction may be tried several times, they only once.
//! * If one of them is about whole databases, as `FLUSHALL` or `KEYS`, everybody else is stopped
//!   and all of them run one by one.
//!
//! A watched key is remembered with its value and its expiry, and compared within the step; that
//! it was written meanwhile, with whatever value, is noted by the [writer](crate::watched).

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::spec::{Flags, Group, Handler, Spec};
use super::step::{Announcement, Recorder, Step, Written};
use super::{Call, Failure, Keys, LongCall, Outcome, Table};
use crate::alone::Alone;
use crate::client::{Queue, Queued, Watches};
use crate::gate::Reasons;
use crate::resp::Output;
use crate::server::{Ran, Server};

const TRANSACTION: Flags =
    Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE).and(Flags::UNQUEUED);

pub(super) const COMMANDS: &[Spec] = &[
    Spec::now(Group::Transactions, "multi", 1, multi).fast().flags(TRANSACTION).doc(
        "1.2.0",
        "O(1)",
        "Starts a transaction.",
    ),
    Spec::later(Group::Transactions, "exec", 1, exec).flags(TRANSACTION).doc(
        "1.2.0",
        "Depends on commands in the transaction",
        "Executes all commands in a transaction.",
    ),
    Spec::now(Group::Transactions, "discard", 1, discard).fast().flags(TRANSACTION).doc(
        "2.0.0",
        "O(N), when N is the number of queued commands",
        "Discards a transaction.",
    ),
    Spec::now(Group::Transactions, "watch", -2, watch)
        .fast()
        .flags(TRANSACTION)
        .keys(1, -1, 1)
        .access(&[&["RO"]])
        .doc(
            "2.2.0",
            "O(1) for every key.",
            "Monitors changes to keys to determine the execution of a transaction.",
        ),
    Spec::now(Group::Transactions, "unwatch", 1, unwatch)
        .fast()
        .flags(Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE))
        .doc("2.2.0", "O(1)", "Forgets about watched keys of a transaction."),
];

fn multi(call: &mut Call<'_>) -> Outcome {
    if call.session.queue.is_some() {
        return Err(Failure::new("ERR MULTI calls can not be nested"));
    }
    call.session.queue = Some(Queue::default());
    call.out.ok();
    Ok(())
}

fn discard(call: &mut Call<'_>) -> Outcome {
    if call.session.queue.take().is_none() {
        return Err(Failure::new("ERR DISCARD without MULTI"));
    }
    call.session.watches = None;
    call.out.ok();
    Ok(())
}

fn watch(call: &mut Call<'_>) -> Outcome {
    if call.session.queue.is_some() {
        return Err(Failure::new("ERR WATCH inside MULTI is not allowed"));
    }
    let Call { args, keys, session, server, .. } = call;
    let database = keys.database.index();
    let watches = session.watches.get_or_insert_with(|| Watches::new(&server.watched));
    for key in args.from(1).iter() {
        watches.add(database, key, || keys.atomically(|step| Ok(step.item(database, key)?)))?;
    }
    call.out.ok();
    Ok(())
}

fn unwatch(call: &mut Call<'_>) -> Outcome {
    call.session.watches = None;
    call.out.ok();
    Ok(())
}

fn exec<'a>(mut call: LongCall<'a>) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>> {
    Box::pin(async move {
        let queue = call.session.queue.take().ok_or(Failure::new("ERR EXEC without MULTI"))?;
        let watches = call.session.watches.take();
        if queue.refused {
            return Err(Failure::EXEC_ABORT);
        }
        let any = |is: fn(&Spec) -> bool| queue.commands.iter().any(|queued| is(spec_of(queued)));
        let short_of_memory = call.server.gate.reasons().any(Reasons::OUT_OF_MEMORY);
        if short_of_memory && any(|spec| spec.flags.has(Flags::DENYOOM)) {
            return Err(Failure::OUT_OF_MEMORY.aborting());
        }
        call.session.executes = true;
        let done = if any(is_whole) {
            run_alone(&mut call, watches.as_ref(), &queue.commands).await
        } else {
            run_together(&mut call, watches.as_ref(), &queue.commands).await
        };
        call.session.executes = false;
        if !done? {
            call.out.null_array();
        }
        Ok(())
    })
}

/// What is known of a queued command.
fn spec_of(queued: &Queued) -> &'static Spec {
    Table::shared().spec(queued.id)
}

/// Whether a command can be part of a transaction of the store.
fn is_step(spec: &Spec) -> bool {
    spec.flags.has(Flags::STEP) && matches!(spec.handler, Handler::Now(_))
}

/// Whether a command touches data otherwise than key by key.
fn is_whole(spec: &Spec) -> bool {
    let touches_data = spec.flags.has(Flags::READONLY) || spec.flags.has(Flags::WRITE);
    touches_data && !is_step(spec)
}

/// Whether every watched key is as it was; compares values too.
fn is_unchanged(watches: Option<&Watches>, step: &mut dyn Step) -> Result<bool, Failure> {
    let Some(watches) = watches else { return Ok(true) };
    for watch in watches.keys() {
        let unchanged = match (step.item(watch.database, &watch.key)?, &watch.seen) {
            (Some((item, expiry)), Some((seen, expiry_seen))) => {
                expiry == *expiry_seen && item.is_unchanged(seen)
            }
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        if !unchanged {
            return Ok(false);
        }
    }
    Ok(!watches.is_touched())
}

/// How a command of a transaction ended, and after how long.
type Ended = (Duration, Option<Failure>);

/// What one run of a transaction's commands left.
#[derive(Default)]
struct Run {
    /// Replies between those of commands that run behind the transaction.
    pieces: Vec<Output>,
    ended: Vec<Ended>,
}

/// Runs the commands as one transaction, and those that touch no data behind it; `false`, with
/// nothing changed, if a watched key has changed.
async fn run_together(
    call: &mut LongCall<'_>,
    watches: Option<&Watches>,
    commands: &[Queued],
) -> Result<bool, Failure> {
    let server = Arc::clone(call.server);
    let ran = transact(call, &server, watches, commands)?;
    let Some((Run { pieces, ended }, mut events)) = ran else { return Ok(false) };
    let (mut pieces, mut ended) = (pieces.into_iter(), ended.into_iter());
    call.out.array(commands.len());
    call.out.append(pieces.next().unwrap_or_default());
    for (index, queued) in commands.iter().enumerate() {
        if is_step(spec_of(queued)) {
            events.publish_up_to(index);
            let (took, failure) = ended.next().unwrap_or_default();
            account(call, queued, took, failure.as_ref());
        } else {
            run_one(call, queued, false).await;
            call.out.append(pieces.next().unwrap_or_default());
        }
    }
    Ok(true)
}

/// Runs the commands about single keys as one transaction; none if a watched key has changed.
fn transact<'s>(
    call: &mut LongCall<'_>,
    server: &'s Server,
    watches: Option<&Watches>,
    commands: &[Queued],
) -> Result<Option<(Run, Announcement<'s>)>, Failure> {
    let LongCall { spec: exec, out, database, session, server: shared, stats, .. } = call;
    let (protocol, selected) = (out.protocol(), database.clone());
    let piece = || {
        let mut piece = Output::new();
        piece.set_protocol(protocol);
        piece
    };
    let mut written = Written::new(server);
    let run = server.store.transaction(|transaction| -> Result<Option<Run>, Failure> {
        // The transaction may be tried several times: each begins where the first did.
        written.restart();
        (*database).clone_from(&selected);
        let mut step = Recorder::new(transaction, &mut written, exec);
        if !is_unchanged(watches, &mut step)? {
            return Ok(None);
        }
        let (mut replies, mut done) = (piece(), Run::default());
        let mut lap = Instant::now();
        for (index, queued) in commands.iter().enumerate() {
            let spec = spec_of(queued);
            let Handler::Now(run) = spec.handler else {
                done.pieces.push(std::mem::replace(&mut replies, piece()));
                continue;
            };
            if !is_step(spec) {
                done.pieces.push(std::mem::replace(&mut replies, piece()));
                continue;
            }
            let args = queued.args.as_args();
            step.begin(index, spec);
            let step: &mut dyn Step = &mut step;
            let keys = Keys { step: Some(step), ..Keys::live(database, server, stats, spec) };
            let (mark, out) = (replies.mark(), &mut replies);
            let failure = run(&mut Call { spec, args, out, keys, session, server: shared }).err();
            if let Some(failure) = &failure {
                replies.truncate(mark);
                replies.error(failure.text());
            }
            let now = Instant::now();
            done.ended.push((now - lap, failure));
            lap = now;
        }
        done.pieces.push(replies);
        Ok(Some(done))
    })?;
    let events = written.take_effect();
    Ok(run.map(|run| (run, events)))
}

/// Runs the commands one by one while everybody else is stopped; `false`, with nothing changed,
/// if a watched key has changed.
async fn run_alone(
    call: &mut LongCall<'_>,
    watches: Option<&Watches>,
    commands: &[Queued],
) -> Result<bool, Failure> {
    let server = call.server;
    let _alone = Alone::begin(server).await;
    let unchanged = server.store.transaction(|transaction| {
        let mut written = Written::new(server);
        is_unchanged(watches, &mut Recorder::new(transaction, &mut written, call.spec))
    })?;
    if unchanged {
        call.out.array(commands.len());
        for queued in commands {
            run_one(call, queued, true).await;
        }
    }
    Ok(unchanged)
}

/// Runs a command by itself.
async fn run_one(call: &mut LongCall<'_>, queued: &Queued, alone: bool) {
    let LongCall { out, database, session, server, stats, .. } = call;
    let (args, spec) = (queued.args.as_args(), spec_of(queued));
    let (mark, started) = (out.mark(), Instant::now());
    let outcome = match spec.handler {
        Handler::Now(run) => {
            let keys = Keys { alone, ..Keys::live(database, server, stats, spec) };
            run(&mut Call { spec, args, out, keys, session, server })
        }
        Handler::Later(run) => {
            run(LongCall { spec, args, out, database, session, server, stats }).await
        }
        Handler::Container => Ok(()),
    };
    let failure = outcome.err();
    if let Some(failure) = &failure {
        out.truncate(mark);
        out.error(failure.text());
    }
    account(call, queued, started.elapsed(), failure.as_ref());
}

/// Counts a command that ran.
fn account(call: &LongCall<'_>, queued: &Queued, took: Duration, failure: Option<&Failure>) {
    let (id, spec, args) = (queued.id, spec_of(queued), queued.args.as_args());
    let database = call.database.index();
    call.server.account(&Ran { id, spec, args, database, took }, failure, &call.session.entry);
}
