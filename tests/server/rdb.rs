//! Redis's format: files and values that go from one server to the other and back.

use std::path::Path;

use crate::interop::Redis;
use crate::resp::{Client, Reply};
use crate::server::{Server, files};

/// Commands that fill a server with every type, small and large.
fn fill(client: &mut Client) {
    for words in [
        "SET string text",
        "SET number 12345",
        "SET expiring v PXAT 4102444800123",
        "RPUSH list a b 1 -5 70000",
        "SADD set a b 3",
        "SADD ints 1 2 -3 70000",
        "HSET hash f v n 42",
        "ZADD sorted 1 a 2.5 b -inf c +inf d",
        "SELECT 5",
        "SET other database",
        "SELECT 0",
        "PEXPIREAT set 4102444800456",
    ] {
        assert!(!matches!(client.run(words), Reply::Error(_)), "{words}");
    }
    client.call(&["SET", "long", &"x".repeat(100_000)]);
    client.call(&[b"SET".as_slice(), b"\xff\x00", b"\x00\xfe\r\n"]);
    for i in 0..1000 {
        let (n, text) = (i.to_string(), format!("element {i}"));
        client.call(&["RPUSH", "large:list", &text]);
        client.call(&["SADD", "large:set", &text]);
        client.call(&["HSET", "large:hash", &text, &n]);
        client.call(&["ZADD", "large:sorted", &n, &text]);
        client.call(&["XADD", "large:stream", &format!("{}-{}", i / 4 + 1, i % 4), "n", &n]);
    }
    for words in [
        "XGROUP CREATE large:stream group 0",
        "XDEL large:stream 3-1 7-2",
        "XREADGROUP GROUP group ann COUNT 30 STREAMS large:stream >",
        "XREADGROUP GROUP group bob COUNT 5 STREAMS large:stream >",
    ] {
        assert!(!matches!(client.run(words), Reply::Error(_)), "{words}");
    }
}

/// What a server says of every key.
fn describe(client: &mut Client) -> Vec<String> {
    let mut lines = Vec::new();
    for database in ["0", "5"] {
        client.call(&["SELECT", database]);
        let mut keys: Vec<Vec<u8>> = client
            .run("KEYS *")
            .elements()
            .iter()
            .map(|key| match key {
                Reply::Bulk(key) => key.clone(),
                other => panic!("{other}"),
            })
            .collect();
        keys.sort();
        for key in keys {
            let kind = client.call(&[b"TYPE".as_slice(), &key]).text();
            let expiry = client.call(&[b"PEXPIRETIME".as_slice(), &key]);
            let mut line = format!("{database} {} {kind} {expiry}", key.escape_ascii());
            for command in commands(&kind) {
                let reply = client.call(&arguments(command, &key));
                line = format!("{line}\n  {command}: {}", shown(command, &reply));
            }
            lines.push(line);
        }
    }
    client.run("SELECT 0");
    lines
}

fn commands(kind: &str) -> &'static [&'static str] {
    match kind {
        "string" => &["GET KEY"],
        "list" => &["LRANGE KEY 0 -1"],
        "set" => &["SMEMBERS KEY"],
        "zset" => &["ZRANGE KEY 0 -1 WITHSCORES"],
        "hash" => &["HGETALL KEY"],
        "stream" => &["XRANGE KEY - +", "XPENDING KEY group - + 100", "XINFO GROUPS KEY"],
        other => panic!("{other}"),
    }
}

fn arguments<'a>(command: &'a str, key: &'a [u8]) -> Vec<&'a [u8]> {
    command.split(' ').map(|word| if word == "KEY" { key } else { word.as_bytes() }).collect()
}

