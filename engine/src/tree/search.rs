//! Finding elements.

use std::array;
use std::ops::Range;

use super::element::{Elements, read_varint};
use super::link::Child;
use super::node::{FANOUT, Inner, Node};
use super::order::{Bound, Hashed, Keyed, Order, Sorted};
use super::root::Tree;

/// Inner levels at most: an inner node has sixteen children or more, but for those at the edges
/// and those that deletions have thinned out, so this many are never reached in memory.
pub(super) const LEVELS_MAX: usize = 24;

/// Which child to take at each level.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Path {
    slots: [u8; LEVELS_MAX],
    levels: u8,
}

impl Path {
    fn push(&mut self, slot: usize) {
        self.slots[usize::from(self.levels)] = slot as u8;
        self.levels += 1;
    }

    pub(super) fn slots(&self) -> &[u8] {
        &self.slots[..usize::from(self.levels)]
    }
}

/// A place in a tree: where an element is, or where one would be put.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(super) path: Path,
    /// Number of the element in its leaf.
    pub(super) index: u64,
    /// Its bytes in the leaf, length included; empty where there is none.
    pub(super) bytes: Range<usize>,
}

/// What a search found.
#[derive(Clone, Debug)]
pub(crate) struct Found<'t> {
    pub(crate) place: Place,
    /// The element there, unless the place is the end of a leaf.
    pub(crate) element: Option<&'t [u8]>,
}

/// Goes through the elements of a leaf up to the first that `is_it`.
#[inline]
fn find_in_leaf<'t>(
    leaf: &'t [u8],
    path: Path,
    mut is_it: impl FnMut(&'t [u8]) -> bool,
) -> Found<'t> {
    let mut index = 0;
    let mut start = 0;
    'leaf: while let Some((len, rest)) = leaf.get(start..).and_then(read_varint) {
        let prefix = leaf.len() - start - rest.len();
        // Most elements are as long as their neighbour. Within a run of such, where the next one
        // begins does not have to be waited for: its length is only compared.
        loop {
            let end = start + prefix + len;
            let Some(element) = leaf.get(start + prefix..end) else { break 'leaf };
            if is_it(element) {
                let place = Place { path, index, bytes: start..end };
                return Found { place, element: Some(element) };
            }
            start = end;
            index += 1;
            if prefix > 1 || leaf.get(end).is_none_or(|next| usize::from(*next) != len) {
                break;
            }
        }
    }
    Found { place: Place { path, index, bytes: start..start }, element: None }
}

/// Goes down from `root`, by the child that `choose` takes of each inner node.
#[inline]
fn descend<B: Bound>(
    root: &Child<B>,
    mut choose: impl FnMut(Inner<'_, B>) -> usize,
) -> (Path, &[u8]) {
    let mut path = Path::default();
    let mut node = root.node.node();
    loop {
        match node {
            Node::Leaf(leaf) => return (path, leaf.bytes()),
            Node::Inner(inner) => {
                let slot = choose(inner);
                path.push(slot);
                node = inner.node_to_read(slot);
            }
        }
    }
}

/// The child that has the element `left` elements behind the first, and how many it is behind that
/// child's first. If there are not so many, what is left behind the last.
#[inline]
fn slot_of_index(lens: &[u64], mut left: u64) -> (usize, u64) {
    let mut slot = 0;
    while slot + 1 < lens.len() && left >= lens[slot] {
        left -= lens[slot];
        slot += 1;
    }
    (slot, left)
}

/// The child that has the elements of a hash.
///
/// All bounds are compared, in no order: the processor fetches them side by side, where a binary
/// search would wait for one after the other.
#[inline]
fn slot_of_hash(bounds: &[u64], hash: u64) -> usize {
    bounds[1..].iter().map(|bound| usize::from(*bound <= hash)).sum()
}

/// The last child that `is_before` something that is looked for, as all to its left are; the first
/// is if no other one is.
fn slot_before<B>(inner: Inner<'_, B>, mut is_before: impl FnMut(usize) -> bool) -> usize {
    let slots: [u8; FANOUT] = array::from_fn(|slot| slot as u8);
    slots[1..inner.len()].partition_point(|slot| is_before(usize::from(*slot)))
}

/// The first element below a child.
fn first_element<B>(inner: Inner<'_, B>, slot: usize) -> &[u8] {
    Elements::new(inner.node(slot).first_leaf()).next().unwrap_or_default()
}

impl<O: Order> Tree<O> {
    /// The element at `index`, or the end of the last leaf if there are not so many. `None` in an
    /// empty tree.
    pub(crate) fn find_index(&self, index: u64) -> Option<Found<'_>> {
        let (path, leaf, mut left, len) = self.way_to(index)?;
        if left >= len {
            let place = Place { path, index: len, bytes: leaf.len()..leaf.len() };
            return Some(Found { place, element: None });
        }
        Some(find_in_leaf(leaf, path, |_| {
            let here = left == 0;
            left = left.saturating_sub(1);
            here
        }))
    }

    /// The element at `index`.
    pub(crate) fn get(&self, index: u64) -> Option<&[u8]> {
        self.find_index(index)?.element
    }

    /// The leaf that has the element at `index`, how many elements that leaf has before it, and
    /// how many in all.
    pub(crate) fn leaf_at(&self, index: u64) -> Option<(&[u8], u64, u64)> {
        self.way_to(index).map(|(_, leaf, left, len)| (leaf, left, len))
    }

    /// The same, and how to get there.
    #[inline]
    fn way_to(&self, index: u64) -> Option<(Path, &[u8], u64, u64)> {
        let root = self.root()?;
        let (mut left, mut len) = (index, root.len);
        let (path, leaf) = descend(root, |inner| {
            let slot;
            (slot, left) = slot_of_index(inner.lens(), left);
            len = inner.lens()[slot];
            slot
        });
        Some((path, leaf, left, len))
    }

    /// How many elements are before a place.
    pub(crate) fn index_of(&self, place: &Place) -> u64 {
        let Some(mut node) = self.root().map(|root| root.node.node()) else { return 0 };
        let mut before = place.index;
        for &slot in place.path.slots() {
            let Node::Inner(inner) = node else { break };
            before += inner.lens()[..usize::from(slot)].iter().sum::<u64>();
            node = inner.node(usize::from(slot));
        }
        before
    }
}

