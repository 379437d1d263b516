//! Steps over several keys: all of one or nothing, for every reader and every cut.

use std::thread;

use exuvia::{Change, Database, Error, Expiry, ExpiryChange, KEY_BYTES_MAX, Store, Value};
use exuvia_tests::chaos::Stage;
use exuvia_tests::deadline::Deadline;
use exuvia_tests::seed::Seed;
use fastrand::Rng;

use exuvia_tests::fixture::{assert_no_history, find, find_at, number, open, put};

const ACCOUNTS: u64 = 48;
const BALANCE: u64 = 100;

/// Accounts are spread over two databases, and an empty account is no key.
fn account(number: u64) -> (u16, Vec<u8>) {
    ((number % 2) as u16, format!("account {number}").into_bytes())
}

fn transfer(store: &Store, from: u64, to: u64, amount: u64) -> Result<(), Error> {
    store.transaction(|transaction| {
        let mut balances = [0; 2];
        for (balance, (database, key)) in balances.iter_mut().zip([from, to].map(account)) {
            *balance = transaction.get(database, &key)?.map_or(0, |found| number(&found.0));
        }
        let moved = amount.min(balances[0]);
        let after = [balances[0] - moved, balances[1] + moved];
        for (balance, (database, key)) in after.into_iter().zip([from, to].map(account)) {
            if balance == 0 {
                transaction.remove(database, &key)?;
            } else {
                let value = Value::from(&balance.to_le_bytes());
                transaction.set(database, &key, value, Expiry::Never)?;
            }
        }
        Ok(())
    })
}

fn open_bank(store: &Store) {
    for account_number in 0..ACCOUNTS {
        let (database, key) = account(account_number);
        put(&store.database(database).unwrap(), &key, BALANCE);
    }
}

/// The sum in one transaction that only reads.
fn sum(store: &Store) -> u64 {
    let summed = store.transaction(|transaction| {
        let mut sum = 0;
        for (database, key) in (0..ACCOUNTS).map(account) {
            sum += transaction.get(database, &key)?.map_or(0, |found| number(&found.0));
        }
        Ok::<_, Error>(sum)
    });
    summed.unwrap()
}

#[test]
fn transfers_keep_the_sum_in_every_cut_and_every_transaction() {
    let seed = Seed::draw("bank");
    let stage = Stage::enter();
    stage.unleash(seed);
    let (store, _) = open(2);
    open_bank(&store);
    let deadline = Deadline::of_stress();
    thread::scope(|scope| {
        let store = &store;
        for thread in 0..8 {
            let mut rng = seed.rng(thread);
            scope.spawn(move || {
                while !deadline.passed() {
                    let from = rng.u64(0..ACCOUNTS);
                    let to = (from + rng.u64(1..ACCOUNTS)) % ACCOUNTS;
                    transfer(store, from, to, rng.u64(1..BALANCE)).unwrap();
                }
            });
        }
        scope.spawn(move || {
            while !deadline.passed() {
                assert_eq!(sum(store), ACCOUNTS * BALANCE, "summed by a transaction");
            }
        });
        while !deadline.passed() {
            let cut = store.snapshot().unwrap();
            let iterated: u64 = cut.iter().map(|entry| number(&entry.value)).sum();
            assert_eq!(iterated, ACCOUNTS * BALANCE, "summed over a cut");
            let got: u64 = (0..ACCOUNTS)
                .map(account)
                .filter_map(|(database, key)| cut.get(database, &key))
                .map(|value| number(&value))
                .sum();
            assert_eq!(got, ACCOUNTS * BALANCE, "summed by keys of a cut");
        }
    });
    assert_eq!(sum(&store), ACCOUNTS * BALANCE);
    assert_no_history(&store);
}

