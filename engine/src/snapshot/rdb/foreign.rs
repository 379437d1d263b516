//! Files of other formats among the candidates for a load.

use std::io::{ErrorKind, Read};

use exuvia_rdb::dragonfly::{self, Summary};
use exuvia_rdb::{Properties, read_properties};

use super::super::archive::Stamp;
use super::source::Source;
use super::{storage_error, while_reading};
use crate::Error;
use crate::format::storage::{BUFFER_ALIGNMENT, SnapshotStorage, StorageErrorKind};
use crate::format::{ReadHint, rdb_name};

/// Begins every RDB file but Valkey's, and every file of Dragonfly.
const MAGIC: &[u8] = b"REDIS";
const MAGIC_OF_VALKEY: &[u8; 6] = b"VALKEY";

/// Name of the field in which this engine keeps the time of the cut to the millisecond.
pub(super) const CUT_FIELD: &[u8] = b"exuvia-cut-ms";

/// A snapshot that is not in pages.
#[derive(Debug)]
pub(crate) struct Foreign {
    /// The file, or the summary.
    pub(super) object: String,
    pub(super) layout: Layout,
    pub(super) properties: Properties,
}

/// How the keys are laid out.
#[derive(Debug)]
pub(super) enum Layout {
    /// All of them in the one file.
    Rdb,
    /// In the files of shards that belong to the summary of `base`.
    Dragonfly { base: String, summary: Summary },
}

impl Foreign {
    /// What it is called: an RDB file by its own name, a Dragonfly snapshot without endings.
    pub(super) fn name(&self) -> &str {
        match &self.layout {
            Layout::Rdb => &self.object,
            Layout::Dragonfly { base, .. } => base,
        }
    }

    /// When it was written. One that does not say is older than every snapshot that does.
    pub(crate) fn stamp(&self) -> Stamp {
        let seconds = self.properties.created_at_unix_s.unwrap_or(0);
        let cut_unix_ms =
            self.properties.cut_unix_ms.unwrap_or_else(|| seconds.saturating_mul(1000));
        Stamp { cut_unix_ms, sequence: 0 }
    }

    /// Bytes of memory that its keys will take: what they took where it was written, or, if it
    /// does not say, twice the length of the file.
    pub(crate) fn memory_hint(&self, storage: &dyn SnapshotStorage) -> Result<u64, Error> {
        match (self.properties.memory_bytes, &self.layout) {
            (Some(bytes), _) => Ok(bytes),
            (None, Layout::Rdb) => Ok(storage.open(&self.object)?.bytes().saturating_mul(2)),
            (None, Layout::Dragonfly { .. }) => Ok(0),
        }
    }

    /// Whether what stands where a manifest is expected is the summary of a Dragonfly snapshot.
    pub(crate) fn is_summary(bytes: &[u8]) -> bool {
        bytes.starts_with(MAGIC)
    }

    /// Reads the summary of the Dragonfly snapshot `base`.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`], or [`Error::Unsupported`] if it is no summary.
    pub(crate) fn dragonfly(base: &str, object: String, bytes: &[u8]) -> Result<Self, Error> {
        let summary =
            dragonfly::read_summary(bytes).map_err(|error| while_reading(&object, error))?;
        let properties = summary.properties.clone();
        let layout = Layout::Dragonfly { base: base.to_owned(), summary };
        Ok(Self { object, layout, properties })
    }
}

/// Reads what the RDB file of `base` says of itself; `None` if it is gone.
///
/// # Errors
///
/// [`Error::Storage`] if it cannot be read. One that can be read but not understood is an answer.
pub(crate) fn read_rdb(
    storage: &dyn SnapshotStorage,
    base: &str,
) -> Result<Option<Result<Foreign, Error>>, Error> {
    let object = rdb_name(base);
    let hint = ReadHint { buffers: 1, buffer_bytes: 64 << 10 };
    let source = match Source::open(storage, &object, hint, None) {
        Err(error) if error.kind() == StorageErrorKind::NotFound => return Ok(None),
        source => source?,
    };
    match read_properties(source).map_err(|error| while_reading(&object, error)) {
        Err(error @ Error::Storage(_)) => Err(error),
        Err(error) => Ok(Some(Err(error))),
        Ok(properties) => Ok(Some(Ok(Foreign { object, layout: Layout::Rdb, properties }))),
    }
}

/// Whether the object called `name` is there and does not begin like an RDB file.
///
/// # Errors
///
/// [`Error::Storage`] if it cannot be read.
pub(crate) fn is_something_else(storage: &dyn SnapshotStorage, name: &str) -> Result<bool, Error> {
    let hint = ReadHint { buffers: 1, buffer_bytes: BUFFER_ALIGNMENT };
    let mut source = match Source::open(storage, name, hint, None) {
        Err(error) if error.kind() == StorageErrorKind::NotFound => return Ok(false),
        source => source?,
    };
    let mut head = [0; 6];
    match source.read_exact(&mut head) {
        Ok(()) => Ok(!head.starts_with(MAGIC) && head != *MAGIC_OF_VALKEY),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(source.len() > 0),
        Err(error) => Err(storage_error("read", name, error)),
    }
}
