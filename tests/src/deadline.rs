//! How long random tests go on.

use std::time::{Duration, Instant};

/// The end of a stress test, `EXUVIA_STRESS_SECS` from its start, two seconds by default.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    /// The deadline of a stress test that starts at this moment.
    ///
    /// # Panics
    ///
    /// If `EXUVIA_STRESS_SECS` is not a number.
    pub fn of_stress() -> Self {
        Self::after(Duration::from_secs(crate::seed::number("EXUVIA_STRESS_SECS").unwrap_or(2)))
    }

    /// A deadline at a distance.
    pub fn after(distance: Duration) -> Self {
        Self(Instant::now() + distance)
    }

    /// Whichever is earlier.
    #[must_use]
    pub fn or_after(self, distance: Duration) -> Self {
        Self(self.0.min(Instant::now() + distance))
    }

    /// Whether it has passed.
    pub fn passed(self) -> bool {
        Instant::now() >= self.0
    }
}

/// Calls `condition` until it holds; returns whether it did within `patience`.
pub fn eventually(patience: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let deadline = Deadline::after(patience);
    loop {
        if condition() {
            return true;
        }
        if deadline.passed() {
            return false;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}
