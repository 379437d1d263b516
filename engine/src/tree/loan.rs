//! Changing a tree that is about to be replaced without counting what it shares.
//!
//! An entry's tree S is replaced by a changed copy N, and goes. Copying the path of a change counts
//! every child of every node on it, and S counts them down again when it is freed. Instead N can
//! *borrow* from S: the nodes on the path are copied with [lent links](super::link), and once N has
//! taken the place of S the counts are handed over.
//!
//! ```text
//! lend ─► N borrows from S ─┬─ N dropped ──────────────────────────────► S as it was
//!                           ├─ N cloned, or higher or lower than S ────► N counts: repay
//!                           ├─ N sealed, cloned, dropped unsettled ────► N counts, and goes
//!                           └─ N sealed, published, settled ─┬─ S was cloned: N counts
//!                                                            └─ else S hands its counts over
//! ```
//!
//! # Invariants
//!
//! * **N1** One tree at most borrows from S at a time (`BORROWED`), and it keeps the root of S by a
//!   count until all that it has borrowed is its own. So S cannot hand over to another, and what N
//!   borrows lives as long as N, wherever that goes: out of the update, to another thread, under
//!   another key.
//! * **N2** The links of a node are lent only if S alone has the node. Nobody else can count it once
//!   more without counting the root of S first, which marks that as `SHARED` for good. A loan that finds
//!   the mark when it is settled counts what it has borrowed.
//! * **N3** S hands over after N was published over it, and never if it is `SHARED`. Who still reads
//!   S found it before and has a guard since, so nothing is freed meanwhile that N and its
//!   successors let go of: it is retired later. Links are followed whether they are lent or not.
//!   From then on nobody clones S (`MOVED`): that and `SHARED` are set in one word, so either the
//!   clone or the handing over comes first, and the other sees it.
//! * **N4** `MOVED` is set on no root that is, or can become, what a key holds. It was current
//!   under one key alone, or it would be `SHARED`, and is retired under that.
//! * **N5** Until its loan is settled nobody borrows from N (`INDEBTED`). Who clones N counts its
//!   root and marks it as `SHARED`. The nodes below become N's own before N goes: whoever settles
//!   has a guard, and if nobody settles N itself counts them when it is dropped.
//!
//! # Progress
//!
//! Nobody waits for anybody. Who settles does so in as many steps as there are links in the nodes that
//! the update has made and in those that they took the place of.
//! Who is refused a clone of S looks its key up again, and finds what took the place of S, because
//! that was published before `MOVED` was set: he tries again only if somebody else has succeeded.
//! A writer that is stopped between publishing N and settling keeps others from borrowing from N,
//! who count instead, and from freeing what is retired, as every guard does.

#![expect(unsafe_code, reason = "a loan is behind a pointer that another thread takes")]

mod cell;

use self::cell::Loan;
pub(super) use self::cell::LoanCell;
use super::link::{Child, Link, count_children, hand_over_links, is_indebted, only_owned, slots};
use super::node::Inner;
use super::order::Order;
use super::root::Tree;
use super::state::State;
use crate::hooks::{self, Point};

/// How a tree is copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// What is shared is counted: the copy is as good as the original.
    Counted,
    /// As far as it can be, what is shared is lent: the copy is to take the original's place.
    Lent,
}

/// What another was published in the place of, if it is known: the proof that counts may be handed
/// over.
#[derive(Debug)]
pub(crate) struct Replaced<'r, T>(Option<&'r T>);

impl<T> Clone for Replaced<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Replaced<'_, T> {}

impl<'r, T> Replaced<'r, T> {
    /// # Safety
    ///
    /// `before` was found under a guard that is still held, has been replaced, and is retired
    /// under that guard: whoever can still come by it has a guard since before that.
    pub(crate) unsafe fn new(before: &'r T) -> Self {
        Self(Some(before))
    }

    pub(crate) fn unknown() -> Self {
        Self(None)
    }

    /// A part of it.
    pub(crate) fn part<P>(self, part: impl FnOnce(&'r T) -> Option<&'r P>) -> Replaced<'r, P> {
        Replaced(self.0.and_then(part))
    }
}

/// Elements from which a tree lends. Of a smaller one the few children are quickly counted. Tests
/// have small trees that lend.
const LENDER_LEN_MIN: u64 = if cfg!(any(test, engine_small)) { 8 } else { 48 };

/// Edits of one update up to which what they took the place of, a path each, is little.
const FEW_EDITS: u32 = if cfg!(any(test, engine_small)) { 8 } else { 128 };

/// Owners of a root that is lent: its tree, and the loan.
const LENDER_OWNERS: usize = 2;

impl<O: Order> Tree<O> {
    /// A copy, in O(1). `None` if the tree is about to go and can no longer be copied, because its
    /// successor has been published.
    pub(crate) fn share(&self, sharing: Sharing) -> Option<Self> {
        match sharing {
            Sharing::Counted => self.try_clone(),
            Sharing::Lent => self.try_lend(),
        }
    }

