//! Reading behind an id: `XREAD`, `XREADGROUP`.

use exuvia::collection::Pending;
use exuvia::{Item, Stream, StreamId};

use super::{delivery, id, reply};
use crate::command::call::{integer, is};
use crate::command::spec::{Flags, Group, Spec};
use crate::command::{Call, Failure, Outcome};
use crate::events::Event;
use crate::number::parse_i64;
use crate::resp::{Args, Output, Protocol};

pub(in crate::command) const COMMANDS: &[Spec] = &[
    Spec::now(Group::Stream, "xread", -4, xread)
        .reads()
        .flags(Flags::BLOCKING)
        .stream_keys(1)
        .access(&[&["RO", "access"]])
        .doc(
            "5.0.0",
            "For each stream mentioned: O(N) with N being the number of elements being returned, \
             it means that XREAD-ing with a fixed COUNT is O(1).",
            "Returns messages from multiple streams with IDs greater than the ones requested.",
        ),
    Spec::now(Group::Stream, "xreadgroup", -7, xreadgroup)
        .writes()
        .flags(Flags::BLOCKING)
        .stream_keys(4)
        .access(&[&["RO", "access"]])
        .doc(
            "5.0.0",
            "For each stream mentioned: O(M) with M being the number of elements returned. If M is \
             constant (e.g. always asking for the first 10 elements with COUNT), you can consider \
             it O(1).",
            "Returns new or historical messages from a stream for a consumer in a group.",
        ),
];

const CANNOT_WAIT: Failure =
    Failure::new("ERR there is nothing to read, and waiting for it with BLOCK is not supported");

/// What is to be read.
struct Request<'a> {
    /// The group and the consumer.
    reader: Option<(&'a [u8], &'a [u8])>,
    /// Entries of each stream at most.
    count: usize,
    waits: bool,
    no_ack: bool,
    keys: Args<'a>,
    ids: Args<'a>,
}

impl<'a> Request<'a> {
    fn parse(args: Args<'a>, in_group: bool) -> Result<Self, Failure> {
        let nothing = args.first(0);
        let mut request = Self {
            reader: None,
            count: usize::MAX,
            waits: false,
            no_ack: false,
            keys: nothing,
            ids: nothing,
        };
        let mut next = 1;
        while let Some(word) = args.get(next) {
            let behind = args.len() - next - 1;
            if is(word, "block") && behind > 0 {
                check_timeout(args.at(next + 1))?;
                request.waits = true;
                next += 2;
            } else if is(word, "count") && behind > 0 {
                let count = integer(args, next + 1)?;
                let count = usize::try_from(count).unwrap_or(0);
                request.count = if count == 0 { usize::MAX } else { count };
                next += 2;
            } else if is(word, "streams") && behind > 0 {
                request.split(args.from(next + 1))?;
                break;
            } else if is(word, "group") && behind >= 2 {
                if !in_group {
                    return Err(only_in_group("GROUP"));
                }
                request.reader = Some((args.at(next + 1), args.at(next + 2)));
                next += 3;
            } else if is(word, "noack") {
                if !in_group {
                    return Err(only_in_group("NOACK"));
                }
                request.no_ack = true;
                next += 1;
            } else {
                return Err(Failure::SYNTAX);
            }
        }
        if request.keys.is_empty() {
            return Err(Failure::SYNTAX);
        }
        if in_group && request.reader.is_none() {
            return Err(Failure::new("ERR Missing GROUP option for XREADGROUP"));
        }
        Ok(request)
    }

    /// Tells the keys and the ids behind `STREAMS` apart.
    fn split(&mut self, rest: Args<'a>) -> Result<(), Failure> {
        if !rest.len().is_multiple_of(2) {
            // Redis names XREAD here whichever of the two was called.
            return Err(Failure::new(
                "ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be \
                 specified.",
            ));
        }
        self.keys = rest.first(rest.len() / 2);
        self.ids = rest.from(rest.len() / 2);
        Ok(())
    }
}

fn only_in_group(option: &str) -> Failure {
    format!("ERR The {option} option is only supported by XREADGROUP. You called XREAD instead.")
        .into()
}

