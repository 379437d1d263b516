//! The schedule of a store, from the clock to the published snapshot.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::TRIGGER;
use super::*;
use crate::disk::sim::SimDisk;
use crate::format::storage::MemoryStorage;
use crate::{Error, Expiry, ManualClock, Options, SaveStatus, Store};

const MINUTE: u64 = 60_000;

/// A store with a schedule and a clock of its own.
struct World {
    clock: Arc<ManualClock>,
    disk: SimDisk,
}

impl World {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::new(utc_ms("2026-11-22 12:00")));
        Self { clock, disk: SimDisk::new(1) }
    }

    fn options(&self) -> Options {
        Options::with_storage(Arc::new(self.disk.clone()))
            .clock(Arc::clone(&self.clock) as _)
            .load_patience(Duration::ZERO)
            .parts(1)
            .maintenance(false)
    }

    fn open(&self, expression: &str) -> Store {
        let options = self.options().cron_zone("UTC").unwrap().cron(expression).unwrap();
        let store = Store::open(options).unwrap();
        store.set(b"colour", b"red", Expiry::Never).unwrap();
        store
    }

    /// Moves the clock on, and has the thread see it.
    fn advance(&self, store: &Store, ms: u64) {
        self.clock.advance(ms);
        store.inner().scheduler.wake();
    }
}

