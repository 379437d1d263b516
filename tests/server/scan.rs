//! Going through all keys.

use std::collections::BTreeSet;

use crate::resp::{Client, Reply};
use crate::server::Server;

/// Scans the whole database with these options; returns the keys in the order of their coming.
fn scan(client: &mut Client, options: &str) -> Vec<String> {
    let mut cursor = "0".to_owned();
    let mut keys = Vec::new();
    loop {
        let reply = client.run(format!("SCAN {cursor} {options}").trim_end());
        let [next, found] = reply.elements() else { panic!("{reply}") };
        keys.extend(found.elements().iter().map(Reply::text));
        cursor = next.text();
        if cursor == "0" {
            return keys;
        }
    }
}

#[test]
fn a_scan_finds_every_key_once_while_others_come_and_go() {
    let server = Server::start(&[]);
    let mut client = server.client();
    client.run("DEBUG POPULATE 20000 stays");
    let expected: BTreeSet<String> = (0..20_000).map(|number| format!("stays:{number}")).collect();
    for options in ["", "COUNT 1000", "COUNT 100000", "MATCH stays* COUNT 500", "TYPE string"] {
        let keys = scan(&mut client, options);
        let stayed: Vec<&String> = keys.iter().filter(|key| key.starts_with("stays")).collect();
        let distinct: BTreeSet<String> = stayed.iter().map(|key| (*key).clone()).collect();
        assert_eq!(distinct.len(), stayed.len(), "twice with {options:?}");
        assert!(distinct == expected, "{} keys with {options:?}", distinct.len());
        // Enough to split the table's segments between two scans.
        client.run(&format!("DEBUG POPULATE 10000 more{}", options.len()));
    }
    assert_eq!(scan(&mut client, "TYPE hash"), Vec::<String>::new());
    assert_eq!(scan(&mut client, "MATCH stays:1234? COUNT 5000").len(), 10);
}

#[test]
fn others_are_served_while_keys_are_listed() {
    let server = Server::start(&["--threads=1"]);
    let mut client = server.client();
    client.run("DEBUG POPULATE 300000");
    let mut other = server.client();
    client.send_raw(b"KEYS *\r\n");
    let mut served = 0;
    client.stream().set_nonblocking(true).unwrap();
    let mut byte = [0];
    while client.stream().peek(&mut byte).is_err() {
        assert_eq!(other.run("PING").text(), "PONG");
        served += 1;
    }
    client.stream().set_nonblocking(false).unwrap();
    assert_eq!(client.read().elements().len(), 300_000);
    assert!(served > 10, "{served}");
    assert_eq!(client.run("KEYS key:29999?").elements().len(), 10);
    assert_eq!(client.run("KEYS key:7").to_string(), "[\"key:7\"]");
}

#[test]
fn keys_that_have_expired_are_not_found() {
    let server = Server::start(&[]);
    let mut client = server.client();
    client.run("SET gone v PX 1");
    client.run("SET stays v");
    std::thread::sleep(std::time::Duration::from_millis(5));
    assert_eq!(client.run("KEYS *").to_string(), "[\"stays\"]");
    assert_eq!(scan(&mut client, ""), ["stays"]);
    assert_eq!(client.run("RANDOMKEY").text(), "stays");
}
