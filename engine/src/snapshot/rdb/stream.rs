//! Streams as events, and events as streams.

use std::collections::BTreeMap;

use exuvia_rdb as rdb;
use exuvia_rdb::{Event, FieldsBuf, StreamCounters};

use super::builder::Misfit;
use crate::collection::{Group, Pending};
use crate::{Stream, StreamId};

fn theirs(id: StreamId) -> rdb::StreamId {
    rdb::StreamId { ms: id.ms, seq: id.seq }
}

fn ours(id: rdb::StreamId) -> StreamId {
    StreamId::new(id.ms, id.seq)
}

/// Whether it knows what versions below 10 have no place for.
pub(super) fn has_counters(stream: &Stream) -> bool {
    stream.max_deleted_id() != StreamId::MIN
        || stream.entries_added() != stream.len()
        || stream.groups().any(|(_, group)| group.entries_read().is_some())
}

/// Gives a stream to `take`, entry by entry.
pub(super) fn events<E>(
    stream: &Stream,
    take: &mut dyn FnMut(Event<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let mut fields = FieldsBuf::new();
    for entry in stream {
        fields.clear();
        for (name, value) in entry.fields() {
            fields.push(name, value);
        }
        take(Event::Entry { id: theirs(entry.id), fields: fields.as_fields() })?;
    }
    take(Event::Counters(StreamCounters {
        last_id: theirs(stream.last_id()),
        max_deleted_id: theirs(stream.max_deleted_id()),
        entries_added: stream.entries_added(),
        groups: stream.groups().len() as u64,
    }))?;
    stream.groups().try_for_each(|(name, group)| group_events(name, group, take))
}

fn group_events<E>(
    name: &[u8],
    group: &Group,
    take: &mut dyn FnMut(Event<'_>) -> Result<(), E>,
) -> Result<(), E> {
    take(Event::Group(rdb::Group {
        name,
        last_delivered_id: theirs(group.last_delivered()),
        entries_read: group.entries_read(),
        pending: group.pending_len(),
    }))?;
    for pending in group.pending(StreamId::MIN..=StreamId::MAX) {
        take(Event::Pending(rdb::Pending {
            id: theirs(pending.id),
            delivered_at_unix_ms: pending.delivered_unix_ms,
            deliveries: pending.deliveries,
        }))?;
    }
    take(Event::Consumers(group.consumers().len() as u64))?;
    for (name, consumer) in group.consumers() {
        take(Event::Consumer(rdb::Consumer {
            name,
            seen_at_unix_ms: consumer.seen_unix_ms,
            active_at_unix_ms: consumer.active_unix_ms,
            pending: consumer.pending_len(),
        }))?;
        for id in consumer.pending(StreamId::MIN..=StreamId::MAX) {
            take(Event::Owned(theirs(id)))?;
        }
    }
    Ok(())
}

/// A group under construction.
#[derive(Debug, Default)]
struct Open {
    name: Vec<u8>,
    /// Time and number of deliveries of what no consumer has had so far.
    unowned: BTreeMap<StreamId, (u64, u64)>,
    consumers: Vec<Member>,
}

#[derive(Debug)]
struct Member {
    name: Vec<u8>,
    seen_unix_ms: u64,
    active_unix_ms: Option<u64>,
    pending: Vec<(StreamId, u64, u64)>,
}

/// A stream under construction.
#[derive(Debug, Default)]
pub(super) struct Builder {
    stream: Stream,
    open: Option<Open>,
}

impl Builder {
    /// Adds what `event` says.
    pub(super) fn take(&mut self, event: Event<'_>) -> Result<(), Misfit> {
        match event {
            Event::Entry { id, fields } => {
                if !self.stream.append(ours(id), fields.iter()) {
                    return Err(Misfit::Stream("an entry that does not follow the one before it"));
                }
            }
            Event::Counters(counters) => {
                let (last, deleted) = (ours(counters.last_id), ours(counters.max_deleted_id));
                self.stream.set_history(last, deleted, counters.entries_added);
            }
            Event::Group(group) => {
                self.close()?;
                let delivered = ours(group.last_delivered_id);
                if !self.stream.create_group(group.name, delivered, group.entries_read) {
                    return Err(Misfit::Duplicate);
                }
                self.open = Some(Open { name: group.name.to_vec(), ..Open::default() });
            }
            event => self.of_group(event)?,
        }
        Ok(())
    }

    fn of_group(&mut self, event: Event<'_>) -> Result<(), Misfit> {
        let Some(open) = &mut self.open else { return Ok(()) };
        match event {
            Event::Pending(pending) => {
                let times = (pending.delivered_at_unix_ms, pending.deliveries);
                open.unowned.insert(ours(pending.id), times);
            }
            Event::Consumer(consumer) => open.consumers.push(Member {
                name: consumer.name.to_vec(),
                seen_unix_ms: consumer.seen_at_unix_ms,
                active_unix_ms: consumer.active_at_unix_ms,
                pending: Vec::new(),
            }),
            Event::Owned(id) => {
                let id = ours(id);
                let orphan = Misfit::Stream("a consumer has what is not pending in its group");
                let (delivered_unix_ms, deliveries) = open.unowned.remove(&id).ok_or(orphan)?;
                let consumer = open.consumers.last_mut().ok_or(orphan)?;
                consumer.pending.push((id, delivered_unix_ms, deliveries));
            }
            _ => {}
        }
        Ok(())
    }

    /// Puts the group that is under construction into the stream.
    fn close(&mut self) -> Result<(), Misfit> {
        let Some(Open { name, unowned, consumers }) = self.open.take() else { return Ok(()) };
        if !unowned.is_empty() {
            return Err(Misfit::Stream("what is pending in a group belongs to no consumer"));
        }
        let unique = self.stream.update_group(&name, |group| {
            consumers.iter().all(|consumer| {
                let unique = group.create_consumer(&consumer.name, consumer.seen_unix_ms);
                for &(id, delivered_unix_ms, deliveries) in &consumer.pending {
                    let consumer = &*consumer.name;
                    group.set_pending(Pending { id, consumer, delivered_unix_ms, deliveries });
                }
                let (seen, active) = (consumer.seen_unix_ms, consumer.active_unix_ms);
                group.touch_consumer(&consumer.name, seen, active);
                unique
            })
        });
        if unique == Some(true) { Ok(()) } else { Err(Misfit::Duplicate) }
    }

    pub(super) fn finish(mut self) -> Result<Stream, Misfit> {
        self.close()?;
        Ok(self.stream)
    }
}
