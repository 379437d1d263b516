//! Which crates know of which.

use std::path::Path;
use std::process::Command;

/// All packages that `package` depends on, itself included.
fn tree(package: &str) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--package", package, "--edges", "normal,build"])
        .args(["--prefix", "none"])
        .args(["--format", "{p}", "--all-features"])
        .current_dir(root)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let mut names: Vec<String> =
        text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect();
    names.sort();
    names.dedup();
    names
}

/// Those of this workspace.
fn dependencies(package: &str) -> Vec<String> {
    tree(package).into_iter().filter(|name| name.starts_with("exuvia")).collect()
}

#[test]
fn who_embeds_the_engine_alone_compiles_no_sdk() {
    let of_sdk = |name: &String| name.starts_with("aws-") || name == "hyper" || name == "rustls";
    assert!(tree("exuvia-storage-s3").iter().any(of_sdk), "the SDK has other names");
    let engine = tree("exuvia");
    assert!(!engine.iter().any(of_sdk), "{engine:?}");
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
