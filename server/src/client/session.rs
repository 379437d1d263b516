//! What the commands of one connection share.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use exuvia::{Expiry, Item};

use super::ClientEntry;
use crate::channels::Topic;
use crate::command::CommandId;
use crate::resp::{Args, OwnedArgs};
use crate::watched::{Watched, Watcher};

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

/// What a client watches. Dropping it ends that.
#[derive(Debug)]
pub(crate) struct Watches {
    watched: Arc<Watched>,
    watcher: Arc<Watcher>,
    keys: Vec<Watch>,
}

impl Watches {
    pub(crate) fn new(watched: &Arc<Watched>) -> Self {
        Self { watched: Arc::clone(watched), watcher: Arc::default(), keys: Vec::new() }
    }

    /// Watches a key, unless it is watched already. `read` is called once every later write of
    /// the key will be noticed.
    pub(crate) fn add<E>(
        &mut self,
        database: u16,
        key: &[u8],
        read: impl FnOnce() -> Result<Option<(Item, Expiry)>, E>,
    ) -> Result<(), E> {
        if self.keys.iter().any(|watch| watch.database == database && *watch.key == *key) {
            return Ok(());
        }
        self.watched.watch(database, key, &self.watcher);
        self.keys.push(Watch { database, key: key.into(), seen: None });
        let seen = read()?;
        if let Some(watch) = self.keys.last_mut() {
            watch.seen = seen;
        }
        Ok(())
    }

    /// Whether a write of one of the keys was noticed.
    pub(crate) fn is_touched(&self) -> bool {
        self.watcher.is_touched()
    }

    pub(crate) fn keys(&self) -> &[Watch] {
        &self.keys
    }
}

impl Drop for Watches {
    fn drop(&mut self) {
        for watch in &self.keys {
            self.watched.unwatch(watch.database, &watch.key, &self.watcher);
        }
    }
}

/// What a client has subscribed to.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    pub(crate) channels: BTreeSet<Arc<[u8]>>,
    pub(crate) patterns: BTreeSet<Arc<[u8]>>,
    pub(crate) shards: BTreeSet<Arc<[u8]>>,
}

impl Subscriptions {
    pub(crate) fn is_empty(&self) -> bool {
        self.channels.is_empty() && self.patterns.is_empty() && self.shards.is_empty()
    }

    /// The subscriptions of one kind.
    pub(crate) fn of_mut(&mut self, topic: Topic) -> &mut BTreeSet<Arc<[u8]>> {
        match topic {
            Topic::Channel => &mut self.channels,
            Topic::Pattern => &mut self.patterns,
            Topic::Shard => &mut self.shards,
        }
    }
}

/// The state of one connection that its own commands change.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) entry: Arc<ClientEntry>,
    pub(crate) authenticated: bool,
    pub(crate) queue: Option<Queue>,
    pub(crate) watches: Option<Watches>,
    /// The commands of a transaction run.
    pub(crate) executes: bool,
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
            watches: None,
            executes: false,
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
            && self.subscriptions.is_empty()
    }

    /// Whether only the commands of a subscriber are served.
    pub(crate) fn is_confined(&self) -> bool {
        // A client of RESP3 can tell messages from replies.
        !self.subscriptions.is_empty() && self.entry.report.resp.load(Ordering::Relaxed) == 2
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
