//! Random edits beside a model, with the invariants checked after each.
//!
//! Leaves and nodes are tiny here, so that a few hundred elements make several levels.

mod loan;

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;

use super::element::Elements;
use super::link::is_indebted;
use super::node::{FANOUT, Node};
use super::order::{Bound, Hashed, Keyed, Order, Sequence, Sorted};
use super::{Builder, Tree, encode};

const LEAF_BYTES_MAX: usize = <u64 as Bound>::LEAF_BYTES_MAX;

/// The first byte of an element tells how long its key is.
#[derive(Clone, Copy, Debug)]
struct Pair;

impl Keyed for Pair {
    fn key(element: &[u8]) -> &[u8] {
        let len = usize::from(element[0]);
        &element[1..=len]
    }
}

/// Checks T1 to T5.
fn check<O: Order>(tree: &Tree<O>) {
    let Some(root) = tree.root() else {
        assert_eq!(tree.heap_bytes(), 0);
        return;
    };
    assert_eq!(tree.heap_bytes(), root.node.node().subtree_heap(), "T5");
    if let Some(inner) = root.node.as_inner() {
        assert!(inner.len() > 1, "a root has two children or more");
    }
    check_node(tree.order(), root.node.node(), root.len, (None, None));
}

/// Checks a node with `len` elements and, where there are any, bounds on either side.
fn check_node<O: Order>(
    order: &O,
    node: Node<'_, O::Bound>,
    len: u64,
    (low, high): (Option<O::Bound>, Option<O::Bound>),
) -> u32 {
    match node {
        Node::Leaf(leaf) => {
            let leaf = leaf.bytes();
            let elements: Vec<&[u8]> = Elements::new(leaf).collect();
            assert_eq!(elements.len() as u64, len, "T1");
            assert!(len > 0, "T1");
            let bounds: Vec<O::Bound> = elements.iter().map(|it| order.bound(it)).collect();
            for bound in &bounds {
                assert!(low.is_none_or(|low| low <= *bound), "T2");
                assert!(high.is_none_or(|high| *bound <= high), "T2");
                assert!(O::ORDERS_LEAVES || high.is_none_or(|high| *bound < high), "T3");
            }
            assert!(
                leaf.len() <= O::Bound::LEAF_BYTES_MAX
                    || elements.len() == 1
                    || !O::ORDERS_LEAVES && bounds.iter().all(|bound| *bound == bounds[0]),
                "T4"
            );
            0
        }
        Node::Inner(inner) => {
            assert!((1..=FANOUT).contains(&inner.len()));
            assert_eq!(inner.lens().iter().sum::<u64>(), len, "T1");
            let below = inner.nodes().filter_map(Node::as_inner);
            let has_borrowed = inner.lent() != 0 || below.into_iter().any(is_indebted);
            assert!(!has_borrowed || is_indebted(inner), "L3");
            let levels: BTreeSet<u32> = (0..inner.len())
                .map(|slot| {
                    let low = if slot == 0 { low } else { Some(inner.bounds()[slot]) };
                    let high = inner.bounds().get(slot + 1).map_or(high, |right| Some(*right));
                    check_node(order, inner.node(slot), inner.lens()[slot], (low, high))
                })
                .collect();
            assert_eq!(levels.len(), 1, "leaves are of one level");
            levels.first().unwrap() + 1
        }
    }
}

/// Runs `test` with several seeds; one that is given in the environment alone.
fn with_seeds(test: impl Fn(&mut Rng)) {
    let given = std::env::var("EXUVIA_TEST_SEED").ok().map(|seed| seed.parse().unwrap());
    let seeds = given.map_or_else(
        || {
            std::iter::repeat_with(|| fastrand::u64(..))
                .take(if cfg!(miri) { 1 } else { 12 })
                .collect()
        },
        |seed| vec![seed],
    );
    for seed in seeds {
        println!("EXUVIA_TEST_SEED={seed}");
        test(&mut Rng::with_seed(seed));
    }
}

