//! A value on its way from events to what a store holds.

use exuvia_rdb::{Event, Shape};

use super::stream;
use crate::{Collection, Error, Expiry, Hash, Item, List, Set, SortedSet, Stream, Value};

/// Bytes of items that are put into a list at once, which costs a fraction of one by one.
const RUN_BYTES: usize = 64 << 10;

/// Why the elements of a value do not make one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Misfit {
    /// A member or a field is there twice.
    Duplicate,
    /// The parts of a stream contradict each other.
    Stream(&'static str),
    /// There is no type for it.
    Type(&'static str),
}

impl Misfit {
    /// What it means for the store, in the file `object` and for the key `key`.
    pub(super) fn into_error(self, object: &str, key: &[u8]) -> Error {
        let key = key[..key.len().min(64)].escape_ascii();
        let object = object.to_owned();
        match self {
            Self::Duplicate => {
                let reason = format!("key \"{key}\" has an element twice");
                Error::Corrupt { object, reason }
            }
            Self::Stream(what) => {
                let reason = format!("the stream in key \"{key}\" is invalid: {what}");
                Error::Corrupt { object, reason }
            }
            Self::Type(name) => {
                let reason = format!("key \"{key}\" holds a {name}, which is not supported");
                Error::Unsupported { object, reason }
            }
        }
    }
}

/// A value under construction.
#[derive(Debug)]
pub(super) struct Builder {
    item: Item,
    /// A stream, which is an item in the end.
    stream: Option<stream::Builder>,
    /// Items that are not in the list yet, end to end, and where each ends.
    run: Vec<u8>,
    ends: Vec<usize>,
    now_unix_ms: u64,
}

impl Builder {
    /// Begins a value; fields that have expired by `now_unix_ms` are left out.
    pub(super) fn begin(shape: Shape, now_unix_ms: u64) -> Result<Self, Misfit> {
        let stream = matches!(shape, Shape::Stream { .. }).then(stream::Builder::default);
        let item = match shape {
            Shape::Stream { .. } => Stream::new().into(),
            Shape::String => Item::String(Value::from(&b""[..])),
            Shape::List { .. } => List::new().into(),
            Shape::Set { .. } => Set::new().into(),
            Shape::SortedSet { .. } => SortedSet::new().into(),
            Shape::Hash { .. } => Hash::new().into(),
            other => return Err(Misfit::Type(other.name())),
        };
        Ok(Self { item, stream, run: Vec::new(), ends: Vec::new(), now_unix_ms })
    }

    /// Adds what `event` says; events that are none of the value's elements say nothing.
    pub(super) fn take(&mut self, event: Event<'_>) -> Result<(), Misfit> {
        if let Some(stream) = &mut self.stream {
            return stream.take(event);
        }
        let is_new = match (&mut self.item, event) {
            (Item::String(value), Event::Text(text)) => {
                *value = Value::from(text);
                true
            }
            (Item::Collection(Collection::List(list)), Event::Item(item)) => {
                self.run.extend_from_slice(item);
                self.ends.push(self.run.len());
                if self.run.len() >= RUN_BYTES {
                    flush(list, &mut self.run, &mut self.ends);
                }
                true
            }
            (Item::Collection(Collection::Set(set)), Event::Member(member)) => set.insert(member),
            (Item::Collection(Collection::SortedSet(set)), Event::Scored { member, score }) => {
                set.insert(member, score).is_none()
            }
            (
                Item::Collection(Collection::Hash(hash)),
                Event::Field { field, value, expires_at_unix_ms },
            ) => match expires_at_unix_ms {
                None => hash.insert(field, value),
                Some(at) if Expiry::At(at).is_past(self.now_unix_ms) => true,
                Some(at) => hash.insert_with_expiry(field, value, Expiry::At(at)),
            },
            _ => true,
        };
        if is_new { Ok(()) } else { Err(Misfit::Duplicate) }
    }

    /// The value; `None` for a collection without elements, which no key holds.
    pub(super) fn finish(self) -> Result<Option<Item>, Misfit> {
        let item = self.into_item()?;
        Ok((!item.is_nothing()).then_some(item))
    }

    /// The value, which may be a collection without elements.
    pub(super) fn into_item(mut self) -> Result<Item, Misfit> {
        if let Some(stream) = self.stream.take() {
            self.item = stream.finish()?.into();
        }
        if let Item::Collection(Collection::List(list)) = &mut self.item {
            flush(list, &mut self.run, &mut self.ends);
        }
        Ok(self.item)
    }
}

fn flush(list: &mut List, run: &mut Vec<u8>, ends: &mut Vec<usize>) {
    let mut start = 0;
    list.extend_back(ends.iter().map(|&end| {
        let item = &run[start..end];
        start = end;
        item
    }));
    run.clear();
    ends.clear();
}
