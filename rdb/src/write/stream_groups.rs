//! The groups of a stream, their pending entries and their consumers.

use std::io::Write;

use super::body::count_down;
use super::output::Output;
use super::stream::put_id;
use crate::{Consumer, Event, Group, Pending, RdbError, StreamId, Version};

/// How a group says that nobody knows how many entries it has read.
const UNKNOWN: u64 = u64::MAX;

/// What is still to come of the groups.
#[derive(Debug)]
pub(super) struct Groups {
    version: u16,
    /// Groups.
    left: u64,
    /// Of the group that was begun last.
    pending_left: u64,
    /// Its pending entries that no consumer has had so far.
    unowned: u64,
    /// Whether the number of its consumers is still to come.
    awaits_consumers: bool,
    consumers_left: u64,
    /// Ids that the consumer that was begun last still owns.
    owned_left: u64,
    /// The id before, of a pending entry or an owned one.
    last: Option<StreamId>,
}

impl Groups {
    pub(super) fn new(version: Version, groups: u64) -> Self {
        Self {
            version: version.number(),
            left: groups,
            pending_left: 0,
            unowned: 0,
            awaits_consumers: false,
            consumers_left: 0,
            owned_left: 0,
            last: None,
        }
    }

    /// Writes what `event` says. Returns whether the version has no place for some of it.
    pub(super) fn event<W: Write>(
        &mut self,
        output: &mut Output<W>,
        event: Event<'_>,
    ) -> Result<bool, RdbError> {
        match event {
            Event::Group(group) => return self.group(output, group),
            Event::Pending(pending) => self.pending(output, pending)?,
            Event::Consumers(count) if self.awaits_consumers && self.pending_left == 0 => {
                self.awaits_consumers = false;
                self.consumers_left = count;
                output.length(count)?;
            }
            Event::Consumer(consumer) => self.consumer(output, consumer)?,
            Event::Owned(id) => {
                count_down(&mut self.owned_left, "more entries than the consumer owns")?;
                self.ascend(id)?;
                output.put(&id.to_bytes())?;
            }
            _ => return Err(RdbError::OutOfSequence("an event that no group has here")),
        }
        Ok(false)
    }

    /// Passes if nothing is left.
    pub(super) fn finish(&self) -> Result<(), RdbError> {
        self.check_group()?;
        if self.left == 0 {
            return Ok(());
        }
        Err(RdbError::OutOfSequence("fewer groups than the stream has"))
    }

    /// Passes if the last group is whole.
    fn check_group(&self) -> Result<(), RdbError> {
        let left = self.pending_left + self.unowned + self.consumers_left + self.owned_left;
        if left == 0 && !self.awaits_consumers {
            return Ok(());
        }
        Err(RdbError::OutOfSequence("a group that is not whole"))
    }

    fn ascend(&mut self, id: StreamId) -> Result<(), RdbError> {
        if self.last.is_some_and(|last| last >= id) {
            return Err(RdbError::OutOfSequence("pending entries that do not ascend"));
        }
        self.last = Some(id);
        Ok(())
    }

    fn group<W: Write>(
        &mut self,
        output: &mut Output<W>,
        group: Group<'_>,
    ) -> Result<bool, RdbError> {
        self.check_group()?;
        count_down(&mut self.left, "more groups than the stream has")?;
        output.string(group.name)?;
        put_id(output, group.last_delivered_id)?;
        let has_counter = self.version >= 10;
        if has_counter {
            output.length(group.entries_read.unwrap_or(UNKNOWN))?;
        }
        output.length(group.pending)?;
        (self.pending_left, self.unowned, self.awaits_consumers) =
            (group.pending, group.pending, true);
        self.last = None;
        Ok(!has_counter && group.entries_read.is_some())
    }

    fn pending<W: Write>(
        &mut self,
        output: &mut Output<W>,
        pending: Pending,
    ) -> Result<(), RdbError> {
        count_down(&mut self.pending_left, "more pending entries than the group has")?;
        self.ascend(pending.id)?;
        output.put(&pending.id.to_bytes())?;
        output.time_ms(pending.delivered_at_unix_ms)?;
        output.length(pending.deliveries)
    }

    fn consumer<W: Write>(
        &mut self,
        output: &mut Output<W>,
        consumer: Consumer<'_>,
    ) -> Result<(), RdbError> {
        if self.owned_left > 0 {
            return Err(RdbError::OutOfSequence("fewer entries than the consumer owns"));
        }
        count_down(&mut self.consumers_left, "more consumers than the group has")?;
        let owned = consumer.pending;
        self.unowned = self
            .unowned
            .checked_sub(owned)
            .ok_or(RdbError::OutOfSequence("consumers own more entries than are pending"))?;
        (self.owned_left, self.last) = (owned, None);
        output.string(consumer.name)?;
        output.time_ms(consumer.seen_at_unix_ms)?;
        if self.version >= 11 {
            match consumer.active_at_unix_ms {
                Some(unix_ms) => output.time_ms(unix_ms)?,
                None => output.put(&(-1_i64).to_le_bytes())?,
            }
        }
        output.length(owned)
    }
}
