//! Which snapshot an opening store loads, row by row.

use super::*;
use crate::format::storage::{PutMode, StorageErrorKind};

/// Flips a byte of a page and returns the name of its part.
///
/// Which part holds a key is up to the store's seed: with few keys, some parts are empty.
fn damage_page(world: &World, base: &str) -> String {
    let parts = world.manifest(base).parts;
    let name = parts.into_iter().find(|part| part.pages > 0).unwrap().name;
    // Pages begin behind the header block.
    world.script.edit(&name, |bytes| bytes[4096 + 40] ^= 0x10);
    name
}

#[test]
fn nothing_there_is_an_empty_store_and_near_misses_are_named() {
    let world = World::new("dump");
    for name in ["dump2-summary.dfs", "dump-2026-11-22T12:00:00-summary.dfs", "notes.txt"] {
        world.script.memory().put(name, b"anything", PutMode::CreateNew).unwrap();
    }
    let store = world.open();
    assert!(contents(&store).0.is_empty());
    let report = store.load_report().unwrap();
    assert_eq!(report.name, None);
    assert_eq!(report.near_misses, ["dump-2026-11-22T12:00:00-summary.dfs", "dump2-summary.dfs"]);
    store.save().unwrap().wait().unwrap();
}

#[test]
fn a_template_matches_its_own_names_only() {
    let world = World::new("dump-{timestamp}");
    for name in
        ["dump-summary.dfs", "dump-yesterday-summary.dfs", "xdump-2026-11-22T12:00:00-summary.dfs"]
    {
        world.script.memory().put(name, b"anything", PutMode::CreateNew).unwrap();
    }
    let saved = world.publish("one", 10);
    let store = world.open();
    assert_eq!(store.load_report().unwrap().name.as_ref(), Some(&saved.name));
    assert_eq!(store.load_report().unwrap().near_misses.len(), 3);
}

#[test]
fn parts_without_a_manifest_are_an_unfinished_save() {
    let world = World::new("dump");
    world.publish("one", 10);
    world.script.memory().remove("dump-summary.dfs").unwrap();
    let store = world.open();
    let report = store.load_report().unwrap();
    assert!(contents(&store).0.is_empty());
    assert_eq!(report.unfinished.len(), 1);
    assert!(report.unfinished[0].starts_with("dump ("), "{:?}", report.unfinished);
}

#[test]
fn the_newest_by_cut_time_wins_whatever_the_names_and_the_order_of_the_list() {
    let world = World::new("{d}-{timestamp}");
    for version in ["one", "two", "three"] {
        world.clock.advance(24 * 3600 * 1000);
        world.publish(version, 10);
    }
    assert_eq!(contents(&world.open()), filled("three", 10));
}

#[test]
fn a_storage_that_cannot_be_listed_is_tried_again_and_never_taken_for_empty() {
    for kind in
        [StorageErrorKind::Unavailable, StorageErrorKind::PermissionDenied, StorageErrorKind::Io]
    {
        let world = World::new("dump");
        world.publish("one", 10);
        world
            .script
            .follow(move |_, name| if name == "list" { Act::Fail(kind) } else { Act::Pass });
        let error = world.open_error(LoadMode::Fallback);
        assert!(matches!(&error, Error::Storage(error) if error.kind() == kind), "{error:?}");

        // Two failures, then an answer.
        let mut left = 2;
        world.script.follow(move |_, name| {
            let fails = name == "list" && left > 0;
            left -= u32::from(fails);
            if fails { Act::Fail(kind) } else { Act::Pass }
        });
        let options = world.options().load_patience(Duration::from_secs(30));
        assert_eq!(contents(&Store::open(options).unwrap()), filled("one", 10));
    }
}

#[test]
fn an_object_that_cannot_be_read_is_no_reason_to_load_an_older_snapshot() {
    for operation in ["get", "open", "read"] {
        let world = World::new("dump-{timestamp}");
        world.publish("one", 10);
        let newest = world.publish("two", 10);
        world.script.follow(move |_, name| {
            let newest = name.starts_with(operation) && name.contains(&newest.name);
            if newest { Act::Fail(StorageErrorKind::Unavailable) } else { Act::Pass }
        });
        let error = world.open_error(LoadMode::Fallback);
        assert!(
            matches!(&error, Error::Storage(e) if e.kind() == StorageErrorKind::Unavailable),
            "{operation}: {error:?}"
        );
    }
}

