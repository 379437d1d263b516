//! Versions of one tree that lend to their successors, clones of them, and readers, under loom.
//!
//! A tree is a root with one link, to a leaf that all versions share; what an update changes is
//! left out. The marks of links are the checker's own cells, so that whoever marks one while
//! another looks at it is found; counts, states and the key are atomic words.

use std::sync::atomic::Ordering::Relaxed as Outside;
use std::sync::atomic::{AtomicBool, AtomicUsize as Note};

use loom::cell::UnsafeCell;
use loom::sync::atomic::Ordering::{AcqRel, Acquire, Release};
use loom::sync::atomic::{AtomicUsize, fence};
use loom::sync::{Arc, Mutex};
use loom::thread;

/// A rule that a run leaves out, to show that it is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    /// Only one borrows at a time (N1).
    OneBorrower,
    /// A loan keeps the lender's root (N1).
    LenderIsKept,
    /// What is shared hands nothing over (N2).
    SharedKeeps,
    /// What has handed over is not cloned (N3).
    MovedIsNotCloned,
    /// A version hands over once another is published over it (N3).
    PublishFirst,
    /// A version lends nothing before its own loan is settled (N5).
    IndebtedLendsNothing,
}

const BORROWED: usize = 1;
const SHARED: usize = 2;
const MOVED: usize = 4;
const INDEBTED: usize = 8;

const ROOTS: usize = 6;
const NO_LOAN: usize = usize::MAX;
/// The key is not there.
const GONE: usize = usize::MAX;

/// A counted thing; outside of the checker's memory it is noted whether it was freed.
struct Counted {
    owners: AtomicUsize,
    freed: AtomicBool,
}

impl Counted {
    fn new() -> Self {
        Self { owners: AtomicUsize::new(0), freed: AtomicBool::new(false) }
    }

    fn follow(&self) {
        assert!(!self.freed.load(Outside), "a link was followed after its node was freed");
    }

    fn add(&self) {
        self.follow();
        self.owners.fetch_add(1, Release);
    }

    /// Whether it goes.
    fn sub(&self) -> bool {
        self.follow();
        let owners = self.owners.fetch_sub(1, Release);
        assert!(owners > 0, "a count was given back twice");
        if owners > 1 {
            return false;
        }
        fence(Acquire);
        assert!(!self.freed.swap(true, Outside), "a node was freed twice");
        true
    }
}

struct Root {
    counted: Counted,
    state: AtomicUsize,
    /// Whether its link to the leaf counts that.
    owns: UnsafeCell<bool>,
    /// Of the tree that has it: the root that is borrowed from. Taken by whoever settles.
    loan: AtomicUsize,
}

/// A key, all roots that its versions may have, and their one leaf.
struct Key {
    broken: Option<Rule>,
    current: AtomicUsize,
    roots: Vec<Root>,
    made: Note,
    leaf: Counted,
    /// Threads that are pinned, and the trees that wait for them to let go.
    collector: Mutex<(usize, Vec<usize>)>,
}

impl Key {
    fn new(broken: Option<Rule>) -> Self {
        let root = |_| Root {
            counted: Counted::new(),
            state: AtomicUsize::new(0),
            owns: UnsafeCell::new(false),
            loan: AtomicUsize::new(NO_LOAN),
        };
        let key = Self {
            broken,
            current: AtomicUsize::new(0),
            roots: (0..ROOTS).map(root).collect(),
            made: Note::new(0),
            leaf: Counted::new(),
            collector: Mutex::default(),
        };
        key.leaf.add();
        let first = key.make(true);
        assert_eq!(first, 0);
        key
    }

    fn keeps(&self, rule: Rule) -> bool {
        self.broken != Some(rule)
    }

    /// A root that is owned once, with a link that owns a count of the leaf or borrows it.
    fn make(&self, owns: bool) -> usize {
        let made = self.made.fetch_add(1, Outside);
        let root = &self.roots[made];
        root.counted.add();
        // SAFETY: nobody else knows the root.
        root.owns.with_mut(|it| unsafe { *it = owns });
        made
    }

    fn pin(&self) {
        self.collector.lock().unwrap().0 += 1;
    }

    fn unpin(&self) {
        let mut collector = self.collector.lock().unwrap();
        collector.0 -= 1;
        if collector.0 == 0 {
            let trees = std::mem::take(&mut collector.1);
            drop(collector);
            for tree in trees {
                self.drop_tree(tree);
            }
        }
    }

    fn retire(&self, tree: usize) {
        self.collector.lock().unwrap().1.push(tree);
    }

    /// Reads a tree.
    fn look(&self, tree: usize) {
        self.roots[tree].counted.follow();
        self.leaf.follow();
    }

