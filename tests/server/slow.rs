//! The slow log, latency events, and the time that commands take.

use crate::resp::Reply;
use crate::server::Server;

#[test]
fn slow_commands_are_logged_shortened_and_without_secrets() {
    let server = Server::start(&[]);
    let mut client = server.client();
    assert_eq!(client.run("SLOWLOG GET").elements(), []);
    client.run("CONFIG SET slowlog-log-slower-than 0");
    client.run("SLOWLOG RESET");
    client.run("CLIENT SETNAME tortoise");
    client.run("AUTH default secret");
    client.call(&["SET", "k", &"x".repeat(200)]);
    client.call(&["EXISTS"].into_iter().chain(["key"; 40]).collect::<Vec<_>>());
    client.run("GET k");
    let log = client.run("SLOWLOG GET -1").to_string();
    assert!(log.contains("\"AUTH\", \"(redacted)\", \"(redacted)\""), "{log}");
    assert!(!log.contains("secret"), "{log}");
    assert!(log.contains(&format!("{}... (72 more bytes)", "x".repeat(128))), "{log}");
    assert!(log.contains("\"key\", \"... (10 more arguments)\""), "{log}");
    assert!(log.contains("[\"GET\", \"k\"]"), "{log}");
    let newest = client.run("SLOWLOG GET 1");
    let [Reply::Array(fields)] = newest.elements() else { panic!("{newest}") };
    assert_eq!(fields.len(), 6);
    assert_eq!(fields[4].text(), client.address().to_string());
    assert_eq!(fields[5].text(), "tortoise");
    client.run("CONFIG SET slowlog-max-len 3");
    assert_eq!(client.run("SLOWLOG LEN"), Reply::Integer(3));
    client.run("CONFIG SET slowlog-log-slower-than -1");
    client.run("SLOWLOG RESET");
    client.run("GET k");
    assert_eq!(client.run("SLOWLOG LEN"), Reply::Integer(0));
}

#[test]
fn a_batch_and_a_transaction_are_logged_command_by_command() {
    let server = Server::start(&[]);
    let mut client = server.client();
    client.run("CONFIG SET slowlog-log-slower-than 0");
    client.run("SLOWLOG RESET");
    client.send_raw(b"GET a\r\nGET b\r\nMULTI\r\nSET c 1\r\nINCR c\r\nEXEC\r\n");
    for _ in 0..6 {
        client.read();
    }
    let log = client.run("SLOWLOG GET -1").to_string();
    for command in
        ["[\"GET\", \"a\"]", "[\"GET\", \"b\"]", "[\"SET\", \"c\", \"1\"]", "[\"INCR\", \"c\"]"]
    {
        assert!(log.contains(command), "{command} in {log}");
    }
}

#[test]
fn latency_events_are_commands_past_the_threshold() {
    let server = Server::start(&[]);
    let mut client = server.client();
    client.run("DEBUG SLEEP 0.02");
    assert_eq!(client.run("LATENCY LATEST").elements(), []);
    client.run("CONFIG SET latency-monitor-threshold 10");
    client.run("DEBUG SLEEP 0.02");
    let latest = client.run("LATENCY LATEST");
    let [Reply::Array(fields)] = latest.elements() else { panic!("{latest}") };
    assert_eq!(fields[0].text(), "command");
    assert!(fields[2].integer() >= 20 && fields[3].integer() >= 20, "{latest}");
    assert_eq!(client.run("LATENCY HISTORY command").elements().len(), 1);
    assert!(client.run("LATENCY DOCTOR").text().contains("command: 1 latency spikes"));
    assert_eq!(client.run("LATENCY RESET nope"), Reply::Integer(0));
    assert_eq!(client.run("LATENCY RESET command"), Reply::Integer(1));
    assert_eq!(client.run("LATENCY LATEST").elements(), []);
}

#[test]
fn histograms_count_every_call() {
    let server = Server::start(&[]);
    let mut client = server.client();
    for _ in 0..7 {
        client.run("SET k v");
    }
    client.run("CLIENT ID");
    let histogram = client.run("LATENCY HISTOGRAM set client nope");
    let fields = histogram.elements();
    assert_eq!(fields.len(), 4, "{histogram}");
    assert_eq!(fields[0].text(), "set");
    assert_eq!(fields[1].elements()[1], Reply::Integer(7));
    let classes = fields[1].elements()[3].elements();
    assert_eq!(classes.last(), Some(&Reply::Integer(7)), "{histogram}");
    assert_eq!(fields[2].text(), "client|id");
}
