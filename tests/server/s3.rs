//! A server that keeps its snapshots in S3.

use std::process::Command;

use exuvia_tests::s3::{ACCESS_KEY, S3Server, SECRET_KEY, Trouble};

use crate::resp::Reply;
use crate::server::{Server, binary, eventually, info};

const CREDENTIALS: [(&str, &str); 2] =
    [("AWS_ACCESS_KEY_ID", ACCESS_KEY), ("AWS_SECRET_ACCESS_KEY", SECRET_KEY)];

/// Starts a server whose snapshots are in `bucket/p` of `service`, and waits until it listens.
fn launch(service: &S3Server, flags: &[&str]) -> Server {
    let endpoint = format!("--s3_endpoint={}", service.address());
    let own = ["--dir=s3://bucket/p", &endpoint, "--s3_part_size=5MiB"];
    Server::launch(&[&own[..], flags].concat(), &CREDENTIALS)
}

/// Like [`launch`], and waits until it is ready.
fn start(service: &S3Server, flags: &[&str]) -> Server {
    let server = launch(service, flags);
    server.wait_for_line("ready to accept commands");
    server
}

fn manifests(service: &S3Server) -> Vec<String> {
    let names = service.names("bucket", "p").into_iter();
    names.filter(|name| name.ends_with("-summary.dfs")).collect()
}

#[test]
fn data_is_back_from_a_bucket_after_a_crash_and_after_an_exit() {
    let service = S3Server::start(&["bucket"]);
    let server = start(&service, &[]);
    let mut client = server.client();
    client.run("DEBUG POPULATE 20000 key 1000 RAND");
    client.run("SET moth luna");
    assert_eq!(client.run("SAVE"), Reply::ok());
    assert!(service.asked().iter().any(exuvia_tests::s3::Asked::is_part), "in parts");
    assert_eq!(manifests(&service).len(), 1);
    server.kill();

    let server = start(&service, &[]);
    let mut client = server.client();
    assert_eq!(client.run("DBSIZE"), Reply::Integer(20_001));
    assert_eq!(client.run("GET moth").text(), "luna");
    assert_eq!(client.run("CONFIG GET dir").elements()[1].text(), "s3://bucket/p");
    assert_eq!(client.run("SNAPSHOT LIST").elements().len(), 1);
    client.run("SET moth atlas");
    server.stop();
    assert_eq!(manifests(&service).len(), 2, "the exit saved");
    assert!(service.unfinished().is_empty());

    let server = start(&service, &["--snapshot_retain=1"]);
    let mut client = server.client();
    assert_eq!(client.run("GET moth").text(), "atlas");
    client.run("SAVE");
    eventually("retention", || manifests(&service).len() == 1);
    let name = manifests(&service)[0].replace("-summary.dfs", "");
    client.run("SET moth none");
    assert_eq!(client.run(&format!("DFLY LOAD s3://bucket/p/{name}")), Reply::ok());
    assert_eq!(client.run("GET moth").text(), "atlas");
    assert_eq!(client.run(&format!("DFLY LOAD {name}-summary.dfs")), Reply::ok());
}

#[test]
fn other_places_in_s3_are_for_those_who_may_name_them() {
    let service = S3Server::start(&["bucket", "other"]);
    let server = start(&service, &[]);
    let mut client = server.client();
    client.run("SET moth luna");
    assert_eq!(client.run("SAVE DF s3://bucket/p named"), Reply::ok(), "its own place");
    for command in ["SAVE DF s3://other/q", "BGSAVE DF s3://other", "DFLY LOAD s3://other/q/x"] {
        let refused = client.run(command);
        assert!(refused.error().contains("--allow_foreign_paths"), "{refused:?}");
    }
    for command in ["SAVE DF ftp://x", "SAVE DF s3://", "DFLY LOAD ftp://x/y"] {
        assert!(client.run(command).error().starts_with("ERR "), "{command}");
    }
    server.kill();
    let server = start(&service, &["--allow_foreign_paths"]);
    let mut client = server.client();
    client.run("SET moth luna");
    assert_eq!(client.run("SAVE DF s3://other/q/ copy"), Reply::ok());
    assert_eq!(service.names("other", "q").len(), 1 + 2);
    client.run("FLUSHALL");
    assert_eq!(client.run("DFLY LOAD s3://other/q/copy"), Reply::ok());
    assert_eq!(client.run("GET moth").text(), "luna");
}

#[test]
fn clients_are_served_and_told_when_the_service_fails() {
    let service = S3Server::start(&["bucket"]);
    let server = start(&service, &[]);
    let mut client = server.client();
    client.run("SET moth luna");
    client.run("SAVE");
    service.plan(|asked| {
        asked.line.starts_with("PUT ").then_some(Trouble::Refuse(403, "AccessDenied"))
    });
    let failed = client.run("SAVE");
    assert!(failed.error().contains("access is denied"), "{failed:?}");
    assert!(failed.error().contains("AccessDenied, request 4711"), "{failed:?}");
    assert_eq!(info(&mut client, "rdb_last_bgsave_status"), "err");
    assert_eq!(client.run("SET moth atlas"), Reply::ok());
    server.wait_for_line("request_id=\"4711\"");
    service.behave();
    assert_eq!(client.run("SAVE"), Reply::ok());
    assert_eq!(manifests(&service).len(), 2);
    assert!(service.unfinished().is_empty());
}