    /// Lets go of a tree.
    fn drop_tree(&self, tree: usize) {
        let loan = self.roots[tree].loan.swap(NO_LOAN, AcqRel);
        if loan != NO_LOAN && self.roots[tree].state.load(Acquire) & SHARED != 0 {
            self.repay(tree, loan);
        }
        self.drop_root(tree);
        self.end(loan);
    }

    fn drop_root(&self, root: usize) {
        let root = &self.roots[root];
        if root.counted.sub() {
            // SAFETY: whoever frees a root is the last to have it.
            let owns = root.owns.with(|owns| unsafe { *owns });
            if owns {
                self.leaf.sub();
            }
        }
    }

    /// Ends a loan.
    fn end(&self, lender: usize) {
        if lender == NO_LOAN {
            return;
        }
        let borrowed = !BORROWED;
        self.roots[lender].state.fetch_and(borrowed, AcqRel);
        if self.keeps(Rule::LenderIsKept) {
            self.drop_root(lender);
        }
    }

    /// Counts the root of a tree once more.
    fn try_clone(&self, tree: usize) -> bool {
        let root = &self.roots[tree];
        root.counted.follow();
        let state = root.state.fetch_or(SHARED, AcqRel);
        if state & MOVED != 0 && self.keeps(Rule::MovedIsNotCloned) {
            return false;
        }
        root.counted.add();
        true
    }

    /// A clone of the root that belongs to nobody else, in the place of a count of it.
    fn own(&self, root: usize) -> usize {
        self.roots[root].counted.follow();
        self.leaf.add();
        let own = self.make(true);
        self.drop_root(root);
        own
    }

    /// A copy of a tree to take its place, if it can be copied.
    fn try_lend(&self, tree: usize) -> Option<usize> {
        let root = &self.roots[tree];
        root.counted.follow();
        if root.counted.owners.load(Acquire) == 1 {
            let state = root.state.fetch_or(BORROWED, AcqRel);
            let mut refused = state;
            if !self.keeps(Rule::IndebtedLendsNothing) {
                refused &= !INDEBTED;
            }
            if !self.keeps(Rule::OneBorrower) {
                refused &= !BORROWED;
            }
            if refused == 0 {
                if self.keeps(Rule::LenderIsKept) {
                    root.counted.add();
                }
                let copy = self.make(false);
                self.roots[copy].state.fetch_or(INDEBTED, AcqRel);
                self.roots[copy].loan.store(tree, Release);
                self.look(copy);
                return Some(copy);
            }
        }
        self.try_clone(tree).then(|| self.own(tree))
    }

    fn repay(&self, tree: usize, lender: usize) {
        self.roots[lender].state.fetch_or(SHARED, AcqRel);
        self.leaf.add();
        let root = &self.roots[tree];
        // SAFETY: whoever has taken a loan is the only one to mark.
        let owned = root.owns.with_mut(|owns| unsafe { std::mem::replace(&mut *owns, true) });
        if owned {
            self.leaf.sub();
        }
        let indebted = !INDEBTED;
        root.state.fetch_and(indebted, AcqRel);
    }

    fn hand_over(&self, lender: usize, heir: usize) {
        let (from, to) = (&self.roots[lender], &self.roots[heir]);
        // SAFETY: whoever has taken a loan is the only one to mark.
        from.owns.with_mut(|owns| unsafe { *owns = false });
        // SAFETY: as above.
        to.owns.with_mut(|owns| unsafe { *owns = true });
        let indebted = !INDEBTED;
        to.state.fetch_and(indebted, AcqRel);
    }

    /// Ends the loan of a tree that was published over `before`.
    fn settle(&self, tree: usize, before: usize) {
        let lender = self.roots[tree].loan.swap(NO_LOAN, AcqRel);
        if lender == NO_LOAN {
            return;
        }
        let state = &self.roots[lender].state;
        let moved = |state: usize| {
            let is_shared = state & SHARED != 0 && self.keeps(Rule::SharedKeeps);
            (!is_shared).then_some(state | MOVED)
        };
        if lender == before && state.fetch_update(AcqRel, Acquire, moved).is_ok() {
            self.hand_over(lender, tree);
        } else {
            self.repay(tree, lender);
        }
        self.end(lender);
    }

    /// One update.
    fn update(&self) {
        loop {
            self.pin();
            let before = self.current.load(Acquire);
            if before == GONE {
                return self.unpin();
            }
            let Some(draft) = self.try_lend(before) else {
                self.unpin();
                continue;
            };
            let settles_first = !self.keeps(Rule::PublishFirst);
            if settles_first {
                self.settle(draft, before);
            }
            let published = self.current.compare_exchange(before, draft, AcqRel, Acquire).is_ok();
            if published {
                self.settle(draft, before);
                self.retire(before);
            } else {
                self.drop_tree(draft);
            }
            self.unpin();
            if published {
                return;
            }
        }
    }

