//! What waits to be acknowledged: `XPENDING`.

use std::ops::RangeInclusive;

use exuvia::collection;
use exuvia::{Stream, StreamId};

use super::{id, reply};
use crate::command::call::{integer, is};
use crate::command::spec::{Group, Spec};
use crate::command::{Call, Failure, Outcome};
use crate::resp::{Args, Output};

pub(in crate::command) const COMMANDS: &[Spec] =
    &[Spec::now(Group::Stream, "xpending", -3, xpending)
        .reads()
        .key()
        .access(&[&["RO", "access"]])
        .doc(
            "5.0.0",
            "O(N) with N being the number of elements returned, so asking for a small fixed number \
             of entries per call is O(1). O(M), where M is the total number of entries scanned \
             when used with the IDLE filter. When the command returns just the summary and the \
             list of consumers is small, it runs in O(1) time; otherwise, an additional O(N) time \
             for iterating every consumer.",
            "Returns the information and entries from a stream consumer group's pending entries \
             list.",
        )];

/// Which pending entries are to be listed.
struct List<'a> {
    ids: RangeInclusive<StreamId>,
    count: usize,
    idle_ms_min: i64,
    consumer: Option<&'a [u8]>,
}

impl<'a> List<'a> {
    /// `None` if a summary is wanted.
    fn parse(args: Args<'a>) -> Result<Option<Self>, Failure> {
        if args.len() == 3 {
            return Ok(None);
        }
        if !(6..=9).contains(&args.len()) {
            return Err(Failure::SYNTAX);
        }
        let (mut first, mut idle_ms_min) = (3, 0);
        if is(args.at(3), "idle") {
            idle_ms_min = integer(args, 4)?;
            if args.len() < 8 {
                return Err(Failure::SYNTAX);
            }
            first = 5;
        }
        let count = integer(args, first + 2)?.max(0);
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let ids = id::range(args.at(first), args.at(first + 1))?;
        Ok(Some(Self { ids, count, idle_ms_min, consumer: args.get(first + 3) }))
    }
}

fn xpending(call: &mut Call<'_>) -> Outcome {
    let now_unix_ms = call.server.now_ms();
    let Call { args, out, keys, .. } = call;
    let list = List::parse(*args)?;
    let stream = keys.collection::<Stream>(args.at(1))?.unwrap_or_default();
    let Some(group) = stream.group(args.at(2)) else {
        return Err(reply::no_group(args.at(1), args.at(2), ""));
    };
    match list {
        None => summary(out, group),
        Some(list) => entries(out, group, &list, now_unix_ms),
    }
    Ok(())
}

/// How many are pending, from which to which, and for whom.
fn summary(out: &mut Output, group: &collection::Group) {
    out.array(4);
    out.count(group.pending_len());
    let mut pending = group.pending(StreamId::MIN..=StreamId::MAX);
    let Some(first) = pending.next() else {
        out.null();
        out.null();
        out.null_array();
        return;
    };
    reply::id(out, first.id);
    reply::id(out, pending.next_back().unwrap_or(first).id);
    let busy = || group.consumers().filter(|(_, consumer)| consumer.pending_len() > 0);
    out.array(busy().count());
    for (name, consumer) in busy() {
        out.array(2);
        out.bulk(name);
        out.bulk(consumer.pending_len().to_string().as_bytes());
    }
}

fn entries(out: &mut Output, group: &collection::Group, list: &List<'_>, now_unix_ms: u64) {
    let (mut found, mut count) = (reply::beside(out), 0);
    let ids = if list.ids.is_empty() { StreamId::MAX..=StreamId::MIN } else { list.ids.clone() };
    let own = list.consumer.map(|name| group.consumer(name));
    // A consumer's own list is short where the group's is long.
    let pending: Box<dyn Iterator<Item = collection::Pending<'_>>> = match own {
        None => Box::new(group.pending(ids)),
        Some(None) => Box::new(std::iter::empty()),
        Some(Some(own)) => Box::new(own.pending(ids).filter_map(|id| group.get_pending(id))),
    };
    for entry in pending {
        if count == list.count {
            break;
        }
        let idle_ms = now_unix_ms as i64 - entry.delivered_unix_ms as i64;
        if idle_ms < list.idle_ms_min {
            continue;
        }
        count += 1;
        found.array(4);
        reply::id(&mut found, entry.id);
        found.bulk(entry.consumer);
        found.integer(idle_ms.max(0));
        found.count(entry.deliveries);
    }
    out.array(count);
    out.append(found);
}
