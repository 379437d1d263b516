//! Changing trees.
//!
//! An edit goes down the path of a [`Place`], copies every node on it that somebody else has too,
//! edits the leaf, and on the way up splits nodes that have become too large and joins ones that
//! have become small. Nodes that this tree alone has, such as those of an earlier edit of the same
//! update, are changed where they are.

use std::ops::Range;

use super::age::Age;
use super::element::{Elements, Prefix};
use super::leaf::{Fill, pack, spliced};
use super::link::{Child, Link};
use super::loan::count_links;
use super::node::{CHILDREN_MERGED_MAX, CHILDREN_MIN, FANOUT, Inner, Node};
use super::order::{Bound, Order};
use super::root::Tree;
use super::search::Place;

/// Elements that are taken out at most while the tree has borrowed. Of more, what is kept is counted
/// sooner than looked for among what is gone.
const BORROWED_CUT_LEN_MAX: u64 = 256;

/// Parts of an element at most.
const PARTS_MAX: usize = 4;

/// What an edit does to one leaf.
#[derive(Debug)]
struct Edit<'a> {
    /// Bytes of the leaf that go, and how many elements those are.
    cut: Range<usize>,
    removed: u64,
    /// Elements with their lengths, laid end to end, that come in their place.
    parts: &'a [&'a [u8]],
    inserted: u64,
}

impl Edit<'_> {
    fn inserted_bytes(&self) -> usize {
        self.parts.iter().map(|part| part.len()).sum()
    }
}

/// What an edit made of a child.
#[derive(Debug)]
enum Edited<B> {
    /// It is as it should be.
    Fits,
    /// It is small enough to be joined with a neighbour.
    Small,
    /// It is empty, and no longer a node.
    Gone,
    /// It was too large: these take its place.
    Split(Vec<Child<B>>),
}

/// Whether a node is at the outer edges of the whole tree.
#[derive(Clone, Copy, Debug)]
struct Edges {
    first: bool,
    last: bool,
}

impl<O: Order> Tree<O> {
    /// Puts an element, made of `parts` laid end to end, where `place` is: before the element
    /// there, or at the end of the leaf.
    pub(crate) fn insert(&mut self, place: Option<&Place>, parts: &[&[u8]]) {
        let at = place.map_or(0, |place| place.bytes.start);
        self.put(place, at..at, parts);
    }

    /// Puts an element in the place of the one that is there.
    pub(crate) fn replace(&mut self, place: &Place, parts: &[&[u8]]) {
        self.put(Some(place), place.bytes.clone(), parts);
    }

    /// Takes the element at `place` out.
    pub(crate) fn remove(&mut self, place: &Place) {
        let removed = u64::from(!place.bytes.is_empty());
        let edit = Edit { cut: place.bytes.clone(), removed, parts: &[], inserted: 0 };
        self.edit(Some(place), &edit);
    }

    /// Puts elements that are [encoded](encode) already at `place`, in one edit.
    pub(crate) fn insert_run(&mut self, place: Option<&Place>, run: &[u8], len: u64) {
        if len > 0 {
            let at = place.map_or(0, |place| place.bytes.start);
            self.edit(place, &Edit { cut: at..at, removed: 0, parts: &[run], inserted: len });
        }
    }

    fn put(&mut self, place: Option<&Place>, cut: Range<usize>, parts: &[&[u8]]) {
        assert!(parts.len() < PARTS_MAX, "an element has few parts");
        let prefix = Prefix::new(parts.iter().map(|part| part.len()).sum());
        let mut all: [&[u8]; PARTS_MAX] = [&[]; PARTS_MAX];
        all[0] = prefix.as_slice();
        all[1..=parts.len()].copy_from_slice(parts);
        let removed = u64::from(!cut.is_empty());
        self.edit(place, &Edit { cut, removed, parts: &all[..=parts.len()], inserted: 1 });
    }

