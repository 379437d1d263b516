//! The power goes at every operation.

use exuvia::Expiry;
use exuvia::disk::sim::SimDisk;
use exuvia_tests::seed::Seed;

use crate::fixture::{TEMPLATES, one_saved_two_written, open, recover, save, version, write};

/// Worlds tried for each operation at which the power goes.
const WORLDS: u64 = 6;

#[test]
fn a_power_cut_anywhere_in_a_save_leaves_the_old_or_the_new_snapshot() {
    let seed = Seed::draw("power cut in a save").value();
    for template in TEMPLATES {
        let (mut old, mut new) = (0, 0);
        for operation in 0.. {
            let mut died = false;
            for world in 0..WORLDS {
                let (disk, store) = one_saved_two_written(seed ^ world, template);
                disk.die_at(disk.operations() + operation);
                let saved = save(&store);
                died = disk.is_dead();
                let left = disk.reboot(seed ^ (operation << 8) ^ world);
                let found = recover(&left, template);
                match found {
                    1 if saved.is_err() => old += 1,
                    2 => new += 1,
                    other => panic!("{template}, operation {operation}, world {world}: {other}"),
                }
                // Whatever stands in the way of the next save, it goes through, and it is newer.
                let next = open(&left, template).unwrap();
                write(&next, 3);
                save(&next).unwrap();
                assert_eq!(recover(&left.reboot(world), template), 3);
            }
            if !died {
                break;
            }
        }
        assert!(old > 20 && new > 0, "{template}: {old} old and {new} new mean little");
    }
}

#[test]
fn a_power_cut_in_the_first_save_leaves_a_snapshot_or_an_empty_store() {
    let seed = Seed::draw("power cut in the first save").value();
    for template in TEMPLATES {
        for operation in 0.. {
            let disk = SimDisk::new(seed ^ operation);
            let store = open(&disk, template).unwrap();
            write(&store, 1);
            disk.die_at(disk.operations() + operation);
            let saved = save(&store).is_ok();
            let died = disk.is_dead();
            let found = recover(&disk.reboot(seed ^ operation), template);
            assert!(found == 1 || (found == 0 && !saved), "operation {operation}: {found}");
            if !died {
                break;
            }
        }
    }
}

#[test]
fn a_power_cut_while_loading_and_sweeping_costs_nothing() {
    let seed = Seed::draw("power cut in a load").value();
    for operation in 0.. {
        let (disk, store) = one_saved_two_written(seed, "dump");
        // A save that died leaves parts without a manifest, which a later process sweeps.
        disk.die_at(disk.operations() + 12);
        save(&store).unwrap_err();
        let disk = disk.reboot(seed);
        disk.die_at(operation);
        // What is read ahead, or swept, may fail without consequence.
        if let Ok(store) = open(&disk, "dump") {
            assert_eq!(version(&store), 1);
        }
        let died = disk.is_dead();
        assert_eq!(recover(&disk.reboot(seed ^ operation), "dump"), 1);
        if !died {
            break;
        }
    }
}

/// A life of saves, crashes and recoveries at random: what was acknowledged is never lost.
#[test]
fn through_many_crashes_no_acknowledged_save_is_lost() {
    let seed = Seed::draw("many crashes");
    let mut random = seed.rng(0);
    for template in TEMPLATES {
        let mut disk = SimDisk::new(random.u64(..));
        let (mut acknowledged, mut tried) = (0, 0);
        let mut crashes = 0;
        while crashes < 40 {
            disk.die_at(disk.operations() + random.u64(0..120));
            // The power may go while this process loads already.
            if let Ok(store) = open(&disk, template) {
                let found = version(&store);
                assert!((acknowledged..=tried).contains(&found), "{template}: {found}");
                acknowledged = found;
                while !disk.is_dead() {
                    tried += 1;
                    write(&store, tried);
                    if save(&store).is_ok() {
                        acknowledged = tried;
                    }
                }
            }
            crashes += 1;
            disk = disk.reboot(random.u64(..));
        }
        assert!(acknowledged > 5, "{acknowledged} saves mean little");
        let found = recover(&disk, template);
        assert!((acknowledged..=tried).contains(&found), "{template}: {found}");
    }
}

#[test]
fn a_load_at_run_time_that_loses_the_disk_keeps_the_data() {
    let seed = Seed::draw("disk lost in a load").value();
    for operation in 0.. {
        let (disk, store) = one_saved_two_written(seed, "dump");
        disk.die_at(disk.operations() + operation);
        let loaded = store.load("dump");
        assert_eq!(version(&store), if loaded.is_ok() { 1 } else { 2 });
        store.set(b"still", b"here", Expiry::Never).unwrap();
        if loaded.is_ok() {
            break;
        }
    }
}
