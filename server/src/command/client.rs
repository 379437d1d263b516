//! `CLIENT`: what a client says of itself, and how it is treated.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::call::is;
use super::clients;
use super::failure::{QUOTED_MAX, quoted};
use super::spec::{Flags, Group, Spec};
use super::{Call, Failure, Outcome};
use crate::client::ReplyMode;

const SELF: Flags = Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE);
pub(super) const OTHERS: Flags = SELF.and(Flags::ADMIN);

pub(super) const COMMANDS: &[Spec] = &[Spec::container(
    Group::Connection,
    "client",
    &[
        Spec::now(Group::Connection, "client|id", 2, id).flags(SELF).doc(
            "5.0.0",
            "O(1)",
            "Returns the unique client ID of the connection.",
        ),
        Spec::now(Group::Connection, "client|getname", 2, getname).flags(SELF).doc(
            "2.6.9",
            "O(1)",
            "Returns the name of the connection.",
        ),
        Spec::now(Group::Connection, "client|setname", 3, setname).flags(SELF).doc(
            "2.6.9",
            "O(1)",
            "Sets the connection name.",
        ),
        Spec::now(Group::Connection, "client|setinfo", 4, setinfo).flags(SELF).doc(
            "7.2.0",
            "O(1)",
            "Sets information specific to the client or connection.",
        ),
        Spec::now(Group::Connection, "client|info", 2, info).flags(SELF).doc(
            "6.2.0",
            "O(1)",
            "Returns information about the connection.",
        ),
        Spec::now(Group::Connection, "client|list", -2, clients::list).flags(OTHERS).doc(
            "2.4.0",
            "O(N) where N is the number of client connections",
            "Lists open connections.",
        ),
        Spec::now(Group::Connection, "client|kill", -3, clients::kill).flags(OTHERS).doc(
            "2.4.0",
            "O(N) where N is the number of client connections",
            "Terminates open connections.",
        ),
        Spec::now(Group::Connection, "client|no-evict", 3, no_evict).flags(OTHERS).doc(
            "7.0.0",
            "O(1)",
            "Sets the client eviction mode of the connection.",
        ),
        Spec::now(Group::Connection, "client|no-touch", 3, no_touch).flags(SELF).doc(
            "7.2.0",
            "O(1)",
            "Controls whether commands sent by the client affect the LRU/LFU of accessed keys.",
        ),
        Spec::now(Group::Connection, "client|reply", 3, reply).flags(SELF).doc(
            "3.2.0",
            "O(1)",
            "Instructs the server whether to reply to commands.",
        ),
        Spec::now(Group::Connection, "client|pause", -3, pause).flags(OTHERS).doc(
            "3.0.0",
            "O(1)",
            "Suspends commands processing.",
        ),
        Spec::now(Group::Connection, "client|unpause", 2, unpause).flags(OTHERS).doc(
            "6.2.0",
            "O(N) Where N is the number of paused clients",
            "Resumes processing commands from paused clients.",
        ),
        Spec::now(Group::Connection, "client|getredir", 2, getredir).flags(SELF).doc(
            "6.0.0",
            "O(1)",
            "Returns the client ID to which the connection's tracking notifications are \
             redirected.",
        ),
        Spec::now(Group::Connection, "client|tracking", -3, tracking).flags(SELF).doc(
            "6.0.0",
            "O(1)",
            "Controls server-assisted client-side caching for the connection.",
        ),
        Spec::now(Group::Connection, "client|trackinginfo", 2, trackinginfo).flags(SELF).doc(
            "6.2.0",
            "O(1)",
            "Returns information about server-assisted client-side caching for the connection.",
        ),
        Spec::now(Group::Connection, "client|caching", 3, caching).flags(SELF).doc(
            "6.0.0",
            "O(1)",
            "Instructs the server whether to track the keys in the next request.",
        ),
        Spec::now(Group::Connection, "client|unblock", -3, unblock).flags(OTHERS).doc(
            "5.0.0",
            "O(1)",
            "Unblocks a client blocked by a blocking command from a different connection.",
        ),
        Spec::now(Group::Connection, "client|help", 2, help).flags(SELF).doc(
            "5.0.0",
            "O(1)",
            "Returns helpful text about the different subcommands.",
        ),
    ],
)
.doc("2.4.0", "Depends on subcommand.", "A container for client connection commands.")];