/// Mostly short, sometimes longer than a leaf.
fn bytes(rng: &mut Rng) -> Vec<u8> {
    let len = match rng.u8(..) {
        0..=3 => rng.usize(LEAF_BYTES_MAX..LEAF_BYTES_MAX * 3),
        4..=40 => rng.usize(0..LEAF_BYTES_MAX / 2),
        _ => rng.usize(0..9),
    };
    std::iter::repeat_with(|| rng.u8(b'a'..=b'c')).take(len).collect()
}

/// Versions that were put aside, with what they held then.
struct Versions<O: Order>(Vec<(Tree<O>, Vec<Vec<u8>>)>);

impl<O: Order> Versions<O> {
    fn keep(&mut self, rng: &mut Rng, tree: &Tree<O>) {
        if rng.u8(..) < 12 {
            self.0.push((tree.clone(), tree.iter().map(<[u8]>::to_vec).collect()));
        }
        if self.0.len() > 6 {
            self.0.swap_remove(rng.usize(..self.0.len()));
        }
        for (old, elements) in &self.0 {
            assert!(old.iter().eq(elements), "an old version has changed");
        }
    }
}

#[test]
fn a_sequence_does_what_a_vector_does() {
    with_seeds(|rng| {
        let mut tree = Tree::new(Sequence);
        let mut model: Vec<Vec<u8>> = Vec::new();
        let mut versions = Versions(Vec::new());
        for _ in 0..1500 {
            let grows = model.len() < 30 || rng.bool();
            let index = match rng.u8(0..4) {
                0 => 0,
                1 => model.len(),
                _ => rng.usize(0..=model.len()),
            };
            let place = tree.find_index(index as u64).map(|found| found.place);
            match (rng.u8(0..10), grows) {
                (0, _) if index < model.len() => {
                    model[index] = bytes(rng);
                    tree.replace(&place.unwrap(), &[&model[index]]);
                }
                (1, true) => {
                    let (mut run, count) = (Vec::new(), rng.usize(0..40));
                    let new: Vec<_> = std::iter::repeat_with(|| bytes(rng)).take(count).collect();
                    for element in &new {
                        encode(element, &mut run);
                    }
                    tree.insert_run(place.as_ref(), &run, count as u64);
                    model.splice(index..index, new);
                }
                (1, false) => {
                    let end = rng.usize(index..=model.len());
                    let end = if rng.bool() { end } else { end.min(index + 5) };
                    tree.remove_range(index as u64, end as u64);
                    model.drain(index..end);
                }
                (_, true) => {
                    let element = bytes(rng);
                    let middle = rng.usize(0..=element.len());
                    tree.insert(place.as_ref(), &[&element[..middle], &element[middle..]]);
                    model.insert(index, element);
                }
                (_, false) if index < model.len() => {
                    tree.remove(&place.unwrap());
                    model.remove(index);
                }
                (_, false) => {}
            }
            check(&tree);
            assert!(tree.iter().eq(&model));
            assert!(tree.iter().rev().eq(model.iter().rev()));
            let index = rng.usize(0..=model.len());
            assert_eq!(tree.get(index as u64), model.get(index).map(Vec::as_slice));
            versions.keep(rng, &tree);
        }
    });
}

#[test]
fn both_ends_of_a_range_meet() {
    let mut tree = Tree::new(Sequence);
    let model: Vec<Vec<u8>> = (0..200_u32).map(|number| number.to_be_bytes().to_vec()).collect();
    for element in &model {
        let place = tree.find_index(tree.len()).map(|found| found.place);
        tree.insert(place.as_ref(), &[element]);
    }
    with_seeds(|rng| {
        let start = rng.usize(0..=200);
        let end = rng.usize(start..=200);
        let mut ours = tree.range(start as u64, end as u64);
        let mut theirs = model[start..end].iter().map(Vec::as_slice);
        loop {
            assert_eq!(ours.len(), theirs.len());
            let (left, right) = if rng.bool() {
                (ours.next(), theirs.next())
            } else {
                (ours.next_back(), theirs.next_back())
            };
            assert_eq!(left, right);
            if left.is_none() {
                break;
            }
        }
    });
}

