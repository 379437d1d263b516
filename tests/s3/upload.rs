//! Objects on their way up, with and without trouble.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use exuvia::format::storage::{PutMode, SnapshotStorage, StorageErrorKind};
use exuvia_storage_s3::{ChecksumMode, S3Storage};
use exuvia_tests::s3::{Asked, S3Server, Trouble};

use crate::fixture::{HINT, MIB, chain, download, fill, open, pattern, upload};

/// Meets the first `times` requests that `which` names with `trouble`.
fn trouble_at(
    server: &S3Server,
    times: usize,
    trouble: &Trouble,
    which: impl Fn(&Asked) -> bool + Send + 'static,
) -> Arc<AtomicUsize> {
    let met = Arc::new(AtomicUsize::new(0));
    let (counter, trouble) = (Arc::clone(&met), trouble.clone());
    server.plan(move |asked| {
        let meets = which(asked) && counter.load(Ordering::Relaxed) < times;
        counter.fetch_add(usize::from(meets), Ordering::Relaxed);
        meets.then(|| trouble.clone())
    });
    met
}

#[test]
fn a_long_object_goes_up_in_equal_parts_and_a_short_one_in_one_request() {
    let server = S3Server::start(&["bucket"]);
    let storage = open(&server, "s3://bucket/p");
    for (name, bytes, parts) in [
        ("short", 5 * MIB - 1, 0),
        ("even", 10 * MIB, 2),
        ("odd", 12 * MIB + 4097, 3),
        ("long", 33 * MIB + 1, 7),
    ] {
        server.asked();
        let bytes = pattern(bytes);
        let meta = upload(&storage, name, &bytes).unwrap();
        assert_eq!((meta.name.as_str(), meta.bytes), (name, bytes.len() as u64));
        let asked = server.asked();
        assert_eq!(asked.iter().filter(|asked| asked.is_part()).count(), parts, "{name}");
        assert_eq!(asked.iter().filter(|a| a.is_put()).count(), usize::from(parts == 0), "{name}");
        assert_eq!(download(&storage, name).unwrap(), bytes, "{name}");
    }
    assert!(server.unfinished().is_empty());
}

#[test]
fn trouble_that_passes_is_no_failure() {
    let bytes = pattern(12 * MIB);
    let server = S3Server::start(&["bucket"]);
    let storage = open(&server, "s3://bucket/p");
    let completion: fn(&Asked) -> bool = Asked::is_completion;
    let part: fn(&Asked) -> bool = Asked::is_part;
    let begin: fn(&Asked) -> bool = |asked| asked.line.contains("?uploads");
    for (at, (which, trouble)) in [
        (begin, Trouble::Refuse(503, "SlowDown")),
        (part, Trouble::Refuse(400, "XAmzContentSHA256Mismatch")),
        (part, Trouble::Refuse(400, "IncompleteBody")),
        (part, Trouble::Refuse(500, "InternalError")),
        (part, Trouble::Refuse(503, "SlowDown")),
        (part, Trouble::Refuse(429, "TooManyRequests")),
        (part, Trouble::HangUpAfter(MIB)),
        (part, Trouble::LoseAnswer),
        (completion, Trouble::Refuse(500, "InternalError")),
        (completion, Trouble::RefuseInside200("InternalError")),
        (completion, Trouble::RefuseInside200("SlowDown")),
        (completion, Trouble::LoseAnswer),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("object-{at}");
        let met = trouble_at(&server, 2, &trouble, which);
        upload(&storage, &name, &bytes).unwrap_or_else(|error| panic!("{trouble:?}: {error:?}"));
        assert!(met.load(Ordering::Relaxed) > 0, "{trouble:?} never happened");
        server.behave();
        assert_eq!(download(&storage, &name).unwrap(), bytes, "{trouble:?}");
        assert!(server.unfinished().is_empty(), "{trouble:?}: {:?}", server.unfinished());
    }
}

