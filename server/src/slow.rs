//! Commands that took long: the slow log, and the events of the latency monitor.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::client::ClientEntry;
use crate::command::{Flags, Spec};
use crate::flags::Settings;
use crate::monitors::{REDACTED, is_secret};
use crate::resp::Args;

/// Arguments of a command that the log keeps, and bytes of each.
const ARGS_MAX: usize = 32;
const ARG_BYTES_MAX: usize = 128;
/// Seconds with a sample that an event remembers.
const SAMPLES_MAX: usize = 160;
/// A time that nothing takes.
const NEVER: u64 = u64::MAX;

/// A command in the slow log.
#[derive(Clone, Debug)]
pub(crate) struct SlowCommand {
    pub(crate) id: u64,
    pub(crate) unix_seconds: u64,
    pub(crate) usec: u64,
    /// The arguments, shortened, secrets left out.
    pub(crate) args: Vec<Vec<u8>>,
    pub(crate) client: String,
    pub(crate) client_name: String,
}

/// The samples of one event: when, and the longest time of that second in milliseconds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Series {
    pub(crate) samples: VecDeque<(u64, u64)>,
    pub(crate) max_ms: u64,
}

impl Series {
    fn add(&mut self, unix_seconds: u64, ms: u64) {
        self.max_ms = self.max_ms.max(ms);
        match self.samples.back_mut() {
            Some((second, longest)) if *second == unix_seconds => *longest = ms.max(*longest),
            _ => {
                if self.samples.len() == SAMPLES_MAX {
                    self.samples.pop_front();
                }
                self.samples.push_back((unix_seconds, ms));
            }
        }
    }
}

#[derive(Debug, Default)]
struct Log {
    /// The newest first.
    commands: VecDeque<SlowCommand>,
    commands_max: usize,
    next_id: u64,
}

/// What is kept of slow commands, and from which time on a command is slow.
#[derive(Debug)]
pub(crate) struct Slow {
    /// The lower of the two thresholds: all that a fast command looks at.
    least_nanos: AtomicU64,
    log_nanos: AtomicU64,
    event_nanos: AtomicU64,
    log: Mutex<Log>,
    events: Mutex<BTreeMap<&'static str, Series>>,
}

impl Slow {
    pub(crate) fn new(settings: &Settings) -> Self {
        let slow = Self {
            least_nanos: AtomicU64::new(NEVER),
            log_nanos: AtomicU64::new(NEVER),
            event_nanos: AtomicU64::new(NEVER),
            log: Mutex::default(),
            events: Mutex::default(),
        };
        slow.configure(settings);
        slow
    }

    /// Takes over the thresholds and the length of the log.
    pub(crate) fn configure(&self, settings: &Settings) {
        let nanos = |duration: Option<Duration>| {
            duration.map_or(NEVER, |duration| u64::try_from(duration.as_nanos()).unwrap_or(NEVER))
        };
        let log = nanos(settings.slowlog_threshold());
        let event = nanos(settings.latency_threshold());
        self.log_nanos.store(log, Ordering::Relaxed);
        self.event_nanos.store(event, Ordering::Relaxed);
        self.least_nanos.store(log.min(event), Ordering::Relaxed);
        let mut log = self.lock();
        log.commands_max = settings.slowlog_len();
        let commands_max = log.commands_max;
        log.commands.truncate(commands_max);
    }

    /// Whether a command that took so long is to be [noted](Self::note).
    #[inline]
    pub(crate) fn concerns(&self, took: Duration) -> bool {
        took.as_nanos() as u64 >= self.least_nanos.load(Ordering::Relaxed)
    }

    /// Notes a command that took long.
    #[cold]
    pub(crate) fn note(
        &self,
        spec: &Spec,
        args: Args<'_>,
        took: Duration,
        client: &ClientEntry,
        now_ms: u64,
    ) {
        let nanos = took.as_nanos() as u64;
        let unix_seconds = now_ms / 1000;
        if nanos >= self.event_nanos.load(Ordering::Relaxed) {
            let event = if spec.flags.has(Flags::FAST) { "fast-command" } else { "command" };
            let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
            events.entry(event).or_default().add(unix_seconds, nanos / 1_000_000);
        }
        if nanos < self.log_nanos.load(Ordering::Relaxed) {
            return;
        }
        let args = shortened(spec, args);
        let client_name = client.identity().name;
        let client = client.peer.to_string();
        let mut log = self.lock();
        let id = log.next_id;
        log.next_id += 1;
        let usec = nanos / 1000;
        log.commands.push_front(SlowCommand { id, unix_seconds, usec, args, client, client_name });
        let commands_max = log.commands_max;
        log.commands.truncate(commands_max);
    }

    /// The newest commands of the log, at most `count`.
    pub(crate) fn newest(&self, count: usize) -> Vec<SlowCommand> {
        self.lock().commands.iter().take(count).cloned().collect()
    }

    pub(crate) fn log_len(&self) -> usize {
        self.lock().commands.len()
    }

    pub(crate) fn clear_log(&self) {
        self.lock().commands.clear();
    }

    /// Whether events are watched for at all.
    pub(crate) fn watches_events(&self) -> bool {
        self.event_nanos.load(Ordering::Relaxed) != NEVER
    }

    /// Every event that has happened.
    pub(crate) fn events(&self) -> BTreeMap<&'static str, Series> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Forgets the events that `forgets` says; returns how many there were.
    pub(crate) fn forget_events(&self, forgets: impl Fn(&str) -> bool) -> usize {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let before = events.len();
        events.retain(|event, _| !forgets(event));
        before - events.len()
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The arguments as the log shows them.
fn shortened(spec: &Spec, args: Args<'_>) -> Vec<Vec<u8>> {
    let shown = if args.len() > ARGS_MAX { ARGS_MAX - 1 } else { args.len() };
    let mut kept: Vec<Vec<u8>> = (0..shown)
        .map(|index| {
            let arg = args.at(index);
            if is_secret(spec, args, index) {
                return REDACTED.to_vec();
            }
            let mut kept = arg[..arg.len().min(ARG_BYTES_MAX)].to_vec();
            if arg.len() > ARG_BYTES_MAX {
                let more = format!("... ({} more bytes)", arg.len() - ARG_BYTES_MAX);
                kept.extend_from_slice(more.as_bytes());
            }
            kept
        })
        .collect();
    if shown < args.len() {
        kept.push(format!("... ({} more arguments)", args.len() - shown).into_bytes());
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_keeps_the_longest_time_of_each_second() {
        let mut series = Series::default();
        for (second, ms) in [(1, 5), (1, 9), (1, 7), (2, 3)] {
            series.add(second, ms);
        }
        assert_eq!(series.samples, [(1, 9), (2, 3)]);
        assert_eq!(series.max_ms, 9);
        for second in 3..1000 {
            series.add(second, 1);
        }
        assert_eq!(series.samples.len(), SAMPLES_MAX);
        assert_eq!(series.max_ms, 9);
    }
}
