//! A disk that takes its time.

use std::time::{Duration, Instant};

use exuvia::disk::sim::SimDisk;
use exuvia::{Error, Expiry, SavePhase, Store};
use exuvia_tests::deadline::eventually;
use exuvia_tests::heap;
use exuvia_tests::seed::Seed;

use crate::fixture::{TEMPLATES, one_saved_two_written, open, options, recover, save, version};

const PATIENCE: Duration = Duration::from_secs(30);

/// Bytes of a save's own buffers and of whatever else is not history.
const OWN_BYTES: i64 = 64 << 20;

#[test]
fn while_the_disk_stands_still_writers_go_on_and_memory_is_accounted_for() {
    let disk = SimDisk::new(Seed::draw("stalled disk").value());
    let store = Store::open(options(&disk, "dump")).unwrap();
    let fill = |byte: u8| {
        for key in 0..2000_u32 {
            store.set(&key.to_le_bytes(), vec![byte; 4000], Expiry::Never).unwrap();
        }
    };
    fill(1);
    let gate = disk.stall_transfers();
    let save = store.save().unwrap();
    assert!(gate.wait_reached(PATIENCE));
    let heap_before = heap::live().bytes;
    let start = Instant::now();
    let mut rounds = 0_u32;
    while start.elapsed() < Duration::from_secs(2) || rounds < 3 {
        rounds += 1;
        fill(rounds as u8);
        store.maintain();
        let grown = heap::live().bytes - heap_before;
        let held = store.stats().superseded_bytes as i64;
        assert!(grown <= held + OWN_BYTES, "{grown} bytes more, {held} of them history");
    }
    assert!(!save.is_finished());
    gate.open();
    assert_eq!(save.wait().unwrap().records, 2000);
    let loaded = Store::open(options(&disk, "dump")).unwrap();
    assert_eq!(loaded.get(&7_u32.to_le_bytes()).as_deref(), Some(&[1; 4000][..]));
}

#[test]
fn a_save_on_a_disk_that_stands_still_lets_go_of_its_history_when_it_is_cancelled() {
    let seed = Seed::draw("cancelled stall").value();
    // One template reads the manifest it is to replace, the other begins with writing.
    for template in TEMPLATES {
        let disk = SimDisk::new(seed);
        let store = open(&disk, template).unwrap();
        let fill = |byte: u8| {
            for key in 0..500_u32 {
                store.set(&key.to_le_bytes(), vec![byte; 4000], Expiry::Never).unwrap();
            }
        };
        fill(1);
        save(&store).unwrap();
        let before = disk.names();
        let gate = disk.stall_transfers();
        let running = store.save().unwrap();
        assert!(gate.wait_reached(PATIENCE));
        fill(2);
        store.maintain();
        running.cancel();
        let released = eventually(PATIENCE, || {
            store.maintain();
            let held = store.stats().superseded_entries;
            running.progress().phase == SavePhase::Aborting && held == 0
        });
        assert!(released, "{template}: the disk still stands, the history must not");
        assert!(matches!(store.save().unwrap_err(), Error::SaveInProgress));
        gate.open();
        assert!(matches!(running.wait().unwrap_err(), Error::SaveCancelled));
        assert_eq!(disk.names(), before);
        save(&store).unwrap();
    }
}

#[test]
fn a_cancel_at_any_operation_leaves_the_old_snapshot_or_comes_too_late() {
    let seed = Seed::draw("cancelled anywhere").value();
    let (mut cancelled, mut late) = (0, 0);
    for operation in 0.. {
        let (disk, store) = one_saved_two_written(seed, "dump");
        let before = disk.names();
        let gate = disk.stall_at(disk.operations() + operation);
        let running = store.save().unwrap();
        let ended = || running.is_finished() || gate.wait_reached(Duration::ZERO);
        assert!(eventually(PATIENCE, ended));
        if running.is_finished() {
            break;
        }
        let phase = running.progress().phase;
        running.cancel();
        gate.open();
        match running.wait() {
            Err(Error::SaveCancelled) => {
                cancelled += 1;
                assert_ne!(phase, SavePhase::Idle);
                assert_eq!(disk.names(), before, "operation {operation}");
                assert_eq!(recover(&disk, "dump"), 1);
            }
            Ok(_) => {
                late += 1;
                assert_eq!(phase, SavePhase::Publishing);
                assert_eq!(recover(&disk, "dump"), 2);
            }
            Err(error) => panic!("{error:?}"),
        }
        assert_eq!(version(&store), 2);
    }
    assert!(cancelled > 10 && late > 2, "{cancelled} in time and {late} late mean little");
}
