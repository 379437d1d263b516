//! Keys that hold collections: their types, their expiry, transactions, and what cuts hold.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use exuvia::{
    Database, Error, Expiry, Hash, Item, List, ManualClock, Options, Set, SortedSet, Store,
    ValueType,
};
use exuvia_tests::chaos::Stage;
use exuvia_tests::deadline::Deadline;

const KEY: &[u8] = b"collection";

fn push(database: &Database, key: &[u8], element: &[u8]) -> Result<u64, Error> {
    database.update_collection(key, |list: &mut List| {
        list.push_back(element);
        Ok(list.len())
    })
}

#[test]
fn a_key_of_another_type_is_refused_and_left_alone() {
    let store = Store::in_memory();
    let database = store.database(0).unwrap();
    database.set(b"string", b"value", Expiry::Never).unwrap();
    push(&database, b"list", b"element").unwrap();
    assert!(matches!(push(&database, b"string", b""), Err(Error::WrongType)));
    assert!(matches!(database.collection::<List>(b"string"), Err(Error::WrongType)));
    assert!(matches!(database.collection::<Set>(b"list"), Err(Error::WrongType)));
    assert_eq!(database.get(b"list"), None);
    assert_eq!(database.take(b"list"), None);
    let updated = database.update(b"list", |_| (exuvia::Change::Remove, ()));
    assert!(matches!(updated, Err(Error::WrongType)));
    let old = exuvia::SetOptions { return_old: true, ..exuvia::SetOptions::default() };
    assert!(matches!(database.set_with(b"list", b"new", old), Err(Error::WrongType)));
    assert_eq!(database.value_type(b"list"), Some(ValueType::List));
    assert_eq!(database.collection::<List>(b"list").unwrap().unwrap().len(), 1);
    let read = store.transaction(|step| step.get(0, b"list").map(|_| ()));
    assert!(matches!(read, Err(Error::WrongType)));
    database.set(b"list", b"anything", Expiry::Never).unwrap();
    assert_eq!(database.value_type(b"list"), Some(ValueType::String));
}

#[test]
fn what_is_left_empty_is_no_key() {
    let store = Store::in_memory();
    let database = store.database(0).unwrap();
    push(&database, b"list", b"element").unwrap();
    let popped =
        database.update_collection(b"list", |list: &mut List| Ok::<_, Error>(list.pop_back()));
    assert_eq!(popped.unwrap().as_deref(), Some(&b"element"[..]));
    assert!(!database.contains_key(b"list"));
    database.update_collection(b"list", |_: &mut Set| Ok::<_, Error>(())).unwrap();
    assert_eq!(database.len(), 0);
    database.set_item(b"list", Set::new(), Expiry::Never).unwrap();
    assert!(!database.contains_key(b"list"));
}

#[test]
fn an_update_keeps_the_expiry_and_an_error_changes_nothing() {
    let store = Store::in_memory();
    let database = store.database(0).unwrap();
    let list: List = ["a"].into_iter().collect();
    database.set_item(b"list", list, Expiry::At(u64::MAX)).unwrap();
    let changes = store.stats().changes;
    let failed = database.update_collection(b"list", |list: &mut List| {
        list.push_back("b");
        Err::<(), _>(Error::NoStorage)
    });
    assert!(matches!(failed, Err(Error::NoStorage)));
    database.update_collection(b"list", |_: &mut List| Ok::<_, Error>(())).unwrap();
    assert_eq!(store.stats().changes, changes, "nothing was changed");
    assert_eq!(push(&database, b"list", b"b").unwrap(), 2);
    assert_eq!(database.expiry(b"list"), Some(Expiry::At(u64::MAX)));
}

#[test]
fn a_transaction_changes_collections_with_everything_else() {
    let store = Store::in_memory();
    let database = store.database(0).unwrap();
    push(&database, b"from", b"a").unwrap();
    push(&database, b"from", b"b").unwrap();
    let moved = store.transaction(|step| {
        let element =
            step.update_collection(0, b"from", |list: &mut List| Ok::<_, Error>(list.pop_front()))?;
        let element = element.ok_or(Error::NoStorage)?;
        step.update_collection(0, b"to", |list: &mut List| {
            list.push_front(&element);
            Ok::<_, Error>(())
        })?;
        // The step sees what it has written itself.
        assert_eq!(step.collection::<List>(0, b"to")?.map(|list| list.len()), Some(1));
        Ok::<_, Error>(element)
    });
    assert_eq!(&*moved.unwrap(), b"a");
    assert_eq!(database.collection::<List>(b"from").unwrap().unwrap().len(), 1);
    let emptied = store.transaction(|step| {
        step.update_collection(0, b"from", |list: &mut List| {
            list.pop_front();
            Ok::<_, Error>(())
        })
    });
    emptied.unwrap();
    assert!(!database.contains_key(b"from"));
}