#[test]
fn a_damaged_page_is_named_and_the_next_older_snapshot_is_loaded() {
    let world = World::new("dump-{timestamp}");
    world.publish("one", 100);
    let newest = world.publish("two", 100);
    let part = damage_page(&world, &newest.name);

    let store = world.open();
    assert_eq!(contents(&store), filled("one", 100));
    let report = store.load_report().unwrap();
    assert_eq!(report.rejected.len(), 1);
    let reason = &report.rejected[0];
    for word in [&*part, "page 0", "offset 4096", "checksum"] {
        assert!(reason.contains(word), "{word} in {reason:?}");
    }

    let error = world.open_error(LoadMode::Strict);
    assert!(error.is_corruption() && error.to_string().contains(&part), "{error}");
}

#[test]
fn whatever_is_wrong_with_the_newest_the_next_older_one_is_loaded() {
    type Harm = fn(&World, &str);
    let harms: [(&str, Harm); 6] = [
        ("a part is missing", |world, base| {
            world.script.memory().remove(&world.manifest(base).parts[1].name).unwrap();
        }),
        ("a part is cut short", |world, base| {
            world.script.edit(&world.manifest(base).parts[1].name, |bytes| {
                bytes.truncate(bytes.len() - 100);
            });
        }),
        ("a part is another snapshot's", |world, base| {
            let manifest = world.manifest(base);
            let bytes = world.script.memory().get(&manifest.parts[0].name, u64::MAX).unwrap();
            world.script.edit(&manifest.parts[1].name, |part| *part = bytes);
        }),
        ("a manifest is cut short", |world, base| {
            world.script.edit(&manifest_name(base), |bytes| bytes.truncate(bytes.len() - 8));
        }),
        ("a manifest has a flipped bit", |world, base| {
            world.script.edit(&manifest_name(base), |bytes| *bytes.last_mut().unwrap() ^= 1);
        }),
        ("a manifest is empty", |world, base| {
            world.script.edit(&manifest_name(base), Vec::clear);
        }),
    ];
    for (what, harm) in harms {
        let world = World::new("dump-{timestamp}");
        world.publish("one", 50);
        let newest = world.publish("two", 50);
        harm(&world, &newest.name);
        let store = world.open();
        assert_eq!(contents(&store), filled("one", 50), "{what}");
        assert_eq!(store.load_report().unwrap().rejected.len(), 1, "{what}");
        let error = world.open_error(LoadMode::Strict);
        assert!(error.is_corruption(), "{what}: {error:?}");
        // The next snapshot is newer than the damaged one, if that tells when it was made.
        let next = store.save().unwrap().wait().unwrap();
        assert!(next.sequence > 1, "{what}");
    }
}

#[test]
fn a_newest_manifest_of_an_unknown_version_is_passed_over_by_name() {
    let world = World::new("dump-{timestamp}");
    world.publish("one", 10);
    let newest = world.publish("two", 10);
    // The version follows the magic.
    world.script.edit(&manifest_name(&newest.name), |bytes| bytes[8] = 0x7f);
    let report = world.open().load_report().unwrap();
    assert!(report.rejected[0].contains("version"), "{:?}", report.rejected);
}

#[test]
fn if_every_candidate_is_bad_no_mode_starts_empty() {
    let world = World::new("dump-{timestamp}");
    for version in ["one", "two"] {
        let saved = world.publish(version, 10);
        damage_page(&world, &saved.name);
        // Opening must work for the next round.
        let hidden = manifest_name(&saved.name);
        let bytes = world.script.memory().get(&hidden, u64::MAX).unwrap();
        world.script.memory().remove(&hidden).unwrap();
        world
            .script
            .memory()
            .put(&format!("{version}.hidden"), &bytes, PutMode::CreateNew)
            .unwrap();
        world
            .script
            .memory()
            .put(&format!("{version}.name"), hidden.as_bytes(), PutMode::CreateNew)
            .unwrap();
    }
    for version in ["one", "two"] {
        let bytes = world.script.memory().get(&format!("{version}.hidden"), u64::MAX).unwrap();
        let name = world.script.memory().get(&format!("{version}.name"), u64::MAX).unwrap();
        let name = String::from_utf8(name).unwrap();
        world.script.memory().put(&name, &bytes, PutMode::CreateNew).unwrap();
    }
    for mode in [LoadMode::Fallback, LoadMode::Strict] {
        assert!(world.open_error(mode).is_corruption(), "{mode:?}");
    }
}