impl<K: Keyed> Tree<Hashed<K>> {
    /// The element with this key, or where one would be put. `None` in an empty tree.
    #[inline]
    pub(crate) fn find_key(&self, key: &[u8]) -> Option<Found<'_>> {
        let root = self.root()?;
        let (path, leaf) = match root.node.node() {
            // Nothing needs to be hashed where everything is in one leaf.
            Node::Leaf(leaf) => (Path::default(), leaf.bytes()),
            Node::Inner(_) => {
                let hash = self.order().hash(key);
                descend(root, |inner| slot_of_hash(inner.bounds(), hash))
            }
        };
        Some(find_in_leaf(leaf, path, |element| K::has_key(element, key)))
    }

    /// The element with this key.
    #[inline]
    pub(crate) fn get_key(&self, key: &[u8]) -> Option<&[u8]> {
        self.find_key(key)?.element
    }

    /// The elements from `cursor` on in the order of their hashes, as many as one leaf has, and
    /// the cursor of the next leaf; zero at the end.
    ///
    /// An element that is there all the time is given exactly once by the calls from zero to
    /// zero, whatever happens to others: leaves are split and joined at hashes, and a cursor is
    /// one.
    pub(crate) fn scan<'t>(&'t self, cursor: u64, f: &mut dyn FnMut(&'t [u8])) -> u64 {
        let Some(root) = self.root() else { return 0 };
        let mut next = 0;
        let (_, leaf) = descend(root, |inner| {
            let slot = slot_of_hash(inner.bounds(), cursor);
            if let Some(bound) = inner.bounds().get(slot + 1) {
                next = *bound;
            }
            slot
        });
        for element in Elements::new(leaf) {
            if cursor == 0 || self.order().bound(element) >= cursor {
                f(element);
            }
        }
        next
    }
}

impl Tree<Sorted> {
    /// The first element that is not below `probe`, or the end of the leaf before it, where
    /// `probe` would be put. `None` in an empty tree.
    pub(crate) fn lower_bound(&self, probe: &[u8]) -> Option<Found<'_>> {
        let start = self.order().bound(probe);
        let (path, leaf) = descend(self.root()?, |inner| {
            slot_before(inner, |slot| {
                // Bounds are only the starts of elements: where they are equal the elements tell.
                let bound = inner.bounds()[slot];
                bound < start || bound == start && first_element(inner, slot) <= probe
            })
        });
        Some(find_in_leaf(leaf, path, |element| element >= probe))
    }

    /// The element that begins with `prefix`, of which there is one at most.
    pub(crate) fn find_prefix(&self, prefix: &[u8]) -> Option<Found<'_>> {
        let start = self.order().bound(prefix);
        let head = |element: &'_ [u8]| element.len().min(prefix.len());
        let (path, leaf) = descend(self.root()?, |inner| {
            slot_before(inner, |slot| {
                let bound = inner.bounds()[slot];
                bound < start
                    || bound == start && {
                        let first = first_element(inner, slot);
                        first[..head(first)] <= *prefix
                    }
            })
        });
        let found = find_in_leaf(leaf, path, |element| element[..head(element)] >= *prefix);
        found.element.is_some_and(|element| element.starts_with(prefix)).then_some(found)
    }

    /// How many elements are below `probe`.
    pub(crate) fn count_below(&self, probe: &[u8]) -> u64 {
        self.lower_bound(probe).map_or(0, |found| self.index_of(&found.place))
    }
}
