//! A value that is replaced as a whole while others read it.

use super::Guard;
use super::atomic::{AtomicPtr, Ordering};

/// A pointer to an immutable value, swapped atomically.
///
/// Invariant **S1**: the pointer leads to a value that was boxed, and is not null until the cell
/// is taken apart. A value that is swapped out is given back through the collector, once, by the
/// call that swapped it out.
#[derive(Debug)]
pub(crate) struct RcuCell<T>(AtomicPtr<T>);

impl<T: Send + Sync + 'static> RcuCell<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(AtomicPtr::new(Box::into_raw(Box::new(value))))
    }

    /// The value as it is; it stays alive while the guard is held.
    #[inline]
    pub(crate) fn get<'g>(&self, _: &'g Guard) -> &'g T {
        // Acquire: pairs with the swap in `replace`, so the value is initialised.
        let value = self.0.load(Ordering::Acquire);
        // SAFETY: S1; the guard was made before the load, so what is loaded is not freed yet.
        unsafe { &*value }
    }

    /// Puts `value` in place, and calls `dispose` with the old one once nobody reads it.
    pub(crate) fn replace<F>(&self, value: T, guard: &Guard, dispose: F)
    where
        F: FnOnce(Box<T>) + Send + 'static,
    {
        let old = self.0.swap(Box::into_raw(Box::new(value)), Ordering::SeqCst);
        let dispose = move || {
            // SAFETY: S1: this call swapped the value out, and it runs once, when nobody who
            // could have read it is pinned.
            dispose(unsafe { Box::from_raw(old) });
        };
        // SAFETY: the closure owns what it captures and is `Send` but for the pointer, whose
        // value is.
        unsafe { guard.retire(size_of::<T>(), dispose) };
    }

    /// Takes the value out at the end of the cell's life.
    pub(crate) fn take(&mut self) -> Option<Box<T>> {
        let value = std::mem::replace(self.0.get_mut(), std::ptr::null_mut());
        // SAFETY: S1, and `&mut self` says that nobody reads it; a second call finds null.
        (!value.is_null()).then(|| unsafe { Box::from_raw(value) })
    }
}

impl<T> Drop for RcuCell<T> {
    fn drop(&mut self) {
        let value = *self.0.get_mut();
        if !value.is_null() {
            // SAFETY: S1, and `&mut self` says that nobody reads it.
            drop(unsafe { Box::from_raw(value) });
        }
    }
}