    fn edit(&mut self, place: Option<&Place>, edit: &Edit<'_>) {
        self.prepare();
        let (order, root, heap) = self.parts_mut();
        let editor = Editor { order, edit };
        let edges = Edges { first: true, last: true };
        let edited = if let (Some(child), Some(place)) = (root.as_mut(), place) {
            editor.edit(child, place.path.slots(), edges, heap)
        } else {
            let leaves = editor.first_leaves();
            *heap = leaves.iter().map(|leaf| leaf.node.heap_bytes()).sum();
            Edited::Split(leaves)
        };
        self.settle_root(edited);
    }

    /// Makes the tree as high as it has to be.
    fn settle_root(&mut self, edited: Edited<O::Bound>) {
        let (_, root, heap) = self.parts_mut();
        let grows = matches!(edited, Edited::Split(_));
        match edited {
            Edited::Fits | Edited::Small => {}
            Edited::Gone => *root = None,
            Edited::Split(mut children) => {
                let indebted = children.iter().any(|child| child.node.has_borrowed());
                while children.len() > 1 {
                    children = parents(children, Fill::Full, indebted, heap);
                }
                *root = children.pop();
            }
        }
        if grows || only_child(root.as_ref()).is_some() {
            // Only a tree as high as the one that it has borrowed from can be handed something.
            self.repay();
        }
        let (_, root, heap) = self.parts_mut();
        while let Some(inner) = only_child(root.as_ref()) {
            *heap -= inner.heap_bytes();
            let child = root.as_mut().and_then(|root| root.node.take_children().0.pop());
            *root = child;
        }
    }

    /// Takes the elements from index `start` to `end`, which is left out, out of the tree.
    ///
    /// O(log n), and a look at each node of what is taken out or of what is left, whichever is less,
    /// to know how much memory it takes; and the time to free what nobody else has.
    pub(crate) fn remove_range(&mut self, start: u64, end: u64) {
        let end = end.min(self.len());
        if start >= end {
            return;
        }
        let goes = end - start;
        if goes <= BORROWED_CUT_LEN_MAX {
            self.prepare();
        } else {
            self.repay();
        }
        let most_goes = goes > self.len() / 2;
        let (_, root, heap) = self.parts_mut();
        let Some(child) = root.as_mut() else { return };
        // Where most goes, what is left is added up at the end, and the sum means nothing until then.
        let weigh: fn(Node<'_, _>) -> u64 =
            if most_goes { |_| 0 } else { |node| node.subtree_heap() };
        let edited = cut(child, start..end, heap, weigh);
        self.settle_root(edited);
        if most_goes {
            let (_, root, heap) = self.parts_mut();
            *heap = root.as_ref().map_or(0, |root| root.node.node().subtree_heap());
        }
    }
}

/// A root that has one child alone.
fn only_child<B>(root: Option<&Child<B>>) -> Option<Inner<'_, B>> {
    root?.node.as_inner().filter(|inner| inner.len() == 1)
}

/// Appends an element to a run for [`Tree::insert_run`].
pub(crate) fn encode(element: &[u8], run: &mut Vec<u8>) {
    run.extend_from_slice(Prefix::new(element.len()).as_slice());
    run.extend_from_slice(element);
}

/// Puts as few inner nodes as possible above `children`, some of which may have borrowed.
fn parents<B: Copy>(
    children: Vec<Child<B>>,
    fill: Fill,
    indebted: bool,
    heap: &mut u64,
) -> Vec<Child<B>> {
    let nodes = children.len().div_ceil(FANOUT);
    let each = match fill {
        Fill::Full => FANOUT,
        Fill::Even => children.len().div_ceil(nodes),
    };
    let mut parents = Vec::with_capacity(nodes);
    let mut children = children.into_iter();
    while children.len() > 0 {
        let parent = Child::above(children.by_ref().take(each).collect(), indebted);
        *heap += parent.node.heap_bytes();
        parents.push(parent);
    }
    parents
}

/// One edit on its way.
#[derive(Clone, Copy, Debug)]
struct Editor<'a, O> {
    order: &'a O,
    edit: &'a Edit<'a>,
}