fn id(call: &mut Call<'_>) -> Outcome {
    call.out.count(call.session.entry.id);
    Ok(())
}

fn getname(call: &mut Call<'_>) -> Outcome {
    let name = call.session.entry.identity().name;
    if name.is_empty() {
        call.out.null();
    } else {
        call.out.bulk(name.as_bytes());
    }
    Ok(())
}

/// A name that keeps the lines of `CLIENT LIST` readable.
///
/// # Errors
///
/// One that says what `what` must not contain.
pub(super) fn checked_name(name: &[u8], what: &str) -> Result<String, Failure> {
    match std::str::from_utf8(name) {
        Ok(text) if name.iter().all(u8::is_ascii_graphic) => Ok(text.to_owned()),
        _ => {
            Err(format!("ERR {what} cannot contain spaces, newlines or special characters.").into())
        }
    }
}

fn setname(call: &mut Call<'_>) -> Outcome {
    let name = checked_name(call.args.at(2), "Client names")?;
    call.session.entry.identify(|identity| identity.name = name);
    call.out.ok();
    Ok(())
}

fn setinfo(call: &mut Call<'_>) -> Outcome {
    let attribute = call.args.at(2);
    if is(attribute, "lib-name") {
        let library = checked_name(call.args.at(3), "lib-name")?;
        call.session.entry.identify(|identity| identity.library = library);
    } else if is(attribute, "lib-ver") {
        let version = checked_name(call.args.at(3), "lib-ver")?;
        call.session.entry.identify(|identity| identity.library_version = version);
    } else {
        let attribute = quoted(attribute, QUOTED_MAX);
        return Err(format!("ERR Unrecognized option '{attribute}'").into());
    }
    call.out.ok();
    Ok(())
}

fn info(call: &mut Call<'_>) -> Outcome {
    let line = call.session.entry.describe(call.server.now_ms());
    call.out.verbatim(&format!("{line}\n"));
    Ok(())
}

/// Longer than anybody waits, and short enough for a clock.
const PAUSE_MS_MAX: u64 = 365 * 86_400_000;

/// Whether an argument is `ON`, or else `OFF`.
fn on_or_off(arg: &[u8]) -> Result<bool, Failure> {
    match arg {
        word if is(word, "on") => Ok(true),
        word if is(word, "off") => Ok(false),
        _ => Err(Failure::SYNTAX),
    }
}

fn no_evict(call: &mut Call<'_>) -> Outcome {
    let spared = on_or_off(call.args.at(2))?;
    // Relaxed: whoever evicts clients may see it a moment later.
    call.session.entry.spared.store(spared, Ordering::Relaxed);
    call.out.ok();
    Ok(())
}

/// Changes nothing: no times of access are kept, since no keys are evicted.
fn no_touch(call: &mut Call<'_>) -> Outcome {
    on_or_off(call.args.at(2))?;
    call.out.ok();
    Ok(())
}

fn reply(call: &mut Call<'_>) -> Outcome {
    let mode = call.args.at(2);
    call.session.reply = if is(mode, "on") {
        call.out.ok();
        ReplyMode::On
    } else if is(mode, "off") {
        ReplyMode::Off
    } else if is(mode, "skip") {
        // Without replies at all there is none to skip.
        match call.session.reply {
            ReplyMode::Off => ReplyMode::Off,
            _ => ReplyMode::SkipNext,
        }
    } else {
        return Err(Failure::SYNTAX);
    };
    Ok(())
}

