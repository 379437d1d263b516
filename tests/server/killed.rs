//! A server that is killed while it saves.

use std::time::Duration;

use exuvia_tests::seed::Seed;
use tempfile::TempDir;

use crate::resp::{Client, Reply};
use crate::server::{Server, files};

/// How often the server is killed.
const KILLS: u64 = 15;
const KEYS: usize = 2000;
/// A save of all keys takes about half a second.
const RATE: &str = "--snapshot_max_bytes_per_sec=4mb";

/// Gives every key the value of `generation`.
fn write_generation(client: &mut Client, generation: u64) {
    let filler = "x".repeat(1000);
    for key in 0..KEYS {
        let (key, value) = (format!("key:{key}"), format!("{generation}:{key}:{filler}"));
        assert_eq!(client.call(&["SET", &key, &value]), Reply::ok());
    }
}

/// Asserts that all keys are there with values of one generation, and returns it.
fn generation(client: &mut Client) -> u64 {
    assert_eq!(client.run("DBSIZE").integer(), KEYS as i64);
    let mut found = None;
    for key in 0..KEYS {
        let value = client.run(&format!("GET key:{key}")).text();
        let mut words = value.split(':');
        let generation: u64 = words.next().unwrap().parse().unwrap();
        assert_eq!(words.next().unwrap(), key.to_string());
        assert_eq!(*found.get_or_insert(generation), generation, "key {key} is of another cut");
    }
    found.unwrap()
}

#[test]
fn kills_inside_background_saves_lose_nothing_that_was_published() {
    let seed = Seed::draw("kills");
    let mut rng = seed.rng(0);
    let dir = TempDir::new().unwrap();
    let mut published = 0;
    let mut unfinished = 0;
    for kill in 0..KILLS {
        let server =
            Server::start_in(dir.path(), &[RATE, "--compression=none", "--snapshot_retain=3"]);
        let leftovers = files(dir.path(), ".tmp");
        assert!(leftovers.is_empty(), "{leftovers:?}");
        let mut client = server.client();
        if kill > 0 {
            let loaded = generation(&mut client);
            // The save that was under way at the kill may have been published, or not.
            assert!(loaded == published || loaded == published + 1, "{loaded} {published}");
            published = loaded;
        }
        let next = published + 1;
        if kill == 0 || rng.bool() {
            write_generation(&mut client, next);
            assert_eq!(client.run("CONFIG SET snapshot_max_bytes_per_sec 0"), Reply::ok());
            assert_eq!(client.run("SAVE"), Reply::ok());
            assert_eq!(
                client.run(&format!("CONFIG SET {}", &RATE[2..].replace('=', " "))),
                Reply::ok()
            );
            published = next;
        }
        write_generation(&mut client, published + 1);
        assert!(matches!(client.run("BGSAVE"), Reply::Status(_)));
        // Half way into the next generation, so that a cut that is none would show.
        let started = std::time::Instant::now();
        let alive = Duration::from_millis(rng.u64(0..700));
        let mut key = 0;
        while started.elapsed() < alive {
            client.call(&["SET", &format!("key:{}", key % KEYS), &format!("99:{}:", key % KEYS)]);
            key += 1;
        }
        unfinished += u32::from(!files(dir.path(), ".tmp").is_empty());
        drop(client);
        server.kill();
    }
    assert!(unfinished > 0, "no kill came inside a save");
}
