//! Loads at run time, and looking at what a storage holds.

use super::*;
use crate::format::storage::{PutMode, StorageErrorKind, WriteHint};
use crate::format::{
    HashRange, HashSeed, PageOptions, PartHeader, PartWriter, Record, SnapshotId, ValueType,
    hash_key, part_name,
};
use crate::snapshot;

#[test]
fn a_load_replaces_the_data_and_a_merge_lets_the_snapshot_win() {
    let world = World::new("dump");
    let saved = world.publish("one", 100);
    let store = world.open();
    fill(&store, "two", 200);
    let report = store.load_from(&*world.script, &saved.name, true).unwrap();
    assert_eq!(report.records, 100);
    let mut merged = filled("two", 200);
    merged.0.extend(filled("one", 100).0);
    assert_eq!(contents(&store), merged);

    store.load(&saved.name).unwrap();
    assert_eq!(contents(&store), filled("one", 100));
    assert!(store.load_progress().is_none());
}

#[test]
fn a_cut_taken_before_a_load_keeps_the_old_data() {
    let world = World::new("dump");
    let saved = world.publish("one", 100);
    let store = world.open();
    fill(&store, "two", 100);
    let cut = store.snapshot().unwrap();
    store.load(&saved.name).unwrap();
    assert_eq!(cut.get(0, b"key7").as_deref(), Some(b"two-7".as_slice()));
    assert_eq!(contents(&store), filled("one", 100));
}

#[test]
fn a_load_of_a_damaged_or_missing_snapshot_changes_nothing() {
    let world = World::new("dump");
    let saved = world.publish("one", 100);
    let store = world.open();
    fill(&store, "two", 100);
    let part = world.manifest(&saved.name).parts[3].name.clone();
    world.script.edit(&part, |bytes| bytes[4200] ^= 1);
    for append in [false, true] {
        let error = store.load_from(&*world.script, &saved.name, append).unwrap_err();
        assert!(error.is_corruption(), "{error:?}");
        assert_eq!(contents(&store), filled("two", 100));
    }
    for name in ["nothing", "../dump", "", "dump-summary.dfs/x"] {
        let error = store.load(name).unwrap_err();
        assert!(matches!(error, Error::Storage(_)), "{name:?}: {error:?}");
    }
    assert_eq!(contents(&store), filled("two", 100));
    // The store is not one whose first load failed.
    store.save().unwrap().wait().unwrap();
}

#[test]
fn a_manifest_cannot_name_files_that_are_no_parts() {
    let world = World::new("dump");
    let saved = world.publish("one", 10);
    let mut manifest = world.manifest(&saved.name);
    manifest.parts[0].name = "../../etc/passwd".to_owned();
    // Whichever of the two notices, writing or reading it.
    if let Ok(bytes) = manifest.encode() {
        world.script.edit("dump-summary.dfs", |old| *old = bytes);
        assert!(world.open_error(LoadMode::Fallback).is_corruption());
        assert!(!world.script.log().iter().any(|name| name.contains("passwd")));
    }
}

#[test]
fn a_part_with_fewer_records_than_the_manifest_says_is_refused() {
    let world = World::new("dump");
    let saved = world.publish("one", 100);
    let mut manifest = world.manifest(&saved.name);
    manifest.parts[2].records += 1;
    let bytes = manifest.encode().unwrap();
    world.script.edit("dump-summary.dfs", |old| *old = bytes);
    let error = world.open_error(LoadMode::Strict);
    assert!(error.is_corruption(), "{error:?}");
}

#[test]
fn the_list_has_complete_sets_newest_first_and_says_what_is_wrong_with_others() {
    let world = World::new("dump-{timestamp}");
    let saved: Vec<_> =
        ["one", "two", "three", "four"].map(|version| world.publish(version, 10).name).into();
    world.script.memory().remove(&world.manifest(&saved[1]).parts[0].name).unwrap();
    world.script.memory().remove(&manifest_name(&saved[2])).unwrap();
    world.script.edit(&manifest_name(&saved[0]), |bytes| *bytes.last_mut().unwrap() ^= 1);
    let another = world.publish("five", 20);

    let listing = snapshot::list(&*world.script, Some("dump-{timestamp}")).unwrap();
    let complete: Vec<_> = listing.complete.iter().map(|info| info.name.as_str()).collect();
    assert_eq!(complete, [&*another.name, &*saved[3]]);
    assert_eq!(listing.complete[0].manifest.records(), 20);
    let damaged: Vec<_> = listing.damaged.iter().map(|damaged| damaged.name.as_str()).collect();
    assert_eq!(damaged, [&*saved[1], &*saved[0]]);
    assert!(listing.damaged[0].error.to_string().contains("not there"));
    assert_eq!(listing.unfinished.len(), 1);
    assert!(listing.unfinished[0].starts_with(&saved[2]));

    assert!(snapshot::list(&*world.script, Some("other")).unwrap().complete.is_empty());
    assert_eq!(snapshot::list(&*world.script, None).unwrap().complete.len(), 2);
}

