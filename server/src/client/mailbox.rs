//! Messages for a subscriber that its connection has yet to send.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use crate::resp::Output;

/// Bytes of messages that may wait for one client. One that falls further behind is disconnected,
/// so that a slow subscriber costs no more memory than this.
const MAILBOX_BYTES_MAX: usize = 32 << 20;

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
    fn bytes(&self) -> usize {
        size_of::<Self>() + self.channel.len() + self.payload.len()
    }

    /// Writes the message as the client's protocol wants it.
    pub(crate) fn write(&self, out: &mut Output) {
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

/// A queue of messages with a limit.
#[derive(Debug, Default)]
pub(crate) struct Mailbox(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    messages: VecDeque<Message>,
    bytes: usize,
}

impl Mailbox {
    /// Puts a message in; `false` if the client has fallen too far behind.
    pub(crate) fn put(&self, message: Message) -> bool {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.bytes + message.bytes() > MAILBOX_BYTES_MAX {
            return false;
        }
        waiting.bytes += message.bytes();
        waiting.messages.push_back(message);
        true
    }

    /// Takes the oldest message out.
    pub(crate) fn take(&self) -> Option<Message> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let message = waiting.messages.pop_front()?;
        waiting.bytes -= message.bytes();
        Some(message)
    }
}
