//! What a file says of itself, before its first key.

use std::io::Read;

use super::ReadOptions;
use super::Reader;
use crate::{Event, RdbError, Version};

/// What a file says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Properties {
    /// The version of the format.
    pub version: Option<Version>,
    /// When it was written, in seconds since the Unix epoch: `ctime`.
    pub created_at_unix_s: Option<u64>,
    /// The same in milliseconds, as Exuvia writes it: `exuvia-cut-ms`.
    pub cut_unix_ms: Option<u64>,
    /// What wrote it: `exuvia-ver`, `df-ver`, `valkey-ver` or `redis-ver`, with that name before it.
    pub written_by: Option<String>,
    /// Bytes of memory its keys took there: `used-mem`.
    pub memory_bytes: Option<u64>,
    /// The Dragonfly snapshot it is a file of: `snapshot-id`.
    pub snapshot_id: Option<String>,
    /// Its number among the files of a Dragonfly snapshot: `shard-id`.
    pub shard: Option<u64>,
    /// How many files a Dragonfly snapshot has besides its summary: `shard-count`.
    pub shards: Option<u64>,
}

impl Properties {
    /// Takes notice of an auxiliary field.
    pub(crate) fn take(&mut self, name: &[u8], value: &[u8]) {
        let number = || std::str::from_utf8(value).ok()?.parse().ok();
        // No writer's names and versions are long; what is long is not theirs.
        let text = || String::from_utf8_lossy(&value[..value.len().min(128)]).into_owned();
        match name {
            b"ctime" => self.created_at_unix_s = number(),
            b"exuvia-cut-ms" => self.cut_unix_ms = number(),
            b"used-mem" => self.memory_bytes = number(),
            b"shard-id" => self.shard = number(),
            b"shard-count" => self.shards = number(),
            b"snapshot-id" => self.snapshot_id = Some(text()),
            // Dragonfly names a version of Redis too, before its own.
            b"exuvia-ver" | b"df-ver" | b"valkey-ver" | b"redis-ver" => {
                let name = String::from_utf8_lossy(name);
                self.written_by = Some(format!("{name} {}", text()));
            }
            _ => {}
        }
    }
}

/// Reads what a file says of itself, and not a byte of its keys.
///
/// # Errors
///
/// [`RdbError::NotRdb`], [`RdbError::UnknownVersion`], [`RdbError::Io`], and damage before the
/// first key.
pub fn read_properties<R: Read>(source: R) -> Result<Properties, RdbError> {
    let options = ReadOptions { skip_unsupported: true, ..ReadOptions::default() };
    Reader::new(source, options).head(&mut |_: Event<'_>| Ok::<_, RdbError>(()))
}
