//! The reply types of both protocol versions.

use exuvia::Value;

use super::Output;
use crate::float::{TEXT_BYTES_MAX, format_f64};
use crate::number::format_i64;

/// Which version of the protocol replies are written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// The version every client begins with.
    #[default]
    Resp2,
    /// With maps, sets, nulls, booleans, doubles and pushes; asked for with `HELLO 3`.
    Resp3,
}

/// Replies, each written in the terms of the client's protocol version.
impl Output {
    /// A status: `+text`.
    #[inline]
    pub fn status(&mut self, text: &str) {
        self.line(b'+', text.as_bytes());
    }

    /// `+OK`.
    #[inline]
    pub fn ok(&mut self) {
        self.raw(b"+OK\r\n");
    }

    /// An error: `-CODE message`. A line break in the message becomes a blank, so that text
    /// that came from the client cannot end the line.
    pub fn error(&mut self, text: &str) {
        self.raw(b"-");
        let broken = text.bytes().any(|byte| byte == b'\r' || byte == b'\n');
        if broken {
            self.raw(text.replace(['\r', '\n'], " ").as_bytes());
        } else {
            self.raw(text.as_bytes());
        }
        self.raw(b"\r\n");
    }

    /// An integer.
    #[inline]
    pub fn integer(&mut self, number: i64) {
        self.line(b':', format_i64(number, &mut [0; 20]));
    }

    /// A count, as an integer.
    #[inline]
    pub fn count(&mut self, number: u64) {
        self.integer(i64::try_from(number).unwrap_or(i64::MAX));
    }

    /// A string of bytes.
    #[inline]
    pub fn bulk(&mut self, bytes: &[u8]) {
        self.line(b'$', format_i64(bytes.len() as i64, &mut [0; 20]));
        self.raw(bytes);
        self.raw(b"\r\n");
    }

    /// A string of bytes, which is not copied if it is large and shared.
    pub fn value(&mut self, value: &Value) {
        if value.is_shared() && value.len() >= Self::SHARED_BYTES_MIN {
            self.line(b'$', format_i64(value.len() as i64, &mut [0; 20]));
            self.shared(value.clone());
            self.raw(b"\r\n");
        } else {
            self.bulk(value);
        }
    }

    /// No value.
    #[inline]
    pub fn null(&mut self) {
        match self.protocol() {
            Protocol::Resp2 => self.raw(b"$-1\r\n"),
            Protocol::Resp3 => self.raw(b"_\r\n"),
        }
    }

    /// No value, where an array was expected.
    pub fn null_array(&mut self) {
        match self.protocol() {
            Protocol::Resp2 => self.raw(b"*-1\r\n"),
            Protocol::Resp3 => self.raw(b"_\r\n"),
        }
    }

    /// A value or none.
    pub fn optional(&mut self, value: Option<&Value>) {
        match value {
            Some(value) => self.value(value),
            None => self.null(),
        }
    }

    /// The head of an array of `len` elements, which follow.
    pub fn array(&mut self, len: usize) {
        self.head(b'*', len);
    }

    /// The head of a map of `len` pairs, which follow; an array of twice as many elements in RESP2.
    pub fn map(&mut self, len: usize) {
        match self.protocol() {
            Protocol::Resp2 => self.head(b'*', len * 2),
            Protocol::Resp3 => self.head(b'%', len),
        }
    }

    /// The head of a set of `len` elements, which follow.
    pub fn set(&mut self, len: usize) {
        match self.protocol() {
            Protocol::Resp2 => self.head(b'*', len),
            Protocol::Resp3 => self.head(b'~', len),
        }
    }

    /// The head of a message that answers no command.
    pub fn push(&mut self, len: usize) {
        match self.protocol() {
            Protocol::Resp2 => self.head(b'*', len),
            Protocol::Resp3 => self.head(b'>', len),
        }
    }

    /// A floating-point number; a string of its digits in RESP2.
    pub fn double(&mut self, number: f64) {
        let mut buffer = [0; TEXT_BYTES_MAX];
        let text = format_f64(number, &mut buffer);
        match self.protocol() {
            Protocol::Resp2 => self.bulk(text),
            Protocol::Resp3 => self.line(b',', text),
        }
    }

    /// Text meant for people, as `INFO` answers.
    pub fn verbatim(&mut self, text: &str) {
        match self.protocol() {
            Protocol::Resp2 => self.bulk(text.as_bytes()),
            Protocol::Resp3 => {
                self.head(b'=', text.len() + 4);
                self.raw(b"txt:");
                self.raw(text.as_bytes());
                self.raw(b"\r\n");
            }
        }
    }

    #[inline]
    fn head(&mut self, kind: u8, len: usize) {
        self.line(kind, format_i64(len as i64, &mut [0; 20]));
    }

    #[inline]
    fn line(&mut self, kind: u8, text: &[u8]) {
        self.raw(&[kind]);
        self.raw(text);
        self.raw(b"\r\n");
    }
}

impl Output {
    /// What `HELP` answers: each subcommand with a line of explanation.
    pub(crate) fn help(&mut self, command: &str, subcommands: &[(&str, &str)]) {
        self.array(subcommands.len() * 2 + 3);
        self.status(&format!("{command} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"));
        for (form, explanation) in subcommands {
            self.status(form);
            self.status(&format!("    {explanation}"));
        }
        self.status("HELP");
        self.status("    Print this help.");
    }
}
