//! The tool on snapshots of a store, sound and damaged.

use std::path::Path;
use std::process::ExitCode;

use exuvia::format::{SnapshotFile, SnapshotFileKind};
use exuvia::{
    Compression, Expiry, Hash, List, Options, SnapshotFormat, SortedSet, Store, Stream, StreamId,
};
use tempfile::TempDir;

use super::arguments;
use super::run::{Failure, perform, run};

const KEYS: u32 = 5_000;

/// A directory with a snapshot of [`KEYS`] keys, and some more.
fn saved(name: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    save(dir.path(), name);
    dir
}

fn save(dir: &Path, name: &str) {
    let options = Options::new(dir).dbfilename(name).parts(2).compression(Compression::None);
    let store = Store::open(options).unwrap();
    let database = store.database(0).unwrap();
    for number in 0..KEYS {
        let (key, value) = (format!("key:{number}"), format!("value of {number} ").repeat(8));
        database.set(key.as_bytes(), value.as_bytes(), Expiry::Never).unwrap();
    }
    let other = store.database(3).unwrap();
    other.set(b"bytes\xff", b"\x00\xfe", Expiry::At(4_102_444_800_000)).unwrap();
    other.set(b"large", vec![b'x'; 3 << 20].as_slice(), Expiry::Never).unwrap();
    store.save().unwrap().wait().unwrap();
    store.close().unwrap();
}

/// Runs the tool: whether all is well, and its output.
fn tool(words: &[&str]) -> Result<(bool, String), String> {
    let request = arguments::parse(words.iter().map(Into::into).collect()).unwrap().unwrap();
    let mut out = Vec::new();
    match perform(&request, &mut out) {
        Ok(sound) => Ok((sound, String::from_utf8_lossy(&out).into_owned())),
        Err(Failure::Said(line)) => Err(line),
        Err(Failure::Output(error)) => panic!("{error}"),
    }
}

fn path(dir: &TempDir) -> &str {
    dir.path().to_str().unwrap()
}

/// The names of the parts in a directory.
fn parts(dir: &TempDir) -> Vec<std::path::PathBuf> {
    let files = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path());
    let mut parts: Vec<_> = files
        .filter(|path| {
            let name = path.file_name().unwrap().to_str().unwrap();
            SnapshotFile::parse(name)
                .is_some_and(|file| matches!(file.kind, SnapshotFileKind::Part { .. }))
        })
        .collect();
    parts.sort();
    parts
}

fn flip(path: &Path, offset: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[offset] ^= 0x10;
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn collections_are_told_as_arrays_with_their_type() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(Options::new(dir.path()).dbfilename("dump")).unwrap();
    let database = store.database(0).unwrap();
    let list: List = ["a", "b"].into_iter().collect();
    database.set_item(b"list", list, Expiry::Never).unwrap();
    let mut hash = Hash::new();
    hash.insert(b"f", b"v");
    hash.set_expiry(b"f", Expiry::At(4_102_444_800_000));
    database.set_item(b"hash", hash, Expiry::Never).unwrap();
    let sorted: SortedSet = [("m", 1.5)].into_iter().collect();
    database.set_item(b"zset", sorted, Expiry::Never).unwrap();
    let mut stream = Stream::new();
    stream.append(StreamId::new(1, 2), [("f", "v")]);
    stream.create_group(b"g", StreamId::MIN, None);
    database.set_item(b"stream", stream, Expiry::Never).unwrap();
    store.save().unwrap().wait().unwrap();
    drop(store);
    let (sound, text) = tool(&["export", path(&dir)]).unwrap();
    assert!(sound);
    for line in [
        r#"{"db":0,"key":"list","type":"list","value":[{"element":"a"},{"element":"b"}]}"#,
        r#"{"db":0,"key":"hash","type":"hash","value":[{"field":"f","value":"v","expires_at_unix_ms":4102444800000}]}"#,
        r#"{"db":0,"key":"zset","type":"zset","value":[{"member":"m","score":"1.5"}]}"#,
        r#"{"db":0,"key":"stream","type":"stream","last_id":"1-2","max_deleted_id":"0-0","entries_added":1,"value":[{"id":"1-2","fields":[{"field":"f","value":"v"}]}],"groups":[{"name":"g","last_delivered":"0-0","consumers":[],"pending":[]}]}"#,
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in {text}");
    }
    let (sound, one) = tool(&["get", path(&dir), "list"]).unwrap();
    assert!(sound && text.contains(one.trim_end()), "{one}");
    assert!(tool(&["verify", path(&dir)]).unwrap().0);
}

