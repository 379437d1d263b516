//! `CONFIG SET` of what changes how clients are treated.

use std::time::{Duration, Instant};

use crate::resp::{Client, Reply, encode};
use crate::server::{Server, eventually};

/// The value of a parameter.
fn get(client: &mut Client, name: &str) -> String {
    client.call(&["CONFIG", "GET", name]).elements()[1].text()
}

/// A field of the line that `CLIENT LIST` shows of a client with a name.
fn field(client: &mut Client, of: &str, name: &str) -> Option<u64> {
    let list = client.run("CLIENT LIST").text();
    let line = list.lines().find(|line| line.contains(&format!(" name={of} ")))?;
    let value = line.split(' ').find_map(|field| field.strip_prefix(&format!("{name}=")));
    Some(value.unwrap().parse().unwrap())
}

#[test]
fn the_port_can_be_changed_while_clients_are_connected() {
    let server = Server::start(&[]);
    let mut client = server.client();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken_port = taken.local_addr().unwrap().port().to_string();
    let error = client.call(&["CONFIG", "SET", "maxclients", "77", "port", &taken_port]);
    assert!(error.error().contains("'port') - Unable to listen on this port"), "{error}");
    assert_eq!(get(&mut client, "maxclients"), "10000", "all or nothing");
    assert_eq!(get(&mut client, "port"), server.address().port().to_string());
    server.client().run("PING");

    // Any port that is free.
    assert_eq!(client.run("CONFIG SET port 0"), Reply::ok());
    let mut address = server.address();
    address.set_port(get(&mut client, "port").parse().unwrap());
    assert_ne!(address, server.address());
    assert_eq!(Client::connect(address).run("PING").text(), "PONG");
    eventually("nobody at the old port", || {
        std::net::TcpStream::connect(server.address()).is_err()
    });
    assert_eq!(client.run("PING").text(), "PONG", "who was connected stays so");
    let info = client.run("INFO server").text();
    assert!(info.contains(&format!("tcp_port:{}\r\n", address.port())), "{info}");
}

/// Each used to put back what the other had just changed, since both began from the settings as
/// they were before.
#[test]
fn changes_at_the_same_time_all_take_effect() {
    const ROUNDS: usize = 3000;
    let server = Server::start(&["--threads=2"]);
    let set = |name: &str| {
        let mut client = server.client();
        let is_lost = |round: &usize| {
            let value = round.to_string();
            let set = encode(&["CONFIG", "SET", name, &value]);
            client.send_raw(&[set, encode(&["CONFIG", "GET", name])].concat());
            assert_eq!(client.read(), Reply::ok());
            client.read().elements()[1].text() != value
        };
        (1..=ROUNDS).filter(is_lost).count()
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(|| set("timeout"));
        assert_eq!((set("slowlog-max-len"), other.join().unwrap()), (0, 0));
    });
}

#[test]
fn everything_can_be_set_to_what_it_is() {
    let server = Server::start(&[]);
    let mut client = server.client();
    let Reply::Array(all) = client.run("CONFIG GET *") else { panic!("an array") };
    for pair in all.chunks(2) {
        let (name, value) = (pair[0].text(), pair[1].text());
        assert_eq!(client.call(&["CONFIG", "SET", &name, &value]), Reply::ok(), "{name} {value}");
        assert_eq!(get(&mut client, &name), value, "{name}");
    }
    assert!(client.run("CONFIG SET daemonize yes").error().contains("immutable"));
    assert!(client.run("CONFIG SET databases 17").error().contains("immutable"));
}

#[test]
fn parameters_of_replication_keep_what_they_are_given() {
    let server = Server::start(&[]);
    let mut client = server.client();
    assert_eq!(get(&mut client, "repl-backlog-size"), "1048576");
    assert_eq!(client.run("CONFIG SET repl-backlog-size 2mb slave-read-only no"), Reply::ok());
    assert_eq!(get(&mut client, "repl-backlog-size"), "2097152");
    assert_eq!(get(&mut client, "replica-read-only"), "no");
    let error = client.run("CONFIG SET maxmemory 5mb repl-timeout 0");
    assert!(error.error().contains("'repl-timeout' value '0' is not accepted"), "{error}");
    assert_eq!(get(&mut client, "maxmemory"), "0");
}

