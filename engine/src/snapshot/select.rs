//! Which snapshot is the newest.

use std::cmp::Reverse;

use super::archive::{Stamp, Template};
use super::fault;
use super::publish::local_time;
use crate::Error;
use crate::format::storage::{SnapshotStorage, StorageErrorKind};
use crate::format::{FormatError, MANIFEST_BYTES_MAX, Manifest, manifest_name};

/// How far a name may lie behind the best cut and still be of a newer one: a day of time zones
/// and two hours of clocks set back.
const NAME_WINDOW_MS: u64 = 26 * 3600 * 1000;

/// What the name of a candidate says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Form {
    /// A manifest, and the parts that it lists.
    Manifest,
    /// One file in Redis's format.
    #[cfg(feature = "rdb")]
    Rdb,
}

/// The base name of a candidate, and its form.
pub(super) type Named = (String, Form);

/// A snapshot that may be loaded, if what it says of itself is sound.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) base: String,
    /// What it is, or what is wrong with it.
    pub(super) content: Result<Content, Error>,
}

/// What a candidate is.
#[derive(Debug)]
pub(super) enum Content {
    /// Pages, which this manifest lists.
    Pages(Box<Manifest>),
    /// A snapshot in another format.
    #[cfg(feature = "rdb")]
    Foreign(Box<super::rdb::Foreign>),
}

impl Content {
    fn stamp(&self) -> Stamp {
        match self {
            Self::Pages(manifest) => stamp_of(manifest),
            #[cfg(feature = "rdb")]
            Self::Foreign(foreign) => foreign.stamp(),
        }
    }

    /// The manifest, if it is in pages.
    #[cfg_attr(
        not(feature = "rdb"),
        expect(clippy::unnecessary_wraps, reason = "without the feature all are in pages")
    )]
    pub(super) fn manifest(&self) -> Option<&Manifest> {
        match self {
            Self::Pages(manifest) => Some(manifest),
            #[cfg(feature = "rdb")]
            Self::Foreign(_) => None,
        }
    }
}

impl Candidate {
    pub(super) fn stamp(&self) -> Option<Stamp> {
        self.content.as_ref().ok().map(Content::stamp)
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
    unread: Vec<Named>,
}

impl<'s> Selection<'s> {
    pub(super) fn new(
        storage: &'s dyn SnapshotStorage,
        template: &'s Template,
        mut named: Vec<Named>,
    ) -> Self {
        named.sort();
        Self { storage, template, unread: named }
    }

    /// Base names whose manifests were not read.
    pub(super) fn unread(&self) -> impl Iterator<Item = &String> {
        self.unread.iter().filter(|(_, form)| *form == Form::Manifest).map(|(base, _)| base)
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
        while let Some((base, form)) = self.unread.pop() {
            if floor.as_ref().is_some_and(|floor| base < *floor) {
                self.unread.push((base, form));
                break;
            }
            let Some(candidate) = read_named(self.storage, base, form)? else { continue };
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
            window.into_iter().partition(|candidate| candidate.content.is_ok());
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

/// Reads what the candidate says of itself; `None` if it is gone.
pub(super) fn read_named(
    storage: &dyn SnapshotStorage,
    base: String,
    form: Form,
) -> Result<Option<Candidate>, Error> {
    match form {
        Form::Manifest => read(storage, base),
        #[cfg(feature = "rdb")]
        Form::Rdb => read_rdb(storage, base),
    }
}

/// Reads what the RDB file of `base` says of itself; `None` if it is gone.
///
/// # Errors
///
/// Those of [`read`].
#[cfg(feature = "rdb")]
pub(super) fn read_rdb(
    storage: &dyn SnapshotStorage,
    base: String,
) -> Result<Option<Candidate>, Error> {
    let read = super::rdb::read_rdb(storage, &base)?;
    Ok(read.map(|foreign| Candidate {
        base,
        content: foreign.map(|foreign| Content::Foreign(Box::new(foreign))),
    }))
}

/// Reads the manifest of `base`, or the summary that Dragonfly has under the same name; `None` if
/// it is gone.
///
/// # Errors
///
/// [`Error::Storage`] if it cannot be read. One that can be read but not understood is an answer.
pub(super) fn read(
    storage: &dyn SnapshotStorage,
    base: String,
) -> Result<Option<Candidate>, Error> {
    let name = manifest_name(&base);
    let content = match storage.get(&name, MANIFEST_BYTES_MAX) {
        #[cfg(feature = "rdb")]
        Ok(bytes) if super::rdb::Foreign::is_summary(&bytes) => {
            super::rdb::Foreign::dragonfly(&base, name, &bytes)
                .map(|foreign| Content::Foreign(Box::new(foreign)))
        }
        Ok(bytes) => decode_or_reread(storage, &name, &bytes)
            .map(|manifest| Content::Pages(Box::new(manifest)))
            .map_err(|error| fault::while_reading(&name, error)),
        Err(error) if error.kind() == StorageErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == StorageErrorKind::TooLarge => Err(Error::Corrupt {
            object: name,
            reason: format!("it is longer than any manifest ({MANIFEST_BYTES_MAX} bytes)"),
        }),
        Err(error) => return Err(error.into()),
    };
    Ok(Some(Candidate { base, content }))
}

/// Decodes a manifest; one that cannot be understood is read once more, since the way from the
/// storage may have damaged what is sound there.
fn decode_or_reread(
    storage: &dyn SnapshotStorage,
    name: &str,
    bytes: &[u8],
) -> Result<Manifest, FormatError> {
    let error = match Manifest::decode(name, bytes) {
        Err(error) => error,
        manifest => return manifest,
    };
    match storage.get(name, MANIFEST_BYTES_MAX) {
        Ok(second) if second != *bytes => Manifest::decode(name, &second),
        Ok(_) | Err(_) => Err(error),
    }
}
