//! The storage by itself, as the port has it.

use std::cell::Cell;

use exuvia::format::storage::{PutMode, SnapshotStorage, StorageErrorKind, contract};
use exuvia_storage_s3::{ChecksumMode, S3Storage};
use exuvia_tests::s3::{S3Server, Trouble};

use crate::fixture::{chain, open, options};

#[test]
fn the_contract_of_the_port_is_kept() {
    let server = S3Server::start(&["bucket"]);
    let storages = Cell::new(0);
    contract::run_all(|| {
        storages.set(storages.get() + 1);
        Box::new(open(&server, &format!("s3://bucket/{}", storages.get())))
    });
    assert!(server.unfinished().is_empty());
}

#[test]
fn the_contract_is_kept_with_checksums_and_without_signed_payloads() {
    let server = S3Server::start(&["bucket"]);
    let storages = Cell::new(0);
    contract::run_all(|| {
        storages.set(storages.get() + 1);
        let options = options(&server, &format!("s3://bucket/{}", storages.get()));
        let options = options.checksum(ChecksumMode::Crc32c).sign_payload(false);
        Box::new(S3Storage::open(options).unwrap())
    });
}

#[test]
fn a_list_of_many_foreign_objects_is_read_to_its_end() {
    let server = S3Server::start(&["bucket"]);
    let place = server.bucket("bucket").join("p");
    std::fs::create_dir_all(place.join("below")).unwrap();
    for number in 0..2_500 {
        std::fs::write(place.join(format!("foreign-{number}")), b"x").unwrap();
    }
    std::fs::write(place.join("below/deeper"), b"x").unwrap();
    std::fs::write(server.bucket("bucket").join("p-neighbour"), b"x").unwrap();
    let listed = open(&server, "s3://bucket/p").list().unwrap();
    assert_eq!(listed.len(), 2_500);
    assert!(listed.iter().all(|object| object.name.starts_with("foreign-") && object.bytes == 1));
    assert!(listed.iter().all(|object| object.modified_unix_ms.is_some()));
}

#[test]
fn every_refusal_has_its_sentence_and_its_kind() {
    use StorageErrorKind as Kind;
    let server = S3Server::start(&["bucket"]);
    let storage = open(&server, "s3://bucket/p");
    for (status, code, kind, words) in [
        (404, "NoSuchBucket", Kind::NotFound, "no such bucket"),
        (403, "AccessDenied", Kind::PermissionDenied, "access is denied"),
        (403, "SignatureDoesNotMatch", Kind::PermissionDenied, "check the access key"),
        (400, "ExpiredToken", Kind::PermissionDenied, "token has expired"),
        (403, "RequestTimeTooSkewed", Kind::PermissionDenied, "set the clock"),
        (301, "PermanentRedirect", Kind::PermissionDenied, "another region"),
        (507, "XMinioStorageFull", Kind::StorageFull, "no room left"),
        (418, "Teapot", Kind::Io, "refused"),
    ] {
        server.plan(move |_| Some(Trouble::Refuse(status, code)));
        let error = storage.list().unwrap_err();
        let text = chain(&error);
        assert_eq!(error.kind(), kind, "{text}");
        assert!(text.starts_with("list s3://bucket/p: ") && text.contains(words), "{text}");
        assert!(text.contains(code) && text.contains("request 4711"), "{text}");
    }
    server.behave();
    assert!(storage.list().unwrap().is_empty());
    let gone = open(&server, "s3://no-such-bucket/p").list().unwrap_err();
    assert_eq!(gone.kind(), Kind::NotFound);
}

#[test]
fn a_service_that_is_not_there_is_unavailable() {
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = S3Server::start(&["bucket"]);
    let options = options(&server, "s3://bucket").patience(std::time::Duration::from_millis(500));
    for scheme in ["http://", "https://", ""] {
        let options = options.clone().endpoint(&format!("{scheme}{address}")).unwrap();
        let error = S3Storage::open(options).unwrap().list().unwrap_err();
        let text = chain(&error);
        assert_eq!(error.kind(), StorageErrorKind::Unavailable, "{text}");
        assert!(text.contains("cannot be reached"), "{text}");
    }
}