fn check_timeout(text: &[u8]) -> Result<(), Failure> {
    match parse_i64(text) {
        None => Err(Failure::new("ERR timeout is not an integer or out of range")),
        Some(..0) => Err(Failure::new("ERR timeout is negative")),
        Some(_) => Ok(()),
    }
}

/// What is found in the streams.
struct Found {
    streams: usize,
    out: Output,
}

impl Found {
    /// Begins what is found in the stream `key`.
    fn begin(&mut self, key: &[u8]) {
        self.streams += 1;
        if self.out.protocol() == Protocol::Resp2 {
            self.out.array(2);
        }
        self.out.bulk(key);
    }

    fn reply(self, out: &mut Output, waits: bool) -> Outcome {
        if self.streams == 0 {
            if waits {
                return Err(CANNOT_WAIT);
            }
            out.null_array();
            return Ok(());
        }
        match out.protocol() {
            Protocol::Resp2 => out.array(self.streams),
            Protocol::Resp3 => out.map(self.streams),
        }
        out.append(self.out);
        Ok(())
    }
}

fn stream_of(item: Option<&Item>) -> Result<Option<Stream>, Failure> {
    Ok(item.map(Item::collection::<Stream>).transpose()?.cloned())
}

fn xread(call: &mut Call<'_>) -> Outcome {
    let Call { args, out, keys, .. } = call;
    let request = Request::parse(*args, false)?;
    let (database, waits) = (keys.database.index(), request.waits && keys.step.is_none());
    let items = keys.atomically(|step| {
        let item = |key| Ok(step.item(database, key)?.map(|(item, _)| item));
        request.keys.iter().map(item).collect::<Result<Vec<_>, Failure>>()
    })?;
    let mut streams = Vec::with_capacity(items.len());
    for ((item, key), text) in items.iter().zip(request.keys.iter()).zip(request.ids.iter()) {
        // Redis looks each stream up twice, and tells of it twice: here for its id.
        if item.is_none() {
            keys.missed(key);
        }
        let stream = stream_of(item.as_ref())?;
        let after = match text {
            b"$" => stream.as_ref().map_or(StreamId::MIN, Stream::last_id),
            b">" => {
                return Err(Failure::new(
                    "ERR The > ID can be specified only when calling XREADGROUP using the GROUP \
                     <group> <consumer> option.",
                ));
            }
            text => id::parse(text)?,
        };
        streams.push((stream, after));
    }
    let mut found = Found { streams: 0, out: reply::beside(out) };
    for ((stream, after), key) in streams.iter().zip(request.keys.iter()) {
        keys.looked_up(key, stream.is_some());
        let Some((stream, start)) = stream.as_ref().zip(after.next()) else { continue };
        let entries = stream.range(start..=StreamId::MAX);
        if entries.len() > 0 {
            found.begin(key);
            found.out.array(entries.len().min(request.count));
            entries.take(request.count).for_each(|entry| reply::entry(&mut found.out, &entry));
        }
    }
    found.reply(out, waits)
}

/// What a consumer asks of one stream.
#[derive(Clone, Copy)]
enum Wanted {
    /// Entries that nobody in the group has got.
    New,
    /// Its own pending entries behind this id.
    PendingAfter(StreamId),
}

impl Wanted {
    fn parse(text: &[u8]) -> Result<Self, Failure> {
        match text {
            b">" => Ok(Self::New),
            b"$" => Err(Failure::new(
                "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the \
                 history of this consumer by specifying a proper ID, or use the > ID to get new \
                 messages. The $ ID would just return an empty result set.",
            )),
            text => match id::parse(text)? {
                StreamId::MAX => Ok(Self::New),
                after => Ok(Self::PendingAfter(after)),
            },
        }
    }
}

