//! Stores that keep their snapshots in S3.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use exuvia::format::hash_key;
use exuvia::format::storage::SnapshotStorage;
use exuvia::{Compression, Error, Expiry, Options, Save, Store, snapshot};
use exuvia_storage_s3::S3Storage;
use exuvia_tests::s3::{S3Server, Trouble};

use crate::fixture::{chain, open};

const KEYS: u32 = 30_000;

/// A store whose parts are longer than a part of an upload.
pub(crate) fn store(storage: S3Storage) -> Store {
    store_with(storage, Duration::ZERO)
}

fn store_with(storage: S3Storage, save_patience: Duration) -> Store {
    let options = Options::with_storage(Arc::new(storage))
        .parts(2)
        .buffer_bytes(24 << 20)
        .load_patience(Duration::ZERO)
        .save_patience(save_patience)
        .compression(Compression::None);
    Store::open(options).unwrap()
}

pub(crate) fn fill(store: &Store, version: u8) {
    for key in 0..KEYS {
        store.set(&key.to_le_bytes(), vec![version; 600], Expiry::Never).unwrap();
    }
}

pub(crate) fn holds(store: &Store, version: u8) -> bool {
    (0..KEYS).all(|key| store.get(&key.to_le_bytes()).as_deref() == Some(&[version; 600][..]))
}

pub(crate) fn save(store: &Store) -> Result<(), Error> {
    store.save().and_then(Save::wait).map(drop)
}

#[test]
fn a_store_is_back_from_its_bucket_and_keeps_what_retention_says() {
    let server = S3Server::start(&["bucket"]);
    let first = store(open(&server, "s3://bucket/p"));
    first.set_retain(2);
    for version in 1..=3 {
        fill(&first, version);
        save(&first).unwrap();
    }
    assert_eq!(server.names("bucket", "p").len(), 6, "{:?}", server.names("bucket", "p"));
    assert!(server.unfinished().is_empty());
    let second = store(open(&server, "s3://bucket/p"));
    assert!(holds(&second, 3));
    let storage = second.storage().unwrap();
    let listing = snapshot::list(&*storage, None).unwrap();
    assert_eq!((listing.complete.len(), listing.damaged.len()), (2, 0));
    assert!(snapshot::verify(&*storage, &listing.complete[0].name, 8 << 20).unwrap().is_sound());
}

#[test]
fn one_key_takes_two_ranged_reads() {
    let server = S3Server::start(&["bucket"]);
    let first = store(open(&server, "s3://bucket/p"));
    fill(&first, 1);
    save(&first).unwrap();
    let storage = first.storage().unwrap();
    let info = snapshot::list(&*storage, None).unwrap().complete.remove(0);
    let key = 7_u32.to_le_bytes();
    let hash = hash_key(info.manifest.hash_seed, &key);
    let part =
        info.manifest.parts.iter().find(|part| part.header.hash_range.contains(hash)).unwrap();
    server.asked();
    let mut finder = exuvia::format::PartFinder::open(&*storage, part).unwrap();
    let found = finder.find(0, &key, 1 << 20).unwrap().unwrap();
    assert_eq!(found.value, [1; 600]);
    let ranged = server.asked().into_iter().filter(|asked| asked.range.is_some()).count();
    assert_eq!(ranged, 2);
}

#[test]
fn a_failed_save_leaves_the_previous_snapshot_and_nothing_else() {
    let server = S3Server::start(&["bucket"]);
    let first = store(open(&server, "s3://bucket/p"));
    fill(&first, 1);
    save(&first).unwrap();
    let before = server.names("bucket", "p");
    fill(&first, 2);
    for nth in 0..8 {
        let seen = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&seen);
        server.plan(move |asked| {
            let stores = asked.line.starts_with("PUT ") || asked.line.starts_with("POST ");
            let hit = stores && counter.fetch_add(1, Ordering::Relaxed) == nth;
            hit.then_some(Trouble::Refuse(403, "AccessDenied"))
        });
        let error = save(&first).unwrap_err();
        assert!(chain(&error).contains("access is denied"), "{}", chain(&error));
        server.behave();
        assert_eq!(server.names("bucket", "p"), before, "request {nth}");
        assert!(server.unfinished().is_empty(), "request {nth}: {:?}", server.unfinished());
        assert!(first.save_status().last_error.is_some());
    }
    assert!(holds(&store(open(&server, "s3://bucket/p")), 1));
    save(&first).unwrap();
    assert!(holds(&store(open(&server, "s3://bucket/p")), 2));
}

#[test]
fn a_cancelled_save_ends_soon_even_if_the_service_stands_still() {
    let server = S3Server::start(&["bucket"]);
    let first = store(open(&server, "s3://bucket/p"));
    fill(&first, 1);
    let reached = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&reached);
    server.plan(move |asked| {
        counter.fetch_add(usize::from(asked.is_part()), Ordering::Relaxed);
        asked.is_part().then_some(Trouble::Delay(Duration::from_mins(10)))
    });
    let running = first.save().unwrap();
    while reached.load(Ordering::Relaxed) < 2 {
        std::thread::sleep(Duration::from_millis(5));
    }
    let started = std::time::Instant::now();
    running.cancel();
    assert!(matches!(running.wait().unwrap_err(), Error::SaveCancelled));
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    assert!(server.unfinished().is_empty() && server.names("bucket", "p").is_empty());
}