impl<O: Order> Editor<'_, O> {
    /// The leaves of a tree that was empty.
    fn first_leaves(&self) -> Vec<Child<O::Bound>> {
        let bound = O::Bound::default();
        let len = self.edit.inserted;
        if self.edit.inserted_bytes() <= O::Bound::LEAF_BYTES_MAX || len == 1 {
            let leaf = Link::leaf(self.edit.parts.iter().copied());
            return vec![Child::new(leaf, len, bound)];
        }
        let run = self.edit.parts.concat();
        pack(self.order, &run, Fill::Full, bound)
    }

    fn edit(
        &self,
        child: &mut Child<O::Bound>,
        slots: &[u8],
        edges: Edges,
        heap: &mut u64,
    ) -> Edited<O::Bound> {
        if child.node.as_inner().is_none() {
            return self.edit_leaf(child, edges, heap);
        }
        let mut inner = child.node.inner_mut();
        let children = inner.view().len();
        let (slot, slots) = slots.split_first().expect("a path goes down to a leaf");
        let slot = usize::from(*slot);
        let within =
            Edges { first: edges.first && slot == 0, last: edges.last && slot + 1 == children };
        let edited = inner.with_child(slot, |below| self.edit(below, slots, within, heap));
        child.len = child.len - self.edit.removed + self.edit.inserted;
        match edited {
            Edited::Fits => Edited::Fits,
            Edited::Small => join_small(&mut child.node, slot..slot + 1, heap),
            Edited::Gone => {
                if children == 1 {
                    *heap -= child.node.heap_bytes();
                    return Edited::Gone;
                }
                replace_children(&mut child.node, heap, |all, _| drop(all.remove(slot)));
                join_small(&mut child.node, slot.saturating_sub(1)..slot + 1, heap)
            }
            Edited::Split(new) => {
                let is_at_end = edges.last && new.len() + slot >= children;
                let fill = if is_at_end { Fill::Full } else { Fill::Even };
                let fits = children - 1 + new.len() <= FANOUT;
                let replace = |all: &mut Vec<_>| drop(all.splice(slot..=slot, new));
                if fits {
                    replace_children(&mut child.node, heap, |all, _| replace(all));
                    return Edited::Fits;
                }
                *heap -= child.node.heap_bytes();
                let (mut all, indebted) = child.node.take_children();
                replace(&mut all);
                let mut split = parents(all, fill, indebted, heap);
                split[0].bound = child.bound;
                Edited::Split(split)
            }
        }
    }

    fn edit_leaf(
        &self,
        child: &mut Child<O::Bound>,
        edges: Edges,
        heap: &mut u64,
    ) -> Edited<O::Bound> {
        let Node::Leaf(leaf) = child.node.node() else { unreachable!("the caller has looked") };
        let leaf = leaf.bytes();
        let Edit { cut, removed, inserted, .. } = self.edit;
        let len = child.len - removed + inserted;
        let bytes = leaf.len() - cut.len() + self.edit.inserted_bytes();
        if len == 0 {
            *heap -= child.node.heap_bytes();
            return Edited::Gone;
        }
        if bytes > O::Bound::LEAF_BYTES_MAX && len > 1 {
            let new = self.split_leaf(child, edges);
            *heap -= child.node.heap_bytes();
            *heap += new.iter().map(|child| child.node.heap_bytes()).sum::<u64>();
            return Edited::Split(new);
        }
        *heap -= child.node.heap_bytes();
        child.node.splice(cut.clone(), self.edit.parts);
        *heap += child.node.heap_bytes();
        child.len = len;
        if bytes < O::Bound::LEAF_BYTES_MIN && *removed > 0 { Edited::Small } else { Edited::Fits }
    }

    /// The leaves that take the place of one that the edit makes too long.
    fn split_leaf(&self, child: &Child<O::Bound>, edges: Edges) -> Vec<Child<O::Bound>> {
        let Node::Leaf(leaf) = child.node.node() else { unreachable!("the caller has looked") };
        let leaf = leaf.bytes();
        let Edit { cut, parts, inserted, .. } = self.edit;
        let behind = cut.start == leaf.len();
        let before = cut.end == 0;
        let at_edge = behind && edges.last || before && edges.first;
        // What grows at its ends leaves full leaves behind, and nobody copies a huge element to
        // put another one beside it. A run that is appended fills the last leaf up first.
        let fills_up = behind && *inserted > 1 && leaf.len() < O::Bound::LEAF_BYTES_MAX / 4 * 3;
        let keeps_leaf =
            (at_edge && !fills_up || leaf.len() > O::Bound::LEAF_BYTES_MAX) && (behind || before);
        if O::ORDERS_LEAVES && keeps_leaf {
            let run = parts.concat();
            let bound = self.order.bound(Elements::new(&run).next().unwrap_or_default());
            let mut new = if run.len() <= O::Bound::LEAF_BYTES_MAX || *inserted == 1 {
                vec![Child::new(Link::leaf(std::iter::once(&run[..])), *inserted, bound)]
            } else {
                pack(self.order, &run, Fill::Full, bound)
            };
            let mut old = child.clone();
            if behind {
                new.insert(0, old);
            } else {
                old.bound = self.order.bound(Elements::new(leaf).next().unwrap_or_default());
                new[0].bound = child.bound;
                new.push(old);
            }
            return new;
        }
        let all: Vec<&[u8]> = spliced(leaf, cut, parts).collect();
        let all = all.concat();
        let fill = if *inserted > 1 && at_edge { Fill::Full } else { Fill::Even };
        let mut new = pack(self.order, &all, fill, child.bound);
        // A huge element is not copied because another one comes into its leaf.
        for leaf_now in &mut new {
            if leaf.len() > O::Bound::LEAF_BYTES_MAX
                && matches!(leaf_now.node.node(), Node::Leaf(now) if now.bytes() == leaf)
            {
                leaf_now.node = child.node.clone();
            }
        }
        new
    }
}

