//! Atomicity, as other clients see it.

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::resp::{Client, Reply, encode};
use crate::server::{Server, binary, eventually, info};

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

#[test]
fn a_transaction_over_whole_databases_is_one_step_to_everybody_and_to_cuts() {
    const SAVES: usize = 6;
    let server = Server::start(&[]);
    let done = AtomicBool::new(false);
    let saved: Vec<String> = std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut client = server.client();
                for round in 0_u64.. {
                    client.send_raw(
                        format!(
                            "MULTI\r\nSET a {round}\r\nFLUSHALL\r\nSET a {round}\r\nKEYS *\r\n\
                             SET b {round}\r\nDBSIZE\r\nSET c {round}\r\nMGET a b c\r\nEXEC\r\n"
                        )
                        .as_bytes(),
                    );
                    for _ in 0..9 {
                        client.read();
                    }
                    let replies = client.read();
                    let replies = replies.elements();
                    assert_eq!(replies[3].to_string(), "[\"a\"]");
                    assert_eq!(replies[5], Reply::Integer(2));
                    all_alike(&replies[7]);
                    if done.load(Ordering::Relaxed) {
                        return;
                    }
                }
            });
        }
        scope.spawn(|| {
            let mut client = server.client();
            while !done.load(Ordering::Relaxed) {
                all_alike(&client.run("MGET a b c"));
                let keys = client.run("DBSIZE").integer();
                assert!(keys == 0 || keys == 3, "{keys}");
                client.send_raw(b"MULTI\r\nGET a\r\nGET b\r\nGET c\r\nEXEC\r\n");
                for _ in 0..4 {
                    client.read();
                }
                all_alike(&client.read());
            }
        });
        let mut client = server.client();
        let names: Vec<String> = (0..SAVES).map(|number| format!("cut{number}")).collect();
        for name in &names {
            assert_eq!(client.run(&format!("SAVE DF {name}")), Reply::ok());
        }
        done.store(true, Ordering::Relaxed);
        names
    });
    for name in saved {
        let snapshot = server.dir().join(name);
        let value = |key: &str| {
            let output = Command::new(binary())
                .args(["snapshot", "get"])
                .arg(&snapshot)
                .arg(key)
                .output()
                .unwrap();
            (output.status.success(), output.stdout)
        };
        let (a, b, c) = (value("a"), value("b"), value("c"));
        assert!(a == b && b == c, "{}: {a:?} {b:?} {c:?}", snapshot.display());
    }
}

#[test]
fn what_touches_no_data_runs_once_and_behind_the_transaction() {
    let server = Server::start(&[]);
    let mut subscriber = server.client();
    subscriber.run("SUBSCRIBE ch");
    let mut client = server.client();
    client.send_raw(b"MULTI\r\nPUBLISH ch hi\r\nINCR n\r\nCLIENT SETNAME me\r\nGET n\r\nEXEC\r\n");
    for _ in 0..5 {
        client.read();
    }
    assert_eq!(client.read().to_string(), "[1, 1, OK, \"1\"]");
    assert_eq!(subscriber.read().to_string(), "[\"message\", \"ch\", \"hi\"]");
    assert_eq!(client.run("CLIENT GETNAME").text(), "me");
    let none = client.run("SUBSCRIBE other").to_string();
    assert!(none.contains("other"), "{none}");
}

#[test]
fn a_save_within_a_transaction_follows_it() {
    let server = Server::start(&[]);
    let mut client = server.client();
    client.send_raw(b"MULTI\r\nBGSAVE\r\nSET k v\r\nDBSIZE\r\nEXEC\r\n");
    for _ in 0..4 {
        client.read();
    }
    let reply = client.read().to_string();
    assert_eq!(reply, "[Background saving scheduled, OK, 1]");
    eventually("the save", || info(&mut client, "last_success_save_keys") == "1");
}

#[test]
fn a_very_long_mset_keeps_nobody_waiting() {
    let server = Server::start(&["--threads=1"]);
    let mut writer = server.client();
    let mut other = server.client();
    let mut args = vec!["MSET".to_owned()];
    for number in 0..300_000 {
        args.extend([format!("key:{number}"), "v".to_owned()]);
    }
    let bytes = encode(&args);
    let mut ratios = Vec::new();
    // On a machine that is busy with other things one try may be unlucky.
    for _ in 0..5 {
        let (started, done) = (Instant::now(), AtomicBool::new(false));
        let longest = std::thread::scope(|scope| {
            let pings = scope.spawn(|| {
                let mut longest = Duration::ZERO;
                while !done.load(Ordering::Relaxed) {
                    let sent = Instant::now();
                    assert_eq!(other.run("PING").text(), "PONG");
                    longest = longest.max(sent.elapsed());
                }
                longest
            });
            writer.send_raw(&bytes);
            assert_eq!(writer.read(), Reply::ok());
            done.store(true, Ordering::Relaxed);
            pings.join().unwrap()
        });
        ratios.push(longest.as_secs_f64() / started.elapsed().as_secs_f64());
        if ratios.last().is_some_and(|ratio| *ratio < 0.3) {
            break;
        }
    }
    assert!(ratios.iter().any(|ratio| *ratio < 0.3), "{ratios:?}");
    assert_eq!(writer.run("DBSIZE"), Reply::Integer(300_000));
    args[0] = "MSETNX".to_owned();
    assert_eq!(writer.call(&args), Reply::Integer(0));
    writer.run("WATCH key:7");
    args[0] = "MSET".to_owned();
    assert_eq!(other.call(&args), Reply::ok());
    writer.run("MULTI");
    assert_eq!(writer.run("EXEC"), Reply::Nil);
    args.push("odd".to_owned());
    let error = writer.call(&args);
    assert_eq!(error.error(), "ERR wrong number of arguments for 'mset' command");
}