fn xreadgroup(call: &mut Call<'_>) -> Outcome {
    let now_unix_ms = call.server.now_ms();
    let Call { args, out, keys, .. } = call;
    let request = Request::parse(*args, true)?;
    let (database, waits) = (keys.database.index(), request.waits && keys.step.is_none());
    let Some((group, consumer)) = request.reader else { return Err(Failure::SYNTAX) };
    let found = keys.atomically(|step| {
        let mut streams = Vec::with_capacity(request.keys.len());
        for (key, text) in request.keys.iter().zip(request.ids.iter()) {
            let found = step.item(database, key)?;
            step.looked_up(database, key, found.is_some());
            let stream = stream_of(found.as_ref().map(|(item, _)| item))?;
            let entry = stream.zip(found.map(|(_, expiry)| expiry));
            let Some(entry) = entry.filter(|(stream, _)| stream.group(group).is_some()) else {
                return Err(reply::no_group(key, group, " in XREADGROUP with GROUP option"));
            };
            streams.push((key, entry, Wanted::parse(text)?));
        }
        let mut found = Found { streams: 0, out: reply::beside(out) };
        for (key, (stream, expiry), wanted) in &streams {
            // The same stream may be named twice.
            let current = step.item(database, key)?.map(|(item, _)| item);
            let mut stream = stream_of(current.as_ref())?.unwrap_or_else(|| stream.clone());
            let reader = Reader { group, consumer, now_unix_ms, no_ack: request.no_ack };
            let is_new = !reader.is_known(&stream);
            let served = match wanted {
                Wanted::New => reader.deliver(&mut stream, key, request.count, &mut found),
                Wanted::PendingAfter(after) => {
                    reader.repeat(&mut stream, key, *after, request.count, &mut found);
                    true
                }
            };
            if served {
                step.set(database, key, stream.into(), *expiry)?;
                if is_new {
                    step.tell(database, key, Event::XGROUP_CREATECONSUMER);
                }
            }
        }
        Ok(found)
    })?;
    found.reply(out, waits)
}

/// Who reads.
struct Reader<'a> {
    group: &'a [u8],
    consumer: &'a [u8],
    now_unix_ms: u64,
    no_ack: bool,
}

impl Reader<'_> {
    /// Whether the group has the consumer already.
    fn is_known(&self, stream: &Stream) -> bool {
        stream.group(self.group).is_some_and(|group| group.consumer(self.consumer).is_some())
    }

    /// Delivers new entries; returns whether there are any.
    fn deliver(&self, stream: &mut Stream, key: &[u8], count: usize, found: &mut Found) -> bool {
        let whole = stream.clone();
        let Some(start) = whole.group(self.group).and_then(|group| group.last_delivered().next())
        else {
            return false;
        };
        let entries = whole.range(start..=StreamId::MAX);
        if entries.len() == 0 {
            return false;
        }
        found.begin(key);
        found.out.array(entries.len().min(count));
        stream.update_group(self.group, |group| {
            group.create_consumer(self.consumer, self.now_unix_ms);
            group.touch_consumer(self.consumer, self.now_unix_ms, Some(self.now_unix_ms));
            for entry in entries.take(count) {
                let read = delivery::entries_read(&whole, group, entry.id);
                group.set_delivered(entry.id, read);
                reply::entry(&mut found.out, &entry);
                if !self.no_ack {
                    group.set_pending(Pending {
                        id: entry.id,
                        consumer: self.consumer,
                        delivered_unix_ms: self.now_unix_ms,
                        deliveries: 1,
                    });
                }
            }
        });
        true
    }

    /// Shows what is pending for the consumer once more.
    fn repeat(
        &self,
        stream: &mut Stream,
        key: &[u8],
        after: StreamId,
        count: usize,
        found: &mut Found,
    ) {
        let whole = stream.clone();
        found.begin(key);
        stream.update_group(self.group, |group| {
            group.create_consumer(self.consumer, self.now_unix_ms);
            group.touch_consumer(self.consumer, self.now_unix_ms, None);
            let start = after.next().unwrap_or(StreamId::MAX);
            let own = group.consumer(self.consumer);
            let ids: Vec<StreamId> = own
                .map(|own| own.pending(start..=StreamId::MAX).take(count).collect())
                .unwrap_or_default();
            found.out.array(ids.len());
            for id in ids {
                let Some(entry) = whole.get(id) else {
                    // It was removed from the stream since.
                    found.out.array(2);
                    reply::id(&mut found.out, id);
                    found.out.null_array();
                    continue;
                };
                reply::entry(&mut found.out, &entry);
                let before = group.get_pending(id).map_or(0, |pending| pending.deliveries);
                group.set_pending(Pending {
                    id,
                    consumer: self.consumer,
                    delivered_unix_ms: self.now_unix_ms,
                    deliveries: before.saturating_add(1),
                });
            }
        });
    }
}
