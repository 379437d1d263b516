//! Files in other formats: saved, found, loaded, refused.

use std::path::Path;
use std::sync::Arc;

use crate::collection::Pending;
use crate::format::storage::{MemoryStorage, SnapshotStorage};
use crate::{
    Error, Expiry, Hash, Item, LoadMode, ManualClock, Options, Set, SnapshotFormat, SortedSet,
    Store, Stream, StreamId,
};

const NOW_UNIX_MS: u64 = 1_700_000_000_000;

fn options(storage: &MemoryStorage) -> Options {
    Options::with_storage(Arc::new(storage.clone()))
        .clock(Arc::new(ManualClock::new(NOW_UNIX_MS)))
        .dbfilename("dump")
        .parts(2)
        .maintenance(false)
}

fn rdb(storage: &MemoryStorage) -> Options {
    options(storage).format(SnapshotFormat::Rdb)
}

/// Everything in a store, in a form that can be compared.
fn contents(store: &Store) -> Vec<String> {
    let cut = store.snapshot().unwrap();
    let mut lines: Vec<String> = cut
        .iter()
        .map(|entry| {
            format!("{} {:?} {:?} {:?}", entry.database, entry.key, entry.expiry, {
                cut.item(entry.database, &entry.key)
            })
        })
        .collect();
    lines.sort();
    lines
}

fn fill(store: &Store) {
    store.set(b"string", b"text", Expiry::Never).unwrap();
    store.set(b"expiring", b"1", Expiry::At(NOW_UNIX_MS + 5)).unwrap();
    store.set(b"large", vec![b'x'; 300_000], Expiry::Never).unwrap();
    let mut list = crate::List::new();
    list.extend_back((0..20_000).map(|i| format!("item {i}")));
    store.database(0).unwrap().set_item(b"list", list, Expiry::Never).unwrap();
    let (mut set, mut sorted, mut hash) = (Set::new(), SortedSet::new(), Hash::new());
    for i in 0..300 {
        set.insert(format!("member {i}"));
        sorted.insert(format!("member {i}"), f64::from(i) / 3.0);
        hash.insert(format!("field {i}"), "value");
    }
    let other = store.database(3).unwrap();
    other.set_item(b"set", set, Expiry::Never).unwrap();
    other.set_item(b"sorted", sorted, Expiry::At(NOW_UNIX_MS + 9)).unwrap();
    other.set_item(b"hash", hash, Expiry::Never).unwrap();
    for i in 0..5_000 {
        other.set(format!("key {i}").as_bytes(), b"value", Expiry::Never).unwrap();
    }
}

#[test]
fn a_file_holds_what_the_store_held_at_its_cut() {
    let storage = MemoryStorage::new();
    let store = Store::open(rdb(&storage)).unwrap();
    fill(&store);
    let before = contents(&store);
    let saved = store.save().unwrap().wait().unwrap();
    assert_eq!(saved.manifest, "memory/dump.rdb");
    assert_eq!(saved.records, before.len() as u64);
    assert_eq!(saved.bytes, storage.object("dump.rdb").unwrap().len() as u64);
    // The lowest version that holds it.
    assert!(storage.object("dump.rdb").unwrap().starts_with(b"REDIS0009"));
    let again = Store::open(options(&storage)).unwrap();
    let report = again.load_report().unwrap();
    assert_eq!(report.name.as_deref(), Some("dump.rdb"));
    assert_eq!(report.cut_unix_ms, saved.cut_unix_ms);
    assert_eq!(contents(&again), before);
}

#[test]
fn a_file_without_a_timestamp_is_replaced_in_one_step() {
    let storage = MemoryStorage::new();
    let store = Store::open(rdb(&storage)).unwrap();
    store.save().unwrap().wait().unwrap();
    store.set(b"k", b"v", Expiry::Never).unwrap();
    store.save().unwrap().wait().unwrap();
    assert_eq!(storage.list().unwrap().len(), 1);
    let again = Store::open(options(&storage)).unwrap();
    assert_eq!(again.get(b"k").as_deref(), Some(&b"v"[..]));
}

#[test]
fn a_file_with_a_timestamp_is_never_replaced() {
    let storage = MemoryStorage::new();
    let store = Store::open(rdb(&storage).dbfilename("d-{timestamp}")).unwrap();
    let names: Vec<String> =
        (0..3).map(|_| store.save().unwrap().wait().unwrap().manifest).collect();
    assert!(names[1].ends_with("_02.rdb") && names[2].ends_with("_03.rdb"), "{names:?}");
    assert_eq!(storage.list().unwrap().len(), 3);
}

#[test]
fn something_else_under_the_name_is_not_replaced() {
    let storage = MemoryStorage::new();
    storage.insert("other.rdb", *b"a letter");
    let store = Store::open(rdb(&storage)).unwrap();
    store.set_dbfilename("other").unwrap();
    let error = store.save().unwrap().wait().unwrap_err();
    assert!(format!("{error:?}").contains("not an RDB file"), "{error:?}");
    assert_eq!(storage.object("other.rdb").unwrap(), b"a letter");
}

