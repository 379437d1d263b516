//! The disk against its promises: on the real file system in every way it can be driven, and in
//! the simulation at every operation at which something can go wrong.

mod contract;
mod crash;
mod fault;
mod lane;
mod link;
mod lock;
mod object;
mod probe;

use std::path::Path;

use tempfile::TempDir;

use super::os::{Carrier, OsDirectory};
use super::sim::SimDisk;
use super::volume::Volume;
use crate::format::storage::{
    BUFFER_ALIGNMENT, Buffer, ObjectMeta, SnapshotStorage, StorageError, WriteHint,
};

/// A storage under test and what has to outlive it.
struct Case {
    label: String,
    storage: Box<dyn SnapshotStorage>,
    /// The directory, of a real disk.
    dir: Option<TempDir>,
}

impl Case {
    /// The real directory.
    fn path(&self) -> &Path {
        self.dir.as_ref().expect("the case is a real disk").path()
    }
}

/// What can carry transfers in this build.
fn carriers() -> Vec<Carrier> {
    vec![
        #[cfg(all(target_os = "linux", feature = "uring"))]
        Carrier::Ring { or_threads: false },
        Carrier::Threads,
    ]
}

/// Real disks: each carrier, with and without direct I/O, on the file system of temporary files
/// and, where there is one, on a file system in memory.
fn real_cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let places = [std::env::temp_dir(), "/dev/shm".into()];
    for place in places.iter().filter(|place| place.is_dir()) {
        for carrier in carriers() {
            for direct in [true, false] {
                let dir = TempDir::new_in(place).unwrap();
                let label = format!("{carrier:?} direct={direct} in {}", place.display());
                let path = dir.path().to_owned();
                let storage = Volume::new(OsDirectory { path, carrier, direct, file_mode: 0o600 });
                cases.push(Case { label, storage: Box::new(storage), dir: Some(dir) });
            }
        }
    }
    cases
}

/// The real disks and the simulated one.
fn cases() -> Vec<Case> {
    let mut cases = real_cases();
    let storage = Box::new(SimDisk::new(1));
    cases.push(Case { label: "simulation".to_owned(), storage, dir: None });
    cases
}

/// Small buffers, so that small objects take several.
fn small_hint() -> WriteHint {
    WriteHint { buffer_bytes: 2 * BUFFER_ALIGNMENT, buffers_max: 3, expected_bytes: 0 }
}

/// Bytes of which no two sectors are alike.
fn content(seed: u64, bytes: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(seed);
    (0..bytes).map(|_| random.u8(..)).collect()
}

/// Writes `bytes` as one object.
fn write(
    storage: &dyn SnapshotStorage,
    name: &str,
    bytes: &[u8],
    hint: WriteHint,
) -> Result<ObjectMeta, StorageError> {
    let mut writer = storage.create(name, hint)?;
    let mut rest = bytes;
    while !rest.is_empty() {
        let mut buffer = writer.reclaim()?;
        rest = &rest[buffer.extend_from_slice(rest)..];
        writer.submit(buffer)?;
    }
    writer.finish()
}

/// Reads a whole object with `in_flight` buffers of `buffer_bytes`.
fn read(
    storage: &dyn SnapshotStorage,
    name: &str,
    in_flight: usize,
    buffer_bytes: usize,
) -> Result<Vec<u8>, StorageError> {
    let mut reader = storage.open(name)?;
    let bytes = reader.bytes();
    let mut content = vec![0; bytes as usize];
    let mut offsets = (0..bytes).step_by(buffer_bytes);
    let mut reading = 0;
    for offset in offsets.by_ref().take(in_flight) {
        reader.submit(offset, Buffer::new(buffer_bytes))?;
        reading += 1;
    }
    while reading > 0 {
        let (offset, buffer) = reader.complete()?;
        let range = offset as usize..offset as usize + buffer.len();
        content[range].copy_from_slice(buffer.filled());
        match offsets.next() {
            Some(offset) => reader.submit(offset, buffer)?,
            None => reading -= 1,
        }
    }
    Ok(content)
}

/// Names in the storage, sorted.
fn names(storage: &dyn SnapshotStorage) -> Vec<String> {
    let mut names: Vec<String> =
        storage.list().unwrap().into_iter().map(|object| object.name).collect();
    names.sort();
    names
}

/// Whether `name` is that of a file that is not published.
fn is_temporary(name: &str) -> bool {
    name.strip_suffix(".tmp").is_some()
}

/// A seed for a random test: from the environment, or a fresh one. Printed either way.
fn seed() -> u64 {
    let given = std::env::var("EXUVIA_TEST_SEED").ok();
    let seed = given.map_or_else(|| fastrand::u64(..), |seed| seed.parse().unwrap());
    eprintln!("EXUVIA_TEST_SEED={seed}");
    seed
}
