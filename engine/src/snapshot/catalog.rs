//! What snapshots a storage holds, and whether they are sound: for operators and offline tools.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::archive::Template;
use super::load::{manifest_of, named};
use super::progress::Meter;
use super::restore::{self, PartSink, Sink, check_name};
use super::select::{Candidate, Content, Form, read_named, stamp_of};
use super::survey::Survey;
use super::{fault, sweep};
use crate::format::storage::SnapshotStorage;
use crate::format::{DamagedPage, FormatError, Manifest, Record, manifest_name};
use crate::{Collection, Error};

/// A snapshot and its manifest.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SnapshotInfo {
    /// Base name.
    pub name: String,
    /// Name of the manifest's object.
    pub object: String,
    /// What the manifest says: cut, totals, parts.
    pub manifest: Manifest,
}

/// A snapshot that cannot be loaded.
#[derive(Debug)]
#[non_exhaustive]
pub struct DamagedSnapshot {
    /// Base name.
    pub name: String,
    /// What is wrong with it.
    pub error: Error,
}

/// The snapshots of a storage.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Listing {
    /// Those whose manifest is sound and whose parts are all there, newest first.
    pub complete: Vec<SnapshotInfo>,
    /// Those with a damaged manifest, or with parts that are missing or cut short.
    pub damaged: Vec<DamagedSnapshot>,
    /// Names of saves that never published their manifest.
    pub unfinished: Vec<String>,
    /// Files in other formats, newest first; none without the feature `rdb`.
    pub foreign: Vec<ForeignInfo>,
}

/// A snapshot in another format: an RDB file, or a Dragonfly snapshot.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ForeignInfo {
    /// Name of an RDB file with its extension, base name of a Dragonfly snapshot.
    pub name: String,
    /// Name of the object that says what it is.
    pub object: String,
    /// The format, and its version if it has one.
    pub format: String,
    /// What wrote it, if it says so.
    pub written_by: Option<String>,
    /// When it was written, if it says so.
    pub cut_unix_ms: Option<u64>,
    /// Length of that object.
    pub object_bytes: u64,
}

/// What reading a whole snapshot found.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Verification {
    /// Records that could be read.
    pub records: u64,
    /// Bytes of keys and values that could be read.
    pub data_bytes: u64,
    /// What is wrong, page by page where a page is to blame: part, page, offset and reason.
    pub damages: Vec<Error>,
}

impl Verification {
    /// Whether every page could be read and agrees with the manifest.
    pub fn is_sound(&self) -> bool {
        self.damages.is_empty()
    }
}

/// Lists the snapshots in `storage` whose name `dbfilename` matches, or all if there is none.
///
/// Reads every manifest but no part: whether the pages are sound is for [`verify`] to find out.
///
/// # Errors
///
/// [`Error::InvalidOption`] if `dbfilename` is no name of a snapshot, [`Error::Storage`] if the
/// storage cannot be read.
pub fn list(storage: &dyn SnapshotStorage, dbfilename: Option<&str>) -> Result<Listing, Error> {
    list_forms(storage, dbfilename, |_| true)
}

/// The same of snapshots of those forms alone that are `wanted`.
pub(super) fn list_forms(
    storage: &dyn SnapshotStorage,
    dbfilename: Option<&str>,
    wanted: impl Fn(Form) -> bool,
) -> Result<Listing, Error> {
    let template = dbfilename.map(Template::parse).transpose()?;
    let survey = Survey::take(storage, template.as_ref().map(|template| &template.names))?;
    // A manifest may list parts of another base name, so all of them count.
    let lengths: HashMap<&str, u64> =
        survey.parts.iter().map(|part| (part.object.name.as_str(), part.object.bytes)).collect();
    let mut listing = Listing::default();
    let mut listed = sweep::Listed::default();
    for (base, form) in survey.candidates.iter().filter(|(_, form)| wanted(*form)) {
        let Some(Candidate { base, content }) = read_named(storage, base.clone(), *form)? else {
            continue;
        };
        match content {
            #[cfg(feature = "rdb")]
            Ok(Content::Foreign(foreign)) => listing.foreign.push(foreign.info(storage)?),
            #[cfg(feature = "rdb")]
            Err(error) if *form == Form::Rdb => {
                let name = crate::format::rdb_name(&base);
                listing.damaged.push(DamagedSnapshot { name, error });
            }
            Ok(Content::Pages(manifest)) => {
                listed.parts.extend(manifest.parts.iter().map(|part| part.name.clone()));
                match check_listed(&manifest, &lengths) {
                    Ok(()) => listing.complete.push(info_of(base, *manifest)),
                    Err(error) => listing.damaged.push(DamagedSnapshot { name: base, error }),
                }
            }
            Err(error) => {
                listed.unclear.push(base.clone());
                listing.damaged.push(DamagedSnapshot { name: base, error });
            }
        }
    }
    listing.complete.sort_by_key(|info| std::cmp::Reverse(stamp_of(&info.manifest)));
    listing.foreign.sort_by_key(|info| std::cmp::Reverse(info.cut_unix_ms));
    listing.damaged.sort_by(|a, b| b.name.cmp(&a.name));
    listing.unfinished = sweep::unfinished(&survey, &listed);
    Ok(listing)
}

