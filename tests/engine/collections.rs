//! Collections against the standard library's, with cuts taken while they change.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use exuvia::{
    Collection, Database, Error, Expiry, Hash, Item, List, ManualClock, Options, Set, Snapshot,
    SortedSet, Store, ValueType,
};
use exuvia_tests::chaos::Stage;
use exuvia_tests::deadline::Deadline;
use exuvia_tests::seed::Seed;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

const KEY: &[u8] = b"collection";

/// What is done to a collection: which of its operations, with which element, how long that is.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Any operation of the type, chosen by the number.
    Edit { what: u8, element: u16, bytes: usize },
    /// Many elements at once, so that the collection has several leaves.
    Grow { first: u16, count: u16 },
    /// Most of them away again.
    Shrink { keep: u16 },
    /// A cut is taken, and looked at when all is over.
    Cut,
}

fn step() -> impl Strategy<Value = Step> {
    let bytes = prop_oneof![8 => 0..24_usize, 2 => 0..400_usize, 1 => 900..3000_usize];
    prop_oneof![
        12 => (any::<u8>(), 0..300_u16, bytes)
            .prop_map(|(what, element, bytes)| Step::Edit { what, element, bytes }),
        2 => (0..300_u16, 0..300_u16).prop_map(|(first, count)| Step::Grow { first, count }),
        1 => (0..20_u16).prop_map(|keep| Step::Shrink { keep }),
        2 => Just(Step::Cut),
    ]
}

/// The bytes of an element.
fn bytes(element: u16, len: usize) -> Vec<u8> {
    let mut bytes = element.to_string().into_bytes();
    bytes.resize(bytes.len().max(len), b'.');
    bytes
}

/// A type of collection beside its model.
trait Subject: Clone + Default + std::fmt::Debug {
    fn edit(&mut self, database: &Database, step: Step) -> Result<(), Error>;
    /// Compares all that can be asked.
    fn check(&self, found: Option<&Collection>);
}

/// Runs random steps on a collection and its model, and compares them, with what cuts hold too.
fn agree<S: Subject>(name: &str) {
    let seed = Seed::draw(name);
    let mut seed_bytes = [0; 32];
    seed_bytes[..8].copy_from_slice(&seed.value().to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed_bytes);
    let config = Config { cases: 48, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, rng);
    let outcome = runner.run(&proptest::collection::vec(step(), 0..120), |steps| {
        let store = Store::in_memory();
        let database = store.database(0).unwrap();
        let mut model = S::default();
        let mut cuts: Vec<(Snapshot, S)> = Vec::new();
        for step in steps {
            if matches!(step, Step::Cut) {
                if cuts.len() == 8 {
                    cuts.remove(0);
                }
                cuts.push((store.snapshot().unwrap(), model.clone()));
                continue;
            }
            model.edit(&database, step).map_err(|error| TestCaseError::fail(error.to_string()))?;
            compare(&model, database.item(KEY).map(|(item, _)| item));
        }
        for (cut, model) in &cuts {
            compare(model, cut.item(0, KEY));
            let mut entries = cut.iter();
            model.check(entries.next().and_then(|entry| entry.collection).as_ref());
        }
        Ok(())
    });
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(reason, steps)) => panic!("{reason}, after {steps:?}"),
        Err(error) => panic!("{error}"),
    }
}

fn compare<S: Subject>(model: &S, found: Option<Item>) {
    match found {
        Some(Item::Collection(collection)) => {
            assert!(!collection.is_empty(), "an empty collection is no key");
            model.check(Some(&collection));
        }
        Some(other) => panic!("a collection is {other:?}"),
        None => model.check(None),
    }
}

#[derive(Clone, Debug, Default)]
struct ListModel(VecDeque<Vec<u8>>);

impl Subject for ListModel {
    fn edit(&mut self, database: &Database, step: Step) -> Result<(), Error> {
        let model = &mut self.0;
        database.update_collection(KEY, |list: &mut List| {
            match step {
                Step::Edit { what, element, bytes: len } => {
                    let new = bytes(element, len);
                    let index = usize::from(element) % (model.len() + 1);
                    match what % 7 {
                        0 => {
                            list.push_front(&new);
                            model.push_front(new);
                        }
                        1 => {
                            list.push_back(&new);
                            model.push_back(new);
                        }
                        2 => {
                            list.insert(index as u64, &new);
                            model.insert(index, new);
                        }
                        3 => {
                            assert_eq!(list.set(index as u64, &new), index < model.len());
                            if let Some(old) = model.get_mut(index) {
                                *old = new;
                            }
                        }
                        4 => {
                            let removed = list.remove(index as u64).map(|value| value.to_vec());
                            assert_eq!(removed, model.remove(index));
                        }
                        5 => {
                            let popped = list.pop_front().map(|value| value.to_vec());
                            assert_eq!(popped, model.pop_front());
                        }
                        _ => {
                            let popped = list.pop_back().map(|value| value.to_vec());
                            assert_eq!(popped, model.pop_back());
                        }
                    }
                }
                Step::Grow { first, count } => {
                    let index = usize::from(first) % (model.len() + 1);
                    let new: Vec<_> = (0..count).map(|element| bytes(element, 12)).collect();
                    list.insert_all(index as u64, &new);
                    let behind = model.split_off(index);
                    model.extend(new);
                    model.extend(behind);
                }
                Step::Shrink { keep } => {
                    list.remove_range(u64::from(keep)..list.len());
                    model.truncate(usize::from(keep));
                }
                Step::Cut => {}
            }
            Ok(())
        })
    }

