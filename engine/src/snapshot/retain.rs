//! Which snapshots are kept, and the removal of the others.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::archive::Archive;
use super::select::Form;
use super::{DamagedSnapshot, SnapshotInfo, catalog, fault, sweep};
use crate::Error;
use crate::format::SnapshotId;
use crate::format::storage::SnapshotStorage;

/// What a removal of old snapshots did, or would do.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct PruneReport {
    /// Whether it was only asked what would be removed.
    pub dry_run: bool,
    /// Snapshots that were, or would be, removed, oldest first.
    pub removed: Vec<PrunedSnapshot>,
    /// Names of complete snapshots that stay, newest first.
    pub kept: Vec<String>,
    /// Snapshots that stay because something is wrong with them, or with the attempt to remove
    /// them.
    pub left: Vec<DamagedSnapshot>,
}

/// A snapshot that is, or would be, removed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PrunedSnapshot {
    /// Base name.
    pub name: String,
    /// Time of its cut.
    pub cut_unix_ms: u64,
    /// Records in it.
    pub records: u64,
    /// Bytes of its parts.
    pub bytes: u64,
}

/// Removes from `storage` the snapshots named like `dbfilename` that are older than the newest
/// `retain`, or with `dry_run` only tells which those are. With a `retain` of zero all stay.
///
/// The [module](crate::snapshot#retention) says what is never removed.
///
/// # Errors
///
/// [`Error::InvalidOption`] if `dbfilename` is no name of a snapshot, [`Error::Storage`] if the
/// storage cannot be listed or a manifest not be read. A snapshot that cannot be removed is in
/// the report.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
///
/// use exuvia::format::storage::MemoryStorage;
/// use exuvia::{Expiry, Options, Store, snapshot};
///
/// let storage = Arc::new(MemoryStorage::new());
/// let store = Store::open(Options::with_storage(storage.clone()))?;
/// store.set(b"colour", b"red", Expiry::Never)?;
/// for _ in 0..3 {
///     store.save()?.wait()?;
/// }
/// let report = snapshot::prune(&*storage, "dump-{timestamp}", 1, false)?;
/// assert_eq!((report.kept.len(), report.removed.len()), (1, 2));
/// # Ok::<(), exuvia::Error>(())
/// ```
pub fn prune(
    storage: &dyn SnapshotStorage,
    dbfilename: &str,
    retain: u32,
    dry_run: bool,
) -> Result<PruneReport, Error> {
    prune_all_but(&HashSet::new(), storage, dbfilename, retain, dry_run)
}

/// The same, knowing of snapshots that are damaged although they look complete.
fn prune_all_but(
    damaged: &HashSet<SnapshotId>,
    storage: &dyn SnapshotStorage,
    dbfilename: &str,
    retain: u32,
    dry_run: bool,
) -> Result<PruneReport, Error> {
    let in_pages = |form| form == Form::Manifest;
    let listing = catalog::list_forms(storage, Some(dbfilename), in_pages)?;
    let mut report = PruneReport { dry_run, left: listing.damaged, ..PruneReport::default() };
    let mut complete = listing.complete;
    for info in complete.extract_if(.., |info| damaged.contains(&info.manifest.snapshot_id)) {
        let reason = "it could not be loaded".to_owned();
        let error = Error::Corrupt { object: info.object, reason };
        report.left.push(DamagedSnapshot { name: info.name, error });
    }
    let (kept, old) = divide(complete, retain);
    let shared: HashSet<&str> = kept.iter().flat_map(part_names).collect();
    let mut removal = Removal { storage, shared: &shared, report: &mut report };
    let doomed: Vec<SnapshotInfo> = old.into_iter().filter(|old| removal.is_ours(old)).collect();
    if dry_run {
        removal.report.removed = doomed.iter().map(PrunedSnapshot::of).collect();
    } else {
        removal.remove(doomed);
    }
    report.kept = kept.into_iter().map(|info| info.name).collect();
    Ok(report)
}

/// Removes what a store keeps no longer, or tells what that is.
///
/// # Errors
///
/// Those of [`Store::prune`](crate::Store::prune).
pub(crate) fn prune_store(archive: &Archive, dry_run: bool) -> Result<PruneReport, Error> {
    let storage = archive.storage()?;
    archive.check_ready()?;
    let Some(template) = archive.template() else {
        return Err(Error::InvalidOption {
            option: "dbfilename",
            reason: "it is empty, so no snapshot is the store's own".to_owned(),
        });
    };
    // A snapshot that is being loaded is not pulled away.
    let _none = archive.one_load();
    let damaged = archive.damaged();
    prune_all_but(&damaged, &**storage, &template.text, archive.retain(), dry_run)
}

