//! Power cuts at every operation of publishing a snapshot.

use std::io;
use std::sync::Arc;

use super::*;
use crate::disk::file_system::{Directory, FileStat};
use crate::disk::sim::{SimDirectory, SimDisk};
use crate::format::storage::PutMode;

/// Parts of the snapshots published here.
const PARTS: u64 = 2;

/// Worlds tried for each operation at which the power goes.
const SEEDS: u64 = 12;

fn part_name(version: u64, part: u64) -> String {
    format!("dump-{part:04}-v{version}.dfs")
}

fn part_content(version: u64, part: u64) -> Vec<u8> {
    content(version * 100 + part, 20_000 + part as usize)
}

/// Publishes one version of a snapshot as a save does: parts, then the manifest over the old one.
fn publish(storage: &dyn SnapshotStorage, version: u64) -> Result<(), StorageError> {
    for part in 0..PARTS {
        let name = part_name(version, part);
        write(storage, &name, &part_content(version, part), small_hint())?;
    }
    storage.put("dump-summary.dfs", &version.to_le_bytes(), PutMode::Replace)
}

/// The version that the manifest names, of which every part must be whole.
fn check(storage: &dyn SnapshotStorage) -> Option<u64> {
    let manifest = storage.get("dump-summary.dfs", 64).ok()?;
    let version = u64::from_le_bytes(manifest.try_into().expect("the manifest is whole"));
    for part in 0..PARTS {
        let read = read(storage, &part_name(version, part), 3, 8192).expect("the part is there");
        assert!(read == part_content(version, part), "version {version} part {part} is damaged");
    }
    Some(version)
}

#[test]
fn a_power_cut_anywhere_leaves_the_old_or_the_new_snapshot_whole() {
    let base = seed();
    let (mut old, mut new) = (0, 0);
    for operation in 0.. {
        let mut died = false;
        for world in 0..SEEDS {
            let disk = SimDisk::new(base ^ world);
            publish(&disk, 1).unwrap();
            disk.die_at(disk.operations() + operation);
            let published = publish(&disk, 2);
            died = disk.is_dead();
            assert_eq!(published.is_err(), died);
            let left = disk.reboot(base ^ (world << 32) ^ operation);
            match check(&left) {
                Some(1) if died => old += 1,
                Some(2) => new += 1,
                other => panic!("operation {operation}, world {world}: {other:?} is left"),
            }
            // A save goes through on what is left, whatever stands in its way.
            for name in left.names().iter().filter(|name| is_temporary(name)) {
                left.remove(name).unwrap();
            }
            publish(&left, 3).unwrap();
            assert_eq!(check(&left.reboot(world)), Some(3));
        }
        if !died {
            break;
        }
    }
    assert!(old > 0 && new > 0, "{old} old, {new} new");
}

#[test]
fn a_power_cut_during_the_first_save_leaves_a_snapshot_or_none() {
    for operation in 0.. {
        let disk = SimDisk::new(seed());
        disk.die_at(operation);
        let published = publish(&disk, 1).is_ok();
        let left = check(&disk.reboot(operation));
        assert!(left == Some(1) || (left.is_none() && !published));
        if published {
            break;
        }
    }
}

/// A simulated directory that forgets to sync: what the tests above must not let pass.
#[derive(Debug)]
struct Forgetful {
    directory: SimDirectory,
}

impl Directory for Forgetful {
    type File = <SimDirectory as Directory>::File;

    fn location(&self) -> String {
        self.directory.location()
    }
    fn path_of(&self, name: &str) -> String {
        self.directory.path_of(name)
    }
    fn create(&self, name: &str, in_flight_max: usize) -> io::Result<Self::File> {
        self.directory.create(name, in_flight_max)
    }
    fn open(&self, name: &str, in_flight_max: usize) -> io::Result<Self::File> {
        self.directory.open(name, in_flight_max)
    }
    fn exists(&self, name: &str) -> io::Result<bool> {
        self.directory.exists(name)
    }
    fn rename(&self, from: &str, to: &str, mode: PutMode) -> io::Result<()> {
        self.directory.rename(from, to, mode)
    }
    fn remove(&self, name: &str) -> io::Result<()> {
        self.directory.remove(name)
    }
    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
    fn entries(&self) -> io::Result<Vec<(String, FileStat)>> {
        self.directory.entries()
    }
    fn free_bytes(&self) -> io::Result<u64> {
        self.directory.free_bytes()
    }
}

#[test]
fn the_simulation_tells_a_directory_that_is_never_synced() {
    let lost = (0..200).any(|world| {
        let disk = SimDisk::new(world);
        let forgetful = Volume::new(Forgetful { directory: disk.directory() });
        publish(&forgetful, 1).unwrap();
        let left = disk.reboot(world);
        std::panic::catch_unwind(|| check(&left)).ok().flatten() != Some(1)
    });
    assert!(lost);
}

#[test]
fn the_same_seed_tells_the_same_story() {
    let story = |seed| {
        let disk = SimDisk::new(seed);
        disk.die_at(23);
        let _ = publish(&disk, 1);
        let left = disk.reboot(seed);
        let files: Vec<_> = left.names().into_iter().map(|name| (left.read(&name), name)).collect();
        (disk.log(), files)
    };
    assert_eq!(story(5), story(5));
    assert!((0..20).any(|seed| story(seed).1 != story(seed + 1).1));
}

#[test]
fn several_disks_over_one_world_are_one_disk() {
    let disk = SimDisk::new(0);
    let other: Arc<dyn SnapshotStorage> = Arc::new(disk.clone());
    other.put("object", b"x", PutMode::CreateNew).unwrap();
    assert_eq!(disk.get("object", 1).unwrap(), b"x");
}