/// A reply without what depends on chance or on when it is asked for.
fn shown(command: &str, reply: &Reply) -> String {
    let mut texts: Vec<String> = reply_texts(reply);
    if command.starts_with("HGETALL") {
        texts = texts.chunks(2).map(<[String]>::concat).collect();
    }
    if command.starts_with("XPENDING") {
        // The third of four is for how long the entry has been pending.
        texts = texts.chunks(4).map(|line| [&*line[0], &*line[1], &*line[3]].join(" ")).collect();
    }
    if command.starts_with("HGETALL") || command.starts_with("SMEMBERS") {
        texts.sort();
    }
    texts.join(" ")
}

fn reply_texts(reply: &Reply) -> Vec<String> {
    match reply {
        Reply::Array(elements) => elements.iter().flat_map(reply_texts).collect(),
        other => vec![other.to_string()],
    }
}

fn start_redis_on(dir: &Path) -> (Redis, Client) {
    let (redis, address) = Redis::start(dir);
    let mut client = Client::connect(address);
    while client.run("PING") != Reply::Status("PONG".to_owned()) {}
    (redis, client)
}

#[test]
#[ignore = "needs redis-server 7.0"]
fn a_file_of_redis_is_loaded_at_the_start_and_goes_back() {
    let dir = tempfile::TempDir::new().unwrap();
    let (redis, mut theirs) = start_redis_on(dir.path());
    fill(&mut theirs);
    let expected = describe(&mut theirs);
    theirs.run("SAVE");
    drop(redis);

    let flags = ["--dbfilename=dump.rdb", "--nodf_snapshot_format"];
    let server = Server::start_in(dir.path(), &flags);
    let mut ours = server.client();
    assert_eq!(ours.run("TYPE large:stream").text(), "stream");
    assert_eq!(ours.run("SAVE"), Reply::ok());
    assert_eq!(files(dir.path(), ".rdb"), ["dump.rdb"]);
    drop(server);

    let (_redis, mut theirs) = start_redis_on(dir.path());
    assert_eq!(describe(&mut theirs), expected);
}

#[test]
#[ignore = "needs redis-server 7.0"]
fn values_go_to_redis_and_come_back_by_dump_and_restore() {
    let dir = tempfile::TempDir::new().unwrap();
    let (_redis, mut theirs) = start_redis_on(dir.path());
    fill(&mut theirs);
    let expected = describe(&mut theirs);
    let server = Server::start(&[]);
    let mut ours = server.client();
    hand_over(&mut theirs, &mut ours);
    theirs.run("FLUSHALL");
    hand_over(&mut ours, &mut theirs);
    assert_eq!(describe(&mut theirs), expected);
}

/// Restores every key of one server in the other.
fn hand_over(from: &mut Client, to: &mut Client) {
    for database in ["0", "5"] {
        from.call(&["SELECT", database]);
        to.call(&["SELECT", database]);
        for key in from.run("KEYS *").elements() {
            let Reply::Bulk(key) = key else { panic!("{key}") };
            let Reply::Bulk(payload) = from.call(&[b"DUMP".as_slice(), key]) else { panic!() };
            let expiry = from.call(&[b"PEXPIRETIME".as_slice(), key]).integer().max(0).to_string();
            let restore = [b"RESTORE".as_slice(), key, expiry.as_bytes(), &payload, b"ABSTTL"];
            assert_eq!(to.call(&restore), Reply::ok(), "{}", key.escape_ascii());
        }
    }
    from.run("SELECT 0");
    to.run("SELECT 0");
}

#[test]
fn a_file_is_saved_and_loaded_by_name_and_at_the_start() {
    let flags = ["--dbfilename=dump", "--df_snapshot_format=false"];
    let server = Server::start(&flags);
    let mut client = server.client();
    client.run("SET k v PXAT 4102444800123");
    assert_eq!(client.run("SAVE"), Reply::ok());
    assert_eq!(client.run("SAVE RDB other"), Reply::ok());
    client.run("FLUSHALL");
    assert_eq!(client.run("DFLY LOAD other.rdb"), Reply::ok());
    assert_eq!(client.run("PEXPIRETIME k").integer(), 4_102_444_800_123);
    client.run("SET more x");
    assert_eq!(client.run("DFLY LOAD dump.rdb APPEND"), Reply::ok());
    assert_eq!(client.run("DBSIZE").integer(), 2);
    let error = client.run("DFLY LOAD none.rdb");
    assert!(error.error().contains("no such snapshot"), "{error}");
    let dir = server.stop().unwrap();
    assert_eq!(files(dir.path(), ".rdb"), ["dump.rdb", "other.rdb"]);
    let again = Server::start_in(dir.path(), &flags);
    assert_eq!(again.client().run("DBSIZE").integer(), 2);
}