#[test]
fn a_field_that_has_expired_is_not_there() {
    let clock = Arc::new(ManualClock::new(1000));
    let options = Options::in_memory().clock(Arc::<ManualClock>::clone(&clock));
    let store = Store::open(options).unwrap();
    let database = store.database(0).unwrap();
    let mut hash = Hash::new();
    hash.insert_with_expiry(b"soon", b"1", Expiry::At(2000));
    hash.insert_with_expiry(b"later", b"2", Expiry::At(3000));
    database.set_item(b"hash", hash, Expiry::Never).unwrap();
    clock.set(2000);
    let cut = store.snapshot().unwrap();
    let len = |database: &Database| {
        database.with_collection(b"hash", |hash: &Hash| (hash.len(), hash.contains(b"soon")))
    };
    assert_eq!(len(&database).unwrap(), Some((1, false)));
    assert_eq!(database.collection::<Hash>(b"hash").unwrap().unwrap().len(), 1);
    clock.set(3000);
    assert_eq!(len(&database).unwrap(), None);
    assert!(!database.contains_key(b"hash"));
    let Some(Item::Collection(then)) = cut.item(0, b"hash") else { panic!("it was there") };
    assert_eq!(then.len(), 1, "a cut judges by its own time");
    let keys = store.stats().total.keys;
    store.maintain();
    assert_eq!((keys, store.stats().total.keys), (1, 0), "what has expired is swept");
    // A hash begun anew does not bring the old fields back.
    let added = database.update_collection(b"hash", |hash: &mut Hash| {
        hash.insert(b"new", b"3");
        Ok::<_, Error>(hash.len())
    });
    assert_eq!(added.unwrap(), 1);
}

#[test]
fn fields_that_have_expired_are_swept_and_the_others_are_left() {
    let clock = Arc::new(ManualClock::new(1000));
    let store = Store::open(Options::in_memory().clock(Arc::<ManualClock>::clone(&clock))).unwrap();
    let database = store.database(0).unwrap();
    let mut hash: Hash = (0..1000_u32).map(|number| (number.to_string(), "value")).collect();
    for number in 0..500_u32 {
        hash.set_expiry(number.to_string().as_bytes(), Expiry::At(2000));
    }
    database.set_item(KEY, hash, Expiry::Never).unwrap();
    let before = store.stats().total.entry_bytes;
    clock.set(2000);
    store.maintain();
    let stats = store.stats();
    assert_eq!((stats.total.keys, stats.expired_keys), (1, 0));
    assert!(stats.total.entry_bytes < before / 2 + 1000, "half of the fields are gone");
    let raw = database.with(KEY, |entry| entry.downcast::<Hash>().unwrap().len());
    assert_eq!(raw, Some(500));
}

#[test]
fn a_cut_holds_of_a_collection_what_is_not_shared() {
    let store = Store::in_memory();
    let database = store.database(0).unwrap();
    let list: List = (0..100_000_u32).map(|number| number.to_string()).collect();
    database.set_item(KEY, list, Expiry::Never).unwrap();
    let all = store.stats().total.entry_bytes;
    let cut = store.snapshot().unwrap();
    for _ in 0..10 {
        push(&database, KEY, b"more").unwrap();
    }
    // Of the ten versions that were superseded the cut needs the first.
    let held = store.stats().superseded_bytes;
    assert!(held > 0 && held < 20_000, "{held} bytes are held of {all}");
    assert!(database.remove(KEY));
    assert_eq!(cut.iter().next().and_then(|entry| entry.collection).unwrap().len(), 100_000);
    drop(cut);
    store.maintain();
    let stats = store.stats();
    assert_eq!((stats.superseded_bytes, stats.total.keys), (0, 0));
}

#[test]
fn updates_of_one_collection_are_never_lost() {
    const THREADS: u64 = 4;
    let _stage = Stage::enter();
    let store = Store::in_memory();
    let database = store.database(0).unwrap();
    let deadline = Deadline::of_stress();
    let done = AtomicBool::new(false);
    let inserted: u64 = thread::scope(|scope| {
        let writers: Vec<_> = (0..THREADS)
            .map(|thread| {
                let database = database.clone();
                scope.spawn(move || {
                    let mut inserted = 0;
                    while !deadline.passed() {
                        let member = (inserted * THREADS + thread).to_string();
                        let is_new = database.update_collection(KEY, |set: &mut SortedSet| {
                            Ok::<_, Error>(set.insert(&member, inserted as f64).is_none())
                        });
                        assert!(is_new.unwrap());
                        inserted += 1;
                    }
                    inserted
                })
            })
            .collect();
        let observer = scope.spawn(|| {
            let mut least = 0;
            while !done.load(Ordering::Relaxed) {
                let cut = store.snapshot().unwrap();
                let Some(Item::Collection(collection)) = cut.item(0, KEY) else { continue };
                let set: &SortedSet = collection.downcast().unwrap();
                assert!(set.len() >= least, "a later cut has less");
                least = set.len();
                assert_eq!(set.iter().count() as u64, set.len());
            }
        });
        let inserted = writers.into_iter().map(|writer| writer.join().unwrap()).sum();
        done.store(true, Ordering::Relaxed);
        observer.join().unwrap();
        inserted
    });
    assert_eq!(database.collection::<SortedSet>(KEY).unwrap().unwrap().len(), inserted);
}