#[test]
fn what_grows_at_an_end_has_full_leaves() {
    for at_front in [false, true] {
        let mut tree = Tree::new(Sequence);
        for _ in 0..1000 {
            let index = if at_front { 0 } else { tree.len() };
            let place = tree.find_index(index).map(|found| found.place);
            tree.insert(place.as_ref(), &[b"seven b"]);
        }
        check(&tree);
        let leaves_at_least = 1000 * 8 / LEAF_BYTES_MAX as u64;
        let bytes = tree.heap_bytes();
        assert!(bytes < 8000 + 120 * leaves_at_least, "{bytes} bytes for 8000");
    }
}

#[test]
fn a_sorted_tree_does_what_a_set_does() {
    with_seeds(|rng| {
        let mut tree = Tree::new(Sorted);
        let mut model: BTreeSet<Vec<u8>> = BTreeSet::new();
        let mut versions = Versions(Vec::new());
        // Many elements begin with the same sixteen bytes, which is all that bounds tell.
        let element =
            |rng: &mut Rng| [&b"0123456789abcdef"[..rng.usize(0..=16)], &bytes(rng)].concat();
        for _ in 0..1500 {
            let probe = element(rng);
            let found = tree.lower_bound(&probe);
            let is_there = found.as_ref().is_some_and(|found| found.element == Some(&probe));
            assert_eq!(is_there, model.contains(&probe));
            let below = model.range(..probe.clone()).count() as u64;
            assert_eq!(tree.count_below(&probe), below);
            let place = found.map(|found| found.place);
            if rng.u8(0..20) == 0 && !model.is_empty() {
                let start = rng.usize(0..model.len());
                let end = rng.usize(start..=model.len().min(start + 20));
                tree.remove_range(start as u64, end as u64);
                let gone: Vec<_> = model.iter().skip(start).take(end - start).cloned().collect();
                for element in &gone {
                    assert!(model.remove(element));
                }
            } else if is_there {
                tree.remove(&place.unwrap());
                model.remove(&probe);
            } else if model.len() < 40 || rng.bool() {
                tree.insert(place.as_ref(), &[&probe]);
                model.insert(probe);
            } else if let Some(victim) = model.iter().nth(rng.usize(0..model.len())).cloned() {
                let place = tree.lower_bound(&victim).unwrap().place;
                tree.remove(&place);
                model.remove(&victim);
            }
            check(&tree);
            assert!(tree.iter().eq(&model));
            versions.keep(rng, &tree);
        }
    });
}

fn pair(key: &[u8], value: &[u8]) -> Vec<u8> {
    [&[key.len() as u8][..], key, value].concat()
}

#[test]
fn a_hashed_tree_does_what_a_map_does() {
    with_seeds(|rng| {
        let mut tree = Tree::new(Hashed::<Pair>::new(rng.u64(..)));
        let mut model: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
        let mut versions = Versions(Vec::new());
        for _ in 0..1500 {
            let key = rng.u16(..rng.clone().u16(1..400)).to_string().into_bytes();
            let found = tree.find_key(&key);
            let element = found.as_ref().and_then(|found| found.element);
            let expected = model.get(&key).map(|value| pair(&key, value));
            assert_eq!(element, expected.as_deref());
            let place = found.map(|found| found.place);
            let value = bytes(rng);
            if expected.is_none() {
                tree.insert(place.as_ref(), &[&pair(&key, &value)]);
                model.insert(key, value);
            } else if rng.bool() {
                tree.replace(&place.unwrap(), &[&pair(&key, &value)]);
                model.insert(key, value);
            } else {
                tree.remove(&place.unwrap());
                model.remove(&key);
            }
            check(&tree);
            let ours: BTreeSet<_> = tree.iter().map(<[u8]>::to_vec).collect();
            let theirs: BTreeSet<_> = model.iter().map(|(key, value)| pair(key, value)).collect();
            assert_eq!(tree.len(), ours.len() as u64);
            assert_eq!(ours, theirs);
            versions.keep(rng, &tree);
        }
    });
}

