//! What there is to say of replicas, clusters and modules: that there are none.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use super::call::is;
use super::spec::{Flags, Group, Spec};
use super::{Call, Failure, LongCall, Outcome};
use crate::number::parse_i64;

const ABOUT: Flags = Flags::LOADING.and(Flags::STALE);

pub(super) const COMMANDS: &[Spec] = &[
    Spec::now(Group::Generic, "wait", 3, wait).long(0, wait_long).flags(Flags::NOSCRIPT).doc(
        "3.0.0",
        "O(1)",
        "Blocks until the asynchronous replication of all preceding write commands sent by the \
         connection is completed.",
    ),
    Spec::now(Group::Server, "role", 1, role)
        .fast()
        .flags(ABOUT.and(Flags::NOSCRIPT).and(Flags::ADMIN))
        .doc("2.8.12", "O(1)", "Returns the replication role."),
    Spec::now(Group::Server, "replicaof", 3, replicaof)
        .flags(Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::STALE))
        .doc("5.0.0", "O(1)", "Configures a server as replica of another, or promotes it."),
    Spec::now(Group::Server, "slaveof", 3, replicaof)
        .flags(Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::STALE))
        .doc("1.0.0", "O(1)", "Sets a server as a replica of another, or promotes it."),
    Spec::now(Group::Connection, "readonly", 1, disabled).fast().flags(ABOUT).doc(
        "3.0.0",
        "O(1)",
        "Enables read-only queries for a connection to a cluster replica node.",
    ),
    Spec::now(Group::Connection, "readwrite", 1, disabled).fast().flags(ABOUT).doc(
        "3.0.0",
        "O(1)",
        "Enables read-write queries for a connection to a cluster replica node.",
    ),
    Spec::now(Group::Connection, "asking", 1, disabled).fast().doc(
        "3.0.0",
        "O(1)",
        "Signals that a cluster client is following an -ASK redirect.",
    ),
    Spec::now(Group::Server, "cluster", -2, disabled).doc(
        "3.0.0",
        "Depends on subcommand.",
        "A container for cluster commands.",
    ),
    Spec::container(
        Group::Server,
        "module",
        &[Spec::now(Group::Server, "module|list", 2, module_list)
            .flags(Flags::ADMIN.and(Flags::NOSCRIPT))
            .doc(
                "4.0.0",
                "O(N) where N is the number of loaded modules.",
                "Returns all loaded modules.",
            )],
    )
    .doc("4.0.0", "Depends on subcommand.", "A container for module commands."),
];

/// How long a client wants to wait, and for how many replicas.
fn parse_wait(args: crate::resp::Args<'_>) -> Result<(i64, Duration), Failure> {
    let replicas = parse_i64(args.at(1)).ok_or(Failure::NOT_AN_INTEGER)?;
    let timeout = parse_i64(args.at(2))
        .ok_or(Failure::new("ERR timeout is not an integer or out of range"))?;
    let timeout = u64::try_from(timeout).map_err(|_| Failure::new("ERR timeout is negative"))?;
    Ok((replicas, Duration::from_millis(timeout)))
}

/// Within a transaction nothing is waited for.
fn wait(call: &mut Call<'_>) -> Outcome {
    parse_wait(call.args)?;
    call.out.integer(0);
    Ok(())
}

/// No replica will ever acknowledge anything, so the time given passes. Where it is unlimited the
/// answer comes at once instead of never.
fn wait_long<'a>(call: LongCall<'a>) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>> {
    const WAIT_MAX: Duration = Duration::from_hours(24);
    Box::pin(async move {
        let (replicas, timeout) = parse_wait(call.args)?;
        if replicas > 0 {
            tokio::time::sleep(timeout.min(WAIT_MAX)).await;
        }
        call.out.integer(0);
        Ok(())
    })
}

fn role(call: &mut Call<'_>) -> Outcome {
    call.out.array(3);
    call.out.bulk(b"master");
    call.out.integer(0);
    call.out.array(0);
    Ok(())
}

fn replicaof(call: &mut Call<'_>) -> Outcome {
    if is(call.args.at(1), "no") && is(call.args.at(2), "one") {
        call.out.ok();
        return Ok(());
    }
    Err(Failure::new("ERR replication is not supported"))
}

fn disabled(_: &mut Call<'_>) -> Outcome {
    Err(Failure::new("ERR This instance has cluster support disabled"))
}

fn module_list(call: &mut Call<'_>) -> Outcome {
    call.out.array(0);
    Ok(())
}
