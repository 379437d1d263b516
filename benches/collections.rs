//! Collections: what an operation takes, and what an element costs in memory.
//!
//! Sizes are 8, 100, 1,000, 100,000 and 1,000,000 elements: fields of 16 bytes with values of 12,
//! members of 16, list elements of 24. Times are of one thread that works on one key of a store,
//! lookup and swap of the entry included; beside them the standard library's mutable collections,
//! which keep no versions. Memory is what blocks occupy, with the rounding of the allocator's
//! size classes; `cargo bench --bench collections memory` shows that alone.

#![expect(clippy::print_stdout, reason = "the tables are what this program is for")]

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::hint::black_box;
use std::time::{Duration, Instant};

use exuvia::{CollectionType, Database, Error, Expiry, Hash, List, Set, SortedSet, Store};
use exuvia_benches::heap::{CountingAllocator, live_bytes};
use fastrand::Rng;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

const SIZES: [u64; 5] = [8, 100, 1_000, 100_000, 1_000_000];
const KEY: &[u8] = b"key";
/// How long each operation is repeated.
const TIME: Duration = Duration::from_millis(300);

fn field(number: u64) -> [u8; 16] {
    let mut field = *b"field:0000000000";
    field[8..].copy_from_slice(&number.to_be_bytes());
    field
}

fn element(number: u64) -> [u8; 24] {
    let mut element = *b"element of a list:000000";
    element[16..].copy_from_slice(&number.to_be_bytes());
    element
}

fn hash(len: u64) -> Hash {
    (0..len).map(|number| (field(number), *b"twelve bytes")).collect()
}

fn set(len: u64) -> Set {
    (0..len).map(field).collect()
}

fn sorted_set(len: u64) -> SortedSet {
    let mut rng = Rng::with_seed(7);
    (0..len).map(|number| (field(number), rng.f64())).collect()
}

fn list(len: u64) -> List {
    (0..len).map(element).collect()
}

/// Nanoseconds that a call takes, on average.
fn measure(mut call: impl FnMut()) -> f64 {
    for _ in 0..100 {
        call();
    }
    let started = Instant::now();
    let mut calls = 0_u64;
    while started.elapsed() < TIME {
        for _ in 0..100 {
            call();
        }
        calls += 100;
    }
    started.elapsed().as_nanos() as f64 / calls as f64
}

fn update<C: CollectionType, R>(database: &Database, mut f: impl FnMut(&mut C) -> R) -> R {
    let updated =
        database.update_collection(KEY, |collection: &mut C| Ok::<_, Error>(f(collection)));
    updated.expect("the key holds a collection of this type")
}

fn with<C: CollectionType, R>(database: &Database, f: impl FnOnce(&C) -> R) -> Option<R> {
    database.with_collection(KEY, f).expect("the key holds a collection of this type")
}

/// A row of the table: an operation, and its time at each size.
fn row(name: &str, mut at: impl FnMut(u64, &Database) -> f64) {
    print!("| {name:<28} |");
    for size in SIZES {
        let store = Store::in_memory();
        let database = store.database(0).expect("a store has a first database");
        print!(" {:>9.0} |", at(size, &database));
    }
    println!();
}

fn std_row(name: &str, mut at: impl FnMut(u64) -> f64) {
    print!("| {name:<28} |");
    for size in SIZES {
        print!(" {:>9.0} |", at(size));
    }
    println!();
}

fn store<C: CollectionType>(database: &Database, collection: C) {
    database.set_item(KEY, collection, Expiry::Never).expect("the key is short");
}

fn heading(what: &str) {
    print!("\n| {what:<28} |");
    for size in SIZES {
        print!(" {size:>9} |");
    }
    println!(
        "\n|------------------------------|-----------|-----------|-----------|-----------|-----------|"
    );
}

fn hashes() {
    row("hash: overwrite a field", |size, database| {
        store(database, hash(size));
        let mut rng = Rng::with_seed(1);
        measure(|| {
            update(database, |hash: &mut Hash| {
                hash.insert(field(rng.u64(..size)), b"another data")
            });
        })
    });
    std_row("  std HashMap", |size| {
        let mut map: HashMap<Box<[u8]>, Box<[u8]>> =
            (0..size).map(|n| (field(n).into(), b"twelve bytes".as_slice().into())).collect();
        let mut rng = Rng::with_seed(1);
        measure(|| {
            if let Some(value) = map.get_mut(&field(rng.u64(..size))[..]) {
                *value = b"another data".as_slice().into();
            }
        })
    });
    row("hash: new field, remove it", |size, database| {
        store(database, hash(size));
        let mut next = size;
        measure(|| {
            next += 1;
            update(database, |hash: &mut Hash| hash.insert(field(next), b"another data"));
            update(database, |hash: &mut Hash| hash.remove(&field(next)));
        })
    });
    row("hash: look a field up", |size, database| {
        store(database, hash(size));
        let mut rng = Rng::with_seed(1);
        measure(|| {
            let field = field(rng.u64(..size));
            black_box(with(database, |hash: &Hash| hash.get(&field).map(<[u8]>::len)));
        })
    });
}