#[test]
fn a_damaged_file_ends_the_start_with_its_name() {
    let dir = tempfile::TempDir::new().unwrap();
    std::fs::write(dir.path().join("dump.rdb"), b"REDIS0009\x00\x01k\x01v\xff12345678").unwrap();
    let mut server = Server::start_loading(dir.path(), &["--dbfilename=dump"]);
    assert!(!server.wait().success());
    let log = server.log();
    assert!(log.contains("dump.rdb") && log.contains("checksum"), "{log}");
}

#[test]
fn a_snapshot_of_dragonfly_is_loaded_by_starting_on_it() {
    let dir = tempfile::TempDir::new().unwrap();
    let fixtures =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../rdb/fixtures/dragonfly/t2_default");
    for entry in std::fs::read_dir(fixtures).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, dir.path().join(path.file_name().unwrap())).unwrap();
    }
    std::fs::remove_file(dir.path().join("dump.rdb")).unwrap();
    let server = Server::start_in(dir.path(), &["--dbfilename=dump"]);
    let mut client = server.client();
    assert_eq!(client.run("DBSIZE").integer(), 83);
    assert_eq!(client.run("GET str:hello").text(), "hello world");
    assert_eq!(client.run("TYPE stream:small").text(), "stream");
    client.run("FLUSHALL");
    assert_eq!(client.run("DFLY LOAD dump"), Reply::ok());
    assert_eq!(client.run("DBSIZE").integer(), 83);
}

#[test]
fn a_payload_is_restored_under_the_rules_of_redis() {
    let server = Server::start(&[]);
    let mut client = server.client();
    client.run("SET k v");
    let Reply::Bulk(payload) = client.run("DUMP k") else { panic!("a payload") };
    let mut restore = |key: &str, ttl: &str, payload: &[u8], options: &str| {
        let mut args = vec![b"RESTORE".as_slice(), key.as_bytes(), ttl.as_bytes(), payload];
        args.extend(options.split(' ').filter(|word| !word.is_empty()).map(str::as_bytes));
        client.call(&args)
    };
    assert_eq!(restore("new", "0", &payload, ""), Reply::ok());
    let busy = "BUSYKEY Target key name already exists.";
    assert_eq!(restore("new", "0", &payload, "").error(), busy);
    assert_eq!(restore("new", "0", &payload, "REPLACE IDLETIME 5 FREQ 7"), Reply::ok());
    assert_eq!(restore("ttl", "4102444800123", &payload, "ABSTTL"), Reply::ok());
    assert_eq!(restore("past", "1", &payload, "ABSTTL"), Reply::ok());
    assert_eq!(restore("x", "-1", &payload, "").error(), "ERR Invalid TTL value, must be >= 0");
    assert_eq!(restore("x", "0", &payload, "WHAT").error(), "ERR syntax error");
    let mut damaged = payload.clone();
    damaged[1] ^= 1;
    let wrong = "ERR DUMP payload version or checksum are wrong";
    // The first byte is a zero, which the checksum does not notice where it leads.
    for bytes in [&damaged[..], b"", b"short", &payload[2..]] {
        assert_eq!(restore("x", "0", bytes, "").error(), wrong);
    }
    assert_eq!(client.run("GET new").text(), "v");
    assert_eq!(client.run("PEXPIRETIME ttl").integer(), 4_102_444_800_123);
    assert_eq!(client.run("EXISTS past x").integer(), 0);
    assert_eq!(client.run("DUMP nope"), Reply::Nil);
}
