//! What a client may do to the server: how many, how much, and who.

use crate::resp::{Client, Reply, encode};
use crate::server::{Server, eventually, info};

#[test]
fn announced_lengths_cost_no_memory() {
    let server = Server::start(&[]);
    server.client().run("PING");
    let before = server.resident_bytes();
    let clients: Vec<Client> = (0..100)
        .map(|_| {
            let mut client = server.client();
            client.send_raw(b"*1048576\r\n$536870912\r\nabc");
            client
        })
        .collect();
    eventually("arrival", || {
        let lines = server.client().run("CLIENT LIST").text();
        lines.lines().filter(|line| !line.contains("tot-net-in=0 ")).count() > clients.len()
    });
    let grown = server.resident_bytes().saturating_sub(before);
    assert!(grown < 40 << 20, "{grown} bytes for 100 headers");
}

#[test]
fn an_argument_may_be_as_long_as_configured() {
    let server = Server::start(&["--proto_max_bulk_len=1mb"]);
    let mut client = server.client();
    assert_eq!(client.call(&["SET", "k", &"x".repeat(1 << 20)]), Reply::ok());
    let error = client.call(&["APPEND", "k", "y"]);
    assert_eq!(error.error(), "ERR string exceeds maximum allowed size (proto-max-bulk-len)");
    client.send_raw(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1048577\r\n");
    assert_eq!(client.read().error(), "ERR Protocol error: invalid bulk length");
    assert!(client.is_closed());
}

#[test]
fn a_client_too_many_is_told_so() {
    let server = Server::start(&["--maxclients=3"]);
    let mut clients: Vec<Client> = (0..3).map(|_| server.client()).collect();
    for client in &mut clients {
        assert_eq!(client.run("PING").text(), "PONG");
    }
    let mut one_more = server.client();
    assert_eq!(one_more.read().error(), "ERR max number of clients reached");
    assert!(one_more.is_closed());
    assert_eq!(info(&mut clients[0], "rejected_connections"), "1");
    drop(clients.pop());
    eventually("a free place", || {
        let mut client = server.client();
        client.send_raw(b"PING\r\n");
        client.read() == Reply::Status("PONG".to_owned())
    });
}

#[test]
fn a_password_guards_everything_but_the_handshake() {
    let server = Server::start(&["--requirepass=secret"]);
    let mut client = server.client();
    assert_eq!(client.run("PING").error(), "NOAUTH Authentication required.");
    assert_eq!(client.run("GET k").error(), "NOAUTH Authentication required.");
    assert!(client.run("HELLO 3").error().starts_with("NOAUTH HELLO must be called"));
    for wrong in ["AUTH wrong", "AUTH secre", "AUTH secrets", "AUTH default wrong", "AUTH x secret"]
    {
        assert!(client.run(wrong).error().starts_with("WRONGPASS "), "{wrong}");
    }
    assert_eq!(client.run("PING").error(), "NOAUTH Authentication required.");
    assert_eq!(client.run("AUTH secret"), Reply::ok());
    assert_eq!(client.run("PING").text(), "PONG");
    assert_eq!(client.run("RESET").text(), "RESET");
    assert_eq!(client.run("PING").error(), "NOAUTH Authentication required.");

    let mut client = server.client();
    client.send_raw(b"AUTH default secret\r\nSET k v\r\nGET k\r\n");
    assert_eq!((client.read(), client.read()), (Reply::ok(), Reply::ok()));
    assert_eq!(client.read(), Reply::bulk("v"));

    let mut client = server.client();
    assert!(matches!(client.run("HELLO 3 AUTH default secret"), Reply::Map(_)));
    assert_eq!(client.run("CONFIG SET requirepass other"), Reply::ok());
    assert!(server.client().run("AUTH secret").error().starts_with("WRONGPASS "));
    assert_eq!(server.client().run("AUTH other"), Reply::ok());
}

#[test]
fn a_client_without_password_is_kept_short() {
    let server = Server::start(&["--requirepass=secret"]);
    for (bytes, error) in [
        (&b"*11\r\n"[..], "ERR Protocol error: unauthenticated multibulk length"),
        (b"*1\r\n$16385\r\n", "ERR Protocol error: unauthenticated bulk length"),
    ] {
        let mut client = server.client();
        client.send_raw(bytes);
        assert_eq!(client.read().error(), error);
        assert!(client.is_closed());
    }
    // The limits are lifted within one pipeline.
    let mut client = server.client();
    let mut pipeline = encode(&["AUTH", "secret"]);
    pipeline.extend(encode(&["SET", "k", &"x".repeat(50_000)]));
    client.send_raw(&pipeline);
    assert_eq!((client.read(), client.read()), (Reply::ok(), Reply::ok()));
}

#[test]
fn an_idle_client_is_sent_away_after_the_timeout() {
    let server = Server::start(&[]);
    let mut admin = server.client();
    let mut idle = server.client();
    assert_eq!(idle.run("PING").text(), "PONG");
    assert_eq!(admin.run("CONFIG SET timeout 1"), Reply::ok());
    eventually("the end of the idle client", || {
        admin.run("CLIENT LIST").text().lines().count() == 1
    });
    assert!(idle.is_closed());
}

#[test]
fn memory_of_what_was_deleted_is_given_back_within_seconds() {
    let server = Server::start(&[]);
    let mut client = server.client();
    let before = server.resident_bytes();
    client.run("DEBUG POPULATE 800000 key 200");
    let full = server.resident_bytes() - before;
    assert!(full > 150 << 20, "{full}");
    // One of a hundred stays, so that something is left everywhere. By a client of another thread.
    let mut other = server.client();
    for start in (0..800_000).step_by(1000) {
        let keys: Vec<String> = (start..start + 1000)
            .filter(|number| number % 100 > 0)
            .map(|number| format!("key:{number}"))
            .collect();
        let words: Vec<&str> =
            std::iter::once("DEL").chain(keys.iter().map(String::as_str)).collect();
        assert_eq!(other.call(&words), Reply::Integer(990));
    }
    assert_eq!(other.run("DBSIZE"), Reply::Integer(8000));
    let mut left = full;
    eventually("the memory", || {
        left = server.resident_bytes().saturating_sub(before);
        left < full / 2
    });
    assert_eq!(other.run("STRLEN key:799900"), Reply::Integer(200));
}
