//! Groups of consumers: `XGROUP`, `XACK`.

use exuvia::{Stream, StreamId};

use super::{id, reply};
use crate::command::call::{integer, is};
use crate::command::spec::{Flags, Group, Spec};
use crate::command::{Call, Failure, NowFn, Outcome};
use crate::events::Event;

const fn sub(name: &'static str, arity: i32, run: NowFn) -> Spec {
    Spec::now(Group::Stream, name, arity, run).writes().keys(2, 2, 1)
}

pub(in crate::command) const COMMANDS: &[Spec] = &[
    Spec::container(
        Group::Stream,
        "xgroup",
        &[
            sub("xgroup|create", -5, create).grows().access(&[&["RW", "insert"]]).doc(
                "5.0.0",
                "O(1)",
                "Creates a consumer group.",
            ),
            sub("xgroup|setid", -5, set_id).access(&[&["RW", "update"]]).doc(
                "5.0.0",
                "O(1)",
                "Sets the last-delivered ID of a consumer group.",
            ),
            sub("xgroup|destroy", 4, destroy).access(&[&["RW", "delete"]]).doc(
                "5.0.0",
                "O(N) where N is the number of entries in the group's pending entries list (PEL).",
                "Destroys a consumer group.",
            ),
            sub("xgroup|createconsumer", 5, create_consumer)
                .grows()
                .access(&[&["RW", "insert"]])
                .doc("6.2.0", "O(1)", "Creates a consumer in a consumer group."),
            sub("xgroup|delconsumer", 5, delete_consumer).access(&[&["RW", "delete"]]).doc(
                "5.0.0",
                "O(1)",
                "Deletes a consumer from a consumer group.",
            ),
            Spec::now(Group::Stream, "xgroup|help", 2, help)
                .flags(Flags::LOADING.and(Flags::STALE))
                .doc("5.0.0", "O(1)", "Returns helpful text about the different subcommands."),
        ],
    )
    .doc("5.0.0", "Depends on subcommand.", "A container for consumer groups commands."),
    Spec::now(Group::Stream, "xack", -4, xack)
        .writes()
        .fast()
        .key()
        .access(&[&["RW", "update"]])
        .doc(
            "5.0.0",
            "O(1) for each message ID processed.",
            "Returns the number of messages that were successfully acknowledged by the consumer \
             group member of a stream.",
        ),
];

/// Arguments of a subcommand that are not as it wants them.
fn wrong_arguments(call: &Call<'_>) -> Failure {
    let name = String::from_utf8_lossy(call.args.at(1)).into_owned();
    format!("ERR unknown subcommand or wrong number of arguments for '{name}'. Try XGROUP HELP.")
        .into()
}

const NO_KEY: Failure = Failure::new(
    "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use \
     the MKSTREAM option to create an empty stream automatically.",
);

fn no_such_group(call: &Call<'_>) -> Failure {
    let text = |index| String::from_utf8_lossy(call.args.at(index)).into_owned();
    format!("NOGROUP No such consumer group '{}' for key name '{}'", text(3), text(2)).into()
}

/// The options of `CREATE` and `SETID`.
#[derive(Default)]
struct Options {
    make_stream: bool,
    entries_read: Option<u64>,
}

impl Options {
    fn parse(call: &Call<'_>, creates: bool) -> Result<Self, Failure> {
        let mut options = Self::default();
        let mut next = 5;
        while let Some(word) = call.args.get(next) {
            if creates && is(word, "mkstream") {
                options.make_stream = true;
                next += 1;
            } else if is(word, "entriesread") && next + 1 < call.args.len() {
                options.entries_read = match integer(call.args, next + 1)? {
                    -1 => None,
                    read => Some(u64::try_from(read).map_err(|_| {
                        Failure::new("ERR value for ENTRIESREAD must be positive or -1")
                    })?),
                };
                next += 2;
            } else {
                return Err(wrong_arguments(call));
            }
        }
        Ok(options)
    }
}

/// The id that a group begins behind.
fn position(text: &[u8], stream: &Stream) -> Result<StreamId, Failure> {
    if text == b"$" { Ok(stream.last_id()) } else { id::parse(text) }
}

fn create(call: &mut Call<'_>) -> Outcome {
    let options = Options::parse(call, true)?;
    let args = call.args;
    call.keys.update_collection(args.at(2), |stream: &mut Stream| {
        if !options.make_stream && !reply::exists(stream) {
            return Err(NO_KEY);
        }
        let after = position(args.at(4), stream)?;
        if !stream.create_group(args.at(3), after, options.entries_read) {
            return Err(Failure::new("BUSYGROUP Consumer Group name already exists"));
        }
        Ok(())
    })?;
    call.out.ok();
    Ok(())
}

