//! Changing trees.
//!
//! An edit goes down the path of a [`Place`], copies every node on it that somebody else has too,
//! edits the leaf, and on the way up splits nodes that have become too large and joins ones that
//! have become small. Nodes that this tree alone has, such as those of an earlier edit of the same
//! update, are changed where they are.

use std::ops::Range;
use std::sync::Arc;

use super::element::{Elements, Prefix};
use super::leaf::{Fill, join, pack};
use super::link::{inner_of, take_children};
use super::loan::count_links;
use super::node::{
    CHILDREN_MERGED_MAX, CHILDREN_MIN, Child, FANOUT, Inner, Node, inner_heap, leaf_heap,
    subtree_heap,
};
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

    /// What the edit makes of the bytes of a leaf, laid end to end.
    fn splice<'l>(&'l self, leaf: &'l [u8]) -> impl Iterator<Item = &'l [u8]> + Clone {
        let (left, right) = (&leaf[..self.cut.start], &leaf[self.cut.end..]);
        let parts = self.parts.iter().copied();
        std::iter::once(left).chain(parts).chain(std::iter::once(right))
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
            *heap = leaves.iter().map(|leaf| subtree_heap(&leaf.node)).sum();
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
        while let Some((children, child)) = only_child(root.as_ref()) {
            *heap -= inner_heap(children);
            let child = child.clone();
            *root = Some(child);
        }
    }

    /// Takes the elements from index `start` to `end`, which is left out, out of the tree.
    ///
    /// O(log n), and the time to free what nobody else has.
    pub(crate) fn remove_range(&mut self, start: u64, end: u64) {
        let end = end.min(self.len());
        if start >= end {
            return;
        }
        if end - start <= BORROWED_CUT_LEN_MAX {
            self.prepare();
        } else {
            self.repay();
        }
        let (_, root, heap) = self.parts_mut();
        let Some(child) = root.as_mut() else { return };
        let edited = cut(child, start, end, heap);
        self.settle_root(edited);
    }
}

