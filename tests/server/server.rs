//! A server process.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::resp::Client;

/// How long anything may take before a test fails.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// The server's binary.
pub(crate) fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| match std::env::var_os("EXUVIA_SERVER_BINARY") {
        Some(path) => path.into(),
        None => build(),
    })
}

/// Builds the binary into the directory that this test was built into. Cargo does nothing if it is
/// up to date, and a stale binary would test yesterday's server. The whole workspace and this test
/// are named so that its dependencies are taken as they were built for the test.
fn build() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let profile_dir = own.ancestors().nth(2).unwrap();
    let profile = match profile_dir.file_name().unwrap().to_str().unwrap() {
        "debug" => "dev",
        other => other,
    };
    let mut cargo = Command::new(env!("CARGO"));
    // Cargo describes the package of a test to it. Build scripts that look at these variables would
    // run again, and what depends on them would be built anew.
    for (name, _) in std::env::vars_os() {
        if ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|own| is_prefix(own, &name)) {
            cargo.env_remove(name);
        }
    }
    let status = cargo
        .args(["build", "--quiet", "--workspace", "--bin", "exuvia", "--test", "server"])
        .args(["--profile", profile])
        .arg("--target-dir")
        .arg(profile_dir.parent().unwrap())
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap())
        .status()
        .unwrap();
    assert!(status.success(), "the server does not build");
    profile_dir.join("exuvia")
}

fn is_prefix(prefix: &str, name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(prefix.as_bytes())
}

/// A running server, killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    lines: Mutex<Log>,
    dir: Option<TempDir>,
}

/// Lines of the log, as far as they were read.
#[derive(Debug)]
struct Log {
    seen: Vec<String>,
    coming: Receiver<String>,
}

impl Server {
    /// Starts a server with these flags in a directory of its own, and waits until it is ready.
    pub(crate) fn start(flags: &[&str]) -> Self {
        let dir = TempDir::new().unwrap();
        let mut server = Self::start_in(dir.path(), flags);
        server.dir = Some(dir);
        server
    }

    /// Starts a server in `dir` and waits until it is ready.
    pub(crate) fn start_in(dir: &Path, flags: &[&str]) -> Self {
        let server = Self::start_loading(dir, flags);
        server.wait_for_line("ready to accept commands");
        server
    }

    /// Starts a server in `dir` and waits until it listens.
    pub(crate) fn start_loading(dir: &Path, flags: &[&str]) -> Self {
        let dir = format!("--dir={}", dir.display());
        Self::launch(&[&[&*dir], flags].concat(), &[])
    }

    /// Starts a server with just these flags and this environment, on a free port, and waits until
    /// it listens.
    pub(crate) fn launch(flags: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut child = Command::new(binary())
            .args(flags)
            .env_clear()
            .env("EXUVIA_FLAG_port", "0")
            .env("EXUVIA_FLAG_threads", "2")
            .envs(environment.iter().copied())
            .stderr(Stdio::piped())
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let stderr = child.stderr.take().unwrap();
        let (sender, coming) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let lines = Mutex::new(Log { seen: Vec::new(), coming });
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut server = Self { child, address, lines, dir: None };
        let line = server.wait_for_line("listening address=");
        let address = line.split("address=").nth(1).unwrap().split(' ').next().unwrap();
        server.address = address.parse().unwrap();
        server
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(self.address)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The directory of its own that it was started in.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.as_ref().unwrap().path()
    }

    /// Waits for a line of the log that contains `text`, and returns it.
    #[track_caller]
    pub(crate) fn wait_for_line(&self, text: &str) -> String {
        let mut log = self.lines.lock().unwrap();
        let deadline = Instant::now() + PATIENCE;
        let mut next = 0;
        loop {
            if let Some(line) = log.seen[next..].iter().find(|line| line.contains(text)) {
                return line.clone();
            }
            next = log.seen.len();
            let left = deadline.saturating_duration_since(Instant::now());
            match log.coming.recv_timeout(left) {
                Ok(line) => log.seen.push(line),
                Err(error) => panic!("no line with {text:?} ({error}) in {:#?}", log.seen),
            }
        }
    }

    /// The log so far.
    pub(crate) fn log(&self) -> String {
        let mut log = self.lines.lock().unwrap();
        while let Ok(line) = log.coming.try_recv() {
            log.seen.push(line);
        }
        log.seen.join("\n")
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, name: &str) {
        let status =
            Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Waits until the process ends.
    #[track_caller]
    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.wait_for(PATIENCE).expect("the server does not end")
    }

    /// Waits until the process ends, but not longer than `patience`.
    pub(crate) fn wait_for(&mut self, patience: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return Some(status);
            }
            if Instant::now() > deadline {
                return None;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Ends the process at once and gives its directory away.
    pub(crate) fn kill(mut self) -> Option<TempDir> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.dir.take()
    }

    /// Ends the process by `SIGTERM` and gives its directory away.
    #[track_caller]
    pub(crate) fn stop(mut self) -> Option<TempDir> {
        self.signal("TERM");
        let status = self.wait();
        assert!(status.success(), "{status}: {}", self.log());
        self.dir.take()
    }

    /// Bytes of physical memory of the process.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let statm = std::fs::read_to_string(format!("/proc/{}/statm", self.child.id())).unwrap();
        statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A field of `INFO`.
#[track_caller]
pub(crate) fn info(client: &mut Client, field: &str) -> String {
    let text = client.run("INFO everything").text();
    let prefix = format!("{field}:");
    let line = text.lines().find_map(|line| line.strip_prefix(&prefix));
    line.unwrap_or_else(|| panic!("no {field} in {text}")).to_owned()
}

/// Waits until `condition` holds.
#[track_caller]
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "{what} never happened");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Files in a directory whose names end like this.
pub(crate) fn files(dir: &Path, suffix: &str) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(suffix))
        .collect();
    names.sort();
    names
}
