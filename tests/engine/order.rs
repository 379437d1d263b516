//! What a cut may leave out depends on what it shows.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use exuvia::{Change, Database};
use exuvia_tests::chaos::Stage;
use exuvia_tests::deadline::Deadline;
use exuvia_tests::seed::Seed;
use fastrand::Rng;

use exuvia_tests::fixture::{find, find_at, number, numbers, open, put};

/// Reads a number in one of the ways there are.
fn read(database: &Database, key: &[u8], rng: &mut Rng) -> Option<u64> {
    match rng.u32(0..5) {
        0 => database.get(key).map(|value| number(&value)),
        1 => {
            let mut found = None;
            database.get_many(&[key], |_, entry| found = entry.map(|entry| number(entry.value)));
            found
        }
        2 => {
            let read = |found: Option<exuvia::EntryRef<'_>>| {
                (Change::Keep, found.map(|entry| number(entry.value)))
            };
            database.update(key, read).unwrap()
        }
        _ => find(database, key),
    }
}

#[test]
fn of_two_writes_of_one_thread_no_cut_shows_only_the_later() {
    let seed = Seed::draw("two writes");
    let stage = Stage::enter();
    stage.unleash(seed);
    let (store, database) = open(4);
    let deadline = Deadline::of_stress();
    let pairs: Vec<(Vec<u8>, Vec<u8>)> = (0..12)
        .map(|pair| (format!("{pair}:first").into_bytes(), format!("{pair}:second").into_bytes()))
        .collect();
    thread::scope(|scope| {
        for own in pairs.chunks(4) {
            let database = &database;
            scope.spawn(move || {
                for number in 1.. {
                    for (first, second) in own {
                        put(database, first, number);
                        put(database, second, number);
                    }
                    if deadline.passed() {
                        break;
                    }
                }
            });
        }
        while !deadline.passed() {
            let cut = store.snapshot().unwrap();
            let got: Vec<_> = pairs
                .iter()
                .map(|(first, second)| (find_at(&cut, first), find_at(&cut, second)))
                .collect();
            let iterated = numbers(&cut);
            for ((first, second), got) in pairs.iter().zip(got) {
                let shown = (iterated.get(first).copied(), iterated.get(second).copied());
                assert_eq!(got, shown, "get and iter of one cut differ");
                let (a, b) = (shown.0.unwrap_or(0), shown.1.unwrap_or(0));
                assert!(a == b || a == b + 1, "first is {a}, second {b}");
            }
        }
    });
}

#[test]
fn no_cut_shows_a_write_without_its_cause_in_another_thread() {
    let seed = Seed::draw("cause and effect");
    let stage = Stage::enter();
    stage.unleash(seed);
    let (store, database) = open(2);
    let deadline = Deadline::of_stress();
    // The first thread counts; each other one copies what it reads from its predecessor's key.
    let keys: Vec<Vec<u8>> = (0..4).map(|link| format!("link {link}").into_bytes()).collect();
    thread::scope(|scope| {
        let (database, keys) = (&database, &keys);
        scope.spawn(move || {
            for number in 1.. {
                put(database, &keys[0], number);
                if deadline.passed() {
                    break;
                }
            }
        });
        for link in 1..keys.len() {
            let mut rng = seed.rng(link as u64);
            scope.spawn(move || {
                let mut copied = 0;
                while !deadline.passed() {
                    let cause = read(database, &keys[link - 1], &mut rng).unwrap_or(0);
                    assert!(cause >= copied, "{cause} was read after {copied}");
                    if cause > copied {
                        copied = cause;
                        put(database, &keys[link], copied);
                    }
                }
            });
        }
        while !deadline.passed() {
            let cut = store.snapshot().unwrap();
            let shown: Vec<u64> = keys.iter().map(|key| find_at(&cut, key).unwrap_or(0)).collect();
            assert!(shown.is_sorted_by(|cause, effect| cause >= effect), "{shown:?}");
        }
    });
}

/// For each old value of the second key, the highest value of the first that was read before it.
type Orders = Vec<AtomicU64>;

