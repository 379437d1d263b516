//! Entries: `XLEN`, `XRANGE`, `XREVRANGE`, `XDEL`, `XSETID`.

use exuvia::collection::StreamEntry;
use exuvia::{Stream, StreamId};

use super::{id, reply};
use crate::command::call::is;
use crate::command::spec::{Group, Spec};
use crate::command::{Call, Failure, Outcome};
use crate::events::Event;
use crate::resp::Output;

pub(in crate::command) const COMMANDS: &[Spec] = &[
    Spec::now(Group::Stream, "xlen", 2, xlen).reads().fast().key().access(&[&["RO"]]).doc(
        "5.0.0",
        "O(1)",
        "Return the number of messages in a stream.",
    ),
    Spec::now(Group::Stream, "xrange", -4, |call| xrange(call, false))
        .reads()
        .key()
        .access(&[&["RO", "access"]])
        .doc(
            "5.0.0",
            "O(N) with N being the number of elements being returned. If N is constant (e.g. \
             always asking for the first 10 elements with COUNT), you can consider it O(1).",
            "Returns the messages from a stream within a range of IDs.",
        ),
    Spec::now(Group::Stream, "xrevrange", -4, |call| xrange(call, true))
        .reads()
        .key()
        .access(&[&["RO", "access"]])
        .doc(
            "5.0.0",
            "O(N) with N being the number of elements returned. If N is constant (e.g. always \
             asking for the first 10 elements with COUNT), you can consider it O(1).",
            "Returns the messages from a stream within a range of IDs in reverse order.",
        ),
    Spec::now(Group::Stream, "xdel", -3, xdel)
        .writes()
        .fast()
        .key()
        .access(&[&["RW", "delete"]])
        .doc(
            "5.0.0",
            "O(1) for each single item to delete in the stream, regardless of the stream size.",
            "Returns the number of messages after removing them from a stream.",
        ),
    Spec::now(Group::Stream, "xsetid", -3, xsetid)
        .writes()
        .grows()
        .fast()
        .key()
        .access(&[&["RW", "update"]])
        .doc("5.0.0", "O(1)", "An internal command for replicating stream values."),
];

fn xlen(call: &mut Call<'_>) -> Outcome {
    let entries = call.keys.with_collection(call.args.at(1), Stream::len)?;
    call.out.count(entries.unwrap_or(0));
    Ok(())
}

fn xrange(call: &mut Call<'_>, reverse: bool) -> Outcome {
    let Call { args, out, keys, .. } = call;
    let (first, last) = if reverse { (3, 2) } else { (2, 3) };
    let ids = id::range(args.at(first), args.at(last))?;
    let mut count = None;
    let options = args.from(4);
    for option in (0..options.len()).step_by(2) {
        if !is(options.at(option), "count") || option + 1 == options.len() {
            return Err(Failure::SYNTAX);
        }
        count = Some(crate::command::call::integer(options, option + 1)?.max(0));
    }
    let Some(stream) = keys.collection::<Stream>(args.at(1))? else {
        out.array(0);
        return Ok(());
    };
    if count == Some(0) {
        out.null_array();
        return Ok(());
    }
    let count = count.map_or(usize::MAX, |count| usize::try_from(count).unwrap_or(usize::MAX));
    let entries = if ids.is_empty() {
        stream.range(StreamId::MAX..=StreamId::MIN)
    } else {
        stream.range(ids)
    };
    out.array(entries.len().min(count));
    let write = |out: &mut Output, entry: StreamEntry<'_>| reply::entry(out, &entry);
    if reverse {
        entries.rev().take(count).for_each(|entry| write(out, entry));
    } else {
        entries.take(count).for_each(|entry| write(out, entry));
    }
    Ok(())
}

fn xdel(call: &mut Call<'_>) -> Outcome {
    let Call { args, out, keys, .. } = call;
    let names = args.from(2);
    let removed = keys.update_collection(args.at(1), |stream: &mut Stream| {
        if !reply::exists(stream) {
            return Ok(0);
        }
        let ids = names.iter().map(id::parse).collect::<Result<Vec<_>, _>>()?;
        Ok(ids.into_iter().filter(|id| stream.remove(*id)).count())
    })?;
    out.count(removed as u64);
    Ok(())
}

/// What `XSETID` declares besides the last id.
#[derive(Default)]
struct History {
    entries_added: Option<u64>,
    max_deleted_id: StreamId,
}

impl History {
    fn parse(call: &Call<'_>, last_id: StreamId) -> Result<Self, Failure> {
        let mut history = Self::default();
        let options = call.args.from(3);
        for option in (0..options.len()).step_by(2) {
            let (word, value) = (options.at(option), options.get(option + 1));
            match value {
                Some(_) if is(word, "entriesadded") => {
                    let added = u64::try_from(crate::command::call::integer(options, option + 1)?);
                    let negative = |_| Failure::new("ERR entries_added must be positive");
                    history.entries_added = Some(added.map_err(negative)?);
                }
                Some(value) if is(word, "maxdeletedid") => {
                    history.max_deleted_id = id::parse(value)?;
                    if last_id < history.max_deleted_id {
                        return Err(Failure::new(
                            "ERR The ID specified in XSETID is smaller than the provided \
                             max_deleted_entry_id",
                        ));
                    }
                }
                _ => return Err(Failure::SYNTAX),
            }
        }
        Ok(history)
    }
}

fn xsetid(call: &mut Call<'_>) -> Outcome {
    let last_id = id::parse(call.args.at(2))?;
    let history = History::parse(call, last_id)?;
    let set = |stream: &mut Stream| {
        if !reply::exists(stream) {
            return Err(Failure::NO_SUCH_KEY);
        }
        if let Some(top) = stream.last() {
            if last_id < top.id {
                return Err(Failure::new(
                    "ERR The ID specified in XSETID is smaller than the target stream top item",
                ));
            }
            if history.entries_added.is_some_and(|added| stream.len() > added) {
                return Err(Failure::new(
                    "ERR The entries_added specified in XSETID is smaller than the target stream \
                     length",
                ));
            }
        }
        let deleted = Some(history.max_deleted_id).filter(|id| *id != StreamId::MIN);
        stream.set_history(
            last_id,
            deleted.unwrap_or(stream.max_deleted_id()),
            history.entries_added.unwrap_or(stream.entries_added()),
        );
        Ok(())
    };
    // Also if it had that id before.
    let event = |(): &(), _| [Some(Event::XSETID), None];
    call.keys.update_collection_telling(call.args.at(1), set, event)?;
    call.out.ok();
    Ok(())
}