#[test]
fn an_exit_in_the_midst_of_an_upload_gives_it_up() {
    for (flag, signals) in [("--shutdown_timeout=1", 1), ("--v=0", 2)] {
        let service = S3Server::start(&["bucket"]);
        let mut server = start(&service, &[flag]);
        server.client().run("DEBUG POPULATE 20000 key 1000 RAND");
        service.plan(|asked| {
            asked.is_part().then_some(Trouble::Delay(std::time::Duration::from_mins(10)))
        });
        server.signal("TERM");
        eventually("the upload", || service.asked().iter().any(exuvia_tests::s3::Asked::is_part));
        if signals == 2 {
            server.signal("TERM");
        }
        assert_eq!(server.wait().code(), Some(1));
        service.behave();
        assert!(service.unfinished().is_empty(), "{:?}", service.unfinished());
        assert!(service.names("bucket", "p").is_empty());
    }
}

#[test]
fn an_exit_while_loading_is_prompt_and_publishes_nothing() {
    let service = S3Server::start(&["bucket"]);
    let server = start(&service, &[]);
    server.client().run("DEBUG POPULATE 1000 key 64 RAND");
    server.client().run("SAVE");
    server.kill();
    let before = service.names("bucket", "p");
    service.asked();
    // A load that would never end by itself: the exit does not wait for the answer.
    service.plan(|asked| {
        asked.is_ranged().then_some(Trouble::Delay(std::time::Duration::from_mins(10)))
    });
    let mut server = launch(&service, &[]);
    eventually("the load", || service.asked().iter().any(exuvia_tests::s3::Asked::is_ranged));
    assert_eq!(info(&mut server.client(), "loading"), "1");
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
    assert_eq!(service.names("bucket", "p"), before);
}

#[test]
fn a_start_from_a_bucket_that_is_not_there_says_so() {
    let service = S3Server::start(&["bucket"]);
    let endpoint = format!("--s3_endpoint={}", service.address());
    let mut server = Server::launch(&["--dir=s3://nowhere", &endpoint], &CREDENTIALS);
    assert_eq!(server.wait().code(), Some(1));
    assert!(server.log().contains("there is no such bucket"), "{}", server.log());
}