#[test]
fn a_foreign_file_under_our_name_counts_as_a_candidate() {
    let world = World::new("dump");
    world.script.memory().put("dump-summary.dfs", b"not ours at all", PutMode::CreateNew).unwrap();
    for mode in [LoadMode::Fallback, LoadMode::Strict] {
        assert!(world.open_error(mode).is_corruption(), "{mode:?}");
    }
    let store = Store::open(world.options().load(LoadMode::Off)).unwrap();
    assert!(contents(&store).0.is_empty());
}

#[test]
fn switched_off_nothing_is_loaded_but_later_cuts_are_later() {
    let world = World::new("dump-{timestamp}");
    let before = world.publish("one", 10);
    world.clock.set(NOON - 3600 * 1000);
    let store = Store::open(world.options().load(LoadMode::Off)).unwrap();
    assert!(contents(&store).0.is_empty());
    let saved = store.save().unwrap().wait().unwrap();
    assert!(saved.cut_unix_ms > before.cut_unix_ms);
}

#[test]
fn any_number_of_parts_and_shards_and_any_seed_loads() {
    for (parts, shards) in [(1, 1), (2, 64), (64, 2)] {
        let world = World::new("dump");
        let store = Store::open(world.options().parts(parts).shards(shards).hash_seed(1)).unwrap();
        fill(&store, "one", 1000);
        store.save().unwrap().wait().unwrap();
        assert_eq!(world.manifest("dump").parts.len(), parts as usize);
        let options = world.options().parts(8).shards(16).hash_seed(2);
        assert_eq!(contents(&Store::open(options).unwrap()), filled("one", 1000));
    }
}

#[test]
fn expired_keys_are_left_out_and_counted() {
    let world = World::new("dump");
    let store = world.open();
    let database = store.database(0).unwrap();
    for (key, expiry) in [
        ("stays", Expiry::Never),
        ("later", Expiry::At(NOON + 10_000)),
        ("soon", Expiry::At(NOON + 1000)),
        ("past", Expiry::At(NOON - 1)),
    ] {
        database.set(key.as_bytes(), b"value".as_slice(), expiry).unwrap();
    }
    let saved = store.save().unwrap().wait().unwrap();
    assert_eq!(saved.records, 3, "a cut judges expiry by its own time");
    world.clock.set(NOON + 1000);
    let store = world.open();
    let report = store.load_report().unwrap();
    assert_eq!((report.records, report.expired), (2, 1));
    assert_eq!(store.database(0).unwrap().expiry(b"later"), Some(Expiry::At(NOON + 10_000)));
}

#[test]
fn a_snapshot_with_more_databases_is_refused_with_the_number_it_needs() {
    let world = World::new("dump");
    let store = world.open();
    store.database(9).unwrap().set(b"key", b"value".as_slice(), Expiry::Never).unwrap();
    store.save().unwrap().wait().unwrap();
    let error = Store::open(world.options().databases(4)).unwrap_err();
    assert!(matches!(error, Error::TooFewDatabases { database: 9, needed: 10 }), "{error:?}");
    let store = Store::open(world.options().databases(10)).unwrap();
    assert!(store.database(9).unwrap().get(b"key").is_some());
}

#[test]
fn a_store_whose_load_failed_never_saves() {
    let world = World::new("dump");
    world.publish("one", 200);
    damage_page(&world, "dump");
    let before = world.script.names();
    let (store, thread) = Store::open_in_background(world.options()).unwrap();
    assert!(thread.join().unwrap().unwrap_err().is_corruption());
    let error = store.save().unwrap_err();
    assert!(
        matches!(&error, Error::NotLoaded { reason } if reason.contains("checksum")),
        "{error:?}"
    );
    store.close().unwrap();
    assert_eq!(world.script.names(), before);
}

