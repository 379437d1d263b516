//! What a store remembers of its saves.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Progress, fault};
use crate::Error;

/// A published snapshot.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Saved {
    /// Base name: the manifest is `NAME-summary.dfs`.
    pub name: String,
    /// Location and object name of the manifest, for messages.
    pub manifest: String,
    /// Time of the cut, as the manifest has it.
    pub cut_unix_ms: u64,
    /// Sequence number, one above that of the newest snapshot known before.
    pub sequence: u64,
    /// Records.
    pub records: u64,
    /// Bytes stored: those of the parts and of the manifest.
    pub bytes: u64,
    /// From the cut to publication.
    pub duration: Duration,
    /// What triggered it.
    pub trigger: &'static str,
}

/// How many saves of one trigger ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TriggerCounts {
    /// How many were published.
    pub saves: u64,
    /// How many failed.
    pub failures: u64,
    /// How many were cancelled.
    pub cancellations: u64,
}

/// The running save, and how earlier ones ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SaveStatus {
    /// The running save.
    pub running: Option<Progress>,
    /// What triggered the running save.
    pub running_trigger: Option<&'static str>,
    /// [`Stats::changes`](crate::Stats) at the cut of the running save.
    pub running_changes_at_cut: Option<u64>,
    /// The last published snapshot.
    pub last_success: Option<Saved>,
    /// Unix ms at which it was published; at start, when the loaded snapshot was cut.
    pub last_success_unix_ms: u64,
    /// Unix ms of the last failure, 0 for none.
    pub last_failure_unix_ms: u64,
    /// Why the last one that failed did.
    pub last_error: Option<String>,
    /// Whether the last one that ended succeeded; `true` before the first. One that was cancelled
    /// leaves it as it was, since nothing is amiss.
    pub last_ok: bool,
    /// How long the last one that ended took.
    pub last_duration: Option<Duration>,
    /// How many were published.
    pub saves: u64,
    /// How many failed.
    pub failures: u64,
    /// How many were cancelled, by somebody or because the store was closed.
    pub cancellations: u64,
    /// How many failed, by trigger and by [`Error::reason`].
    pub failures_by_reason: BTreeMap<(&'static str, &'static str), u64>,
    /// How many ended, by trigger.
    pub by_trigger: BTreeMap<&'static str, TriggerCounts>,
    /// [`Stats::changes`](crate::Stats) at the last published cut.
    pub changes_at_last_cut: u64,
}

impl Default for SaveStatus {
    fn default() -> Self {
        Self {
            running: None,
            running_trigger: None,
            running_changes_at_cut: None,
            last_success: None,
            last_success_unix_ms: 0,
            last_failure_unix_ms: 0,
            last_error: None,
            last_ok: true,
            last_duration: None,
            saves: 0,
            failures: 0,
            cancellations: 0,
            failures_by_reason: BTreeMap::new(),
            by_trigger: BTreeMap::new(),
            changes_at_last_cut: 0,
        }
    }
}

impl SaveStatus {
    pub(super) fn succeeded(&mut self, saved: &Saved, changes_at_cut: u64, now_unix_ms: u64) {
        self.last_success = Some(saved.clone());
        self.last_success_unix_ms = now_unix_ms;
        self.last_ok = true;
        self.last_duration = Some(saved.duration);
        self.saves += 1;
        self.by_trigger.entry(saved.trigger).or_default().saves += 1;
        self.changes_at_last_cut = changes_at_cut;
    }

    pub(super) fn cancelled(&mut self, trigger: &'static str, duration: Duration) {
        self.last_duration = Some(duration);
        self.cancellations += 1;
        self.by_trigger.entry(trigger).or_default().cancellations += 1;
    }

    pub(super) fn failed(
        &mut self,
        error: &Error,
        trigger: &'static str,
        duration: Duration,
        now_unix_ms: u64,
    ) {
        self.last_failure_unix_ms = now_unix_ms;
        self.last_error = Some(fault::chain(error));
        self.last_ok = false;
        self.last_duration = Some(duration);
        self.failures += 1;
        self.by_trigger.entry(trigger).or_default().failures += 1;
        *self.failures_by_reason.entry((trigger, error.reason())).or_default() += 1;
    }
}