#[test]
fn clients_are_shown_with_what_waits_for_them() {
    let server = Server::start(&[]);
    let (mut client, mut admin) = (server.client(), server.client());
    let line = admin.run("CLIENT LIST").text();
    // The command itself, as it came; its reply does not wait yet.
    for figure in ["qbuf=26 ", "multi-mem=0 ", "obl=0 ", "oll=0 ", "omem=0 "] {
        assert!(line.contains(figure), "{figure} in {line}");
    }
    assert!(!line.contains("fd=0 "), "{line}");
    client.run("CLIENT SETNAME c");
    client.run("MULTI");
    client.call(&["SET", "k", &"x".repeat(3000)]);
    assert!(field(&mut admin, "c", "multi-mem").unwrap() >= 3000);
    client.run("EXEC");
    assert_eq!(field(&mut admin, "c", "multi-mem"), Some(0));
    assert_eq!(field(&mut admin, "c", "obl"), Some(0), "it was sent");
    client.send_raw(b"*2\r\n$4\r\nECHO\r\n$100\r\nhalf");
    eventually("half a command", || field(&mut admin, "c", "qbuf") == Some(24));
    client.send_raw(&[b'x'; 96]);
    client.send_raw(b"\r\n");
    assert_eq!(client.read().text().len(), 100);
    assert_eq!(field(&mut admin, "c", "qbuf"), Some(0));
    client.run("SUBSCRIBE ch");
    let payload = "x".repeat(1 << 20);
    eventually("messages that wait", || {
        admin.call(&["PUBLISH", "ch", &payload]);
        // The socket takes some of them before it is full.
        let more_than = |admin: &mut Client, name, least| {
            field(admin, "c", name).is_some_and(|figure| figure > least)
        };
        more_than(&mut admin, "omem", 1 << 20)
            && more_than(&mut admin, "oll", 0)
            && more_than(&mut admin, "tot-mem", 1 << 20)
    });
}

#[test]
fn a_subscriber_past_the_hard_limit_is_sent_away() {
    let server = Server::start(&[]);
    let (mut subscriber, mut admin) = (server.client(), server.client());
    let set = ["CONFIG", "SET", "client-output-buffer-limit", "pubsub 8mb 0 0"];
    assert_eq!(admin.call(&set), Reply::ok());
    assert_eq!(
        get(&mut admin, "client-output-buffer-limit"),
        "normal 0 0 0 slave 268435456 67108864 60 pubsub 8388608 0 0"
    );
    subscriber.run("CLIENT SETNAME s");
    subscriber.run("SUBSCRIBE ch");
    let payload = "x".repeat(1 << 18);
    let mut most = 0;
    eventually("the end of the subscriber", || {
        most = most.max(field(&mut admin, "s", "omem").unwrap_or(0));
        admin.call(&["PUBLISH", "ch", &payload]) == Reply::Integer(0)
    });
    assert!((6 << 20..8 << 20).contains(&most), "{most}");
}

#[test]
fn a_subscriber_past_the_soft_limit_has_some_seconds() {
    let server = Server::start(&["--client_output_buffer_limit=pubsub 0 1mb 3"]);
    let (mut subscriber, mut admin) = (server.client(), server.client());
    subscriber.run("CLIENT SETNAME s");
    subscriber.run("SUBSCRIBE ch");
    let payload = "x".repeat(1 << 18);
    let mut sent = 0;
    let mut fill = |admin: &mut Client| {
        while field(admin, "s", "omem").is_some_and(|bytes| bytes <= 2 << 20) {
            admin.call(&["PUBLISH", "ch", &payload]);
            sent += 1;
        }
        std::mem::take(&mut sent)
    };
    for _ in 0..fill(&mut admin) {
        subscriber.read();
    }
    // It has caught up, so it may stay.
    std::thread::sleep(Duration::from_millis(4500));
    assert_eq!(field(&mut admin, "s", "omem"), Some(0));
    // Nobody publishes any more, but what waits waits for too long.
    fill(&mut admin);
    eventually("the end of the subscriber", || field(&mut admin, "s", "omem").is_none());
}