#[test]
fn a_scan_gives_what_stays_exactly_once() {
    with_seeds(|rng| {
        let mut tree = Tree::new(Hashed::<Pair>::new(rng.u64(..)));
        let put = |tree: &mut Tree<_>, number: u32| {
            let key = number.to_be_bytes();
            let found = tree.find_key(&key);
            let is_new = found.as_ref().is_none_or(|found| found.element.is_none());
            let place = found.map(|found| found.place);
            if is_new {
                tree.insert(place.as_ref(), &[&pair(&key, b"value")]);
            }
        };
        (0..300).for_each(|number| put(&mut tree, number));
        let (mut cursor, mut seen) = (0, Vec::new());
        loop {
            let before = seen.len();
            cursor = tree.scan(cursor, &mut |element| {
                seen.push(u32::from_be_bytes(Pair::key(element).try_into().unwrap()));
            });
            assert!(seen.len() > before || cursor != 0 || tree.is_empty() || before > 0);
            if cursor == 0 {
                break;
            }
            for _ in 0..10 {
                // The first hundred stay; others come and go, and with them leaves.
                let number = rng.u32(100..3000);
                if rng.bool() {
                    put(&mut tree, number);
                } else if let Some(found) = tree.find_key(&number.to_be_bytes()) {
                    let place = found.place.clone();
                    tree.remove(&place);
                }
            }
        }
        for number in 0..100 {
            assert_eq!(seen.iter().filter(|seen| **seen == number).count(), 1, "{number}");
        }
    });
}

#[test]
fn elements_of_one_hash_stay_in_one_leaf() {
    /// A key that nobody can tell from another.
    #[derive(Clone, Copy, Debug)]
    struct Blind;
    impl Keyed for Blind {
        fn key(_: &[u8]) -> &[u8] {
            b""
        }
        fn has_key(element: &[u8], key: &[u8]) -> bool {
            element == key
        }
    }
    let mut tree = Tree::new(Hashed::<Blind>::new(1));
    for number in 0..200_u32 {
        let place = tree.find_key(&number.to_be_bytes()).map(|found| found.place);
        tree.insert(place.as_ref(), &[&number.to_be_bytes()]);
        check(&tree);
    }
    for number in 0..200_u32 {
        let found = tree.find_key(&number.to_be_bytes()).unwrap();
        assert!(found.element.is_some());
        let place = found.place;
        tree.remove(&place);
        check(&tree);
    }
    assert!(tree.is_empty());
}

/// The addresses and sizes of all nodes of a tree.
fn nodes<O: Order>(tree: &Tree<O>) -> BTreeMap<usize, u64> {
    fn visit<B>(node: Node<'_, B>, into: &mut BTreeMap<usize, u64>) {
        into.insert(node.address(), node.heap_bytes());
        if let Some(inner) = node.as_inner() {
            inner.nodes().for_each(|node| visit(node, into));
        }
    }
    let mut found = BTreeMap::new();
    if let Some(root) = tree.root() {
        visit(root.node.node(), &mut found);
    }
    found
}

