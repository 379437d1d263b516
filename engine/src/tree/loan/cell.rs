//! Where a tree keeps its loan.

use std::ptr;

use super::super::link::Link;
use super::super::state::State;
use crate::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

/// The root of a tree that is borrowed from, which it keeps alive.
#[derive(Debug)]
pub(super) struct Loan<B> {
    lender: Link<B>,
    /// Edits that the borrower has made.
    edits: AtomicU32,
}

impl<B> Loan<B> {
    /// A loan of a root that was marked as `BORROWED` for it.
    pub(super) fn new(lender: &Link<B>) -> Self {
        Self { lender: lender.clone(), edits: AtomicU32::new(0) }
    }

    pub(super) fn lender(&self) -> &Link<B> {
        &self.lender
    }

    /// What is to be known of the root.
    pub(super) fn state(&self) -> State<'_> {
        self.lender.as_inner().expect("a leaf has no links to lend").state()
    }

    /// Counts an edit of the borrower, whom the caller has for himself.
    pub(super) fn count_edit(&self) {
        // Relaxed, in two steps: nobody else counts.
        self.edits.store(self.edits.load(Ordering::Relaxed).saturating_add(1), Ordering::Relaxed);
    }

    pub(super) fn edits(&self) -> u32 {
        self.edits.load(Ordering::Relaxed)
    }
}

impl<B> Drop for Loan<B> {
    fn drop(&mut self) {
        self.state().clear(State::BORROWED);
    }
}

/// The loan of a tree, if it has one.
///
/// While it is *open* it belongs to whoever has the tree. Once it is *sealed*, because the tree is
/// about to be published, it belongs to whoever [takes](Self::take_sealed) it, and is not looked
/// at otherwise. A seal is the lowest bit of the pointer.
#[derive(Debug)]
pub(in crate::tree) struct LoanCell<B>(AtomicPtr<Loan<B>>);

const SEAL: usize = 1;
const _: () = assert!(align_of::<Loan<u64>>() > SEAL);

impl<B> Default for LoanCell<B> {
    fn default() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }
}

impl<B> LoanCell<B> {
    pub(super) fn new(loan: Loan<B>) -> Self {
        Self(AtomicPtr::new(Box::into_raw(Box::new(loan))))
    }

    /// The loan, if it is open.
    pub(super) fn open(&self) -> Option<&Loan<B>> {
        let loan = self.0.load(Ordering::Acquire);
        let is_open = !loan.is_null() && loan.addr() & SEAL == 0;
        // SAFETY: an open loan is freed and sealed only by whoever has the cell for himself.
        is_open.then(|| unsafe { &*loan })
    }

    pub(super) fn seal(&mut self) {
        let loan = self.0.get_mut();
        if !loan.is_null() {
            *loan = loan.map_addr(|address| address | SEAL);
        }
    }

    /// Takes a loan that is sealed.
    pub(super) fn take_sealed(&self) -> Option<Loan<B>> {
        // Most trees have none.
        if self.0.load(Ordering::Relaxed).addr() & SEAL == 0 {
            return None;
        }
        // Acquire: pairs with the release by which the tree was published, or another thread's.
        let loan = self.0.swap(ptr::null_mut(), Ordering::AcqRel);
        Self::reclaim(loan)
    }

    pub(super) fn take(&mut self) -> Option<Loan<B>> {
        let loan = std::mem::replace(self.0.get_mut(), ptr::null_mut());
        Self::reclaim(loan)
    }

    /// The loan behind a pointer that was taken out of a cell.
    fn reclaim(loan: *mut Loan<B>) -> Option<Loan<B>> {
        let loan = loan.map_addr(|address| address & !SEAL);
        // SAFETY: the pointer came from a box, and has been taken out of its cell by this thread.
        (!loan.is_null()).then(|| *unsafe { Box::from_raw(loan) })
    }
}

impl<B> Drop for LoanCell<B> {
    fn drop(&mut self) {
        drop(self.take());
    }
}
