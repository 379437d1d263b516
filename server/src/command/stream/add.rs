//! Adding entries and trimming: `XADD`, `XTRIM`.

use exuvia::{Stream, StreamId};

use super::id::NewId;
use super::reply;
use super::trim::Trim;
use crate::command::call::is;
use crate::command::spec::{Group, Spec};
use crate::command::{Call, Failure, Outcome};
use crate::events::Event;
use crate::packing::Parameter;

pub(in crate::command) const COMMANDS: &[Spec] = &[
    Spec::now(Group::Stream, "xadd", -5, xadd)
        .writes()
        .grows()
        .fast()
        .key()
        .access(&[&["RW", "update"]])
        .doc(
            "5.0.0",
            "O(1) when adding a new entry, O(N) when trimming where N being the number of entries \
             evicted.",
            "Appends a new message to a stream. Creates the key if it doesn't exist.",
        ),
    Spec::now(Group::Stream, "xtrim", -4, xtrim).writes().key().access(&[&["RW", "delete"]]).doc(
        "5.0.0",
        "O(N), with N being the number of evicted entries. Constant times are very small however, \
         since entries are organized in macro nodes containing multiple entries that can be \
         released in a single deallocation.",
        "Deletes messages from the beginning of a stream.",
    ),
];

const TOO_SMALL: Failure = Failure::new(
    "ERR The ID specified in XADD is equal or smaller than the target stream top item",
);

impl NewId {
    /// The id that an entry added to `stream` at this time gets.
    fn resolve(self, stream: &Stream, now_unix_ms: u64) -> Result<StreamId, Failure> {
        let last = stream.last_id();
        match self {
            Self::Auto => stream.next_id(now_unix_ms).ok_or(TOO_SMALL),
            Self::OfTime(ms) if ms == last.ms => {
                let seq = last.seq.checked_add(1).ok_or(TOO_SMALL)?;
                Ok(StreamId::new(ms, seq))
            }
            Self::OfTime(ms) => Ok(StreamId::new(ms, 0)),
            Self::Given(id) => Ok(id),
        }
    }
}

fn xadd(call: &mut Call<'_>) -> Outcome {
    let now_unix_ms = call.server.now_ms();
    let node_entries = call.server.packing.len(Parameter::StreamEntries);
    let Call { args, out, keys, spec, .. } = call;
    let (mut trim, mut only_existing, mut next) = (Trim::default(), false, 2);
    let id = loop {
        let Some(word) = args.get(next) else { return Err(Failure::arity(spec.name)) };
        if word == b"*" {
            break NewId::Auto;
        } else if let Some(behind) = trim.option(*args, next)? {
            next = behind;
        } else if is(word, "nomkstream") {
            only_existing = true;
            next += 1;
        } else {
            break NewId::parse(word)?;
        }
    };
    trim.check()?;
    let fields = args.from(next + 1);
    if fields.is_empty() || !fields.len().is_multiple_of(2) {
        return Err(Failure::arity(spec.name));
    }
    if matches!(id, NewId::Given(StreamId::MIN)) {
        return Err(Failure::new("ERR The ID specified in XADD must be greater than 0-0"));
    }
    let add = |stream: &mut Stream| {
        if only_existing && !reply::exists(stream) {
            return Ok(None);
        }
        if stream.last_id() == StreamId::MAX {
            return Err(Failure::new(
                "ERR The stream has exhausted the last possible ID, unable to add more items",
            ));
        }
        let id = id.resolve(stream, now_unix_ms)?;
        let pairs = (0..fields.len()).step_by(2).map(|at| (fields.at(at), fields.at(at + 1)));
        if !stream.append(id, pairs) {
            return Err(TOO_SMALL);
        }
        Ok(Some((id, trim.apply(stream, node_entries))))
    };
    let events = |added: &Option<(StreamId, u64)>, _| {
        let trimmed = added.is_some_and(|(_, trimmed)| trimmed > 0);
        [added.map(|_| Event::XADD), trimmed.then_some(Event::XTRIM)]
    };
    match keys.update_collection_telling(args.at(1), add, events)? {
        Some((id, _)) => reply::id(out, id),
        None => out.null(),
    }
    Ok(())
}

fn xtrim(call: &mut Call<'_>) -> Outcome {
    let Call { args, out, keys, server, .. } = call;
    let (mut trim, mut next) = (Trim::default(), 2);
    while next < args.len() {
        next = trim.option(*args, next)?.ok_or(Failure::SYNTAX)?;
    }
    trim.check()?;
    if trim.is_none() {
        return Err(Failure::new(
            "ERR syntax error, XTRIM must be called with a trimming strategy",
        ));
    }
    let node_entries = server.packing.len(Parameter::StreamEntries);
    let removed = keys.update_collection(args.at(1), |stream: &mut Stream| {
        Ok(trim.apply(stream, node_entries))
    })?;
    out.count(removed);
    Ok(())
}
