//! Reading all that is sound of a snapshot, and telling what is not.

use std::io;

use exuvia::format::storage::{SnapshotStorage, StorageErrorKind};
use exuvia::format::{
    DamagedPage, FormatError, Manifest, Page, PageContent, PartEntry, PartReader, PartSalvage,
    ReadHint, Record, RecordAssembler,
};

use super::bar::Bar;
use super::json::Object;
use crate::command::describe;

/// Something that cannot be read.
#[derive(Debug)]
pub(super) enum Damage {
    Page(DamagedPage),
    /// A part that cannot be read, or not beyond some page.
    Part {
        name: String,
        reason: String,
    },
}

/// What reading a snapshot came to.
#[derive(Debug, Default)]
pub(super) struct Audit {
    pub(super) records: u64,
    pub(super) pages: u64,
    pub(super) damages: Vec<Damage>,
}

impl Audit {
    /// Keys that the manifest lists and that could not be read.
    pub(super) fn lost(&self, manifest: &Manifest) -> u64 {
        manifest.records().saturating_sub(self.records)
    }

    /// Whether everything was there.
    pub(super) fn is_sound(&self, manifest: &Manifest) -> bool {
        self.damages.is_empty() && self.records == manifest.records()
    }
}

impl Damage {
    /// One line for people.
    pub(super) fn line(&self) -> String {
        match self {
            Self::Page(page) => page.to_string(),
            Self::Part { name, reason } => format!("{name}: {reason}"),
        }
    }

    /// The same for machines.
    pub(super) fn object(&self) -> Object {
        match self {
            Self::Page(page) => Object::new()
                .string("part", &page.part)
                .number("page", page.page)
                .number("offset", page.offset)
                .number("database", page.database)
                .string("first_hash", &format!("{:016x}", page.hashes.first))
                .string("last_hash", &format!("{:016x}", page.hashes.last))
                .string("reason", &page.fault.to_string()),
            Self::Part { name, reason } => {
                Object::new().string("part", name).string("reason", reason)
            }
        }
    }
}

/// Reads every part that `manifest` lists, in order, and hands each sound record to `take`.
///
/// # Errors
///
/// The first error of `take`; what is damaged or missing is no error.
pub(super) fn read(
    storage: &dyn SnapshotStorage,
    manifest: &Manifest,
    bar: &mut Bar,
    take: &mut dyn FnMut(&Record<'_>) -> io::Result<()>,
) -> io::Result<Audit> {
    let mut audit = Audit::default();
    let mut bytes_before = 0;
    for part in &manifest.parts {
        let mut show = |bytes: u64| bar.show(bytes_before + bytes);
        audit.read_part(storage, part, &mut show, take)?;
        bytes_before += part.bytes;
    }
    Ok(audit)
}

/// The pages of a part.
enum Pages {
    /// As its index has them.
    Indexed(Box<PartReader>),
    /// As they are found, since the index is not to be trusted.
    Found(Box<PartSalvage>),
}

impl Pages {
    fn next(&mut self) -> Result<Option<Page<'_>>, FormatError> {
        match self {
            Self::Indexed(reader) => reader.next_page(),
            Self::Found(salvage) => salvage.next_page(),
        }
    }

    fn bytes_passed(&self) -> u64 {
        match self {
            Self::Indexed(reader) => reader.bytes_passed(),
            Self::Found(salvage) => salvage.bytes_passed(),
        }
    }
}

impl Audit {
    /// Opens a part, by its pages alone if the rest of it is damaged; `None` if it is not there.
    fn open(&mut self, storage: &dyn SnapshotStorage, part: &PartEntry) -> Option<Pages> {
        let error = match PartReader::open(storage, part, ReadHint::default()) {
            Ok(reader) => return Some(Pages::Indexed(Box::new(reader))),
            Err(error) => error,
        };
        let is_there = !matches!(error, FormatError::Storage(_));
        self.damaged(part, error);
        let salvage = is_there.then(|| PartSalvage::open(storage, part))?;
        salvage
            .map_err(|error| self.damaged(part, error))
            .ok()
            .map(|found| Pages::Found(Box::new(found)))
    }

    fn read_part(
        &mut self,
        storage: &dyn SnapshotStorage,
        part: &PartEntry,
        show: &mut dyn FnMut(u64),
        take: &mut dyn FnMut(&Record<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        let Some(mut pages) = self.open(storage, part) else { return Ok(()) };
        let assemble = || RecordAssembler::new(part.header.hash_seed, part.raw_bytes);
        let mut assembler = assemble();
        loop {
            match pages.next() {
                Ok(Some(page)) => {
                    self.pages += 1;
                    match page.content() {
                        PageContent::Records(records) => {
                            for record in records.clone() {
                                take(&record)?;
                                self.records += 1;
                            }
                        }
                        PageContent::Piece(piece) => match assembler.push(piece) {
                            Ok(None) => {}
                            Ok(Some(record)) => {
                                take(&record)?;
                                self.records += 1;
                            }
                            Err(error) => self.damaged(part, error),
                        },
                    }
                }
                Ok(None) => return Ok(()),
                Err(FormatError::Page(page)) => {
                    self.damages.push(Damage::Page(page));
                    // The long record that the page belonged to is lost with it.
                    assembler = assemble();
                }
                Err(error) => {
                    self.damaged(part, error);
                    return Ok(());
                }
            }
            show(pages.bytes_passed());
        }
    }

    fn damaged(&mut self, part: &PartEntry, error: FormatError) {
        let reason = match error {
            FormatError::Part { fault, .. } => fault.to_string(),
            FormatError::Storage(error) if error.kind() == StorageErrorKind::NotFound => {
                "it is missing".to_owned()
            }
            error => describe(&error),
        };
        self.damages.push(Damage::Part { name: part.name.clone(), reason });
    }
}