#[test]
fn the_newest_is_loaded_whatever_its_format() {
    let storage = MemoryStorage::new();
    let clock = Arc::new(ManualClock::new(NOW_UNIX_MS));
    for (round, format) in
        [SnapshotFormat::Rdb, SnapshotFormat::Pages, SnapshotFormat::Rdb].into_iter().enumerate()
    {
        let options = rdb(&storage).format(format).clock(clock.clone());
        let store = Store::open(options).unwrap();
        let seen = store.get(b"round").map(|round| round.to_vec());
        assert_eq!(seen, round.checked_sub(1).map(|before| before.to_string().into_bytes()));
        store.set(b"round", round.to_string().as_bytes(), Expiry::Never).unwrap();
        store.save().unwrap().wait().unwrap();
    }
}

#[test]
fn fields_that_expire_take_a_version_that_holds_them() {
    let storage = MemoryStorage::new();
    let store = Store::open(rdb(&storage)).unwrap();
    let mut hash = Hash::new();
    hash.insert("a", "1");
    hash.insert_with_expiry("b", "2", Expiry::At(NOW_UNIX_MS + 7));
    store.database(0).unwrap().set_item(b"h", hash, Expiry::Never).unwrap();
    store.save().unwrap().wait().unwrap();
    assert!(storage.object("dump.rdb").unwrap().starts_with(b"REDIS0012"));
    let again = Store::open(options(&storage)).unwrap();
    assert_eq!(contents(&again), contents(&store));

    let capped = Store::open(rdb(&storage).rdb_version_max(11)).unwrap();
    let error = capped.save().unwrap().wait().unwrap_err();
    assert!(matches!(error, Error::Unsupported { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("\"h\"") && text.contains("version 12"), "{text}");
}

#[test]
fn a_damaged_file_is_passed_over_or_ends_the_start() {
    let storage = MemoryStorage::new();
    let store = Store::open(rdb(&storage).dbfilename("d-{timestamp}")).unwrap();
    store.set(b"k", b"old", Expiry::Never).unwrap();
    store.save().unwrap().wait().unwrap();
    store.set(b"k", b"new", Expiry::Never).unwrap();
    let newest = store.save().unwrap().wait().unwrap().name + ".rdb";
    let mut bytes = storage.object(&newest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    storage.insert(&*newest, bytes);

    let options = options(&storage).dbfilename("d-{timestamp}");
    let fallback = Store::open(options.clone()).unwrap();
    assert_eq!(fallback.get(b"k").as_deref(), Some(&b"old"[..]));
    assert_eq!(fallback.load_report().unwrap().rejected.len(), 1);
    let error = Store::open(options.load(LoadMode::Strict)).unwrap_err();
    assert!(matches!(&error, Error::Corrupt { object, .. } if *object == newest), "{error:?}");
}

#[test]
fn a_failed_load_leaves_the_data_as_it_was() {
    let storage = MemoryStorage::new();
    let store = Store::open(rdb(&storage)).unwrap();
    fill(&store);
    store.save().unwrap().wait().unwrap();
    let before = contents(&store);
    let whole = storage.object("dump.rdb").unwrap();
    for length in [0, 5, 9, 100, whole.len() / 2, whole.len() - 1] {
        storage.insert("dump.rdb", &whole[..length]);
        for append in [false, true] {
            let error = store.load_from(&storage, "dump.rdb", append).unwrap_err();
            assert!(error.is_corruption(), "{length}: {error:?}");
            assert_eq!(contents(&store), before);
        }
    }
    // A module's value is sound and of no use: it is refused by name.
    storage.insert("dump.rdb", *b"REDIS0003\x07\x03doc\x00\xff");
    let error = store.load("dump.rdb").unwrap_err();
    assert!(matches!(error, Error::Unsupported { .. }), "{error:?}");
    assert!(error.to_string().contains("doc"), "{error}");
    assert_eq!(contents(&store), before);
}

#[test]
fn a_file_is_merged_beside_what_is_there() {
    let storage = MemoryStorage::new();
    let store = Store::open(rdb(&storage)).unwrap();
    store.set(b"a", b"1", Expiry::Never).unwrap();
    store.set(b"b", b"2", Expiry::Never).unwrap();
    store.save().unwrap().wait().unwrap();
    let other = Store::in_memory();
    other.set(b"b", b"other", Expiry::Never).unwrap();
    other.set(b"c", b"3", Expiry::Never).unwrap();
    let report = other.load_from(&storage, "dump.rdb", true).unwrap();
    assert_eq!(report.records, 2);
    assert_eq!(contents(&other).len(), 3);
    assert_eq!(other.get(b"b").as_deref(), Some(&b"2"[..]));
}

#[test]
fn databases_that_the_store_lacks_are_named() {
    let storage = MemoryStorage::new();
    let store = Store::open(rdb(&storage)).unwrap();
    fill(&store);
    store.save().unwrap().wait().unwrap();
    let error = Store::open(options(&storage).databases(2)).unwrap_err();
    assert!(matches!(error, Error::TooFewDatabases { database: 3, needed: 4 }), "{error:?}");
}

#[test]
fn what_has_expired_is_left_out_and_counted() {
    let storage = MemoryStorage::new();
    let store = Store::open(rdb(&storage)).unwrap();
    fill(&store);
    store.save().unwrap().wait().unwrap();
    let later = Arc::new(ManualClock::new(NOW_UNIX_MS + 100));
    let again = Store::open(options(&storage).clock(later)).unwrap();
    assert_eq!(again.load_report().unwrap().expired, 2);
}

/// A storage with the files of a Dragonfly snapshot that somebody else's tests are about too.
fn dragonfly(snapshot: &str) -> MemoryStorage {
    let storage = MemoryStorage::new();
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rdb/fixtures/dragonfly");
    for entry in std::fs::read_dir(dir.join(snapshot)).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "dfs") {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            storage.insert(name, std::fs::read(path).unwrap());
        }
    }
    storage
}

#[test]
fn dragonfly_snapshots_are_loaded_in_all_their_compressions() {
    let mut loaded = ["t1_nocomp", "t2_default", "t2_lzf", "t2_zstd"].map(|snapshot| {
        let store = Store::open(options(&dragonfly(snapshot))).unwrap();
        let report = store.load_report().unwrap();
        assert_eq!((report.name.as_deref(), report.records), (Some("dump"), 85), "{snapshot}");
        contents(&store)
    });
    // The times at which entries were delivered differ, of course.
    for lines in &mut loaded {
        lines.retain(|line| !line.contains("stream"));
        assert_eq!(lines.len(), 82);
    }
    let [first, others @ ..] = loaded;
    for other in others {
        assert_eq!(other, first);
    }
}

#[test]
fn a_dragonfly_snapshot_that_is_not_whole_is_damaged() {
    let storage = dragonfly("t2_zstd");
    storage.remove("dump-0001.dfs").unwrap();
    let error = Store::open(options(&storage)).unwrap_err();
    assert!(error.is_corruption(), "{error:?}");
    assert!(error.to_string().contains("dump-0001.dfs"), "{error}");
}

fn stream() -> Stream {
    let mut stream = Stream::new();
    for i in 0..500 {
        let value = format!("value {i}");
        let name = if i % 7 == 0 { "other" } else { "name" };
        assert!(stream.append(StreamId::new(5 + i / 3, i % 3 + 1), [(name, &value)]));
    }
    stream.trim_first(20);
    assert!(stream.create_group(b"idle", StreamId::MIN, None));
    assert!(stream.create_group(b"busy", StreamId::new(100, 1), Some(280)));
    stream.update_group(b"busy", |group| {
        for (name, from) in [(&b"ann"[..], 30), (b"bob", 60)] {
            for ms in from..from + 20 {
                let (id, deliveries) = (StreamId::new(ms, 1), ms % 4);
                let delivered_unix_ms = NOW_UNIX_MS + ms;
                group.set_pending(Pending { id, consumer: name, delivered_unix_ms, deliveries });
            }
            group.touch_consumer(name, NOW_UNIX_MS, Some(NOW_UNIX_MS));
        }
        group.create_consumer(b"carol", NOW_UNIX_MS);
        group.touch_consumer(b"carol", NOW_UNIX_MS, Some(NOW_UNIX_MS));
    });
    stream
}

#[test]
fn a_stream_is_what_it_was_but_for_what_an_old_version_lacks() {
    let storage = MemoryStorage::new();
    let store = Store::open(rdb(&storage)).unwrap();
    store.database(0).unwrap().set_item(b"s", stream(), Expiry::Never).unwrap();
    store.save().unwrap().wait().unwrap();
    assert!(storage.object("dump.rdb").unwrap().starts_with(b"REDIS0010"));
    let again = Store::open(rdb(&storage).rdb_version_max(9)).unwrap();
    assert_eq!(contents(&again), contents(&store));

    again.save().unwrap().wait().unwrap();
    assert!(storage.object("dump.rdb").unwrap().starts_with(b"REDIS0009"));
    let old = Store::open(rdb(&storage)).unwrap();
    let found = old.database(0).unwrap().collection::<Stream>(b"s").unwrap().unwrap();
    assert_eq!(found.group(b"busy").unwrap().entries_read(), None);
    let mut expected = stream();
    expected.set_history(expected.last_id(), StreamId::MIN, expected.len());
    expected.update_group(b"busy", |group| group.set_delivered(StreamId::new(100, 1), None));
    assert_eq!(found, expected);
}

#[test]
fn an_item_is_what_it_was_after_a_pass_through_a_file() {
    let storage = MemoryStorage::new();
    let store = Store::open(rdb(&storage)).unwrap();
    let db = store.database(0).unwrap();
    let mut sorted = SortedSet::new();
    for (member, score) in
        [("inf", f64::INFINITY), ("ninf", f64::NEG_INFINITY), ("tiny", 5e-324), ("half", 0.5)]
    {
        sorted.insert(member, score);
    }
    db.set_item(b"z", sorted.clone(), Expiry::Never).unwrap();
    store.save().unwrap().wait().unwrap();
    let again = Store::open(options(&storage)).unwrap();
    let (item, _) = again.database(0).unwrap().item(b"z").unwrap();
    assert_eq!(item, Item::from(sorted));
}