/// Reads `first`, then `second`: whatever was read of `first` was written before the write that
/// follows the one read of `second`.
fn note_order(database: &Database, first: &[u8], second: &[u8], orders: &Orders) {
    let earlier = find(database, first).unwrap_or(0);
    let later = find(database, second).unwrap_or(0);
    if let Some(order) = orders.get(later as usize) {
        order.fetch_max(earlier, Ordering::SeqCst);
    }
}

#[test]
fn a_cut_respects_the_order_in_which_a_reader_saw_two_threads_write() {
    const WRITES_MAX: usize = 2_000_000;
    let seed = Seed::draw("observer");
    let stage = Stage::enter();
    stage.unleash(seed);
    let (store, database) = open(2);
    let deadline = Deadline::of_stress();
    let orders = || (0..WRITES_MAX).map(|_| AtomicU64::new(0)).collect::<Orders>();
    let (a_before_b, b_before_a) = (orders(), orders());
    let mut cuts = Vec::new();
    thread::scope(|scope| {
        let database = &database;
        for key in [b"a", b"b"] {
            scope.spawn(move || {
                for number in 1..WRITES_MAX as u64 {
                    put(database, key, number);
                    if deadline.passed() {
                        break;
                    }
                }
            });
        }
        for _ in 0..2 {
            scope.spawn(|| {
                while !deadline.passed() {
                    note_order(database, b"a", b"b", &a_before_b);
                    note_order(database, b"b", b"a", &b_before_a);
                }
            });
        }
        while !deadline.passed() {
            let cut = store.snapshot().unwrap();
            let shown = || (find_at(&cut, b"a").unwrap_or(0), find_at(&cut, b"b").unwrap_or(0));
            let first = shown();
            cuts.push(first);
            for _ in 0..20 {
                assert_eq!(shown(), first, "a cut changed under its reader");
            }
        }
    });
    // Highest so far, so that each cut is one look-up.
    for orders in [&a_before_b, &b_before_a] {
        let mut highest = 0;
        for order in orders {
            highest = highest.max(order.load(Ordering::SeqCst));
            order.store(highest, Ordering::SeqCst);
        }
    }
    let bound = |orders: &Orders, shown: u64| {
        shown.checked_sub(1).map_or(0, |last| orders[last as usize].load(Ordering::SeqCst))
    };
    for (a, b) in cuts {
        let (least_a, least_b) = (bound(&a_before_b, b), bound(&b_before_a, a));
        assert!(a >= least_a, "b={b} is shown with a={a}, though a={least_a} was there before it");
        assert!(b >= least_b, "a={a} is shown with b={b}, though b={least_b} was there before it");
    }
}

#[test]
fn a_key_deleted_and_put_twice_shows_only_states_it_had() {
    let seed = Seed::draw("delete, put, put");
    let stage = Stage::enter();
    stage.unleash(seed);
    let (store, database) = open(1);
    let deadline = Deadline::of_stress();
    thread::scope(|scope| {
        let database = &database;
        for thread in 0..2 {
            scope.spawn(move || {
                let [begun, key, done] =
                    ["begun", "key", "done"].map(|name| format!("{thread}:{name}").into_bytes());
                for round in 1.. {
                    put(database, &begun, round);
                    database.remove(&key);
                    put(database, &key, 2 * round);
                    put(database, &key, 2 * round + 1);
                    put(database, &done, round);
                    if deadline.passed() {
                        break;
                    }
                }
            });
        }
        while !deadline.passed() {
            let cut = store.snapshot().unwrap();
            let shown = numbers(&cut);
            for thread in 0..2 {
                let [begun, key, done] = ["begun", "key", "done"]
                    .map(|name| shown.get(format!("{thread}:{name}").as_bytes()).copied());
                let (begun, done) = (begun.unwrap_or(0), done.unwrap_or(0));
                match key {
                    _ if begun == 0 => assert_eq!(key, None),
                    // All of round `begun` is in.
                    _ if begun == done => assert_eq!(key, Some(2 * begun + 1)),
                    None => {}
                    Some(number) => {
                        let of_last = done > 0 && number == 2 * done + 1;
                        let of_this = number / 2 == begun;
                        assert!(of_last || of_this, "{number} in round {begun} after {done}");
                    }
                }
            }
        }
    });
}
