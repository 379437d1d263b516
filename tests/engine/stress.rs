//! Cuts taken among writers, compared with the recorded history of every thread.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use exuvia::{
    Change, Clock, Condition, Database, Expiry, ExpiryChange, ManualClock, Options, SetOptions,
    Snapshot, SnapshotEntry, Store,
};
use exuvia_tests::chaos::Stage;
use exuvia_tests::deadline::Deadline;
use exuvia_tests::history::{History, Observation, Stamp, Write, Writer, check};
use exuvia_tests::seed::Seed;
use fastrand::Rng;

use exuvia_tests::fixture::assert_no_history;

const START_UNIX_MS: u64 = 10_000;
const HOT_KEYS: u32 = 24;

/// What one stress test does.
#[derive(Clone, Copy)]
struct Plan {
    writers: usize,
    observers: u64,
    shards: u32,
    chaos: bool,
    expiry: bool,
    overlapping_cuts: usize,
    readings: &'static [Reading],
    /// How many keys of each writer come and go, so that segments split and are compacted.
    passing_keys_max: u32,
}

const PLAN: Plan = Plan {
    writers: 3,
    observers: 1,
    shards: 2,
    chaos: true,
    expiry: false,
    overlapping_cuts: 0,
    readings: &[Reading::Iterate],
    passing_keys_max: 2_500,
};

/// How a cut is read.
#[derive(Clone, Copy)]
enum Reading {
    Iterate,
    IterateTwiceAndGet,
    Walk,
    WalkOnThreads,
    Abandon,
}

fn key_bytes(thread: usize, key: u32) -> [u8; 8] {
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&(thread as u32).to_be_bytes());
    bytes[4..].copy_from_slice(&key.to_be_bytes());
    bytes
}

fn key_numbers(bytes: &[u8]) -> (usize, u32) {
    let number = |bytes: &[u8]| u32::from_be_bytes(bytes.try_into().expect("a key of eight bytes"));
    (number(&bytes[..4]) as usize, number(&bytes[4..]))
}

/// The sequence number and a filling that depends on it; now and then out of line.
fn value_bytes(sequence: u64) -> Vec<u8> {
    let fill = if sequence % 64 == 63 { 5_000 } else { (sequence % 7) as usize * 9 };
    let mut bytes = sequence.to_le_bytes().to_vec();
    bytes.resize(8 + fill, sequence as u8);
    bytes
}

fn value_number(bytes: &[u8]) -> u64 {
    let sequence = u64::from_le_bytes(bytes[..8].try_into().expect("a value of eight bytes"));
    assert_eq!(bytes, value_bytes(sequence), "a torn value");
    sequence
}

/// One writing thread: keys that stay, and a window of keys that moves on.
struct Load<'r> {
    plan: Plan,
    thread: usize,
    database: &'r Database,
    clock: &'r ManualClock,
    rng: Rng,
    oldest: u32,
    next: u32,
    growing: bool,
}

impl Load<'_> {
    fn step(&mut self, writer: &mut Writer<'_>) {
        let passing = self.next - self.oldest;
        if passing > self.plan.passing_keys_max {
            self.growing = false;
        } else if passing < self.plan.passing_keys_max / 20 + 1 {
            self.growing = true;
        }
        let hot = self.rng.u32(0..HOT_KEYS);
        match self.rng.u32(0..16) {
            0..=3 => self.set(writer, hot),
            4 => self.remove(writer, hot),
            5 => self.take(writer, hot),
            6 | 7 => self.update(writer, hot),
            8 => self.set_with(writer, hot),
            9 if passing > 0 => {
                let key = HOT_KEYS + self.rng.u32(self.oldest..self.next);
                self.set(writer, key);
            }
            10 if self.growing && passing > 0 => self.drop_oldest(writer),
            10 => self.add_newest(writer),
            _ if self.growing => self.add_newest(writer),
            _ => self.drop_oldest(writer),
        }
    }

    fn add_newest(&mut self, writer: &mut Writer<'_>) {
        self.set(writer, HOT_KEYS + self.next);
        self.next += 1;
    }

    fn drop_oldest(&mut self, writer: &mut Writer<'_>) {
        self.remove(writer, HOT_KEYS + self.oldest);
        self.oldest += 1;
    }

    fn expiry(&mut self) -> Expiry {
        if self.plan.expiry && self.rng.bool() {
            Expiry::At(self.clock.unix_ms() + self.rng.u64(0..40))
        } else {
            Expiry::Never
        }
    }

    fn set(&mut self, writer: &mut Writer<'_>, key: u32) {
        let expiry = self.expiry();
        writer.write(|sequence| {
            let name = key_bytes(self.thread, key);
            self.database.set(&name, value_bytes(sequence), expiry).unwrap();
            Some((key, Some(Stamp { sequence, expiry })))
        });
    }

    fn remove(&mut self, writer: &mut Writer<'_>, key: u32) {
        writer.write(|_| {
            self.database.remove(&key_bytes(self.thread, key));
            Some((key, None))
        });
    }

    fn take(&mut self, writer: &mut Writer<'_>, key: u32) {
        writer.write(|_| {
            let taken = self.database.take(&key_bytes(self.thread, key));
            taken.map(|value| value_number(&value));
            Some((key, None))
        });
    }

    /// Replaces the value and keeps the expiry that the closure saw.
    fn update(&mut self, writer: &mut Writer<'_>, key: u32) {
        writer.write(|sequence| {
            let name = key_bytes(self.thread, key);
            let expiry = self.database.update(&name, |found| {
                let value = value_bytes(sequence).into();
                let expiry = found.map_or(Expiry::Never, |entry| entry.expiry);
                (Change::Set(value, ExpiryChange::Keep), expiry)
            });
            Some((key, Some(Stamp { sequence, expiry: expiry.unwrap() })))
        });
    }

    fn set_with(&mut self, writer: &mut Writer<'_>, key: u32) {
        let condition = if self.rng.bool() { Condition::IfAbsent } else { Condition::IfPresent };
        let expiry = self.expiry();
        writer.write(|sequence| {
            let name = key_bytes(self.thread, key);
            let options =
                SetOptions { condition, expiry: ExpiryChange::Set(expiry), return_old: false };
            let outcome = self.database.set_with(&name, value_bytes(sequence), options).unwrap();
            outcome.stored.then_some((key, Some(Stamp { sequence, expiry })))
        });
    }
}

