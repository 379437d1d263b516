//! A client of the plainest kind, and what it reads.

use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long a reply may take before a test fails.
const PATIENCE: Duration = Duration::from_mins(1);

/// A reply of either protocol version.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Reply {
    Status(String),
    Error(String),
    Integer(i64),
    Bulk(Vec<u8>),
    Nil,
    Array(Vec<Self>),
    Map(Vec<Self>),
    Set(Vec<Self>),
    Push(Vec<Self>),
    Double(String),
    Verbatim(String),
}

impl Reply {
    pub(crate) fn bulk(text: impl AsRef<[u8]>) -> Self {
        Self::Bulk(text.as_ref().to_vec())
    }

    pub(crate) fn ok() -> Self {
        Self::Status("OK".to_owned())
    }

    /// The integer it is.
    #[track_caller]
    pub(crate) fn integer(&self) -> i64 {
        let Self::Integer(number) = self else { panic!("an integer, not {self}") };
        *number
    }

    /// The text it is.
    #[track_caller]
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Bulk(bytes) => String::from_utf8(bytes.clone()).unwrap(),
            Self::Status(text) | Self::Verbatim(text) => text.clone(),
            other => panic!("text, not {other}"),
        }
    }

    /// The error it is.
    #[track_caller]
    pub(crate) fn error(&self) -> &str {
        let Self::Error(text) = self else { panic!("an error, not {self}") };
        text
    }

    /// The elements of the array it is.
    #[track_caller]
    pub(crate) fn elements(&self) -> &[Self] {
        match self {
            Self::Array(elements) | Self::Set(elements) | Self::Push(elements) => elements,
            other => panic!("an array, not {other}"),
        }
    }
}

/// The form in which scripts expect replies.
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, elements: &[Self]| {
            let texts: Vec<String> = elements.iter().map(ToString::to_string).collect();
            write!(f, "[{}]", texts.join(", "))
        };
        match self {
            Self::Status(text) | Self::Double(text) => write!(f, "{text}"),
            Self::Error(text) => write!(f, "(error) {text}"),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Bulk(bytes) => write!(f, "\"{}\"", bytes.escape_ascii()),
            Self::Nil => write!(f, "nil"),
            Self::Array(elements) => list(f, elements),
            Self::Map(elements) => write!(f, "map").and_then(|()| list(f, elements)),
            Self::Set(elements) => {
                // A set has no order: Redis's follows a seed of its process.
                let mut texts: Vec<String> = elements.iter().map(ToString::to_string).collect();
                texts.sort();
                write!(f, "set[{}]", texts.join(", "))
            }
            Self::Push(elements) => write!(f, "push").and_then(|()| list(f, elements)),
            Self::Verbatim(text) => write!(f, "txt:{text}"),
        }
    }
}

/// A connection to a server.
#[derive(Debug)]
pub(crate) struct Client {
    stream: TcpStream,
    reader: BufReader<TcpStream>,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        let reader = BufReader::new(stream.try_clone().unwrap());
        Self { stream, reader }
    }

    /// The local address, as the server sees it.
    pub(crate) fn address(&self) -> SocketAddr {
        self.stream.local_addr().unwrap()
    }

    /// The socket.
    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// What the server sends.
    pub(crate) fn reader(&mut self) -> &mut BufReader<TcpStream> {
        &mut self.reader
    }

    /// Sends bytes as they are.
    pub(crate) fn send_raw(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Sends a command without waiting for its reply.
    pub(crate) fn send<A: AsRef<[u8]>>(&mut self, args: &[A]) {
        let bytes = encode(args);
        self.send_raw(&bytes);
    }

    /// Sends a command and reads its reply.
    pub(crate) fn call<A: AsRef<[u8]>>(&mut self, args: &[A]) -> Reply {
        self.send(args);
        self.read()
    }

    /// Sends a command written as words and reads its reply.
    pub(crate) fn run(&mut self, words: &str) -> Reply {
        self.call(&words.split(' ').collect::<Vec<_>>())
    }

    /// Reads one reply.
    #[track_caller]
    pub(crate) fn read(&mut self) -> Reply {
        self.try_read().expect("a reply")
    }

    /// Reads one reply; `None` if the connection has ended.
    #[track_caller]
    pub(crate) fn try_read(&mut self) -> Option<Reply> {
        let mut line = Vec::new();
        match self.reader.read_until(b'\n', &mut line) {
            Ok(0) => return None,
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
            Ok(_) => {}
            Err(error) => panic!("no reply: {error}"),
        }
        assert!(line.ends_with(b"\r\n"), "a whole line, not {}", line.escape_ascii());
        let text = String::from_utf8_lossy(&line[1..line.len() - 2]).into_owned();
        Some(match line[0] {
            b'+' => Reply::Status(text),
            b'-' => Reply::Error(text),
            b':' => Reply::Integer(text.parse().unwrap()),
            b',' => Reply::Double(text),
            b'_' => Reply::Nil,
            b'$' | b'*' if text == "-1" => Reply::Nil,
            b'$' => Reply::Bulk(self.body(text.parse().unwrap())),
            b'=' => {
                let body = self.body(text.parse().unwrap());
                Reply::Verbatim(String::from_utf8(body[4..].to_vec()).unwrap())
            }
            b'*' => Reply::Array(self.list(&text, 1)),
            b'%' => Reply::Map(self.list(&text, 2)),
            b'~' => Reply::Set(self.list(&text, 1)),
            b'>' => Reply::Push(self.list(&text, 1)),
            other => panic!("a type of reply, not {:?}", char::from(other)),
        })
    }

    fn body(&mut self, bytes: usize) -> Vec<u8> {
        let mut body = vec![0; bytes + 2];
        self.reader.read_exact(&mut body).unwrap();
        assert!(body.ends_with(b"\r\n"));
        body.truncate(bytes);
        body
    }

    fn list(&mut self, count: &str, each: usize) -> Vec<Reply> {
        (0..count.parse::<usize>().unwrap() * each).map(|_| self.read()).collect()
    }

    /// Whether the server has closed the connection, with nothing left to read.
    #[track_caller]
    pub(crate) fn is_closed(&mut self) -> bool {
        let mut byte = [0];
        match self.reader.read(&mut byte) {
            Ok(bytes) => bytes == 0,
            Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }
}

/// A command as it is sent.
pub(crate) fn encode<A: AsRef<[u8]>>(args: &[A]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", args.len()).into_bytes();
    for arg in args {
        let arg = arg.as_ref();
        bytes.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
        bytes.extend_from_slice(arg);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}
