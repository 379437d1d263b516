//! The nodes of a stream: listpacks of entries.

use std::io::Write;

use super::body::count_down;
use super::list::per_node;
use super::output::Output;
use crate::encoding::ListpackBuilder;
use crate::{Fields, FieldsBuf, RdbError, StreamCounters, StreamId, Version};

/// What a node should take, as Redis cuts them by default.
const NODE_BYTES: u64 = 4 * 1024;
const NODE_ENTRIES_MAX: u64 = 100;
/// The entry has the names of the node's first one.
const SAME_FIELDS: i64 = 2;
/// Bytes around an element: its encoding and its length.
const ELEMENT_BYTES: usize = 10;

/// Cuts entries into nodes: the same number in each, since the number of nodes stands first.
#[derive(Debug)]
pub(super) struct StreamNodes {
    entries: u64,
    left: u64,
    per_node: u64,
    in_node: u64,
    first: Option<StreamId>,
    last: Option<StreamId>,
    /// The id of the node's first entry, and its fields.
    base: StreamId,
    master: FieldsBuf,
    node: ListpackBuilder,
}

impl StreamNodes {
    pub(super) fn new(entries: u64, bytes: u64) -> Self {
        Self {
            entries,
            left: entries,
            per_node: per_node(entries, bytes, NODE_BYTES, NODE_ENTRIES_MAX),
            in_node: 0,
            first: None,
            last: None,
            base: StreamId::ZERO,
            master: FieldsBuf::new(),
            node: ListpackBuilder::new(),
        }
    }

    /// Nodes that will be written; right before the first entry.
    pub(super) fn count(&self) -> u64 {
        self.left.div_ceil(self.per_node)
    }

    pub(super) fn push<W: Write>(
        &mut self,
        output: &mut Output<W>,
        id: StreamId,
        fields: Fields<'_>,
    ) -> Result<(), RdbError> {
        if self.last.is_some_and(|last| last >= id) {
            return Err(RdbError::OutOfSequence("entries that do not ascend"));
        }
        self.last = Some(id);
        self.first = self.first.or(self.last);
        if self.in_node == 0 {
            self.begin_node(id, fields);
        }
        count_down(&mut self.left, "more entries than the stream has")?;
        let room = fields.len().saturating_mul(2 * ELEMENT_BYTES).saturating_add(fields.bytes());
        if !self.node.has_room(room.saturating_add(6 * ELEMENT_BYTES)) {
            return Err(RdbError::Unwritable { key: "".into(), what: "a node of 1 GiB" });
        }
        self.push_entry(id, fields);
        self.in_node += 1;
        if self.in_node == self.per_node || self.left == 0 {
            output.raw_string(&self.base.to_bytes())?;
            output.raw_string(self.node.finish())?;
            self.in_node = 0;
        }
        Ok(())
    }

    fn begin_node(&mut self, id: StreamId, fields: Fields<'_>) {
        self.base = id;
        self.master.clear();
        self.node.clear();
        self.node.push_integer(self.left.min(self.per_node) as i64);
        self.node.push_integer(0);
        self.node.push_integer(fields.len() as i64);
        for (name, _) in fields.iter() {
            self.master.push(name, b"");
            self.node.push(name);
        }
        self.node.push_integer(0);
    }

    fn push_entry(&mut self, id: StreamId, fields: Fields<'_>) {
        let names = self.master.as_fields();
        let same = names.len() == fields.len()
            && names.iter().zip(fields.iter()).all(|((ours, _), (theirs, _))| ours == theirs);
        self.node.push_integer(if same { SAME_FIELDS } else { 0 });
        // The differences wrap, as they do for every reader.
        self.node.push_integer(id.ms.wrapping_sub(self.base.ms) as i64);
        self.node.push_integer(id.seq.wrapping_sub(self.base.seq) as i64);
        let mut elements = 3 + fields.len();
        if !same {
            self.node.push_integer(fields.len() as i64);
            elements += fields.len() + 1;
        }
        for (name, value) in fields.iter() {
            if !same {
                self.node.push(name);
            }
            self.node.push(value);
        }
        self.node.push_integer(elements as i64);
    }

    /// Writes what stands behind the entries. Returns whether the version has no place for some
    /// of it.
    pub(super) fn finish<W: Write>(
        &self,
        output: &mut Output<W>,
        counters: StreamCounters,
        version: Version,
    ) -> Result<bool, RdbError> {
        if self.left > 0 {
            return Err(RdbError::OutOfSequence("the counters before the last entry"));
        }
        if self.last.is_some_and(|last| last > counters.last_id) {
            return Err(RdbError::OutOfSequence("a last id before the last entry"));
        }
        output.length(self.entries)?;
        put_id(output, counters.last_id)?;
        let has_counters = version.number() >= 10;
        if has_counters {
            put_id(output, self.first.unwrap_or(StreamId::ZERO))?;
            put_id(output, counters.max_deleted_id)?;
            output.length(counters.entries_added)?;
        }
        output.length(counters.groups)?;
        let plain =
            counters.max_deleted_id == StreamId::ZERO && counters.entries_added == self.entries;
        Ok(!has_counters && !plain)
    }
}

pub(super) fn put_id<W: Write>(output: &mut Output<W>, id: StreamId) -> Result<(), RdbError> {
    output.length(id.ms)?;
    output.length(id.seq)
}