/// What is in the mailbox counts when the replies are judged, or every message would begin the time
/// anew.
#[test]
fn a_subscriber_is_past_the_soft_limit_for_as_long_as_messages_come() {
    const MESSAGES: usize = 40_000;
    // The limit of other clients has replies judged that are fewer than the soft limit of this one.
    let limits = "--client_output_buffer_limit=normal 1mb 0 0 pubsub 0 16mb 2";
    let server = Server::start(&[limits, "--threads=1"]);
    let (mut subscriber, mut admin) = (server.client(), server.client());
    subscriber.run("CLIENT SETNAME s");
    subscriber.run("SUBSCRIBE ch");
    // All of it comes at once, so that most of it waits in the mailbox.
    let mut transaction = encode(&["MULTI"]);
    transaction.extend(encode(&["PUBLISH", "ch", &"x".repeat(1024)]).repeat(MESSAGES));
    transaction.extend(encode(&["EXEC"]));
    admin.send_raw(&transaction);
    (0..MESSAGES + 2).for_each(|_| drop(admin.read()));
    assert!(field(&mut admin, "s", "omem").unwrap() > 17 << 20);
    // A little more comes now and then, and nothing is read.
    let end = Instant::now() + Duration::from_secs(10);
    while field(&mut admin, "s", "omem").is_some_and(|bytes| bytes > 17 << 20) {
        assert!(Instant::now() < end, "it has been behind for five times as long as it may");
        admin.call(&["PUBLISH", "ch", "little"]);
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(field(&mut admin, "s", "omem"), None);
}

#[test]
fn a_client_past_its_limit_gets_no_reply_and_its_transaction_is_whole() {
    let server = Server::start(&[]);
    let (mut client, mut admin) = (server.client(), server.client());
    client.call(&["SET", "big", &"x".repeat(200_000)]);
    let set = ["CONFIG", "SET", "client-output-buffer-limit", "normal 100000 0 0"];
    assert_eq!(admin.call(&set), Reply::ok());
    for command in ["MULTI", "SET a 1", "GET big", "SET b 2"] {
        client.run(command);
    }
    client.send(&["EXEC"]);
    assert!(client.is_closed());
    assert_eq!(admin.run("MGET a b").to_string(), "[\"1\", \"2\"]");
    let mut pipeline = server.client();
    pipeline.send_raw(&encode(&["GETRANGE", "big", "0", "9999"]).repeat(20));
    assert!(pipeline.is_closed());
    for wrong in ["", "normal 1 2", "normal 1 2 3 4", "master 1 1 1", "pubsub 1x 1 1"] {
        let error = admin.call(&["CONFIG", "SET", "client-output-buffer-limit", wrong]);
        assert!(error.error().starts_with("ERR CONFIG SET failed"), "{wrong}: {error}");
    }
}

#[test]
fn clients_that_take_too_much_memory_together_are_sent_away() {
    let server = Server::start(&["--maxmemory=100mb"]);
    let mut admin = server.client();
    let error = admin.run("CONFIG SET maxmemory 1 maxmemory-clients 200%");
    assert_eq!(
        error.error(),
        "ERR CONFIG SET failed (possibly related to argument 'maxmemory-clients') - percentage \
         argument must be less or equal to 100"
    );
    assert_eq!(get(&mut admin, "maxmemory"), "104857600");
    let begin = |name: &str, spared: bool| {
        let mut client = server.client();
        client.run(&format!("CLIENT SETNAME {name}"));
        client.run(if spared { "CLIENT NO-EVICT on" } else { "CLIENT NO-EVICT off" });
        client.send_raw(b"*2\r\n$4\r\nECHO\r\n$3000000\r\n");
        client.send_raw(&vec![b'x'; 2_000_000]);
        client
    };
    let _clients = [begin("spared", true), begin("victim", false)];
    for name in ["spared", "victim"] {
        eventually("two halves", || {
            field(&mut admin, name, "tot-mem").is_some_and(|bytes| bytes >= 2_000_000)
        });
    }
    assert_eq!(admin.run("CONFIG SET maxmemory-clients 3%"), Reply::ok());
    assert_eq!(get(&mut admin, "maxmemory-clients"), "3%");
    eventually("the victim's end", || field(&mut admin, "victim", "tot-mem").is_none());
    assert!(field(&mut admin, "spared", "tot-mem").is_some());
    assert!(admin.run("INFO stats").text().contains("evicted_clients:1\r\n"));
}

#[test]
fn a_command_may_be_as_long_as_the_query_buffer() {
    let server = Server::start(&[]);
    let mut client = server.client();
    assert_eq!(get(&mut client, "client-query-buffer-limit"), "1073741824");
    assert!(client.run("CONFIG SET client-query-buffer-limit 1000").error().contains("1mb"));
    assert_eq!(client.run("CONFIG SET client-query-buffer-limit 2mb"), Reply::ok());
    assert_eq!(client.call(&["SET", "k", &"x".repeat(2_000_000)]), Reply::ok());
    client.send_raw(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2200000\r\n");
    assert!(client.read().error().contains("query buffer limit"));
    assert!(client.is_closed());
}

#[test]
fn parameters_of_what_there_is_not_keep_what_they_are_given() {
    let server = Server::start(&[]);
    let mut client = server.client();
    for (name, value) in [
        ("appendfsync", "always"),
        ("dynamic-hz", "no"),
        ("lazyfree-lazy-expire", "no"),
        ("lua-time-limit", "10"),
        ("maxmemory-samples", "64"),
    ] {
        assert_ne!(get(&mut client, name), value);
        assert_eq!(client.call(&["CONFIG", "SET", name, value]), Reply::ok(), "{name}");
        assert_eq!(get(&mut client, name), value);
    }
    assert_eq!(get(&mut client, "busy-reply-threshold"), "10");
}

#[test]
fn a_parameter_that_promises_too_much_is_refused_with_the_reason() {
    let server = Server::start(&[]);
    let mut client = server.client();
    for (name, value, reason) in [
        ("maxmemory-policy", "allkeys-lru", "keys are never evicted"),
        ("appendonly", "yes", "there is no append-only file"),
        ("activedefrag", "yes", "Active defragmentation cannot be enabled"),
        ("save", "900 1", "see snapshot_cron"),
        ("min-replicas-to-write", "1", "there is no replication"),
        ("bind", "::1", "only the port can change"),
        ("io-threads", "3000", "is immutable"),
        ("tcp-backlog", "1", "can't set immutable config"),
    ] {
        let before = get(&mut client, name);
        let error = client.call(&["CONFIG", "SET", name, value]);
        assert!(error.error().contains(reason), "{name}: {error}");
        assert_eq!(get(&mut client, name), before);
    }
    assert_eq!(client.run("CONFIG SET maxmemory-policy noeviction"), Reply::ok());
    assert_eq!(client.run("CONFIG SET bind 127.0.0.1"), Reply::ok());
}

#[test]
fn the_server_looks_after_itself_as_often_as_hz_says() {
    let server = Server::start(&["--hz=500"]);
    let (mut client, mut admin) = (server.client(), server.client());
    // Reads do not wait in a pause of writes.
    let paused = |client: &mut Client, admin: &mut Client| {
        let started = std::time::Instant::now();
        assert_eq!(admin.run("CLIENT PAUSE 20 WRITE"), Reply::ok());
        client.run("SET k v");
        started.elapsed()
    };
    let often = paused(&mut client, &mut admin);
    assert!(often < Duration::from_millis(900), "{often:?}");
    assert_eq!(admin.run("CONFIG SET hz 1"), Reply::ok());
    assert!(admin.run("INFO server").text().contains("\r\nhz:1\r\n"));
    // The first look at the new rate comes at once, the next one a second later.
    std::thread::sleep(Duration::from_millis(100));
    let seldom = paused(&mut client, &mut admin);
    assert!(seldom > Duration::from_millis(300), "{seldom:?}");
    assert!(admin.run("CONFIG SET hz 501").error().contains("from 1 to 500"));
}