    fn check(&self, found: Option<&Collection>) {
        let empty = Collection::from(List::new());
        let list: &List = found.unwrap_or(&empty).downcast().unwrap();
        assert_eq!(list.len(), self.0.len() as u64);
        assert!(list.iter().eq(self.0.iter()));
        assert!(list.iter().rev().eq(self.0.iter().rev()));
        let middle = self.0.len() / 2;
        assert_eq!(list.get(middle as u64), self.0.get(middle).map(Vec::as_slice));
    }
}

#[derive(Clone, Debug, Default)]
struct HashModel(BTreeMap<Vec<u8>, (Vec<u8>, Expiry)>);

impl Subject for HashModel {
    fn edit(&mut self, database: &Database, step: Step) -> Result<(), Error> {
        let model = &mut self.0;
        database.update_collection(KEY, |hash: &mut Hash| {
            match step {
                Step::Edit { what, element, bytes: len } => {
                    let field = bytes(element, 0);
                    let value = bytes(element, len);
                    // Far in the future, so that the present does not matter.
                    let expiry = Expiry::At(u64::MAX / 2 + len as u64);
                    match what % 6 {
                        0 | 1 => {
                            let is_new =
                                model.insert(field.clone(), (value.clone(), Expiry::Never));
                            assert_eq!(hash.insert(&field, &value), is_new.is_none());
                        }
                        2 => {
                            let is_there = model.contains_key(&field);
                            assert_eq!(hash.set_expiry(&field, expiry), is_there);
                            if let Some(found) = model.get_mut(&field) {
                                found.1 = expiry;
                            }
                        }
                        3 => {
                            let before = model.get(&field).map_or(Expiry::Never, |found| found.1);
                            assert_eq!(
                                hash.insert_keeping_expiry(&field, &value),
                                model.insert(field, (value, before)).is_none()
                            );
                        }
                        4 => assert_eq!(hash.remove(&field), model.remove(&field).is_some()),
                        _ => {
                            let taken = hash.take(&field).map(|value| value.to_vec());
                            assert_eq!(taken, model.remove(&field).map(|found| found.0));
                        }
                    }
                }
                Step::Grow { first, count } => {
                    for element in first..first + count {
                        hash.insert(bytes(element, 0), bytes(element, 12));
                        model.insert(bytes(element, 0), (bytes(element, 12), Expiry::Never));
                    }
                }
                Step::Shrink { keep } => {
                    while hash.len() > u64::from(keep) {
                        let field = hash.get_at(hash.len() / 2).unwrap().0.to_vec();
                        assert!(hash.remove(&field) && model.remove(&field).is_some());
                    }
                }
                Step::Cut => {}
            }
            Ok(())
        })
    }

    fn check(&self, found: Option<&Collection>) {
        let empty = Collection::from(Hash::new());
        let hash: &Hash = found.unwrap_or(&empty).downcast().unwrap();
        let ours: BTreeMap<_, _> = hash.iter().collect();
        let theirs: BTreeMap<_, _> =
            self.0.iter().map(|(field, found)| (&**field, &*found.0)).collect();
        assert_eq!(hash.len(), ours.len() as u64);
        assert_eq!(ours, theirs);
        for (field, (value, expiry)) in &self.0 {
            assert_eq!(hash.get(field), Some(&**value));
            assert_eq!(hash.expiry(field), Some(*expiry));
        }
        let next = self.0.values().map(|found| found.1).filter(|at| *at != Expiry::Never).min();
        assert_eq!(hash.next_expiry(), next.unwrap_or(Expiry::Never));
        assert_eq!(hash.get(b"no such field"), None);
    }
}

#[derive(Clone, Debug, Default)]
struct SetModel(BTreeSet<Vec<u8>>);