#[test]
fn tls_spoken_to_a_plain_service_is_named() {
    let server = S3Server::start(&["bucket"]);
    let options = options(&server, "s3://bucket").patience(std::time::Duration::from_millis(500));
    let options = options.endpoint(&format!("https://{}", server.address())).unwrap();
    let text = chain(&S3Storage::open(options).unwrap().list().unwrap_err());
    assert!(text.contains("plain HTTP; use http://"), "{text}");
}

#[test]
fn what_an_operator_said_about_tls_is_done_and_only_silence_is_probed() {
    let server = S3Server::start(&["bucket"]);
    let patience = std::time::Duration::from_millis(500);
    let said = options(&server, "s3://bucket").patience(patience).use_https(true);
    let text = chain(&S3Storage::open(said).unwrap().list().unwrap_err());
    assert!(text.contains("plain HTTP"), "{text}");
    let silent = options(&server, "s3://bucket");
    assert!(S3Storage::open(silent).unwrap().list().unwrap().is_empty());
}

#[test]
fn a_put_that_was_answered_too_late_is_there_once() {
    let server = S3Server::start(&["bucket"]);
    let storage = open(&server, "s3://bucket/p");
    let mut puts = 0;
    server.plan(move |asked| {
        puts += usize::from(asked.is_put());
        (asked.is_put() && puts == 1).then_some(Trouble::LoseAnswer)
    });
    // The second attempt finds what the first one stored: whoever put it compares and is content.
    let again = storage.put("manifest", b"bytes", PutMode::CreateNew).unwrap_err();
    assert_eq!(again.kind(), StorageErrorKind::AlreadyExists);
    assert_eq!(storage.get("manifest", 5).unwrap(), b"bytes");
    assert_eq!(server.names("bucket", "p"), ["manifest"]);
}

#[test]
fn a_service_without_conditional_puts_gets_plain_ones() {
    let server = S3Server::start(&["bucket"]);
    let storage = open(&server, "s3://bucket/p");
    let mut refused = 0;
    server.plan(move |asked| {
        refused += usize::from(asked.is_put());
        (asked.is_put() && refused == 1).then_some(Trouble::Refuse(501, "NotImplemented"))
    });
    storage.put("new", b"1", PutMode::CreateNew).unwrap();
    let taken = storage.put("new", b"2", PutMode::CreateNew).unwrap_err();
    assert_eq!(taken.kind(), StorageErrorKind::AlreadyExists);
    assert_eq!(storage.get("new", 1).unwrap(), b"1");
}

/// A HEAD is refused without a body: that used to be "the service refused the request", and a
/// token that expired while a save looked whether a name is free ended the save.
#[test]
fn the_reason_of_a_refusal_without_a_body_is_asked_for() {
    let server = S3Server::start(&["bucket"]);
    let storage = open(&server, "s3://bucket/p");
    for (status, code, words) in [
        (400, "ExpiredToken", "token has expired"),
        (403, "RequestTimeTooSkewed", "set the clock"),
        (403, "AccessDenied", "access is denied"),
    ] {
        server.plan(move |_| Some(Trouble::Refuse(status, code)));
        let text = chain(&storage.open("object").err().unwrap());
        assert!(text.contains(words) && text.contains(code), "{text}");
    }
}

/// Go's TLS servers answer plain HTTP without a header, and hang up so soon that the body is often
/// lost; that used to be an answer that cannot be understood, now and then.
#[test]
fn plain_http_spoken_to_a_tls_service_is_named_even_if_its_words_are_lost() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for (at, stream) in listener.incoming().map_while(Result::ok).enumerate() {
            let mut stream = stream;
            let body =
                if at == 0 { "" } else { "Client sent an HTTP request to an HTTPS server.\n" };
            // What stays unread makes a reset of the end. The client may be gone already.
            let _ = std::io::Read::read(&mut stream, &mut [0; 16]);
            let answer = format!("HTTP/1.0 400 Bad Request\r\n\r\n{body}");
            let _ = std::io::Write::write_all(&mut stream, answer.as_bytes());
        }
    });
    let server = S3Server::start(&["bucket"]);
    let options = options(&server, "s3://bucket").patience(std::time::Duration::from_millis(500));
    let storage = S3Storage::open(options.endpoint(&format!("http://{address}")).unwrap()).unwrap();
    for _ in 0..2 {
        let text = chain(&storage.list().unwrap_err());
        assert!(text.contains("use https://"), "{text}");
    }
}
