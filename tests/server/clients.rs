//! `CLIENT`.

use std::time::{Duration, Instant};

use crate::resp::Reply;
use crate::server::{Server, eventually};

#[test]
fn clients_are_listed_with_what_they_do() {
    let server = Server::start(&[]);
    let mut client = server.client();
    let id = client.run("CLIENT ID").integer();
    client.run("CLIENT SETNAME alpha");
    client.run("CLIENT SETINFO LIB-NAME mylib");
    client.run("SELECT 3");
    client.run("GET k");
    let line = client.run("CLIENT INFO").text();
    for field in [
        format!("id={id} "),
        format!("addr={} ", client.address()),
        format!("laddr={} ", server.address()),
        "name=alpha ".to_owned(),
        "lib-name=mylib ".to_owned(),
        "db=3 ".to_owned(),
        "cmd=client|info ".to_owned(),
        "multi=-1 ".to_owned(),
    ] {
        assert!(line.contains(&field), "{field} in {line}");
    }
    assert!(line.trim_end().ends_with("lib-ver="), "none but Redis's fields: {line}");
    client.run("GET k");
    let mut other = server.client();
    assert!(other.run(&format!("CLIENT LIST ID {id}")).text().contains("cmd=get "));
    assert_eq!(other.run("CLIENT LIST").text().lines().count(), 2);
    assert_eq!(other.run(&format!("CLIENT LIST ID {id} 999")).text().lines().count(), 1);
    other.run("SUBSCRIBE ch");
    assert_eq!(client.run("CLIENT LIST TYPE pubsub").text().lines().count(), 1);
    assert_eq!(client.run("CLIENT LIST TYPE normal").text().lines().count(), 1);
    assert_eq!(client.run("CLIENT LIST TYPE replica").text(), "");
}

#[test]
fn clients_are_killed_by_what_is_known_of_them() {
    let server = Server::start(&[]);
    let mut admin = server.client();
    let mut by_address = server.client();
    by_address.run("PING");
    let address = by_address.address();
    assert_eq!(admin.run(&format!("CLIENT KILL {address}")), Reply::ok());
    assert!(by_address.is_closed());

    let mut by_id = server.client();
    let id = by_id.run("CLIENT ID").integer();
    assert_eq!(admin.run(&format!("CLIENT KILL ID {id}")), Reply::Integer(1));
    assert!(by_id.is_closed());

    let mut others = [server.client(), server.client()];
    for other in &mut others {
        other.run("PING");
    }
    assert_eq!(admin.run("CLIENT KILL TYPE normal"), Reply::Integer(2));
    for other in &mut others {
        assert!(other.is_closed());
    }
    assert_eq!(admin.run("CLIENT KILL TYPE normal SKIPME no"), Reply::Integer(1));
    assert!(admin.is_closed());
}

#[test]
fn a_client_may_want_no_replies() {
    let server = Server::start(&[]);
    let mut client = server.client();
    client.send_raw(b"CLIENT REPLY SKIP\r\nSET a 1\r\nPING\r\n");
    assert_eq!(client.read().text(), "PONG");
    client
        .send_raw(b"CLIENT REPLY OFF\r\nSET b 2\r\nNOSUCH\r\nGET a\r\nSAVE\r\nCLIENT REPLY ON\r\n");
    assert_eq!(client.read(), Reply::ok(), "the reply of the command that turns them on");
    assert_eq!(client.run("MGET a b").to_string(), "[\"1\", \"2\"]");
}

#[test]
fn a_pause_holds_writes_and_nothing_else() {
    let server = Server::start(&[]);
    let mut admin = server.client();
    let mut writer = server.client();
    let mut reader = server.client();
    writer.run("SET k 1");
    assert_eq!(admin.run("CLIENT PAUSE 60000 WRITE"), Reply::ok());
    writer.send_raw(b"GET k\r\nSET k 2\r\n");
    assert_eq!(writer.read(), Reply::bulk("1"), "replies before the pause do not wait with it");
    assert_eq!(reader.run("GET k"), Reply::bulk("1"));
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(reader.run("GET k"), Reply::bulk("1"));
    assert_eq!(admin.run("CLIENT UNPAUSE"), Reply::ok());
    assert_eq!(writer.read(), Reply::ok());
    assert_eq!(reader.run("GET k"), Reply::bulk("2"));
}

#[test]
fn a_pause_ends_by_itself() {
    let server = Server::start(&[]);
    let mut client = server.client();
    let started = Instant::now();
    assert_eq!(client.run("CLIENT PAUSE 200"), Reply::ok());
    assert_eq!(client.run("GET k"), Reply::Nil);
    let waited = started.elapsed();
    assert!(waited >= Duration::from_millis(200) && waited < Duration::from_secs(30), "{waited:?}");
}

#[test]
fn a_client_that_vanishes_is_forgotten() {
    let server = Server::start(&[]);
    let mut admin = server.client();
    for _ in 0..20 {
        let mut client = server.client();
        client.run("SUBSCRIBE a b c");
        client.send_raw(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100000\r\nhalf");
    }
    eventually("the end of all others", || {
        admin.run("CLIENT LIST").text().lines().count() == 1
            && admin.run("PUBSUB CHANNELS") == Reply::Array(vec![])
    });
}