fn pause(call: &mut Call<'_>) -> Outcome {
    let timeout = crate::number::parse_i64(call.args.at(2))
        .ok_or(Failure::new("ERR timeout is not an integer or out of range"))?;
    let timeout_ms = u64::try_from(timeout).map_err(|_| Failure::new("ERR timeout is negative"))?;
    let all = match call.args.len() {
        3 => true,
        4 if is(call.args.at(3), "all") => true,
        4 if is(call.args.at(3), "write") => false,
        4 => return Err(Failure::new("ERR CLIENT PAUSE mode must be WRITE or ALL")),
        _ => return Err(Failure::SYNTAX),
    };
    call.server.pause(all, Duration::from_millis(timeout_ms.min(PAUSE_MS_MAX)));
    call.out.ok();
    Ok(())
}

fn unpause(call: &mut Call<'_>) -> Outcome {
    call.server.unpause();
    call.out.ok();
    Ok(())
}

/// Nothing is tracked, so nothing is redirected.
fn getredir(call: &mut Call<'_>) -> Outcome {
    call.out.integer(-1);
    Ok(())
}

fn tracking(call: &mut Call<'_>) -> Outcome {
    match call.args.at(2) {
        word if is(word, "off") => {
            call.out.ok();
            Ok(())
        }
        word if is(word, "on") => {
            Err(Failure::new("ERR tracking of keys for client-side caching is not supported"))
        }
        _ => Err(Failure::SYNTAX),
    }
}

fn trackinginfo(call: &mut Call<'_>) -> Outcome {
    call.out.map(3);
    call.out.bulk(b"flags");
    call.out.set(1);
    call.out.bulk(b"off");
    call.out.bulk(b"redirect");
    call.out.integer(-1);
    call.out.bulk(b"prefixes");
    call.out.array(0);
    Ok(())
}

fn caching(_: &mut Call<'_>) -> Outcome {
    Err(Failure::new(
        "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or \
         OPTOUT mode enabled",
    ))
}

/// No command blocks, so nobody is ever unblocked.
fn unblock(call: &mut Call<'_>) -> Outcome {
    call.integer(2)?;
    match call.args.get(3) {
        None => {}
        Some(word) if call.args.len() == 4 && (is(word, "timeout") || is(word, "error")) => {}
        Some(_) => {
            return Err(Failure::new("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR"));
        }
    }
    call.out.integer(0);
    Ok(())
}

fn help(call: &mut Call<'_>) -> Outcome {
    call.out.help(
        "CLIENT",
        &[
            ("GETNAME", "Return the name of the current connection."),
            ("ID", "Return the ID of the current connection."),
            ("INFO", "Return information about the current client connection."),
            ("KILL <ip:port>", "Kill connection made from <ip:port>."),
            ("KILL <option> <value> [<option> <value> [...]]", "Kill connections."),
            ("LIST [TYPE (NORMAL|MASTER|REPLICA|PUBSUB)] [ID <id>...]", "List connections."),
            ("NO-EVICT (ON|OFF)", "Protect the current client connection from eviction."),
            ("NO-TOUCH (ON|OFF)", "Accepted; keys are not evicted."),
            (
                "PAUSE <timeout> [WRITE|ALL]",
                "Suspend all, or just write, clients for <timeout> ms.",
            ),
            ("GETREDIR", "Always -1: keys are not tracked."),
            ("TRACKING OFF", "Accepted; keys are not tracked."),
            ("TRACKINGINFO", "Report tracking status for the current connection."),
            ("UNBLOCK <clientid> [TIMEOUT|ERROR]", "Always 0: no client ever blocks."),
            ("REPLY (ON|OFF|SKIP)", "Control the replies sent to the current connection."),
            ("SETINFO (LIB-NAME|LIB-VER) <value>", "Tell of the client library."),
            ("SETNAME <name>", "Assign the name <name> to the current connection."),
            ("UNPAUSE", "Stop the current client pause, resuming traffic."),
        ],
    );
    Ok(())
}
