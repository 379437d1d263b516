//! How long a load or a save goes on trying while the storage cannot be read.

use std::time::{Duration, Instant};

/// The first pause between two attempts; every further one is twice as long.
const PAUSE_FIRST: Duration = Duration::from_millis(100);

/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Pauses with exponential back-off until a time limit is used up.
#[derive(Debug)]
pub(super) struct Patience {
    give_up_at: Instant,
    pause: Duration,
}

impl Patience {
    /// Patience for `limit` from now on.
    pub(super) fn new(limit: Duration) -> Self {
        Self::until(Instant::now() + limit)
    }

    fn until(give_up_at: Instant) -> Self {
        Self { give_up_at, pause: PAUSE_FIRST }
    }

    /// The pause before the next attempt, which never ends after the limit; `None` once that is
    /// used up.
    pub(super) fn next_pause(&mut self, now: Instant) -> Option<Duration> {
        let left = self.give_up_at.saturating_duration_since(now);
        if left.is_zero() {
            return None;
        }
        let pause = self.pause.min(left);
        self.pause = (self.pause * 2).min(PAUSE_MAX);
        Some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_end_with_the_limit() {
        let mut now = Instant::now();
        let mut patience = Patience::until(now + Duration::from_secs(30));
        let mut pauses = Vec::new();
        while let Some(pause) = patience.next_pause(now) {
            pauses.push(pause.as_millis());
            now += pause;
        }
        assert_eq!(pauses[..7], [100, 200, 400, 800, 1600, 3200, 5000]);
        assert_eq!(pauses.iter().sum::<u128>(), 30_000);
    }

    #[test]
    fn no_patience_is_no_second_attempt() {
        let now = Instant::now();
        assert_eq!(Patience::until(now).next_pause(now), None);
    }
}
