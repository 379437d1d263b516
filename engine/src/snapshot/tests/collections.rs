//! Collections through saves and loads.

use super::*;
use crate::collection::{Group, Pending};
use crate::format::storage::MemoryStorage;
use crate::{Collection, Database, Hash, Item, List, Set, SortedSet, Stream, StreamId};

fn text(number: u64) -> String {
    format!("{number}{}", ".".repeat(number as usize % 40))
}

fn hash(len: u64) -> Hash {
    let mut hash: Hash = (0..len).map(|number| (text(number), text(number + 7))).collect();
    hash.set_expiry(text(0).as_bytes(), Expiry::At(NOON * 2));
    hash
}

fn stream(len: u64) -> Stream {
    let mut stream = Stream::new();
    for number in 1..=len {
        stream.append(StreamId::new(number, number), [("number", text(number))]);
    }
    stream.create_group(b"group", StreamId::new(len / 2, 0), Some(len / 2));
    stream.update_group(b"group", |group: &mut Group| {
        for number in 1..=len / 2 {
            let id = StreamId::new(number, number);
            let consumer = text(number % 3);
            let consumer = consumer.as_bytes();
            group.set_pending(Pending { id, consumer, delivered_unix_ms: NOON, deliveries: 1 });
        }
    });
    stream
}

/// One collection of each type.
fn collections(len: u64) -> Vec<Collection> {
    vec![
        (0..len).map(text).collect::<List>().into(),
        hash(len).into(),
        (0..len).map(text).collect::<Set>().into(),
        (0..len).map(|number| (text(number), number as f64 / 8.0)).collect::<SortedSet>().into(),
        stream(len).into(),
    ]
}

/// Short ones and ones of many pages, in two databases among strings.
fn fill_with_collections(store: &Store) {
    fill(store, "one", 200);
    for (index, len) in [(0, 3), (3, 50), (0, 9000)] {
        let database = store.database(index).unwrap();
        for (number, collection) in collections(len).into_iter().enumerate() {
            let key = format!("collection {number} of {len}");
            database.set_item(key.as_bytes(), collection, Expiry::At(NOON * 3)).unwrap();
        }
    }
}

fn assert_filled(store: &Store) {
    for (index, len) in [(0, 3), (3, 50), (0, 9000)] {
        let database = store.database(index).unwrap();
        for (number, collection) in collections(len).into_iter().enumerate() {
            let key = format!("collection {number} of {len}");
            let (item, expiry) = database.item(key.as_bytes()).expect("it was saved");
            assert_eq!(expiry, Expiry::At(NOON * 3));
            assert!(item == Item::from(collection), "{key}");
        }
    }
}

#[test]
fn collections_of_any_length_are_loaded_as_they_were_saved() {
    let world = World::new("dump");
    let store = world.open();
    fill_with_collections(&store);
    let saved = store.save().unwrap().wait().unwrap();
    assert_eq!(saved.records, 215);
    let loaded = world.open();
    assert_filled(&loaded);
    assert_eq!(loaded.stats().total.keys, 215);
    let held = (loaded.stats().total.data_bytes, store.stats().total.data_bytes);
    assert!(held.0 <= held.1, "what is built from the leaves up is as tight: {held:?}");
    // Beside what is there, and over it.
    let other = Store::in_memory();
    let list: List = ["old"].into_iter().collect();
    other.database(3).unwrap().set_item(b"collection 0 of 50", list, Expiry::Never).unwrap();
    other.set(b"beside", b"it stays", Expiry::Never).unwrap();
    let memory = world.script.memory();
    other.load_from(memory, "dump", true).unwrap();
    assert_filled(&other);
    assert!(other.get(b"beside").is_some());
    let verified = crate::snapshot::verify(memory, "dump", 8 << 20).unwrap();
    assert!(verified.is_sound());
    assert_eq!(verified.records, 215);
}

#[test]
fn a_collection_that_changes_during_a_save_is_saved_as_it_was_at_the_cut() {
    let world = World::new("dump");
    let store = world.open();
    fill_with_collections(&store);
    let mut reached = false;
    world.script.follow(move |_, name| {
        let stall = !reached && name.starts_with("create");
        reached |= stall;
        if stall { Act::Stall } else { Act::Pass }
    });
    let save = store.save().unwrap();
    world.script.wait_for_stall();
    let database = store.database(0).unwrap();
    for number in 0..9000_u64 {
        let rewritten =
            database.update_collection(b"collection 3 of 9000", |set: &mut SortedSet| {
                set.insert(text(number), -(number as f64));
                Ok::<_, Error>(set.pop_last().is_some())
            });
        assert!(rewritten.unwrap());
    }
    assert!(database.remove(b"collection 0 of 9000"));
    world.script.behave();
    save.wait().unwrap();
    assert_filled(&world.open());
}

