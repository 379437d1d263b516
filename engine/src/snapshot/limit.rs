//! The rate limit of a save: one token bucket for all of its parts.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How much unused allowance a bucket keeps: this long at the limit's rate.
const BURST: Duration = Duration::from_millis(100);

/// Longest time a waiter sleeps before it looks again whether it should give up.
const LOOK_UP: Duration = Duration::from_millis(50);

/// A token bucket in bytes. Time is an argument, so that tests need no waiting.
///
/// A taker may go while the bucket is not in debt, and may leave it in debt. So a buffer larger
/// than the burst passes too, and the rate holds over any time longer than one buffer takes.
#[derive(Debug)]
struct Bucket {
    /// Zero is unlimited.
    bytes_per_sec: u64,
    /// Bytes that may go at once; negative is debt.
    allowance: f64,
    filled_at: Instant,
}

impl Bucket {
    fn new(bytes_per_sec: u64, now: Instant) -> Self {
        Self { bytes_per_sec, allowance: 0.0, filled_at: now }
    }

    /// Takes `bytes`, or returns how long it takes until the bucket is out of debt.
    fn take(&mut self, bytes: u64, now: Instant) -> Result<(), Duration> {
        if self.bytes_per_sec == 0 {
            return Ok(());
        }
        self.fill(now);
        if self.allowance < 0.0 {
            let seconds = -self.allowance / self.bytes_per_sec as f64;
            // A nanosecond more than the debt, so that rounding never makes the waiter spin.
            return Err(Duration::from_secs_f64(seconds) + Duration::from_nanos(1));
        }
        self.allowance -= bytes as f64;
        Ok(())
    }

    fn fill(&mut self, now: Instant) {
        let rate = self.bytes_per_sec as f64;
        let earned = rate * now.saturating_duration_since(self.filled_at).as_secs_f64();
        self.allowance = (self.allowance + earned).min(rate * BURST.as_secs_f64());
        self.filled_at = now;
    }

    /// Changes the rate. Debt keeps its length in bytes, so that a higher rate helps at once.
    fn set_rate(&mut self, bytes_per_sec: u64, now: Instant) {
        if self.bytes_per_sec == 0 {
            self.allowance = 0.0;
            self.filled_at = now;
        } else {
            self.fill(now);
        }
        self.bytes_per_sec = bytes_per_sec;
    }
}

/// The limit that all writers of all saves of a store share. Its rate may change at any time.
#[derive(Debug)]
pub(crate) struct RateLimit {
    bucket: Mutex<Bucket>,
    changed: Condvar,
}

impl RateLimit {
    /// A limit of `bytes_per_sec`; zero is none.
    pub(crate) fn new(bytes_per_sec: u64) -> Self {
        Self {
            bucket: Mutex::new(Bucket::new(bytes_per_sec, Instant::now())),
            changed: Condvar::new(),
        }
    }

    /// Changes the rate, for writers that wait already as well.
    pub(crate) fn set(&self, bytes_per_sec: u64) {
        self.lock().set_rate(bytes_per_sec, Instant::now());
        self.changed.notify_all();
    }

    /// Waits until `bytes` may be written, or until `give_up` says so.
    ///
    /// Returns whether they may be written.
    pub(crate) fn take(&self, bytes: u64, give_up: impl Fn() -> bool) -> bool {
        let mut bucket = self.lock();
        loop {
            if give_up() {
                return false;
            }
            let Err(wait) = bucket.take(bytes, Instant::now()) else { return true };
            bucket = self
                .changed
                .wait_timeout(bucket, wait.min(LOOK_UP))
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Bucket> {
        // Every update leaves the bucket consistent, so a panic elsewhere does not matter here.
        self.bucket.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes `count` times `bytes` as early as the bucket allows; returns the time that took.
    fn drain(bucket: &mut Bucket, mut now: Instant, bytes: u64, count: u32) -> Duration {
        let start = now;
        for _ in 0..count {
            while let Err(wait) = bucket.take(bytes, now) {
                now += wait;
            }
        }
        now - start
    }

    #[test]
    fn the_rate_holds_over_many_buffers() {
        let start = Instant::now();
        let mut bucket = Bucket::new(10 << 20, start);
        let took = drain(&mut bucket, start, 1 << 20, 101);
        // The last buffer is taken on credit.
        assert!((took.as_secs_f64() - 10.0).abs() < 0.2, "took {took:?}");
    }

    #[test]
    fn idle_time_is_not_saved_up_beyond_the_burst() {
        let start = Instant::now();
        let mut bucket = Bucket::new(10 << 20, start);
        let took = drain(&mut bucket, start + Duration::from_hours(1), 1 << 20, 101);
        assert!(took.as_secs_f64() > 9.7, "took {took:?}");
    }

    #[test]
    fn no_limit_never_waits() {
        let start = Instant::now();
        let mut bucket = Bucket::new(0, start);
        assert_eq!(drain(&mut bucket, start, u64::MAX, 1000), Duration::ZERO);
    }

    #[test]
    fn a_higher_rate_shortens_a_debt_that_exists() {
        let start = Instant::now();
        let mut bucket = Bucket::new(1000, start);
        bucket.take(100_000, start).unwrap();
        assert!(bucket.take(1, start).unwrap_err() > Duration::from_secs(99));
        bucket.set_rate(100_000, start);
        assert!(bucket.take(1, start).unwrap_err() < Duration::from_millis(1001));
    }

    #[test]
    fn a_waiter_notices_a_lifted_limit_and_a_request_to_give_up() {
        let limit = RateLimit::new(1);
        assert!(limit.take(1 << 40, || false));
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| limit.take(1, || false));
            limit.set(0);
            assert!(waiter.join().unwrap(), "the limit was lifted");
        });
        limit.set(1);
        assert!(limit.take(1 << 40, || false));
        assert!(!limit.take(1, || true), "the waiter was asked to give up");
    }
}