#[test]
fn a_store_that_still_loads_does_not_save() {
    let world = World::new("dump");
    world.publish("one", 10);
    world.script.follow(|_, name| if name.starts_with("read") { Act::Stall } else { Act::Pass });
    let (store, thread) = Store::open_in_background(world.options()).unwrap();
    world.script.wait_for_stall();
    assert!(store.is_loading());
    assert!(matches!(store.save().unwrap_err(), Error::NotLoaded { .. }));
    assert!(store.load_progress().is_some());
    world.script.behave();
    thread.join().unwrap().unwrap();
    assert!(!store.is_loading() && store.load_progress().is_none());
    assert_eq!(contents(&store), filled("one", 10));
    store.save().unwrap().wait().unwrap();
}

#[test]
fn of_many_dated_manifests_only_the_newest_are_read() {
    let world = World::new("dump-{timestamp}");
    for _ in 0..5 {
        world.clock.advance(24 * 3600 * 1000);
        world.publish("any", 1);
    }
    world.script.follow(|_, _| Act::Pass);
    world.open();
    let read = world.script.log().iter().filter(|name| name.starts_with("get ")).count();
    assert!(read <= 3, "{:?}", world.script.log());
}

#[test]
fn old_parts_that_nobody_lists_are_swept_and_nothing_else() {
    let world = World::new("dump");
    let store = world.open();
    fill(&store, "one", 10);
    store.save().unwrap().wait().unwrap();
    let listed = world.script.names();
    // A save whose manifest never came, a neighbour's, and a file that only has such a name.
    world.script.follow(|_, name| match name {
        name if name.starts_with("put ") => Act::Fail(StorageErrorKind::Unavailable),
        _ => Act::Pass,
    });
    store.save().unwrap().wait().unwrap_err();
    world.script.behave();
    let others = ["dump-0000-00000000.dfs", "dump-0000-1a2b3c4d.txt", "other-0000-1a2b3c4d.dfs"];
    for name in others {
        world.script.memory().put(name, &[0; 8192], PutMode::CreateNew).unwrap();
    }
    let leftovers = world.script.names().len() - listed.len() - others.len();
    assert_eq!(leftovers, 4, "the parts of an uncertain publication stay");

    let report = world.open().load_report().unwrap();
    assert_eq!(report.unfinished.len(), 2);
    assert!(report.swept.is_empty(), "they may be a neighbour's: {:?}", report.swept);

    world.clock.set(NOON + 24 * 3600 * 1000);
    let report = world.open().load_report().unwrap();
    assert_eq!(report.swept.len(), 4);
    let mut expected = listed;
    expected.extend(others.map(str::to_owned));
    expected.sort();
    assert_eq!(world.script.names(), expected);
}

#[test]
fn what_a_crash_left_half_written_is_swept_under_the_lock() {
    let dir = tempfile::tempdir().unwrap();
    let open = || Store::open(Options::new(dir.path()).dbfilename("dump").parts(2)).unwrap();
    let store = open();
    fill(&store, "one", 10);
    store.save().unwrap().wait().unwrap();
    drop(store);
    let ours = ["dump-0001-1a2b3c4d.dfs.tmp", "dump-summary.dfs.tmp"];
    let others = ["dump.txt.tmp", "dumpling-summary.dfs.tmp", "other-0001-1a2b3c4d.dfs.tmp"];
    for name in ours.iter().chain(&others) {
        std::fs::write(dir.path().join(name), b"half").unwrap();
    }
    let mut swept = open().load_report().unwrap().swept;
    swept.sort();
    assert_eq!(swept, ours);
    assert!(ours.iter().all(|name| !dir.path().join(name).exists()));
    assert!(others.iter().all(|name| dir.path().join(name).exists()));
}

#[test]
fn a_directory_that_is_missing_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let deep = dir.path().join("a").join("b");
    let store = Store::open(Options::new(&deep).dbfilename("dump")).unwrap();
    fill(&store, "one", 10);
    store.save().unwrap().wait().unwrap();
    drop(store);
    let store = Store::open(Options::new(&deep).dbfilename("dump")).unwrap();
    assert_eq!(contents(&store), filled("one", 10));
}
