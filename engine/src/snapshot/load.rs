//! Loading a snapshot into a store.

use std::sync::Arc;
use std::thread;
use std::time::Instant;

use super::archive::{Archive, Template};
use super::patience::Patience;
use super::restore::{self, check_present, is_unreadable};
use super::select::{Candidate, Content, Selection, read};
use super::sink::{Checking, Counts, Merging, Staging};
use super::survey::Survey;
use super::sweep::{self, Listed};
use super::{LoadReport, fault};
use crate::format::storage::{SnapshotStorage, StorageError, StorageErrorKind};
use crate::format::{HashSeed, Manifest, SnapshotFile, SnapshotFileKind, manifest_name};
use crate::store::{Inner, Staged};
use crate::{Error, LoadMode};

/// Loads the newest snapshot of the store's own storage as its options say, and declares the
/// store ready, or unfit for saving.
///
/// # Errors
///
/// [`Error::Storage`] if the storage could not be read for as long as the options allow,
/// [`Error::Corrupt`] if no snapshot is sound, or the newest is not in strict mode,
/// [`Error::TooFewDatabases`].
pub(crate) fn at_open(inner: &Arc<Inner>) -> Result<LoadReport, Error> {
    let archive = inner.archive();
    let _one = archive.one_load();
    let started = Instant::now();
    let result = match (archive.storage(), archive.template()) {
        (Ok(storage), Some(template)) => patiently(archive, || {
            Opening { inner, archive, storage: &**storage, template: &template }.open()
        }),
        (Err(_), _) | (Ok(_), None) => Ok(LoadReport::default()),
    };
    match result {
        Ok(mut report) => {
            report.duration = started.elapsed();
            archive.loaded(&report, inner.snapshot()?.changes_at_cut());
            Ok(report)
        }
        Err(error) => {
            tracing::error!("loading failed: {}", fault::chain(&error));
            archive.load_failed(&error);
            Err(error)
        }
    }
}

/// Repeats `attempt` while the storage cannot be read, as long as the archive has patience.
fn patiently<T>(
    archive: &Archive,
    mut attempt: impl FnMut() -> Result<T, Error>,
) -> Result<T, Error> {
    let mut patience = Patience::new(archive.load_patience);
    loop {
        let error = match attempt() {
            Err(error) if is_unreadable(&error) && !archive.is_closed() => error,
            other => return other,
        };
        let Some(pause) = patience.next_pause(Instant::now()) else { return Err(error) };
        tracing::warn!("snapshots cannot be read, trying again: {}", fault::chain(&error));
        thread::sleep(pause);
    }
}

/// One attempt to find and load the newest snapshot.
struct Opening<'a> {
    inner: &'a Inner,
    archive: &'a Archive,
    storage: &'a dyn SnapshotStorage,
    template: &'a Template,
}

