//! Taking over what other consumers have pending: `XCLAIM`, `XAUTOCLAIM`.

use exuvia::collection::{self, Pending};
use exuvia::{Stream, StreamId};

use super::{id, reply};
use crate::command::call::{integer, is};
use crate::command::spec::{Group, Spec};
use crate::command::{Call, Failure, Outcome};
use crate::events::Event;
use crate::number::parse_i64;
use crate::resp::{Args, Output};

pub(in crate::command) const COMMANDS: &[Spec] = &[
    Spec::now(Group::Stream, "xclaim", -6, xclaim)
        .writes()
        .fast()
        .key()
        .access(&[&["RW", "update"]])
        .doc(
            "5.0.0",
            "O(log N) with N being the number of messages in the PEL of the consumer group.",
            "Changes, or acquires, ownership of a message in a consumer group, as if the message \
             was delivered a consumer group member.",
        ),
    Spec::now(Group::Stream, "xautoclaim", -6, xautoclaim)
        .writes()
        .fast()
        .key()
        .access(&[&["RW", "delete"]])
        .doc(
            "6.2.0",
            "O(1) if COUNT is small.",
            "Changes, or acquires, ownership of messages in a consumer group, as if the messages \
             were delivered to as consumer group member.",
        ),
];

/// How entries change hands.
struct Claim<'a> {
    consumer: &'a [u8],
    idle_ms_min: i64,
    now_unix_ms: u64,
    delivered_unix_ms: u64,
    /// The number of deliveries from here on, unless it counts on.
    deliveries: Option<u64>,
    /// Also entries that nobody has pending.
    force: bool,
    /// Ids are shown without the entries, which are not counted as delivered.
    just_id: bool,
    last_id: StreamId,
}

impl<'a> Claim<'a> {
    fn new(args: Args<'a>, command: &str, now_unix_ms: u64) -> Result<Self, Failure> {
        let not_a_time = format!("ERR Invalid min-idle-time argument for {command}");
        let idle_ms_min = parse_i64(args.at(4)).ok_or(Failure::from(not_a_time))?;
        Ok(Self {
            consumer: args.at(3),
            idle_ms_min: idle_ms_min.max(0),
            now_unix_ms,
            delivered_unix_ms: now_unix_ms,
            deliveries: None,
            force: false,
            just_id: false,
            last_id: StreamId::MIN,
        })
    }

    /// Reads the options of `XCLAIM`.
    fn options(&mut self, args: Args<'_>) -> Result<(), Failure> {
        let number = |index, name| {
            let wrong = format!("ERR Invalid {name} option argument for XCLAIM");
            parse_i64(args.at(index)).ok_or(Failure::from(wrong))
        };
        let now = self.now_unix_ms as i64;
        let (mut delivered, mut next) = (-1, 0);
        while let Some(word) = args.get(next) {
            let value = next + 1;
            let has_value = value < args.len();
            next += 2;
            match word {
                word if is(word, "force") => (self.force, next) = (true, value),
                word if is(word, "justid") => (self.just_id, next) = (true, value),
                word if is(word, "idle") && has_value => {
                    delivered = now.saturating_sub(number(value, "IDLE")?);
                }
                word if is(word, "time") && has_value => delivered = number(value, "TIME")?,
                word if is(word, "retrycount") && has_value => {
                    self.deliveries = u64::try_from(number(value, "RETRYCOUNT")?).ok();
                }
                word if is(word, "lastid") && has_value => {
                    self.last_id = id::parse(args.at(value))?;
                }
                word => {
                    let word = String::from_utf8_lossy(word);
                    return Err(format!("ERR Unrecognized XCLAIM option '{word}'").into());
                }
            }
        }
        // What is not a time that has been is taken for this moment.
        let known = (0..=now).contains(&delivered);
        self.delivered_unix_ms = if known { delivered as u64 } else { self.now_unix_ms };
        Ok(())
    }

    /// Whether the group has the consumer.
    fn is_known(&self, stream: &Stream, group: &[u8]) -> bool {
        stream.group(group).is_some_and(|group| group.consumer(self.consumer).is_some())
    }

    /// Gives an entry of the stream to the consumer, if its conditions are met; returns whether
    /// they are.
    fn take(&self, group: &mut collection::Group, id: StreamId) -> bool {
        let before = group.get_pending(id);
        let deliveries = match before {
            Some(pending) => {
                let idle_ms = self.now_unix_ms as i64 - pending.delivered_unix_ms as i64;
                if self.idle_ms_min > 0 && idle_ms < self.idle_ms_min {
                    return false;
                }
                pending.deliveries
            }
            None if self.force => 1,
            None => return false,
        };
        let more = u64::from(!self.just_id);
        group.create_consumer(self.consumer, self.now_unix_ms);
        group.touch_consumer(self.consumer, self.now_unix_ms, Some(self.now_unix_ms));
        group.set_pending(Pending {
            id,
            consumer: self.consumer,
            delivered_unix_ms: self.delivered_unix_ms,
            deliveries: self.deliveries.unwrap_or(deliveries.saturating_add(more)),
        });
        true
    }

