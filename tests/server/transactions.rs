//! Atomicity, as other clients see it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::resp::{Client, Reply};
use crate::server::Server;

/// Runs `write` in one client until `read` has looked at the result often enough in another.
fn beside(
    server: &Server,
    write: impl Fn(&mut Client, u64) + Send + Sync,
    read: impl Fn(&mut Client),
) {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut client = server.client();
            for round in 0.. {
                write(&mut client, round);
                if done.load(Ordering::Relaxed) {
                    return;
                }
            }
        });
        let mut client = server.client();
        let end = Instant::now() + Duration::from_millis(700);
        while Instant::now() < end {
            read(&mut client);
        }
        done.store(true, Ordering::Relaxed);
    });
}

fn all_alike(reply: &Reply) {
    let elements = reply.elements();
    assert!(elements.iter().all(|element| *element == elements[0]), "{reply}");
}

#[test]
fn nobody_sees_half_of_an_mset() {
    let server = Server::start(&[]);
    beside(
        &server,
        |client, round| {
            let value = round.to_string();
            let args = ["MSET", "a", &value, "b", &value, "c", &value, "d", &value];
            assert_eq!(client.call(&args), Reply::ok());
        },
        |client| all_alike(&client.run("MGET a b c d")),
    );
}

#[test]
fn a_long_mget_sees_one_moment_too() {
    const KEYS: usize = 2000;
    let server = Server::start(&[]);
    let keys: Vec<String> = (0..KEYS).map(|number| format!("k{number}")).collect();
    let mget: Vec<String> = ["MGET".to_owned()].into_iter().chain(keys.clone()).collect();
    beside(
        &server,
        |client, round| {
            let mut mset = vec!["MSET".to_owned()];
            for key in &keys {
                mset.extend([key.clone(), round.to_string()]);
            }
            assert_eq!(client.call(&mset), Reply::ok());
        },
        |client| all_alike(&client.call(&mget)),
    );
}

#[test]
fn nobody_sees_half_of_a_transaction() {
    let server = Server::start(&[]);
    beside(
        &server,
        |client, _| {
            client.send_raw(b"MULTI\r\nINCR a\r\nINCR b\r\nINCR c\r\nEXEC\r\n");
            for _ in 0..4 {
                client.read();
            }
            all_alike(&client.read());
        },
        |client| {
            all_alike(&client.run("MGET a b c"));
            client.send_raw(b"MULTI\r\nGET a\r\nGET b\r\nGET c\r\nEXEC\r\n");
            for _ in 0..4 {
                client.read();
            }
            all_alike(&client.read());
        },
    );
}

#[test]
fn a_renamed_key_is_never_in_both_places_and_never_in_none() {
    let server = Server::start(&[]);
    server.client().run("SET a v");
    beside(
        &server,
        |client, _| {
            assert_eq!(client.run("RENAME a b"), Reply::ok());
            assert_eq!(client.run("RENAME b a"), Reply::ok());
        },
        |client| {
            let reply = client.run("MGET a b");
            let found = reply.elements().iter().filter(|value| **value != Reply::Nil).count();
            assert_eq!(found, 1, "{reply}");
        },
    );
}

#[test]
fn watched_counters_lose_no_increment() {
    const CLIENTS: usize = 4;
    const ROUNDS: usize = 50;
    let server = Server::start(&[]);
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let mut client = server.client();
                for _ in 0..ROUNDS {
                    loop {
                        client.run("WATCH n");
                        let old = match client.run("GET n") {
                            Reply::Nil => 0,
                            value => value.text().parse::<u64>().unwrap(),
                        };
                        client.run("MULTI");
                        client.run(&format!("SET n {}", old + 1));
                        if client.run("EXEC") != Reply::Nil {
                            break;
                        }
                    }
                }
            });
        }
    });
    assert_eq!(server.client().run("GET n").text(), (CLIENTS * ROUNDS).to_string());
}

#[test]
fn increments_from_many_clients_all_count() {
    let server = Server::start(&[]);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut client = server.client();
                for _ in 0..2000 {
                    client.send_raw(b"INCR n\r\n");
                }
                for _ in 0..2000 {
                    client.read().integer();
                }
            });
        }
    });
    assert_eq!(server.client().run("GET n").text(), "8000");
}

#[test]
fn what_was_queued_is_gone_with_its_client() {
    let server = Server::start(&[]);
    let mut client = server.client();
    client.run("MULTI");
    assert_eq!(client.run("SET k v").text(), "QUEUED");
    drop(client);
    assert_eq!(server.client().run("EXISTS k"), Reply::Integer(0));
}
