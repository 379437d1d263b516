//! Streams with their groups.

use super::super::Stream;
use super::super::stream::{Group, Pending, StreamEntry, StreamId};
use super::decode::Unsound;
use super::framed;

const ID_BYTES: usize = 16;

/// The first element: how many entries and groups follow, and what was added and removed before.
pub(super) fn header(stream: &Stream) -> Vec<u8> {
    framed(&[
        &stream.len().to_le_bytes(),
        &(stream.groups().len() as u64).to_le_bytes(),
        &stream.last_id().to_bytes(),
        &stream.max_deleted_id().to_bytes(),
        &stream.entries_added().to_le_bytes(),
    ])
}

/// What precedes the pending entries of a group: the group, and its consumers.
pub(super) fn group(name: &[u8], group: &Group) -> Vec<u8> {
    let mut elements = framed(&[
        &(group.consumers().len() as u64).to_le_bytes(),
        &group.pending_len().to_le_bytes(),
        &group.last_delivered().to_bytes(),
        &optional(group.entries_read()),
        name,
    ]);
    for (name, consumer) in group.consumers() {
        let (seen, active) = (consumer.seen_unix_ms.to_le_bytes(), consumer.active_unix_ms);
        elements.extend_from_slice(&framed(&[&seen, &optional(active), name]));
    }
    elements
}

/// A byte that says whether there is a number, and the number or zero.
fn optional(number: Option<u64>) -> [u8; 9] {
    let mut bytes = [0; 9];
    bytes[0] = u8::from(number.is_some());
    bytes[1..].copy_from_slice(&number.unwrap_or(0).to_le_bytes());
    bytes
}

/// Takes numbers off the start of an element.
struct Fields<'b>(&'b [u8]);

impl<'b> Fields<'b> {
    fn take<const N: usize>(&mut self) -> Result<&'b [u8; N], Unsound> {
        let (taken, rest) =
            self.0.split_first_chunk().ok_or(Unsound("an element of a stream is too short"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<u64, Unsound> {
        Ok(u64::from_le_bytes(*self.take()?))
    }

    fn id(&mut self) -> Result<StreamId, Unsound> {
        Ok(StreamId::from_bytes(*self.take::<ID_BYTES>()?))
    }

    fn optional(&mut self) -> Result<Option<u64>, Unsound> {
        let is_there = self.take::<1>()?[0];
        match (is_there, self.number()?) {
            (0, 0) => Ok(None),
            (1, number) => Ok(Some(number)),
            _ => Err(Unsound("a number of a stream is neither there nor not")),
        }
    }
}

/// What follows in a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Expected {
    #[default]
    Header,
    /// So many entries, then so many groups.
    Entries(u64, u64),
    Groups(u64),
    /// So many consumers of the group, then so many pending entries, then so many groups.
    Consumers(u64, u64, u64),
    Pending(u64, u64),
}

impl Expected {
    /// What follows really, where nothing more of the same does.
    fn settled(self) -> Self {
        match self {
            Self::Entries(0, groups) | Self::Pending(0, groups) => Self::Groups(groups),
            Self::Consumers(0, pending, groups) => Self::Pending(pending, groups).settled(),
            other => other,
        }
    }
}

/// Builds a stream, element by element.
#[derive(Debug, Default)]
pub(super) struct StreamDecoder {
    expected: Expected,
    stream: Stream,
    /// Last id, highest removed one, and number of entries added, which the header tells.
    history: (StreamId, StreamId, u64),
    /// The group that is being read.
    group: Vec<u8>,
    last_pending: Option<StreamId>,
}

impl StreamDecoder {
    pub(super) fn take(&mut self, element: &[u8]) -> Result<(), Unsound> {
        let expected = match self.expected {
            Expected::Header => self.take_header(element)?,
            Expected::Entries(left, groups) => {
                self.take_entry(element)?;
                Expected::Entries(left - 1, groups)
            }
            Expected::Groups(0) => return Err(Unsound("something follows the stream")),
            Expected::Groups(left) => self.take_group(element, left - 1)?,
            Expected::Consumers(left, pending, groups) => {
                self.take_consumer(element)?;
                Expected::Consumers(left - 1, pending, groups)
            }
            Expected::Pending(left, groups) => {
                self.take_pending(element)?;
                Expected::Pending(left - 1, groups)
            }
        };
        self.expected = expected.settled();
        Ok(())
    }

    fn take_header(&mut self, element: &[u8]) -> Result<Expected, Unsound> {
        let mut fields = Fields(element);
        let (entries, groups) = (fields.number()?, fields.number()?);
        self.history = (fields.id()?, fields.id()?, fields.number()?);
        Ok(Expected::Entries(entries, groups))
    }

    fn take_entry(&mut self, element: &[u8]) -> Result<(), Unsound> {
        let entry = StreamEntry::decode(element).ok_or(Unsound("an entry is too short"))?;
        if !entry.is_sound() {
            return Err(Unsound("the fields of an entry are not sound"));
        }
        if entry.id > self.history.0 || !self.stream.append(entry.id, entry.fields()) {
            return Err(Unsound("an entry is out of order"));
        }
        Ok(())
    }

    fn take_group(&mut self, element: &[u8], groups: u64) -> Result<Expected, Unsound> {
        let mut fields = Fields(element);
        let (consumers, pending) = (fields.number()?, fields.number()?);
        let (last_delivered, entries_read) = (fields.id()?, fields.optional()?);
        if !self.stream.create_group(fields.0, last_delivered, entries_read) {
            return Err(Unsound("a group occurs twice"));
        }
        self.group = fields.0.to_vec();
        self.last_pending = None;
        Ok(Expected::Consumers(consumers, pending, groups))
    }

    fn take_consumer(&mut self, element: &[u8]) -> Result<(), Unsound> {
        let mut fields = Fields(element);
        let (seen, active) = (fields.number()?, fields.optional()?);
        let is_new = self.stream.update_group(&self.group, |group| {
            let is_new = group.create_consumer(fields.0, seen);
            group.touch_consumer(fields.0, seen, active);
            is_new
        });
        if is_new == Some(true) { Ok(()) } else { Err(Unsound("a consumer occurs twice")) }
    }

    fn take_pending(&mut self, element: &[u8]) -> Result<(), Unsound> {
        let pending =
            Pending::decode(element).ok_or(Unsound("a pending entry of a stream is too short"))?;
        if self.last_pending.is_some_and(|last| pending.id <= last) {
            return Err(Unsound("a pending entry is out of order"));
        }
        self.last_pending = Some(pending.id);
        let known = self.stream.update_group(&self.group, |group| {
            let known = group.consumer(pending.consumer).is_some();
            if known {
                group.set_pending(pending);
            }
            known
        });
        if known == Some(true) {
            Ok(())
        } else {
            Err(Unsound("an entry is pending for a consumer that there is not"))
        }
    }

    pub(super) fn finish(mut self) -> Result<Stream, Unsound> {
        if self.expected != Expected::Groups(0) {
            return Err(Unsound("the stream is not whole"));
        }
        let (last_id, max_deleted_id, entries_added) = self.history;
        self.stream.set_history(last_id, max_deleted_id, entries_added);
        Ok(self.stream)
    }
}
