//! What there is to know of a stream: `XINFO`.

use exuvia::collection;
use exuvia::{Stream, StreamId};

use super::group::reply_help;
use super::{delivery, reply};
use crate::command::call::{integer, is};
use crate::command::spec::{Flags, Group, Spec};
use crate::command::{Call, Failure, NowFn, Outcome};
use crate::packing::Parameter;
use crate::resp::Output;

const fn sub(name: &'static str, arity: i32, run: NowFn) -> Spec {
    Spec::now(Group::Stream, name, arity, run).reads().keys(2, 2, 1).access(&[&["RO", "access"]])
}

pub(in crate::command) const COMMANDS: &[Spec] = &[Spec::container(
    Group::Stream,
    "xinfo",
    &[
        sub("xinfo|stream", -3, stream).doc("5.0.0", "O(1)", "Returns information about a stream."),
        sub("xinfo|groups", 3, groups).doc(
            "5.0.0",
            "O(1)",
            "Returns a list of the consumer groups of a stream.",
        ),
        sub("xinfo|consumers", 4, consumers).doc(
            "5.0.0",
            "O(1)",
            "Returns a list of the consumers in a consumer group.",
        ),
        Spec::now(Group::Stream, "xinfo|help", 2, help)
            .flags(Flags::LOADING.and(Flags::STALE))
            .doc("5.0.0", "O(1)", "Returns helpful text about the different subcommands."),
    ],
)
.doc("5.0.0", "Depends on subcommand.", "A container for stream introspection commands.")];

/// Entries that `FULL` shows unless it is told.
const SHOWN: i64 = 10;

/// The stream that the arguments name.
fn named(call: &mut Call<'_>) -> Result<Stream, Failure> {
    call.keys.collection(call.args.at(2))?.ok_or(Failure::NO_SUCH_KEY)
}

fn stream(call: &mut Call<'_>) -> Outcome {
    let stream = named(call)?;
    let args = call.args;
    let wrong = || {
        let name = String::from_utf8_lossy(args.at(1));
        Failure::from(format!(
            "ERR unknown subcommand or wrong number of arguments for '{name}'. Try XINFO HELP."
        ))
    };
    let shown = match args.len() {
        3 => None,
        4 if is(args.at(3), "full") => Some(SHOWN),
        6 if is(args.at(3), "full") && is(args.at(4), "count") => Some(integer(args, 5)?),
        _ => return Err(wrong()),
    };
    let node_entries = call.server.packing.len(Parameter::StreamEntries).max(1);
    let out = &mut *call.out;
    match shown {
        None => {
            out.map(10);
            figures(out, &stream, node_entries);
            out.bulk(b"groups");
            out.count(stream.groups().len() as u64);
            out.bulk(b"first-entry");
            reply::entry_or_null(out, stream.first());
            out.bulk(b"last-entry");
            reply::entry_or_null(out, stream.last());
        }
        Some(count) => {
            // None at all means all of them.
            let count = if count < 0 { SHOWN } else { count };
            let count = if count == 0 { usize::MAX } else { count as usize };
            full(out, &stream, count, node_entries);
        }
    }
    Ok(())
}

/// The fields that either form begins with.
fn figures(out: &mut Output, stream: &Stream, node_entries: u64) {
    let nodes = stream.len().div_ceil(node_entries);
    for (field, number) in
        [("length", stream.len()), ("radix-tree-keys", nodes), ("radix-tree-nodes", nodes + 1)]
    {
        out.bulk(field.as_bytes());
        out.count(number);
    }
    out.bulk(b"last-generated-id");
    reply::id(out, stream.last_id());
    out.bulk(b"max-deleted-entry-id");
    reply::id(out, stream.max_deleted_id());
    out.bulk(b"entries-added");
    out.count(stream.entries_added());
    out.bulk(b"recorded-first-entry-id");
    reply::id(out, stream.first().map_or(StreamId::MIN, |entry| entry.id));
}