#[test]
fn two_stores_share_a_bucket_and_a_name() {
    let server = S3Server::start(&["bucket"]);
    let stores = [1, 2].map(|version| {
        let store = store(open(&server, "s3://bucket/p"));
        fill(&store, version);
        store
    });
    std::thread::scope(|scope| {
        for store in &stores {
            scope.spawn(|| {
                for _ in 0..3 {
                    save(store).unwrap();
                }
            });
        }
    });
    let storage = stores[0].storage().unwrap();
    let listing = snapshot::list(&*storage, None).unwrap();
    assert_eq!(listing.complete.len(), 6, "{listing:?}");
    assert!(listing.damaged.is_empty() && listing.unfinished.is_empty());
    let third = store(open(&server, "s3://bucket/p"));
    assert!(holds(&third, 1) || holds(&third, 2));
}

#[test]
fn a_store_never_starts_empty_because_it_could_not_look() {
    let server = S3Server::start(&["bucket"]);
    server.plan(|_| Some(Trouble::Refuse(403, "AccessDenied")));
    let storage: Arc<dyn SnapshotStorage> = Arc::new(open(&server, "s3://bucket/p"));
    let options = Options::with_storage(storage).load_patience(Duration::ZERO);
    let error = Store::open(options).unwrap_err();
    assert!(chain(&error).contains("access is denied"), "{}", chain(&error));
}

#[test]
fn a_service_that_stalls_for_a_while_fails_no_save_wherever_that_is() {
    const STALL: Duration = Duration::from_millis(2500);
    let run = |nth: usize| {
        let server = S3Server::start(&["bucket"]);
        let options = crate::fixture::options(&server, "s3://bucket/p");
        // Shorter than the stall, so that requests are made again.
        let storage = S3Storage::open(options.request_timeout(Duration::from_secs(1))).unwrap();
        let first = store_with(storage, Duration::from_secs(20));
        fill(&first, 1);
        let (mut seen, mut until) = (0, None);
        server.plan(move |_| {
            seen += 1;
            if seen == nth {
                until = Some(std::time::Instant::now() + STALL);
            }
            let left = until?.saturating_duration_since(std::time::Instant::now());
            (!left.is_zero()).then_some(Trouble::Delay(left))
        });
        let started = std::time::Instant::now();
        save(&first).unwrap_or_else(|error| panic!("request {nth}: {}", chain(&error)));
        server.behave();
        assert!(server.unfinished().is_empty(), "request {nth}: {:?}", server.unfinished());
        assert!(holds(&store(open(&server, "s3://bucket/p")), 1), "request {nth}");
        started.elapsed() >= STALL
    };
    std::thread::scope(|scope| {
        let runs: Vec<_> = (1..=17).step_by(2).map(|nth| scope.spawn(move || run(nth))).collect();
        let stalled = runs.into_iter().map(|run| run.join().unwrap());
        assert!(stalled.filter(|stalled| *stalled).count() >= 6, "hardly any save met the stall");
    });
}

/// Not every service minds `If-None-Match`. Such a save used to fail, and to leave its parts.
#[test]
fn a_name_that_somebody_else_takes_in_that_moment_is_left_to_him() {
    let server = S3Server::start(&["bucket"]);
    let first = store(open(&server, "s3://bucket/p"));
    fill(&first, 1);
    let other = first.save().unwrap().wait().unwrap();
    let place = server.bucket("bucket").join("p");
    let manifest = |base: &str| place.join(format!("{base}-summary.dfs"));
    let others = std::fs::read(manifest(&other.name)).unwrap();
    let (dir, mut put, mut taken) = (place.clone(), false, false);
    server.plan(move |asked| {
        let of_manifest = asked.line.contains("-summary.dfs");
        if of_manifest && put && !taken && asked.line.starts_with("GET ") {
            taken = true;
            let name = asked.line.split(['/', '?']).nth(3).unwrap().replace("%3A", ":");
            std::fs::write(dir.join(name), &others).unwrap();
        }
        put |= of_manifest && asked.is_put();
        None
    });
    let second = first.save().unwrap().wait().unwrap();
    server.behave();
    let own = std::fs::read(manifest(&second.name)).unwrap();
    assert_ne!(own, std::fs::read(manifest(&other.name)).unwrap());
    let names = server.names("bucket", "p").into_iter();
    let manifests = names.filter(|name| name.ends_with("-summary.dfs")).count();
    assert_eq!(manifests, 3, "the other's, the one that was taken, and the one that was got");
    assert!(holds(&store(open(&server, "s3://bucket/p")), 1));
}
