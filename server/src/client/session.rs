//! What the commands of one connection share.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use exuvia::{Expiry, Item};

use super::ClientEntry;
use crate::command::CommandId;
use crate::resp::{Args, OwnedArgs};

/// Which replies a client wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ReplyMode {
    #[default]
    On,
    Off,
    /// Not that of the next command.
    SkipNext,
    /// Not that of this command.
    Skip,
}

/// A command between `MULTI` and `EXEC`.
#[derive(Debug)]
pub(crate) struct Queued {
    pub(crate) id: CommandId,
    pub(crate) args: OwnedArgs,
}

/// What has been queued since `MULTI`.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    pub(crate) commands: Vec<Queued>,
    pub(crate) bytes: usize,
    /// A command was refused, so `EXEC` will refuse the rest.
    pub(crate) refused: bool,
}

/// A watched key as it was when `WATCH` was sent.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) database: u16,
    pub(crate) key: Box<[u8]>,
    pub(crate) seen: Option<(Item, Expiry)>,
}

/// What a client has subscribed to.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    pub(crate) channels: BTreeSet<Arc<[u8]>>,
    pub(crate) patterns: BTreeSet<Arc<[u8]>>,
}

impl Subscriptions {
    pub(crate) fn len(&self) -> usize {
        self.channels.len() + self.patterns.len()
    }
}

/// The state of one connection that its own commands change.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) entry: Arc<ClientEntry>,
    pub(crate) authenticated: bool,
    pub(crate) queue: Option<Queue>,
    pub(crate) watches: Vec<Watch>,
    pub(crate) subscriptions: Subscriptions,
    pub(crate) reply: ReplyMode,
    /// Close the connection once the replies are sent.
    pub(crate) closing: bool,
}

impl Session {
    pub(crate) fn new(entry: Arc<ClientEntry>, authenticated: bool) -> Self {
        Self {
            entry,
            authenticated,
            queue: None,
            watches: Vec::new(),
            subscriptions: Subscriptions::default(),
            reply: ReplyMode::On,
            closing: false,
        }
    }

    /// Whether commands have to be looked at one by one before they run.
    #[inline]
    pub(crate) fn is_plain(&self) -> bool {
        self.authenticated
            && self.queue.is_none()
            && self.reply == ReplyMode::On
            && self.subscriptions.channels.is_empty()
            && self.subscriptions.patterns.is_empty()
    }

    /// Whether only the commands of a subscriber are served.
    pub(crate) fn is_confined(&self) -> bool {
        // A client of RESP3 can tell messages from replies.
        self.subscriptions.len() > 0 && self.entry.report.resp.load(Ordering::Relaxed) == 2
    }

    /// Queues a command for `EXEC`; `false` if the queue has become too large.
    pub(crate) fn enqueue(&mut self, id: CommandId, args: Args<'_>) -> bool {
        const QUEUE_BYTES_MAX: usize = 1 << 30;
        let Some(queue) = &mut self.queue else { return false };
        let bytes = args.bytes() + size_of::<Queued>() + args.len() * 8;
        if queue.bytes + bytes > QUEUE_BYTES_MAX {
            queue.refused = true;
            return false;
        }
        queue.bytes += bytes;
        queue.commands.push(Queued { id, args: args.to_owned() });
        true
    }

    /// Notes that a command was refused while others are queued.
    pub(crate) fn refuse_queue(&mut self) {
        if let Some(queue) = &mut self.queue {
            queue.refused = true;
        }
    }
}
