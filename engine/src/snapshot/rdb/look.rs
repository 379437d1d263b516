//! Files of other formats for those who only look at them.

use super::super::catalog::ForeignInfo;
use super::super::load::named;
use super::super::progress::Meter;
use super::super::select::Content;
use super::Foreign;
use super::foreign::Layout;
use super::load::Reading;
use super::loader::Place;
use crate::format::storage::SnapshotStorage;
use crate::{Error, Expiry, Item, SavePhase};

/// A key of a file in another format.
#[derive(Debug)]
#[non_exhaustive]
pub struct ForeignKey<'k> {
    /// Number of its database.
    pub database: u16,
    /// The key.
    pub key: &'k [u8],
    /// What it holds; fields of a hash that have expired are among them.
    pub item: Item,
    /// When it expires, or expired.
    pub expiry: Expiry,
    /// Bytes of the files that have been read by now.
    pub bytes_done: u64,
}

impl Foreign {
    /// What an operator may want to know of it.
    pub(crate) fn info(&self, storage: &dyn SnapshotStorage) -> Result<ForeignInfo, Error> {
        let format = match &self.layout {
            Layout::Rdb => match self.properties.version {
                Some(version) => format!("RDB version {version}"),
                None => "RDB".to_owned(),
            },
            Layout::Dragonfly { summary, .. } => format!("Dragonfly in {} files", summary.shards),
        };
        let cut_unix_ms = self.stamp().cut_unix_ms;
        Ok(ForeignInfo {
            name: self.name().to_owned(),
            object: self.object.clone(),
            format,
            written_by: self.properties.written_by.clone(),
            cut_unix_ms: (cut_unix_ms > 0).then_some(cut_unix_ms),
            object_bytes: storage.open(&self.object)?.bytes(),
        })
    }
}

/// Says what the snapshot `name` is if it is in another format: an RDB file by its name with the
/// extension, or a Dragonfly snapshot. `None` if it is in pages.
///
/// # Errors
///
/// [`Error::Storage`] of kind `NotFound` if there is none of that name, [`Error::Corrupt`] if what
/// it says of itself is damaged.
pub fn foreign_info(
    storage: &dyn SnapshotStorage,
    name: &str,
) -> Result<Option<ForeignInfo>, Error> {
    match named(storage, name)?.content? {
        Content::Pages(_) => Ok(None),
        Content::Foreign(foreign) => foreign.info(storage).map(Some),
    }
}

/// Hands every key of the snapshot `name`, which is in another format, to `take`: in the order of
/// the file, or from several threads if there are several files. Those that have expired are among
/// them. Uses about `buffer_bytes` of memory, and one key.
///
/// Damage ends it; what stood before it was handed over.
///
/// # Errors
///
/// Those of [`foreign_info`], [`Error::Corrupt`] where the file is damaged, its checksum included,
/// [`Error::Unsupported`] for what has no type here or if it is in pages, and the first error of
/// `take`.
pub fn read_foreign(
    storage: &dyn SnapshotStorage,
    name: &str,
    buffer_bytes: usize,
    take: &(dyn Fn(ForeignKey<'_>) -> Result<(), Error> + Sync),
) -> Result<(), Error> {
    let Content::Foreign(foreign) = named(storage, name)?.content? else {
        let reason = "it is in pages, not in another format".to_owned();
        return Err(Error::Unsupported { object: name.to_owned(), reason });
    };
    let meter = Meter::new();
    let tell = |database: u16, key: &[u8], item: Item, expiry: Expiry| {
        let bytes_done = meter.read(SavePhase::Streaming).bytes_done;
        take(ForeignKey { database, key, item, expiry, bytes_done })
    };
    let reading = Reading {
        storage,
        foreign: &foreign,
        meter: &meter,
        buffer_bytes,
        databases: u16::MAX,
        // Nothing has expired in the beginning of time.
        now_unix_ms: 0,
    };
    reading.into_place(Place::Told(&tell)).map(|_| ())
}
