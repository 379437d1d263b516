//! A server's processes, as the system sees them.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::client::{Client, Reply};

/// How long a server may take for anything.
pub(crate) const PATIENCE: Duration = Duration::from_mins(5);

/// A server that is measured; killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    command: String,
    port: u16,
    dir: TempDir,
}

impl Process {
    /// Starts a server in an empty directory and on a free port.
    pub(crate) fn start(command: &str) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has a port");
        let port = listener.local_addr().expect("it is bound").port();
        drop(listener);
        let dir = TempDir::new().expect("a temporary directory can be made");
        let child = spawn(command, port, &dir);
        Self { child, command: command.to_owned(), port, dir }
    }

    /// Starts it anew where its files are, once it has ended; returns when that was.
    pub(crate) fn restart(&mut self) -> Instant {
        self.child.wait().expect("it was started");
        let started = Instant::now();
        self.child = spawn(&self.command, self.port, &self.dir);
        started
    }

    /// Connects as soon as the server answers; while it loads, it does not count as answering.
    pub(crate) fn client(&self) -> Client {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Ok(mut client) = Client::connect(self.port)
                && matches!(client.call(&[b"PING"]), Ok(Reply::Line(_)))
            {
                return client;
            }
            assert!(Instant::now() < deadline, "{} does not answer", self.command);
            thread::sleep(Duration::from_millis(5));
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// CPU time of the server's own process so far.
    pub(crate) fn cpu(&self) -> Duration {
        const TICKS_PER_SEC: u64 = 100;
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()));
        let stat = stat.expect("it runs");
        // The name in parentheses may hold anything; user and system time follow 11 fields on.
        let fields: Vec<&str> =
            stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks: u64 = fields[11..13].iter().filter_map(|field| field.parse::<u64>().ok()).sum();
        Duration::from_millis(ticks * 1000 / TICKS_PER_SEC)
    }

    /// The same in nanoseconds, of threads that are still there.
    pub(crate) fn cpu_exact(&self) -> Duration {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("it runs");
        let nanos = tasks.filter_map(|task| {
            let stat = fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
            stat.split_whitespace().next()?.parse::<u64>().ok()
        });
        Duration::from_nanos(nanos.sum())
    }

    /// Memory of the server and of all processes it has forked, shared pages counted once.
    pub(crate) fn memory_bytes(&self) -> u64 {
        family(self.child.id()).into_iter().map(proportional_bytes).sum()
    }

    /// Bytes of all files in its directory.
    pub(crate) fn disk_bytes(&self) -> u64 {
        let files = fs::read_dir(self.dir.path()).expect("it is there");
        files.filter_map(|file| file.ok()?.metadata().ok()).map(|file| file.len()).sum()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(command: &str, port: u16, dir: &TempDir) -> Child {
    let dir = dir.path().to_str().expect("temporary names are plain");
    let filled = command.replace("{port}", &port.to_string()).replace("{dir}", dir);
    Command::new("sh")
        .args(["-c", &format!("exec {filled}")])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a shell is there")
}

/// A process and all that descend from it.
fn family(process: u32) -> Vec<u32> {
    let mut members = vec![process];
    let threads = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    for thread in threads {
        let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        members
            .extend(children.split_whitespace().filter_map(|id| id.parse().ok()).flat_map(family));
    }
    members
}

fn proportional_bytes(process: u32) -> u64 {
    let rollup = fs::read_to_string(format!("/proc/{process}/smaps_rollup")).unwrap_or_default();
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}
