//! Groups of consumers, and the entries that were delivered and not acknowledged.
//!
//! ```text
//! pending element of a group:    id, time of delivery, number of deliveries, name of the consumer
//! pending element of a consumer: id
//! ```

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use super::id::{ID_BYTES, StreamId};
use crate::tree::{Iter, Sorted, Tree};

/// An entry that was delivered to a consumer and not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending<'a> {
    /// Its id.
    pub id: StreamId,
    /// Name of the consumer that it was delivered to last.
    pub consumer: &'a [u8],
    /// When it was delivered last, in milliseconds since the Unix epoch.
    pub delivered_unix_ms: u64,
    /// How often it was delivered.
    pub deliveries: u64,
}

impl<'a> Pending<'a> {
    pub(in crate::collection) fn decode(element: &'a [u8]) -> Option<Self> {
        let (id, rest) = StreamId::split(element)?;
        let (delivered, rest) = rest.split_first_chunk()?;
        let (deliveries, consumer) = rest.split_first_chunk()?;
        let delivered_unix_ms = u64::from_le_bytes(*delivered);
        Some(Self { id, consumer, delivered_unix_ms, deliveries: u64::from_le_bytes(*deliveries) })
    }
}

/// A member of a [`Group`].
#[derive(Clone, Debug)]
pub struct Consumer {
    /// When it last tried to do something, in milliseconds since the Unix epoch.
    pub seen_unix_ms: u64,
    /// When it last got something, if it ever did.
    pub active_unix_ms: Option<u64>,
    pending: Tree<Sorted>,
}

impl Consumer {
    /// How many entries wait for it to acknowledge them.
    pub fn pending_len(&self) -> u64 {
        self.pending.len()
    }

    /// The ids of those in the range, in order.
    pub fn pending(&self, ids: RangeInclusive<StreamId>) -> impl Iterator<Item = StreamId> {
        let elements = range(&self.pending, &ids);
        elements.filter_map(|element| StreamId::split(element).map(|(id, _)| id))
    }
}

impl PartialEq for Consumer {
    fn eq(&self, other: &Self) -> bool {
        (self.seen_unix_ms, self.active_unix_ms) == (other.seen_unix_ms, other.active_unix_ms)
            && self.pending.iter().eq(other.pending.iter())
    }
}

/// Consumers that share the reading of a [`Stream`](super::Stream).
#[derive(Clone, Debug)]
pub struct Group {
    last_delivered: StreamId,
    entries_read: Option<u64>,
    pending: Tree<Sorted>,
    consumers: BTreeMap<Box<[u8]>, Arc<Consumer>>,
    /// Bytes allocated for all of it.
    heap_bytes: u64,
}

/// What a consumer costs besides its name and what is pending.
const CONSUMER_BYTES: u64 =
    (size_of::<Consumer>() + size_of::<(Box<[u8]>, Arc<Consumer>)>() + 16) as u64;

impl Group {
    pub(super) fn new(last_delivered: StreamId, entries_read: Option<u64>) -> Self {
        Self {
            last_delivered,
            entries_read,
            pending: Tree::default(),
            consumers: BTreeMap::new(),
            heap_bytes: size_of::<Self>() as u64,
        }
    }

    pub(in crate::collection) fn tree(&self) -> &Tree<Sorted> {
        &self.pending
    }

    pub(super) fn heap_bytes(&self) -> u64 {
        self.heap_bytes
    }

    /// The id up to which entries were delivered.
    pub fn last_delivered(&self) -> StreamId {
        self.last_delivered
    }

    /// How many entries were delivered, if that is known.
    pub fn entries_read(&self) -> Option<u64> {
        self.entries_read
    }

    /// Declares what was delivered.
    pub fn set_delivered(&mut self, last_delivered: StreamId, entries_read: Option<u64>) {
        self.last_delivered = last_delivered;
        self.entries_read = entries_read;
    }

    /// The consumers by name.
    pub fn consumers(&self) -> impl ExactSizeIterator<Item = (&[u8], &Consumer)> {
        self.consumers.iter().map(|(name, consumer)| (&**name, &**consumer))
    }

    /// The consumer `name`.
    pub fn consumer(&self, name: &[u8]) -> Option<&Consumer> {
        self.consumers.get(name).map(|consumer| &**consumer)
    }

    /// Adds a consumer; returns whether there was none of that name.
    pub fn create_consumer(&mut self, name: &[u8], now_unix_ms: u64) -> bool {
        if self.consumers.contains_key(name) {
            return false;
        }
        let consumer =
            Consumer { seen_unix_ms: now_unix_ms, active_unix_ms: None, pending: Tree::default() };
        self.heap_bytes += CONSUMER_BYTES + name.len() as u64;
        self.consumers.insert(name.into(), Arc::new(consumer));
        true
    }

