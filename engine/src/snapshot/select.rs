//! Which snapshot is the newest.

use std::cmp::Reverse;

use super::archive::{Stamp, Template};
use super::fault;
use super::publish::local_time;
use crate::Error;
use crate::format::storage::{SnapshotStorage, StorageErrorKind};
use crate::format::{MANIFEST_BYTES_MAX, Manifest, manifest_name};

/// How far a name may lie behind the best cut and still be of a newer one: a day of time zones
/// and two hours of clocks set back.
const NAME_WINDOW_MS: u64 = 26 * 3600 * 1000;

/// A snapshot that may be loaded, if its manifest is sound.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) base: String,
    /// The manifest, or what is wrong with it.
    pub(super) manifest: Result<Box<Manifest>, Error>,
}

impl Candidate {
    fn stamp(&self) -> Option<Stamp> {
        self.manifest.as_ref().ok().map(|manifest| stamp_of(manifest))
    }
}

pub(super) fn stamp_of(manifest: &Manifest) -> Stamp {
    Stamp { cut_unix_ms: manifest.cut_unix_ms, sequence: manifest.sequence }
}

/// Reads manifests, newest names first, and only as many as it takes to know the newest.
#[derive(Debug)]
pub(super) struct Selection<'s> {
    storage: &'s dyn SnapshotStorage,
    template: &'s Template,
    /// Ascending by name where names follow time.
    unread: Vec<String>,
}

impl<'s> Selection<'s> {
    pub(super) fn new(
        storage: &'s dyn SnapshotStorage,
        template: &'s Template,
        mut bases: Vec<String>,
    ) -> Self {
        bases.sort();
        Self { storage, template, unread: bases }
    }

    /// Base names whose manifests were not read.
    pub(super) fn unread(&self) -> &[String] {
        &self.unread
    }

    /// The next candidates, newest first by (cut time, sequence number); none are left once the
    /// answer is empty. All of them are newer than those of any later call.
    ///
    /// A manifest that cannot be understood stands where its name puts it; if names do not follow
    /// time, before all others, since it may be the newest.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`] if a manifest cannot be read.
    pub(super) fn next_window(&mut self) -> Result<Vec<Candidate>, Error> {
        let mut window: Vec<Candidate> = Vec::new();
        // The oldest name that may belong to a cut newer than the best.
        let mut floor: Option<String> = None;
        while let Some(base) = self.unread.pop() {
            if floor.as_ref().is_some_and(|floor| base < *floor) {
                self.unread.push(base);
                break;
            }
            let Some(candidate) = read(self.storage, base)? else { continue };
            if self.names_follow_time() {
                let best = window.iter().filter_map(Candidate::stamp).max();
                if let Some(stamp) = candidate.stamp().max(best) {
                    let oldest = stamp.cut_unix_ms.saturating_sub(NAME_WINDOW_MS);
                    floor = Some(self.template.names.expand(&local_time(oldest)));
                }
            }
            window.push(candidate);
        }
        Ok(self.order(window))
    }

    /// Whether a later cut has a greater name, give or take a change of the clock.
    fn names_follow_time(&self) -> bool {
        let text = &self.template.text;
        text.find('{').is_some_and(|first| text[first..].starts_with("{timestamp}"))
    }

    fn order(&self, window: Vec<Candidate>) -> Vec<Candidate> {
        let (mut ordered, unclear): (Vec<_>, Vec<_>) =
            window.into_iter().partition(|candidate| candidate.manifest.is_ok());
        ordered.sort_by_key(|candidate| Reverse(candidate.stamp()));
        for candidate in unclear {
            let place = if self.names_follow_time() {
                ordered.iter().position(|sound| sound.base < candidate.base)
            } else {
                Some(0)
            };
            ordered.insert(place.unwrap_or(ordered.len()), candidate);
        }
        ordered
    }
}

/// Reads the manifest of `base`; `None` if it is gone.
///
/// # Errors
///
/// [`Error::Storage`] if it cannot be read. One that can be read but not understood is an answer.
pub(super) fn read(
    storage: &dyn SnapshotStorage,
    base: String,
) -> Result<Option<Candidate>, Error> {
    let name = manifest_name(&base);
    let manifest = match storage.get(&name, MANIFEST_BYTES_MAX) {
        Ok(bytes) => Manifest::decode(&name, &bytes)
            .map(Box::new)
            .map_err(|error| fault::while_reading(&name, error)),
        Err(error) if error.kind() == StorageErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == StorageErrorKind::TooLarge => Err(Error::Corrupt {
            object: name,
            reason: format!("it is longer than any manifest ({MANIFEST_BYTES_MAX} bytes)"),
        }),
        Err(error) => return Err(error.into()),
    };
    Ok(Some(Candidate { base, manifest }))
}