/// Changes the group that the arguments name; it and its stream have to be there. The event follows
/// from what came of it.
fn update<R>(
    call: &mut Call<'_>,
    f: impl Fn(&mut Stream) -> Result<R, Failure>,
    event: impl FnOnce(&R) -> Option<Event>,
) -> Result<R, Failure> {
    let missing = no_such_group(call);
    let args = call.args;
    let update = |stream: &mut Stream| {
        if !reply::exists(stream) {
            return Err(NO_KEY);
        }
        if stream.group(args.at(3)).is_none() {
            return Err(missing.clone());
        }
        f(stream)
    };
    call.keys.update_collection_telling(args.at(2), update, |result, _| [event(result), None])
}

fn set_id(call: &mut Call<'_>) -> Outcome {
    let options = Options::parse(call, false)?;
    let args = call.args;
    let set = |stream: &mut Stream| {
        let after = match args.at(4) {
            b"-" => StreamId::MIN,
            b"+" => StreamId::MAX,
            text => position(text, stream)?,
        };
        stream.update_group(args.at(3), |group| group.set_delivered(after, options.entries_read));
        Ok(())
    };
    // Also if it had that id before.
    update(call, set, |()| Some(Event::XGROUP_SETID))?;
    call.out.ok();
    Ok(())
}

fn destroy(call: &mut Call<'_>) -> Outcome {
    let args = call.args;
    let removed = call.keys.update_collection(args.at(2), |stream: &mut Stream| {
        if !reply::exists(stream) {
            return Err(NO_KEY);
        }
        Ok(stream.remove_group(args.at(3)))
    })?;
    call.out.integer(i64::from(removed));
    Ok(())
}

fn create_consumer(call: &mut Call<'_>) -> Outcome {
    let now_unix_ms = call.server.now_ms();
    let args = call.args;
    let create = |stream: &mut Stream| {
        let known = stream.group(args.at(3)).and_then(|group| group.consumer(args.at(4)));
        if known.is_some() {
            return Ok(false);
        }
        stream.update_group(args.at(3), |group| group.create_consumer(args.at(4), now_unix_ms));
        Ok(true)
    };
    let event = |created: &bool| created.then_some(Event::XGROUP_CREATECONSUMER);
    let created = update(call, create, event)?;
    call.out.integer(i64::from(created));
    Ok(())
}

fn delete_consumer(call: &mut Call<'_>) -> Outcome {
    let args = call.args;
    let delete = |stream: &mut Stream| {
        let known = stream.group(args.at(3)).and_then(|group| group.consumer(args.at(4)));
        if known.is_none() {
            return Ok(None);
        }
        let removed = stream.update_group(args.at(3), |group| group.remove_consumer(args.at(4)));
        Ok(removed.flatten())
    };
    let event = |removed: &Option<u64>| removed.map(|_| Event::XGROUP_DELCONSUMER);
    let pending = update(call, delete, event)?;
    call.out.count(pending.unwrap_or(0));
    Ok(())
}

fn xack(call: &mut Call<'_>) -> Outcome {
    let Call { args, out, keys, .. } = call;
    let names = args.from(3);
    keys.sought(args.at(1))?;
    let acknowledged = keys.update_collection(args.at(1), |stream: &mut Stream| {
        if stream.group(args.at(2)).is_none() {
            return Ok(0);
        }
        let ids = names.iter().map(id::parse).collect::<Result<Vec<_>, _>>()?;
        let count = stream.update_group(args.at(2), |group| {
            ids.into_iter().filter(|id| group.acknowledge(*id)).count()
        });
        Ok(count.unwrap_or(0))
    })?;
    out.count(acknowledged as u64);
    Ok(())
}

fn help(call: &mut Call<'_>) -> Outcome {
    reply_help(
        call,
        "XGROUP",
        &[
            "CREATE <key> <groupname> <id|$> [option]",
            "    Create a new consumer group. Options are:",
            "    * MKSTREAM",
            "      Create the empty stream if it does not exist.",
            "    * ENTRIESREAD entries_read",
            "      Set the group's entries_read counter (internal use).",
            "CREATECONSUMER <key> <groupname> <consumer>",
            "    Create a new consumer in the specified group.",
            "DELCONSUMER <key> <groupname> <consumer>",
            "    Remove the specified consumer.",
            "DESTROY <key> <groupname>",
            "    Remove the specified group.",
            "SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]",
            "    Set the current group ID and entries_read counter.",
        ],
    );
    Ok(())
}

/// What `HELP` answers, with the lines in the middle.
pub(super) fn reply_help(call: &mut Call<'_>, command: &str, lines: &[&str]) {
    let out = &mut *call.out;
    out.array(lines.len() + 3);
    out.status(&format!("{command} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"));
    for line in lines {
        out.status(line);
    }
    out.status("HELP");
    out.status("    Prints this help.");
}
