//! A failure at every operation of a save and of a load.

use super::*;
use crate::format::storage::StorageErrorKind;

/// Whether a storage refuses the kind for good, so that nothing may happen later on.
const KINDS: [StorageErrorKind; 3] =
    [StorageErrorKind::StorageFull, StorageErrorKind::Io, StorageErrorKind::PermissionDenied];

/// Runs a save of "two" over "one" with `act` at operation `at`. Returns `None` past the end.
fn save_with(
    dbfilename: &'static str,
    at: usize,
    act: Act,
) -> Option<(World, Store, Result<Saved, Error>)> {
    let world = World::new(dbfilename);
    world.publish("one", 40);
    world.clock.advance(60_000);
    let store = world.open();
    fill(&store, "two", 40);
    world.script.follow(move |number, _| if number == at { act } else { Act::Pass });
    let result = store.save().unwrap().wait();
    let reached = world.script.log().len() > at;
    world.script.behave();
    reached.then_some((world, store, result))
}

/// A store opened afterwards holds the new data if the save claims so, and otherwise the old,
/// unless the manifest was published already and only could not be read back.
fn assert_old_or_new(world: &World, result: &Result<Saved, Error>, published: bool, what: &str) {
    let found = contents(&world.open());
    let expected = if result.is_ok() || published { "two" } else { "one" };
    assert_eq!(found, filled(expected, 40), "{what}: {result:?}");
}

#[test]
fn a_failure_at_any_operation_leaves_the_old_snapshot_and_nothing_else() {
    for dbfilename in ["dump", "dump-{timestamp}"] {
        for kind in KINDS {
            let mut failed = 0;
            for at in 0.. {
                let Some((world, store, result)) = save_with(dbfilename, at, Act::Fail(kind))
                else {
                    break;
                };
                let log = world.script.log();
                let what = format!("{dbfilename}, {kind:?} at {:?}", log[at]);
                let published = log[..at].iter().any(|name| name.starts_with("put "));
                assert_old_or_new(&world, &result, published, &what);
                if result.is_err() {
                    failed += 1;
                    // A read of the published manifest that fails leaves both sets whole.
                    if !published {
                        let manifests = world.script.names().into_iter();
                        let manifests: Vec<_> = manifests.filter(|name| !is_part(name)).collect();
                        assert_eq!(manifests.len(), 1, "{what}");
                        let base = manifests[0].strip_suffix("-summary.dfs").unwrap();
                        world.assert_exactly(&[base]);
                    }
                }
                let status = store.save_status();
                assert!(status.running.is_none(), "{what}");
                assert_eq!(status.last_ok, result.is_ok(), "{what}");
                assert_eq!(status.last_error.is_some(), result.is_err(), "{what}");
                // The store is none the worse.
                store.save().unwrap().wait().unwrap();
                assert_eq!(contents(&world.open()), filled("two", 40), "{what}");
            }
            assert!(failed > 15, "{failed} failures are too few to mean anything");
        }
    }
}

#[test]
fn a_panic_at_any_operation_of_a_save_is_a_failed_save() {
    script::silence_scripted_panics();
    for at in 0.. {
        let Some((world, store, result)) = save_with("dump", at, Act::Panic) else { break };
        let what = format!("at {:?}", world.script.log()[at]);
        let found = contents(&world.open());
        let versions = [filled("one", 40), filled("two", 40)];
        assert!(versions.contains(&found), "{what}: {result:?}");
        assert!(result.is_err(), "{what}");
        assert!(store.save_status().running.is_none(), "{what}");
        store.save().unwrap().wait().unwrap();
    }
}

#[test]
fn a_failure_at_any_operation_of_a_load_at_run_time_leaves_the_data_as_it_was() {
    for append in [false, true] {
        let world = World::new("dump");
        world.publish("one", 40);
        let store = world.open();
        fill(&store, "two", 40);
        let mut failed = 0;
        for at in 0.. {
            world.script.follow(move |number, _| {
                if number == at { Act::Fail(StorageErrorKind::Io) } else { Act::Pass }
            });
            let storage = Arc::clone(&world.script);
            let result = store.load_from(&*storage, "dump", append);
            let log = world.script.log();
            world.script.behave();
            if log.len() <= at {
                result.unwrap();
                break;
            }
            result.unwrap_err();
            failed += 1;
            let reads = log[..at].iter().filter(|name| name.starts_with("read")).count();
            let first_pass = log.iter().filter(|name| name.starts_with("open")).count() <= 8;
            if !append || (first_pass && reads <= 8) {
                assert_eq!(contents(&store), filled("two", 40), "at {:?}", log[at]);
            }
        }
        assert!(failed > 8, "{failed} failures are too few to mean anything");
        assert_eq!(contents(&store), filled("one", 40));
    }
}
