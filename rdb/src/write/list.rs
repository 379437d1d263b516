//! The nodes of a list: ziplists.

use std::io::Write;

use super::output::Output;
use crate::RdbError;
use crate::encoding::ZiplistBuilder;

/// What a node should take, as Redis cuts them by default.
const NODE_BYTES: u64 = 8 * 1024;
/// Small items could fill a node by thousands, and every access walks half of one.
const NODE_ITEMS_MAX: u64 = 512;

/// How many elements a node of about `node_bytes` has, by the average.
pub(super) fn per_node(elements: u64, bytes: u64, node_bytes: u64, elements_max: u64) -> u64 {
    let average = bytes / elements.max(1);
    (node_bytes / average.max(1)).clamp(1, elements_max)
}

/// Cuts items into nodes: the same number in each, since the number of nodes stands first.
#[derive(Debug)]
pub(super) struct ListNodes {
    left: u64,
    per_node: u64,
    in_node: u64,
    node: ZiplistBuilder,
}

impl ListNodes {
    pub(super) fn new(items: u64, bytes: u64) -> Self {
        let per_node = per_node(items, bytes, NODE_BYTES, NODE_ITEMS_MAX);
        Self { left: items, per_node, in_node: 0, node: ZiplistBuilder::new() }
    }

    /// Nodes that will be written; right before the first item.
    pub(super) fn count(&self) -> u64 {
        self.left.div_ceil(self.per_node)
    }

    pub(super) fn push<W: Write>(
        &mut self,
        output: &mut Output<W>,
        item: &[u8],
    ) -> Result<(), RdbError> {
        super::body::count_down(&mut self.left, "more items than the list has")?;
        if !self.node.has_room(item.len()) {
            return Err(RdbError::Unwritable { key: "".into(), what: "a node of 4 GiB" });
        }
        self.node.push(item);
        self.in_node += 1;
        if self.in_node == self.per_node || self.left == 0 {
            output.raw_string(self.node.finish())?;
            self.node.clear();
            self.in_node = 0;
        }
        Ok(())
    }

    /// Passes if every item has come.
    pub(super) fn finish(&self) -> Result<(), RdbError> {
        if self.left == 0 {
            return Ok(());
        }
        Err(RdbError::OutOfSequence("the end of a list that is not whole"))
    }
}