fn sets() {
    row("set: new member, remove it", |size, database| {
        store(database, set(size));
        let mut next = size;
        measure(|| {
            next += 1;
            update(database, |set: &mut Set| set.insert(field(next)));
            update(database, |set: &mut Set| set.remove(&field(next)));
        })
    });
    std_row("  std HashSet", |size| {
        let mut set: HashSet<Box<[u8]>> = (0..size).map(|n| field(n).into()).collect();
        let mut next = size;
        measure(|| {
            next += 1;
            set.insert(field(next).into());
            set.remove(&field(next)[..]);
        })
    });
}

fn sorted_sets() {
    row("sorted set: change a score", |size, database| {
        store(database, sorted_set(size));
        let mut rng = Rng::with_seed(1);
        measure(|| {
            let (member, score) = (field(rng.u64(..size)), rng.f64());
            update(database, |set: &mut SortedSet| set.insert(member, score));
        })
    });
    std_row("  std HashMap and BTreeSet", |size| {
        let mut scores: HashMap<[u8; 16], u64> = (0..size).map(|n| (field(n), n)).collect();
        let mut sorted: BTreeSet<(u64, [u8; 16])> = (0..size).map(|n| (n, field(n))).collect();
        let mut rng = Rng::with_seed(1);
        measure(|| {
            let (member, score) = (field(rng.u64(..size)), rng.u64(..));
            if let Some(before) = scores.insert(member, score) {
                sorted.remove(&(before, member));
            }
            sorted.insert((score, member));
        })
    });
    row("sorted set: rank of a member", |size, database| {
        store(database, sorted_set(size));
        let mut rng = Rng::with_seed(1);
        measure(|| {
            let member = field(rng.u64(..size));
            black_box(with(database, |set: &SortedSet| set.rank(&member)));
        })
    });
    row("sorted set: ten from a rank", |size, database| {
        store(database, sorted_set(size));
        let mut rng = Rng::with_seed(1);
        measure(|| {
            let rank = rng.u64(..size);
            let sum =
                |set: &SortedSet| set.range(rank..rank + 10).map(|(_, score)| score).sum::<f64>();
            black_box(with(database, sum));
        })
    });
}

fn lists() {
    row("list: push back, pop front", |size, database| {
        store(database, list(size));
        let mut next = size;
        measure(|| {
            next += 1;
            update(database, |list: &mut List| list.push_back(element(next)));
            update(database, |list: &mut List| list.pop_front().is_some());
        })
    });
    std_row("  std VecDeque", |size| {
        let mut list: VecDeque<Box<[u8]>> = (0..size).map(|n| element(n).into()).collect();
        let mut next = size;
        measure(|| {
            next += 1;
            list.push_back(element(next).into());
            black_box(list.pop_front());
        })
    });
    row("list: set in the middle", |size, database| {
        store(database, list(size));
        let mut rng = Rng::with_seed(1);
        measure(|| {
            let index = rng.u64(..size);
            update(database, |list: &mut List| list.set(index, element(index)));
        })
    });
    row("list: get in the middle", |size, database| {
        store(database, list(size));
        let mut rng = Rng::with_seed(1);
        measure(|| {
            let index = rng.u64(..size);
            black_box(with(database, |list: &List| list.get(index).map(<[u8]>::len)));
        })
    });
}

/// What may be left of an earlier store, far below what a million elements occupy.
const SLACK_BYTES: i64 = 64 << 10;

/// Waits until what earlier stores left to reclamation and to maintenance threads is freed.
fn settle(baseline: i64) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while live_bytes() > baseline + SLACK_BYTES && Instant::now() < deadline {
        // Whoever works next reclaims, in whatever store.
        Store::in_memory().maintain();
    }
}

/// Bytes that blocks occupy for each element of collections of this size, above keys that hold
/// empty strings.
fn memory<C: CollectionType>(name: &str, baseline: i64, make: impl Fn(u64) -> C) {
    print!("| {name:<28} |");
    for size in SIZES {
        let keys = (1_000_000 / size).max(1);
        settle(baseline);
        let store = Store::in_memory();
        let database = store.database(0).expect("a store has a first database");
        // The table's own blocks are there before.
        for number in 0..keys {
            database.set(&field(number), b"", Expiry::Never).expect("the key is short");
        }
        store.maintain();
        let before = live_bytes();
        for number in 0..keys {
            database.set_item(&field(number), make(size), Expiry::Never).expect("a short key");
        }
        store.maintain();
        print!(" {:>9.1} |", (live_bytes() - before) as f64 / (keys * size) as f64);
    }
    println!();
}

fn main() {
    // What lives as long as the process comes into being with the first store.
    drop(Store::in_memory());
    let baseline = live_bytes();
    if !std::env::args().any(|word| word == "memory") {
        heading("ns per operation");
        hashes();
        sets();
        sorted_sets();
        lists();
    }
    heading("bytes per element");
    memory("hash (16 + 12)", baseline, hash);
    memory("set (16)", baseline, set);
    memory("sorted set (16 + 8)", baseline, sorted_set);
    memory("list (24)", baseline, list);
    free();
}

/// Dropping a collection of a million elements: the client's share, and all of it.
fn free() {
    let store_ = Store::in_memory();
    let database = store_.database(0).expect("a store has a first database");
    store(&database, sorted_set(1_000_000));
    let started = Instant::now();
    database.remove(KEY);
    let removed = started.elapsed();
    let started = Instant::now();
    store_.maintain();
    println!(
        "\nremoving a sorted set of a million: {removed:.1?}, freeing it behind: {:.1?}",
        started.elapsed()
    );
}