#[test]
fn single_key_updates_among_transfers_are_all_counted() {
    let seed = Seed::draw("deposits");
    let stage = Stage::enter();
    stage.unleash(seed);
    let (store, _) = open(1);
    open_bank(&store);
    let deadline = Deadline::of_stress();
    let deposit = |account_number: u64| {
        let (database, key) = account(account_number);
        let add = |found: Option<exuvia::EntryRef<'_>>| {
            let balance = found.map_or(0, |entry| number(entry.value)) + 1;
            (Change::Set(Value::from(&balance.to_le_bytes()), ExpiryChange::Keep), ())
        };
        store.database(database).unwrap().update(&key, add).unwrap();
    };
    let deposited: u64 = thread::scope(|scope| {
        for thread in 0..3 {
            let (store, mut rng) = (&store, seed.rng(thread));
            scope.spawn(move || {
                while !deadline.passed() {
                    let from = rng.u64(0..ACCOUNTS);
                    let to = (from + rng.u64(1..ACCOUNTS)) % ACCOUNTS;
                    transfer(store, from, to, rng.u64(1..10)).unwrap();
                }
            });
        }
        let depositors: Vec<_> = (10..13)
            .map(|thread| {
                let mut rng = seed.rng(thread);
                scope.spawn(move || {
                    let mut deposited = 0;
                    while !deadline.passed() {
                        deposit(rng.u64(0..ACCOUNTS));
                        deposited += 1;
                    }
                    deposited
                })
            })
            .collect();
        let mut last = 0;
        while !deadline.passed() {
            let cut = store.snapshot().unwrap();
            let sum: u64 = cut.iter().map(|entry| number(&entry.value)).sum();
            assert!(sum >= last, "money was lost: {sum} after {last}");
            last = sum;
        }
        depositors.into_iter().map(|depositor| depositor.join().unwrap()).sum()
    });
    assert_eq!(sum(&store), ACCOUNTS * BALANCE + deposited);
}

/// Names of keys that are always written together.
fn group(thread: u64) -> Vec<Vec<u8>> {
    (0..16).map(|member| format!("{thread}:{member}").into_bytes()).collect()
}

fn set_group(store: &Store, keys: &[Vec<u8>], value: u64) {
    let set = store.transaction(|transaction| {
        for key in keys {
            transaction.set(0, key, Value::from(&value.to_le_bytes()), Expiry::Never)?;
        }
        Ok::<_, Error>(())
    });
    set.unwrap();
}

/// Reads a group in one of the ways that promise to read it as of one instant.
fn read_group(store: &Store, database: &Database, keys: &[Vec<u8>], rng: &mut Rng) -> Vec<u64> {
    let or_zero = |value: Option<Value>| value.map_or(0, |value| number(&value));
    if rng.bool() {
        database.get_many_atomic(keys).into_iter().map(or_zero).collect()
    } else {
        let cut = store.snapshot().unwrap();
        keys.iter().map(|key| or_zero(cut.get(0, key))).collect()
    }
}

#[test]
fn keys_set_together_are_read_together() {
    let seed = Seed::draw("groups");
    let stage = Stage::enter();
    stage.unleash(seed);
    let (store, database) = open(2);
    let deadline = Deadline::of_stress();
    thread::scope(|scope| {
        let (store, database) = (&store, &database);
        for thread in 0..8 {
            scope.spawn(move || {
                // Two threads write each group, so that transactions meet.
                let keys = group(thread / 2);
                for round in 1.. {
                    set_group(store, &keys, round * 8 + thread);
                    if deadline.passed() {
                        break;
                    }
                }
            });
        }
        for reader in 0..2 {
            let mut rng = seed.rng(reader);
            scope.spawn(move || {
                while !deadline.passed() {
                    let keys = group(rng.u64(0..4));
                    let values = read_group(store, database, &keys, &mut rng);
                    assert!(values.iter().all(|&value| value == values[0]), "{values:?}");
                }
            });
        }
    });
    assert_no_history(&store);
}

/// Single reads are no transaction, but they are linearizable: whoever has seen one write of a
/// transaction sees the others from then on.
#[test]
fn a_reader_that_saw_one_key_of_a_transaction_sees_the_others() {
    let seed = Seed::draw("one then the other");
    let stage = Stage::enter();
    stage.unleash(seed);
    let (store, database) = open(1);
    let keys = [b"first".to_vec(), b"second".to_vec(), b"third".to_vec()];
    let deadline = Deadline::of_stress();
    thread::scope(|scope| {
        let (store, database, keys) = (&store, &database, &keys);
        scope.spawn(move || {
            for round in 1.. {
                set_group(store, keys, round);
                if deadline.passed() {
                    break;
                }
            }
        });
        for reader in 0..3 {
            let mut rng = seed.rng(reader);
            scope.spawn(move || {
                let mut last = 0;
                while !deadline.passed() {
                    let key = &keys[rng.usize(0..3)];
                    let found = match rng.u32(0..3) {
                        0 => find(database, key),
                        1 => database.get(key).map(|value| number(&value)),
                        _ => find_at(&store.snapshot().unwrap(), key),
                    };
                    let found = found.unwrap_or(0);
                    assert!(found >= last, "{found} in {key:?} after {last} in another key");
                    last = found;
                }
            });
        }
    });
}

