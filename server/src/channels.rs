//! Who has subscribed to what.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::sync::{Arc, PoisonError, RwLock};

use crate::client::{ClientEntry, Message, Signals};
use crate::glob;

type Subscribers = BTreeMap<u64, Arc<ClientEntry>>;

/// All subscriptions to channels and to patterns of channels.
#[derive(Debug, Default)]
pub(crate) struct Channels(RwLock<Subscribed>);

#[derive(Debug, Default)]
struct Subscribed {
    channels: HashMap<Arc<[u8]>, Subscribers>,
    patterns: BTreeMap<Arc<[u8]>, Subscribers>,
}

/// Whether a subscription names a channel or a pattern of channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Topic {
    Channel,
    Pattern,
}

impl Channels {
    pub(crate) fn subscribe(&self, topic: Topic, name: &Arc<[u8]>, client: &Arc<ClientEntry>) {
        let mut subscribed = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let subscribers = match topic {
            Topic::Channel => subscribed.channels.entry(Arc::clone(name)).or_default(),
            Topic::Pattern => subscribed.patterns.entry(Arc::clone(name)).or_default(),
        };
        subscribers.insert(client.id, Arc::clone(client));
    }

    pub(crate) fn unsubscribe(&self, topic: Topic, name: &[u8], client: u64) {
        let mut subscribed = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let left = match topic {
            Topic::Channel => subscribed.channels.get_mut(name),
            Topic::Pattern => subscribed.patterns.get_mut(name),
        };
        let Some(subscribers) = left else { return };
        subscribers.remove(&client);
        if subscribers.is_empty() {
            match topic {
                Topic::Channel => drop(subscribed.channels.remove(name)),
                Topic::Pattern => drop(subscribed.patterns.remove(name)),
            }
        }
    }

    /// Sends a message; returns how many subscriptions it reached.
    pub(crate) fn publish(&self, channel: &[u8], payload: &[u8]) -> usize {
        let subscribed = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut message: Option<Message> = None;
        let mut reached = 0;
        let mut send = |pattern: Option<&Arc<[u8]>>, subscribers: &Subscribers| {
            let message = message.get_or_insert_with(|| Message {
                pattern: None,
                channel: channel.into(),
                payload: payload.into(),
            });
            for client in subscribers.values() {
                let message = Message { pattern: pattern.cloned(), ..message.clone() };
                let kept = client.mailbox.put(message);
                if !kept {
                    tracing::warn!(
                        client = client.id,
                        address = %client.peer,
                        "disconnecting a subscriber that does not read its messages"
                    );
                }
                client.signal(if kept { Signals::MAIL } else { Signals::KILL });
                reached += 1;
            }
        };
        if let Some(subscribers) = subscribed.channels.get(channel) {
            send(None, subscribers);
        }
        for (pattern, subscribers) in &subscribed.patterns {
            if glob::matches(pattern, channel) {
                send(Some(pattern), subscribers);
            }
        }
        reached
    }

    /// The channels that somebody has subscribed to by name, and that match `pattern`.
    pub(crate) fn names(&self, pattern: Option<&[u8]>) -> Vec<Arc<[u8]>> {
        let subscribed = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let names = subscribed.channels.keys();
        names.filter(|name| pattern.is_none_or(|p| glob::matches(p, name))).cloned().collect()
    }

    /// How many clients have subscribed to the channel by name.
    pub(crate) fn subscribers(&self, channel: &[u8]) -> usize {
        let subscribed = self.0.read().unwrap_or_else(PoisonError::into_inner);
        len_at(&subscribed.channels, channel)
    }

    /// How many patterns somebody has subscribed to.
    pub(crate) fn patterns(&self) -> usize {
        self.0.read().unwrap_or_else(PoisonError::into_inner).patterns.len()
    }

    /// How many channels somebody has subscribed to by name.
    pub(crate) fn channels(&self) -> usize {
        self.0.read().unwrap_or_else(PoisonError::into_inner).channels.len()
    }
}

fn len_at<K: Hash + Eq + std::borrow::Borrow<[u8]>>(
    map: &HashMap<K, Subscribers>,
    name: &[u8],
) -> usize {
    map.get(name).map_or(0, BTreeMap::len)
}
