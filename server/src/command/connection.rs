//! `PING`, `ECHO`, `HELLO`, `AUTH`, `SELECT`, `QUIT`, `RESET`.

use std::sync::atomic::Ordering;

use super::call::is;
use super::failure::{QUOTED_MAX, quoted};
use super::spec::{Flags, Group, Spec};
use super::{Call, Failure, Outcome};
use crate::client::ReplyMode;
use crate::connection::forget_subscriptions;
use crate::number::parse_i64;
use crate::resp::Protocol;

const GREETING: Flags =
    Flags::NO_AUTH.and(Flags::LOADING).and(Flags::STALE).and(Flags::NOSCRIPT).and(Flags::FAST);

pub(super) const COMMANDS: &[Spec] = &[
    Spec::now(Group::Connection, "ping", -1, ping)
        .fast()
        .flags(Flags::SUBSCRIBER.and(Flags::STEP))
        .doc("1.0.0", "O(1)", "Returns the server's liveliness response."),
    Spec::now(Group::Connection, "echo", 2, echo)
        .fast()
        .flags(Flags::LOADING.and(Flags::STALE).and(Flags::STEP))
        .doc("1.0.0", "O(1)", "Returns the given string."),
    Spec::now(Group::Connection, "hello", -1, hello).flags(GREETING.and(Flags::NO_MULTI)).doc(
        "6.0.0",
        "O(1)",
        "Handshakes with the server.",
    ),
    Spec::now(Group::Connection, "auth", -2, auth).flags(GREETING).doc(
        "1.0.0",
        "O(1)",
        "Authenticates the connection.",
    ),
    Spec::now(Group::Connection, "select", 2, select)
        .flags(Flags::LOADING.and(Flags::STALE).and(Flags::FAST).and(Flags::STEP))
        .doc("1.0.0", "O(1)", "Changes the selected database."),
    Spec::now(Group::Connection, "quit", -1, quit)
        .flags(GREETING.and(Flags::SUBSCRIBER).and(Flags::UNQUEUED))
        .doc("1.0.0", "O(1)", "Closes the connection."),
    Spec::now(Group::Connection, "reset", 1, reset)
        .flags(GREETING.and(Flags::SUBSCRIBER).and(Flags::UNQUEUED))
        .doc("6.2.0", "O(1)", "Resets the connection."),
];

fn ping(call: &mut Call<'_>) -> Outcome {
    if call.args.len() > 2 {
        return Err(Failure::arity("ping"));
    }
    let message = call.args.get(1);
    if call.session.is_confined() {
        // Among the messages of a subscription the answer has to look like one of them.
        call.out.array(2);
        call.out.bulk(b"pong");
        call.out.bulk(message.unwrap_or_default());
        return Ok(());
    }
    match message {
        Some(message) => call.out.bulk(message),
        None => call.out.status("PONG"),
    }
    Ok(())
}

fn echo(call: &mut Call<'_>) -> Outcome {
    call.out.bulk(call.args.at(1));
    Ok(())
}

fn select(call: &mut Call<'_>) -> Outcome {
    let index = super::generic::database_index(call, 1)?;
    *call.keys.database = call.server.store.database(index)?;
    call.out.ok();
    Ok(())
}

fn quit(call: &mut Call<'_>) -> Outcome {
    call.session.closing = true;
    call.out.ok();
    Ok(())
}

fn reset(call: &mut Call<'_>) -> Outcome {
    let Call { session, server, keys, .. } = call;
    forget_subscriptions(server, session);
    server.monitors.remove(&session.entry, &server.gate);
    session.queue = None;
    session.watches = None;
    session.reply = ReplyMode::On;
    session.entry.spared.store(false, Ordering::Relaxed);
    session.authenticated = server.settings().requirepass().is_empty();
    *keys.database = server.store.database(0)?;
    session.entry.identify(|identity| identity.name.clear());
    speak(call, Protocol::Resp2);
    call.out.status("RESET");
    Ok(())
}

/// Changes the protocol version of a connection.
fn speak(call: &mut Call<'_>, protocol: Protocol) {
    call.out.set_protocol(protocol);
    let version = if protocol == Protocol::Resp3 { 3 } else { 2 };
    call.session.entry.report.resp.store(version, Ordering::Relaxed);
}

fn auth(call: &mut Call<'_>) -> Outcome {
    match call.args.len() {
        2 => {
            if call.server.settings().requirepass().is_empty() {
                return Err(Failure::new(
                    "ERR AUTH <password> called without any password configured for the default \
                     user. Are you sure your configuration is correct?",
                ));
            }
            authenticate(call, b"default", call.args.at(1))?;
        }
        3 => authenticate(call, call.args.at(1), call.args.at(2))?,
        _ => return Err(Failure::SYNTAX),
    }
    call.out.ok();
    Ok(())
}

fn authenticate(call: &mut Call<'_>, user: &[u8], password: &[u8]) -> Outcome {
    if user == b"default" && call.server.is_password(password) {
        call.session.authenticated = true;
        return Ok(());
    }
    tracing::debug!(address = %call.session.entry.peer, "a client failed to authenticate");
    Err(Failure::WRONG_PASSWORD)
}

fn hello(call: &mut Call<'_>) -> Outcome {
    let protocol = match call.args.get(1) {
        None => call.out.protocol(),
        Some(version) => match parse_i64(version) {
            Some(2) => Protocol::Resp2,
            Some(3) => Protocol::Resp3,
            Some(_) => return Err(Failure::new("NOPROTO unsupported protocol version")),
            None => {
                return Err(Failure::new("ERR Protocol version is not an integer or out of range"));
            }
        },
    };
    let mut name = None;
    let mut next = 2;
    while next < call.args.len() {
        let option = call.args.at(next);
        let left = call.args.len() - next - 1;
        if is(option, "auth") && left >= 2 {
            authenticate(call, call.args.at(next + 1), call.args.at(next + 2))?;
            next += 3;
        } else if is(option, "setname") && left >= 1 {
            name = Some(super::client::checked_name(call.args.at(next + 1), "Client names")?);
            next += 2;
        } else {
            let option = quoted(option, QUOTED_MAX);
            return Err(format!("ERR Syntax error in HELLO option '{option}'").into());
        }
    }
    if !call.session.authenticated {
        return Err(Failure::new(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the \
             HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and \
             select the RESP protocol version at the same time",
        ));
    }
    if let Some(name) = name {
        call.session.entry.identify(|identity| identity.name = name);
    }
    speak(call, protocol);
    let out = &mut *call.out;
    out.map(7);
    out.bulk(b"server");
    out.bulk(b"redis");
    out.bulk(b"version");
    out.bulk(super::info::REDIS_VERSION.as_bytes());
    out.bulk(b"proto");
    out.integer(if protocol == Protocol::Resp3 { 3 } else { 2 });
    out.bulk(b"id");
    out.count(call.session.entry.id);
    out.bulk(b"mode");
    out.bulk(b"standalone");
    out.bulk(b"role");
    out.bulk(b"master");
    out.bulk(b"modules");
    out.array(0);
    Ok(())
}
