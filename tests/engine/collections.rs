//! Collections against the standard library's, with cuts taken while they change.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use exuvia::{
    Collection, Database, Error, Expiry, Hash, Item, List, Set, Snapshot, SortedSet, Store,
};
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
/// Members, and which of the scores each has.
struct SortedSetModel(BTreeMap<Vec<u8>, i32>);

/// Scores of every length in memory, and their neighbours.
const MAGNITUDES: [f64; 16] = [
    0.0,
    1e-9,
    0.003_906_25,
    0.1,
    0.75,
    1.0,
    30.0,
    30.5,
    31.0,
    4094.0,
    4095.1,
    524_287.0,
    1_769_903_998.25,
    9_007_199_254_740_991.0,
    1e300,
    f64::INFINITY,
];

/// The score of a number from -15 to 15, in the order of those.
fn score(number: i32) -> f64 {
    let magnitude = MAGNITUDES[number.unsigned_abs() as usize];
    if number < 0 { -magnitude } else { magnitude }
}

impl SortedSetModel {
    fn sorted(&self) -> Vec<(Vec<u8>, f64)> {
        let mut sorted: Vec<_> = self.0.iter().map(|(member, number)| (*number, member)).collect();
        sorted.sort();
        sorted.into_iter().map(|(number, member)| (member.clone(), score(number))).collect()
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
                    let number = i32::from(what) % 31 - 15;
                    match what % 4 {
                        0 | 1 => {
                            let before = model.insert(member.clone(), number).map(score);
                            assert_eq!(set.insert(&member, score(number)), before);
                        }
                        2 => {
                            let before = model.remove(&member).map(score);
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
                        let number = i32::from(element % 31) - 15;
                        set.insert(bytes(element, 0), score(number));
                        model.insert(bytes(element, 0), number);
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
        for probe in (-15..=15).map(score).chain([2.0, -4094.5]) {
            let below = sorted.iter().filter(|(_, score)| *score < probe).count();
            let up_to = sorted.iter().filter(|(_, score)| *score <= probe).count();
            assert_eq!(set.rank_of_score(probe, false), below as u64);
            assert_eq!(set.rank_of_score(probe, true), up_to as u64);
        }
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
