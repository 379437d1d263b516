//! The files of a Dragonfly snapshot.
//!
//! A snapshot `B` of `n` shards is `B-summary.dfs`, which has no keys, and `B-0000.dfs` to
//! `B-<n-1>.dfs`. Each is an RDB file with opcodes of its own: marks on keys, and blobs of
//! several keys that are compressed together. It ends with its end marker and no checksum; bytes
//! behind that are padding. What every file says of itself, the snapshot and the shard, keeps
//! files of different snapshots apart.

use std::io::Read;

use crate::{Properties, RdbError, ReadOptions, Reader, Report, Sink, read_properties};

/// More shards than any machine has cores.
const SHARDS_MAX: u64 = 4096;

/// What the summary says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// How many other files the snapshot has.
    pub shards: u32,
    /// Which snapshot it is; older versions of Dragonfly do not say.
    pub snapshot_id: Option<String>,
    /// When it was written, and by what.
    pub properties: Properties,
}

/// Reads a summary.
///
/// # Errors
///
/// [`RdbError::Unsupported`] if it is a file of another kind, and those of
/// [`read_properties`].
pub fn read_summary<R: Read>(source: R) -> Result<Summary, RdbError> {
    let properties = read_properties(source)?;
    let Some(shards) = properties.shards.filter(|shards| (1..=SHARDS_MAX).contains(shards)) else {
        let what = "a summary that does not say how many shards there are".into();
        return Err(RdbError::Unsupported { offset: 0, what });
    };
    let snapshot_id = properties.snapshot_id.clone();
    Ok(Summary { shards: shards as u32, snapshot_id, properties })
}

/// The name of the summary of the snapshot `base`.
pub fn summary_name(base: &str) -> String {
    format!("{base}-summary.dfs")
}

/// The name of the file of shard `number` of the snapshot `base`.
pub fn shard_name(base: &str, number: u32) -> String {
    format!("{base}-{number:04}.dfs")
}

/// Gives everything in the file of shard `number` to `sink`.
///
/// Which snapshot and shard it is of is known before its first key, and checked there.
///
/// # Errors
///
/// [`RdbError::Unsupported`] if it is a file of another snapshot or shard, and those of
/// [`Reader::read`].
pub fn read_shard<R: Read, S: Sink>(
    source: R,
    summary: &Summary,
    number: u32,
    options: ReadOptions,
    sink: &mut S,
) -> Result<Report, S::Error> {
    let mut properties = Properties::default();
    let mut checked = false;
    let mut sink = Checked {
        inner: sink,
        check: |event: &crate::Event<'_>| {
            if let crate::Event::Aux { name, value } = *event {
                properties.take(name, value);
                return Ok(());
            }
            if !checked {
                checked = true;
                check(&properties, summary, number)?;
            }
            Ok(())
        },
    };
    Reader::new(source, options).read(&mut sink)
}

fn check(properties: &Properties, summary: &Summary, number: u32) -> Result<(), RdbError> {
    let mixed = |what: String| RdbError::Unsupported { offset: 0, what: what.into() };
    if properties.shard.is_some_and(|shard| shard != u64::from(number)) {
        let found = properties.shard.unwrap_or_default();
        return Err(mixed(format!("the file of shard {found} under the name of shard {number}")));
    }
    match (&properties.snapshot_id, &summary.snapshot_id) {
        (Some(found), Some(expected)) if found != expected => {
            Err(mixed(format!("a file of snapshot {found}, not {expected},")))
        }
        _ => Ok(()),
    }
}

/// Looks at each event before the sink gets it.
struct Checked<'s, S, C> {
    inner: &'s mut S,
    check: C,
}

impl<S, C> Sink for Checked<'_, S, C>
where
    S: Sink,
    C: FnMut(&crate::Event<'_>) -> Result<(), RdbError>,
{
    type Error = S::Error;

    fn event(&mut self, event: crate::Event<'_>) -> Result<(), S::Error> {
        (self.check)(&event)?;
        self.inner.event(event)
    }
}