fn full(out: &mut Output, stream: &Stream, count: usize, node_entries: u64) {
    out.map(9);
    figures(out, stream, node_entries);
    out.bulk(b"entries");
    out.array(stream.iter().len().min(count));
    stream.iter().take(count).for_each(|entry| reply::entry(out, &entry));
    out.bulk(b"groups");
    out.array(stream.groups().len());
    for (name, group) in stream.groups() {
        out.map(7);
        out.bulk(b"name");
        out.bulk(name);
        progress(out, stream, group);
        out.bulk(b"pel-count");
        out.count(group.pending_len());
        out.bulk(b"pending");
        let pending = group.pending(StreamId::MIN..=StreamId::MAX);
        out.array(pending.len().min(count));
        for entry in pending.take(count) {
            out.array(4);
            reply::id(out, entry.id);
            out.bulk(entry.consumer);
            out.count(entry.delivered_unix_ms);
            out.count(entry.deliveries);
        }
        out.bulk(b"consumers");
        out.array(group.consumers().len());
        for (name, consumer) in group.consumers() {
            full_consumer(out, group, name, consumer, count);
        }
    }
}

fn full_consumer(
    out: &mut Output,
    group: &collection::Group,
    name: &[u8],
    consumer: &collection::Consumer,
    count: usize,
) {
    out.map(4);
    out.bulk(b"name");
    out.bulk(name);
    out.bulk(b"seen-time");
    out.count(consumer.seen_unix_ms);
    out.bulk(b"pel-count");
    out.count(consumer.pending_len());
    out.bulk(b"pending");
    let shown = usize::try_from(consumer.pending_len()).unwrap_or(usize::MAX).min(count);
    out.array(shown);
    for id in consumer.pending(StreamId::MIN..=StreamId::MAX).take(shown) {
        let entry = group.get_pending(id);
        out.array(3);
        reply::id(out, id);
        out.count(entry.map_or(0, |entry| entry.delivered_unix_ms));
        out.count(entry.map_or(0, |entry| entry.deliveries));
    }
}

/// How far a group is.
fn progress(out: &mut Output, stream: &Stream, group: &collection::Group) {
    out.bulk(b"last-delivered-id");
    reply::id(out, group.last_delivered());
    out.bulk(b"entries-read");
    match group.entries_read() {
        Some(read) => out.count(read),
        None => out.null(),
    }
    out.bulk(b"lag");
    match delivery::lag(stream, group) {
        Some(lag) => out.integer(lag),
        None => out.null(),
    }
}

fn groups(call: &mut Call<'_>) -> Outcome {
    let stream = named(call)?;
    let out = &mut *call.out;
    out.array(stream.groups().len());
    for (name, group) in stream.groups() {
        out.map(6);
        out.bulk(b"name");
        out.bulk(name);
        out.bulk(b"consumers");
        out.count(group.consumers().len() as u64);
        out.bulk(b"pending");
        out.count(group.pending_len());
        progress(out, &stream, group);
    }
    Ok(())
}

fn consumers(call: &mut Call<'_>) -> Outcome {
    let now_unix_ms = call.server.now_ms();
    let stream = named(call)?;
    let Some(group) = stream.group(call.args.at(3)) else {
        let text = |index| String::from_utf8_lossy(call.args.at(index)).into_owned();
        let (group, key) = (text(3), text(2));
        let text = format!("NOGROUP No such consumer group '{group}' for key name '{key}'");
        return Err(text.into());
    };
    let out = &mut *call.out;
    out.array(group.consumers().len());
    for (name, consumer) in group.consumers() {
        out.map(3);
        out.bulk(b"name");
        out.bulk(name);
        out.bulk(b"pending");
        out.count(consumer.pending_len());
        out.bulk(b"idle");
        out.count(now_unix_ms.saturating_sub(consumer.seen_unix_ms));
    }
    Ok(())
}

fn help(call: &mut Call<'_>) -> Outcome {
    reply_help(
        call,
        "XINFO",
        &[
            "CONSUMERS <key> <groupname>",
            "    Show consumers of <groupname>.",
            "GROUPS <key>",
            "    Show the stream consumer groups.",
            "STREAM <key> [FULL [COUNT <count>]",
            "    Show information about the stream.",
        ],
    );
    Ok(())
}