/// Waits until the status of a store's saves is as wanted.
fn wait_for(store: &Store, wanted: impl Fn(&SaveStatus) -> bool) -> SaveStatus {
    let give_up_at = Instant::now() + Duration::from_mins(1);
    loop {
        let status = store.save_status();
        if wanted(&status) {
            return status;
        }
        assert!(Instant::now() < give_up_at, "{status:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Gives the thread time to do something that it should not.
fn idle() {
    std::thread::sleep(Duration::from_millis(60));
}

#[test]
fn a_save_is_made_when_it_is_due_and_says_what_triggered_it() {
    let world = World::new();
    let store = world.open("*/5 * * * *");
    assert_eq!(store.next_scheduled_unix_ms(), Some(utc_ms("2026-11-22 12:05")));
    world.advance(&store, 4 * MINUTE);
    idle();
    assert_eq!(store.save_status().saves, 0);
    world.advance(&store, MINUTE);
    let status = wait_for(&store, |status| status.saves == 1);
    assert_eq!(status.last_success.unwrap().trigger, TRIGGER);
    assert_eq!(status.by_trigger[TRIGGER].saves, 1);
    assert_eq!(store.next_scheduled_unix_ms(), Some(utc_ms("2026-11-22 12:10")));
    world.advance(&store, 5 * MINUTE);
    wait_for(&store, |status| status.saves == 2);
}

#[test]
fn the_clock_is_read_without_being_told_that_it_moved() {
    let world = World::new();
    let store = world.open("@hourly");
    world.clock.advance(60 * MINUTE);
    wait_for(&store, |status| status.saves == 1);
}

#[test]
fn a_run_that_comes_due_while_a_save_runs_follows_it_once() {
    // One that is seen and cannot be started, and several.
    for due in [1, 3] {
        let world = World::new();
        let store = world.open("* * * * *");
        let gate = world.disk.stall_transfers();
        let save = store.save().unwrap();
        assert!(gate.wait_reached(Duration::from_mins(1)));
        for _ in 0..due {
            world.advance(&store, MINUTE);
            idle();
        }
        assert_eq!(store.save_status().saves, 0);
        gate.open();
        save.wait().unwrap();
        let status = wait_for(&store, |status| status.saves == 2);
        assert_eq!(status.last_success.unwrap().trigger, TRIGGER);
        idle();
        let status = store.save_status();
        assert_eq!((status.saves, status.failures, status.running.is_some()), (2, 0, false));
    }
}

#[test]
fn a_scheduled_save_that_fails_is_counted_and_the_next_is_made() {
    let world = World::new();
    let store = world.open("* * * * *");
    world.disk.set_capacity(0);
    world.advance(&store, MINUTE);
    let status = wait_for(&store, |status| status.failures == 1);
    assert_eq!(status.by_trigger[TRIGGER].failures, 1);
    assert_eq!(status.failures_by_reason[&(TRIGGER, "no_space")], 1);
    assert!(!status.last_ok && status.last_error.is_some());
    world.disk.set_capacity(1 << 30);
    world.advance(&store, MINUTE);
    wait_for(&store, |status| status.saves == 1);
}

#[test]
fn a_store_whose_load_failed_counts_every_scheduled_save_as_failed() {
    let world = World::new();
    let options = world.options().cron_zone("UTC").unwrap().cron("* * * * *").unwrap();
    world.disk.plant("dump-2026-11-22T10:00:00-summary.dfs", b"no manifest");
    let (store, loading) = Store::open_in_background(options).unwrap();
    loading.join().unwrap().unwrap_err();
    for failures in 1..3 {
        world.advance(&store, MINUTE);
        let status = wait_for(&store, |status| status.failures == failures);
        assert!(status.last_error.unwrap().contains("loading failed"));
    }
}

#[test]
fn a_run_that_comes_due_while_the_store_loads_follows_the_load() {
    let world = World::new();
    drop(world.open("0 0 1 1 *").save().unwrap().wait().unwrap());
    let gate = world.disk.stall_transfers();
    let options = world.options().cron_zone("UTC").unwrap().cron("* * * * *").unwrap();
    let (store, loading) = Store::open_in_background(options).unwrap();
    assert!(gate.wait_reached(Duration::from_mins(1)));
    world.advance(&store, MINUTE);
    idle();
    assert!(store.is_loading());
    gate.open();
    loading.join().unwrap().unwrap();
    let status = wait_for(&store, |status| status.saves == 1);
    assert_eq!(status.failures, 0);
}

#[test]
fn a_schedule_is_changed_and_removed_at_run_time() {
    let world = World::new();
    let store = Store::open(world.options()).unwrap();
    assert_eq!(store.next_scheduled_unix_ms(), None);
    store.set_schedule(Some(in_zone("@hourly", "UTC"))).unwrap();
    assert_eq!(store.next_scheduled_unix_ms(), Some(utc_ms("2026-11-22 13:00")));
    store.set_schedule(Some(in_zone("* * * * *", "UTC"))).unwrap();
    world.advance(&store, MINUTE);
    wait_for(&store, |status| status.saves == 1);
    store.set_schedule(None).unwrap();
    assert_eq!(store.next_scheduled_unix_ms(), None);
    world.advance(&store, 10 * MINUTE);
    idle();
    assert_eq!(store.save_status().saves, 1);
}

#[test]
fn without_a_name_no_scheduled_save_is_made_and_none_is_shown() {
    let world = World::new();
    let store = world.open("* * * * *");
    store.set_dbfilename("").unwrap();
    assert_eq!(store.next_scheduled_unix_ms(), None);
    world.advance(&store, MINUTE);
    idle();
    let status = store.save_status();
    assert_eq!((status.saves, status.failures), (0, 0));
    store.set_dbfilename("dump").unwrap();
    world.advance(&store, MINUTE);
    wait_for(&store, |status| status.saves == 1);
}

#[test]
fn the_thread_ends_with_the_store() {
    let world = World::new();
    let store = world.open("* * * * *");
    let inner = Arc::downgrade(store.inner());
    drop(store);
    let give_up_at = Instant::now() + Duration::from_mins(1);
    // The thread has a clone of the clock; so had the store's parts.
    while inner.strong_count() > 0 || Arc::strong_count(&world.clock) > 1 {
        assert!(Instant::now() < give_up_at, "the thread lives on");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_closed_store_saves_no_more_by_schedule() {
    let world = World::new();
    let store = world.open("* * * * *");
    let other = store.clone();
    store.close().unwrap();
    world.advance(&other, MINUTE);
    idle();
    let status = other.save_status();
    assert_eq!((status.saves, status.failures), (0, 0));
}

#[test]
fn options_that_contradict_each_other_are_refused() {
    let options = || Options::with_storage(Arc::new(MemoryStorage::new()));
    let refused = |result: Result<Options, Error>, option: &str, words: &str| {
        let Err(Error::InvalidOption { option: found, reason }) = result else {
            panic!("{option} is accepted");
        };
        assert!(found == option && reason.contains(words), "{found}: {reason}");
    };
    let both = options().cron("@daily").unwrap().save_schedule("23:45");
    refused(both, "save_schedule", "there is a schedule already (\"@daily\")");
    let both = options().save_schedule("23:45").unwrap().cron("@daily");
    refused(both, "cron", "there is a schedule already");
    refused(options().cron("@never"), "cron", "is no macro");
    refused(options().cron_zone("Mars/Olympus"), "cron_zone", "there is no zone");

    let error = Store::open(Options::in_memory().cron("@daily").unwrap()).unwrap_err();
    assert!(matches!(error, Error::NoStorage), "{error:?}");
    let error = Store::in_memory().set_schedule(Some(in_zone("@daily", "UTC"))).unwrap_err();
    assert!(matches!(error, Error::NoStorage), "{error:?}");
}

#[test]
fn the_zone_applies_whether_it_is_set_before_or_after() {
    let world = World::new();
    for options in [
        world.options().cron("0 13 * * *").unwrap().cron_zone("Asia/Tokyo").unwrap(),
        world.options().cron_zone("Asia/Tokyo").unwrap().save_schedule("13:00").unwrap(),
    ] {
        let store = Store::open(options).unwrap();
        assert_eq!(store.next_scheduled_unix_ms(), Some(utc_ms("2026-11-23 04:00")));
    }
}
