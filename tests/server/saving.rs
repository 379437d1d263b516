//! Saving, and what is there after a restart.

use std::time::Duration;

use crate::resp::{Client, Reply};
use crate::server::{Server, eventually, files, info};

/// Makes saves take seconds: random data, and a rate at which it is written.
const SLOW: &str = "--snapshot_max_bytes_per_sec=2mb";

fn fill(client: &mut Client) {
    assert_eq!(client.run("DEBUG POPULATE 8000 slow 1000 RAND"), Reply::ok());
}

#[test]
fn saved_data_is_back_after_a_crash_with_its_expiry() {
    let server = Server::start(&[]);
    let mut client = server.client();
    client.run("DEBUG POPULATE 5000 key 100");
    client.run("SET number 42");
    client.run("SET late v PXAT 33177117420000");
    client.run("SET soon v PX 1");
    client.call(&[b"SET", &b"bin\0\r\n"[..], b"\xff\0\r\n"]);
    client.call(&["SET", "large", &"L".repeat(700_000)]);
    client.run("SELECT 7");
    client.run("SET elsewhere 1");
    assert_eq!(client.run("SAVE"), Reply::ok());
    client.run("SET after-the-save v");
    let dir = server.kill().unwrap();

    let server = Server::start_in(dir.path(), &[]);
    let mut client = server.client();
    assert_eq!(client.run("DBSIZE"), Reply::Integer(5004));
    assert_eq!(client.run("GET number").text(), "42");
    assert_eq!(client.run("PEXPIRETIME late"), Reply::Integer(33_177_117_420_000));
    assert_eq!(client.run("TTL number"), Reply::Integer(-1));
    assert_eq!(client.run("EXISTS soon after-the-save"), Reply::Integer(0));
    assert_eq!(client.call(&[&b"GET"[..], b"bin\0\r\n"]), Reply::bulk(b"\xff\0\r\n"));
    assert_eq!(client.run("STRLEN large"), Reply::Integer(700_000));
    client.run("SELECT 7");
    assert_eq!(client.run("GET elsewhere").text(), "1");
}

#[test]
fn others_are_served_while_a_client_waits_for_its_save() {
    let server = Server::start(&["--threads=1", SLOW]);
    let mut saver = server.client();
    fill(&mut saver);
    let before = saver.run("LASTSAVE").integer();
    saver.send_raw(b"SAVE\r\n");
    let mut other = server.client();
    eventually("the beginning of the save", || info(&mut other, "saving") == "1");
    assert_eq!(other.run("SAVE").error(), "ERR Background save already in progress");
    assert_eq!(other.run("BGSAVE").error(), "ERR Background save already in progress");
    assert_eq!(other.run("SET k v"), Reply::ok());
    assert_eq!(info(&mut other, "rdb_bgsave_in_progress"), "1");
    assert!(info(&mut other, "current_snapshot_perc").parse::<f64>().unwrap() <= 100.0);
    eventually("progress", || info(&mut other, "current_save_keys_total") == "8000");
    eventually("an estimate of what is left", || {
        (0..=60).contains(&info(&mut other, "current_save_eta_seconds").parse::<i64>().unwrap())
    });
    assert_eq!(info(&mut other, "last_success_save_age_sec"), "-1");
    assert_eq!(other.run("LASTSAVE").integer(), before, "nothing is published yet");
    assert_eq!(saver.read(), Reply::ok());
    assert_eq!(info(&mut other, "saving"), "0");
    assert_eq!(info(&mut other, "rdb_saves"), "1");
    assert!(info(&mut other, "last_success_save_age_sec").parse::<i64>().unwrap() < 60);
    assert_eq!(info(&mut other, "rdb_changes_since_last_save"), "1");
    assert!(info(&mut other, "last_saved_file").ends_with("-summary.dfs"));
}

#[test]
fn a_background_save_holds_the_data_of_its_beginning() {
    let server = Server::start(&[SLOW]);
    let mut client = server.client();
    fill(&mut client);
    client.run("SET counter before");
    assert_eq!(client.run("BGSAVE").text(), "Background saving started");
    assert_eq!(client.run("SET counter after"), Reply::ok());
    for number in 0..8000 {
        client.send(&["SET", &format!("slow:{number}"), "overwritten"]);
    }
    for _ in 0..8000 {
        assert_eq!(client.read(), Reply::ok());
    }
    assert_eq!(info(&mut client, "rdb_saves"), "0", "the save took no time");
    eventually("the end of the save", || info(&mut client, "rdb_saves") == "1");
    let dir = server.kill().unwrap();
    let server = Server::start_in(dir.path(), &[]);
    let mut client = server.client();
    assert_eq!(client.run("GET counter").text(), "before");
    assert_eq!(client.run("STRLEN slow:7999"), Reply::Integer(1000));
    assert_eq!(client.run("DBSIZE"), Reply::Integer(8001));
}

