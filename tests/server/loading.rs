//! What happens at the start.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use crate::resp::{Client, Reply};
use crate::server::{Server, eventually, files, info};

/// A directory with two snapshots, `value` being 1 in the older and 2 in the newer.
fn two_snapshots() -> TempDir {
    let server = Server::start(&[]);
    let mut client = server.client();
    for value in ["1", "2"] {
        client.run(&format!("SET value {value}"));
        assert_eq!(client.run("SAVE"), Reply::ok());
    }
    server.kill().unwrap()
}

fn damage(dir: &Path, file: &str) {
    let path = dir.join(file);
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 0x40;
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn a_client_of_an_empty_server_is_never_told_of_a_load() {
    for _ in 0..STARTS_MAX {
        // One that is free, and stays so for the moment that it takes.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let connecting = std::thread::spawn(move || {
            // As soon as the system lets it, which is before the server is done with its start.
            while TcpStream::connect(address).is_err() {
                std::thread::sleep(Duration::from_millis(1));
            }
            Client::connect(address).run("GET k")
        });
        let _server = Server::start(&[&format!("--port={}", address.port())]);
        assert_eq!(connecting.join().unwrap(), Reply::Nil);
    }
}

#[test]
fn commands_wait_their_turn_while_data_is_loaded() {
    let server = Server::start(&[]);
    server.client().run("DEBUG POPULATE 1000000 key 64 RAND");
    let dir = server.stop().unwrap();
    // A machine that is busy may let this thread look only once everything is there.
    let refused = (0..STARTS_MAX).any(|_| were_refused_while_loading(dir.path()));
    assert!(refused, "loading took no time");
}

const STARTS_MAX: u32 = 5;

/// Starts a server on what is in `dir`, and returns whether commands came before it was loaded.
fn were_refused_while_loading(dir: &Path) -> bool {
    let server = Server::start_loading(dir, &[]);
    let mut client = server.client();
    let mut refused = 0;
    eventually("the end of loading", || match client.run("PING") {
        Reply::Error(text) => {
            assert_eq!(text, "LOADING Redis is loading the dataset in memory");
            refused += 1;
            for served in ["DBSIZE", "LASTSAVE", "CONFIG GET port", "CLIENT ID", "HELLO", "INFO"] {
                assert!(!matches!(client.run(served), Reply::Error(_)), "{served}");
            }
            false
        }
        _ => true,
    });
    assert_eq!(client.run("DBSIZE"), Reply::Integer(1_000_000));
    refused > 0
}

#[test]
fn a_damaged_snapshot_is_passed_over_loudly() {
    let dir = two_snapshots();
    let newest = files(dir.path(), "-summary.dfs").pop().unwrap();
    damage(dir.path(), &newest);
    let server = Server::start_in(dir.path(), &[]);
    let mut client = server.client();
    assert_eq!(client.run("GET value").text(), "1");
    assert_eq!(info(&mut client, "last_load_rejected_snapshots"), "1");
    let base = newest.strip_suffix("-summary.dfs").unwrap();
    assert!(server.log().contains(base), "{}", server.log());
    drop(server);

    let mut strict = Server::start_loading(dir.path(), &["--snapshot_load=strict"]);
    assert_eq!(strict.wait().code(), Some(1));
    let off = Server::start_in(dir.path(), &["--snapshot_load=off"]);
    assert_eq!(off.client().run("DBSIZE"), Reply::Integer(0));
}

#[test]
fn a_server_that_could_load_nothing_exits_and_publishes_nothing() {
    let dir = two_snapshots();
    for manifest in files(dir.path(), "-summary.dfs") {
        damage(dir.path(), &manifest);
    }
    let before = files(dir.path(), ".dfs");
    let mut server = Server::start_loading(dir.path(), &[]);
    assert_eq!(server.wait().code(), Some(1));
    assert_eq!(files(dir.path(), ".dfs"), before);
}

#[test]
fn a_directory_that_is_missing_is_created() {
    let parent = TempDir::new().unwrap();
    let dir = parent.path().join("a/b");
    let server = Server::start_in(&dir, &[]);
    server.wait_for_line("was missing and has been created");
    let mut client = server.client();
    client.run("SET k v");
    assert_eq!(client.run("SAVE"), Reply::ok());
    assert_eq!(files(&dir, "-summary.dfs").len(), 1);
}

#[test]
fn without_a_name_nothing_is_loaded_and_nothing_saved_at_exit() {
    let dir = two_snapshots();
    let before = files(dir.path(), ".dfs");
    let server = Server::start_in(dir.path(), &["--dbfilename="]);
    assert_eq!(server.client().run("DBSIZE"), Reply::Integer(0));
    server.client().run("SET k v");
    server.stop();
    assert_eq!(files(dir.path(), ".dfs"), before);
}

#[test]
fn other_names_are_not_loaded() {
    let dir = two_snapshots();
    let server = Server::start_in(dir.path(), &["--dbfilename=other"]);
    assert_eq!(server.client().run("DBSIZE"), Reply::Integer(0));
}
