//! Which snapshots are kept, what is never removed, and what a crash in between leaves.

use std::collections::BTreeSet;

use super::*;
use crate::disk::sim::SimDisk;
use crate::format::storage::{MemoryStorage, StorageErrorKind};
use crate::format::{SnapshotFileKind, SnapshotId};
use crate::{PruneReport, SaveOptions, snapshot};

const TIMED: &str = "dump-{timestamp}";

/// Publishes snapshots of so many keys each, oldest first, and returns their names.
fn publish_all(world: &World, counts: &[usize]) -> Vec<String> {
    let publish = |count: &usize| match count {
        0 => publish_empty(world),
        count => world.publish("v", *count).name,
    };
    counts.iter().map(publish).collect()
}

/// Publishes a snapshot without keys.
fn publish_empty(world: &World) -> String {
    world.clock.advance(60_000);
    let store = world.open();
    store.clear_all();
    store.save().unwrap().wait().unwrap().name
}

fn prune(world: &World, retain: u32) -> PruneReport {
    snapshot::prune(&*world.script, world.dbfilename, retain, false).unwrap()
}

fn removed(report: &PruneReport) -> Vec<&str> {
    report.removed.iter().map(|snapshot| snapshot.name.as_str()).collect()
}

fn left(report: &PruneReport) -> Vec<&str> {
    report.left.iter().map(|left| left.name.as_str()).collect()
}