#[test]
fn a_save_that_is_cancelled_leaves_no_file() {
    let server = Server::start(&[SLOW]);
    let mut client = server.client();
    fill(&mut client);
    assert!(client.run("BGSAVE CANCEL").error().contains("not in progress"));
    client.run("BGSAVE");
    assert_eq!(client.run("BGSAVE CANCEL").text(), "Background saving cancelled");
    eventually("the end of the save", || info(&mut client, "saving") == "0");
    eventually("an empty directory", || {
        files(server.dir(), ".dfs").is_empty() && files(server.dir(), ".tmp").is_empty()
    });
    // Somebody wanted it so: nothing is amiss.
    assert_eq!(info(&mut client, "rdb_last_bgsave_status"), "ok");
    assert_eq!(info(&mut client, "cancelled_saves"), "1");
    assert_eq!(info(&mut client, "failed_saves"), "0");
    assert_eq!(info(&mut client, "last_failed_save"), "0");
    assert_eq!(info(&mut client, "last_error"), "");
    assert_eq!(info(&mut client, "rdb_saves"), "0");
    assert_eq!(client.run("CONFIG SET snapshot_max_bytes_per_sec 0"), Reply::ok());
    assert_eq!(client.run("SAVE"), Reply::ok());
    assert_eq!(info(&mut client, "rdb_last_bgsave_status"), "ok");
}

#[test]
fn a_scheduled_save_runs_behind_the_running_one() {
    let server = Server::start(&[SLOW]);
    let mut client = server.client();
    fill(&mut client);
    client.run("BGSAVE");
    assert_eq!(client.run("BGSAVE SCHEDULE").text(), "Background saving scheduled");
    client.run("CONFIG SET snapshot_max_bytes_per_sec 0");
    eventually("both saves", || info(&mut client, "rdb_saves") == "2");
    assert_eq!(client.run("BGSAVE SCHEDULE").text(), "Background saving started");
}

#[test]
fn a_save_takes_a_name() {
    let server = Server::start(&[]);
    let mut client = server.client();
    client.run("SET k v");
    assert_eq!(client.run("SAVE DF mine"), Reply::ok());
    assert_eq!(files(server.dir(), "-summary.dfs"), ["mine-summary.dfs"]);
    assert_eq!(client.run("SAVE RDB mine"), Reply::ok());
    assert_eq!(client.run("SAVE RDB other.rdb"), Reply::ok());
    assert_eq!(files(server.dir(), ".rdb"), ["mine.rdb", "other.rdb"]);
    assert!(client.run("SAVE DF s3://bucket").error().contains("--allow_foreign_paths"));
    assert!(client.run("SAVE DF ../mine").error().starts_with("ERR snapshot name '../mine'"));
    assert_eq!(client.run("SAVE FOO").error(), "ERR syntax error");
}

#[test]
fn a_snapshot_is_loaded_by_name() {
    let server = Server::start(&[]);
    let mut client = server.client();
    client.run("MSET a 1 b 2");
    client.run("SAVE DF first");
    client.run("FLUSHALL");
    client.run("MSET b changed c 3");
    assert_eq!(client.run("DFLY LOAD first APPEND"), Reply::ok());
    assert_eq!(client.run("MGET a b c").to_string(), r#"["1", "2", "3"]"#);
    assert_eq!(client.run("DFLY LOAD first-summary.dfs"), Reply::ok());
    assert_eq!(client.run("MGET a b c").to_string(), r#"["1", "2", nil]"#);
    assert!(client.run("DFLY LOAD nosuch").error().starts_with("ERR "));
    assert_eq!(client.run("MGET a b").to_string(), r#"["1", "2"]"#, "a failure changes nothing");
    for outside in ["/etc/first", "../first", "s3://bucket/first"] {
        let error = client.run(&format!("DFLY LOAD {outside}"));
        assert!(error.error().contains("--allow_foreign_paths"), "{outside}: {error}");
    }

    let other = Server::start(&["--allow_foreign_paths"]);
    let mut elsewhere = other.client();
    let path = server.dir().join("first-summary.dfs").display().to_string();
    assert_eq!(elsewhere.call(&["DFLY", "LOAD", &path]), Reply::ok());
    assert_eq!(elsewhere.run("MGET a b").to_string(), r#"["1", "2"]"#);
}

#[test]
fn a_reload_loses_no_acknowledged_write() {
    let server = Server::start(&[]);
    let mut admin = server.client();
    admin.run("DEBUG POPULATE 3000");
    let acknowledged = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut client = server.client();
            let mut last = 0;
            while client.run("EXISTS stop") == Reply::Integer(0) {
                last = client.run("INCR n").integer();
            }
            last
        });
        for _ in 0..5 {
            assert_eq!(admin.run("DEBUG RELOAD"), Reply::ok());
            std::thread::sleep(Duration::from_millis(10));
        }
        admin.run("SET stop 1");
        writer.join().unwrap()
    });
    assert!(acknowledged > 0);
    assert_eq!(admin.run("GET n").text(), acknowledged.to_string());
    assert_eq!(admin.run("DBSIZE"), Reply::Integer(3002));
}

