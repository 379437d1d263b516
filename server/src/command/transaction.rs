//! `MULTI`, `EXEC`, `DISCARD`, `WATCH`, `UNWATCH`.
//!
//! `EXEC` runs what was queued as one atomic step of the store. Commands that are not about
//! single keys, as `FLUSHALL` or `PUBLISH`, cannot be part of a step: they run in their place, and
//! what comes before and after them forms steps of its own.
//!
//! A watched key is remembered with its value and its expiry, and compared within the step: if it
//! is the same, all that was decided from it still holds.

use std::future::Future;
use std::pin::Pin;

use super::keys::Step;
use super::spec::{Flags, Group, Handler, Spec};
use super::{Call, CommandId, Failure, Keys, LongCall, Outcome, Table, subcommand};
use crate::client::{Queue, Queued, Watch};
use crate::gate::Reasons;
use crate::resp::Args;

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
    call.session.watches.clear();
    call.out.ok();
    Ok(())
}

fn watch(call: &mut Call<'_>) -> Outcome {
    if call.session.queue.is_some() {
        return Err(Failure::new("ERR WATCH inside MULTI is not allowed"));
    }
    let database = call.keys.database.index();
    for key in call.args.from(1).iter() {
        let watched = &call.session.watches;
        if watched.iter().any(|watch| watch.database == database && *watch.key == *key) {
            continue;
        }
        let seen = call.keys.atomically(|step| Ok(step.item(database, key)?))?;
        call.session.watches.push(Watch { database, key: key.into(), seen });
    }
    call.out.ok();
    Ok(())
}

fn unwatch(call: &mut Call<'_>) -> Outcome {
    call.session.watches.clear();
    call.out.ok();
    Ok(())
}

fn exec<'a>(mut call: LongCall<'a>) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>> {
    Box::pin(async move {
        let queue = call.session.queue.take().ok_or(Failure::new("ERR EXEC without MULTI"))?;
        let watches = std::mem::take(&mut call.session.watches);
        if queue.refused {
            return Err(Failure::EXEC_ABORT);
        }
        let mark = call.out.mark();
        call.out.array(queue.commands.len());
        let mut queued = &queue.commands[..];
        let mut watches = &watches[..];
        while !queued.is_empty() || !watches.is_empty() {
            let steps = queued.iter().take_while(|queued| is_step(queued)).count();
            let (step, behind) = queued.split_at(steps);
            if (steps > 0 || !watches.is_empty()) && !run_step(&mut call, watches, step)? {
                call.out.truncate(mark);
                call.out.null_array();
                return Ok(());
            }
            watches = &[];
            queued = behind;
            if let [alone, behind @ ..] = queued {
                queued = behind;
                run_alone(&mut call, alone).await;
                // Writes may have been held since the transaction began.
                call.server.gate.wait_while(|reasons| reasons.any(Reasons::HOLD_WRITES)).await;
            }
        }
        Ok(())
    })
}

fn is_step(queued: &Queued) -> bool {
    let spec = specific(queued.id, queued.args.as_args());
    spec.flags.has(Flags::STEP) && matches!(spec.handler, Handler::Now(_))
}

/// What is known of a queued command, or of its subcommand.
fn specific(id: CommandId, args: Args<'_>) -> &'static Spec {
    let spec = Table::shared().spec(id);
    args.get(1).and_then(|name| subcommand(spec, name)).unwrap_or(spec)
}

/// Runs the commands as one step; `false`, with nothing changed, if a watched key has changed.
fn run_step(
    call: &mut LongCall<'_>,
    watches: &[Watch],
    commands: &[Queued],
) -> Result<bool, Failure> {
    let LongCall { out, database, session, server, stats, .. } = call;
    let (mark, selected) = (out.mark(), database.clone());
    let done = server.store.transaction(|step| -> Result<bool, Failure> {
        // The step may run several times: each begins where the first did.
        out.truncate(mark);
        (*database).clone_from(&selected);
        for watch in watches {
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
        for queued in commands {
            let args = queued.args.as_args();
            let spec = specific(queued.id, args);
            let Handler::Now(run) = spec.handler else { continue };
            let step: &mut dyn Step = step;
            let keys = Keys { database, store: &server.store, step: Some(step), stats };
            let mark = out.mark();
            if let Err(failure) = run(&mut Call { spec, args, out, keys, session, server }) {
                out.truncate(mark);
                out.error(failure.text());
            }
        }
        Ok(true)
    })?;
    for queued in commands {
        stats.command(queued.id).calls.add(1);
    }
    Ok(done)
}

/// Runs a command that cannot be part of a step.
async fn run_alone(call: &mut LongCall<'_>, queued: &Queued) {
    let LongCall { out, database, session, server, stats, .. } = call;
    let args = queued.args.as_args();
    let spec = specific(queued.id, args);
    let mark = out.mark();
    let outcome = match spec.handler {
        Handler::Now(run) => {
            let keys = Keys { database, store: &server.store, step: None, stats };
            run(&mut Call { spec, args, out, keys, session, server })
        }
        Handler::Later(run) => run(LongCall { args, out, database, session, server, stats }).await,
        Handler::Container => Ok(()),
    };
    stats.command(queued.id).calls.add(1);
    if let Err(failure) = outcome {
        out.truncate(mark);
        out.error(failure.text());
    }
}