/// Notes an entry of a cut, which must be there once.
fn note(observation: &mut Observation, entry: &SnapshotEntry) {
    let (thread, key) = key_numbers(&entry.key);
    let stamp = Stamp { sequence: value_number(&entry.value), expiry: entry.expiry };
    let twice = observation.contents[thread].insert(key, stamp);
    assert_eq!(twice, None, "key {key} of thread {thread} was emitted twice");
}

/// Reads a cut to the end; returns whether there is anything to check.
fn read(cut: Snapshot, observation: &mut Observation, reading: Reading, rng: &mut Rng) -> bool {
    observation.cut_unix_ms = cut.cut_unix_ms();
    match reading {
        Reading::Iterate => cut.iter().for_each(|entry| note(observation, &entry)),
        Reading::IterateTwiceAndGet => {
            cut.iter().for_each(|entry| note(observation, &entry));
            let mut count = 0;
            for entry in cut.iter() {
                let (thread, key) = key_numbers(&entry.key);
                let stamp = observation.contents[thread].get(&key).expect("a key appeared");
                assert_eq!(value_number(&entry.value), stamp.sequence, "a cut changed");
                count += 1;
            }
            let noted: usize = observation.contents.iter().map(HashMap::len).sum();
            assert_eq!(count, noted, "a key disappeared from a cut");
            for (thread, keys) in observation.contents.iter().enumerate() {
                for key in 0..HOT_KEYS {
                    let found = cut.get(0, &key_bytes(thread, key));
                    let found = found.map(|value| value_number(&value));
                    assert_eq!(found, keys.get(&key).map(|stamp| stamp.sequence));
                }
            }
        }
        Reading::Walk => {
            for walk in cut.into_walks(1 << rng.u32(0..3)) {
                walk.for_each(|entry| note(observation, &entry));
            }
        }
        Reading::WalkOnThreads => thread::scope(|scope| {
            let walks = cut.into_walks(2).into_iter();
            let walks: Vec<_> =
                walks.map(|walk| scope.spawn(|| walk.collect::<Vec<_>>())).collect();
            for walk in walks {
                walk.join().unwrap().iter().for_each(|entry| note(observation, entry));
            }
        }),
        Reading::Abandon => {
            for mut walk in cut.into_walks(1 << rng.u32(0..3)) {
                walk.by_ref().take(rng.usize(0..2_000)).for_each(drop);
            }
            return false;
        }
    }
    true
}

/// Takes cuts and reads them, each after some younger ones were taken.
fn observe(
    plan: Plan,
    store: &Store,
    history: &History,
    end: Deadline,
    mut rng: Rng,
) -> Vec<Observation> {
    let mut open = VecDeque::new();
    let mut observations = Vec::new();
    while !end.passed() {
        open.push_back(history.observe(|| store.snapshot().unwrap()));
        if open.len() <= plan.overlapping_cuts {
            continue;
        }
        let chosen = if rng.u32(0..4) == 0 { rng.usize(0..open.len()) } else { 0 };
        let (cut, mut observation) = open.swap_remove_back(chosen).expect("a cut is open");
        let reading = plan.readings[rng.usize(0..plan.readings.len())];
        if read(cut, &mut observation, reading, &mut rng) {
            observations.push(observation);
        }
    }
    observations
}