#[test]
fn the_bytes_that_a_version_does_not_share_are_those_of_its_own_nodes() {
    with_seeds(|rng| {
        let mut tree = Tree::new(Sequence);
        for _ in 0..300 {
            let old = tree.clone();
            for _ in 0..rng.u32(0..4) {
                let index = rng.u64(0..=tree.len());
                let what = rng.u8(0..9);
                if what == 0 {
                    tree.remove_range(index, index + rng.u64(0..200));
                } else if what == 1 {
                    let mut run = Vec::new();
                    (0..60_u32).for_each(|number| encode(&number.to_be_bytes(), &mut run));
                    let place = tree.find_index(index).map(|found| found.place);
                    tree.insert_run(place.as_ref(), &run, 60);
                } else {
                    let place = tree.find_index(index).map(|found| found.place);
                    tree.insert(place.as_ref(), &[&bytes(rng)]);
                }
            }
            let shared = nodes(&tree);
            let own = nodes(&old).into_iter().filter(|(address, _)| !shared.contains_key(address));
            assert_eq!(old.bytes_not_in(&tree, None), own.map(|(_, bytes)| bytes).sum::<u64>());
        }
    });
}

#[test]
fn a_built_tree_is_a_tree() {
    with_seeds(|rng| {
        let count = rng.u32(0..3000);
        let mut elements: Vec<_> = (0..count).map(|number| number.to_be_bytes().to_vec()).collect();
        let mut builder = Builder::new(Sorted);
        for element in &elements {
            let middle = rng.usize(0..=4);
            assert!(builder.push(&[&element[..middle], &element[middle..]]));
        }
        let mut tree = builder.finish();
        check(&tree);
        assert!(tree.iter().eq(&elements));
        // And can be edited like any other.
        while elements.len() > 3 {
            let index = rng.usize(0..elements.len());
            let end = (index + elements.len() / 7 + 1).min(elements.len());
            tree.remove_range(index as u64, end as u64);
            elements.drain(index..end);
            check(&tree);
        }
        assert!(tree.iter().eq(&elements));
    });
}

#[test]
fn a_builder_refuses_what_is_out_of_order() {
    let mut builder = Builder::new(Sorted);
    assert!(builder.push(&[b"b"]));
    assert!(!builder.push(&[b"a"]));
    assert!(builder.push(&[b"b"]), "bounds do not tell equal elements apart");
    let tree = builder.finish();
    assert!(tree.iter().eq([b"b", b"b"]));
}

#[test]
fn a_large_tree_is_freed_in_the_background() {
    let mut builder = Builder::new(Sequence);
    let count = 20_000_u64;
    for _ in 0..count {
        builder.push(&[b"an element of some length"]);
    }
    let tree = builder.finish();
    let copy = tree.clone();
    drop(tree);
    assert_eq!(copy.iter().count() as u64, count, "another version keeps everything");
    drop(copy);
    super::free_buried();
}

fn leaves<B>(node: Node<'_, B>) -> usize {
    node.as_inner().map_or(1, |inner| inner.nodes().map(leaves).sum())
}

#[test]
fn runs_that_are_appended_leave_no_leaf_behind_that_is_nearly_empty() {
    let mut run = Vec::new();
    for _ in 0..10 {
        encode(&[7; 11], &mut run);
    }
    let mut tree = Tree::new(Sequence);
    for _ in 0..20 {
        let place = tree.find_index(tree.len()).map(|found| found.place);
        tree.insert_run(place.as_ref(), &run, 10);
        check(&tree);
    }
    // A leaf has room for eight of them, and keeps six at least.
    let leaves = tree.root().map_or(0, |root| leaves(root.node.node()));
    assert!(leaves * 6 <= 200, "{leaves} leaves");
}

#[test]
fn versions_of_a_large_tree_are_told_apart_by_their_paths() {
    let mut builder = Builder::new(Sequence);
    for number in 0..if cfg!(miri) { 1000 } else { 100_000_u32 } {
        assert!(builder.push(&[number.to_string().as_bytes()]));
    }
    let before = builder.finish();
    let mut after = before.clone();
    let place = after.find_index(after.len() / 2).map(|found| found.place);
    after.insert(place.as_ref(), &[b"more"]);
    let bytes = before.bytes_not_in(&after, None);
    assert!((1..10_000).contains(&bytes), "{bytes} bytes differ");
}
