//! Streams: nodes of entries, counters, groups with their pending entries and consumers.

use std::io::Read;

use super::stream_node::{Node, give};
use super::value::{Key, Values};
use crate::opcode::kind;
use crate::{
    Consumer, Event, Fault, Group, Pending, RdbError, Shape, Sink, StreamCounters, StreamId,
};

/// How a group says that nobody knows how many entries it has read.
const UNKNOWN: u64 = u64::MAX;

impl<R: Read> Values<R> {
    pub(super) fn stream<S: Sink>(
        &mut self,
        type_byte: u8,
        key: Key<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let nodes = self.input.length()?;
        key.begin(Shape::Stream { entries: 0, bytes: 0 }, sink)?;
        let (mut last, mut entries) = (None, 0_u64);
        for _ in 0..nodes {
            entries = entries.saturating_add(self.stream_node(&mut last, sink)?);
        }
        let counters = self.stream_counters(type_byte, entries, last)?;
        sink.event(Event::Counters(counters))?;
        for _ in 0..counters.groups {
            self.stream_group(type_byte, sink)?;
        }
        sink.event(Event::End)
    }

    fn stream_node<S: Sink>(
        &mut self,
        last: &mut Option<StreamId>,
        sink: &mut S,
    ) -> Result<u64, S::Error> {
        self.input.string(&mut self.first)?;
        let Ok(base) = self.first.as_slice().try_into() else {
            let fault = Fault::Stream("the key of a node is no id");
            return Err(self.input.damaged(fault).into());
        };
        self.input.string(&mut self.compact)?;
        let damaged = |fault| self.input.damaged(fault);
        let base = StreamId::from_bytes(base);
        let mut node = Node::new(&self.compact, base, &mut self.master).map_err(damaged)?;
        let given = give(&mut node, &self.master, &mut self.fields, last, sink)?;
        Ok(given.map_err(damaged)?)
    }

    fn stream_id(&mut self) -> Result<StreamId, RdbError> {
        Ok(StreamId { ms: self.input.length()?, seq: self.input.length()? })
    }

    fn stream_counters(
        &mut self,
        type_byte: u8,
        entries: u64,
        last: Option<StreamId>,
    ) -> Result<StreamCounters, RdbError> {
        if self.input.length()? != entries {
            let fault = Fault::Stream("it has another number of entries than it says");
            return Err(self.input.damaged(fault));
        }
        let last_id = self.stream_id()?;
        if last.is_some_and(|last| last > last_id) {
            let fault = Fault::Stream("it has entries behind its last id");
            return Err(self.input.damaged(fault));
        }
        let (mut max_deleted_id, mut entries_added) = (StreamId::ZERO, entries);
        if type_byte != kind::STREAM_LISTPACKS {
            // The first id says nothing that the first entry does not.
            self.stream_id()?;
            max_deleted_id = self.stream_id()?;
            entries_added = self.input.length()?;
        }
        let groups = self.input.length()?;
        Ok(StreamCounters { last_id, max_deleted_id, entries_added, groups })
    }

    fn stream_group<S: Sink>(&mut self, type_byte: u8, sink: &mut S) -> Result<(), S::Error> {
        self.input.string(&mut self.first)?;
        let last_delivered_id = self.stream_id()?;
        let entries_read = match type_byte {
            kind::STREAM_LISTPACKS => None,
            _ => Some(self.input.length()?).filter(|&read| read != UNKNOWN),
        };
        let pending = self.input.length()?;
        let name = &self.first;
        sink.event(Event::Group(Group { name, last_delivered_id, entries_read, pending }))?;
        let mut last = None;
        for _ in 0..pending {
            let id = self.pending_id(&mut last)?;
            let delivered_at_unix_ms = self.input.time_ms()?;
            let deliveries = self.input.length()?;
            sink.event(Event::Pending(Pending { id, delivered_at_unix_ms, deliveries }))?;
        }
        let consumers = self.input.length()?;
        sink.event(Event::Consumers(consumers))?;
        let mut unowned = pending;
        for _ in 0..consumers {
            unowned = self.stream_consumer(type_byte, unowned, sink)?;
        }
        if unowned > 0 {
            let fault = Fault::Stream("a pending entry belongs to no consumer");
            return Err(self.input.damaged(fault).into());
        }
        Ok(())
    }

    /// Returns how many of the group's pending entries no consumer has had so far.
    fn stream_consumer<S: Sink>(
        &mut self,
        type_byte: u8,
        unowned: u64,
        sink: &mut S,
    ) -> Result<u64, S::Error> {
        self.input.string(&mut self.first)?;
        let seen_at_unix_ms = self.input.time_ms()?;
        let active_at_unix_ms = match type_byte {
            kind::STREAM_LISTPACKS_3 => {
                u64::try_from(i64::from_le_bytes(self.input.array().map_err(S::Error::from)?)).ok()
            }
            // The best guess there is.
            _ => Some(seen_at_unix_ms),
        };
        let pending = self.input.length()?;
        let name = &self.first;
        let consumer = Consumer { name, seen_at_unix_ms, active_at_unix_ms, pending };
        sink.event(Event::Consumer(consumer))?;
        let mut last = None;
        for _ in 0..pending {
            sink.event(Event::Owned(self.pending_id(&mut last)?))?;
        }
        unowned.checked_sub(pending).ok_or_else(|| {
            let fault = Fault::Stream("consumers own more entries than are pending");
            self.input.damaged(fault).into()
        })
    }

    fn pending_id(&mut self, last: &mut Option<StreamId>) -> Result<StreamId, RdbError> {
        let id = StreamId::from_bytes(self.input.array()?);
        if last.is_some_and(|last| last >= id) {
            return Err(self.input.damaged(Fault::Stream("pending entries are out of order")));
        }
        *last = Some(id);
        Ok(id)
    }
}