#[test]
fn a_sound_snapshot_is_listed_described_verified_and_exported_whole() {
    let dir = saved("dump");
    let (sound, text) = tool(&["list", path(&dir)]).unwrap();
    assert!(sound && text.contains("dump  complete") && text.contains("5002 keys"), "{text}");
    for name in [path(&dir).to_owned(), format!("{}/dump", path(&dir))] {
        let (sound, text) = tool(&["info", &name]).unwrap();
        assert!(sound && text.contains("databases       0 to 3"), "{text}");
        let (sound, text) = tool(&["verify", &name]).unwrap();
        assert!(sound && text.starts_with("dump: sound, 5002 keys"), "{text}");
    }
    let (sound, text) = tool(&["export", path(&dir)]).unwrap();
    assert!(sound);
    assert_eq!(text.lines().count(), KEYS as usize + 2);
    assert!(text.contains("{\"db\":0,\"key\":\"key:17\",\"value\":\"value of 17 value"));
    let bytes = "{\"db\":3,\"key\":\"Ynl0ZXP/\",\"key_encoding\":\"base64\",\"value\":\"AP4=\",\
                 \"value_encoding\":\"base64\",\"expires_at_unix_ms\":4102444800000}";
    assert!(text.lines().any(|line| line == bytes), "no {bytes}");
}

#[test]
fn one_key_is_found_in_its_database() {
    let dir = saved("dump");
    let manifest = format!("{}/dump-summary.dfs", path(&dir));
    let (_, value) = tool(&["get", &manifest, "key:42"]).unwrap();
    assert_eq!(value, "value of 42 ".repeat(8));
    let (_, value) = tool(&["get", path(&dir), "large", "--db", "3"]).unwrap();
    assert_eq!(value.len(), 3 << 20);
    let (_, object) = tool(&["get", path(&dir), "key:42", "--json"]).unwrap();
    assert!(object.starts_with("{\"db\":0,\"key\":\"key:42\",\"value\":\""), "{object}");
    let missing = tool(&["get", path(&dir), "large"]).unwrap_err();
    assert!(missing.contains("no such key in database 0"), "{missing}");
}

#[test]
fn a_flipped_bit_costs_one_page_and_is_named() {
    let dir = saved("dump");
    let part = &parts(&dir)[0];
    flip(part, 4096 + 500);
    let (sound, text) = tool(&["verify", path(&dir)]).unwrap();
    let name = part.file_name().unwrap().to_str().unwrap();
    assert!(!sound && text.contains("DAMAGED") && text.contains("export"), "{text}");
    assert!(text.contains(&format!("page 0 of {name} at offset 4096 (database 0")), "{text}");
    assert!(text.contains("checksum"), "{text}");

    let (sound, object) = tool(&["verify", path(&dir), "--json"]).unwrap();
    assert!(!sound && object.contains("\"sound\":false"), "{object}");
    assert!(object.contains("\"page\":0,\"offset\":4096,\"database\":0,\"first_hash\":\""));

    let (sound, text) = tool(&["export", path(&dir)]).unwrap();
    let kept = text.lines().count();
    assert!(!sound && kept < KEYS as usize && kept > 0, "{kept}");
    let lost = format!("\"keys_lost\":{}", KEYS as usize + 2 - kept);
    assert!(object.contains(&lost), "{lost} in {object}");
    assert!(text.lines().all(|line| line.starts_with("{\"db\":") && line.ends_with('}')));
}