/// Reads the manifest of the snapshot `name`.
///
/// Its totals tell how much memory a load will need.
///
/// # Errors
///
/// [`Error::Storage`] of kind `NotFound` if there is none of that name, [`Error::Corrupt`] if its
/// manifest is damaged.
pub fn info(storage: &dyn SnapshotStorage, name: &str) -> Result<SnapshotInfo, Error> {
    manifest_of(storage, name).map(|manifest| info_of(name.to_owned(), *manifest))
}

/// Bytes of memory that loading the snapshot `name` will take, estimated; `name` may also be that
/// of an RDB file, with its extension, or of a Dragonfly snapshot.
///
/// # Errors
///
/// [`Error::Storage`] of kind `NotFound` if there is none of that name, [`Error::Corrupt`] if what
/// it says of itself is damaged.
pub fn memory_hint(storage: &dyn SnapshotStorage, name: &str) -> Result<u64, Error> {
    match named(storage, name)?.content? {
        Content::Pages(manifest) => {
            Ok(manifest.raw_bytes() + manifest.records() * ENTRY_OVERHEAD_BYTES)
        }
        #[cfg(feature = "rdb")]
        Content::Foreign(foreign) => foreign.memory_hint(storage),
    }
}

/// What an entry takes in memory besides key and value.
const ENTRY_OVERHEAD_BYTES: u64 = 30;

/// Reads every page of the snapshot `name` and checks it, using about `buffer_bytes` of memory.
///
/// Damage does not end it: all damaged pages are named.
///
/// # Errors
///
/// Those of [`info`], and [`Error::Storage`] if a part that is there cannot be read.
pub fn verify(
    storage: &dyn SnapshotStorage,
    name: &str,
    buffer_bytes: usize,
) -> Result<Verification, Error> {
    let manifest = manifest_of(storage, name)?;
    let auditor = Auditor(Mutex::new(Verification::default()));
    restore::read_parts(storage, &manifest, buffer_bytes, &Meter::new(), &auditor)?;
    let mut found = auditor.0.into_inner().unwrap_or_else(PoisonError::into_inner);
    let expected = manifest.records();
    if found.is_sound() && found.records != expected {
        found.damages.push(Error::Corrupt {
            object: manifest_name(name),
            reason: format!(
                "its parts hold {} records, the manifest says {expected}",
                found.records
            ),
        });
    }
    found.damages.sort_by_key(ToString::to_string);
    Ok(found)
}

fn info_of(name: String, manifest: Manifest) -> SnapshotInfo {
    SnapshotInfo { object: manifest_name(&name), name, manifest }
}

/// Refuses a manifest whose parts are not all there in their full length.
fn check_listed(manifest: &Manifest, lengths: &HashMap<&str, u64>) -> Result<(), Error> {
    for part in &manifest.parts {
        check_name(&part.name)?;
        restore::check_length(part, lengths.get(part.name.as_str()).copied())?;
    }
    Ok(())
}

/// Counts what is sound and collects what is not.
struct Auditor(Mutex<Verification>);

impl Auditor {
    fn with(&self, change: impl FnOnce(&mut Verification)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Sink for Auditor {
    fn part(&self) -> Box<dyn PartSink + '_> {
        Box::new(AuditorPart { auditor: self, records: 0, data_bytes: 0 })
    }

    fn damaged(&self, page: DamagedPage) -> Result<(), Error> {
        let error = fault::while_reading("", FormatError::Page(page));
        self.with(|found| found.damages.push(error));
        Ok(())
    }

    fn broken(&self, error: Error) -> Result<(), Error> {
        if !error.is_corruption() {
            return Err(error);
        }
        self.with(|found| found.damages.push(error));
        Ok(())
    }
}

struct AuditorPart<'a> {
    auditor: &'a Auditor,
    records: u64,
    data_bytes: u64,
}

impl PartSink for AuditorPart<'_> {
    fn record(&mut self, record: &Record<'_>) -> Result<(), Error> {
        self.unbuilt(record.bytes());
        Ok(())
    }

    fn collection(&mut self, _: &Record<'_>, _: Collection) -> Result<(), Error> {
        Ok(())
    }

    /// Damage shows in the pages; what is checked is not kept in memory.
    fn builds_collections(&self) -> bool {
        false
    }

    fn unbuilt(&mut self, record_bytes: u64) {
        self.records += 1;
        self.data_bytes += record_bytes;
    }
}

impl Drop for AuditorPart<'_> {
    fn drop(&mut self) {
        self.auditor.with(|found| {
            found.records += self.records;
            found.data_bytes += self.data_bytes;
        });
    }
}