/// Each transaction alone keeps one of the two keys; both together must, too.
#[test]
fn transactions_that_read_what_others_write_are_serialized() {
    let seed = Seed::draw("write skew");
    let stage = Stage::enter();
    stage.unleash(seed);
    let (store, database) = open(1);
    let deadline = Deadline::of_stress();
    let on_duty = [b"alice".as_slice(), b"clara"];
    thread::scope(|scope| {
        let (store, database) = (&store, &database);
        for thread in 0..4_usize {
            let mut rng = seed.rng(thread as u64);
            scope.spawn(move || {
                while !deadline.passed() {
                    let (own, other) = (on_duty[thread % 2], on_duty[(thread + 1) % 2]);
                    if rng.u32(0..3) == 0 {
                        put(database, own, 1);
                        continue;
                    }
                    let left = store.transaction(|transaction| {
                        if transaction.get(0, other)?.is_some() {
                            transaction.remove(0, own)?;
                        } else {
                            let one = Value::from(&1_u64.to_le_bytes());
                            transaction.set(0, own, one, Expiry::Never)?;
                        }
                        Ok::<_, Error>(())
                    });
                    left.unwrap();
                }
            });
        }
        let mut begun = false;
        while !deadline.passed() {
            let cut = store.snapshot().unwrap();
            let present = on_duty.iter().filter(|name| cut.get(0, name).is_some()).count();
            assert!(present > 0 || !begun, "nobody is on duty");
            begun |= present > 0;
        }
    });
}

/// Absence has no identity of its own: that a key is absent twice does not mean that it was so in
/// between.
#[test]
fn a_token_that_moves_is_always_under_exactly_one_key() {
    const PLACES: u64 = 3;
    let seed = Seed::draw("token");
    let stage = Stage::enter();
    stage.unleash(seed);
    let (store, database) = open(1);
    let place = |number: u64| format!("place {number}").into_bytes();
    put(&database, &place(0), 1);
    let deadline = Deadline::of_stress();
    thread::scope(|scope| {
        let (store, database) = (&store, &database);
        scope.spawn(move || {
            for number in 0.. {
                let moved = store.transaction(|transaction| {
                    let one = Value::from(&1_u64.to_le_bytes());
                    assert!(transaction.remove(0, &place(number % PLACES))?);
                    transaction.set(0, &place((number + 1) % PLACES), one, Expiry::Never)
                });
                moved.unwrap();
                if number % 100 == 0 {
                    // Drops the tombstones of places that are empty.
                    store.maintain();
                }
                if deadline.passed() {
                    break;
                }
            }
        });
        for reader in 0..3_u64 {
            scope.spawn(move || {
                // Each reader begins at another place.
                let order = (reader..reader + PLACES).map(|number| place(number % PLACES));
                let keys: Vec<_> = order.collect();
                while !deadline.passed() {
                    let together = database.get_many_atomic(&keys);
                    assert_eq!(together.iter().flatten().count(), 1, "read together");
                    let found = store.transaction(|transaction| {
                        let mut found = 0;
                        for key in &keys {
                            found += u32::from(transaction.get(0, key)?.is_some());
                        }
                        Ok::<_, Error>(found)
                    });
                    assert_eq!(found.unwrap(), 1, "read by a transaction");
                }
            });
        }
    });
}

#[test]
fn a_transaction_that_fails_leaves_no_trace() {
    let (store, database) = open(1);
    put(&database, b"key", 1);
    let before = store.stats();
    let failed = store.transaction(|transaction| {
        transaction.set(0, b"key", Value::from(b"changed!"), Expiry::Never)?;
        transaction.set(1, b"new", Value::from(b"changed!"), Expiry::Never)?;
        assert!(transaction.remove(0, b"key")?);
        assert_eq!(transaction.get(0, b"key")?, None, "a transaction sees its own writes");
        Err::<(), _>(Error::NoStorage)
    });
    assert!(matches!(failed, Err(Error::NoStorage)));
    assert_eq!(find(&database, b"key"), Some(1));
    assert_eq!(store.database(1).unwrap().len(), 0);
    assert_eq!(store.stats(), before);
}

#[test]
fn a_transaction_that_names_an_unknown_database_or_too_long_a_key_does_nothing() {
    let (store, database) = open(1);
    let long = vec![b'k'; KEY_BYTES_MAX + 1];
    for (index, key) in [(99, b"key".as_slice()), (0, &long)] {
        let refused = store.transaction(|transaction| {
            transaction.set(0, b"before", Value::from(b"12345678"), Expiry::Never)?;
            transaction.set(index, key, Value::from(b"12345678"), Expiry::Never)
        });
        let refused = refused.expect_err("there is no such key");
        assert!(matches!(refused, Error::NoSuchDatabase { .. } | Error::KeyTooLong { .. }));
        assert_eq!(database.len(), 0);
    }
}