#[test]
fn verifying_names_every_damaged_page() {
    let world = World::new("dump");
    let store = world.open();
    let database = store.database(0).unwrap();
    for i in 0..4000 {
        database.set(format!("key{i}").as_bytes(), vec![i as u8; 1000], Expiry::Never).unwrap();
    }
    store.save().unwrap().wait().unwrap();
    let sound = snapshot::verify(&*world.script, "dump", 8 << 20).unwrap();
    assert!(sound.is_sound(), "{:?}", sound.damages);
    assert_eq!(sound.records, 4000);

    let part = world.manifest("dump").parts[1].clone();
    assert!(part.pages >= 3, "{part:?}");
    world.script.edit(&part.name, |bytes| {
        bytes[4096 + 50] ^= 1;
        let at = bytes.len() / 2;
        bytes[at] ^= 1;
    });
    let found = snapshot::verify(&*world.script, "dump", 8 << 20).unwrap();
    assert_eq!(found.damages.len(), 2, "{:?}", found.damages);
    assert!(found.damages.iter().all(|damage| damage.to_string().contains(&part.name)));
    assert!(found.records > 3000 && found.records < 4000);

    let missing = world.manifest("dump").parts[0].name.clone();
    world.script.memory().remove(&missing).unwrap();
    let found = snapshot::verify(&*world.script, "dump", 8 << 20).unwrap();
    assert_eq!(found.damages.len(), 3, "{:?}", found.damages);
}

#[test]
fn the_totals_are_known_without_reading_a_part() {
    let world = World::new("dump");
    world.publish("one", 100);
    world.script.follow(|_, name| match name {
        name if name.starts_with("open") => Act::Fail(StorageErrorKind::Io),
        _ => Act::Pass,
    });
    let info = snapshot::info(&*world.script, "dump").unwrap();
    assert_eq!(info.manifest.records(), 100);
    let bytes: usize =
        filled("one", 100).0.iter().map(|(key, value)| key.len() + value.len()).sum();
    assert_eq!(info.manifest.raw_bytes(), bytes as u64);
}

/// A key whose hash by `seed` does not depend on `number`.
///
/// XXH3 multiplies two words of such a key, each mixed with a constant of its secret and the seed;
/// where the first word makes its factor zero, the second is lost.
fn colliding(seed: u64, number: u64) -> [u8; 32] {
    let factor_zero = 0xbe4b_a423_396c_feb8_u64.wrapping_add(seed);
    let mut key = [0; 32];
    key[..8].copy_from_slice(&factor_zero.to_le_bytes());
    key[8..16].copy_from_slice(&number.to_be_bytes());
    key
}

#[test]
fn keys_chosen_to_collide_by_the_snapshots_seed_are_loaded_under_another() {
    const SEED: u64 = 42;
    const KEYS: u64 = 2000;
    let world = World::new("dump");
    let header = PartHeader {
        snapshot_id: SnapshotId::from_bytes([7; 16]),
        hash_seed: HashSeed(SEED),
        number: 0,
        hash_range: HashRange::ALL,
    };
    let name = part_name("dump", 0, header.snapshot_id);
    let (pages, hint) = (PageOptions::default(), WriteHint::default());
    let mut part = PartWriter::begin(&*world.script, header, &name, pages, hint).unwrap();
    for number in 0..KEYS {
        let key = colliding(SEED, number);
        part.push_large(&Record {
            database: 0,
            hash: hash_key(header.hash_seed, &key),
            value_type: ValueType::String,
            key: &key,
            expires_at_unix_ms: None,
            value: &number.to_le_bytes(),
        })
        .unwrap();
    }
    let manifest = Manifest {
        snapshot_id: header.snapshot_id,
        cut_unix_ms: NOON,
        sequence: 1,
        hash_seed: header.hash_seed,
        base_id: None,
        engine_version: "any".to_owned(),
        parts: vec![part.finish().unwrap()],
    };
    let bytes = manifest.encode().unwrap();
    world.script.memory().put("dump-summary.dfs", &bytes, PutMode::CreateNew).unwrap();

    let store = world.open();
    assert_eq!(contents(&store).0.len() as u64, KEYS);
    for number in 0..KEYS {
        let value = store.get(&colliding(SEED, number)).unwrap();
        assert_eq!(*value, number.to_le_bytes());
    }
    store.save().unwrap().wait().unwrap();
    assert_ne!(world.manifest("dump").hash_seed, HashSeed(SEED));
}