/// Removes what a store keeps no longer, after it has published a snapshot. Whatever goes wrong is
/// only logged: the snapshot is published, and the next one is followed by another attempt.
pub(super) fn after_save(archive: &Archive) {
    let retain = archive.retain();
    let (Ok(storage), Some(template)) = (archive.storage(), archive.template()) else { return };
    if retain == 0 {
        return;
    }
    let Some(_none) = archive.no_load() else {
        tracing::info!("old snapshots stay until the next save, because one is being loaded");
        return;
    };
    // A storage that panics must not keep those waiting who wait for the save.
    let pruned = catch_unwind(AssertUnwindSafe(|| {
        prune_all_but(&archive.damaged(), &**storage, &template.text, retain, false)
    }))
    .unwrap_or_else(|panic| Err(fault::panicked("prune", "old snapshots", &*panic)));
    match pruned {
        Ok(report) => {
            for snapshot in &report.removed {
                tracing::info!(bytes = snapshot.bytes, "removed the old {}", snapshot.name);
            }
            for left in &report.left {
                tracing::warn!("{} stays: {}", left.name, fault::chain(&left.error));
            }
        }
        Err(error) => tracing::warn!("old snapshots stay: {}", fault::chain(&error)),
    }
}

impl PrunedSnapshot {
    fn of(info: &SnapshotInfo) -> Self {
        Self {
            name: info.name.clone(),
            cut_unix_ms: info.manifest.cut_unix_ms,
            records: info.manifest.records(),
            bytes: info.manifest.bytes(),
        }
    }
}

fn part_names(info: &SnapshotInfo) -> impl Iterator<Item = &str> {
    info.manifest.parts.iter().map(|part| part.name.as_str())
}

/// Divides complete snapshots, newest first, into those that stay, newest first, and those that
/// may go, oldest first.
fn divide(complete: Vec<SnapshotInfo>, retain: u32) -> (Vec<SnapshotInfo>, Vec<SnapshotInfo>) {
    if retain == 0 {
        return (complete, Vec::new());
    }
    let mut left = retain;
    let mut has_keys = false;
    // Increments stay, and what they build on: this build cannot tell what they are worth.
    let bases: HashSet<SnapshotId> =
        complete.iter().filter_map(|info| info.manifest.base_id).collect();
    let (kept, mut old): (Vec<_>, Vec<_>) = complete.into_iter().partition(|info| {
        if info.manifest.base_id.is_some() {
            return true;
        }
        let is_new = left > 0;
        left = left.saturating_sub(1);
        let is_last_with_keys = !has_keys && info.manifest.records() > 0;
        has_keys |= is_last_with_keys;
        is_new || is_last_with_keys || bases.contains(&info.manifest.snapshot_id)
    });
    old.reverse();
    (kept, old)
}

/// A removal of snapshots that is under way.
struct Removal<'a> {
    storage: &'a dyn SnapshotStorage,
    /// Parts that a snapshot that stays lists, too.
    shared: &'a HashSet<&'a str>,
    report: &'a mut PruneReport,
}

impl Removal<'_> {
    /// Whether every part begins like the one that the manifest lists. If not it is evidence.
    fn is_ours(&mut self, info: &SnapshotInfo) -> bool {
        let checked = info.manifest.parts.iter().try_for_each(|part| {
            let header = sweep::read_header(self.storage, &part.name)
                .map_err(|error| fault::while_reading(&part.name, error))?;
            if header == part.header {
                return Ok(());
            }
            Err(Error::Corrupt {
                object: part.name.clone(),
                reason: "its header is not the one that the manifest lists".to_owned(),
            })
        });
        self.note(info, checked)
    }

    /// Removes manifests, then, once those are gone for good, parts.
    ///
    /// Parts whose manifest is gone and that could not be removed are swept at a later start.
    fn remove(&mut self, doomed: Vec<SnapshotInfo>) {
        let mut unlisted = doomed;
        unlisted.retain(|info| {
            let removed = self.storage.remove(&info.object).map_err(Error::from);
            self.note(info, removed)
        });
        if unlisted.is_empty() {
            return;
        }
        if let Err(error) = self.storage.sync() {
            tracing::warn!("parts without a manifest stay behind: {}", fault::chain(&error));
            return;
        }
        for info in &unlisted {
            let removed = part_names(info)
                .filter(|name| !self.shared.contains(name))
                .try_for_each(|name| self.storage.remove(name).map_err(Error::from));
            if self.note(info, removed) {
                self.report.removed.push(PrunedSnapshot::of(info));
            }
        }
    }

    /// Passes a success on, and notes a failure in the report.
    fn note(&mut self, info: &SnapshotInfo, result: Result<(), Error>) -> bool {
        match result {
            Ok(()) => true,
            Err(error) => {
                self.report.left.push(DamagedSnapshot { name: info.name.clone(), error });
                false
            }
        }
    }
}