impl Subject for SetModel {
    fn edit(&mut self, database: &Database, step: Step) -> Result<(), Error> {
        let model = &mut self.0;
        database.update_collection(KEY, |set: &mut Set| {
            match step {
                Step::Edit { what, element, bytes: len } => {
                    let member = bytes(element, len);
                    match what % 3 {
                        0 | 1 => assert_eq!(set.insert(&member), model.insert(member)),
                        _ => assert_eq!(set.remove(&member), model.remove(&member)),
                    }
                }
                Step::Grow { first, count } => {
                    for element in first..first + count {
                        set.insert(bytes(element, 0));
                        model.insert(bytes(element, 0));
                    }
                }
                Step::Shrink { keep } => {
                    while set.len() > u64::from(keep) {
                        assert!(model.remove(&*set.take_at(set.len() / 3).unwrap()));
                    }
                }
                Step::Cut => {}
            }
            Ok(())
        })
    }

    fn check(&self, found: Option<&Collection>) {
        let empty = Collection::from(Set::new());
        let set: &Set = found.unwrap_or(&empty).downcast().unwrap();
        let ours: BTreeSet<_> = set.iter().map(<[u8]>::to_vec).collect();
        assert_eq!(set.len(), ours.len() as u64);
        assert_eq!(ours, self.0);
        let (mut scanned, mut cursor) = (BTreeSet::new(), 0);
        loop {
            cursor = set.scan(cursor, 5, |member| assert!(scanned.insert(member.to_vec())));
            if cursor == 0 {
                break;
            }
        }
        assert_eq!(scanned, self.0);
    }
}

#[derive(Clone, Debug, Default)]
struct SortedSetModel(BTreeMap<Vec<u8>, i32>);

impl SortedSetModel {
    fn sorted(&self) -> Vec<(Vec<u8>, f64)> {
        let mut sorted: Vec<_> = self.0.iter().map(|(member, score)| (*score, member)).collect();
        sorted.sort();
        sorted.into_iter().map(|(score, member)| (member.clone(), f64::from(score))).collect()
    }
}

impl Subject for SortedSetModel {
    fn edit(&mut self, database: &Database, step: Step) -> Result<(), Error> {
        let sorted = self.sorted();
        let model = &mut self.0;
        database.update_collection(KEY, |set: &mut SortedSet| {
            match step {
                Step::Edit { what, element, bytes: len } => {
                    let member = bytes(element, len % 40);
                    let score = i32::from(what) % 9 - 4;
                    match what % 4 {
                        0 | 1 => {
                            let before = model.insert(member.clone(), score).map(f64::from);
                            assert_eq!(set.insert(&member, f64::from(score)), before);
                        }
                        2 => {
                            let before = model.remove(&member).map(f64::from);
                            assert_eq!(set.remove(&member), before);
                        }
                        _ => {
                            let popped =
                                set.pop_last().map(|(member, score)| (member.to_vec(), score));
                            assert_eq!(popped.as_ref(), sorted.last());
                            popped.map(|(member, _)| model.remove(&member));
                        }
                    }
                }
                Step::Grow { first, count } => {
                    for element in first..first + count {
                        let score = i32::from(element % 17);
                        set.insert(bytes(element, 0), f64::from(score));
                        model.insert(bytes(element, 0), score);
                    }
                }
                Step::Shrink { keep } => {
                    let keep = usize::from(keep);
                    set.remove_range(keep as u64..set.len());
                    for (member, _) in sorted.iter().skip(keep) {
                        model.remove(member);
                    }
                }
                Step::Cut => {}
            }
            Ok(())
        })
    }

    fn check(&self, found: Option<&Collection>) {
        let empty = Collection::from(SortedSet::new());
        let set: &SortedSet = found.unwrap_or(&empty).downcast().unwrap();
        let sorted = self.sorted();
        assert!(set.iter().eq(sorted.iter().map(|(member, score)| (&**member, *score))));
        for (rank, (member, score)) in sorted.iter().enumerate() {
            assert_eq!((set.rank(member), set.score(member)), (Some(rank as u64), Some(*score)));
        }
        let below = sorted.iter().filter(|(_, score)| *score < 2.0).count();
        assert_eq!(set.rank_of_score(2.0, false), below as u64);
    }
}

#[test]
fn a_list_does_what_a_deque_does() {
    agree::<ListModel>("list");
}

#[test]
fn a_hash_does_what_a_map_does() {
    agree::<HashModel>("hash");
}

#[test]
fn a_set_does_what_a_set_does() {
    agree::<SetModel>("set");
}

#[test]
fn a_sorted_set_does_what_a_sorted_map_does() {
    agree::<SortedSetModel>("sorted set");
}

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
