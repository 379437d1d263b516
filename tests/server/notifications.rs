//! What is published of what happens to keys.

use std::net::SocketAddr;
use std::time::Duration;

use crate::interop::Redis;
use crate::resp::{Client, Reply};
use crate::server::Server;

mod kinds;
mod table;

/// Ends the events of what was done before.
const MARK: &str = "mark";

/// Somebody who does things, and somebody who hears of them.
pub(crate) struct Ears {
    client: Client,
    subscriber: Client,
    /// Ends what is to be heard, also while the client queues commands.
    marker: Client,
}

impl Ears {
    /// Listens at a server for events of these classes.
    pub(crate) fn new(address: SocketAddr, classes: &str) -> Self {
        let (mut client, mut subscriber) = (Client::connect(address), Client::connect(address));
        let set = ["CONFIG", "SET", "notify-keyspace-events", classes];
        assert_eq!(client.call(&set), Reply::ok());
        subscriber.run(&format!("PSUBSCRIBE __key*__:* {MARK}"));
        subscriber.read();
        Self { client, subscriber, marker: Client::connect(address) }
    }

    /// Runs a command; what it answers is not of interest.
    fn run(&mut self, command: &str) -> Vec<String> {
        self.client.run(command);
        self.heard()
    }

    /// The events since the last call: name and key, and the database if it is not the first. Each
    /// comes on the channel of the key, and then on that of the event.
    pub(crate) fn heard(&mut self) -> Vec<String> {
        self.marker.call(&["PUBLISH", MARK, ""]);
        let mut events = Vec::new();
        let mut is_marked = false;
        while !is_marked {
            let (channel, event) = self.message();
            if channel == MARK {
                break;
            }
            let (database, key) = split(&channel, "__keyspace@");
            // The mark may come between the two messages of what another client, or time, has done.
            let (channel, payload) = self.message();
            is_marked = channel == MARK;
            let (channel, payload) = if is_marked { self.message() } else { (channel, payload) };
            assert_eq!(payload, key, "{channel}");
            let (other_database, other_event) = split(&channel, "__keyevent@");
            assert_eq!((&database, &event), (&other_database, &other_event), "of {key}");
            events.push(match &*database {
                "0" => format!("{event} {key}"),
                database => format!("{event} {key} @{database}"),
            });
        }
        events
    }

    fn message(&mut self) -> (String, String) {
        let message = self.subscriber.read();
        let [.., channel, payload] = message.elements() else { panic!("{message}") };
        (text(channel), text(payload))
    }
}

/// A channel or payload, whose bytes need not be text.
fn text(reply: &Reply) -> String {
    match reply {
        Reply::Bulk(bytes) => bytes.escape_ascii().to_string(),
        other => other.text(),
    }
}

/// A channel's database, and what follows that.
fn split(channel: &str, prefix: &str) -> (String, String) {
    let rest = channel.strip_prefix(prefix).unwrap_or_else(|| panic!("{channel}"));
    let (database, rest) = rest.split_once("__:").unwrap();
    (database.to_owned(), rest.to_owned())
}

/// Commands that are not followed by what the table says.
fn differences(address: SocketAddr, table: &[(&str, &str)]) -> Vec<String> {
    let mut ears = Ears::new(address, "AKEnm");
    let mut differences = Vec::new();
    for (command, expected) in table {
        let heard = ears.run(command).join(", ");
        if heard != *expected {
            differences.push(format!("{command}: expected '{expected}', heard '{heard}'"));
        }
    }
    differences
}

#[test]
fn every_command_is_followed_by_its_events() {
    let server = Server::start(&[]);
    for table in [table::EVENTS, table::FIELD_EVENTS] {
        let differences = differences(server.address(), table);
        assert!(differences.is_empty(), "\n{}", differences.join("\n"));
    }
}

#[test]
#[ignore = "needs redis-server 7.0"]
fn redis_has_the_events_that_the_table_expects() {
    let dir = tempfile::TempDir::new().unwrap();
    let (_redis, address) = Redis::start(dir.path());
    let differences = differences(address, table::EVENTS);
    assert!(differences.is_empty(), "\n{}", differences.join("\n"));
}

#[test]
fn only_the_classes_that_are_wanted_are_published() {
    let server = Server::start(&["--notify_keyspace_events=Kl"]);
    let (mut client, mut subscriber) = (server.client(), server.client());
    let get = ["CONFIG", "GET", "notify-keyspace-events"];
    assert_eq!(client.call(&get).elements()[1].text(), "lK");
    subscriber.run("PSUBSCRIBE *");
    let mut hear = |client: &mut Client, commands: &[&str]| {
        for command in commands {
            client.run(command);
        }
        client.run("PUBLISH end end");
        let mut heard = Vec::new();
        loop {
            let message = subscriber.read().elements()[2].text();
            if message == "end" {
                return heard;
            }
            heard.push(message);
        }
    };
    let commands = ["SET s v", "RPUSH l a", "LPOP l", "EXPIRE s 100"];
    assert_eq!(hear(&mut client, &commands), ["__keyspace@0__:l"; 2]);
    client.run("CONFIG SET notify-keyspace-events Eg");
    assert_eq!(hear(&mut client, &commands), ["__keyevent@0__:del", "__keyevent@0__:expire"]);
    for silent in ["", "KE", "A"] {
        assert_eq!(client.call(&["CONFIG", "SET", "notify-keyspace-events", silent]), Reply::ok());
        assert!(hear(&mut client, &commands).is_empty(), "{silent}");
    }
    let refused = client.run("CONFIG SET notify-keyspace-events Kq");
    assert!(refused.error().contains("invalid event class character"), "{refused}");
    assert_eq!(client.call(&get).elements()[1].text(), "A");
}

