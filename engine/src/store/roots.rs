//! The tables of all databases, behind one pointer.

use std::sync::Arc;

use crate::Error;
use crate::maintenance::{Job, Queue};
use crate::sync::Guard;
use crate::sync::atomic::{AtomicPtr, Ordering};
use crate::table::Keyspace;

/// The tables of all databases, by index. Immutable: a change of any makes new roots.
#[derive(Debug)]
pub(crate) struct Roots(pub(super) Box<[Arc<Keyspace>]>);

impl Roots {
    /// The table of a database that is known to exist.
    #[inline]
    pub(crate) fn of_index(&self, index: u16) -> &Keyspace {
        &self.0[usize::from(index)]
    }

    pub(crate) fn keyspace(&self, index: u16) -> Result<&Keyspace, Error> {
        self.0.get(usize::from(index)).map(|keyspace| &**keyspace).ok_or(Error::NoSuchDatabase {
            index: u32::from(index),
            databases: self.0.len() as u32,
        })
    }
}

/// The current [`Roots`] of a store.
///
/// Invariant **S1**: the pointer is never null and leads to roots that were boxed; they are
/// retired through the collector by whoever takes them out, and by nobody else.
#[derive(Debug)]
pub(super) struct CurrentRoots(AtomicPtr<Roots>);

impl CurrentRoots {
    pub(super) fn new(roots: Roots) -> Self {
        Self(AtomicPtr::new(Box::into_raw(Box::new(roots))))
    }

    /// The roots as they are; they stay alive while the guard is held.
    #[inline]
    pub(super) fn get<'g>(&self, _: &'g Guard) -> &'g Roots {
        // Acquire: pairs with the swap in `replace`, so the roots are initialised.
        let roots = self.0.load(Ordering::Acquire);
        // SAFETY: S1; the guard was made before the load, so what is loaded is not freed yet.
        unsafe { &*roots }
    }

    /// Makes `roots` current. What they replace is dropped by maintenance, once nobody reads it.
    pub(super) fn replace(&self, roots: Roots, queue: &Arc<Queue>, guard: &Guard) {
        let old = self.0.swap(Box::into_raw(Box::new(roots)), Ordering::SeqCst);
        let queue = Arc::clone(queue);
        // SAFETY: S1: the swap took the old roots out, and only pinned threads can still read
        // them. Dropping them is sound on any thread.
        unsafe {
            guard.retire(size_of::<Roots>(), move || {
                queue.push(Job::Free(Box::from_raw(old)));
            });
        }
    }

    /// Takes the roots out at the end of a store's life.
    pub(super) fn take(&mut self) -> Box<Roots> {
        let roots = std::mem::replace(self.0.get_mut(), std::ptr::null_mut());
        // SAFETY: S1, and `&mut self` says that nobody reads them; `take` is called once, by the
        // store's destructor.
        unsafe { Box::from_raw(roots) }
    }
}
