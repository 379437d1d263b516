//! Starting, watching, limiting and cancelling saves.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Instant;

use super::*;
use crate::format::storage::StorageErrorKind;
use crate::{SaveOptions, SavePhase};

/// Stalls at the first operation whose name begins with `operation`.
fn stall_at(world: &World, operation: &'static str) {
    let mut reached = false;
    world.script.follow(move |_, name| {
        let stall = !reached && name.starts_with(operation);
        reached |= stall;
        if stall { Act::Stall } else { Act::Pass }
    });
}

#[test]
fn only_one_save_runs_at_a_time() {
    let world = World::new("dump");
    let store = world.open();
    stall_at(&world, "create");
    let save = store.save().unwrap();
    world.script.wait_for_stall();
    assert!(matches!(store.save().unwrap_err(), Error::SaveInProgress));
    assert_eq!(store.save_status().running.unwrap().phase, SavePhase::Streaming);
    world.script.behave();
    save.wait().unwrap();
    store.save().unwrap().wait().unwrap();
}

#[test]
fn a_save_holds_what_was_there_at_its_cut() {
    let world = World::new("dump");
    let store = world.open();
    fill(&store, "one", 500);
    stall_at(&world, "create");
    let save = store.save().unwrap();
    fill(&store, "two", 600);
    world.script.wait_for_stall();
    world.script.behave();
    assert_eq!(save.wait().unwrap().records, 500);
    assert_eq!(contents(&world.open()), filled("one", 500));
    assert_eq!(contents(&store), filled("two", 600));
}

#[test]
fn a_cancelled_save_leaves_nothing_in_any_phase_before_the_commit() {
    for operation in ["get", "free", "create", "reclaim", "submit", "finish"] {
        let world = World::new("dump");
        world.publish("one", 40);
        let store = world.open();
        fill(&store, "two", 40);
        stall_at(&world, operation);
        let save = store.save().unwrap();
        world.script.wait_for_stall();
        assert!(store.cancel_save());
        world.script.behave();
        let error = save.wait().unwrap_err();
        assert!(matches!(error, Error::SaveCancelled), "{operation}: {error:?}");
        world.assert_exactly(&["dump"]);
        assert!(!store.cancel_save(), "nothing runs");
        let status = store.save_status();
        assert_eq!((status.saves, status.failures, status.cancellations), (0, 0, 1));
        assert!(status.last_ok && status.last_error.is_none(), "nothing is amiss");
        assert_eq!(contents(&world.open()), filled("one", 40));
    }
}

#[test]
fn past_the_commit_a_cancel_is_too_late() {
    let world = World::new("dump");
    let store = world.open();
    fill(&store, "one", 40);
    stall_at(&world, "put");
    let save = store.save().unwrap();
    world.script.wait_for_stall();
    assert_eq!(save.progress().phase, SavePhase::Publishing);
    save.cancel();
    world.script.behave();
    save.wait().unwrap();
    assert_eq!(contents(&world.open()), filled("one", 40));
}

#[test]
fn a_dropped_handle_does_not_stop_the_save() {
    let world = World::new("dump");
    let store = world.open();
    fill(&store, "one", 40);
    stall_at(&world, "create");
    drop(store.save().unwrap());
    world.script.wait_for_stall();
    world.script.behave();
    while store.save_status().running.is_some() {
        thread::yield_now();
    }
    assert_eq!(store.save_status().saves, 1);
    assert_eq!(contents(&world.open()), filled("one", 40));
}

#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn a_save_can_be_awaited_without_any_runtime() {
    let world = World::new("dump");
    let store = world.open();
    stall_at(&world, "create");
    let mut save = pin!(store.save().unwrap());
    let flag = Arc::new(Flag::default());
    let waker = Waker::from(Arc::clone(&flag));
    let mut context = Context::from_waker(&waker);
    world.script.wait_for_stall();
    assert!(save.as_mut().poll(&mut context).is_pending());
    world.script.behave();
    while !flag.0.load(Ordering::SeqCst) {
        thread::yield_now();
    }
    let Poll::Ready(result) = save.as_mut().poll(&mut context) else { panic!("it was woken") };
    result.unwrap();
}