/// Puts a leaf in the place of another.
#[inline]
fn replace_leaf<B>(node: &mut Link<B>, leaf: Link<B>, heap: &mut u64) {
    *heap = *heap - node.heap_bytes() + leaf.heap_bytes();
    *node = leaf;
}

/// Changes which children a node has.
fn replace_children<B: Copy>(
    node: &mut Link<B>,
    heap: &mut u64,
    change: impl FnOnce(&mut Vec<Child<B>>, &mut u64),
) {
    *heap -= node.heap_bytes();
    let (mut children, indebted) = node.take_children();
    change(&mut children, heap);
    *node = Link::above(children.into_iter(), indebted, Age::now());
    *heap += node.heap_bytes();
}

/// Joins the children in `slots`, each with a neighbour, as far as they are small and fit, and
/// tells what that makes of their parent.
fn join_small<B: Bound>(node: &mut Link<B>, slots: Range<usize>, heap: &mut u64) -> Edited<B> {
    let Some(inner) = node.as_inner() else { unreachable!("an inner node") };
    let first = slots.start.saturating_sub(1);
    let last = slots.end.min(inner.len() - 1);
    if (first..last).any(|slot| fit_together::<B>(inner.node(slot), inner.node(slot + 1))) {
        replace_children(node, heap, |all, heap| {
            for slot in (first..last).rev() {
                if fit_together::<B>(all[slot].node.node(), all[slot + 1].node.node()) {
                    let right = all.remove(slot + 1);
                    join_nodes(&mut all[slot], right, heap);
                }
            }
        });
    }
    let children = node.as_inner().map_or(0, Inner::len);
    if children < CHILDREN_MIN { Edited::Small } else { Edited::Fits }
}