/// Moves the clock and lets maintenance sweep what has expired, until all writers have ended.
fn keep_time(plan: Plan, store: &Store, clock: &ManualClock, end: Deadline, mut rng: Rng) {
    while !end.passed() {
        if plan.expiry {
            clock.advance(rng.u64(0..3));
        }
        store.maintain();
        thread::sleep(Duration::from_micros(rng.u64(0..300)));
    }
}

fn run_round(plan: Plan, seed: Seed, round: u64, end: Deadline) {
    let clock = Arc::new(ManualClock::new(START_UNIX_MS));
    let options = Options::in_memory().shards(plan.shards).clock(clock.clone()).maintenance(false);
    let store = Store::open(options).unwrap();
    let database = store.database(0).unwrap();
    let history = History::new(plan.writers);
    let stream = |part: u64| seed.rng(round * 100 + part);
    let (writes, cuts) = thread::scope(|scope| {
        let (store, database, clock, history) = (&store, &database, &*clock, &history);
        let write = |thread: usize| {
            let rng = stream(thread as u64);
            move || {
                let growing = true;
                let mut load =
                    Load { plan, thread, database, clock, rng, oldest: 0, next: 0, growing };
                let mut writer = history.writer(thread);
                while !end.passed() {
                    load.step(&mut writer);
                }
                writer.into_writes()
            }
        };
        let threads: Vec<_> = (0..plan.writers).map(|thread| scope.spawn(write(thread))).collect();
        let observers: Vec<_> = (0..plan.observers)
            .map(|observer| {
                let rng = stream(50 + observer);
                scope.spawn(move || observe(plan, store, history, end, rng))
            })
            .collect();
        keep_time(plan, store, clock, end, stream(99));
        let join = |writer: thread::ScopedJoinHandle<'_, Vec<Write>>| writer.join().unwrap();
        let writes: Vec<Vec<Write>> = threads.into_iter().map(join).collect();
        let cuts: Vec<_> =
            observers.into_iter().flat_map(|observer| observer.join().unwrap()).collect();
        (writes, cuts)
    });
    if let Err(why) = check(&writes, &cuts) {
        panic!("round {round}: {why}");
    }
    // With nobody left to write, a cut shows the fold of everything.
    let mut rng = stream(98);
    let (cut, mut observation) = history.observe(|| store.snapshot().unwrap());
    read(cut, &mut observation, Reading::Iterate, &mut rng);
    if let Err(why) = check(&writes, &[observation]) {
        panic!("round {round}, at the end: {why}");
    }
    assert_no_history(&store);
}

fn run(name: &str, plan: Plan) {
    let seed = Seed::draw(name);
    let stage = Stage::enter();
    if plan.chaos {
        stage.unleash(seed);
    }
    let end = Deadline::of_stress();
    for round in 0.. {
        run_round(plan, seed, round, end.or_after(Duration::from_millis(700)));
        if end.passed() {
            break;
        }
    }
}

#[test]
fn an_iterated_cut_is_a_prefix_of_what_every_thread_wrote() {
    run("iterated cut", PLAN);
}

#[test]
fn a_walked_cut_is_a_prefix_of_what_every_thread_wrote() {
    let readings = &[Reading::Walk, Reading::Walk, Reading::WalkOnThreads, Reading::Abandon];
    run("walked cut", Plan { readings, ..PLAN });
}

#[test]
fn a_cut_shows_the_same_however_often_it_is_read() {
    run("cut read twice", Plan { readings: &[Reading::IterateTwiceAndGet], ..PLAN });
}

#[test]
fn overlapping_cuts_each_show_their_own_time() {
    let readings = &[
        Reading::Walk,
        Reading::Iterate,
        Reading::IterateTwiceAndGet,
        Reading::WalkOnThreads,
        Reading::Abandon,
    ];
    let plan = Plan { observers: 2, overlapping_cuts: 3, shards: 1, ..PLAN };
    run("overlapping cuts", Plan { passing_keys_max: 600, readings, ..plan });
}

#[test]
fn a_cut_judges_expiry_by_its_own_time_while_keys_expire_and_are_swept() {
    let readings = &[Reading::Walk, Reading::Iterate, Reading::IterateTwiceAndGet];
    run("expiry", Plan { expiry: true, overlapping_cuts: 1, readings, ..PLAN });
}

#[test]
fn cuts_are_right_at_full_speed() {
    let readings = &[Reading::Walk, Reading::Iterate, Reading::Abandon];
    let plan = Plan { chaos: false, expiry: true, overlapping_cuts: 1, ..PLAN };
    run("full speed", Plan { readings, ..plan });
}