#[test]
fn a_rate_limit_holds_and_can_be_lifted_while_a_save_waits() {
    let world = World::new("dump");
    let store = Store::open(world.options().max_bytes_per_sec(1000)).unwrap();
    fill(&store, "one", 20_000);
    let save = store.save().unwrap();
    thread::sleep(Duration::from_millis(300));
    assert!(!save.is_finished(), "it would take minutes");
    let progress = save.progress();
    assert!(progress.bytes_done < 4 * (1 << 20), "{progress:?}");
    store.set_max_bytes_per_sec(0);
    save.wait().unwrap();
    assert_eq!(contents(&world.open()).0.len(), 20_000);
}

#[test]
fn a_save_that_waits_for_its_rate_can_be_cancelled() {
    let world = World::new("dump");
    let store = Store::open(world.options().max_bytes_per_sec(1)).unwrap();
    fill(&store, "one", 20_000);
    let save = store.save().unwrap();
    thread::sleep(Duration::from_millis(50));
    let asked = Instant::now();
    save.cancel();
    assert!(matches!(save.wait().unwrap_err(), Error::SaveCancelled));
    assert!(asked.elapsed() < Duration::from_secs(2));
    assert!(world.script.names().is_empty());
}

#[test]
fn past_the_memory_limit_the_save_is_aborted_and_its_history_goes_at_once() {
    let world = World::new("dump");
    let store = Store::open(world.options().snapshot_memory_limit(1 << 20)).unwrap();
    let database = store.database(0).unwrap();
    let overwrite = |byte: u8| {
        for i in 0..1000 {
            let value = vec![byte; 16 << 10];
            database.set(format!("key{i}").as_bytes(), value, Expiry::Never).unwrap();
        }
    };
    overwrite(0);
    world.script.follow(|_, name| match name {
        name if name.starts_with("submit") => Act::Stall,
        _ => Act::Pass,
    });
    let save = store.save().unwrap();
    world.script.wait_for_stall();
    // All clients go on, whatever becomes of the save.
    overwrite(1);
    overwrite(2);
    let deadline = Instant::now() + Duration::from_secs(10);
    while save.progress().phase != SavePhase::Aborting && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(1));
    }
    // The storage is still stuck; the memory comes back all the same.
    while store.stats().superseded_bytes > 0 && Instant::now() < deadline {
        store.maintain();
        thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(store.stats().superseded_bytes, 0);
    assert!(!save.is_finished());
    world.script.behave();
    let error = save.wait().unwrap_err();
    assert!(matches!(error, Error::SnapshotMemoryExceeded { .. }), "{error:?}");
    assert!(world.script.names().is_empty());
}

#[test]
fn a_save_that_cannot_fit_is_refused_with_both_numbers() {
    let world = World::new("dump");
    let store = world.open();
    let database = store.database(0).unwrap();
    let mut random = fastrand::Rng::with_seed(7);
    for i in 0..1000 {
        let value: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(1000).collect();
        database.set(format!("key{i}").as_bytes(), value, Expiry::Never).unwrap();
    }
    world.script.set_free_bytes(500_000);
    let compressions: &[Compression] = if cfg!(feature = "zstd") {
        &[Compression::None, Compression::Zstd { level: 1 }]
    } else {
        &[Compression::None]
    };
    for &compression in compressions {
        store.set_compression(compression).unwrap();
        match store.save().unwrap().wait().unwrap_err() {
            Error::NotEnoughSpace { free_bytes, needed_bytes, .. } => {
                assert_eq!(free_bytes, 500_000);
                assert!((900_000..1_300_000).contains(&needed_bytes), "{needed_bytes}");
            }
            error => panic!("{error:?}"),
        }
        assert!(world.script.names().is_empty());
    }
}

