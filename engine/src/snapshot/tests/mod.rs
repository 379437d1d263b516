//! Saves and loads over a storage in memory that follows a script.

mod autoload;
mod collections;
mod fail;
mod publish;
#[cfg(feature = "rdb")]
mod rdb;
mod retain;
mod run_time;
mod save;
mod script;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use script::{Act, Script};

use crate::format::storage::SnapshotStorage;
use crate::format::{MANIFEST_BYTES_MAX, Manifest, SnapshotFile, manifest_name};
use crate::{Compression, Error, Expiry, LoadMode, ManualClock, Options, Saved, Store};

/// 2026-11-22T12:00:00Z.
const NOON: u64 = 1_795_348_800_000;

/// A store over a script, with a clock of its own.
struct World {
    script: Arc<Script>,
    clock: Arc<ManualClock>,
    dbfilename: &'static str,
}

impl World {
    fn new(dbfilename: &'static str) -> Self {
        Self { script: Script::new(), clock: Arc::new(ManualClock::new(NOON)), dbfilename }
    }

    fn options(&self) -> Options {
        let storage: Arc<dyn SnapshotStorage> = Arc::clone(&self.script) as _;
        Options::with_storage(storage)
            .dbfilename(self.dbfilename)
            .clock(Arc::clone(&self.clock) as _)
            .parts(4)
            .shards(4)
            .buffer_bytes(8 << 20)
            .compression(Compression::None)
            .load_patience(Duration::ZERO)
            .save_patience(Duration::ZERO)
            .maintenance(false)
    }

    fn open(&self) -> Store {
        Store::open(self.options()).unwrap()
    }

    fn open_error(&self, mode: LoadMode) -> Error {
        Store::open(self.options().load(mode)).unwrap_err()
    }

    /// Publishes a snapshot of `count` keys whose values begin with `version`.
    fn publish(&self, version: &str, count: usize) -> Saved {
        self.clock.advance(60_000);
        let store = self.open();
        fill(&store, version, count);
        store.save().unwrap().wait().unwrap()
    }

    fn manifest(&self, base: &str) -> Manifest {
        let name = manifest_name(base);
        let bytes = self.script.memory().get(&name, MANIFEST_BYTES_MAX).unwrap();
        Manifest::decode(&name, &bytes).unwrap()
    }

    /// Asserts that the storage holds exactly the snapshots `bases` and nothing else.
    fn assert_exactly(&self, bases: &[&str]) {
        let mut expected = Vec::new();
        for base in bases {
            expected.push(manifest_name(base));
            expected.extend(self.manifest(base).parts.into_iter().map(|part| part.name));
        }
        expected.sort();
        assert_eq!(self.script.names(), expected);
    }
}

/// Keys and values, shown shortened.
#[derive(PartialEq, Eq)]
struct Contents(BTreeMap<Vec<u8>, Vec<u8>>);

impl std::fmt::Debug for Contents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} keys, ", self.0.len())?;
        let shown = self.0.iter().take(2).map(|(key, value)| {
            let value = &value[..value.len().min(20)];
            (String::from_utf8_lossy(key), String::from_utf8_lossy(value))
        });
        f.debug_map().entries(shown).finish()
    }
}

impl FromIterator<(Vec<u8>, Vec<u8>)> for Contents {
    fn from_iter<I: IntoIterator<Item = (Vec<u8>, Vec<u8>)>>(entries: I) -> Self {
        Self(entries.into_iter().collect())
    }
}

fn fill(store: &Store, version: &str, count: usize) {
    let database = store.database(0).unwrap();
    for i in 0..count {
        let value = format!("{version}-{i}");
        database.set(format!("key{i}").as_bytes(), value.as_bytes(), Expiry::Never).unwrap();
    }
}

/// What the first database holds.
fn contents(store: &Store) -> Contents {
    let cut = store.snapshot().unwrap();
    cut.iter()
        .filter(|entry| entry.database == 0)
        .map(|entry| (entry.key.to_vec(), entry.value.to_vec()))
        .collect()
}

/// What [`fill`] puts there.
fn filled(version: &str, count: usize) -> Contents {
    (0..count)
        .map(|i| (format!("key{i}").into_bytes(), format!("{version}-{i}").into_bytes()))
        .collect()
}

fn is_part(name: &str) -> bool {
    SnapshotFile::parse(name)
        .is_some_and(|file| matches!(file.kind, crate::format::SnapshotFileKind::Part { .. }))
}