    fn reply(&self, out: &mut Output, stream: &Stream, id: StreamId) {
        match stream.get(id) {
            Some(entry) if !self.just_id => reply::entry(out, &entry),
            _ => reply::id(out, id),
        }
    }
}

fn xclaim(call: &mut Call<'_>) -> Outcome {
    let now_unix_ms = call.server.now_ms();
    let Call { args, out, keys, .. } = call;
    let (key, group_name) = (args.at(1), args.at(2));
    // The group is asked for before anything else is looked at.
    let known = keys.with_collection(key, |stream: &Stream| stream.group(group_name).is_some())?;
    if known != Some(true) {
        return Err(reply::no_group(key, group_name, ""));
    }
    let mut claim = Claim::new(*args, "XCLAIM", now_unix_ms)?;
    let ids: Vec<StreamId> = args.from(5).iter().map_while(|text| id::parse(text).ok()).collect();
    claim.options(args.from(5 + ids.len()))?;
    let claim_all = |stream: &mut Stream| {
        let whole = stream.clone();
        let (mut claimed, mut found) = (0, reply::beside(out));
        let was_known = claim.is_known(stream, group_name);
        stream
            .update_group(group_name, |group| {
                if claim.last_id > group.last_delivered() {
                    group.set_delivered(claim.last_id, group.entries_read());
                }
                for id in &ids {
                    if whole.get(*id).is_none() {
                        group.acknowledge(*id);
                    } else if claim.take(group, *id) {
                        claimed += 1;
                        claim.reply(&mut found, &whole, *id);
                    }
                }
            })
            .ok_or_else(|| reply::no_group(key, group_name, ""))?;
        let is_new = !was_known && claim.is_known(stream, group_name);
        Ok((claimed, found, is_new))
    };
    let event = |(_, _, is_new): &(usize, Output, bool), _| {
        [is_new.then_some(Event::XGROUP_CREATECONSUMER), None]
    };
    let (claimed, found, _) = keys.update_collection_telling(key, claim_all, event)?;
    out.array(claimed);
    out.append(found);
    Ok(())
}

/// Entries looked at for each that may be claimed.
const ATTEMPTS_FACTOR: usize = 10;

/// How far `XAUTOCLAIM` got.
struct Swept {
    /// Where to go on; zero at the end.
    next: StreamId,
    claimed: usize,
    found: Output,
    /// Entries that are not in the stream any more.
    gone: Vec<StreamId>,
}

fn xautoclaim(call: &mut Call<'_>) -> Outcome {
    let now_unix_ms = call.server.now_ms();
    let Call { args, out, keys, .. } = call;
    let (key, group_name) = (args.at(1), args.at(2));
    keys.sought(key)?;
    let mut claim = Claim::new(*args, "XAUTOCLAIM", now_unix_ms)?;
    let start = id::start(args.at(5))?;
    let (mut count, mut next) = (100, 6);
    while let Some(word) = args.get(next) {
        if is(word, "count") && next + 1 < args.len() {
            const COUNT_MAX: i64 = i64::MAX / 16;
            let wanted =
                integer(*args, next + 1).ok().filter(|count| (1..=COUNT_MAX).contains(count));
            count = wanted.ok_or(Failure::new("ERR COUNT must be > 0"))? as usize;
            next += 2;
        } else if is(word, "justid") {
            claim.just_id = true;
            next += 1;
        } else {
            return Err(Failure::SYNTAX);
        }
    }
    let claim_all = |stream: &mut Stream| {
        let (whole, found) = (stream.clone(), reply::beside(out));
        let swept = stream
            .update_group(group_name, |group| sweep(&claim, group, &whole, start, count, found))
            .ok_or_else(|| reply::no_group(key, group_name, ""))?;
        let is_new = !claim.is_known(&whole, group_name) && claim.is_known(stream, group_name);
        Ok((swept, is_new))
    };
    let event =
        |(_, is_new): &(Swept, bool), _| [is_new.then_some(Event::XGROUP_CREATECONSUMER), None];
    let (swept, _) = keys.update_collection_telling(key, claim_all, event)?;
    out.array(3);
    reply::id(out, swept.next);
    out.array(swept.claimed);
    out.append(swept.found);
    out.array(swept.gone.len());
    swept.gone.iter().for_each(|id| reply::id(out, *id));
    Ok(())
}

/// Claims pending entries from `start` on.
fn sweep(
    claim: &Claim<'_>,
    group: &mut collection::Group,
    stream: &Stream,
    start: StreamId,
    count: usize,
    found: Output,
) -> Swept {
    let mut swept = Swept { next: StreamId::MIN, claimed: 0, found, gone: Vec::new() };
    let before = group.clone();
    let mut pending = before.pending(start..=StreamId::MAX);
    for _ in 0..count.saturating_mul(ATTEMPTS_FACTOR) {
        if swept.claimed + swept.gone.len() == count {
            break;
        }
        let Some(Pending { id, .. }) = pending.next() else { return swept };
        if stream.get(id).is_none() {
            group.acknowledge(id);
            swept.gone.push(id);
        } else if claim.take(group, id) {
            swept.claimed += 1;
            claim.reply(&mut swept.found, stream, id);
        }
    }
    swept.next = pending.next().map_or(StreamId::MIN, |pending| pending.id);
    swept
}
