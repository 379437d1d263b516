//! Fields of hashes that expire: with time, over restarts, and among other commands.

use crate::resp::Reply;
use crate::server::{Server, eventually, info};

#[test]
fn a_field_is_gone_when_its_time_has_come_and_the_key_with_its_last() {
    let server = Server::start(&[]);
    let mut client = server.client();
    client.run("HSET h soon 1 stays 2");
    client.run("HSET all soon 1");
    // In this order: when the field of `h` is gone that of `all` is.
    client.run("HPEXPIRE all 150 FIELDS 1 soon");
    client.run("HPEXPIRE h 150 FIELDS 1 soon");
    let left = client.run("HPTTL h FIELDS 1 soon").elements()[0].integer();
    assert!((1..=150).contains(&left), "{left}");
    eventually("the end of the field", || client.run("HGET h soon") == Reply::Nil);
    assert_eq!(client.run("HLEN h"), Reply::Integer(1));
    assert_eq!(client.run("HEXISTS h soon"), Reply::Integer(0));
    assert_eq!(client.run("HGETALL h").to_string(), r#"["stays", "2"]"#);
    assert_eq!(client.run("HSCAN h 0").to_string(), r#"["0", ["stays", "2"]]"#);
    assert_eq!(client.run("HRANDFIELD h -3").to_string(), r#"["stays", "stays", "stays"]"#);
    assert_eq!(client.run("HTTL h FIELDS 2 soon stays").to_string(), "[-2, -1]");
    assert_eq!(client.run("HPERSIST h FIELDS 1 soon").to_string(), "[-2]");
    assert_eq!(client.run("HEXPIRE h 100 FIELDS 1 soon").to_string(), "[-2]");
    assert_eq!(client.run("EXISTS all"), Reply::Integer(0));
    assert_eq!(client.run("TYPE all").text(), "none");
    // What is written to it begins anew.
    assert_eq!(client.run("HINCRBY h soon 5"), Reply::Integer(5));
    assert_eq!(client.run("HTTL h FIELDS 1 soon").to_string(), "[-1]");
    eventually("the sweep", || client.run("DBSIZE") == Reply::Integer(1));
}

/// Fills a server with fields that expire, some of them soon, and saves.
fn save_with(flags: &[&str]) -> tempfile::TempDir {
    let server = Server::start(flags);
    let mut client = server.client();
    client.run("HSET h a 1 b 2 soon 3");
    client.run("HPEXPIREAT h 33177117420001 FIELDS 1 a");
    client.run("HPEXPIRE h 100 FIELDS 1 soon");
    client.run("HSET gone soon 3");
    client.run("HPEXPIRE gone 100 FIELDS 1 soon");
    for number in 0..2000 {
        client.run(&format!("HSET large f{number} {number}"));
    }
    client.run("HPEXPIREAT large 33177117420002 FIELDS 2 f7 f1999");
    client.run("HEXPIREAT large 1 FIELDS 1 f8");
    assert_eq!(client.run("SAVE"), Reply::ok());
    eventually("the end of the field", || client.run("HGET h soon") == Reply::Nil);
    server.kill().unwrap()
}

fn check_loaded(server: &Server) {
    let mut client = server.client();
    assert_eq!(client.run("HGETALL h").to_string(), r#"["a", "1", "b", "2"]"#);
    assert_eq!(client.run("HPEXPIRETIME h FIELDS 2 a b").to_string(), "[33177117420001, -1]");
    assert_eq!(client.run("EXISTS gone"), Reply::Integer(0));
    assert_eq!(client.run("HLEN large"), Reply::Integer(1999));
    assert_eq!(
        client.run("HPEXPIRETIME large FIELDS 4 f7 f1999 f8 f9").to_string(),
        "[33177117420002, 33177117420002, -2, -1]"
    );
}

#[test]
fn expiries_of_fields_are_back_after_a_restart() {
    let dir = save_with(&[]);
    check_loaded(&Server::start_in(dir.path(), &[]));
}

#[test]
fn expiries_of_fields_are_back_from_a_file_of_redis() {
    let flags = ["--nodf_snapshot_format", "--dbfilename=dump.rdb"];
    let dir = save_with(&flags);
    check_loaded(&Server::start_in(dir.path(), &flags));
}

#[test]
fn a_dumped_hash_keeps_the_expiries_of_its_fields() {
    let server = Server::start(&[]);
    let mut client = server.client();
    client.run("HSET h a 1 b 2");
    client.run("HPEXPIREAT h 33177117420001 FIELDS 1 a");
    let Reply::Bulk(payload) = client.run("DUMP h") else { panic!("a payload") };
    client.call(&[&b"RESTORE"[..], b"copy", b"0", &payload]);
    assert_eq!(client.run("HPEXPIRETIME copy FIELDS 2 a b").to_string(), "[33177117420001, -1]");
}

#[test]
fn commands_for_expiring_fields_are_steps_of_transactions_and_seen_by_watchers() {
    let server = Server::start(&[]);
    let (mut client, mut other) = (server.client(), server.client());
    client.run("HSET h a 1 b 2");
    client.run("WATCH h");
    // What changes nothing aborts nobody.
    assert_eq!(other.run("HPERSIST h FIELDS 1 a").to_string(), "[-1]");
    assert_eq!(other.run("HEXPIRE h 100 XX FIELDS 1 a").to_string(), "[0]");
    assert_eq!(other.run("HGETEX h FIELDS 1 a").to_string(), r#"["1"]"#);
    client.run("MULTI");
    client.run("HEXPIRE h 100 FIELDS 1 a");
    client.run("HTTL h FIELDS 2 a b");
    client.run("HGETDEL h FIELDS 1 b");
    client.run("HSETEX h EX 50 FIELDS 1 c 3");
    client.run("HEXPIRE h 0 FIELDS 2 a c");
    client.run("EXISTS h");
    assert_eq!(client.run("EXEC").to_string(), r#"[[1], [100, -1], ["2"], 1, [2, 2], 0]"#);
    for write in [
        "HSETEX h FIELDS 1 a 1",
        "HEXPIRE h 100 FIELDS 1 a",
        "HGETEX h EX 50 FIELDS 1 a",
        "HPERSIST h FIELDS 1 a",
        "HGETDEL h FIELDS 1 a",
    ] {
        client.run("WATCH h");
        let changes = |client: &mut crate::resp::Client| {
            info(client, "rdb_changes_since_last_save").parse::<u64>().unwrap()
        };
        let before = changes(&mut other);
        assert!(!matches!(other.run(write), Reply::Error(_)), "{write}");
        assert_eq!(changes(&mut other), before + 1, "{write}");
        client.run("MULTI");
        assert_eq!(client.run("EXEC"), Reply::Nil, "{write}");
    }
    let described = client.run("COMMAND INFO hexpire httl").to_string();
    let expected = r#"["hexpire", -6, [write, denyoom, fast], 1, 1, 1, [@write, @fast, @hash]"#;
    assert!(described.contains(expected), "{described}");
    let expected = r#"["httl", -5, [readonly, fast], 1, 1, 1, [@read, @fast, @hash]"#;
    assert!(described.contains(expected), "{described}");
}