#[test]
fn a_missing_or_shortened_part_is_named_and_the_others_are_salvaged() {
    let dir = saved("dump");
    let parts = parts(&dir);
    std::fs::remove_file(&parts[0]).unwrap();
    let (sound, text) = tool(&["list", path(&dir)]).unwrap();
    assert!(!sound && text.contains("damaged"), "{text}");
    let refused = tool(&["export", path(&dir)]).unwrap_err();
    assert!(refused.contains("complete") && refused.contains("dump-0000-"), "{refused}");
    let name = format!("{}/dump", path(&dir));
    let (sound, text) = tool(&["verify", &name]).unwrap();
    assert!(!sound && text.contains("it is missing"), "{text}");
    let (sound, text) = tool(&["info", &name]).unwrap();
    assert!(!sound && text.contains("missing") && text.contains("present"), "{text}");
    let (sound, text) = tool(&["export", &name]).unwrap();
    assert!(!sound && text.lines().count() > 1000);

    let file = std::fs::File::options().write(true).open(&parts[1]).unwrap();
    file.set_len(5000).unwrap();
    let (sound, text) = tool(&["export", &name]).unwrap();
    assert!(!sound && text.is_empty(), "{text}");
    let (_, text) = tool(&["verify", &name]).unwrap();
    assert!(text.contains("5000 bytes long, the manifest says"), "{text}");
}

#[test]
fn what_lies_before_a_cut_or_a_damaged_index_is_salvaged() {
    let dir = saved("dump");
    let name = format!("{}/dump", path(&dir));
    let whole = tool(&["export", &name]).unwrap().1;
    let part = &parts(&dir)[0];
    let bytes = std::fs::read(part).unwrap();
    // The footer ends the file, and the index lies before it.
    flip(part, bytes.len() - 70);
    let (sound, text) = tool(&["verify", &name]).unwrap();
    assert!(!sound && text.contains("digest") && text.contains(" 0 of "), "{text}");
    assert_eq!(tool(&["export", &name]).unwrap(), (false, whole.clone()));

    std::fs::write(part, &bytes[..bytes.len() - 200_000]).unwrap();
    let (sound, text) = tool(&["export", &name]).unwrap();
    assert!(!sound);
    assert!(text.lines().count() < whole.lines().count());
    assert!(text.lines().all(|line| whole.contains(line)));
    let (_, text) = tool(&["verify", &name]).unwrap();
    assert!(text.contains("bytes long, the manifest says"), "{text}");
}

#[test]
fn a_damaged_manifest_is_reported_by_every_verb() {
    let dir = saved("dump");
    let manifest = dir.path().join("dump-summary.dfs");
    flip(&manifest, 40);
    for verb in ["list", "verify"] {
        let (sound, text) = tool(&[verb, path(&dir)]).unwrap();
        assert!(!sound && text.contains("checksum"), "{verb}: {text}");
    }
    for verb in ["info", "export"] {
        let refused = tool(&[verb, manifest.to_str().unwrap()]).unwrap_err();
        assert!(refused.contains("checksum") && refused.contains("manifest"), "{refused}");
    }
    std::fs::remove_file(&manifest).unwrap();
    let (sound, text) = tool(&["list", path(&dir)]).unwrap();
    assert!(sound && text.contains("unfinished"), "{text}");
}

#[test]
fn what_is_no_snapshot_is_refused_with_advice() {
    let dir = saved("dump");
    let part = parts(&dir)[0].to_str().unwrap().to_owned();
    for (words, expected) in [
        (["info", &part], "dump-summary.dfs"),
        (["info", &format!("{}/other", path(&dir))], "snapshot list"),
        (["info", &format!("{}/dump.rdb", path(&dir))], "neither"),
        (["info", &format!("{}/x/y", path(&dir))], "neither"),
        (["list", &format!("{}/dump", path(&dir))], "takes a directory"),
    ] {
        let refused = tool(&words).unwrap_err();
        assert!(refused.contains(expected), "{refused:?} for {words:?}");
    }
    let empty = tempfile::tempdir().unwrap();
    assert_eq!(tool(&["list", path(&empty)]).unwrap(), (true, "no snapshots\n".to_owned()));
    assert!(tool(&["verify", path(&empty)]).unwrap_err().contains("no snapshot in"));
}

