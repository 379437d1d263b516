//! Ranged reads, with and without trouble.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use exuvia::format::storage::{Buffer, PutMode, SnapshotStorage, StorageErrorKind};
use exuvia_tests::s3::{S3Server, Trouble};

use crate::fixture::{MIB, chain, download, open, pattern, upload};

#[test]
fn a_broken_answer_is_resumed_where_it_broke() {
    let server = S3Server::start(&["bucket"]);
    let storage = open(&server, "s3://bucket/p");
    let bytes = pattern(4 * MIB + 100);
    upload(&storage, "object", &bytes).unwrap();
    server.asked();
    let cuts = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&cuts);
    server.plan(move |asked| {
        let cut = asked.is_ranged() && counter.fetch_add(1, Ordering::Relaxed) < 4;
        cut.then_some(Trouble::CutAnswerAfter(300_000))
    });
    assert_eq!(download(&storage, "object").unwrap(), bytes);
    assert!(cuts.load(Ordering::Relaxed) > 4, "{cuts:?}");
    let resumed = server.asked().into_iter().any(|asked| {
        asked.range.is_some_and(|range| {
            !range.contains("=0-")
                && !range.contains("=1048576-")
                && !range.contains("=2097152-")
                && !range.contains("=3145728-")
                && !range.contains("=4194304-")
        })
    });
    assert!(resumed, "no read began in the middle");
}

#[test]
fn failures_that_pass_are_not_noticed() {
    let server = S3Server::start(&["bucket"]);
    let storage = open(&server, "s3://bucket/p");
    let bytes = pattern(3 * MIB);
    upload(&storage, "object", &bytes).unwrap();
    for trouble in [
        Trouble::Refuse(503, "SlowDown"),
        Trouble::Refuse(500, "InternalError"),
        Trouble::HangUpAfter(0),
        Trouble::Delay(Duration::from_secs(4)),
    ] {
        let mut met = 0;
        let planned = trouble.clone();
        server.plan(move |asked| {
            met += usize::from(asked.is_ranged());
            (asked.is_ranged() && met <= 2).then(|| planned.clone())
        });
        assert_eq!(download(&storage, "object").unwrap(), bytes, "{trouble:?}");
    }
}

#[test]
fn a_list_that_was_spoiled_on_its_way_is_asked_for_again() {
    let server = S3Server::start(&["bucket"]);
    let storage = open(&server, "s3://bucket/p");
    storage.put("object", b"bytes", PutMode::CreateNew).unwrap();
    // Cut before anything, within the first object, and between two.
    for body in [
        "<ListBucketResult>",
        "<ListBucketResult><Contents></Cont",
        "<ListBucketResult><KeyCount>1</KeyCount><IsTruncated>false</IsTruncated>",
    ] {
        let spoiled = move || Trouble::Answer(body.to_owned());
        let mut met = 0;
        server.plan(move |asked| {
            met += 1;
            (asked.line.contains("list-type=2") && met <= 2).then(spoiled)
        });
        assert_eq!(storage.list().unwrap().len(), 1, "{body}");
        server.plan(move |asked| asked.line.contains("list-type=2").then(spoiled));
        let error = storage.list().unwrap_err();
        assert_eq!(error.kind(), StorageErrorKind::Unavailable, "{}", chain(&error));
        assert!(chain(&error).contains("cut short"), "{}", chain(&error));
    }
}

#[test]
fn an_object_that_changes_under_its_reader_is_refused() {
    let server = S3Server::start(&["bucket"]);
    let storage = open(&server, "s3://bucket/p");
    storage.put("object", &pattern(2 * MIB), PutMode::CreateNew).unwrap();
    let mut reader = storage.open("object").unwrap();
    reader.submit(0, Buffer::new(MIB)).unwrap();
    assert_eq!(reader.complete().unwrap().1.len(), MIB);
    storage.put("object", &vec![7; 2 * MIB], PutMode::Replace).unwrap();
    reader.submit(MIB as u64, Buffer::new(MIB)).unwrap();
    let error = reader.complete().unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::Changed, "{}", chain(&error));
    storage.remove("object").unwrap();
    reader.submit(MIB as u64, Buffer::new(MIB)).unwrap();
    assert_eq!(reader.complete().unwrap_err().kind(), StorageErrorKind::Changed);
}

#[test]
fn a_service_that_keeps_breaking_is_given_up() {
    let server = S3Server::start(&["bucket"]);
    let options = crate::fixture::options(&server, "s3://bucket/p");
    let options = options.patience(Duration::from_secs(1));
    let storage = exuvia_storage_s3::S3Storage::open(options).unwrap();
    storage.put("object", &pattern(MIB), PutMode::CreateNew).unwrap();
    server.plan(|asked| asked.is_ranged().then_some(Trouble::CutAnswerAfter(0)));
    let error = download(&storage, "object").unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::Unavailable, "{}", chain(&error));
}