    /// Takes a clone of what is current, keeps it beyond the guard, and changes it.
    fn take(&self) {
        let clone = loop {
            self.pin();
            let current = self.current.load(Acquire);
            if current == GONE {
                return self.unpin();
            }
            let cloned = self.try_clone(current);
            self.unpin();
            if cloned {
                break current;
            }
        };
        self.roots[clone].counted.follow();
        self.leaf.follow();
        let own = self.own(clone);
        self.look(own);
        self.drop_root(own);
    }

    /// Looks at what is current for as long as it is pinned.
    fn read(&self) {
        self.pin();
        let current = self.current.load(Acquire);
        if current != GONE {
            self.look(current);
            thread::yield_now();
            self.look(current);
        }
        self.unpin();
    }

    /// An update whose draft is taken away, and kept beyond the guard.
    fn escape(&self) {
        self.pin();
        let current = self.current.load(Acquire);
        let draft = if current == GONE { None } else { self.try_lend(current) };
        self.unpin();
        if let Some(draft) = draft {
            self.look(draft);
            self.drop_tree(draft);
        }
    }

    fn remove(&self) {
        self.pin();
        let before = self.current.swap(GONE, AcqRel);
        if before != GONE {
            self.retire(before);
        }
        self.unpin();
    }

    /// Everything goes, and nothing is left.
    fn clear(&self) {
        self.remove();
        assert!(self.leaf.freed.load(Outside), "a count of the leaf was lost");
        for root in &self.roots[..self.made.load(Outside)] {
            assert!(root.counted.freed.load(Outside), "a count of a root was lost");
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Act {
    Update,
    Take,
    Read,
    Escape,
    Remove,
}

/// Threads that do one thing after the other each, the last of them on this thread.
fn explore(broken: Option<Rule>, threads: &'static [&'static [Act]]) {
    let mut explorer = loom::model::Builder::new();
    explorer.preemption_bound = Some(3);
    explorer.check(move || {
        let key = Arc::new(Key::new(broken));
        let run = |key: &Key, acts: &[Act]| {
            for act in acts {
                match act {
                    Act::Update => key.update(),
                    Act::Take => key.take(),
                    Act::Read => key.read(),
                    Act::Escape => key.escape(),
                    Act::Remove => key.remove(),
                }
            }
        };
        let (last, others) = threads.split_last().expect("there are threads");
        let others: Vec<_> = others
            .iter()
            .map(|acts| {
                let key = Arc::clone(&key);
                thread::spawn(move || run(&key, acts))
            })
            .collect();
        run(&key, last);
        for thread in others {
            thread.join().unwrap();
        }
        key.clear();
    });
}

use Act::{Escape, Read, Remove, Take, Update};

#[test]
fn a_clone_and_a_reader_beside_an_update() {
    explore(None, &[&[Update], &[Take], &[Read]]);
}

#[test]
fn a_clone_beside_versions_in_a_row_and_the_end() {
    explore(None, &[&[Update, Update, Remove], &[Take]]);
}

#[test]
fn two_writers_beside_a_clone() {
    explore(None, &[&[Update], &[Update], &[Take]]);
}

#[test]
fn two_writers_beside_the_end_and_a_reader() {
    explore(None, &[&[Update, Read], &[Update, Remove]]);
}

#[test]
fn a_draft_that_is_taken_away_beside_updates_and_the_end() {
    explore(None, &[&[Escape], &[Update, Remove], &[Read]]);
}

#[test]
#[should_panic = "a "]
fn with_two_borrowers_at_a_time_one_is_left_without() {
    explore(Some(Rule::OneBorrower), &[&[Escape], &[Update, Remove]]);
}

#[test]
#[should_panic = "a "]
fn a_lender_that_is_not_kept_goes_too_early() {
    explore(Some(Rule::LenderIsKept), &[&[Escape], &[Update, Remove]]);
}

#[test]
#[should_panic = "a "]
fn a_clone_of_what_hands_over_all_the_same_is_left_without() {
    explore(Some(Rule::SharedKeeps), &[&[Update, Remove], &[Take]]);
}

#[test]
#[should_panic = "a "]
fn a_clone_of_what_has_handed_over_is_left_without() {
    explore(Some(Rule::MovedIsNotCloned), &[&[Update, Remove], &[Take]]);
}

#[test]
#[should_panic = "a "]
fn handing_over_before_publishing_takes_from_readers() {
    explore(Some(Rule::PublishFirst), &[&[Update], &[Remove], &[Read]]);
}

#[test]
#[should_panic = "Causality violation"]
fn lending_what_is_borrowed_gives_it_back_twice() {
    explore(Some(Rule::IndebtedLendsNothing), &[&[Update], &[Update]]);
}