#[test]
fn trouble_that_stays_is_a_failure_that_leaves_nothing() {
    let bytes = pattern(17 * MIB);
    let server = S3Server::start(&["bucket"]);
    let storage = open(&server, "s3://bucket/p");
    let completion: fn(&Asked) -> bool = Asked::is_completion;
    let part: fn(&Asked) -> bool = Asked::is_part;
    let put: fn(&Asked) -> bool = Asked::is_put;
    for (which, trouble, kind) in [
        (part, Trouble::Refuse(403, "AccessDenied"), StorageErrorKind::PermissionDenied),
        (part, Trouble::Refuse(400, "ExpiredToken"), StorageErrorKind::PermissionDenied),
        (part, Trouble::Refuse(507, "InsufficientStorage"), StorageErrorKind::StorageFull),
        (completion, Trouble::Refuse(400, "InvalidPart"), StorageErrorKind::Io),
        (completion, Trouble::RefuseInside200("InvalidPart"), StorageErrorKind::Io),
        (put, Trouble::Refuse(403, "AccessDenied"), StorageErrorKind::PermissionDenied),
    ] {
        trouble_at(&server, usize::MAX, &trouble, which);
        let length = if which(&Asked { line: "PUT /".into(), ..Asked::default() }) {
            MIB
        } else {
            bytes.len()
        };
        let error = upload(&storage, "object", &bytes[..length]).unwrap_err();
        assert_eq!(error.kind(), kind, "{trouble:?}: {}", chain(&error));
        server.behave();
        assert!(server.names("bucket", "p").is_empty(), "{trouble:?}");
        assert!(server.unfinished().is_empty(), "{trouble:?}: {:?}", server.unfinished());
    }
    upload(&storage, "object", &bytes).unwrap();
}

#[test]
fn a_service_that_fails_for_good_is_given_up_in_time() {
    let server = S3Server::start(&["bucket"]);
    let options = crate::fixture::options(&server, "s3://bucket/p");
    let options = options.patience(Duration::from_secs(1));
    let storage = S3Storage::open(options).unwrap();
    trouble_at(&server, usize::MAX, &Trouble::Refuse(503, "SlowDown"), Asked::is_part);
    let started = Instant::now();
    let error = upload(&storage, "object", &pattern(11 * MIB)).unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::Unavailable);
    assert!(chain(&error).contains("slow down"), "{}", chain(&error));
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    assert!(server.unfinished().is_empty() && server.names("bucket", "p").is_empty());
}

#[test]
fn a_stalled_request_is_made_again() {
    let server = S3Server::start(&["bucket"]);
    let options = crate::fixture::options(&server, "s3://bucket/p");
    let options = options.request_timeout(Duration::from_millis(300));
    let storage = S3Storage::open(options).unwrap();
    let stall = Trouble::Delay(Duration::from_mins(1));
    trouble_at(&server, 2, &stall, |asked| asked.line.contains("?uploads") || asked.is_put());
    let started = Instant::now();
    let bytes = pattern(6 * MIB);
    upload(&storage, "long", &bytes).unwrap();
    upload(&storage, "short", &bytes[..100]).unwrap();
    assert!(started.elapsed() < Duration::from_secs(30));
    server.behave();
    assert_eq!(download(&storage, "long").unwrap(), bytes);
}

#[test]
fn cancelling_ends_a_stalled_upload_soon_and_leaves_nothing() {
    let server = S3Server::start(&["bucket"]);
    let storage = open(&server, "s3://bucket/p");
    let stall = Trouble::Delay(Duration::from_mins(10));
    let met = trouble_at(&server, usize::MAX, &stall, Asked::is_part);
    let mut writer = storage.create("object", HINT).unwrap();
    let cancel = writer.canceller().unwrap();
    let (ended, end) = mpsc::channel();
    std::thread::spawn(move || {
        let filled = fill(writer.as_mut(), &pattern(40 * MIB));
        drop(writer);
        ended.send(filled).unwrap();
    });
    while met.load(Ordering::Relaxed) < 2 {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(end.try_recv().is_err(), "the writer waits for memory");
    let started = Instant::now();
    cancel();
    let error = end.recv_timeout(Duration::from_secs(20)).unwrap().unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::Cancelled);
    assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
    assert!(server.unfinished().is_empty(), "{:?}", server.unfinished());
}

