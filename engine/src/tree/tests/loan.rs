//! Versions that take each other's place, as those of an entry do, with clones here and there.

use std::thread;

use fastrand::Rng;

use super::super::link::{Link, has_one_owner, is_indebted};
use super::super::node::{Inner, Node};
use super::super::{Replaced, Sequence, Sharing, Tree};
use super::{bytes, check, with_seeds};

type Model = Vec<Vec<u8>>;
type Version = (Tree<Sequence>, Model);

fn is_as(version: &Version) -> bool {
    version.0.iter().eq(&version.1)
}

/// Puts elements in the place of others, in, or out.
fn change(rng: &mut Rng, (tree, model): &mut Version) {
    let index = rng.usize(0..=model.len());
    let place = tree.find_index(index as u64).map(|found| found.place);
    let most_stay = rng.bool();
    match rng.u8(0..if most_stay { 32 } else { 10 }) {
        0 => {
            let end = model.len().min(index + rng.usize(0..20));
            tree.remove_range(index as u64, end as u64);
            model.drain(index..end);
        }
        1..=6 => {
            model.insert(index, bytes(rng));
            tree.insert(place.as_ref(), &[&model[index]]);
        }
        7..=9 if index < model.len() => {
            model.remove(index);
            tree.remove(&place.unwrap());
        }
        _ if index < model.len() => {
            let same_len = model[index].len();
            model[index] = std::iter::repeat_with(|| rng.u8(b'd'..b'g')).take(same_len).collect();
            tree.replace(&place.unwrap(), &[&model[index]]);
        }
        _ => {}
    }
}

/// Whether every link counts its node, and nobody else does.
fn owns_all<B>(link: &Link<B>) -> bool {
    fn below<B>(inner: Inner<'_, B>) -> bool {
        let owns =
            |slot| has_one_owner(inner, slot) && inner.node(slot).as_inner().is_none_or(below);
        inner.lent() == 0 && !is_indebted(inner) && (0..inner.len()).all(owns)
    }
    !link.is_lent() && link.has_owners(1) && link.as_inner().is_none_or(below)
}

/// Whether no link has borrowed its node.
fn owes_nothing<B>(link: &Link<B>) -> bool {
    fn below<B>(inner: Inner<'_, B>) -> bool {
        let nothing = !is_indebted(inner) && inner.lent() == 0;
        nothing && inner.nodes().filter_map(Node::as_inner).all(below)
    }
    !link.is_lent() && link.as_inner().is_none_or(below)
}

#[expect(unsafe_code, reason = "nobody reads a version that lags behind those that are freed")]
fn settle(version: &Tree<Sequence>, lender: Option<&Tree<Sequence>>) {
    // SAFETY: the lender is kept with the retired, and all of those go before one of them is looked
    // at again.
    let replaced = lender.map(|lender| unsafe { Replaced::new(lender) });
    version.settle(replaced.unwrap_or_else(Replaced::unknown));
    assert!(version.root().is_none_or(|root| owes_nothing(&root.node)));
}

/// What an entry held, what it held before and readers may still look at, and clones.
#[derive(Default)]
struct Entry {
    current: Version,
    retired: Vec<Version>,
    clones: Vec<Version>,
}

impl Entry {
    fn clone_one(&mut self, version: &Version) {
        self.clones.push((version.0.clone(), version.1.clone()));
    }

    /// One update, as of the engine; now and then one that comes to nothing.
    fn update(&mut self, rng: &mut Rng) {
        let Some(copy) = self.current.0.share(Sharing::Lent) else { unreachable!("it is current") };
        let mut draft = (copy, self.current.1.clone());
        let changes = if rng.u8(0..16) == 0 { 60 } else { 4 };
        for _ in 0..rng.usize(1..changes) {
            if rng.u8(0..20) == 0 {
                self.clone_one(&draft);
            }
            change(rng, &mut draft);
            check(&draft.0);
        }
        assert!(is_as(&draft));
        match rng.u8(0..12) {
            0 => return,
            // Somebody takes it away, and goes on with it.
            1 => return self.clones.push(draft),
            2 => {
                let current = std::mem::take(&mut self.current);
                self.clone_one(&current);
                self.current = current;
            }
            _ => {}
        }
        draft.0.seal();
        let lender = std::mem::replace(&mut self.current, draft);
        if rng.u8(0..20) == 0 {
            // Somebody reads what is published before it is settled.
            self.clones.push((self.current.0.clone(), self.current.1.clone()));
        }
        // Now and then a cut is opened meanwhile.
        settle(&self.current.0, Some(&lender.0).filter(|_| rng.u8(0..12) > 0));
        self.retired.push(lender);
    }

