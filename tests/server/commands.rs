//! Commands, reply by reply.

use crate::resp::Reply;
use crate::script;
use crate::server::{Server, info};

#[test]
fn every_reply_is_that_of_redis() {
    let server = Server::start(&[]);
    let differences = script::differences(&mut server.client(), &script::SCRIPTS);
    assert!(differences.is_empty(), "got, and expected:\n{}", differences.join("\n"));
}

#[test]
fn fields_expire_as_in_later_redis() {
    let server = Server::start(&[]);
    let differences = script::differences(&mut server.client(), &script::LATER_SCRIPTS);
    assert!(differences.is_empty(), "got, and expected:\n{}", differences.join("\n"));
}

#[test]
fn every_command_is_described_by_command() {
    let server = Server::start(&[]);
    let mut client = server.client();
    let count = client.run("COMMAND COUNT").integer();
    assert!(count > 70, "{count}");
    let all = client.run("COMMAND");
    assert_eq!(all.elements().len() as i64, count);
    assert_eq!(client.run("COMMAND LIST").elements().len() as i64, count);
    let get = client.run("COMMAND INFO get").elements()[0].to_string().replace('"', "'");
    assert!(
        get.starts_with("['get', 2, [readonly, fast], 1, 1, 1, [@read, @fast, @string]"),
        "{get}"
    );
    let docs = client.run("COMMAND DOCS set").to_string();
    assert!(docs.contains("Sets the string value of a key"), "{docs}");
    let strings = client.run("COMMAND LIST FILTERBY ACLCAT string").to_string();
    assert!(strings.contains("incrbyfloat") && !strings.contains("expire"), "{strings}");
}

#[test]
fn info_has_the_fields_that_monitoring_reads() {
    let server = Server::start(&[]);
    let mut client = server.client();
    client.run("SET k v");
    client.run("GET k");
    client.run("GET nope");
    client.run("NOSUCH");
    assert_eq!(info(&mut client, "redis_version"), "7.0.15");
    assert_eq!(info(&mut client, "db0"), "keys=1,expires=0,avg_ttl=0");
    assert_eq!(info(&mut client, "keyspace_hits"), "1");
    assert_eq!(info(&mut client, "keyspace_misses"), "1");
    assert_eq!(info(&mut client, "errorstat_ERR"), "count=1");
    let get = info(&mut client, "cmdstat_get");
    assert!(get.starts_with("calls=2,usec="), "{get}");
    assert!(get.ends_with(",rejected_calls=0,failed_calls=0"), "{get}");
    client.run("CLIENT GETNAME");
    assert!(info(&mut client, "cmdstat_client|getname").starts_with("calls=1,"));
    assert!(info(&mut client, "latency_percentiles_usec_get").starts_with("p50="));
    assert_eq!(info(&mut client, "connected_clients"), "1");
    assert_eq!(info(&mut client, "rdb_changes_since_last_save"), "1");
    assert_eq!(info(&mut client, "loading"), "0");
    assert!(info(&mut client, "used_memory").parse::<u64>().unwrap() > 0);
    let default = client.run("INFO").text();
    for section in ["Server", "Clients", "Memory", "Persistence", "Stats", "Keyspace"] {
        assert!(default.contains(&format!("# {section}\r\n")), "{section}");
    }
    assert!(!default.contains("# Commandstats"));
    let one = client.run("INFO keyspace").text();
    assert_eq!(one, "# Keyspace\r\ndb0:keys=1,expires=0,avg_ttl=0\r\n");
    client.run("CONFIG RESETSTAT");
    assert_eq!(info(&mut client, "keyspace_hits"), "0");
}

#[test]
fn configuration_is_shown_and_changed() {
    let server = Server::start(&["--maxmemory=1gb"]);
    let mut client = server.client();
    let mut get = |name: &str| match client.call(&["CONFIG", "GET", name]) {
        Reply::Array(pair) if pair.len() == 2 => pair[1].text(),
        other => panic!("{name}: {other}"),
    };
    assert_eq!(get("maxmemory"), "1073741824");
    assert_eq!(get("DIR"), server.dir().display().to_string());
    assert_eq!(get("databases"), "16");
    assert_eq!(get("save"), "");
    assert_eq!(get("appendonly"), "no");
    assert_eq!(get("protected-mode"), "yes");
    assert_eq!(get("port"), server.address().port().to_string());
    assert_eq!(client.run("CONFIG GET s3_end* nosuch dbnu?").elements().len(), 4);
    assert_eq!(client.run("CONFIG SET maxmemory 2gb maxclients 50"), Reply::ok());
    assert_eq!(client.run("CONFIG GET maxclients").elements()[1].text(), "50");
    let error = client.run("CONFIG SET maxclients 60 dir /tmp");
    assert_eq!(error.error(), "ERR CONFIG SET failed: 'dir' is immutable");
    assert_eq!(client.run("CONFIG GET maxclients").elements()[1].text(), "50", "all or nothing");
    let error = client.run("CONFIG SET maxmemory lots");
    assert!(error.error().contains("'maxmemory' value 'lots' is not accepted"), "{error}");
    let error = client.run("CONFIG SET nosuch 1");
    assert_eq!(
        error.error(),
        "ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'"
    );
    assert_eq!(client.run("CONFIG SET save "), Reply::ok());
}

#[test]
fn writes_are_refused_at_maxmemory_and_reads_and_deletions_are_not() {
    let server = Server::start(&["--maxmemory=20mb"]);
    let mut client = server.client();
    let value = "x".repeat(100_000);
    let refused = (0..2000).find_map(|number| {
        match client.call(&["SET", &format!("key:{number}"), &value]) {
            Reply::Error(text) => Some(text),
            _ => None,
        }
    });
    assert_eq!(refused.as_deref(), Some("OOM command not allowed when used memory > 'maxmemory'."));
    assert_eq!(client.run("GET key:0"), Reply::bulk(&value));
    assert_eq!(client.run("DEL key:0"), Reply::Integer(1));
    client.run("MULTI");
    assert!(client.run("SET a b").error().starts_with("OOM "));
    assert!(client.run("EXEC").error().starts_with("EXECABORT "));
    assert_eq!(client.run("FLUSHALL"), Reply::ok());
    crate::server::eventually("room for writes", || client.run("SET a b") == Reply::ok());
}
