//! Streams: entries in the order of their ids, and groups of consumers that read them.

mod entry;
mod group;
mod id;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

use crate::tree::{Sharing, Sorted, Tree};

pub use entry::{StreamEntry, StreamFields, StreamIter};
pub use group::{Consumer, Group, Pending, PendingIter};
pub use id::StreamId;

type Groups = BTreeMap<Box<[u8]>, Arc<Group>>;

/// What a stream knows besides its entries.
#[derive(Clone, Debug, Default)]
struct About {
    last_id: StreamId,
    max_deleted_id: StreamId,
    entries_added: u64,
    groups: Arc<Groups>,
    /// Bytes allocated for the groups.
    groups_heap_bytes: u64,
    /// It stays even without entries and groups: it had a group, or a history was declared.
    stays: bool,
}

impl PartialEq for About {
    fn eq(&self, other: &Self) -> bool {
        // What a stream holds follows from these; whether it stays says only that it was made.
        let of = |about: &Self| (about.last_id, about.max_deleted_id, about.entries_added);
        of(self) == of(other) && self.groups == other.groups
    }
}

/// A log of entries, each a list of fields with values under an id that only grows, and groups of
/// consumers that share the reading of it.
///
/// Appending and looking up cost O(log n), a step of an iterator O(1). A stream without entries
/// is still something: it knows its last id and its groups, so its key stays, also when its last
/// group is removed.
///
/// # Examples
///
/// ```
/// use exuvia::{Stream, StreamId};
///
/// let mut sightings = Stream::new();
/// assert!(sightings.append(StreamId::new(5, 0), [("species", "luna")]));
/// assert!(sightings.append(StreamId::new(7, 1), [("species", "io")]));
/// assert!(!sightings.append(StreamId::new(7, 0), [("species", "late")]), "ids only grow");
///
/// let since: Vec<_> = sightings.range(StreamId::new(6, 0)..=StreamId::MAX).collect();
/// assert_eq!(since[0].fields().next(), Some((&b"species"[..], &b"io"[..])));
/// ```
#[derive(Clone, Default)]
pub struct Stream {
    entries: Tree<Sorted>,
    about: Arc<About>,
}

impl Stream {
    /// A stream that nothing was ever added to.
    pub fn new() -> Self {
        Self::default()
    }

    pub(in crate::collection) fn tree(&self) -> &Tree<Sorted> {
        &self.entries
    }

    pub(in crate::collection) fn is_unchanged(&self, other: &Self) -> bool {
        self.entries.is_same(&other.entries) && Arc::ptr_eq(&self.about, &other.about)
    }

    /// Whether it is as good as none: nothing was ever added, and there never was a group.
    pub(in crate::collection) fn is_pristine(&self) -> bool {
        self.entries.is_empty() && !self.about.stays && *self.about == About::default()
    }

    pub(in crate::collection) fn heap_bytes(&self) -> u64 {
        let about = size_of::<About>() as u64 + 2 * size_of::<usize>() as u64;
        self.entries.heap_bytes() + about + self.about.groups_heap_bytes
    }

    /// Bytes that `successor` does not share, and that are from `older` if that is given: of groups
    /// all, if any of them has changed.
    pub(in crate::collection) fn bytes_not_in(
        &self,
        successor: &Self,
        older: Option<&Self>,
    ) -> u64 {
        let has_groups = |other: &Self| Arc::ptr_eq(&self.about.groups, &other.about.groups);
        let keeps = has_groups(successor) || !older.is_none_or(has_groups);
        let groups = if keeps { 0 } else { self.about.groups_heap_bytes };
        self.entries.bytes_not_in(&successor.entries, older.map(|older| &older.entries)) + groups
    }

    /// A copy, unless a successor has taken its place and it can no longer be copied.
    pub(in crate::collection) fn share(&self, sharing: Sharing) -> Option<Self> {
        let entries = self.entries.share(sharing)?;
        Some(Self { entries, about: Arc::clone(&self.about) })
    }

    pub(in crate::collection) fn seal(&mut self) {
        self.entries.seal();
    }

    /// Number of entries.
    pub fn len(&self) -> u64 {
        self.entries.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The id of the entry added last, which may have been removed since.
    pub fn last_id(&self) -> StreamId {
        self.about.last_id
    }

    /// The highest id of an entry that was [removed](Self::remove).
    pub fn max_deleted_id(&self) -> StreamId {
        self.about.max_deleted_id
    }

    /// How many entries were ever added.
    pub fn entries_added(&self) -> u64 {
        self.about.entries_added
    }

    /// Declares what was added and removed before. The next id is above `last_id`.
    pub fn set_history(&mut self, last_id: StreamId, max_deleted_id: StreamId, entries_added: u64) {
        let about = Arc::make_mut(&mut self.about);
        about.last_id = last_id;
        about.max_deleted_id = max_deleted_id;
        about.entries_added = entries_added;
        about.stays = true;
    }

    /// The id of an entry that is added at this time, or `None` if no id is left.
    pub fn next_id(&self, now_unix_ms: u64) -> Option<StreamId> {
        let last = self.last_id();
        if now_unix_ms > last.ms { Some(StreamId::new(now_unix_ms, 0)) } else { last.next() }
    }

    /// Adds an entry behind all others; returns whether `id` is above the last one, as it has to
    /// be.
    pub fn append<F: AsRef<[u8]>, V: AsRef<[u8]>>(
        &mut self,
        id: StreamId,
        fields: impl IntoIterator<Item = (F, V)>,
    ) -> bool {
        if id <= self.last_id() {
            return false;
        }
        let encoded = entry::encode(fields);
        let place = self.entries.find_index(self.len()).map(|found| found.place);
        self.entries.insert(place.as_ref(), &[&id.to_bytes(), &encoded]);
        let about = Arc::make_mut(&mut self.about);
        about.last_id = id;
        about.entries_added += 1;
        true
    }

    /// The entry `id`.
    pub fn get(&self, id: StreamId) -> Option<StreamEntry<'_>> {
        StreamEntry::decode(self.entries.find_prefix(&id.to_bytes())?.element?)
    }

