//! Operations that fail, stall, fall short or find the disk full.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use super::*;
use crate::disk::sim::SimDisk;
use crate::format::storage::{PutMode, StorageErrorKind};

/// Longest time that anything here may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// Writes a part and commits a manifest.
fn publish(storage: &dyn SnapshotStorage) -> Result<(), StorageError> {
    write(storage, "part", &content(1, 50_000), small_hint())?;
    storage.put("manifest", b"part", PutMode::CreateNew)
}

#[test]
fn a_failure_anywhere_is_reported_and_leaves_the_disk_usable() {
    let clean = SimDisk::new(0);
    publish(&clean).unwrap();
    for operation in 0..clean.operations() {
        let disk = SimDisk::new(operation);
        disk.fail_at(operation, ErrorKind::Other);
        let failed = &clean.log()[operation as usize];
        let outcome = publish(&disk);
        // Room that cannot be reserved is no reason to give up.
        assert_eq!(outcome.is_ok(), failed.action == "preallocate", "{failed}");
        assert!(!disk.names().iter().any(|name| is_temporary(name)), "{failed}");
        for name in disk.names() {
            disk.remove(&name).unwrap();
        }
        publish(&disk).unwrap();
        assert_eq!(disk.get("part", 50_000).unwrap(), content(1, 50_000), "{failed}");
    }
}

#[test]
fn a_full_disk_is_told_as_one_and_leaves_nothing() {
    for capacity in (0..60_000).step_by(3_001) {
        let disk = SimDisk::new(capacity);
        disk.set_capacity(capacity);
        match publish(&disk) {
            Ok(()) => assert!(capacity >= 50_000),
            Err(error) => {
                assert_eq!(error.kind(), StorageErrorKind::StorageFull, "{capacity} {error:?}");
                // Whole blocks are written before the file is cut to its length.
                assert!(capacity < 53_248 + 4_096);
                let left = if capacity < 53_248 { vec![] } else { vec!["part".to_owned()] };
                assert_eq!(disk.names(), left);
            }
        }
    }
}

#[test]
fn short_transfers_are_carried_on() {
    let clean = SimDisk::new(0);
    publish(&clean).unwrap();
    clean.get("part", 50_000).unwrap();
    for operation in 0..clean.operations() {
        for bytes in [1, 511, 4096, 5000] {
            let disk = SimDisk::new(operation);
            disk.shorten_at(operation, bytes);
            publish(&disk).unwrap();
            assert_eq!(disk.get("part", 50_000).unwrap(), content(1, 50_000));
        }
    }
}

#[test]
fn a_device_that_never_moves_anything_is_given_up() {
    let disk = SimDisk::new(0);
    for operation in 0..1000 {
        disk.shorten_at(operation, 0);
    }
    assert!(publish(&disk).is_err());
    assert!(disk.operations() < 1000);
    assert!(disk.names().is_empty());
}

#[test]
fn a_writer_can_be_aborted_while_the_device_hangs() {
    let disk = SimDisk::new(0);
    let gate = disk.stall_transfers();
    let mut writer = disk.create("object", small_hint()).unwrap();
    for _ in 0..3 {
        let mut buffer = writer.reclaim().unwrap();
        buffer.set_len(BUFFER_ALIGNMENT);
        writer.submit(buffer).unwrap();
    }
    let started = Instant::now();
    writer.abort();
    assert!(started.elapsed() < PATIENCE);
    assert!(disk.names().is_empty());
    gate.open();
}

#[test]
fn a_writer_waits_for_a_device_that_hangs_and_goes_on_when_it_answers() {
    let disk = SimDisk::new(0);
    let gate = disk.stall_transfers();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| publish(&disk));
        assert!(gate.wait_reached(PATIENCE));
        assert!(!writer.is_finished());
        gate.open();
        writer.join().unwrap().unwrap();
    });
    assert_eq!(disk.get("part", 50_000).unwrap(), content(1, 50_000));
}

#[test]
fn whoever_waits_for_a_device_that_dies_gets_an_error() {
    let disk = SimDisk::new(0);
    let gate = disk.stall_transfers();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| publish(&disk));
        assert!(gate.wait_reached(PATIENCE));
        disk.die();
        assert!(writer.join().unwrap().is_err());
    });
    assert!(disk.list().is_err());
}

#[test]
fn one_stalled_operation_does_not_hold_up_the_others() {
    let disk = SimDisk::new(0);
    let mut writer = disk.create("object", small_hint()).unwrap();
    // The next operations: a reservation, then the first write.
    let gate = disk.stall_at(disk.operations() + 1);
    for _ in 0..10 {
        let mut buffer = writer.reclaim().unwrap();
        buffer.set_len(BUFFER_ALIGNMENT);
        writer.submit(buffer).unwrap();
    }
    gate.open();
    assert_eq!(writer.finish().unwrap().bytes, 10 * 4096);
}

#[test]
fn a_delayed_operation_only_takes_longer() {
    let disk = SimDisk::new(0);
    for operation in 0..4 {
        disk.delay_at(operation, Duration::from_millis(5));
    }
    let started = Instant::now();
    publish(&disk).unwrap();
    assert!(started.elapsed() >= Duration::from_millis(20));
}

#[test]
fn files_carry_the_time_that_the_world_was_given() {
    let disk = SimDisk::new(0);
    disk.set_unix_ms(1234);
    disk.put("object", b"x", PutMode::CreateNew).unwrap();
    assert_eq!(disk.list().unwrap()[0].modified_unix_ms, Some(1234));
    disk.plant("found", b"content");
    assert_eq!(disk.get("found", 10).unwrap(), b"content");
}

/// A file system of 32 MiB, mounted for as long as this lives.
#[cfg(target_os = "linux")]
struct SmallDisk {
    dir: TempDir,
}

#[cfg(target_os = "linux")]
impl SmallDisk {
    /// Mounts one, in memory or in an image file.
    fn mount(kind: &str) -> Self {
        let dir = TempDir::new().unwrap();
        let image = dir.path().with_extension("image");
        let script = match kind {
            "tmpfs" => "mount -t tmpfs -o size=32m none $0".to_owned(),
            kind => format!("truncate -s 32m $1 && mkfs.{kind} -q $1 && mount -o loop $1 $0"),
        };
        let mount = std::process::Command::new("sh")
            .args(["-c", &script])
            .args([dir.path(), &image])
            .status();
        assert!(mount.unwrap().success());
        // The mount keeps the image.
        let _ = std::fs::remove_file(image);
        Self { dir }
    }
}

#[cfg(target_os = "linux")]
impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ =
            std::process::Command::new("umount").args(["-l".as_ref(), self.dir.path()]).status();
    }
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "needs the right to mount a small file system"]
fn a_real_disk_that_is_full_is_told_as_one_and_leaves_nothing() {
    for kind in ["tmpfs", "ext4"] {
        let small = SmallDisk::mount(kind);
        for carrier in carriers() {
            for direct in [true, false] {
                let path = small.dir.path().to_owned();
                let disk = Volume::new(OsDirectory { path, carrier, direct, file_mode: 0o600 });
                let before = names(&disk);
                for _ in 0..3 {
                    let full = write(&disk, "object", &content(1, 40 << 20), small_hint());
                    assert_eq!(full.unwrap_err().kind(), StorageErrorKind::StorageFull, "{kind}");
                    assert_eq!(names(&disk), before, "{kind}");
                }
                write(&disk, "object", &content(1, 20 << 20), small_hint()).unwrap();
                disk.remove("object").unwrap();
            }
        }
    }
}
