//! Who has subscribed to what.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use crate::client::{ClientEntry, Mail, Message};
use crate::glob;

type Subscribers = BTreeMap<u64, Arc<ClientEntry>>;

/// All subscriptions to channels and to patterns of channels.
#[derive(Debug, Default)]
pub(crate) struct Channels(RwLock<Subscribed>);

#[derive(Debug, Default)]
struct Subscribed {
    channels: HashMap<Arc<[u8]>, Subscribers>,
    patterns: BTreeMap<Arc<[u8]>, Subscribers>,
    /// Channels of which a cluster would keep each in one shard: a name space of their own.
    shards: HashMap<Arc<[u8]>, Subscribers>,
}

impl Subscribed {
    /// The channels of one kind by name.
    fn of(&self, topic: Topic) -> &HashMap<Arc<[u8]>, Subscribers> {
        match topic {
            Topic::Shard => &self.shards,
            Topic::Channel | Topic::Pattern => &self.channels,
        }
    }
}

/// What a subscription names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Topic {
    Channel,
    /// A pattern of channels.
    Pattern,
    Shard,
}

impl Channels {
    pub(crate) fn subscribe(&self, topic: Topic, name: &Arc<[u8]>, client: &Arc<ClientEntry>) {
        let mut subscribed = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let subscribers = match topic {
            Topic::Channel => subscribed.channels.entry(Arc::clone(name)).or_default(),
            Topic::Pattern => subscribed.patterns.entry(Arc::clone(name)).or_default(),
            Topic::Shard => subscribed.shards.entry(Arc::clone(name)).or_default(),
        };
        subscribers.insert(client.id, Arc::clone(client));
    }

    pub(crate) fn unsubscribe(&self, topic: Topic, name: &[u8], client: u64) {
        let mut subscribed = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let left = match topic {
            Topic::Channel => subscribed.channels.get_mut(name),
            Topic::Pattern => subscribed.patterns.get_mut(name),
            Topic::Shard => subscribed.shards.get_mut(name),
        };
        let Some(subscribers) = left else { return };
        subscribers.remove(&client);
        if subscribers.is_empty() {
            match topic {
                Topic::Channel => drop(subscribed.channels.remove(name)),
                Topic::Pattern => drop(subscribed.patterns.remove(name)),
                Topic::Shard => drop(subscribed.shards.remove(name)),
            }
        }
    }

    /// Sends a message; returns how many subscriptions it reached.
    pub(crate) fn publish(&self, channel: &[u8], payload: &[u8]) -> usize {
        let subscribed = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut message = Posting::new(channel, payload, false);
        if let Some(subscribers) = subscribed.channels.get(channel) {
            message.send(None, subscribers);
        }
        for (pattern, subscribers) in &subscribed.patterns {
            if glob::matches(pattern, channel) {
                message.send(Some(pattern), subscribers);
            }
        }
        message.reached
    }

    /// Sends a message to a shard channel; returns how many subscriptions it reached.
    pub(crate) fn publish_to_shard(&self, channel: &[u8], payload: &[u8]) -> usize {
        let subscribed = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut message = Posting::new(channel, payload, true);
        if let Some(subscribers) = subscribed.shards.get(channel) {
            message.send(None, subscribers);
        }
        message.reached
    }

    /// The channels that somebody has subscribed to by name, and that match `pattern`.
    pub(crate) fn names(&self, topic: Topic, pattern: Option<&[u8]>) -> Vec<Arc<[u8]>> {
        let subscribed = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let names = subscribed.of(topic).keys();
        names.filter(|name| pattern.is_none_or(|p| glob::matches(p, name))).cloned().collect()
    }

    /// How many clients have subscribed to the channel by name.
    pub(crate) fn subscribers(&self, topic: Topic, channel: &[u8]) -> usize {
        let subscribed = self.0.read().unwrap_or_else(PoisonError::into_inner);
        subscribed.of(topic).get(channel).map_or(0, BTreeMap::len)
    }

    /// How many patterns somebody has subscribed to.
    pub(crate) fn patterns(&self) -> usize {
        self.0.read().unwrap_or_else(PoisonError::into_inner).patterns.len()
    }

    /// How many channels of one kind somebody has subscribed to by name.
    pub(crate) fn channels(&self, topic: Topic) -> usize {
        self.0.read().unwrap_or_else(PoisonError::into_inner).of(topic).len()
    }
}

/// A message on its way to its subscribers.
struct Posting<'a> {
    channel: &'a [u8],
    payload: &'a [u8],
    sharded: bool,
    /// Made for the first subscriber, if there is any.
    message: Option<Message>,
    reached: usize,
}

impl<'a> Posting<'a> {
    fn new(channel: &'a [u8], payload: &'a [u8], sharded: bool) -> Self {
        Self { channel, payload, sharded, message: None, reached: 0 }
    }

    fn send(&mut self, pattern: Option<&Arc<[u8]>>, subscribers: &Subscribers) {
        let (channel, payload, sharded) = (self.channel, self.payload, self.sharded);
        let message = self.message.get_or_insert_with(|| Message {
            pattern: None,
            sharded,
            channel: channel.into(),
            payload: payload.into(),
        });
        for client in subscribers.values() {
            let message = Message { pattern: pattern.cloned(), ..message.clone() };
            client.post(Mail::Published(message));
            self.reached += 1;
        }
    }
}