    /// Lets go of what is retired, in any order.
    fn reclaim(&mut self, rng: &mut Rng) {
        assert!(self.retired.iter().all(is_as), "a reader sees another version");
        if rng.u8(0..8) == 0 {
            self.retired.iter().for_each(|(tree, model)| assert!(tree.clone().iter().eq(model)));
        }
        rng.shuffle(&mut self.retired);
        self.retired.clear();
        assert!(is_as(&self.current));
    }
}

#[test]
fn versions_that_hand_over_and_clones_of_them_stay_as_they_were() {
    with_seeds(|rng| {
        let mut entry = Entry::default();
        for _ in 0..60 {
            let element = bytes(rng);
            let place = entry.current.0.find_index(0).map(|found| found.place);
            entry.current.0.insert(place.as_ref(), &[&element]);
            entry.current.1.insert(0, element);
        }
        let steps = if cfg!(miri) { 60 } else { 1500 };
        for step in 0..steps {
            entry.update(rng);
            if !entry.clones.is_empty() {
                let at = rng.usize(..entry.clones.len());
                if rng.u8(0..4) == 0 {
                    change(rng, &mut entry.clones[at]);
                }
                assert!(is_as(&entry.clones[at]), "a clone has changed");
                if entry.clones.len() > 5 {
                    entry.clones.swap_remove(at);
                }
            }
            if rng.u8(0..6) == 0 || step + 1 == steps {
                entry.reclaim(rng);
            }
        }
        entry.clones.clear();
        assert!(entry.current.0.root().is_none_or(|root| owns_all(&root.node)));
    });
}

/// Nodes below that somebody else has too.
fn shared_below<B>(inner: Inner<'_, B>) -> usize {
    let count = |slot| {
        let below = inner.node(slot).as_inner().map_or(0, shared_below);
        usize::from(!has_one_owner(inner, slot)) + below
    };
    (0..inner.len()).map(count).sum()
}

#[test]
fn hardly_a_node_is_counted_when_nodes_are_split_and_joined() {
    with_seeds(|rng| {
        let mut tree = Tree::new(Sequence);
        let mut counted = 0;
        let steps = if cfg!(miri) { 100 } else { 2000 };
        for step in 0..steps {
            let mut after = tree.share(Sharing::Lent).unwrap();
            let place = after.find_index(rng.u64(0..=after.len())).map(|found| found.place);
            // It grows to some hundred elements, and shrinks again.
            if step < steps / 2 {
                after.insert(place.as_ref(), &[&bytes(rng)]);
            } else if rng.bool() {
                place.inspect(|place| after.remove(place));
            } else {
                let start = rng.u64(0..=after.len());
                after.remove_range(start, start + 1);
            }
            if after.is_same(&tree) {
                continue;
            }
            after.seal();
            settle(&after, Some(&tree));
            let inner = after.root().and_then(|root| root.node.as_inner());
            counted += inner.map_or(0, shared_below);
            assert!(after.len() < 8 || inner.is_none_or(|inner| inner.state().has_none()));
            tree = after;
        }
        // Where the tree becomes higher or lower some are.
        let few = if cfg!(miri) { steps / 2 } else { steps / 10 };
        assert!(counted < few, "{counted} nodes were counted in {steps} steps");
    });
}

const LEN: u8 = 100;

fn element(number: u8) -> [u8; 8] {
    [number; 8]
}

/// Puts another element in the place of one.
fn replace(tree: &mut Tree<Sequence>, index: u8, number: u8) {
    let place = tree.find_index(u64::from(index)).unwrap().place;
    tree.replace(&place, &[&element(number)]);
}

/// Checks the tree that was made of a hundred elements by replacing one.
fn is_changed(tree: &Tree<Sequence>, index: u8, number: u8) -> bool {
    check(tree);
    let expected = (0..LEN).map(|it| element(if it == index { number } else { it }));
    tree.iter().eq(expected)
}

/// A hundred elements, and what borrows them and has another one in the middle.
fn lender_and_borrower() -> (Tree<Sequence>, Tree<Sequence>) {
    let mut lender = Tree::new(Sequence);
    for number in 0..LEN {
        let place = lender.find_index(u64::from(number)).map(|found| found.place);
        lender.insert(place.as_ref(), &[&element(number)]);
    }
    let mut borrower = lender.share(Sharing::Lent).unwrap();
    replace(&mut borrower, 50, 200);
    assert!(!owns_all(&borrower.root().unwrap().node));
    (lender, borrower)
}

