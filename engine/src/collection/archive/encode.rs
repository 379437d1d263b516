//! Writing collections, a leaf at a time.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Read};

use super::super::hash::Field;
use super::super::set::Member;
use super::super::{Collection, Stream};
use super::{AS_THEY_CAME, BY_HASH, framed, scored, stream};
use crate::tree::{Elements, Hashed, Keyed, Order, Prefix, Sequence, Sorted, Tree};

/// Leaves of one tree, from a position on.
pub(super) enum Leaves {
    Sequence(Tree<Sequence>),
    Sorted(Tree<Sorted>),
    /// Those of a sorted set.
    Scored(Tree<Sorted>),
    Fields(Tree<Hashed<Field>>),
    Members(Tree<Hashed<Member>>),
}

impl Leaves {
    fn bytes(&self) -> u64 {
        match self {
            Self::Sequence(tree) => tree.leaf_bytes(),
            Self::Sorted(tree) => tree.leaf_bytes(),
            Self::Scored(tree) => tree.iter().map(scored::written_bytes).sum(),
            Self::Fields(tree) => tree.leaf_bytes(),
            Self::Members(tree) => tree.leaf_bytes(),
        }
    }

    /// Copies the leaf that begins at position `next`; returns where the one behind it begins.
    fn copy(&self, next: u64, into: &mut Vec<u8>) -> Option<u64> {
        match self {
            Self::Sequence(tree) => copy_leaf(tree, next, into),
            Self::Sorted(tree) => copy_leaf(tree, next, into),
            Self::Scored(tree) => copy_scored(tree, next, into),
            Self::Fields(tree) => copy_by_hash(tree, next, into),
            Self::Members(tree) => copy_by_hash(tree, next, into),
        }
    }
}

fn copy_leaf<O: Order>(tree: &Tree<O>, next: u64, into: &mut Vec<u8>) -> Option<u64> {
    if next == tree.len() {
        return None;
    }
    let (leaf, _, len) = tree.leaf_at(next)?;
    into.extend_from_slice(leaf);
    Some(next + len)
}

fn copy_scored(tree: &Tree<Sorted>, next: u64, into: &mut Vec<u8>) -> Option<u64> {
    if next == tree.len() {
        return None;
    }
    let (leaf, _, len) = tree.leaf_at(next)?;
    Elements::new(leaf).for_each(|element| scored::write(element, into));
    Some(next + len)
}

/// Copies a leaf in the order of hashes, unless it is the only one.
fn copy_by_hash<K: Keyed>(tree: &Tree<Hashed<K>>, next: u64, into: &mut Vec<u8>) -> Option<u64> {
    if tree.is_one_leaf() || next == tree.len() {
        return copy_leaf(tree, next, into);
    }
    let (leaf, _, len) = tree.leaf_at(next)?;
    let mut elements: Vec<(u64, &[u8])> =
        Elements::new(leaf).map(|element| (tree.order().bound(element), element)).collect();
    elements.sort_by_key(|(hash, _)| *hash);
    for (_, element) in elements {
        into.extend_from_slice(Prefix::new(element.len()).as_slice());
        into.extend_from_slice(element);
    }
    Some(next + len)
}

/// A stretch of an encoded collection.
pub(super) enum Section {
    Bytes(Vec<u8>),
    Leaves(Leaves),
}

impl Section {
    fn bytes(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Leaves(leaves) => leaves.bytes(),
        }
    }
}

/// Reads as the bytes of a collection. Holds one leaf of it at a time, and a count of the rest.
pub(crate) struct Encoder {
    sections: VecDeque<Section>,
    /// Position of the next leaf in the first section.
    next: u64,
    chunk: Vec<u8>,
    /// Bytes of the chunk that were read.
    read: usize,
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoder").field("next", &self.next).finish_non_exhaustive()
    }
}

fn hashed_header<K: Keyed>(tree: &Tree<Hashed<K>>) -> Section {
    let order = if tree.is_one_leaf() { AS_THEY_CAME } else { BY_HASH };
    let (len, seed) = (tree.len().to_le_bytes(), tree.order().seed().to_le_bytes());
    Section::Bytes(framed(&[&len, &seed, &[order]]))
}

fn header(len: u64) -> Section {
    Section::Bytes(framed(&[&len.to_le_bytes()]))
}

impl Encoder {
    pub(crate) fn new(collection: &Collection) -> Self {
        let sections: VecDeque<Section> = match collection {
            Collection::List(list) => {
                let leaves = Leaves::Sequence(list.tree().clone());
                [header(list.len()), Section::Leaves(leaves)].into()
            }
            Collection::Hash(hash) => {
                let leaves = Leaves::Fields(hash.tree().clone());
                [hashed_header(hash.tree()), Section::Leaves(leaves)].into()
            }
            Collection::Set(set) => {
                let leaves = Leaves::Members(set.tree().clone());
                [hashed_header(set.tree()), Section::Leaves(leaves)].into()
            }
            Collection::SortedSet(set) => {
                let leaves = Leaves::Scored(set.tree().clone());
                [header(set.len()), Section::Leaves(leaves)].into()
            }
            Collection::Stream(stream) => Self::sections_of_stream(stream),
        };
        Self { sections, next: 0, chunk: Vec::new(), read: 0 }
    }

    fn sections_of_stream(stream: &Stream) -> VecDeque<Section> {
        let mut sections = VecDeque::new();
        sections.push_back(Section::Bytes(stream::header(stream)));
        sections.push_back(Section::Leaves(Leaves::Sorted(stream.tree().clone())));
        for (name, group) in stream.groups() {
            sections.push_back(Section::Bytes(stream::group(name, group)));
            sections.push_back(Section::Leaves(Leaves::Sorted(group.tree().clone())));
        }
        sections
    }

    /// Bytes from beginning to end, as long as none of them has been read. Looks at every element
    /// of a sorted set, and at the heads of nodes of anything else.
    pub(crate) fn len(&self) -> u64 {
        debug_assert!(self.next == 0 && self.chunk.is_empty(), "nothing has been read");
        self.sections.iter().map(Section::bytes).sum()
    }

    /// Puts the next stretch into the chunk; `false` if there is none.
    fn advance(&mut self) -> bool {
        self.chunk.clear();
        self.read = 0;
        while let Some(section) = self.sections.front_mut() {
            match section {
                Section::Bytes(bytes) => self.chunk.append(bytes),
                Section::Leaves(leaves) => {
                    if let Some(next) = leaves.copy(self.next, &mut self.chunk) {
                        self.next = next;
                        return true;
                    }
                }
            }
            self.sections.pop_front();
            self.next = 0;
            if !self.chunk.is_empty() {
                return true;
            }
        }
        false
    }
}

impl Read for Encoder {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.read == self.chunk.len() {
            if !self.advance() {
                return Ok(0);
            }
        }
        let rest = &self.chunk[self.read..];
        let taken = rest.len().min(into.len());
        into[..taken].copy_from_slice(&rest[..taken]);
        self.read += taken;
        Ok(taken)
    }
}
