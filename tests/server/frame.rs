//! Replies byte for byte, to compare those of two servers.

use std::fmt;
use std::io::BufRead;

/// A reply with everything that its bytes tell, such as which kind of nothing a nil is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Frame {
    /// The first line without its end: type, and value or length.
    pub(crate) head: String,
    /// What follows the head of a string.
    pub(crate) body: Vec<u8>,
    pub(crate) children: Vec<Self>,
}

impl Frame {
    /// Reads one reply.
    #[track_caller]
    pub(crate) fn read(reader: &mut impl BufRead) -> Self {
        let mut line = Vec::new();
        reader.read_until(b'\n', &mut line).unwrap();
        assert!(line.ends_with(b"\r\n"), "a whole line, not {}", line.escape_ascii());
        line.truncate(line.len() - 2);
        let head = String::from_utf8_lossy(&line).into_owned();
        let length = head[1..].parse().unwrap_or(-1_i64);
        let mut frame = Self { head, body: Vec::new(), children: Vec::new() };
        let children = match line[0] {
            b'$' | b'=' | b'!' if length >= 0 => {
                frame.body = vec![0; length as usize + 2];
                reader.read_exact(&mut frame.body).unwrap();
                assert!(frame.body.ends_with(b"\r\n"));
                frame.body.truncate(length as usize);
                0
            }
            b'*' | b'~' | b'>' => length.max(0),
            b'%' => length * 2,
            _ => 0,
        };
        frame.children.extend((0..children).map(|_| Self::read(reader)));
        frame
    }

    /// The number that an integer reply is.
    pub(crate) fn integer(&self) -> Option<i64> {
        self.head.strip_prefix(':').and_then(|digits| digits.parse().ok())
    }

    /// The same with every negative zero as zero.
    pub(crate) fn with_unsigned_zeros(mut self) -> Self {
        if self.head == ",-0" {
            ",0".clone_into(&mut self.head);
        }
        if self.body == b"-0" {
            "$1".clone_into(&mut self.head);
            self.body = b"0".to_vec();
        }
        self.children = self.children.into_iter().map(Self::with_unsigned_zeros).collect();
        self
    }

    /// The same with the elements of its lists in order, for replies that have none.
    pub(crate) fn sorted(mut self) -> Self {
        self.children = self.children.into_iter().map(Self::sorted).collect();
        self.children.sort();
        self
    }
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.head.escape_debug())?;
        if !self.body.is_empty() {
            let shown = &self.body[..self.body.len().min(200)];
            write!(f, " \"{}\"", shown.escape_ascii())?;
        }
        if !self.children.is_empty() {
            let children: Vec<String> = self.children.iter().map(ToString::to_string).collect();
            write!(f, " [{}]", children.join(", "))?;
        }
        Ok(())
    }
}