fn names_of(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

#[test]
fn zero_keeps_everything() {
    let world = World::new(TIMED);
    let names = publish_all(&world, &[1, 2, 3]);
    let report = prune(&world, 0);
    assert_eq!((removed(&report).len(), report.kept.len()), (0, 3));
    world.assert_exactly(&names_of(&names));
}

#[test]
fn the_newest_are_kept_and_the_others_removed_oldest_first() {
    for retain in 1..6 {
        let world = World::new(TIMED);
        let names = publish_all(&world, &[10, 20, 30, 40]);
        let kept = names.len().saturating_sub(retain);
        let report = prune(&world, retain as u32);
        assert_eq!(removed(&report), names_of(&names[..kept]));
        let mut newest_first = names[kept..].to_vec();
        newest_first.reverse();
        assert_eq!(report.kept, newest_first);
        world.assert_exactly(&names_of(&names[kept..]));
        if let Some(oldest) = report.removed.first() {
            assert_eq!((oldest.records, oldest.cut_unix_ms), (10, NOON + 60_000));
        }
        assert_eq!(contents(&world.open()), filled("v", 40));
    }
}

#[test]
fn a_save_removes_what_is_too_old_and_says_so_before_it_ends() {
    let world = World::new(TIMED);
    let store = Store::open(world.options().retain(2)).unwrap();
    let mut names = Vec::new();
    for version in ["one", "two", "three", "four"] {
        world.clock.advance(60_000);
        fill(&store, version, 100);
        names.push(store.save().unwrap().wait().unwrap().name);
        let newest = names.len().saturating_sub(2);
        world.assert_exactly(&names_of(&names[newest..]));
    }
    // The next one obeys what was set meanwhile.
    store.set_retain(3);
    world.clock.advance(60_000);
    names.push(store.save().unwrap().wait().unwrap().name);
    world.assert_exactly(&names_of(&names[2..]));
    store.set_retain(1);
    let report = store.prune(false).unwrap();
    assert_eq!(removed(&report), names_of(&names[2..4]));
    world.assert_exactly(&names_of(&names[4..]));
}

#[test]
fn the_newest_that_holds_keys_outlives_empty_ones() {
    let world = World::new(TIMED);
    let names = publish_all(&world, &[10, 20, 0, 0, 0]);
    let report = prune(&world, 1);
    assert_eq!(removed(&report), [&names[0], &names[2], &names[3]]);
    world.assert_exactly(&[&names[1], &names[4]]);
    // Until there is a newer one.
    let newest = world.publish("v", 30).name;
    prune(&world, 1);
    world.assert_exactly(&[&newest]);
}

#[test]
fn the_newest_is_the_one_cut_last_whatever_its_name() {
    // The names sort by day of the month first.
    let world = World::new("{d}-{timestamp}");
    let names = publish_all(&world, &[1]);
    assert!(names[0].starts_with("22-"));
    world.clock.advance(9 * 24 * 3600 * 1000);
    let newest = world.publish("v", 2).name;
    assert!(newest.starts_with("01-"));
    assert_eq!(removed(&prune(&world, 1)), names_of(&names));

    // Three in one millisecond have suffixes, and cut times that differ.
    let world = World::new(TIMED);
    let store = world.open();
    let names: Vec<String> = (0..3).map(|_| store.save().unwrap().wait().unwrap().name).collect();
    assert!(names[2].ends_with("_03"), "{names:?}");
    assert_eq!(removed(&prune(&world, 1)), names_of(&names[..2]));
}

#[test]
fn a_dry_run_tells_what_would_be_removed_and_removes_nothing() {
    let world = World::new(TIMED);
    let names = publish_all(&world, &[10, 20, 0, 40]);
    let store = Store::open(world.options().retain(1)).unwrap();
    world.script.follow(|_, name| {
        assert!(!name.starts_with("remove"), "{name}");
        Act::Pass
    });
    let told = store.prune(true).unwrap();
    world.script.behave();
    assert!(told.dry_run);
    world.assert_exactly(&names_of(&names));
    let done = store.prune(false).unwrap();
    assert!(!done.dry_run);
    assert_eq!((told.removed, told.kept), (done.removed, done.kept));
    world.assert_exactly(&[&names[3]]);
}

#[test]
fn damaged_snapshots_are_evidence_and_do_not_count() {
    let world = World::new(TIMED);
    let names = publish_all(&world, &[10, 20, 30, 40, 50, 60, 70]);
    let part = |name: &str| world.manifest(name).parts[1].name.clone();
    // A flipped bit in the manifest, a part cut short, one that is gone, one that begins wrong.
    let parts = [part(&names[1]), part(&names[2]), part(&names[3])];
    world.script.edit(&manifest_name(&names[0]), |bytes| bytes[40] ^= 1);
    world.script.edit(&parts[0], |bytes| bytes.truncate(100));
    world.script.memory().remove(&parts[1]).unwrap();
    world.script.edit(&parts[2], |bytes| bytes[9] ^= 1);
    // The newest one, too.
    world.script.edit(&manifest_name(&names[6]), |bytes| bytes.truncate(7));
    let before = world.script.names();

    let report = prune(&world, 1);
    assert_eq!(removed(&report), [&names[4]]);
    assert_eq!(report.kept, [names[5].as_str()]);
    let mut found = left(&report);
    found.sort_unstable();
    assert_eq!(found, [&names[0], &names[1], &names[2], &names[3], &names[6]]);
    for left in &report.left {
        assert!(left.error.is_corruption(), "{:?}", left.error);
    }
    let gone: BTreeSet<String> =
        before.into_iter().filter(|name| !world.script.names().contains(name)).collect();
    assert!(gone.iter().all(|name| name.starts_with(&names[4])), "{gone:?}");
    assert_eq!(gone.len(), 5);
}

#[test]
fn a_snapshot_that_could_not_be_loaded_stays_although_it_looks_complete() {
    let world = World::new(TIMED);
    let names = publish_all(&world, &[10, 2000, 3000]);
    let part = world.manifest(&names[2]).parts[2].name.clone();
    world.script.edit(&part, |bytes| bytes[4200] ^= 1);
    let store = Store::open(world.options().retain(1)).unwrap();
    assert_eq!(store.load_report().unwrap().name.as_deref(), Some(names[1].as_str()));
    // The newest that is sound is the one that was loaded.
    let report = store.prune(true).unwrap();
    assert_eq!((removed(&report), left(&report)), (vec![&*names[0]], vec![&*names[2]]));
    world.clock.advance(60_000);
    let newest = store.save().unwrap().wait().unwrap().name;
    world.assert_exactly(&[&names[2], &newest]);
}

#[test]
fn files_of_others_are_never_touched() {
    let world = World::new(TIMED);
    let names = publish_all(&world, &[10, 20]);
    // A neighbour's snapshot, older than ours, with parts and all.
    let neighbour = World { dbfilename: "other-{timestamp}", ..World::new(TIMED) };
    let neighbour = World { script: Arc::clone(&world.script), ..neighbour };
    let theirs = neighbour.publish("v", 30).name;
    let foreign = [
        "dump-2020-01-01T00:00:00.rdb",
        "dump-2020-01-01T00:00:00-0000-1a2b3c4d.dfs",
        "dump-2020-01-01T00:00:00-0001-1a2b3c4d.dfs.tmp",
        "dump-2020-01-02T00:00:00-summary.dfs.tmp",
        "dump-summary.dfs",
        "dump-2020-01-01-summary.dfs",
        "notes.txt",
    ];
    for name in foreign {
        world.script.memory().insert(name, b"not ours".to_vec());
    }
    // The name of one of ours, and not our magic.
    let alike = "dump-2020-01-03T00:00:00";
    world.script.memory().insert(manifest_name(alike), b"a file of somebody else".to_vec());
    let before = world.script.names();

    let report = prune(&world, 1);
    assert_eq!(removed(&report), [&names[0]]);
    assert_eq!(left(&report), [alike]);
    let expected: Vec<String> =
        before.into_iter().filter(|name| !name.starts_with(&names[0])).collect();
    assert_eq!(world.script.names(), expected);
    assert!(expected.contains(&manifest_name(&theirs)));
}

#[test]
fn a_fixed_name_has_one_snapshot_and_keeps_it() {
    let world = World::new("dump");
    let store = Store::open(world.options().retain(1)).unwrap();
    for version in ["one", "two", "three"] {
        world.clock.advance(60_000);
        fill(&store, version, 100);
        store.save().unwrap().wait().unwrap();
        world.assert_exactly(&["dump"]);
    }
    let report = store.prune(false).unwrap();
    assert_eq!((report.removed.len(), report.kept), (0, vec!["dump".to_owned()]));
    world.assert_exactly(&["dump"]);
}

#[test]
fn a_part_that_another_snapshot_lists_stays() {
    let world = World::new(TIMED);
    let names = publish_all(&world, &[10, 20]);
    // Somebody has copied a manifest: two snapshots of one content.
    let copy = "dump-2026-11-22T23:59:59";
    let manifest = world.script.memory().object(&manifest_name(&names[1])).unwrap();
    world.script.memory().insert(manifest_name(copy), manifest);
    let report = prune(&world, 1);
    assert_eq!((report.removed.len(), report.kept.len()), (2, 1));
    let loaded = Store::open(world.options().load(LoadMode::Strict)).unwrap();
    assert_eq!(contents(&loaded), filled("v", 20));
}

#[test]
fn an_increment_and_what_it_builds_on_stay() {
    let world = World::new(TIMED);
    let names = publish_all(&world, &[10, 20, 30]);
    let base = world.manifest(&names[0]).snapshot_id;
    let increment = Manifest { base_id: Some(base), ..world.manifest(&names[1]) };
    let bytes = increment.encode().unwrap();
    world.script.memory().insert(manifest_name(&names[1]), bytes);
    let newest = world.publish("v", 40).name;
    assert_eq!(removed(&prune(&world, 1)), [&names[2]]);
    world.assert_exactly(&[&names[0], &names[1], &newest]);
    assert_ne!(base, SnapshotId::from_bytes([0; 16]));
}

#[test]
fn manifests_go_before_parts() {
    let world = World::new(TIMED);
    let names = publish_all(&world, &[10, 20, 30]);
    world.script.follow(|_, _| Act::Pass);
    prune(&world, 1);
    let log = world.script.log();
    let removals: Vec<&str> = log.iter().filter_map(|name| name.strip_prefix("remove ")).collect();
    assert_eq!(removals.len(), 10);
    assert_eq!(removals[..2], [manifest_name(&names[0]), manifest_name(&names[1])]);
    assert!(removals[2..].iter().all(|name| is_part(name)));
}

#[test]
fn what_cannot_be_removed_is_reported_and_fails_no_save() {
    let world = World::new(TIMED);
    let names = publish_all(&world, &[10, 20]);
    let store = Store::open(world.options().retain(1)).unwrap();
    // The manifest of the oldest, and a part of the next.
    let refused = [manifest_name(&names[0]), world.manifest(&names[1]).parts[1].name.clone()];
    let stubborn = refused.clone();
    world.script.follow(move |_, name| {
        let is_stubborn = stubborn.iter().any(|stubborn| name == format!("remove {stubborn}"));
        if is_stubborn { Act::Fail(StorageErrorKind::PermissionDenied) } else { Act::Pass }
    });
    world.clock.advance(120_000);
    let newest = store.save().unwrap().wait().unwrap().name;
    let left_behind = world.script.names();
    assert!(left_behind.contains(&refused[0]) && left_behind.contains(&refused[1]));
    // The oldest is whole still, the next one is gone but for its last parts.
    assert_eq!(world.manifest(&names[0]).parts.len(), 4);
    assert!(!left_behind.contains(&manifest_name(&names[1])));
    let report = store.prune(false).unwrap();
    assert_eq!((left(&report), &report.kept), (vec![&*names[0]], &vec![newest]));
    assert!(matches!(report.left[0].error, Error::Storage(_)));

    world.script.behave();
    assert_eq!(removed(&store.prune(false).unwrap()), [&names[0]]);
}

#[test]
fn a_storage_that_fails_or_panics_while_old_ones_are_removed_fails_no_save() {
    for act in [Act::Fail(StorageErrorKind::Unavailable), Act::Panic] {
        let world = World::new(TIMED);
        let names = publish_all(&world, &[10, 20]);
        let store = Store::open(world.options().retain(1)).unwrap();
        let mut published = false;
        world.script.follow(move |_, name| {
            published |= name.starts_with("put ");
            if published && name == "list" { act } else { Act::Pass }
        });
        world.clock.advance(120_000);
        store.save().unwrap().wait().unwrap();
        world.script.behave();
        assert!(store.save_status().last_ok);
        assert_eq!(removed(&store.prune(true).unwrap()), names_of(&names));
    }
}

#[test]
fn a_save_elsewhere_or_under_another_name_removes_nothing() {
    let world = World::new(TIMED);
    let names = publish_all(&world, &[10, 20, 30]);
    let store = Store::open(world.options().retain(1)).unwrap();
    let elsewhere = SaveOptions::default().storage(Arc::new(MemoryStorage::new()));
    store.save_with(elsewhere).unwrap().wait().unwrap();
    world.assert_exactly(&names_of(&names));
    world.clock.advance(60_000);
    let renamed = SaveOptions::default().dbfilename("before-upgrade");
    store.save_with(renamed).unwrap().wait().unwrap();
    let mut expected = names_of(&names);
    expected.push("before-upgrade");
    world.assert_exactly(&expected);
}

#[test]
fn a_save_that_fails_removes_nothing() {
    let world = World::new(TIMED);
    let names = publish_all(&world, &[10, 20]);
    let store = Store::open(world.options().retain(1)).unwrap();
    world.script.follow(|_, name| match name {
        _ if name.starts_with("put") => Act::Fail(StorageErrorKind::StorageFull),
        _ => Act::Pass,
    });
    store.save().unwrap().wait().unwrap_err();
    world.script.behave();
    world.assert_exactly(&names_of(&names));
}

#[test]
fn a_store_that_lacks_its_data_or_a_name_or_a_storage_removes_nothing() {
    let world = World::new(TIMED);
    let names = publish_all(&world, &[10, 20]);
    for name in &names {
        world.script.edit(&manifest_name(name), |bytes| bytes[40] ^= 1);
    }
    let options = world.options().retain(1);
    let (store, loading) = Store::open_in_background(options).unwrap();
    loading.join().unwrap().unwrap_err();
    let error = store.prune(false).unwrap_err();
    assert!(matches!(error, Error::NotLoaded { .. }), "{error:?}");

    let world = World::new("");
    let error = world.open().prune(true).unwrap_err();
    assert!(matches!(error, Error::InvalidOption { option: "dbfilename", .. }), "{error:?}");
    let error = Store::in_memory().prune(true).unwrap_err();
    assert!(matches!(error, Error::NoStorage), "{error:?}");
}

#[test]
fn a_snapshot_that_is_being_loaded_is_not_pulled_away() {
    let world = World::new(TIMED);
    let names = publish_all(&world, &[10, 20]);
    let store = Store::open(world.options().retain(1)).unwrap();
    world.script.follow(|_, name| if name.starts_with("read") { Act::Stall } else { Act::Pass });
    let newest = std::thread::scope(|scope| {
        let loading = scope.spawn(|| store.load(&names[0]));
        world.script.wait_for_stall();
        world.clock.advance(120_000);
        let newest = store.save().unwrap().wait().unwrap().name;
        world.script.open_gate();
        loading.join().unwrap().unwrap();
        newest
    });
    world.script.behave();
    world.assert_exactly(&[&names[0], &names[1], &newest]);
    assert_eq!(contents(&store), filled("v", 10));
    assert_eq!(removed(&store.prune(false).unwrap()), names_of(&names));
}

/// Publishes three snapshots on a disk and returns their names.
fn three_on(disk: &SimDisk) -> Vec<String> {
    let clock = Arc::new(ManualClock::new(NOON));
    let options = Options::with_storage(Arc::new(disk.clone()))
        .clock(Arc::clone(&clock) as _)
        .parts(2)
        .maintenance(false);
    let store = Store::open(options).unwrap();
    let names = ["one", "two", "three"].map(|version| {
        clock.advance(60_000);
        fill(&store, version, 10);
        store.save().unwrap().wait().unwrap().name
    });
    names.to_vec()
}

#[test]
fn a_power_cut_between_any_two_removals_leaves_whole_snapshots_only() {
    const WORLDS: u64 = 8;
    let mut outcomes = BTreeSet::new();
    for operation in 0.. {
        let mut died = false;
        for world in 0..WORLDS {
            let disk = SimDisk::new(world);
            let names = three_on(&disk);
            disk.die_at(disk.operations() + operation);
            let pruned = snapshot::prune(&disk, TIMED, 1, false);
            died = disk.is_dead();
            assert!(died || pruned.unwrap().removed.len() == 2);

            let disk = disk.reboot(world << 32 | operation);
            let listing = snapshot::list(&disk, Some(TIMED)).unwrap();
            assert!(listing.damaged.is_empty(), "operation {operation}: {:?}", listing.damaged);
            assert_eq!(listing.complete[0].name, names[2], "operation {operation}");
            for info in &listing.complete {
                let found = snapshot::verify(&disk, &info.name, 1 << 20).unwrap();
                assert!(found.is_sound(), "operation {operation}: {:?}", found.damages);
            }
            outcomes.insert((listing.complete.len(), listing.unfinished.len()));
            // Whatever is left, the next attempt ends it but for parts, which a sweep ends.
            snapshot::prune(&disk, TIMED, 1, false).unwrap();
            let manifests = disk.names().into_iter().filter(|name| {
                SnapshotFile::parse(name)
                    .is_some_and(|file| file.kind == SnapshotFileKind::Manifest)
            });
            assert_eq!(manifests.collect::<Vec<_>>(), [manifest_name(&names[2])]);
        }
        if !died {
            break;
        }
    }
    // Nothing removed, manifests removed, parts removed too: each has been seen.
    assert!(outcomes.contains(&(3, 0)), "{outcomes:?}");
    assert!(outcomes.contains(&(1, 2)), "{outcomes:?}");
    assert!(outcomes.contains(&(1, 0)), "{outcomes:?}");
}