#[test]
fn the_list_of_snapshots_tells_what_is_sound() {
    let server = Server::start(&[]);
    let mut client = server.client();
    client.run("DEBUG POPULATE 1000 key 100 RAND");
    client.run("SAVE DF one");
    client.run("SAVE DF two");
    let list = client.run("SNAPSHOT LIST").to_string();
    assert!(list.contains("\"one\"") && list.contains("\"two\""), "{list}");
    let info = client.run("SNAPSHOT INFO one").to_string();
    assert!(info.contains("\"keys\", 1000"), "{info}");
    let sound = client.run("SNAPSHOT VERIFY one").to_string();
    assert!(sound.contains("\"sound\", 1"), "{sound}");
    let part = files(server.dir(), ".dfs").into_iter().find(|name| name.starts_with("one-0000"));
    let path = server.dir().join(part.unwrap());
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let damaged = client.run("SNAPSHOT VERIFY one").to_string();
    assert!(damaged.contains("\"sound\", 0"), "{damaged}");
    assert!(client.run("SNAPSHOT VERIFY two").to_string().contains("\"sound\", 1"));
    assert!(client.run("SNAPSHOT INFO nosuch").error().starts_with("ERR "));
}

#[test]
fn old_snapshots_are_pruned_on_demand() {
    let server = Server::start(&["--dbfilename=dump-{timestamp}"]);
    let mut client = server.client();
    client.run("SET k v");
    for _ in 0..3 {
        assert_eq!(client.run("SAVE"), Reply::ok());
    }
    let all = files(server.dir(), "-summary.dfs");
    assert_eq!(all.len(), 3);
    assert!(client.run("SNAPSHOT PRUNE").to_string().contains("\"removed\", []"));
    // Only asked, it removes nothing.
    client.run("CONFIG SET snapshot_retain 1");
    let report = client.run("SNAPSHOT PRUNE DRYRUN").to_string();
    assert!(report.contains("\"dry_run\", 1") && !report.contains("\"removed\", []"), "{report}");
    assert_eq!(files(server.dir(), "-summary.dfs"), all);
    client.run("SNAPSHOT PRUNE");
    assert_eq!(files(server.dir(), "-summary.dfs"), all[2..]);
    assert_eq!(client.run("SNAPSHOT PRUNE FOO").error(), "ERR syntax error");
}

#[test]
fn a_snapshot_that_would_not_fit_is_refused_with_both_numbers() {
    let large = Server::start(&[]);
    large.client().run("DEBUG POPULATE 5000 key 1000");
    assert_eq!(large.client().run("SAVE DF large"), Reply::ok());
    let path = large.dir().join("large").display().to_string();

    let small = Server::start(&["--maxmemory=4mb", "--allow_foreign_paths"]);
    let mut client = small.client();
    client.run("SET k v");
    let error = client.call(&["DFLY", "LOAD", &path]);
    assert!(error.error().contains("needs about 5"), "{error}");
    assert!(error.error().contains(" are free"), "{error}");
    assert_eq!(client.run("GET k").text(), "v");
    client.run("CONFIG SET maxmemory 100mb");
    assert_eq!(client.call(&["DFLY", "LOAD", &path]), Reply::ok());
    assert_eq!(client.run("DBSIZE"), Reply::Integer(5000));
}