    /// The first entry.
    pub fn first(&self) -> Option<StreamEntry<'_>> {
        self.iter().next()
    }

    /// The last entry.
    pub fn last(&self) -> Option<StreamEntry<'_>> {
        self.iter().next_back()
    }

    /// How many entries are below `id`.
    pub fn count_below(&self, id: StreamId) -> u64 {
        self.entries.count_below(&id.to_bytes())
    }

    /// The entries in the order of their ids.
    pub fn iter(&self) -> StreamIter<'_> {
        StreamIter::new(self.entries.iter())
    }

    /// The entries whose ids are in the range.
    pub fn range(&self, ids: RangeInclusive<StreamId>) -> StreamIter<'_> {
        let start = self.count_below(*ids.start());
        let end = ids.end().next().map_or(self.len(), |behind| self.count_below(behind));
        StreamIter::new(self.entries.range(start, end))
    }

    /// Removes the entry `id`; returns whether it was there.
    pub fn remove(&mut self, id: StreamId) -> bool {
        let found = self.entries.find_prefix(&id.to_bytes());
        let Some(place) = found.map(|found| found.place) else { return false };
        self.entries.remove(&place);
        let about = Arc::make_mut(&mut self.about);
        about.max_deleted_id = about.max_deleted_id.max(id);
        true
    }

    /// Removes the first `count` entries.
    pub fn trim_first(&mut self, count: u64) {
        self.entries.remove_range(0, count);
    }

    /// The groups by name.
    pub fn groups(&self) -> impl ExactSizeIterator<Item = (&[u8], &Group)> {
        self.about.groups.iter().map(|(name, group)| (&**name, &**group))
    }

    /// The group `name`.
    pub fn group(&self, name: &[u8]) -> Option<&Group> {
        self.about.groups.get(name).map(|group| &**group)
    }

    /// Adds a group that has been delivered all up to `last_delivered`; returns whether there was
    /// none of that name.
    pub fn create_group(
        &mut self,
        name: &[u8],
        last_delivered: StreamId,
        entries_read: Option<u64>,
    ) -> bool {
        if self.about.groups.contains_key(name) {
            return false;
        }
        let about = Arc::make_mut(&mut self.about);
        about.stays = true;
        let group = Group::new(last_delivered, entries_read);
        about.groups_heap_bytes += group.heap_bytes() + name.len() as u64;
        Arc::make_mut(&mut about.groups).insert(name.into(), Arc::new(group));
        true
    }

    /// Removes a group with all that is pending in it; returns whether it was there.
    pub fn remove_group(&mut self, name: &[u8]) -> bool {
        if !self.about.groups.contains_key(name) {
            return false;
        }
        let about = Arc::make_mut(&mut self.about);
        let removed = Arc::make_mut(&mut about.groups).remove(name);
        let bytes = removed.map_or(0, |group| group.heap_bytes() + name.len() as u64);
        about.groups_heap_bytes -= bytes;
        true
    }

    /// Lets `f` change the group `name`; returns what it returned, or `None` if there is no such
    /// group.
    pub fn update_group<R>(&mut self, name: &[u8], f: impl FnOnce(&mut Group) -> R) -> Option<R> {
        if !self.about.groups.contains_key(name) {
            return None;
        }
        let about = Arc::make_mut(&mut self.about);
        let group = Arc::make_mut(Arc::make_mut(&mut about.groups).get_mut(name)?);
        let before = group.heap_bytes();
        let result = f(group);
        about.groups_heap_bytes = about.groups_heap_bytes + group.heap_bytes() - before;
        Some(result)
    }
}

impl<'a> IntoIterator for &'a Stream {
    type Item = StreamEntry<'a>;
    type IntoIter = StreamIter<'a>;

    fn into_iter(self) -> StreamIter<'a> {
        self.iter()
    }
}

impl PartialEq for Stream {
    fn eq(&self, other: &Self) -> bool {
        self.is_unchanged(other)
            || self.about == other.about
                && self.len() == other.len()
                && self.entries.iter().eq(other.entries.iter())
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("entries", &self.iter().collect::<Vec<_>>())
            .field("about", &self.about)
            .finish()
    }
}
