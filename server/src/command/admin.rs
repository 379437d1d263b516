//! `TIME`, `SHUTDOWN`, and `DEBUG`'s subcommands.

use std::future::Future;
use std::pin::Pin;

use tokio::sync::oneshot;

use super::call::is;
use super::debug;
use super::spec::{Flags, Group, Spec};
use super::{Call, Failure, LongCall, Outcome};
use crate::shutdown::{Request, SaveMode};

const DEBUGGING: Flags = Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::NO_MULTI);

pub(super) const COMMANDS: &[Spec] = &[
    Spec::now(Group::Server, "time", 1, time).fast().flags(Flags::LOADING.and(Flags::STALE)).doc(
        "2.6.0",
        "O(1)",
        "Returns the server time.",
    ),
    Spec::later(Group::Server, "shutdown", -1, shutdown).admin().flags(Flags::NO_MULTI).doc(
        "1.0.0",
        "O(N) when saving, where N is the total number of keys in all databases when saving \
             data, otherwise O(1)",
        "Synchronously saves the database(s) to disk and shuts down the server.",
    ),
    Spec::now(Group::Server, "monitor", 1, monitor)
        .flags(DEBUGGING.and(Flags::LOADING).and(Flags::STALE))
        .doc("1.0.0", "O(1)", "Listens for all requests received by the server in real-time."),
    Spec::container(
        Group::Server,
        "debug",
        &[
            Spec::later(Group::Server, "debug|populate", -3, debug::populate)
                .flags(DEBUGGING.and(Flags::WRITE).and(Flags::DENYOOM))
                .doc("1.0.0", "O(N) where N is the number of keys", "Creates test keys."),
            Spec::later(Group::Server, "debug|reload", -2, debug::reload).flags(DEBUGGING).doc(
                "1.0.0",
                "O(N) where N is the number of keys",
                "Saves the data and loads it again.",
            ),
            Spec::later(Group::Server, "debug|sleep", 3, debug::sleep).flags(DEBUGGING).doc(
                "1.0.0",
                "O(1)",
                "Delays this client's reply by a number of seconds.",
            ),
            Spec::now(Group::Server, "debug|object", 3, debug::object)
                .flags(DEBUGGING.and(Flags::READONLY))
                .keys(2, 2, 1)
                .doc("1.0.0", "O(1)", "Shows how a value is kept."),
            Spec::now(Group::Server, "debug|error", 3, debug::error)
                .flags(Flags::ADMIN.and(Flags::NOSCRIPT))
                .doc("1.0.0", "O(1)", "Replies with an error of the given text."),
            Spec::now(Group::Server, "debug|help", 2, debug::help).flags(DEBUGGING).doc(
                "1.0.0",
                "O(1)",
                "Returns helpful text about the different subcommands.",
            ),
        ],
    )
    .doc("1.0.0", "Depends on subcommand.", "A container for debugging commands."),
];

fn monitor(call: &mut Call<'_>) -> Outcome {
    call.out.ok();
    call.server.monitors.add(&call.session.entry, &call.server.gate);
    Ok(())
}

fn time(call: &mut Call<'_>) -> Outcome {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.unwrap_or_default();
    call.out.array(2);
    call.out.bulk(now.as_secs().to_string().as_bytes());
    call.out.bulk(now.subsec_micros().to_string().as_bytes());
    Ok(())
}

fn shutdown<'a>(call: LongCall<'a>) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>> {
    Box::pin(async move {
        let (mut save, mut now, mut force, mut abort) =
            (SaveMode::AsConfigured, false, false, false);
        for word in call.args.from(1).iter() {
            match word {
                word if is(word, "nosave") && save != SaveMode::Always => save = SaveMode::Never,
                word if is(word, "save") && save != SaveMode::Never => save = SaveMode::Always,
                word if is(word, "now") => now = true,
                word if is(word, "force") => force = true,
                word if is(word, "abort") && call.args.len() == 2 => abort = true,
                _ => return Err(Failure::SYNTAX),
            }
        }
        if abort {
            let (reply, answer) = oneshot::channel();
            call.server.request(Request::Abort(reply));
            return match answer.await {
                Ok(true) => {
                    call.out.ok();
                    Ok(())
                }
                _ => Err(Failure::new("ERR No shutdown in progress.")),
            };
        }
        let (reply, answer) = oneshot::channel();
        call.server.request(Request::Command { save, now, force, reply });
        if let Ok(reason) = answer.await {
            return Err(reason.into());
        }
        // The process is about to exit, which is the reply.
        call.session.closing = true;
        Ok(())
    })
}
