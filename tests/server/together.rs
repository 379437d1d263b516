//! Pipelines of changes of one collection, which the server makes in one step.

use fastrand::Rng;

use exuvia_tests::seed::Seed;

use crate::resp::{Client, Reply, encode};
use crate::server::{Server, eventually, info};

/// A command without its key: the name, and what follows the key.
type Change = (&'static str, Vec<String>);

fn command(key: &str, (name, rest): &Change) -> Vec<u8> {
    let head = [(*name).to_owned(), key.to_owned()];
    encode(&head.into_iter().chain(rest.iter().cloned()).collect::<Vec<_>>())
}

/// Sends all changes of `key` at once, and returns the replies.
fn at_once(client: &mut Client, key: &str, changes: &[Change]) -> Vec<Reply> {
    let pipeline: Vec<u8> = changes.iter().flat_map(|change| command(key, change)).collect();
    client.send_raw(&pipeline);
    changes.iter().map(|_| client.read()).collect()
}

fn one_by_one(client: &mut Client, key: &str, changes: &[Change]) -> Vec<Reply> {
    let run = |change| {
        client.send_raw(&command(key, change));
        client.read()
    };
    changes.iter().map(run).collect()
}

/// A change of one type, now and then one that fails or is about another type or about the key.
fn change(rng: &mut Rng, family: usize) -> Change {
    let element = |rng: &mut Rng| format!("e{}", rng.u32(..12));
    let one = |rng: &mut Rng| vec![element(rng)];
    let family = if rng.u32(..25) == 0 { rng.usize(..5) } else { family };
    let number = rng.u32(..6).to_string();
    match (family, rng.u32(..7)) {
        (0, 0..=2) => ("SADD", vec![element(rng), element(rng)]),
        (0, _) => ("SREM", one(rng)),
        (1, 0 | 1) => ("HSET", vec![element(rng), number]),
        (1, 2) => ("HSETNX", vec![element(rng), "text".to_owned()]),
        (1, 3) => ("HINCRBY", vec![element(rng), number]),
        (1, 4) => ("HINCRBYFLOAT", vec![element(rng), "0.5".to_owned()]),
        (1, _) => ("HDEL", vec![element(rng), element(rng)]),
        (2, 0) => ("ZINCRBY", vec![number, element(rng)]),
        (2, 1) => ("ZADD", vec!["XX".to_owned(), "CH".to_owned(), number, element(rng)]),
        (2, 2) => ("ZADD", vec!["no number".to_owned(), element(rng)]),
        (2, 3) => ("ZADD", vec![number, element(rng)]),
        (2, _) => ("ZREM", one(rng)),
        (3, 0) => ("LPUSH", vec![element(rng), element(rng)]),
        (3, 1) => ("RPUSHX", one(rng)),
        (3, 2) => ("RPOP", vec![number]),
        (3, 3 | 4) => ("LPOP", vec![]),
        (3, _) => ("RPUSH", one(rng)),
        (_, 0) => ("EXPIRE", vec!["1000".to_owned()]),
        (_, 1) => ("SET", vec!["text".to_owned()]),
        (_, 2) => ("DEL", vec![]),
        (_, 3) => ("SADD", vec![]),
        _ => ("TTL", vec![]),
    }
}

/// What a key holds, in an order that does not depend on how it came there, and whether it expires.
fn contents(client: &mut Client, key: &str) -> (String, Vec<String>, bool) {
    let kind = client.run(&format!("TYPE {key}")).text();
    let read = match &*kind {
        "set" => "SMEMBERS KEY",
        "hash" => "HGETALL KEY",
        "zset" => "ZRANGE KEY 0 -1 WITHSCORES",
        "list" => "LRANGE KEY 0 -1",
        _ => "MGET KEY",
    };
    let reply = client.run(&read.replace("KEY", key));
    let step = if matches!(&*kind, "hash" | "zset") { 2 } else { 1 };
    let mut elements: Vec<_> = reply.elements().chunks(step).map(|it| format!("{it:?}")).collect();
    if matches!(&*kind, "set" | "hash") {
        elements.sort();
    }
    (kind, elements, client.run(&format!("TTL {key}")).integer() >= 0)
}

#[test]
fn a_pipeline_of_changes_answers_as_if_each_had_come_alone() {
    let server = Server::start(&[]);
    let mut client = server.client();
    let mut rng = Seed::draw("a_pipeline_of_changes").rng(0);
    for round in 0..400 {
        let (piped, single) = (format!("piped:{}", round % 5), format!("single:{}", round % 5));
        let family = round % 4;
        let count = rng.usize(1..100);
        let changes: Vec<Change> = (0..count).map(|_| change(&mut rng, family)).collect();
        let replies = at_once(&mut client, &piped, &changes);
        let expected = one_by_one(&mut client, &single, &changes);
        for (number, change) in changes.iter().enumerate() {
            assert!(
                replies[number] == expected[number],
                "{change:?}, the number {number} of {changes:?}: {} instead of {}",
                replies[number],
                expected[number]
            );
        }
        assert_eq!(contents(&mut client, &piped), contents(&mut client, &single), "{changes:?}");
    }
}

#[test]
fn changes_of_one_key_are_one_change_and_counted_as_many_commands() {
    let server = Server::start(&["--threads=1"]);
    let mut client = server.client();
    let changes = |client: &mut Client| -> u64 {
        info(client, "rdb_changes_since_last_save").parse().unwrap()
    };
    let before = changes(&mut client);
    let adds: Vec<Change> = (0..16).map(|number| ("SADD", vec![format!("m{number}")])).collect();
    let replies = at_once(&mut client, "set", &adds);
    assert!(replies.iter().all(|reply| reply.integer() == 1));
    // They may arrive in two parts, but never in sixteen.
    assert!(changes(&mut client) - before < 8);
    assert!(info(&mut client, "cmdstat_sadd").starts_with("calls=16,"));
    assert_eq!(client.run("SCARD set").integer(), 16);
}

#[test]
fn a_key_that_was_emptied_on_the_way_has_lost_its_expiry() {
    let server = Server::start(&[]);
    let mut client = server.client();
    client.run("SADD set a");
    client.run("EXPIRE set 1000");
    let changes = [
        ("SADD", vec!["b".to_owned()]),
        ("SREM", vec!["a".to_owned(), "b".to_owned()]),
        ("SADD", vec!["c".to_owned()]),
        ("SADD", vec!["d".to_owned()]),
    ];
    let replies = at_once(&mut client, "set", &changes);
    assert_eq!(replies.iter().map(Reply::integer).collect::<Vec<_>>(), [1, 2, 1, 1]);
    assert_eq!(client.run("TTL set").integer(), -1);
    assert_eq!(client.run("SCARD set").integer(), 2);
}

#[test]
fn whoever_watches_a_key_notices_a_pipeline_of_changes() {
    let server = Server::start(&[]);
    let (mut watcher, mut writer) = (server.client(), server.client());
    watcher.run("WATCH list");
    let pushes: Vec<Change> = (0..8).map(|_| ("RPUSH", vec!["x".to_owned()])).collect();
    at_once(&mut writer, "list", &pushes);
    watcher.run("MULTI");
    watcher.run("LLEN list");
    assert_eq!(watcher.run("EXEC"), Reply::Nil);
}

#[test]
fn clients_that_change_one_key_at_once_lose_nothing() {
    const CLIENTS: u64 = 6;
    const ROUNDS: u64 = 150;
    const PIPELINE: u64 = 24;
    let server = Server::start(&["--threads=3"]);
    std::thread::scope(|scope| {
        for number in 0..CLIENTS {
            let server = &server;
            scope.spawn(move || {
                let mut client = server.client();
                let field = format!("field:{number}");
                let add = ("HINCRBY", vec![field, "1".to_owned()]);
                let shared = ("HINCRBY", vec!["shared".to_owned(), "1".to_owned()]);
                let changes: Vec<Change> =
                    (0..PIPELINE / 2).flat_map(|_| [add.clone(), shared.clone()]).collect();
                for round in 0..ROUNDS {
                    let replies = at_once(&mut client, "hash", &changes);
                    let own: Vec<i64> = replies.iter().step_by(2).map(Reply::integer).collect();
                    let first = (round * PIPELINE / 2 + 1) as i64;
                    assert_eq!(own, (first..first + own.len() as i64).collect::<Vec<_>>());
                    let shared = replies.iter().skip(1).step_by(2).map(Reply::integer);
                    assert!(shared.collect::<Vec<_>>().is_sorted_by(|left, right| left < right));
                }
            });
        }
    });
    let mut client = server.client();
    let all = (CLIENTS * ROUNDS * PIPELINE / 2).to_string();
    assert_eq!(client.run("HGET hash shared"), Reply::bulk(all));
}

/// One run of commands used to make the replies of all of them, however much that was.
#[test]
fn changes_whose_replies_nobody_reads_wait() {
    const ELEMENTS: usize = 30;
    let server = Server::start(&[]);
    let (mut client, mut admin) = (server.client(), server.client());
    let element = "x".repeat(2 << 20);
    for _ in 0..ELEMENTS {
        admin.call(&["RPUSH", "list", &element]);
    }
    let pops: Vec<Change> = (0..ELEMENTS).map(|_| ("LPOP", vec![])).collect();
    let pipeline: Vec<u8> = pops.iter().flat_map(|pop| command("list", pop)).collect();
    client.send_raw(&pipeline);
    let mut left = || admin.run("LLEN list").integer();
    eventually("the first of them", || left() < ELEMENTS as i64);
    // The sockets hold a few of them, and the server some MiB.
    assert!(left() > 5);
    for _ in &pops {
        assert_eq!(client.read().text().len(), element.len());
    }
    assert_eq!(admin.run("EXISTS list"), Reply::Integer(0));
}

/// Such a run ends with each command, so the ones behind it are not looked at again and again.
#[test]
fn changes_of_a_key_that_is_not_there_answer_one_by_one() {
    let server = Server::start(&[]);
    let mut client = server.client();
    let pops: Vec<Change> = (0..40).map(|_| ("LPOP", vec![])).collect();
    assert!(at_once(&mut client, "list", &pops).iter().all(|reply| *reply == Reply::Nil));
    let queue: Vec<Change> = (0..20)
        .flat_map(|number| [("RPUSH", vec![number.to_string()]), ("LPOP", vec![])])
        .collect();
    let replies = at_once(&mut client, "list", &queue);
    for (number, pair) in replies.chunks(2).enumerate() {
        assert_eq!(pair, [Reply::Integer(1), Reply::bulk(number.to_string())]);
    }
}
