//! A result that one thread provides and another waits for, by blocking or by polling.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

#[derive(Debug)]
enum State<T> {
    /// Nobody provided the result; whom to wake when somebody does.
    Pending(Option<Waker>),
    Ready(T),
    /// The result was handed out.
    Taken,
}

#[derive(Debug)]
struct Shared<T> {
    state: Mutex<State<T>>,
    ready: Condvar,
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // The state is replaced in single assignments, so it is whole even after a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The end that provides the result.
#[derive(Debug)]
pub(super) struct Promise<T>(Arc<Shared<T>>);

/// The end that waits for it. Blocks a thread or serves any executor.
#[derive(Debug)]
pub(super) struct Completion<T>(Arc<Shared<T>>);

/// Creates the two ends.
pub(super) fn completion<T>() -> (Promise<T>, Completion<T>) {
    let shared =
        Arc::new(Shared { state: Mutex::new(State::Pending(None)), ready: Condvar::new() });
    (Promise(Arc::clone(&shared)), Completion(shared))
}

impl<T> Promise<T> {
    /// Hands the result over and wakes whoever waits for it.
    pub(super) fn provide(self, result: T) {
        let before = std::mem::replace(&mut *self.0.lock(), State::Ready(result));
        self.0.ready.notify_all();
        if let State::Pending(Some(waker)) = before {
            waker.wake();
        }
    }
}

impl<T> Completion<T> {
    /// Whether the result is there, or was handed out.
    pub(super) fn is_ready(&self) -> bool {
        !matches!(*self.0.lock(), State::Pending(_))
    }

    /// Waits for the result, at most until `deadline`; `None` if it did not come in time.
    ///
    /// # Panics
    ///
    /// If the result was handed out by [`poll`](Self::poll).
    pub(super) fn wait_until(&self, deadline: Option<Instant>) -> Option<T> {
        let mut state = self.0.lock();
        while matches!(*state, State::Pending(_)) {
            let left = match deadline {
                Some(deadline) => deadline.saturating_duration_since(Instant::now()),
                None => Duration::from_hours(1),
            };
            if left.is_zero() {
                return None;
            }
            state =
                self.0.ready.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        Some(Self::take(&mut state))
    }

    /// Returns the result, or has the task woken when it is there.
    ///
    /// # Panics
    ///
    /// If the result was handed out before.
    pub(super) fn poll(&self, context: &mut Context<'_>) -> Poll<T> {
        let mut state = self.0.lock();
        if let State::Pending(waker) = &mut *state {
            match waker {
                Some(waker) => waker.clone_from(context.waker()),
                None => *waker = Some(context.waker().clone()),
            }
            return Poll::Pending;
        }
        Poll::Ready(Self::take(&mut state))
    }

    fn take(state: &mut State<T>) -> T {
        match std::mem::replace(state, State::Taken) {
            State::Ready(result) => result,
            State::Pending(_) | State::Taken => panic!("a result is handed out only once"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn a_blocked_thread_gets_the_result() {
        let (promise, completion) = completion();
        std::thread::scope(|scope| {
            let waiter = scope.spawn(move || completion.wait_until(None));
            promise.provide(7);
            assert_eq!(waiter.join().unwrap(), Some(7));
        });
    }

    #[test]
    fn a_deadline_ends_the_wait_and_the_result_still_comes() {
        let (promise, completion) = completion();
        assert_eq!(completion.wait_until(Some(Instant::now())), None);
        promise.provide(7);
        assert_eq!(completion.wait_until(Some(Instant::now())), Some(7));
    }

    #[test]
    fn the_waker_of_the_last_poll_is_woken_once() {
        let (promise, completion) = completion();
        let (stale, fresh) = (Arc::new(Count::default()), Arc::new(Count::default()));
        for count in [&stale, &fresh] {
            let waker = Waker::from(Arc::clone(count));
            assert!(completion.poll(&mut Context::from_waker(&waker)).is_pending());
        }
        promise.provide(7);
        assert_eq!((stale.0.load(Ordering::SeqCst), fresh.0.load(Ordering::SeqCst)), (0, 1));
        let waker = Waker::from(fresh);
        assert_eq!(completion.poll(&mut Context::from_waker(&waker)), Poll::Ready(7));
    }
}