impl Opening<'_> {
    fn open(&self) -> Result<LoadReport, Error> {
        if self.archive.load_mode == LoadMode::Off {
            return Ok(self.look());
        }
        let survey = Survey::take(self.storage, Some(&self.template.names))?;
        let mut selection = Selection::new(self.storage, self.template, survey.candidates.clone());
        let mut listed = Listed::default();
        let mut rejected = Vec::new();
        let mut report = None;
        while report.is_none() {
            let window = selection.next_window()?;
            if window.is_empty() {
                break;
            }
            for candidate in &window {
                self.notice(candidate, &mut listed);
            }
            report = self.first_sound(window, &mut rejected)?;
        }
        let mut report = match (report, rejected.into_iter().next()) {
            (Some(report), _) => report,
            // The newest one's fault is the most telling; the others' are in the log.
            (None, Some(newest)) => return Err(newest),
            (None, None) => self.empty(&survey),
        };
        listed.unclear.extend(selection.unread().cloned());
        report.unfinished = sweep::unfinished(&survey, &listed);
        for base in &report.unfinished {
            tracing::warn!("{base} was never finished: its parts have no manifest");
        }
        report.swept = sweep::sweep(self.archive, self.storage, &survey, &listed);
        let names = &self.template.names;
        report.swept.extend(sweep::sweep_unfinished(self.archive, self.storage, names));
        report.near_misses = survey.near_misses;
        Ok(report)
    }

    /// Looks at what there is without loading it, so that later cuts are later.
    fn look(&self) -> LoadReport {
        let looked = Survey::take(self.storage, Some(&self.template.names)).and_then(|survey| {
            let mut selection = Selection::new(self.storage, self.template, survey.candidates);
            for candidate in selection.next_window()? {
                self.notice(&candidate, &mut Listed::default());
            }
            Ok(())
        });
        if let Err(error) = looked {
            // Nothing was to be loaded, so nothing is lost by starting empty.
            tracing::warn!("nobody knows which snapshots there are: {}", fault::chain(&error));
        }
        LoadReport::default()
    }

    fn notice(&self, candidate: &Candidate, listed: &mut Listed) {
        if let Some(stamp) = candidate.stamp() {
            self.archive.note(stamp);
        }
        match candidate.content.as_ref().map(Content::manifest) {
            Ok(None) => {}
            Ok(Some(manifest)) => {
                listed.parts.extend(manifest.parts.iter().map(|part| part.name.clone()));
            }
            Err(_) => listed.unclear.push(candidate.base.clone()),
        }
    }

    fn empty(&self, survey: &Survey) -> LoadReport {
        // Left out where there is none.
        let near_misses = (!survey.near_misses.is_empty()).then_some(&survey.near_misses);
        tracing::info!(
            near_misses = near_misses.map(tracing::field::debug),
            "no snapshot named like {:?} in {}, starting empty",
            self.template.text,
            self.storage.location()
        );
        LoadReport::default()
    }

    /// Loads the first of `window` that is sound and notes what is wrong with those before it.
    fn first_sound(
        &self,
        window: Vec<Candidate>,
        rejected: &mut Vec<Error>,
    ) -> Result<Option<LoadReport>, Error> {
        for candidate in window {
            let base = candidate.base.clone();
            let manifest = candidate.content.as_ref().ok().and_then(Content::manifest);
            let id = manifest.map(|manifest| manifest.snapshot_id);
            match self.load(candidate) {
                Ok(mut report) => {
                    report.rejected = rejected.iter().map(|error| fault::chain(error)).collect();
                    return Ok(Some(report));
                }
                Err(error) if error.is_corruption() => {
                    if self.archive.load_mode == LoadMode::Strict {
                        return Err(error);
                    }
                    tracing::error!("{base} cannot be loaded: {}", fault::chain(&error));
                    rejected.push(error);
                    self.archive.note_damaged(id);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    fn load(&self, candidate: Candidate) -> Result<LoadReport, Error> {
        let Candidate { base, content } = candidate;
        #[cfg_attr(
            not(feature = "rdb"),
            expect(clippy::infallible_destructuring_match, reason = "one form is left")
        )]
        let manifest = match content? {
            Content::Pages(manifest) => manifest,
            #[cfg(feature = "rdb")]
            Content::Foreign(foreign) => {
                return super::rdb::replace(self.inner, self.storage, &foreign);
            }
        };
        let error = match replace(self.inner, self.storage, &base, &manifest) {
            Err(error) if error.is_corruption() => error,
            result => return result,
        };
        // A neighbour may have replaced the snapshot under its name meanwhile.
        let again = read(self.storage, base.clone())?;
        let same = again.is_some_and(|again| {
            let again = again.content.as_ref().ok().and_then(Content::manifest);
            again == Some(&*manifest)
        });
        if !same {
            return Err(changed(self.storage, error));
        }
        // The way from the storage may have damaged what is sound there. Whoever goes on with an
        // older snapshot loses writes, so that has to be ruled out.
        tracing::warn!("{base} is damaged or was on its way: {}", fault::chain(&error));
        replace(self.inner, self.storage, &base, &manifest)
    }
}

fn changed(storage: &dyn SnapshotStorage, error: Error) -> Error {
    StorageError::new(StorageErrorKind::Changed, "load from", storage.location(), error).into()
}

/// Loads the snapshot `name` of `storage`, and swaps it in or, with `append`, merges it.
///
/// Without `append` a failure leaves the data as it was. With it the whole snapshot is read and
/// checked first, so only a storage that fails between the two readings can leave part of it.
///
/// # Errors
///
/// [`Error::Storage`] if there is no such snapshot or it cannot be read, [`Error::Corrupt`],
/// [`Error::TooFewDatabases`].
pub(crate) fn by_name(
    inner: &Arc<Inner>,
    storage: &dyn SnapshotStorage,
    name: &str,
    append: bool,
) -> Result<LoadReport, Error> {
    let archive = inner.archive();
    let _one = archive.one_load();
    let started = Instant::now();
    let candidate = named(storage, name)?;
    let stamp = candidate.stamp();
    let mut report = match (candidate.content?, append) {
        (Content::Pages(manifest), true) => merge(inner, storage, name, &manifest)?,
        (Content::Pages(manifest), false) => replace(inner, storage, name, &manifest)?,
        #[cfg(feature = "rdb")]
        (Content::Foreign(foreign), true) => super::rdb::merge(inner, storage, &foreign)?,
        #[cfg(feature = "rdb")]
        (Content::Foreign(foreign), false) => super::rdb::replace(inner, storage, &foreign)?,
    };
    if let Some(stamp) = stamp {
        archive.note(stamp);
    }
    report.duration = started.elapsed();
    archive.reloaded(&report);
    Ok(report)
}

/// Reads the manifest of the snapshot `name`.
///
/// # Errors
///
/// [`Error::Storage`] of kind `NotFound` if there is none, [`Error::Corrupt`] if it is damaged.
pub(super) fn manifest_of(
    storage: &dyn SnapshotStorage,
    name: &str,
) -> Result<Box<Manifest>, Error> {
    match named(storage, name)?.content? {
        Content::Pages(manifest) => Ok(manifest),
        #[cfg(feature = "rdb")]
        Content::Foreign(_) => Err(Error::Unsupported {
            object: name.to_owned(),
            reason: "it is a snapshot of another engine, which has no manifest".to_owned(),
        }),
    }
}

/// Finds the snapshot `name`: the RDB file of that name if it ends like one, else that of the
/// manifest, or of Dragonfly's summary.
pub(super) fn named(storage: &dyn SnapshotStorage, name: &str) -> Result<Candidate, Error> {
    #[cfg(feature = "rdb")]
    if let Some(SnapshotFile { base, kind: SnapshotFileKind::Rdb, temporary: false }) =
        SnapshotFile::parse(name)
    {
        let found = super::select::read_rdb(storage, base.to_owned())?;
        return found.ok_or_else(|| no_such_snapshot(storage, name));
    }
    let object = manifest_name(name);
    let plain = SnapshotFile::parse(&object).is_some_and(|file| {
        file.base == name && !file.temporary && file.kind == SnapshotFileKind::Manifest
    });
    if !plain {
        return Err(fault::invalid("open", &object, "no snapshot can have that name"));
    }
    let found = read(storage, name.to_owned())?;
    found.ok_or_else(|| no_such_snapshot(storage, &object))
}

fn no_such_snapshot(storage: &dyn SnapshotStorage, object: &str) -> Error {
    let object = format!("{}/{object}", storage.location());
    let reason = "there is no such snapshot";
    StorageError::new(StorageErrorKind::NotFound, "open", object, reason).into()
}

/// Loads aside and swaps in.
fn replace(
    inner: &Inner,
    storage: &dyn SnapshotStorage,
    base: &str,
    manifest: &Manifest,
) -> Result<LoadReport, Error> {
    let bytes = admit(inner.archive(), storage, base, manifest)?;
    let staged = match stage(inner, storage, base, manifest, manifest.hash_seed, bytes) {
        // Keys that collide by the seed in the manifest were chosen by someone: they do not by
        // a seed that nobody knows.
        Err(Error::HashCollisions) => {
            let seed = HashSeed(random_seed()?);
            stage(inner, storage, base, manifest, seed, bytes)
        }
        staged => staged,
    };
    let (staged, counts) = match staged {
        Err(error @ Error::HashCollisions) => return Err(corrupt(base, &error.to_string())),
        staged => staged?,
    };
    inner.swap_in(staged);
    Ok(report(base, manifest, bytes, counts))
}

/// Loads into fresh keyspaces whose keys are hashed by `seed`.
///
/// # Errors
///
/// [`Error::HashCollisions`] if many keys have one hash, besides those of loading.
fn stage(
    inner: &Inner,
    storage: &dyn SnapshotStorage,
    base: &str,
    manifest: &Manifest,
    seed: HashSeed,
    bytes: u64,
) -> Result<(Staged, Counts), Error> {
    let archive = inner.archive();
    let progress = archive.begin_load();
    progress.meter.expect(manifest.records(), bytes);
    let staged = inner.stage(seed.0);
    if manifest.database_max() == 0 {
        // A record takes a few bytes at least, whatever the manifest says.
        staged.reserve(&[(0, manifest.records().min(bytes / 4))]);
    }
    let rehash = (seed != manifest.hash_seed).then_some(seed);
    let sink = Staging::new(&staged, rehash, archive.clock.unix_ms());
    restore::read_parts(storage, manifest, archive.buffer_bytes, &progress.meter, &sink)?;
    let counts = sink.counts();
    check_totals(base, manifest, counts)?;
    Ok((staged, counts))
}

/// Reads everything once to check it and once more to set it.
fn merge(
    inner: &Arc<Inner>,
    storage: &dyn SnapshotStorage,
    base: &str,
    manifest: &Manifest,
) -> Result<LoadReport, Error> {
    let archive = inner.archive();
    let bytes = admit(archive, storage, base, manifest)?;
    let progress = archive.begin_load();
    progress.meter.expect(manifest.records().saturating_mul(2), bytes.saturating_mul(2));
    let now = archive.clock.unix_ms();
    let checking = Checking::new(now);
    restore::read_parts(storage, manifest, archive.buffer_bytes, &progress.meter, &checking)?;
    check_totals(base, manifest, checking.counts())?;
    let merging = Merging::new(inner, manifest.database_max(), now)?;
    restore::read_parts(storage, manifest, archive.buffer_bytes, &progress.meter, &merging)?;
    Ok(report(base, manifest, bytes, merging.counts()))
}

/// Refuses a snapshot that is not whole or not for this store, before anything is read. Returns
/// the bytes of its parts.
fn admit(
    archive: &Archive,
    storage: &dyn SnapshotStorage,
    base: &str,
    manifest: &Manifest,
) -> Result<u64, Error> {
    if manifest.base_id.is_some() {
        return Err(corrupt(base, "it is an increment of another snapshot"));
    }
    let database = u32::from(manifest.database_max());
    if manifest.records() > 0 && database >= u32::from(archive.databases) {
        return Err(Error::TooFewDatabases { database, needed: database + 1 });
    }
    check_present(storage, manifest)
}

fn check_totals(base: &str, manifest: &Manifest, counts: Counts) -> Result<(), Error> {
    let found = counts.stored + counts.expired;
    let expected = manifest.records();
    if found == expected {
        return Ok(());
    }
    Err(corrupt(base, &format!("its parts hold {found} records, the manifest says {expected}")))
}

fn corrupt(base: &str, reason: &str) -> Error {
    Error::Corrupt { object: manifest_name(base), reason: reason.to_owned() }
}

fn report(base: &str, manifest: &Manifest, bytes: u64, counts: Counts) -> LoadReport {
    LoadReport {
        name: Some(base.to_owned()),
        records: counts.stored,
        expired: counts.expired,
        bytes,
        cut_unix_ms: manifest.cut_unix_ms,
        ..LoadReport::default()
    }
}

fn random_seed() -> Result<u64, Error> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| {
        StorageError::new(StorageErrorKind::Io, "draw", "a hash seed", error.to_string())
    })?;
    Ok(u64::from_le_bytes(bytes))
}
