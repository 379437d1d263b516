//! Exiting: with a snapshot or without, and with the right exit code.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::resp::{Client, Reply};
use crate::server::{Server, eventually, files, info};

/// Makes saves take about a minute.
const SLOW: &str = "--snapshot_max_bytes_per_sec=128kb";

fn fill(client: &mut Client) {
    assert_eq!(client.run("DEBUG POPULATE 8000 slow 1000 RAND"), Reply::ok());
}

#[test]
fn signals_save_whether_or_not_anything_changed() {
    for signal in ["TERM", "INT"] {
        let mut server = Server::start(&[]);
        server.signal(signal);
        assert_eq!(server.wait().code(), Some(0));
        assert_eq!(files(server.dir(), "-summary.dfs").len(), 1, "an empty store is saved too");
        let mut again = Server::start_in(server.dir(), &[]);
        again.signal(signal);
        assert_eq!(again.wait().code(), Some(0));
        assert_eq!(files(server.dir(), "-summary.dfs").len(), 2, "so is an unchanged one");
    }
}

#[test]
fn no_acknowledged_write_is_lost_by_an_exit() {
    for round in 0..5 {
        let server = Server::start(&[]);
        let address = server.address();
        let begun = Arc::new(AtomicUsize::new(0));
        let writers: Vec<_> = (0..3)
            .map(|writer| {
                let begun = Arc::clone(&begun);
                std::thread::spawn(move || {
                    let mut client = Client::connect(address);
                    let key = format!("n{writer}");
                    let mut acknowledged = 0;
                    while send(&mut client, &key).is_ok() {
                        let Some(Reply::Integer(number)) = client.try_read() else { break };
                        if acknowledged == 0 {
                            begun.fetch_add(1, Ordering::Relaxed);
                        }
                        acknowledged = number;
                    }
                    acknowledged
                })
            })
            .collect();
        eventually("writes by all", || begun.load(Ordering::Relaxed) == 3);
        std::thread::sleep(Duration::from_millis(round * 20));
        let dir = server.stop().unwrap();
        let acknowledged: Vec<i64> = writers.into_iter().map(|w| w.join().unwrap()).collect();
        let server = Server::start_in(dir.path(), &[]);
        let mut client = server.client();
        for (writer, acknowledged) in acknowledged.into_iter().enumerate() {
            let saved: i64 = client.run(&format!("GET n{writer}")).text().parse().unwrap();
            // The last increment may have been made without its reply having got out.
            assert!((acknowledged..=acknowledged + 1).contains(&saved), "{acknowledged} {saved}");
        }
    }
}

fn send(client: &mut Client, key: &str) -> std::io::Result<()> {
    use std::io::Write;
    let bytes = crate::resp::encode(&["INCR", key]);
    client.stream().try_clone()?.write_all(&bytes)
}

#[test]
fn a_client_decides_whether_its_shutdown_saves() {
    for (command, snapshots) in [
        ("SHUTDOWN", 1),
        ("SHUTDOWN SAVE", 1),
        ("SHUTDOWN NOSAVE", 0),
        ("SHUTDOWN NOSAVE NOW FORCE", 0),
    ] {
        let mut server = Server::start(&[]);
        let mut client = server.client();
        client.send(&command.split(' ').collect::<Vec<_>>());
        assert_eq!(server.wait().code(), Some(0), "{command}");
        assert_eq!(client.try_read(), None);
        assert_eq!(files(server.dir(), "-summary.dfs").len(), snapshots, "{command}");
    }
}

#[test]
fn a_failing_save_keeps_the_server_unless_it_is_forced() {
    let mut server = Server::start(&[]);
    let mut client = server.client();
    client.run("SET k v");
    std::fs::remove_dir_all(server.dir()).unwrap();
    let error = client.run("SHUTDOWN");
    assert_eq!(error.error(), "ERR Errors trying to SHUTDOWN. Check logs.");
    assert_eq!(client.run("SET k w"), Reply::ok(), "writes go on");
    client.send(&["SHUTDOWN", "FORCE"]);
    assert_eq!(server.wait().code(), Some(1));
    assert!(server.log().contains("ERROR"), "{}", server.log());

    let mut server = Server::start(&[]);
    std::fs::remove_dir_all(server.dir()).unwrap();
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(1));
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let mut server = Server::start(&[SLOW]);
    let mut client = server.client();
    fill(&mut client);
    server.signal("TERM");
    eventually("the beginning of the save", || info(&mut client, "saving") == "1");
    let started = Instant::now();
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(1));
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_signal_after_a_clients_shutdown_is_the_first() {
    let mut server = Server::start(&["--snapshot_max_bytes_per_sec=4mb"]);
    let (mut asking, mut other) = (server.client(), server.client());
    fill(&mut asking);
    asking.send(&["SHUTDOWN"]);
    eventually("the beginning of the save", || info(&mut other, "saving") == "1");
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0), "{}", server.log());
    assert_eq!(files(server.dir(), "-summary.dfs").len(), 1);
}

#[test]
fn a_save_at_exit_has_the_time_it_is_given() {
    let mut server = Server::start(&[SLOW, "--shutdown_timeout=1"]);
    fill(&mut server.client());
    let started = Instant::now();
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(1));
    assert!(started.elapsed() >= Duration::from_secs(1));
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_shutdown_can_be_aborted() {
    let server = Server::start(&[SLOW]);
    let (mut asking, mut other) = (server.client(), server.client());
    let mut writer = server.client();
    fill(&mut asking);
    asking.send(&["SHUTDOWN"]);
    eventually("the beginning of the save", || info(&mut other, "saving") == "1");
    assert!(std::net::TcpStream::connect(server.address()).is_err(), "nobody else gets in");
    writer.send(&["SET", "k", "held back"]);
    assert_eq!(other.run("SHUTDOWN ABORT"), Reply::ok());
    assert!(asking.read().error().starts_with("ERR Errors trying to SHUTDOWN"));
    assert_eq!(writer.read(), Reply::ok());
    assert_eq!(other.run("GET k").text(), "held back");
    assert_eq!(server.client().run("PING").text(), "PONG");
    eventually("the end of the save", || info(&mut other, "saving") == "0");
}

#[test]
fn a_running_save_does_not_delay_an_exit_without_one() {
    let mut server = Server::start(&[SLOW]);
    let mut client = server.client();
    fill(&mut client);
    client.run("BGSAVE");
    let started = Instant::now();
    client.send(&["SHUTDOWN", "NOSAVE"]);
    assert_eq!(server.wait().code(), Some(0));
    assert!(started.elapsed() < Duration::from_secs(20));
    assert_eq!(files(server.dir(), "-summary.dfs").len(), 0);
}