#[test]
fn a_file_in_redis_format_is_listed_described_verified_and_exported() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options::new(dir.path()).dbfilename("dump").format(SnapshotFormat::Rdb);
    let store = Store::open(options).unwrap();
    let database = store.database(2).unwrap();
    for number in 0..1000 {
        database.set(format!("key:{number}").as_bytes(), b"v", Expiry::Never).unwrap();
    }
    let list: List = ["a", "b"].into_iter().collect();
    database.set_item(b"list", list, Expiry::At(4_102_444_800_000)).unwrap();
    store.save().unwrap().wait().unwrap();
    store.close().unwrap();
    let file = dir.path().join("dump.rdb");
    let file_path = file.to_str().unwrap();

    let (sound, text) = tool(&["list", path(&dir)]).unwrap();
    assert!(sound && text.starts_with("dump.rdb  foreign") && text.contains("RDB"), "{text}");
    let list_line = r#"{"db":2,"key":"list","type":"list","value":[{"element":"a"},{"element":"b"}],"expires_at_unix_ms":4102444800000}"#;
    for path in [path(&dir), file_path] {
        let (sound, text) = tool(&["info", path]).unwrap();
        assert!(sound && text.contains("written by      exuvia-ver"), "{text}");
        let (sound, text) = tool(&["verify", path]).unwrap();
        assert!(sound && text.starts_with("dump.rdb: sound, 1001 keys"), "{text}");
        let (sound, text) = tool(&["export", path]).unwrap();
        assert!(sound && text.lines().count() == 1001, "{text}");
        assert!(text.lines().any(|line| line == list_line), "{text}");
        assert_eq!(tool(&["get", path, "key:7", "--db", "2"]).unwrap(), (true, "v".to_owned()));
        assert_eq!(tool(&["get", path, "list", "--db", "2"]).unwrap().1.trim_end(), list_line);
        assert!(tool(&["get", path, "key:7"]).unwrap_err().contains("no such key in database 0"));
    }

    let length = std::fs::metadata(&file).unwrap().len();
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, &whole[..length as usize / 2]).unwrap();
    let (sound, text) = tool(&["verify", path(&dir)]).unwrap();
    assert!(!sound && text.contains("DAMAGED") && text.contains("salvages"), "{text}");
    let (sound, text) = tool(&["export", file_path]).unwrap();
    assert!(!sound && (400..600).contains(&text.lines().count()), "{text}");
    let (sound, text) = tool(&["verify", path(&dir), "--json"]).unwrap();
    assert!(!sound && text.contains(r#""sound":false"#), "{text}");

    // Beside a snapshot in pages it is still verified, but not taken for the newest.
    save(dir.path(), "pages");
    assert!(tool(&["list", path(&dir)]).unwrap().1.contains("dump.rdb  foreign"));
    assert_eq!(tool(&["verify", path(&dir)]).unwrap().1.lines().count(), 2);
    assert!(tool(&["get", path(&dir), "key:7"]).unwrap().1.starts_with("value of 7 "));
    std::fs::write(&file, b"nothing of the kind").unwrap();
    let (sound, text) = tool(&["list", path(&dir)]).unwrap();
    assert!(!sound && text.contains("dump.rdb  damaged"), "{text}");
}

#[test]
fn old_snapshots_are_pruned_unless_a_server_uses_the_directory() {
    let dir = saved("dump-{timestamp}");
    save(dir.path(), "dump-{timestamp}");
    let words = ["prune", path(&dir), "--keep", "1"];
    let (_, text) = tool(&[&words[..], &["--dry-run"]].concat()).unwrap();
    assert!(text.starts_with("would remove dump-") && text.contains("kept dump-"), "{text}");

    let store = Store::open(Options::new(dir.path())).unwrap();
    let refused = tool(&words).unwrap_err();
    assert!(refused.contains("--snapshot_retain"), "{refused}");
    store.close().unwrap();

    let (sound, text) = tool(&words).unwrap();
    assert!(sound && text.starts_with("removed dump-"), "{text}");
    let (_, text) = tool(&["list", path(&dir), "--json"]).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
}

#[test]
fn exit_codes_tell_damage_from_wrong_usage() {
    let code = |words: &[&str]| run(words.iter().map(Into::into).collect());
    let shown = |code: ExitCode| format!("{code:?}");
    assert_eq!(shown(code(&["frobnicate"])), shown(ExitCode::from(2)));
    assert_eq!(shown(code(&["list", "/nonexistent/place"])), shown(ExitCode::from(1)));
}