/// Whether one of two neighbours is small, and both fit into one node with room to grow.
fn fit_together<B: Bound>(left: Node<'_, B>, right: Node<'_, B>) -> bool {
    let (left_size, right_size, small, together_max) = match (left, right) {
        (Node::Leaf(left), Node::Leaf(right)) => {
            let (left, right) = (left.bytes().len(), right.bytes().len());
            (left, right, B::LEAF_BYTES_MIN, B::LEAF_BYTES_MERGED_MAX)
        }
        (Node::Inner(left), Node::Inner(right)) => {
            (left.len(), right.len(), CHILDREN_MIN, CHILDREN_MERGED_MAX)
        }
        (Node::Leaf(_), Node::Inner(_)) | (Node::Inner(_), Node::Leaf(_)) => return false,
    };
    (left_size < small || right_size < small) && left_size + right_size <= together_max
}

/// Puts the elements of `right` behind those of `left`.
fn join_nodes<B: Copy>(left: &mut Child<B>, mut right: Child<B>, heap: &mut u64) {
    left.len += right.len;
    *heap -= right.node.heap_bytes();
    if let (Node::Leaf(leaf), Node::Leaf(other)) = (left.node.node(), right.node.node()) {
        let joined = Link::leaf([leaf.bytes(), other.bytes()].into_iter());
        return replace_leaf(&mut left.node, joined, heap);
    }
    let indebted = [&mut left.node, &mut right.node].map(|node| {
        node.inner_mut();
        node.has_borrowed()
    });
    if indebted[0] != indebted[1] {
        // What owes nothing may lead to nodes whose own debts are another's to settle (L4).
        count_links(&left.node);
        count_links(&right.node);
    }
    let (mut others, _) = right.node.take_children();
    // What was a first child is told from its left neighbour now (T2).
    others[0].bound = right.bound;
    *heap -= left.node.heap_bytes();
    let (mut children, _) = left.node.take_children();
    children.append(&mut others);
    left.node = Link::above(children.into_iter(), indebted == [true; 2], Age::now());
    *heap += left.node.heap_bytes();
}

/// Takes elements out of a child, which has that many. Nodes that go altogether are subtracted from
/// `heap` by what they `weigh`.
fn cut<B: Bound>(
    child: &mut Child<B>,
    Range { start, end }: Range<u64>,
    heap: &mut u64,
    weigh: fn(Node<'_, B>) -> u64,
) -> Edited<B> {
    if start == 0 && end == child.len {
        *heap -= weigh(child.node.node());
        return Edited::Gone;
    }
    child.len -= end - start;
    if let Node::Leaf(leaf) = child.node.node() {
        let leaf = leaf.bytes();
        let mut elements = Elements::new(leaf);
        let mut skip = |count: u64| {
            for _ in 0..count {
                elements.next();
            }
            leaf.len() - elements.rest_len()
        };
        let first = skip(start);
        let behind = skip(end - start);
        let small = leaf.len() - (behind - first) < B::LEAF_BYTES_MIN;
        let kept = Link::leaf([&leaf[..first], &leaf[behind..]].into_iter());
        replace_leaf(&mut child.node, kept, heap);
        return if small { Edited::Small } else { Edited::Fits };
    }
    let mut inner = child.node.inner_mut();
    let children = inner.view().len();
    let mut gone = 0_u32;
    let mut first = None;
    let mut before = 0;
    for slot in 0..children {
        let len = inner.view().lens()[slot];
        let (from, to) = (start.max(before), end.min(before + len));
        if from < to {
            let within = from - before..to - before;
            let edited = inner.with_child(slot, |below| cut(below, within, heap, weigh));
            gone |= u32::from(matches!(edited, Edited::Gone)) << slot;
            first.get_or_insert(slot);
        }
        before += len;
    }
    let left = children - gone.count_ones() as usize;
    if gone != 0 {
        replace_children(&mut child.node, heap, |all, _| {
            let mut slots = 0..;
            all.retain(|_| slots.next().is_some_and(|slot: u32| gone >> slot & 1 == 0));
        });
    }
    // Where children are gone, the touched ones that are left are next to each other.
    let first = first.unwrap_or(0).min(left - 1);
    join_small(&mut child.node, first..(first + 2).min(left), heap)
}
