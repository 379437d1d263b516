//! Publishing and subscribing.

use crate::resp::Reply;
use crate::server::{Server, eventually};

fn array(elements: &[&str]) -> String {
    let quoted: Vec<String> = elements.iter().map(|text| format!("\"{text}\"")).collect();
    format!("[{}]", quoted.join(", "))
}

#[test]
fn messages_reach_channels_and_patterns() {
    let server = Server::start(&[]);
    let (mut subscriber, mut publisher) = (server.client(), server.client());
    assert_eq!(subscriber.run("SUBSCRIBE news sport").to_string(), r#"["subscribe", "news", 1]"#);
    assert_eq!(subscriber.read().to_string(), r#"["subscribe", "sport", 2]"#);
    assert_eq!(subscriber.run("PSUBSCRIBE n?ws").to_string(), r#"["psubscribe", "n?ws", 3]"#);
    assert_eq!(publisher.run("PUBLISH news hello"), Reply::Integer(2));
    assert_eq!(subscriber.read().to_string(), array(&["message", "news", "hello"]));
    assert_eq!(subscriber.read().to_string(), array(&["pmessage", "n?ws", "news", "hello"]));
    assert_eq!(publisher.run("PUBSUB NUMSUB news x").to_string(), r#"["news", 1, "x", 0]"#);
    assert_eq!(publisher.run("PUBSUB NUMPAT"), Reply::Integer(1));

    assert_eq!(subscriber.run("PING").to_string(), array(&["pong", ""]));
    assert!(subscriber.run("GET k").error().starts_with("ERR Can't execute 'get': only"));
    assert_eq!(subscriber.run("UNSUBSCRIBE").to_string(), r#"["unsubscribe", "news", 2]"#);
    assert_eq!(subscriber.read().to_string(), r#"["unsubscribe", "sport", 1]"#);
    assert_eq!(subscriber.run("PUNSUBSCRIBE n?ws").to_string(), r#"["punsubscribe", "n?ws", 0]"#);
    assert_eq!(subscriber.run("PUNSUBSCRIBE").to_string(), r#"["punsubscribe", nil, 0]"#);
    assert_eq!(subscriber.run("GET k"), Reply::Nil);
    assert_eq!(publisher.run("PUBLISH news hello"), Reply::Integer(0));
}

#[test]
fn a_subscriber_of_the_newer_protocol_runs_commands_between_messages() {
    let server = Server::start(&[]);
    let (mut subscriber, mut publisher) = (server.client(), server.client());
    subscriber.run("HELLO 3");
    assert!(matches!(subscriber.run("SUBSCRIBE ch"), Reply::Push(_)));
    assert_eq!(subscriber.run("SET k v"), Reply::ok());
    publisher.run("PUBLISH ch hello");
    assert_eq!(
        subscriber.read().to_string(),
        format!("push{}", array(&["message", "ch", "hello"]))
    );
    assert_eq!(subscriber.run("GET k"), Reply::bulk("v"));
}

#[test]
fn messages_arrive_in_order_and_none_is_lost() {
    let server = Server::start(&[]);
    let mut subscriber = server.client();
    subscriber.run("SUBSCRIBE ch");
    let address = server.address();
    let publisher = std::thread::spawn(move || {
        let mut publisher = crate::resp::Client::connect(address);
        for number in 0..5000 {
            publisher.send(&["PUBLISH", "ch", &number.to_string()]);
        }
        (0..5000).all(|_| publisher.read() == Reply::Integer(1))
    });
    for number in 0..5000 {
        assert_eq!(subscriber.read().elements()[2].text(), number.to_string());
    }
    assert!(publisher.join().unwrap());
}

#[test]
fn a_subscriber_that_does_not_read_is_sent_away() {
    let server = Server::start(&[]);
    let (mut subscriber, mut publisher) = (server.client(), server.client());
    subscriber.run("SUBSCRIBE ch");
    let payload = "x".repeat(1 << 20);
    eventually("the end of the subscriber", || {
        publisher.call(&["PUBLISH", "ch", &payload]) == Reply::Integer(0)
    });
    assert_eq!(publisher.run("PING").text(), "PONG");
    server.wait_for_line("disconnecting a client that does not read");
}

#[test]
fn a_monitor_is_shown_what_others_run() {
    let server = Server::start(&[]);
    let (mut monitor, mut client) = (server.client(), server.client());
    assert_eq!(monitor.run("MONITOR"), Reply::ok());
    let mut next = |expected: &str| {
        let line = monitor.read();
        let (time, rest) =
            line.text().split_once(' ').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        assert!(time.parse::<f64>().unwrap() > 1.7e9, "{time}");
        let (place, command) = rest.split_once("] ").unwrap();
        assert!(place.contains("127.0.0.1:"), "{place}");
        let database = place[1..].split(' ').next().unwrap();
        assert_eq!(format!("{database} {command}"), expected);
    };
    client.run("GET moth");
    next(r#"0 "GET" "moth""#);
    client.run("SELECT 3");
    next(r#"0 "SELECT" "3""#);
    client.call(&["SET", "a \"b\"", "c\r\n\u{1}"]);
    next(r#"3 "SET" "a \"b\"" "c\r\n\x01""#);
    client.run("AUTH secret");
    next(r#"3 "AUTH" "(redacted)""#);
    for command in ["MULTI", "SET a 1", "CONFIG GET port", "EXEC"] {
        client.run(command);
    }
    for command in [r#"3 "MULTI""#, r#"3 "SET" "a" "1""#, r#"3 "EXEC""#] {
        next(command);
    }
    // A pipeline is shown command by command.
    for _ in 0..100 {
        client.send(&["GET", "moth"]);
    }
    for _ in 0..100 {
        next(r#"3 "GET" "moth""#);
        client.read();
    }
    assert!(client.run("CLIENT LIST").text().contains(" flags=O "));
    assert_eq!(monitor.run("RESET").text(), "RESET");
    client.run("GET moth");
    assert_eq!(monitor.run("PING").text(), "PONG", "nothing is shown any more");
}
