//! A connection to a server: commands out, replies in.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};

/// A blocking connection.
#[derive(Debug)]
pub(crate) struct Client {
    stream: TcpStream,
    replies: BufReader<TcpStream>,
    line: String,
    body: Vec<u8>,
}

/// A reply, as far as the measurements look at it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Line(String),
    Error(String),
    Bulk(Vec<u8>),
    Nil,
}

impl Client {
    /// Connects to a port of this machine.
    pub(crate) fn connect(port: u16) -> std::io::Result<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_nodelay(true)?;
        let replies = BufReader::with_capacity(1 << 16, stream.try_clone()?);
        Ok(Self { stream, replies, line: String::new(), body: Vec::new() })
    }

    /// Sends bytes that [`encode`] made.
    pub(crate) fn send(&mut self, commands: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(commands)
    }

    /// Sends a command and waits for its reply.
    pub(crate) fn call(&mut self, words: &[&[u8]]) -> std::io::Result<Reply> {
        let mut command = Vec::new();
        encode(&mut command, words);
        self.send(&command)?;
        self.read()
    }

    /// Reads one reply that is no array.
    pub(crate) fn read(&mut self) -> std::io::Result<Reply> {
        let kind = self.read_head()?;
        Ok(match kind {
            Head::Line => Reply::Line(self.line[1..].trim_end().to_owned()),
            Head::Error => Reply::Error(self.line[1..].trim_end().to_owned()),
            Head::Bulk => Reply::Bulk(self.body.clone()),
            Head::Nil => Reply::Nil,
        })
    }

    /// Reads `count` replies and asserts that none is an error or missing.
    pub(crate) fn pass(&mut self, count: usize) -> std::io::Result<()> {
        for _ in 0..count {
            let head = self.read_head()?;
            assert!(!matches!(head, Head::Error | Head::Nil), "{}", self.line);
        }
        Ok(())
    }

    fn read_head(&mut self) -> std::io::Result<Head> {
        self.line.clear();
        if self.replies.read_line(&mut self.line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        match self.line.as_bytes()[0] {
            b'-' => Ok(Head::Error),
            b'$' => {
                let Ok(length) = self.line[1..].trim_end().parse::<usize>() else {
                    return Ok(Head::Nil);
                };
                self.body.resize(length + 2, 0);
                self.replies.read_exact(&mut self.body)?;
                self.body.truncate(length);
                Ok(Head::Bulk)
            }
            _ => Ok(Head::Line),
        }
    }
}

enum Head {
    Line,
    Error,
    Bulk,
    Nil,
}

/// Appends a command to `commands`.
pub(crate) fn encode(commands: &mut Vec<u8>, words: &[&[u8]]) {
    let mut put = |bytes: &[u8]| commands.extend_from_slice(bytes);
    put(format!("*{}\r\n", words.len()).as_bytes());
    for word in words {
        put(format!("${}\r\n", word.len()).as_bytes());
        put(word);
        put(b"\r\n");
    }
}
