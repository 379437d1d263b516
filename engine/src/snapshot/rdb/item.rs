//! What a key holds, as events.

use std::io::Write;

use exuvia_rdb::{Event, Head, RdbError, Shape, Writer};

use super::stream;
use crate::{Collection, Error, Expiry, Hash, Item};

/// Writes a string.
pub(super) fn string<W: Write>(
    writer: &mut Writer<W>,
    key: &[u8],
    expires_at_unix_ms: Option<u64>,
    value: &[u8],
) -> Result<(), RdbError> {
    writer.event(Event::Begin(Head { key, expires_at_unix_ms, shape: Shape::String }))?;
    writer.event(Event::Text(value))?;
    writer.event(Event::End)
}

/// Gives what a key holds to `take`, from beginning to end.
pub(super) fn events<E>(
    key: &[u8],
    expires_at_unix_ms: Option<u64>,
    item: &Item,
    take: &mut dyn FnMut(Event<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let shape = match item {
        Item::String(_) => Shape::String,
        Item::Collection(collection) => shape(collection),
    };
    take(Event::Begin(Head { key, expires_at_unix_ms, shape }))?;
    match item {
        Item::String(value) => take(Event::Text(value))?,
        Item::Collection(collection) => elements(collection, take)?,
    }
    take(Event::End)
}

fn shape(collection: &Collection) -> Shape {
    match collection {
        Collection::List(list) => Shape::List { items: list.len(), bytes: collection.heap_bytes() },
        Collection::Set(set) => Shape::Set { members: set.len() },
        Collection::SortedSet(set) => Shape::SortedSet { members: set.len() },
        Collection::Hash(hash) => {
            let expiry_floor_unix_ms = unix_ms(hash.next_expiry());
            Shape::Hash { fields: hash.len(), expiry_floor_unix_ms }
        }
        Collection::Stream(stream) => {
            Shape::Stream { entries: stream.len(), bytes: collection.heap_bytes() }
        }
    }
}

fn elements<E>(
    collection: &Collection,
    take: &mut dyn FnMut(Event<'_>) -> Result<(), E>,
) -> Result<(), E> {
    match collection {
        Collection::List(list) => list.iter().try_for_each(|item| take(Event::Item(item))),
        Collection::Set(set) => set.iter().try_for_each(|member| take(Event::Member(member))),
        Collection::SortedSet(set) => {
            set.iter().try_for_each(|(member, score)| take(Event::Scored { member, score }))
        }
        Collection::Hash(hash) => fields(hash, take),
        Collection::Stream(stream) => stream::events(stream, take),
    }
}

fn fields<E>(hash: &Hash, take: &mut dyn FnMut(Event<'_>) -> Result<(), E>) -> Result<(), E> {
    let expires = hash.next_expiry() != Expiry::Never;
    hash.iter().try_for_each(|(field, value)| {
        let expiry = if expires { hash.expiry(field) } else { None };
        let expires_at_unix_ms = expiry.and_then(unix_ms);
        take(Event::Field { field, value, expires_at_unix_ms })
    })
}

fn unix_ms(expiry: Expiry) -> Option<u64> {
    match expiry {
        Expiry::Never => None,
        Expiry::At(unix_ms) => Some(unix_ms),
    }
}

/// The lowest version that holds a collection, and what of it the versions below lose, if up to
/// `highest` is allowed.
pub(super) fn version_of(collection: &Collection, highest: u16) -> Option<(u16, &'static str)> {
    match collection {
        Collection::Hash(hash) if hash.next_expiry() != Expiry::Never => {
            Some((12, "fields that expire"))
        }
        // Those of versions below 10 have no counters at all, so nothing that they know is lost.
        Collection::Stream(stream) if stream::has_counters(stream) && highest >= 10 => {
            Some((10, "counters of a stream"))
        }
        _ => None,
    }
}

/// Refuses a key whose value the highest version that may be written has no place for.
pub(super) fn refuse(object: &str, key: &[u8], what: &str, needed: u16, highest: u16) -> Error {
    let key = key[..key.len().min(64)].escape_ascii();
    Error::Unsupported {
        object: object.to_owned(),
        reason: format!(
            "key \"{key}\" has {what}, which need RDB version {needed}; versions up to {highest} \
             are allowed"
        ),
    }
}
