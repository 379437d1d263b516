//! The protocol over a real socket, with clients of every kind of manners.

use std::io::Write;
use std::net::Shutdown;
use std::time::{Duration, Instant};

use exuvia_tests::seed::Seed;

use crate::resp::{Client, Reply, encode};
use crate::server::{Server, eventually};

#[test]
fn a_pipeline_is_answered_in_order_whatever_it_mixes() {
    let server = Server::start(&[]);
    let mut client = server.client();
    let large = "L".repeat(300_000);
    client.call(&["SET", "large", &large]);
    let mut pipeline = Vec::new();
    let mut expected = Vec::new();
    for round in 0..200 {
        let value = format!("value-{round}");
        for (command, reply) in [
            (encode(&["SET", "k", &value]), Reply::ok()),
            (encode(&["GET", "k"]), Reply::bulk(&value)),
            (encode(&["get", "nope"]), Reply::Nil),
            (encode(&["GET", "k"]), Reply::bulk(&value)),
            (b"ECHO inline\r\n".to_vec(), Reply::bulk("inline")),
            (encode(&["GeT", "k"]), Reply::bulk(&value)),
        ] {
            pipeline.extend(command);
            expected.push(reply);
        }
        if round % 40 == 0 {
            for key in ["k", "large", "k", "large"] {
                pipeline.extend(encode(&["GET", key]));
                let value = if key == "k" { &value } else { &large };
                expected.push(Reply::bulk(value));
            }
        }
    }
    client.send_raw(&pipeline);
    for (number, reply) in expected.iter().enumerate() {
        assert!(client.read() == *reply, "reply {number}");
    }
}

#[test]
fn bytes_may_arrive_one_by_one() {
    let server = Server::start(&[]);
    let mut client = server.client();
    let mut bytes = encode(&["SET", "k", "a\r\nb"]);
    bytes.extend(b"GET k\r\n");
    for byte in bytes {
        client.send_raw(&[byte]);
    }
    assert_eq!(client.read(), Reply::ok());
    assert_eq!(client.read(), Reply::bulk("a\r\nb"));
}

#[test]
fn broken_protocol_is_answered_and_ends_the_connection_alone() {
    let server = Server::start(&[]);
    let mut other = server.client();
    for (bytes, error) in [
        (&b"*x\r\n"[..], "ERR Protocol error: invalid multibulk length"),
        (b"*1\r\n!\r\n", "ERR Protocol error: expected '$', got '!'"),
        (b"*1\r\n$-5\r\n", "ERR Protocol error: invalid bulk length"),
        (b"*1\r\n$9999999999\r\n", "ERR Protocol error: invalid bulk length"),
        (b"GET 'open\r\n", "ERR Protocol error: unbalanced quotes in request"),
    ] {
        let mut client = server.client();
        client.send_raw(b"PING\r\n");
        client.send_raw(bytes);
        client.send_raw(b"PING\r\n");
        assert_eq!(client.read(), Reply::Status("PONG".into()));
        assert_eq!(client.read().error(), error);
        assert!(client.is_closed());
        assert_eq!(other.run("PING").text(), "PONG");
    }
}

#[test]
fn a_browser_that_was_made_to_send_commands_is_disconnected() {
    let server = Server::start(&[]);
    for (request, replies) in [
        (&b"POST / HTTP/1.1\r\nHost: x\r\n\r\nSET stolen 1\r\n"[..], 0),
        (b"GET / HTTP/1.1\r\nHost: x\r\nSET stolen 1\r\n", 1),
        (b"MULTI\r\nhost: x\r\nSET stolen 1\r\nEXEC\r\n", 1),
    ] {
        let mut client = server.client();
        client.send_raw(request);
        for _ in 0..replies {
            client.read();
        }
        assert!(client.is_closed());
        assert_eq!(server.client().run("EXISTS stolen"), Reply::Integer(0));
    }
}

#[test]
fn random_garbage_never_hurts_the_server() {
    let server = Server::start(&[]);
    let mut random = Seed::draw("random_garbage_never_hurts_the_server").rng(0);
    for _ in 0..200 {
        let client = server.client();
        let pieces: [&[u8]; 10] = [
            b"*",
            b"$",
            b"\r\n",
            b"3",
            b"*3\r\n$3\r\nSET\r\n",
            b"-1",
            b"\0",
            b"GET k",
            b"'",
            b"\xff",
        ];
        let mut bytes: Vec<u8> = Vec::new();
        for _ in 0..random.usize(1..60) {
            bytes.extend_from_slice(random.choice(pieces).unwrap());
        }
        // The server may hang up half way.
        let _ = client.stream().try_clone().unwrap().write_all(&bytes);
    }
    assert_eq!(server.client().run("PING").text(), "PONG");
    eventually("the end of all those connections", || {
        server.client().run("CLIENT LIST").text().lines().count() == 1
    });
}

