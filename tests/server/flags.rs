//! Starting with flags that are wrong: one line, exit code 1, and nothing touched.

use std::process::{Command, Output};

use crate::server::{Server, binary};

fn run(arguments: &[&str]) -> Output {
    Command::new(binary()).args(arguments).env_clear().output().unwrap()
}

fn refusal(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    text
}

#[test]
fn a_wrong_flag_is_named_with_its_value_and_its_source() {
    let line = refusal(&["--port=70000"]);
    assert_eq!(
        line,
        "exuvia: flag --port: value '70000' (from the command line) is not accepted; accepted: a \
         whole number from 0 to 65535\n"
    );
    assert!(refusal(&["--prot=1"]).contains("did you mean --port?"));
    assert!(refusal(&["--bind=0.0.0.0"]).contains("--requirepass"));
    assert!(refusal(&["--flagfile=/nonexistent"]).contains("/nonexistent"));
}

#[test]
fn a_taken_port_is_an_error() {
    let server = Server::start(&[]);
    let port = format!("--port={}", server.address().port());
    let dir = tempfile::TempDir::new().unwrap();
    let line = refusal(&[&port, "--dir", dir.path().to_str().unwrap()]);
    assert!(line.contains("cannot listen on 127.0.0.1") && line.contains("--port"), "{line}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "nothing is touched");
}

#[test]
fn help_and_version_go_to_standard_output() {
    let output = run(&["--help"]);
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("--dbfilename (default 'dump-{timestamp}'"), "{text}");
    let output = run(&["--version"]);
    assert!(String::from_utf8(output.stdout).unwrap().starts_with("exuvia "));
}

#[test]
fn a_flag_may_come_from_the_environment() {
    let output = Command::new(binary()).env_clear().env("EXUVIA_FLAG_port", "x").output().unwrap();
    let line = String::from_utf8(output.stderr).unwrap();
    assert!(line.contains("environment variable EXUVIA_FLAG_port"), "{line}");
}