#[test]
fn a_service_that_demands_checksums_gets_them() {
    let server = S3Server::start(&["bucket"]);
    let storage = open(&server, "s3://bucket/p");
    server.plan(|asked| {
        let lacks = (asked.is_put() || asked.is_part()) && !asked.has_checksum;
        lacks.then_some(Trouble::Refuse(400, "MissingContentMD5"))
    });
    let bytes = pattern(11 * MIB);
    upload(&storage, "short", &bytes[..100]).unwrap();
    upload(&storage, "long", &bytes).unwrap();
    assert_eq!(download(&storage, "long").unwrap(), bytes);
    let options = crate::fixture::options(&server, "s3://bucket/p").checksum(ChecksumMode::None);
    let none = S3Storage::open(options).unwrap();
    assert!(upload(&none, "other", &bytes[..100]).is_err(), "none means none");
}

#[test]
fn an_object_is_replaced_even_if_the_answer_is_lost() {
    let server = S3Server::start(&["bucket"]);
    let storage = open(&server, "s3://bucket/p");
    for (length, which) in
        [(100, Asked::is_put as fn(&Asked) -> bool), (11 * MIB, |asked| asked.is_completion())]
    {
        let (old, new) = (pattern(length - 1), vec![7; length]);
        storage.put("dump.rdb", &old[..90], PutMode::Replace).unwrap();
        let met = trouble_at(&server, 1, &Trouble::LoseAnswer, which);
        let mut writer = storage.replace("dump.rdb", HINT).unwrap();
        fill(writer.as_mut(), &new).unwrap();
        writer.finish().unwrap();
        assert_eq!(met.load(Ordering::Relaxed), 1);
        assert_eq!(download(&storage, "dump.rdb").unwrap(), new);
    }
    assert!(server.unfinished().is_empty());
}

#[test]
fn a_replacement_that_fails_leaves_the_old_object() {
    let server = S3Server::start(&["bucket"]);
    let storage = open(&server, "s3://bucket/p");
    storage.put("dump.rdb", b"old", PutMode::CreateNew).unwrap();
    for length in [100, 11 * MIB] {
        let refusal = Trouble::Refuse(403, "AccessDenied");
        trouble_at(&server, usize::MAX, &refusal, |asked| asked.is_put() || asked.is_completion());
        let mut writer = storage.replace("dump.rdb", HINT).unwrap();
        fill(writer.as_mut(), &vec![7; length]).unwrap();
        writer.finish().unwrap_err();
        server.behave();
        assert_eq!(storage.get("dump.rdb", 3).unwrap(), b"old");
        assert!(server.unfinished().is_empty());
    }
}

/// Objects that are no parts of snapshots have names that others may want too: a failing writer
/// used to remove what a neighbour had stored there, and to give up the neighbour's upload.
#[test]
fn a_name_that_two_want_goes_to_one_and_the_other_touches_nothing() {
    let server = S3Server::start(&["bucket"]);
    let storages = [(); 2].map(|()| open(&server, "s3://bucket/p"));
    for (name, length) in [("short.rdb", 100), ("long.rdb", 11 * MIB)] {
        let contents = [vec![1; length], vec![2; length]];
        let [first, second] = [0, 1].map(|number: usize| {
            let mut writer = storages[number].create(name, HINT).unwrap();
            fill(writer.as_mut(), &contents[number]).unwrap();
            writer
        });
        first.finish().unwrap();
        let error = second.finish().unwrap_err();
        assert_eq!(error.kind(), StorageErrorKind::AlreadyExists, "{}", chain(&error));
        assert_eq!(download(&storages[0], name).unwrap(), contents[0]);
        assert!(server.unfinished().is_empty());
    }
}

#[test]
fn memory_that_is_short_makes_shorter_parts() {
    let server = S3Server::start(&["bucket"]);
    let options = crate::fixture::options(&server, "s3://bucket/p").part_bytes(64 << 20).unwrap();
    let storage = S3Storage::open(options).unwrap();
    let bytes = pattern(25 * MIB);
    server.asked();
    // The hint grants eleven buffers of a MiB, one of which the caller fills.
    upload(&storage, "object", &bytes).unwrap();
    assert_eq!(server.asked().iter().filter(|asked| asked.is_part()).count(), 3);
    assert_eq!(download(&storage, "object").unwrap(), bytes);
}
