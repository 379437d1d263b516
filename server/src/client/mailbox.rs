//! What a connection has yet to send besides replies: messages of channels, commands of others.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use crate::resp::Output;

/// Bytes that may wait for one client. One that falls further behind is disconnected, so that a
/// slow subscriber costs no more memory than this.
pub(crate) const MAILBOX_BYTES_MAX: usize = 32 << 20;

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

/// A queue of mail with a limit.
#[derive(Debug, Default)]
pub(crate) struct Mailbox(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    mail: VecDeque<Mail>,
    bytes: usize,
}

impl Mailbox {
    /// Puts something in; `false` if the client has fallen too far behind.
    pub(crate) fn put(&self, mail: Mail) -> bool {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.bytes + mail.bytes() > MAILBOX_BYTES_MAX {
            return false;
        }
        waiting.bytes += mail.bytes();
        waiting.mail.push_back(mail);
        true
    }

    /// Takes the oldest out.
    pub(crate) fn take(&self) -> Option<Mail> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mail = waiting.mail.pop_front()?;
        waiting.bytes -= mail.bytes();
        Some(mail)
    }
}
