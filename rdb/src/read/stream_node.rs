//! The entries of one node of a stream.
//!
//! A node is a listpack: how many entries it has, how many are deleted, the number and the names
//! of the fields that most of them have, and zero; then each entry: flags, how far its id is from
//! the node's, the number of its fields unless they are the node's, its fields (without their
//! names if they are the node's), and how many elements that was.

use crate::encoding::{Element, Listpack};
use crate::{Event, Fault, FieldsBuf, Sink, StreamId};

const DELETED: i64 = 1;
const SAME_FIELDS: i64 = 2;

/// Reads the entries of a node.
pub(super) struct Node<'a> {
    listpack: Listpack<'a>,
    base: StreamId,
    entries_left: u64,
    deleted_left: u64,
}

fn stream(what: &'static str) -> Fault {
    Fault::Stream(what)
}

impl<'a> Node<'a> {
    /// Reads the head of the node; the names of its fields become `master`, each with an empty
    /// value.
    pub(super) fn new(
        bytes: &'a [u8],
        base: StreamId,
        master: &mut FieldsBuf,
    ) -> Result<Self, Fault> {
        let mut listpack = Listpack::new(bytes)?;
        let entries_left = number(&mut listpack)?;
        let deleted_left = number(&mut listpack)?;
        let fields = number(&mut listpack)?;
        master.clear();
        for _ in 0..fields {
            master.push(element(&mut listpack)?.as_bytes(), b"");
        }
        if number(&mut listpack)? != 0 {
            return Err(stream("the head of a node is not closed"));
        }
        Ok(Self { listpack, base, entries_left, deleted_left })
    }

    /// Reads the next entry that is not deleted into `fields`.
    pub(super) fn next(
        &mut self,
        master: &FieldsBuf,
        fields: &mut FieldsBuf,
    ) -> Result<Option<StreamId>, Fault> {
        while let Some(flags) = self.listpack.next()? {
            let flags = flags.as_integer().ok_or(stream("the flags of an entry"))?;
            let id = self.id()?;
            fields.clear();
            let names = if flags & SAME_FIELDS == 0 {
                let count = number(&mut self.listpack)?;
                for _ in 0..count {
                    fields.push_half(element(&mut self.listpack)?.as_bytes());
                    fields.push_half(element(&mut self.listpack)?.as_bytes());
                }
                count.saturating_mul(2).saturating_add(1)
            } else {
                for (name, _) in master.as_fields().iter() {
                    fields.push(name, element(&mut self.listpack)?.as_bytes());
                }
                master.as_fields().len() as u64
            };
            // The flags and the two halves of the id.
            if number(&mut self.listpack)? != names.saturating_add(3) {
                return Err(stream("an entry is not as long as it says"));
            }
            let left =
                if flags & DELETED == 0 { &mut self.entries_left } else { &mut self.deleted_left };
            *left = left.checked_sub(1).ok_or(stream("a node has more entries than it says"))?;
            if flags & DELETED == 0 {
                return Ok(Some(id));
            }
        }
        if self.entries_left == 0 && self.deleted_left == 0 {
            return Ok(None);
        }
        Err(stream("a node has fewer entries than it says"))
    }

    fn id(&mut self) -> Result<StreamId, Fault> {
        let fault = stream("the id of an entry");
        let ms = element(&mut self.listpack)?.as_integer().ok_or(fault)?;
        let seq = element(&mut self.listpack)?.as_integer().ok_or(fault)?;
        // Wrapping, as the differences were taken: both halves may be above 2^63. That ids ascend
        // is checked by whoever asks for them.
        let ms = self.base.ms.wrapping_add_signed(ms);
        Ok(StreamId { ms, seq: self.base.seq.wrapping_add_signed(seq) })
    }
}

fn element<'a>(listpack: &mut Listpack<'a>) -> Result<Element<'a>, Fault> {
    listpack.next()?.ok_or(stream("a node is cut short"))
}

fn number(listpack: &mut Listpack<'_>) -> Result<u64, Fault> {
    let number = element(listpack)?.as_integer().and_then(|number| u64::try_from(number).ok());
    number.ok_or(stream("a number in a node"))
}

/// Gives the entries of a node to `sink`; `last` is the id before them, and then the last one.
/// The outer error is the sink's.
pub(super) fn give<S: Sink>(
    node: &mut Node<'_>,
    master: &FieldsBuf,
    fields: &mut FieldsBuf,
    last: &mut Option<StreamId>,
    sink: &mut S,
) -> Result<Result<u64, Fault>, S::Error> {
    let mut entries = 0;
    loop {
        let id = match node.next(master, fields) {
            Ok(Some(id)) => id,
            Ok(None) => return Ok(Ok(entries)),
            Err(fault) => return Ok(Err(fault)),
        };
        if last.is_some_and(|last| last >= id) {
            return Ok(Err(stream("its entries are out of order")));
        }
        *last = Some(id);
        entries += 1;
        sink.event(Event::Entry { id, fields: fields.as_fields() })?;
    }
}