#[test]
fn what_expires_is_told_once_whoever_removes_it() {
    let server = Server::start(&[]);
    let mut ears = Ears::new(server.address(), "KExg$nm");
    // Found by nobody; found by a read, a write that fails, a write, and a transaction.
    for key in ["swept", "read", "refused", "written", "held"] {
        ears.client.call(&["SET", key, "v", "PX", "30"]);
    }
    ears.heard();
    std::thread::sleep(Duration::from_millis(40));
    let mut heard = Vec::new();
    for command in
        ["GET read", "SET refused v XX", "SET written w", "MULTI", "SET held w", "EXEC", "GET read"]
    {
        heard.extend(ears.run(command));
    }
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while !heard.iter().any(|event| event == "expired swept") {
        assert!(std::time::Instant::now() < deadline, "{heard:?}");
        std::thread::sleep(Duration::from_millis(20));
        heard.extend(ears.heard());
    }
    let of =
        |wanted: &str| heard.iter().filter(|event| event.ends_with(wanted)).collect::<Vec<_>>();
    assert_eq!(of(" read"), ["expired read", "keymiss read", "keymiss read"]);
    assert_eq!(of(" refused"), ["expired refused"]);
    assert_eq!(of(" written"), ["expired written", "new written", "set written"]);
    assert_eq!(of(" held"), ["expired held", "new held", "set held"]);
    assert_eq!(of(" swept"), ["expired swept"]);
}

#[test]
fn fields_that_expire_are_told_of() {
    let server = Server::start(&[]);
    let mut ears = Ears::new(server.address(), "KEgh");
    for command in [
        "HSET some a 1 b 2",
        "HSET all a 1",
        "HPEXPIRE some 20 FIELDS 1 a",
        "HPEXPIRE all 20 FIELDS 1 a",
    ] {
        ears.run(command);
    }
    let mut heard = Vec::new();
    crate::server::eventually("the events", || {
        heard.extend(ears.heard());
        heard.len() >= 3
    });
    heard.sort();
    assert_eq!(heard, ["del all", "hexpired all", "hexpired some"]);
}

#[test]
fn keys_are_left_alone_while_writes_are_paused() {
    let server = Server::start(&[]);
    let mut ears = Ears::new(server.address(), "KEx");
    ears.client.run("SET k v PX 20");
    ears.client.run("CLIENT PAUSE 60000 WRITE");
    std::thread::sleep(Duration::from_millis(400));
    assert_eq!(ears.client.run("GET k"), Reply::Nil);
    assert!(ears.heard().is_empty());
    assert_eq!(crate::server::info(&mut ears.client, "expired_keys"), "0");
    assert_eq!(ears.client.run("DBSIZE"), Reply::Integer(1));
    ears.client.run("CLIENT UNPAUSE");
    crate::server::eventually("the event", || ears.heard() == ["expired k"]);
    assert_eq!(crate::server::info(&mut ears.client, "expired_keys"), "1");
}

#[test]
fn a_transactions_events_come_in_the_order_of_its_commands_once_it_is_done() {
    let server = Server::start(&[]);
    let mut ears = Ears::new(server.address(), "KEA");
    let mut observer = server.client();
    for command in ["MULTI", "SET a 1", "SELECT 1", "RPUSH l x", "PUBLISH mark between", "DEL l"] {
        assert!(ears.run(command).is_empty(), "{command}");
    }
    ears.client.send(&["EXEC"]);
    let mut next = || {
        let (channel, payload) = ears.message();
        // Whoever hears of it sees all of it.
        assert_eq!(observer.run("GET a"), Reply::bulk("1"));
        format!("{channel} {payload}")
    };
    assert_eq!(next(), "__keyspace@0__:a set");
    assert_eq!(next(), "__keyevent@0__:set a");
    assert_eq!(next(), "__keyspace@1__:l rpush");
    assert_eq!(next(), "__keyevent@1__:rpush l");
    assert_eq!(next(), "mark between");
    assert_eq!(next(), "__keyspace@1__:l del");
    assert_eq!(next(), "__keyevent@1__:del l");
}

#[test]
fn a_pipeline_of_lookups_tells_of_each_miss() {
    let server = Server::start(&[]);
    let mut ears = Ears::new(server.address(), "KEm");
    ears.client.run("SET k v");
    for key in ["a", "k", "b", "c"] {
        ears.client.send(&["GET", key]);
    }
    for _ in 0..4 {
        ears.client.read();
    }
    assert_eq!(ears.heard(), ["keymiss a", "keymiss b", "keymiss c"]);
}

#[test]
fn long_commands_tell_of_every_key() {
    let server = Server::start(&[]);
    let mut ears = Ears::new(server.address(), "KE$gn");
    let keys: Vec<String> = (0..2000).map(|number| format!("k{number}")).collect();
    let pairs = keys.iter().flat_map(|key| [key.as_str(), "v"]);
    let mset: Vec<&str> = std::iter::once("MSET").chain(pairs).collect();
    assert_eq!(ears.client.call(&mset), Reply::ok());
    let expected = keys.iter().flat_map(|key| [format!("new {key}"), format!("set {key}")]);
    assert_eq!(ears.heard(), expected.collect::<Vec<_>>());
    let del: Vec<&str> = std::iter::once("DEL").chain(keys.iter().map(String::as_str)).collect();
    assert_eq!(ears.client.call(&del), Reply::Integer(2000));
    let expected: Vec<_> = keys.iter().map(|key| format!("del {key}")).collect();
    assert_eq!(ears.heard(), expected);
}
