//! Names, and the order in which a snapshot becomes one.

use super::*;
use crate::format::storage::{PutMode, StorageErrorKind};

#[test]
fn the_manifest_comes_after_every_part_and_is_read_back() {
    let world = World::new("dump");
    let store = world.open();
    fill(&store, "one", 100);
    world.script.follow(|_, _| Act::Pass);
    store.save().unwrap().wait().unwrap();
    let log = world.script.log();
    let put = log.iter().position(|name| name == "put dump-summary.dfs").unwrap();
    let finished: Vec<_> = (0..log.len()).filter(|&at| log[at].starts_with("finish ")).collect();
    assert_eq!(finished.len(), 4);
    assert!(finished.iter().all(|&at| at < put), "{log:?}");
    assert!(log[put + 1..].contains(&"get dump-summary.dfs".to_owned()), "{log:?}");
}

#[test]
fn a_fixed_name_is_replaced_and_the_old_parts_go_after_the_commit() {
    let world = World::new("dump");
    let store = world.open();
    fill(&store, "one", 100);
    store.save().unwrap().wait().unwrap();
    let old: Vec<String> = world.manifest("dump").parts.into_iter().map(|part| part.name).collect();
    fill(&store, "two", 100);
    world.script.follow(|_, _| Act::Pass);
    store.save().unwrap().wait().unwrap();
    let log = world.script.log();
    let put = log.iter().position(|name| name == "put dump-summary.dfs").unwrap();
    let removed: Vec<_> = (0..log.len()).filter(|&at| log[at].starts_with("remove ")).collect();
    assert_eq!(removed.len(), old.len());
    assert!(removed.iter().all(|&at| at > put), "{log:?}");
    world.assert_exactly(&["dump"]);
    assert_eq!(contents(&world.open()), filled("two", 100));
}

#[test]
fn two_saves_in_a_second_have_two_names_and_the_second_wins() {
    let world = World::new("dump-{timestamp}");
    let store = world.open();
    let mut names = Vec::new();
    for version in ["one", "two", "three"] {
        fill(&store, version, 10);
        names.push(store.save().unwrap().wait().unwrap().name);
    }
    assert_eq!(names[1], format!("{}_02", names[0]));
    assert_eq!(names[2], format!("{}_03", names[0]));
    assert!(names.is_sorted());
    assert_eq!(contents(&world.open()), filled("three", 10));
}

#[test]
fn a_name_freed_within_its_second_is_not_taken_again() {
    let world = World::new("dump-{timestamp}");
    let store = Store::open(world.options().retain(1)).unwrap();
    let names: Vec<_> = (0..12)
        .map(|round| {
            fill(&store, &round.to_string(), 10);
            store.save().unwrap().wait().unwrap().name
        })
        .collect();
    assert!(names.is_sorted(), "{names:?}");
    world.assert_exactly(&[names.last().unwrap()]);
}

#[test]
fn a_name_taken_between_the_look_and_the_put_is_left_alone() {
    let world = World::new("dump-{timestamp}");
    let neighbour = World { script: Arc::clone(&world.script), ..World::new("dump-{timestamp}") };
    let store = world.open();
    fill(&store, "mine", 10);
    let mut reached = false;
    world.script.follow(move |_, name| {
        let stall = !reached && name.starts_with("put ");
        reached |= stall;
        if stall { Act::Stall } else { Act::Pass }
    });
    let save = store.save().unwrap();
    world.script.wait_for_stall();
    let other = neighbour.open();
    fill(&other, "theirs", 10);
    let theirs = other.save().unwrap().wait().unwrap();
    world.script.behave();
    let mine = save.wait().unwrap();
    assert_eq!(mine.name, format!("{}_02", theirs.name));
    for (saved, version) in [(theirs, "theirs"), (mine, "mine")] {
        store.load(&saved.name).unwrap();
        assert_eq!(contents(&store), filled(version, 10));
    }
}

#[test]
fn a_manifest_that_is_not_ours_is_never_replaced() {
    let world = World::new("dump");
    let foreign = b"somebody else's work, longer than nothing".as_slice();
    world.script.memory().put("dump-summary.dfs", foreign, PutMode::CreateNew).unwrap();
    let store = Store::open(world.options().load(LoadMode::Off)).unwrap();
    let error = store.save().unwrap().wait().unwrap_err();
    assert!(error.to_string().contains("dump-summary.dfs"), "{error}");
    assert_eq!(world.script.names(), ["dump-summary.dfs"]);
    assert_eq!(world.script.memory().get("dump-summary.dfs", 1000).unwrap(), foreign);
}

#[test]
fn a_damaged_manifest_of_ours_is_replaced() {
    let world = World::new("dump");
    world.publish("one", 10);
    world.script.edit("dump-summary.dfs", |bytes| *bytes.last_mut().unwrap() ^= 1);
    let store = Store::open(world.options().load(LoadMode::Off)).unwrap();
    fill(&store, "two", 10);
    store.save().unwrap().wait().unwrap();
    assert_eq!(contents(&world.open()), filled("two", 10));
}

#[test]
fn a_cut_is_later_than_every_known_one_whatever_the_clock_does() {
    let world = World::new("dump-{timestamp}");
    let mut last = world.publish("one", 10);
    for clock in [NOON, NOON - 3_600_000, 0] {
        world.clock.set(clock);
        let store = world.open();
        for _ in 0..2 {
            let saved = store.save().unwrap().wait().unwrap();
            assert!(saved.cut_unix_ms > last.cut_unix_ms);
            assert_eq!(saved.sequence, last.sequence + 1);
            last = saved;
        }
    }
    let store = world.open();
    assert_eq!(store.load_report().unwrap().name, Some(last.name));
}

#[test]
fn an_empty_store_is_saved_and_loaded() {
    let world = World::new("dump");
    let saved = world.open().save().unwrap().wait().unwrap();
    assert_eq!(saved.records, 0);
    let report = world.open().load_report().unwrap();
    assert_eq!((report.name.as_deref(), report.records), (Some("dump"), 0));
}

#[test]
fn a_put_that_took_place_although_it_failed_is_put_again_and_counts() {
    for dbfilename in ["dump", "dump-{timestamp}"] {
        let world = World::new(dbfilename);
        let store = world.open();
        fill(&store, "one", 10);
        let mut left = 1;
        world.script.follow(move |_, name| {
            if name.starts_with("put ") && left > 0 {
                left -= 1;
                return Act::Deny(StorageErrorKind::Unavailable);
            }
            Act::Pass
        });
        let saved = store.save().unwrap().wait().unwrap();
        world.assert_exactly(&[&saved.name]);
    }
}

#[test]
fn parts_that_a_manifest_may_list_are_never_removed() {
    for act in [Act::Fail(StorageErrorKind::Unavailable), Act::Deny(StorageErrorKind::Unavailable)]
    {
        let world = World::new("dump");
        let store = world.open();
        fill(&store, "one", 10);
        store.save().unwrap().wait().unwrap();
        fill(&store, "two", 10);
        world.script.follow(move |_, name| if name.starts_with("put ") { act } else { Act::Pass });
        store.save().unwrap().wait().unwrap_err();
        let parts = world.script.names().into_iter().filter(|name| is_part(name)).count();
        assert_eq!(parts, 8, "the old and the new set are both whole");
        world.script.behave();
        let version = if matches!(act, Act::Fail(_)) { "one" } else { "two" };
        assert_eq!(contents(&world.open()), filled(version, 10));
    }
}
