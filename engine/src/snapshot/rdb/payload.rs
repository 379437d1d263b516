//! Payloads of `DUMP` and `RESTORE`: one value, as Redis hands it from server to server.

use exuvia_rdb::{Dump, Event, ReadOptions, Sink, Version, WriteOptions, restore as read};

use super::builder::{Builder, Misfit};
use super::{Failure, item, while_writing};
use crate::{Error, Item};

/// What messages call a payload.
const PAYLOAD: &str = "the payload";

/// Writes `item` in Redis's form of a single value, in the lowest version that holds it.
///
/// Redis from 5 on, Valkey and Dragonfly restore it, or from the version on that has what it
/// holds: 7.0 for the counters of streams, 7.4 for fields that expire.
///
/// # Errors
///
/// [`Error::Unsupported`] for a value that no payload holds.
///
/// # Examples
///
/// ```
/// use exuvia::{Item, Value, rdb};
///
/// let item = Item::from(Value::from(&b"text"[..]));
/// let payload = rdb::dump(&item)?;
/// assert_eq!(rdb::restore(&payload, 0)?, item);
/// # Ok::<(), exuvia::Error>(())
/// ```
pub fn dump(item: &Item) -> Result<Vec<u8>, Error> {
    let highest = Version::REDIS_12.number();
    let version = match item {
        Item::String(_) => None,
        Item::Collection(collection) => item::version_of(collection, highest),
    };
    let version = version.map_or(Version::REDIS_9, |(version, _)| Version::Redis(version));
    let broken = |error| while_writing(PAYLOAD, error);
    let mut dump = Dump::begin(WriteOptions::new(version)).map_err(broken)?;
    item::events(b"", None, item, &mut |event| dump.event(event)).map_err(broken)?;
    dump.finish().map_err(broken)
}

/// Reads a payload that [`dump`], Redis, Valkey or Dragonfly wrote. Fields that have expired by
/// `now_unix_ms` are left out; a collection without elements is [`Item`]'s empty one, which no key
/// holds.
///
/// # Errors
///
/// [`Error::Corrupt`] for a checksum or a version that is wrong, and for a value that is not what
/// any server writes; [`Error::Unsupported`] for one of a type that this engine does not have.
pub fn restore(payload: &[u8], now_unix_ms: u64) -> Result<Item, Error> {
    let mut taker = Taker { builder: None, now_unix_ms };
    read(b"", payload, ReadOptions::default(), &mut taker)
        .map_err(|failure: Failure| failure.of(PAYLOAD))?;
    match taker.builder.map(Builder::into_item) {
        Some(Ok(item)) => Ok(item),
        Some(Err(misfit)) => Err(misfit.into_error(PAYLOAD, b"")),
        None => Err(Misfit::Type("value").into_error(PAYLOAD, b"")),
    }
}

struct Taker {
    builder: Option<Builder>,
    now_unix_ms: u64,
}

impl Sink for Taker {
    type Error = Failure;

    fn event(&mut self, event: Event<'_>) -> Result<(), Failure> {
        let taken = match (event, &mut self.builder) {
            (Event::Begin(head), builder) => {
                Builder::begin(head.shape, self.now_unix_ms).map(|begun| *builder = Some(begun))
            }
            (event, Some(builder)) => builder.take(event),
            (_, None) => Ok(()),
        };
        Ok(taken.map_err(|misfit| misfit.into_error(PAYLOAD, b""))?)
    }
}
