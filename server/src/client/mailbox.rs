//! What a connection has yet to send besides replies: messages of channels, commands of others.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use crate::resp::Output;

/// What a client is sent without having asked in this moment.
#[derive(Clone, Debug)]
pub(crate) enum Mail {
    /// A message of a channel.
    Published(Message),
    /// A command that somebody ran, as `MONITOR` shows it.
    Monitored(Arc<str>),
}

impl Mail {
    fn bytes(&self) -> usize {
        let own = size_of::<Self>();
        match self {
            Self::Published(message) => own + message.channel.len() + message.payload.len(),
            Self::Monitored(line) => own + line.len(),
        }
    }

    /// Writes it as the client's protocol wants it.
    pub(crate) fn write(&self, out: &mut Output) {
        match self {
            Self::Published(message) => message.write(out),
            Self::Monitored(line) => out.status(line),
        }
    }
}

/// A published message.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    /// The pattern of the subscription that it reaches, or none for a plain one.
    pub(crate) pattern: Option<Arc<[u8]>>,
    /// Whether it was sent to a shard channel.
    pub(crate) sharded: bool,
    pub(crate) channel: Arc<[u8]>,
    pub(crate) payload: Arc<[u8]>,
}

impl Message {
    fn write(&self, out: &mut Output) {
        match &self.pattern {
            None => {
                out.push(3);
                out.bulk(if self.sharded { b"smessage" } else { b"message" });
            }
            Some(pattern) => {
                out.push(4);
                out.bulk(b"pmessage");
                out.bulk(pattern);
            }
        }
        out.bulk(&self.channel);
        out.bulk(&self.payload);
    }
}

/// A queue of mail. How long it may get is for its [client](super::ClientEntry::post) to judge.
#[derive(Debug, Default)]
pub(crate) struct Mailbox(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    mail: VecDeque<Mail>,
    bytes: usize,
}

impl Mailbox {
    /// Puts something in; returns the bytes that wait.
    pub(crate) fn put(&self, mail: Mail) -> usize {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.bytes += mail.bytes();
        waiting.mail.push_back(mail);
        waiting.bytes
    }

    /// Throws everything away.
    pub(crate) fn clear(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Waiting::default();
    }

    /// How much waits: the number of pieces, and their bytes.
    pub(crate) fn waiting(&self) -> (usize, usize) {
        let waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (waiting.mail.len(), waiting.bytes)
    }

    /// Takes the oldest out.
    pub(crate) fn take(&self) -> Option<Mail> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mail = waiting.mail.pop_front()?;
        waiting.bytes -= mail.bytes();
        Some(mail)
    }
}
