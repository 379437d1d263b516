//! Which crates know of which.

use std::path::Path;
use std::process::Command;

/// The packages of this workspace that `package` depends on, itself included.
fn dependencies(package: &str) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--package", package, "--edges", "normal", "--prefix", "none"])
        .args(["--format", "{p}", "--all-features"])
        .current_dir(root)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let names = text.lines().filter_map(|line| line.split(' ').next());
    let mut ours: Vec<String> =
        names.filter(|name| name.starts_with("exuvia")).map(str::to_owned).collect();
    ours.sort();
    ours.dedup();
    ours
}

#[test]
fn the_engine_and_the_storage_meet_in_the_port_alone() {
    let storage = dependencies("exuvia-storage-s3");
    assert_eq!(storage, ["exuvia-snapshot-format", "exuvia-storage-s3"]);
    let engine = dependencies("exuvia");
    assert!(engine.iter().all(|name| name != "exuvia-storage-s3"), "{engine:?}");
    for package in ["exuvia", "exuvia-storage-s3", "exuvia-snapshot-format"] {
        let found = dependencies(package);
        assert!(found.iter().all(|name| name != "exuvia-server"), "{package}: {found:?}");
    }
}