    /// A copy that counts nothing until it has taken this tree's place, or a clone if that cannot
    /// be.
    fn try_lend(&self) -> Option<Self> {
        let Some(root) = self.root().filter(|root| root.len >= LENDER_LEN_MIN) else {
            return self.try_clone();
        };
        let Some(inner) = root.node.as_inner().filter(|_| root.node.has_owners(1)) else {
            return self.try_clone();
        };
        // With another mark there this one does no harm: whoever borrows now clears it, and a root
        // that is shared, moved or indebted gets cloned, if it can be, and lends nothing any more.
        if inner.state().add(State::BORROWED) != 0 {
            return self.try_clone();
        }
        let loan = LoanCell::new(Loan::new(&root.node));
        // SAFETY: L1: the loan has a count of the node that the link leads to (N1).
        let node = unsafe { root.node.lend() };
        let root = Child { node, len: root.len, bound: root.bound };
        Some(Self::with_loan(*self.order(), root, self.heap_bytes(), loan))
    }

    fn try_clone(&self) -> Option<Self> {
        if let (Some(loan), Some(root)) = (self.loan().open(), self.root()) {
            repay(root, loan);
        }
        if let Some(inner) = self.root().and_then(|root| root.node.as_inner())
            && inner.state().add(State::SHARED) & State::MOVED != 0
        {
            return None;
        }
        Some(Self::from_root(*self.order(), self.root().cloned(), self.heap_bytes()))
    }

    /// Ends changes: the tree is about to be published. From now on it is whoever
    /// [settles](Self::settle) it that ends its loan. One that has not been changed is a clone.
    pub(crate) fn seal(&mut self) {
        if self.root().is_some_and(|root| root.node.is_lent()) {
            self.repay();
        }
        self.loan_mut().seal();
    }

    /// Ends a loan that is sealed, once the tree was published in the place of `lender`; without
    /// one, by counting.
    ///
    /// Without this the tree lends nothing itself, and what it was lent by stays in memory.
    pub(crate) fn settle(&self, lender: Replaced<'_, Self>) {
        let (Some(loan), Some(root)) = (self.loan().take_sealed(), self.root()) else { return };
        let lender = lender.0.and_then(Self::root).filter(|root| root.node.is_same(loan.lender()));
        let lender = lender.and_then(|root| root.node.as_inner());
        let indebted = root.node.as_inner().filter(|node| is_indebted(*node));
        if let (Some(lender), Some(heir)) = (lender, indebted) {
            let state = loan.state();
            let is_moved = if cfg!(engine_broken = "shared_hands_over") {
                state.add(State::MOVED);
                true
            } else {
                state.add_unless(State::MOVED, State::SHARED)
            };
            if is_moved {
                if loan.edits() > FEW_EDITS {
                    state.add(State::KEEPS_MUCH);
                }
                hand_over(lender, heir);
                return;
            }
        }
        repay(root, &loan);
    }

    /// Prepares for an edit: the root becomes the tree's own.
    pub(super) fn prepare(&mut self) {
        let Some(loan) = self.loan().open() else { return };
        if loan.state().has(State::SHARED) {
            return self.repay();
        }
        loan.count_edit();
        let (_, root, _) = self.parts_mut();
        if let Some(root) = root.as_mut().filter(|root| root.node.is_lent()) {
            root.node.copy_lent(LENDER_OWNERS);
        }
    }

    /// Counts all that is borrowed.
    pub(super) fn repay(&mut self) {
        let Some(loan) = self.loan_mut().take() else { return };
        let (_, root, _) = self.parts_mut();
        let Some(root) = root else { return };
        repay(root, &loan);
        if root.node.is_lent() {
            root.node = loan.lender().clone();
        }
    }

    /// Has to be called before the tree goes; returns what it has kept of the tree it was lent by.
    pub(super) fn end_loan(&mut self) -> Option<Link<O::Bound>> {
        let loan = self.loan_mut().take()?;
        let is_shared = |root: &&Child<_>| {
            let node = root.node.as_inner();
            node.is_some_and(|node| node.state().has(State::SHARED))
        };
        if let Some(root) = self.root().filter(is_shared) {
            // A clone stays (N5).
            repay(root, &loan);
        }
        Some(loan.lender().clone())
    }
}

/// Counts what the nodes below `root` have borrowed. A root that is lent itself is the lender's, and
/// borrows nothing.
fn repay<B>(root: &Child<B>, loan: &Loan<B>) {
    // From now on the lender's counts are not its alone.
    loan.state().add(State::SHARED);
    if !root.node.is_lent() {
        count_links(&root.node);
    }
}

/// Counts what the node that an owned link leads to, and those below it, have borrowed.
pub(super) fn count_links<B>(link: &Link<B>) {
    debug_assert!(!link.is_lent());
    if let Some(inner) = link.as_inner() {
        count_below(inner);
    }
}