#[test]
fn a_client_that_has_sent_its_last_command_still_gets_every_reply() {
    let server = Server::start(&[]);
    let mut client = server.client();
    client.call(&["SET", "k", &"x".repeat(100_000)]);
    for _ in 0..50 {
        client.send(&["GET", "k"]);
    }
    client.stream().shutdown(Shutdown::Write).unwrap();
    for _ in 0..50 {
        assert_eq!(client.read().text().len(), 100_000);
    }
    assert!(client.is_closed());
}

#[test]
fn quit_is_answered_before_the_connection_ends() {
    let server = Server::start(&[]);
    let mut client = server.client();
    client.send_raw(b"PING\r\nQUIT\r\nPING\r\n");
    assert_eq!(client.read().text(), "PONG");
    assert_eq!(client.read().text(), "OK");
    assert!(client.is_closed());
}

#[test]
fn a_client_that_does_not_read_stalls_itself_alone() {
    let server = Server::start(&["--threads=1"]);
    let mut other = server.client();
    other.call(&["SET", "k", &"x".repeat(4000)]);
    let before = server.resident_bytes();
    let mut greedy = server.client();
    greedy.stream().set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    // 40 KB of commands ask for 4 MB; sent until the server takes no more.
    let commands = encode(&["GET", "k"]).repeat(1000);
    let mut asked = 0;
    let mut socket = greedy.stream().try_clone().unwrap();
    while asked < 100_000 && socket.write_all(&commands).is_ok() {
        asked += 1000;
    }
    for _ in 0..100 {
        let started = Instant::now();
        assert_eq!(other.run("PING").text(), "PONG");
        assert!(started.elapsed() < Duration::from_secs(1));
    }
    let grown = server.resident_bytes().saturating_sub(before);
    assert!(grown < 64 << 20, "{grown} bytes for a client that does not read");
    for _ in 0..asked {
        assert_eq!(greedy.read().text().len(), 4000);
    }
}

#[test]
fn large_values_come_back_whole() {
    let server = Server::start(&[]);
    let mut client = server.client();
    for bytes in [1, 16_383, 16_384, 65_535, 65_536, 65_537, 1 << 20, 32 << 20] {
        let value: Vec<u8> = (0..bytes).map(|at: usize| (at * 31 % 251) as u8).collect();
        assert_eq!(client.call(&[b"SET", &b"k"[..], &value]), Reply::ok());
        assert!(client.run("GET k") == Reply::Bulk(value.clone()), "{bytes} bytes");
        assert!(client.run("MGET k k") == Reply::Array(vec![Reply::Bulk(value); 2]));
    }
}

#[test]
fn a_command_may_have_very_many_arguments() {
    let server = Server::start(&[]);
    let mut client = server.client();
    let mut args = vec!["MSET".to_owned()];
    for number in 0..100_000 {
        args.push(format!("key:{number}"));
        args.push(format!("value:{number}"));
    }
    assert_eq!(client.call(&args), Reply::ok());
    assert_eq!(client.run("DBSIZE"), Reply::Integer(100_000));
    let mut args = vec!["MGET".to_owned()];
    args.extend((0..100_000).map(|number| format!("key:{number}")));
    let values = client.call(&args);
    assert_eq!(values.elements().len(), 100_000);
    assert_eq!(values.elements()[77_777].text(), "value:77777");
    args[0] = "EXISTS".to_owned();
    assert_eq!(client.call(&args), Reply::Integer(100_000));
    args[0] = "DEL".to_owned();
    args.push("nope".to_owned());
    assert_eq!(client.call(&args), Reply::Integer(100_000));
    assert_eq!(client.run("DBSIZE"), Reply::Integer(0));
}

#[test]
fn the_newer_protocol_has_its_own_types() {
    let server = Server::start(&[]);
    let mut client = server.client();
    let hello = client.run("HELLO 3 SETNAME me");
    let Reply::Map(fields) = &hello else { panic!("{hello}") };
    assert_eq!(fields[4..6], [Reply::bulk("proto"), Reply::Integer(3)]);
    assert_eq!(client.run("CLIENT GETNAME").text(), "me");
    client.send_raw(b"GET nope\r\n");
    let mut raw = [0; 3];
    std::io::Read::read_exact(&mut client.stream().try_clone().unwrap(), &mut raw).unwrap();
    assert_eq!(&raw, b"_\r\n");
    assert!(matches!(client.run("CONFIG GET port"), Reply::Map(_)));
    assert!(matches!(client.run("INFO"), Reply::Verbatim(_)));
    assert_eq!(client.run("RESET").text(), "RESET");
    assert!(matches!(client.run("CONFIG GET port"), Reply::Array(_)));
}

#[test]
fn connections_are_spread_over_the_threads() {
    let server = Server::start(&["--threads=2"]);
    let mut clients: Vec<Client> = (0..8).map(|_| server.client()).collect();
    for client in &mut clients {
        assert_eq!(client.run("PING").text(), "PONG");
    }
    let lines = clients[0].run("CLIENT LIST").text();
    for thread in ["thread=0 ", "thread=1 "] {
        assert_eq!(lines.lines().filter(|line| line.contains(thread)).count(), 4, "{lines}");
    }
}
