//! A bad way to a good service.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use exuvia::format::storage::{PutMode, SnapshotStorage, StorageErrorKind};
use exuvia_storage_s3::S3Storage;
use exuvia_tests::proxy::{Proxy, Way};
use exuvia_tests::s3::S3Server;
use exuvia_tests::seed::Seed;

use crate::fixture::{MIB, chain, download, options, pattern, upload};
use crate::save::{fill, holds, save, store};

/// A storage that reaches `server` through `proxy`.
fn through(server: &S3Server, proxy: &Proxy) -> S3Storage {
    let options = options(server, "s3://bucket/p").endpoint(&proxy.address().to_string()).unwrap();
    S3Storage::open(options).unwrap()
}

/// Flips a bit of the first `times` pieces that carry content `way`.
fn falsifies(server: &S3Server, way: Way, times: usize) -> (Proxy, Arc<AtomicUsize>) {
    let met = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&met);
    let proxy = Proxy::start(server.address(), move |goes, piece| {
        // Heads are short.
        if goes == way && piece.len() > 16 << 10 && counter.load(Ordering::Relaxed) < times {
            counter.fetch_add(1, Ordering::Relaxed);
            let middle = piece.len() / 2;
            piece[middle] ^= 1;
        }
        true
    });
    (proxy, met)
}

#[test]
fn what_is_falsified_on_its_way_up_is_sent_again() {
    let server = S3Server::start(&["bucket"]);
    let (proxy, met) = falsifies(&server, Way::Up, 2);
    let storage = through(&server, &proxy);
    let bytes = pattern(11 * MIB);
    upload(&storage, "object", &bytes).unwrap();
    assert_eq!(met.load(Ordering::Relaxed), 2);
    assert_eq!(download(&storage, "object").unwrap(), bytes);
    assert!(server.unfinished().is_empty());
}

/// The start used to take such a snapshot for damaged and to go on with an older one.
#[test]
fn what_is_falsified_on_its_way_down_is_read_again() {
    let server = S3Server::start(&["bucket"]);
    let first = store(crate::fixture::open(&server, "s3://bucket/p"));
    for version in 1..=2 {
        fill(&first, version);
        save(&first).unwrap();
    }
    let (proxy, met) = falsifies(&server, Way::Down, 1);
    let second = store(through(&server, &proxy));
    assert_eq!(met.load(Ordering::Relaxed), 1);
    assert!(holds(&second, 2));
}

/// What the answer to the beginning of an upload has in it.
const BEGUN: &[u8] = b"InitiateMultipartUploadResult";

#[test]
fn a_save_over_a_way_that_cuts_and_delays_ends_well_or_leaves_nothing() {
    let mut rng = Seed::draw("a way that cuts").rng(0);
    let server = S3Server::start(&["bucket"]);
    let proxy = Proxy::start(server.address(), move |_, piece| {
        if rng.u32(..200) == 0 {
            std::thread::sleep(Duration::from_millis(rng.u64(..30)));
        }
        // An upload whose beginning nobody hears of can only be found by asking for all uploads,
        // which this server does not answer.
        if piece.windows(BEGUN.len()).any(|part| part == BEGUN) {
            return true;
        }
        // About one cut in ten megabytes, and one in a hundred heads and short answers.
        rng.u32(..if piece.len() < 4_096 { 100 } else { 150 }) > 0
    });
    let first = store(through(&server, &proxy));
    let mut published = 0;
    for version in 1..=3 {
        fill(&first, version);
        let before = server.names("bucket", "p");
        match save(&first) {
            Ok(()) => published = version,
            Err(error) => {
                assert_eq!(server.names("bucket", "p"), before, "{}", chain(&error));
            }
        }
        assert!(server.unfinished().is_empty(), "{:?}", server.unfinished());
    }
    assert!(published > 0, "no save came through");
    assert!(holds(&store(through(&server, &proxy)), published));
}

#[test]
fn a_way_that_ends_nowhere_is_unavailable() {
    let server = S3Server::start(&["bucket"]);
    let proxy = Proxy::start(server.address(), |_, _| false);
    let options = options(&server, "s3://bucket/p").patience(Duration::from_secs(1));
    let options = options.endpoint(&format!("http://{}", proxy.address())).unwrap();
    let storage = S3Storage::open(options).unwrap();
    let error = storage.put("object", b"bytes", PutMode::CreateNew).unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::Unavailable, "{}", chain(&error));
    assert!(server.names("bucket", "p").is_empty());
}