#[test]
fn fields_that_expire_before_the_load_are_left_out() {
    let world = World::new("dump");
    let store = world.open();
    let database = store.database(0).unwrap();
    database.set_item(b"some", hash(5), Expiry::Never).unwrap();
    let mut all = Hash::new();
    all.insert_with_expiry(b"field", b"", Expiry::At(NOON * 2));
    database.set_item(b"all", all, Expiry::Never).unwrap();
    store.save().unwrap().wait().unwrap();
    world.clock.set(NOON * 2);
    let loaded = world.open();
    let database = loaded.database(0).unwrap();
    assert_eq!(database.len(), 1);
    assert_eq!(database.collection::<Hash>(b"some").unwrap().unwrap().len(), 4);
    assert_eq!(loaded.load_report().unwrap().expired, 1);
}

fn collection<C: crate::CollectionType>(database: &Database, key: &str) -> C {
    database.collection(key.as_bytes()).unwrap().expect("the golden files have it")
}

#[test]
fn the_golden_collections_mean_what_they_did() {
    let folder =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../snapshot-format/src/fixtures/v1");
    let memory = MemoryStorage::new();
    for name in ["collections-summary.dfs", "collections-0000-1a2b3c4d.dfs"] {
        memory.insert(name, std::fs::read(folder.join(name)).unwrap());
    }
    let clock = Arc::new(ManualClock::new(NOON));
    let store = Store::open(Options::in_memory().clock(clock)).unwrap();
    store.load_from(&memory, "collections", false).unwrap();
    let database = store.database(3).unwrap();
    assert_eq!(database.len(), 7);
    assert_eq!(database.get(b"a string").as_deref(), Some(&b"beside them"[..]));
    let list: List = collection(&database, "a list");
    assert!(list.iter().eq([&b"a"[..], b"", b"a"]));
    let hash: Hash = collection(&database, "a hash");
    assert!(hash.iter().eq([(&b"wings"[..], &b"4"[..]), (b"awake", b"yes")]));
    assert_eq!(hash.expiry(b"awake"), Some(Expiry::At(4_102_444_800_000)));
    let long: Hash = collection(&database, "a long hash");
    assert_eq!(long.len(), 60);
    assert!((0..60).all(|number| {
        let name = format!("field {number}");
        long.get(name.as_bytes()) == Some(format!("value of {name}").as_bytes())
    }));
    let set: Set = collection(&database, "a set");
    assert!(set.iter().eq([&b"luna"[..], b"io"]));
    assert_eq!(database.expiry(b"a set"), Some(Expiry::At(4_102_444_800_123)));
    let sorted: SortedSet = collection(&database, "a sorted set");
    let expected =
        [("first", f64::NEG_INFINITY), ("second", -1.5), ("third", 0.0), ("fourth", 2.0)];
    assert!(sorted.iter().eq(expected.map(|(member, score)| (member.as_bytes(), score))));
    let stream: Stream = collection(&database, "a stream");
    assert_eq!(
        (stream.last_id(), stream.max_deleted_id()),
        (StreamId::new(9, 1), StreamId::new(8, 0))
    );
    assert_eq!((stream.len(), stream.entries_added()), (2, 4));
    let first = stream.first().unwrap();
    assert_eq!(first.id, StreamId::new(7, 5));
    assert!(first.fields().eq([(&b"moth"[..], &b"luna"[..]), (b"moth", b"io")]));
    let group = stream.group(b"watchers").unwrap();
    assert_eq!((group.last_delivered(), group.entries_read()), (first.id, Some(3)));
    let pending = group.get_pending(first.id).unwrap();
    assert_eq!((pending.consumer, pending.deliveries), (&b"ann"[..], 2));
    let consumer = group.consumer(b"ann").unwrap();
    assert_eq!(consumer.active_unix_ms, Some(1_769_903_997_000));
    assert_eq!(group.consumer(b"bob").unwrap().pending_len(), 0);
}