fn count_below<B>(inner: Inner<'_, B>) {
    if !is_indebted(inner) {
        return;
    }
    // What another tree has borrowed is not found on the way (L4): a link that was lent when this
    // came by it is not followed.
    let lent = inner.lent();
    count_children(inner, lent);
    for slot in slots(inner.all() & !lent) {
        if let Some(below) = inner.node(slot).as_inner() {
            count_below(below);
        }
    }
    inner.state().clear(State::INDEBTED);
}

/// Hands over to `heir` what it has borrowed from `lender`. The heir is a changed copy of it, or
/// took its slot.
///
/// A link that this thread finds lent is lent until this thread marks it. Links are counted by whoever
/// has taken a sealed loan, which is this thread alone; by clones of a tree whose loan is open, and
/// this one was sealed after the last of them, by whoever had it for himself; and by a tree that goes,
/// which this one cannot. Clones of the heir itself, published as it is, count its root; when they copy
/// that in order to change they count nodes by links of their own, whatever the marks of those they
/// copy. And nobody else comes by the heir's nodes on his way to lent links, since those who borrow
/// from a clone keep apart what it counts (L4).
fn hand_over<B>(lender: Inner<'_, B>, heir: Inner<'_, B>) {
    if cfg!(engine_broken = "lends_unsettled") {
        heir.state().clear(State::INDEBTED);
    }
    hooks::at(Point::BeforeHandOver);
    // Most edits put a leaf in the place of another, and there each link has kept its slot.
    if !hand_over_in_place(lender, heir) {
        hand_over_in_order(&[lender], &[heir]);
    }
    // Last, for what it leads to may be borrowed from then on (N5).
    heir.state().clear(State::INDEBTED);
}

/// The same if all lent links are in their old slots. Otherwise nothing happens, and the answer is
/// `false`.
#[inline]
fn hand_over_in_place<B>(lender: Inner<'_, B>, heir: Inner<'_, B>) -> bool {
    if lender.len() != heir.len() {
        return false;
    }
    let pairs = lender.links().iter().zip(heir.links()).enumerate();
    let same = pairs.fold(0, |same, (slot, (from, to))| same | u32::from(from == to) << slot);
    let lent = heir.lent();
    if lent & !same != 0 {
        return false;
    }
    hand_over_slots((lender, lent), (heir, lent));
    for slot in slots(heir.all() & !lent) {
        let Some(heir) = heir.node(slot).as_inner().filter(|node| is_indebted(*node)) else {
            continue;
        };
        match lender.node(slot).as_inner() {
            Some(lender) => hand_over(lender, heir),
            None => count_below(heir),
        }
    }
    true
}

/// The same of nodes of one level, whatever became of them.
///
/// No edit changes the order of what it keeps. So the links that the heirs have borrowed are among
/// the lenders' in the same order, and further down among those of the nodes that have no borrowed
/// link here.
fn hand_over_in_order<B>(lenders: &[Inner<'_, B>], heirs: &[Inner<'_, B>]) {
    let mut links = lenders.iter().flat_map(|node| (0..node.len()).map(|slot| (*node, slot)));
    let mut lenders_below = Vec::new();
    let mut heirs_below = Vec::new();
    for heir in heirs {
        let lent = heir.lent();
        for (slot, to) in heir.links().iter().enumerate() {
            if lent >> slot & 1 == 0 {
                let below = heir.node(slot).as_inner();
                heirs_below.extend(below.filter(|node| is_indebted(*node)));
                continue;
            }
            let found = links.find(|(lender, slot)| {
                let is_it = lender.links()[*slot] == *to;
                if !is_it {
                    lenders_below.extend(only_owned(*lender, *slot));
                }
                is_it
            });
            if let Some((lender, from)) = found {
                hand_over_slots((lender, 1 << from), (*heir, 1 << slot));
            } else {
                // It came from a neighbour of these lenders, or was counted before. What is left of
                // them is not worth a search.
                count_children(*heir, 1 << slot);
                lenders_below.clear();
            }
        }
    }
    // Only links of nodes that nobody else has may have been lent (N2).
    lenders_below.extend(links.filter_map(|(lender, slot)| only_owned(lender, slot)));
    if !heirs_below.is_empty() {
        hooks::at(Point::BeforeHandOver);
        hand_over_in_order(&lenders_below, &heirs_below);
    }
    for heir in heirs_below {
        heir.state().clear(State::INDEBTED);
    }
}

/// Hands over what is in slots of two nodes, in either the same.
#[inline]
fn hand_over_slots<B>(from: (Inner<'_, B>, u32), to: (Inner<'_, B>, u32)) {
    // SAFETY: L2: only whoever took the loan marks links of the two nodes, as said at `hand_over`,
    // and of the lender's because it is `MOVED`; they are kept by the loan and by the guard. L1: the
    // lender has been replaced (`Replaced`), so whoever can still follow its links has a guard since
    // before anything of the heir was retired (N3).
    unsafe { hand_over_links(from, to) };
}