#[test]
fn the_offline_tool_reads_a_bucket() {
    let service = S3Server::start(&["bucket"]);
    let server = start(&service, &[]);
    let mut client = server.client();
    client.run("DEBUG POPULATE 3000 key 100");
    client.run("SET moth luna");
    client.run("SAVE");
    let name = manifests(&service)[0].replace("-summary.dfs", "");
    let endpoint = service.address().to_string();
    let tool = |words: &[&str]| {
        let output = Command::new(binary())
            .arg("snapshot")
            .args(words)
            .env_clear()
            .envs(CREDENTIALS)
            .env("EXUVIA_FLAG_s3_endpoint", &endpoint)
            .output()
            .unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{words:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(tool(&["list", "s3://bucket/p"]).contains("complete"));
    assert!(tool(&["list", "s3://bucket/p/", "--s3_endpoint", &endpoint]).contains(&name));
    for path in ["s3://bucket/p", &format!("s3://bucket/p/{name}")] {
        assert!(tool(&["info", path]).contains("present"), "{path}");
        assert!(tool(&["verify", path]).contains("sound, 3001 keys"), "{path}");
    }
    let manifest = format!("s3://bucket/p/{name}-summary.dfs");
    service.asked();
    assert_eq!(tool(&["get", &manifest, "moth"]), "luna");
    assert_eq!(service.asked().iter().filter(|asked| asked.is_ranged()).count(), 2);
    assert_eq!(tool(&["export", "s3://bucket/p"]).lines().count(), 3001);
    assert!(tool(&["prune", "s3://bucket/p", "--keep", "1", "--dry-run"]).contains("kept"));
    assert!(tool(&["list", "s3://bucket/empty"]).contains("no snapshots"));
}

#[test]
fn files_in_redis_format_are_saved_to_a_bucket_and_loaded_from_it() {
    let service = S3Server::start(&["bucket"]);
    let server = start(&service, &["--nodf_snapshot_format", "--dbfilename=dump"]);
    let mut client = server.client();
    // Longer than a part, and twice, so that one takes the place of the other.
    client.run("DEBUG POPULATE 20000 key 1000 RAND");
    assert_eq!(client.run("SAVE"), Reply::ok(), "{}", server.log());
    assert!(service.asked().iter().any(exuvia_tests::s3::Asked::is_part), "in parts");
    client.run("SET moth luna");
    client.run("RPUSH list a b c");
    assert_eq!(client.run("SAVE"), Reply::ok());
    assert_eq!(service.names("bucket", "p"), ["dump.rdb"]);
    service.plan(|asked| {
        let puts = asked.is_part() || asked.is_put();
        puts.then_some(Trouble::Refuse(403, "AccessDenied"))
    });
    client.run("SET moth atlas");
    assert!(client.run("SAVE").error().contains("access is denied"));
    service.behave();
    assert_eq!(service.names("bucket", "p"), ["dump.rdb"]);
    assert!(service.unfinished().is_empty(), "{:?}", service.unfinished());
    server.kill();

    let server = start(&service, &["--nodf_snapshot_format", "--dbfilename=dump"]);
    let mut client = server.client();
    assert_eq!(client.run("DBSIZE"), Reply::Integer(20_002));
    assert_eq!(client.run("GET moth").text(), "luna", "what was saved before the failure");
    assert_eq!(client.run("SAVE RDB s3://bucket/p copy"), Reply::ok());
    client.run("FLUSHALL");
    assert_eq!(client.run("DFLY LOAD s3://bucket/p/copy.rdb"), Reply::ok());
    assert_eq!(client.run("LRANGE list 0 -1").elements().len(), 3);
    server.kill();
    let server = start(&service, &["--dbfilename=copy"]);
    assert_eq!(server.client().run("DBSIZE"), Reply::Integer(20_002));
}

#[test]
fn a_snapshot_with_a_fixed_name_is_replaced_whole_or_not_at_all() {
    let service = S3Server::start(&["bucket"]);
    let server = start(&service, &["--dbfilename=dump"]);
    let mut client = server.client();
    client.run("SET moth luna");
    client.run("SAVE");
    let before = service.names("bucket", "p");
    client.run("SET moth atlas");
    service.plan(|asked| {
        let manifest = asked.is_put() && asked.line.contains("-summary.dfs");
        manifest.then_some(Trouble::Refuse(403, "AccessDenied"))
    });
    assert!(client.run("SAVE").error().contains("access is denied"));
    assert_eq!(service.names("bucket", "p"), before);
    service.behave();
    client.run("SAVE");
    let after = service.names("bucket", "p");
    assert_eq!(after.len(), before.len(), "{after:?}");
    assert!(after.iter().filter(|name| before.contains(name)).count() == 1, "{after:?}");
    server.kill();
    let server = start(&service, &["--dbfilename=dump"]);
    assert_eq!(server.client().run("GET moth").text(), "atlas");
}

#[test]
fn credentials_that_expire_during_an_upload_are_looked_up_again() {
    let service = S3Server::start(&["bucket"]);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("credentials");
    let write = |path: &std::path::Path, token: &str| {
        let text = format!(
            "[default]\naws_access_key_id = {ACCESS_KEY}\naws_secret_access_key = {SECRET_KEY}\n\
             aws_session_token = {token}\n"
        );
        std::fs::write(path, text).unwrap();
    };
    write(&path, "old");
    let endpoint = format!("--s3_endpoint={}", service.address());
    let flags = ["--dir=s3://bucket/p", &endpoint, "--s3_part_size=5MiB"];
    let file = path.to_str().unwrap();
    let server = Server::launch(&flags, &[("AWS_SHARED_CREDENTIALS_FILE", file)]);
    server.wait_for_line("ready to accept commands");
    let mut client = server.client();
    client.run("DEBUG POPULATE 30000 key 1000 RAND");
    let (mut parts, renewed) = (0, path.clone());
    service.plan(move |asked| {
        parts += usize::from(asked.is_part());
        if parts == 3 {
            write(&renewed, "new");
        }
        let expired = parts >= 3 && asked.token.as_deref() == Some("old");
        expired.then_some(Trouble::Refuse(400, "ExpiredToken"))
    });
    assert_eq!(client.run("SAVE"), Reply::ok(), "{}", server.log());
    assert!(server.log().contains("token has expired"), "{}", server.log());
    let asked = service.asked();
    assert!(asked.iter().any(|asked| asked.token.as_deref() == Some("new")));
    assert!(service.unfinished().is_empty());
}

#[test]
fn foreign_objects_are_neither_loaded_nor_removed() {
    let service = S3Server::start(&["bucket"]);
    let place = service.bucket("bucket").join("p");
    std::fs::create_dir_all(&place).unwrap();
    let foreign = ["dump-old.rdb", "notes.txt", "dump-2020-01-01T00:00:00-summary.dfs.bak"];
    for name in foreign {
        std::fs::write(place.join(name), b"not ours").unwrap();
    }
    let server = start(&service, &["--snapshot_retain=1"]);
    let mut client = server.client();
    client.run("SET moth luna");
    for _ in 0..3 {
        assert_eq!(client.run("SAVE"), Reply::ok());
    }
    eventually("retention", || manifests(&service).len() == 1);
    for name in foreign {
        assert_eq!(std::fs::read(place.join(name)).unwrap(), b"not ours", "{name}");
    }
}