/// The children of a root that has one alone, and that.
fn only_child<B>(root: Option<&Child<B>>) -> Option<(&Inner<B>, &Child<B>)> {
    let children = root?.node.as_inner()?;
    let [child] = &children[..] else { return None };
    Some((children, child))
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
        let group = inner_of(children.by_ref().take(each), indebted);
        *heap += inner_heap(&group);
        parents.push(Child::above(group));
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
            let leaf = join(self.edit.parts.iter().copied());
            return vec![Child::new(Node::leaf(leaf), len, bound)];
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
        let children = child.node.children_mut();
        let (slot, slots) = slots.split_first().expect("a path goes down to a leaf");
        let slot = usize::from(*slot);
        let within = Edges {
            first: edges.first && slot == 0,
            last: edges.last && slot + 1 == children.len(),
        };
        let below = &mut Arc::make_mut(children)[slot];
        let edited = self.edit(below, slots, within, heap);
        child.len = child.len - self.edit.removed + self.edit.inserted;
        match edited {
            Edited::Fits => Edited::Fits,
            Edited::Small => join_small(children, slot..slot + 1, heap),
            Edited::Gone => {
                if children.len() == 1 {
                    *heap -= inner_heap(children);
                    return Edited::Gone;
                }
                replace_children(children, heap, |all, _| drop(all.remove(slot)));
                join_small(children, slot.saturating_sub(1)..slot + 1, heap)
            }
            Edited::Split(new) => {
                let fill = if edges.last && new.len() + slot >= children.len() {
                    Fill::Full
                } else {
                    Fill::Even
                };
                if children.len() - 1 + new.len() <= FANOUT {
                    replace_children(children, heap, |all, _| drop(all.splice(slot..=slot, new)));
                    return Edited::Fits;
                }
                *heap -= inner_heap(children);
                let (mut all, indebted) = take_children(children);
                all.splice(slot..=slot, new);
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
        let Node::Leaf(leaf, _) = &*child.node else { unreachable!("the caller has looked") };
        let Edit { cut, removed, inserted, .. } = self.edit;
        let len = child.len - removed + inserted;
        let bytes = leaf.len() - cut.len() + self.edit.inserted_bytes();
        if len == 0 {
            *heap -= leaf_heap(leaf);
            return Edited::Gone;
        }
        if bytes > O::Bound::LEAF_BYTES_MAX && len > 1 {
            let new = self.split_leaf(child, edges);
            *heap -= subtree_heap(&child.node);
            *heap += new.iter().map(|child| subtree_heap(&child.node)).sum::<u64>();
            return Edited::Split(new);
        }
        let edited = join(self.edit.splice(leaf));
        *heap = *heap - leaf_heap(leaf) + leaf_heap(&edited);
        child.node.set(Node::leaf(edited));
        child.len = len;
        if bytes < O::Bound::LEAF_BYTES_MIN && *removed > 0 { Edited::Small } else { Edited::Fits }
    }

    /// The leaves that take the place of one that the edit makes too long.
    fn split_leaf(&self, child: &Child<O::Bound>, edges: Edges) -> Vec<Child<O::Bound>> {
        let Node::Leaf(leaf, _) = &*child.node else { unreachable!("the caller has looked") };
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
                let leaf = join(std::iter::once(&run[..]));
                vec![Child::new(Node::leaf(leaf), *inserted, bound)]
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
        let all: Vec<&[u8]> = self.edit.splice(leaf).collect();
        let all = all.concat();
        let fill = if *inserted > 1 && at_edge { Fill::Full } else { Fill::Even };
        let mut new = pack(self.order, &all, fill, child.bound);
        // A huge element is not copied because another one comes into its leaf.
        for leaf_now in &mut new {
            if leaf.len() > O::Bound::LEAF_BYTES_MAX
                && matches!(&*leaf_now.node, Node::Leaf(now, _) if now == leaf)
            {
                leaf_now.node = child.node.clone();
            }
        }
        new
    }
}

/// Changes which children a node has.
fn replace_children<B: Copy>(
    node: &mut Inner<B>,
    heap: &mut u64,
    change: impl FnOnce(&mut Vec<Child<B>>, &mut u64),
) {
    *heap -= inner_heap(node);
    let (mut children, indebted) = take_children(node);
    change(&mut children, heap);
    *node = inner_of(children.into_iter(), indebted);
    *heap += inner_heap(node);
}

/// Joins the children in `slots`, each with a neighbour, as far as they are small and fit, and
/// tells what that makes of their parent.
fn join_small<B: Bound>(children: &mut Inner<B>, slots: Range<usize>, heap: &mut u64) -> Edited<B> {
    let first = slots.start.saturating_sub(1);
    let last = slots.end.min(children.len() - 1);
    if (first..last).any(|slot| fit_together(&children[slot], &children[slot + 1])) {
        replace_children(children, heap, |all, heap| {
            for slot in (first..last).rev() {
                if fit_together(&all[slot], &all[slot + 1]) {
                    let right = all.remove(slot + 1);
                    join_nodes(&mut all[slot], right, heap);
                }
            }
        });
    }
    if children.len() < CHILDREN_MIN { Edited::Small } else { Edited::Fits }
}

/// Whether one of two neighbours is small, and both fit into one node with room to grow.
fn fit_together<B: Bound>(left: &Child<B>, right: &Child<B>) -> bool {
    let (left_size, right_size, small, together_max) = match (&*left.node, &*right.node) {
        (Node::Leaf(left, _), Node::Leaf(right, _)) => {
            (left.len(), right.len(), B::LEAF_BYTES_MIN, B::LEAF_BYTES_MERGED_MAX)
        }
        (Node::Inner(left, _), Node::Inner(right, _)) => {
            (left.len(), right.len(), CHILDREN_MIN, CHILDREN_MERGED_MAX)
        }
        (Node::Leaf(..), Node::Inner(..)) | (Node::Inner(..), Node::Leaf(..)) => return false,
    };
    (left_size < small || right_size < small) && left_size + right_size <= together_max
}

/// Puts the elements of `right` behind those of `left`.
fn join_nodes<B: Copy>(left: &mut Child<B>, mut right: Child<B>, heap: &mut u64) {
    left.len += right.len;
    if let (Node::Leaf(leaf, _), Node::Leaf(other, _)) = (&*left.node, &*right.node) {
        let joined = join([&leaf[..], &other[..]].into_iter());
        *heap = *heap - leaf_heap(leaf) - leaf_heap(other) + leaf_heap(&joined);
        left.node.set(Node::leaf(joined));
        return;
    }
    let (bound, sides) = (right.bound, [&mut left.node, &mut right.node]);
    let indebted = sides.map(|node| {
        *heap -= inner_heap(node.children_mut());
        node.has_borrowed()
    });
    if indebted[0] != indebted[1] {
        // What owes nothing may lead to nodes whose own debts are another's to settle (L4).
        count_links(&left.node);
        count_links(&right.node);
    }
    let (mut others, _) = take_children(right.node.children_mut());
    // What was a first child is told from its left neighbour now (T2).
    others[0].bound = bound;
    let node = left.node.children_mut();
    let (mut children, _) = take_children(node);
    children.append(&mut others);
    *node = inner_of(children.into_iter(), indebted == [true; 2]);
    *heap += inner_heap(node);
}

/// Takes the elements from `start` to `end` out of a child, which has that many.
fn cut<B: Bound>(child: &mut Child<B>, start: u64, end: u64, heap: &mut u64) -> Edited<B> {
    if start == 0 && end == child.len {
        *heap -= subtree_heap(&child.node);
        return Edited::Gone;
    }
    child.len -= end - start;
    if let Node::Leaf(leaf, _) = &*child.node {
        let mut elements = Elements::new(leaf);
        let mut skip = |count: u64| {
            for _ in 0..count {
                elements.next();
            }
            leaf.len() - elements.rest_len()
        };
        let first = skip(start);
        let behind = skip(end - start);
        let kept = join([&leaf[..first], &leaf[behind..]].into_iter());
        *heap = *heap - leaf_heap(leaf) + leaf_heap(&kept);
        let small = kept.len() < B::LEAF_BYTES_MIN;
        child.node.set(Node::leaf(kept));
        return if small { Edited::Small } else { Edited::Fits };
    }
    let children = child.node.children_mut();
    let mut gone = vec![false; children.len()];
    let mut first = None;
    let mut before = 0;
    for (slot, below) in Arc::make_mut(children).iter_mut().enumerate() {
        let len = below.len;
        let (from, to) = (start.max(before), end.min(before + len));
        if from < to {
            let edited = cut(below, from - before, to - before, heap);
            gone[slot] = matches!(edited, Edited::Gone);
            first.get_or_insert(slot);
        }
        before += len;
    }
    if gone.contains(&true) {
        replace_children(children, heap, |all, _| {
            let mut gone = gone.iter();
            all.retain(|_| gone.next() == Some(&false));
        });
    }
    // Where children are gone, the touched ones that are left are next to each other.
    let first = first.unwrap_or(0).min(children.len() - 1);
    join_small(children, first..(first + 2).min(children.len()), heap)
}