fn lends(tree: &Tree<Sequence>) -> bool {
    tree.share(Sharing::Lent).unwrap().root().unwrap().node.is_lent()
}

#[test]
fn a_version_that_has_handed_over_is_cloned_by_copying() {
    let (before, mut after) = lender_and_borrower();
    after.seal();
    settle(&after, Some(&before));
    assert!(before.share(Sharing::Counted).is_none());
    assert!(before.share(Sharing::Lent).is_none());
    let clone = before.clone();
    assert!(!clone.is_same(&before), "it shares leaves alone");
    drop((before, after));
    assert!(is_changed(&clone, 50, 50));
    assert!(owns_all(&clone.root().unwrap().node));
}

#[test]
fn a_version_that_was_cloned_keeps_its_counts() {
    let (before, mut after) = lender_and_borrower();
    let clone = before.clone();
    after.seal();
    settle(&after, Some(&before));
    drop(before);
    drop(clone.clone());
    assert!(is_changed(&clone, 50, 50));
    drop(clone);
    assert!(is_changed(&after, 50, 200));
    assert!(owns_all(&after.root().unwrap().node));
}

#[test]
fn only_one_borrows_at_a_time() {
    let (lender, borrower) = lender_and_borrower();
    assert!(!lends(&lender));
    drop((borrower, lender));
    let (lender, borrower) = lender_and_borrower();
    drop(borrower);
    assert!(lends(&lender));
    assert!(lends(&lender), "a loan that came to nothing leaves nothing behind");
}

#[test]
fn a_version_that_was_sealed_in_vain_leaves_nothing_behind() {
    let (lender, mut borrower) = lender_and_borrower();
    borrower.seal();
    drop(borrower);
    assert!(is_changed(&lender, 50, 50));
    assert!(lends(&lender));
    assert!(owns_all(&lender.root().unwrap().node));
}

#[test]
fn a_clone_outlives_a_version_that_nobody_settled() {
    for lender_goes_first in [false, true] {
        let (lender, mut borrower) = lender_and_borrower();
        borrower.seal();
        let clone = borrower.clone();
        let mut changed = clone.clone();
        replace(&mut changed, 20, 201);
        if lender_goes_first {
            drop(lender);
            drop(borrower);
        } else {
            drop(borrower);
            assert!(is_changed(&lender, 50, 50));
        }
        assert!(is_changed(&clone, 50, 200));
        replace(&mut changed, 20, 20);
        assert!(is_changed(&changed, 50, 200));
        drop(changed);
        assert!(owns_all(&clone.root().unwrap().node) || !lender_goes_first);
    }
}

#[test]
fn what_was_borrowed_outlives_its_lender() {
    let (lender, mut borrower) = lender_and_borrower();
    drop(lender);
    assert!(is_changed(&borrower, 50, 200));
    replace(&mut borrower, 50, 50);
    replace(&mut borrower, 7, 202);
    let clone = borrower.clone();
    drop(borrower);
    assert!(is_changed(&clone, 7, 202));
    assert!(owns_all(&clone.root().unwrap().node));
}

#[test]
fn threads_that_clone_what_has_borrowed_count_once() {
    for _ in 0..if cfg!(miri) { 1 } else { 20 } {
        let (lender, borrower) = lender_and_borrower();
        let clones: Vec<_> = thread::scope(|scope| {
            let clone = || {
                let mut clone = borrower.clone();
                replace(&mut clone, 50, 50);
                clone
            };
            let threads: Vec<_> = (0..3).map(|_| scope.spawn(clone)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        drop(lender);
        assert!(clones.iter().all(|clone| is_changed(clone, 50, 50)));
        drop(clones);
        assert!(is_changed(&borrower, 50, 200));
        let clone = borrower.clone();
        drop(borrower);
        assert!(owns_all(&clone.root().unwrap().node));
    }
}

#[test]
fn versions_that_grow_by_many_elements_hand_over() {
    with_seeds(|rng| {
        let mut tree = Tree::new(Sequence);
        let mut model: Model = Vec::new();
        while model.len() < if cfg!(miri) { 100 } else { 3000 } {
            let mut after = tree.share(Sharing::Lent).unwrap();
            for _ in 0..rng.usize(1..120) {
                let index = rng.usize(0..=model.len());
                let place = after.find_index(index as u64).map(|found| found.place);
                model.insert(index, bytes(rng));
                after.insert(place.as_ref(), &[&model[index]]);
            }
            after.seal();
            settle(&after, Some(&tree));
            tree = after;
            check(&tree);
            assert!(tree.iter().eq(&model));
        }
        assert!(owns_all(&tree.root().unwrap().node));
    });
}
