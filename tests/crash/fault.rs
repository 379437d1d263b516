//! Single operations fail, and the disk goes on.

use std::io::ErrorKind;
use std::time::Duration;

use exuvia::disk::sim::SimDisk;
use exuvia::format::storage::StorageErrorKind;
use exuvia::{Error, SaveOptions, snapshot};
use exuvia_tests::seed::Seed;

use crate::fixture::{TEMPLATES, one_saved_two_written, open, recover, save, write};

/// What common disks answer when they are full, failing, or taken away.
const KINDS: [ErrorKind; 3] =
    [ErrorKind::StorageFull, ErrorKind::Other, ErrorKind::PermissionDenied];

/// Names of all files of complete snapshots.
fn listed(disk: &SimDisk) -> Vec<String> {
    let listing = snapshot::list(disk, None).unwrap();
    assert!(listing.damaged.is_empty(), "{:?}", listing.damaged);
    let mut names: Vec<String> = listing
        .complete
        .into_iter()
        .flat_map(|info| {
            let parts = info.manifest.parts.into_iter().map(|part| part.name);
            parts.chain([info.object]).collect::<Vec<_>>()
        })
        .collect();
    names.sort();
    names
}

#[test]
fn a_failure_at_any_operation_of_a_save_leaves_whole_snapshots_only() {
    let seed = Seed::draw("failure in a save").value();
    for template in TEMPLATES {
        for kind in KINDS {
            let mut failures = 0;
            for operation in 0.. {
                let (disk, store) = one_saved_two_written(seed, template);
                let before = disk.operations();
                disk.fail_at(before + operation, kind);
                let saved = save(&store);
                let log = disk.log();
                let Some(failed) = log.get((before + operation) as usize) else {
                    saved.unwrap();
                    break;
                };
                let what = format!("{template}, {kind:?} at {failed}: {saved:?}");
                let found = recover(&disk, template);
                assert!(found == 2 || (found == 1 && saved.is_err()), "{what}: {found}");
                if let Err(error) = &saved {
                    failures += 1;
                    assert!(matches!(error, Error::Storage(_)), "{what}");
                    assert_eq!(store.save_status().failures, 1, "{what}");
                }
                // What is not part of a snapshot is gone, unless a removal is what failed, or
                // nobody can know whether the manifest will last.
                if found == 1 && failed.action != "remove" {
                    assert_eq!(disk.names(), listed(&disk), "{what}");
                }
                save(&store).unwrap();
                assert_eq!(recover(&disk.reboot(operation), template), 2, "{what}");
            }
            assert!(failures > 10, "{failures} failures mean little");
        }
    }
}

#[test]
fn a_full_disk_fails_the_save_and_keeps_the_old_snapshot() {
    let (disk, store) = one_saved_two_written(Seed::draw("full disk").value(), "dump");
    let before = disk.names();
    let used: usize = before.iter().filter_map(|name| disk.read(name)).map(|file| file.len()).sum();
    // Told before: the disk says how much is free.
    disk.set_capacity(used as u64 + 1000);
    match save(&store).unwrap_err() {
        Error::NotEnoughSpace { free_bytes, needed_bytes, .. } => {
            assert!(free_bytes < needed_bytes);
        }
        error => panic!("{error:?}"),
    }
    assert_eq!(disk.names(), before);
    // Found out on the way: somebody else takes the room while the save writes.
    for spare in (0..100_000).step_by(2000) {
        disk.set_capacity(1 << 30);
        let gate = disk.stall_transfers();
        // Without a manifest of the name to be read, the first transfer is a write.
        let running = store.save_with(SaveOptions::default().dbfilename("other")).unwrap();
        assert!(gate.wait_reached(Duration::from_secs(30)));
        disk.set_capacity(used as u64 + spare);
        gate.open();
        match running.wait() {
            Err(Error::Storage(error)) => {
                assert_eq!(error.kind(), StorageErrorKind::StorageFull, "{error:?}");
                assert_eq!(disk.names(), before, "{spare} bytes spare");
            }
            Ok(_) => {
                assert!(spare > 5000, "{spare} bytes are too few for two parts");
                return;
            }
            Err(error) => panic!("{error:?}"),
        }
    }
    panic!("100,000 bytes are enough");
}

#[test]
fn short_writes_and_reads_are_carried_on() {
    let seed = Seed::draw("short transfers").value();
    for operation in 0..40 {
        let (disk, store) = one_saved_two_written(seed, "dump");
        disk.shorten_at(disk.operations() + operation, 512);
        save(&store).unwrap();
        for reading in 0..10 {
            disk.shorten_at(disk.operations() + reading, 512);
            assert_eq!(recover(&disk, "dump"), 2);
        }
    }
}

#[test]
fn a_failure_at_any_operation_of_opening_is_an_error_or_does_not_matter() {
    let seed = Seed::draw("failure in a load").value();
    let mut errors = 0;
    for operation in 0.. {
        let (disk, _) = one_saved_two_written(seed, "dump-{timestamp}");
        let before = disk.operations();
        disk.fail_at(before + operation, ErrorKind::Other);
        let opened = open(&disk, "dump-{timestamp}");
        if disk.operations() <= before + operation {
            opened.unwrap();
            break;
        }
        match opened {
            Ok(store) => assert_eq!(crate::fixture::version(&store), 1),
            Err(error) => {
                errors += 1;
                assert!(matches!(error, Error::Storage(_)), "{error:?}");
            }
        }
        assert_eq!(recover(&disk, "dump-{timestamp}"), 1);
    }
    assert!(errors > 3, "{errors} errors mean little");
}

#[test]
fn decay_of_any_sector_of_the_newest_snapshot_falls_back_to_the_older_one() {
    let seed = Seed::draw("decay");
    let mut random = seed.rng(0);
    let (disk, store) = one_saved_two_written(seed.value(), "dump-{timestamp}");
    let old = disk.names();
    save(&store).unwrap();
    let new: Vec<String> = disk.names().into_iter().filter(|name| !old.contains(name)).collect();
    for name in new {
        let whole = disk.read(&name).unwrap();
        for sector in (0..whole.len()).step_by(512) {
            let mut decayed = whole.clone();
            let end = (sector + 512).min(whole.len());
            // A byte that holds anything else, as far as it is covered by a checksum.
            let at = random.usize(sector..end);
            decayed[at] ^= random.u8(1..);
            disk.plant(&name, &decayed);
            let store = open(&disk, "dump-{timestamp}").unwrap();
            let report = store.load_report().unwrap();
            match crate::fixture::version(&store) {
                1 => assert!(report.rejected[0].contains("dump-"), "{:?}", report.rejected),
                other => panic!("version {other}: byte {at} of {name} is covered by nothing"),
            }
        }
        disk.plant(&name, &whole);
    }
    write(&store, 3);
    save(&store).unwrap();
    assert_eq!(recover(&disk, "dump-{timestamp}"), 3);
}
