//! Making a request again.

use std::future::Future;
use std::time::{Duration, Instant};

use crate::fault::Fault;

/// Longest pause before the second attempt; every later one may be twice as long.
const PAUSE_FIRST: Duration = Duration::from_millis(200);
/// Longest pause between attempts.
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// How often a request is made again with fresh credentials.
const RENEWALS_MAX: u32 = 2;

/// How long a request may take, and how long it is repeated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// Time for one attempt.
    pub(crate) attempt: Duration,
    /// Time after which no further attempt begins.
    pub(crate) total: Duration,
}

/// What is asked of whom, for the log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call<'c> {
    /// The operation by its name in S3.
    pub(crate) operation: &'static str,
    /// What it is about.
    pub(crate) key: &'c str,
    /// The service's address.
    pub(crate) host: &'c str,
}

/// Makes `attempt`s until one succeeds, fails for a reason that does not pass, or time is up.
///
/// Every failure gets a line in the log. `renew` is called when the credentials have expired.
///
/// # Errors
///
/// The last failure.
///
/// # Cancel safety
///
/// Dropped at an await, the attempt in flight ends with its connection.
pub(crate) async fn repeat<T, F>(
    call: Call<'_>,
    patience: Patience,
    renew: impl Fn(),
    mut attempt: impl FnMut() -> F,
) -> Result<T, Fault>
where
    F: Future<Output = Result<T, Fault>>,
{
    let give_up_at = Instant::now() + patience.total;
    let mut renewals = 0;
    let mut number: u32 = 1;
    loop {
        let fault = match tokio::time::timeout(patience.attempt, attempt()).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(fault)) => fault,
            Err(_) => Fault::timed_out(patience.attempt),
        };
        let pause = pause(number).max(fault.retry_after().min(PAUSE_MAX));
        let again = if fault.is_expired() {
            renew();
            renewals += 1;
            renewals <= RENEWALS_MAX
        } else {
            fault.is_transient() && Instant::now() + pause < give_up_at
        };
        fault.log(call, number, again);
        if !again {
            return Err(fault);
        }
        tokio::time::sleep(pause).await;
        number += 1;
    }
}

/// A random pause between half of the longest and the longest behind attempt `number`, so that
/// many requests that failed together do not come back together.
pub(crate) fn pause(number: u32) -> Duration {
    let longest = PAUSE_FIRST.saturating_mul(1 << (number - 1).min(16)).min(PAUSE_MAX);
    longest.mul_f64(0.5 + fastrand::f64() / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_differ_within_limits() {
        for (number, longest_ms) in [(1, 200), (2, 400), (3, 800), (6, 6_400), (7, 10_000)] {
            for _ in 0..100 {
                let pause = pause(number).as_millis();
                assert!((longest_ms / 2..=longest_ms).contains(&pause), "{number}: {pause}");
            }
        }
        assert!(pause(u32::MAX) <= PAUSE_MAX);
    }
}