    /// Notes when a consumer, which is there, was last seen, and when it last got something.
    pub fn touch_consumer(&mut self, name: &[u8], seen_unix_ms: u64, active: Option<u64>) {
        if let Some(consumer) = self.consumers.get_mut(name) {
            let consumer = Arc::make_mut(consumer);
            consumer.seen_unix_ms = seen_unix_ms;
            consumer.active_unix_ms = active.or(consumer.active_unix_ms);
        }
    }

    /// Removes a consumer and forgets what is pending for it; returns how much that was, or `None`
    /// if there is no such consumer.
    pub fn remove_consumer(&mut self, name: &[u8]) -> Option<u64> {
        let consumer = self.consumers.remove(name)?;
        let bytes = CONSUMER_BYTES + name.len() as u64 + consumer.pending.heap_bytes();
        let before = self.pending.heap_bytes();
        for id in consumer.pending.iter() {
            remove(&mut self.pending, id);
        }
        self.heap_bytes = self.heap_bytes + self.pending.heap_bytes() - before - bytes;
        Some(consumer.pending.len())
    }

    /// How many entries wait to be acknowledged.
    pub fn pending_len(&self) -> u64 {
        self.pending.len()
    }

    /// The entries in the range that wait to be acknowledged, in the order of their ids.
    pub fn pending(&self, ids: RangeInclusive<StreamId>) -> PendingIter<'_> {
        PendingIter(range(&self.pending, &ids))
    }

    /// The pending entry `id`.
    pub fn get_pending(&self, id: StreamId) -> Option<Pending<'_>> {
        Pending::decode(self.pending.find_prefix(&id.to_bytes())?.element?)
    }

    /// Notes that an entry was delivered to a consumer, which is made if it is not there. An entry
    /// that another consumer has pending is taken from it.
    pub fn set_pending(&mut self, pending: Pending<'_>) {
        self.create_consumer(pending.consumer, pending.delivered_unix_ms);
        self.acknowledge(pending.id);
        let id = pending.id.to_bytes();
        let parts =
            [&id[..], &pending.delivered_unix_ms.to_le_bytes(), &pending.deliveries.to_le_bytes()];
        let element = [&parts.concat(), pending.consumer].concat();
        let before = self.pending.heap_bytes();
        insert(&mut self.pending, &element);
        self.heap_bytes = self.heap_bytes + self.pending.heap_bytes() - before;
        self.update_pending_of(pending.consumer, |ids| insert(ids, &id));
    }

    /// Forgets that an entry is pending; returns whether it was.
    pub fn acknowledge(&mut self, id: StreamId) -> bool {
        let Some(consumer) =
            self.get_pending(id).map(|pending| Box::<[u8]>::from(pending.consumer))
        else {
            return false;
        };
        let id = id.to_bytes();
        let before = self.pending.heap_bytes();
        remove(&mut self.pending, &id);
        self.heap_bytes = self.heap_bytes + self.pending.heap_bytes() - before;
        self.update_pending_of(&consumer, |ids| remove(ids, &id));
        true
    }

    fn update_pending_of(&mut self, consumer: &[u8], f: impl FnOnce(&mut Tree<Sorted>)) {
        if let Some(consumer) = self.consumers.get_mut(consumer) {
            let ids = &mut Arc::make_mut(consumer).pending;
            let before = ids.heap_bytes();
            f(ids);
            self.heap_bytes = self.heap_bytes + ids.heap_bytes() - before;
        }
    }
}

impl PartialEq for Group {
    fn eq(&self, other: &Self) -> bool {
        (self.last_delivered, self.entries_read) == (other.last_delivered, other.entries_read)
            && self.pending.iter().eq(other.pending.iter())
            && self.consumers == other.consumers
    }
}

/// Entries of a [`Group`] that wait to be acknowledged, from either end.
#[derive(Clone, Debug)]
pub struct PendingIter<'a>(Iter<'a, Sorted>);

impl<'a> Iterator for PendingIter<'a> {
    type Item = Pending<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        Pending::decode(self.0.next()?)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl DoubleEndedIterator for PendingIter<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        Pending::decode(self.0.next_back()?)
    }
}

impl ExactSizeIterator for PendingIter<'_> {}

/// The elements whose ids, which they begin with, are in the range.
fn range<'t>(tree: &'t Tree<Sorted>, ids: &RangeInclusive<StreamId>) -> Iter<'t, Sorted> {
    let start = tree.count_below(&ids.start().to_bytes());
    let behind = ids.end().next();
    let end = behind.map_or(tree.len(), |behind| tree.count_below(&behind.to_bytes()));
    tree.range(start, end)
}

fn insert(tree: &mut Tree<Sorted>, element: &[u8]) {
    let place = tree.lower_bound(element).map(|found| found.place);
    tree.insert(place.as_ref(), &[element]);
}

/// Removes the element that begins with the id `id`, if there is one.
fn remove(tree: &mut Tree<Sorted>, id: &[u8]) {
    debug_assert_eq!(id.len(), ID_BYTES);
    if let Some(place) = tree.find_prefix(id).map(|found| found.place) {
        tree.remove(&place);
    }
}