#[cfg(feature = "zstd")]
#[test]
fn a_save_that_fits_once_compressed_is_not_refused() {
    let world = World::new("dump");
    let options = world.options().compression(Compression::Zstd { level: 1 });
    let store = Store::open(options).unwrap();
    let database = store.database(0).unwrap();
    for i in 0..1000 {
        database.set(format!("key{i}").as_bytes(), vec![7; 1000], Expiry::Never).unwrap();
    }
    world.script.set_free_bytes(500_000);
    let saved = store.save().unwrap().wait().unwrap();
    assert!(saved.bytes < 200_000, "{}", saved.bytes);
}

#[test]
fn values_and_keys_larger_than_any_page_come_back() {
    for compression in [Compression::None, Compression::Zstd { level: 1 }] {
        let world = World::new("dump");
        let store = Store::open(world.options().compression(compression)).unwrap();
        let database = store.database(0).unwrap();
        let mut random = fastrand::Rng::with_seed(3);
        for (i, bytes) in
            [0, 1, 4096, 128 << 10, 256 << 10, 300_000, 1 << 20, 5 << 20].iter().enumerate()
        {
            let value: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(*bytes).collect();
            database.set(format!("key{i}").as_bytes(), value, Expiry::Never).unwrap();
        }
        fill(&store, "small", 1000);
        let saved = store.save().unwrap().wait().unwrap();
        assert_eq!(saved.records, database.len());
        assert_eq!(contents(&world.open()), contents(&store));
    }
}

#[test]
fn the_status_counts_by_trigger_and_keeps_the_reason() {
    let world = World::new("dump");
    let store = world.open();
    let options = SaveOptions::default().trigger("cron");
    let saved = store.save_with(options.clone()).unwrap().wait().unwrap();
    assert_eq!(saved.trigger, "cron");
    world.script.follow(|_, name| match name {
        name if name.starts_with("submit") => Act::Fail(StorageErrorKind::StorageFull),
        _ => Act::Pass,
    });
    world.clock.advance(5000);
    store.save_with(options).unwrap().wait().unwrap_err();
    store.save().unwrap().wait().unwrap_err();
    let status = store.save_status();
    let (cron, command) = (status.by_trigger["cron"], status.by_trigger["command"]);
    assert_eq!((cron.saves, cron.failures, command.saves, command.failures), (1, 1, 0, 1));
    assert_eq!((status.saves, status.failures, status.last_ok), (1, 2, false));
    assert_eq!(status.last_success.unwrap().name, "dump");
    assert_eq!(status.last_success_unix_ms, NOON, "a failure does not move it");
    assert_eq!(status.last_failure_unix_ms, NOON + 5000);
    let reason = status.last_error.unwrap();
    assert!(
        reason.contains("submit dump-000") && reason.contains("the script says so"),
        "{reason}"
    );
}

#[test]
fn an_empty_name_switches_saving_and_loading_off() {
    let world = World::new("dump");
    world.publish("one", 10);
    let store = Store::open(world.options().dbfilename("")).unwrap();
    assert!(contents(&store).0.is_empty());
    let error = store.save().unwrap_err();
    assert!(matches!(error, Error::InvalidOption { option: "dbfilename", .. }), "{error:?}");
    let options = SaveOptions::default().dbfilename("other");
    assert_eq!(store.save_with(options).unwrap().wait().unwrap().name, "other");
}

#[test]
fn a_closed_store_does_not_save_and_its_running_save_ends() {
    let world = World::new("dump");
    let store = world.open();
    let other = store.clone();
    stall_at(&world, "create");
    let save = store.save().unwrap();
    world.script.wait_for_stall();
    let closer = thread::spawn(move || store.close());
    while other.save_status().running.is_some_and(|run| run.phase != SavePhase::Aborting) {
        thread::yield_now();
    }
    world.script.behave();
    closer.join().unwrap().unwrap();
    assert!(matches!(save.wait().unwrap_err(), Error::SaveCancelled));
    assert!(other.save().is_err());
    assert!(world.script.names().is_empty());
}
