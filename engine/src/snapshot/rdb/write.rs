//! From a walk over a cut to the events of a file.

use exuvia_rdb::{Event, RdbError, Writer};

use super::super::run::Run;
use super::super::stream::expires_at;
use super::super::walks::{WalkSlot, lock};
use super::destination::Destination;
use super::{item, while_writing};
use crate::version::{Step, Take, WalkEntry};
use crate::{Error, Item};

/// Bytes that are gathered under a walk's guard before they are written without it.
const HELD_BYTES_MAX: usize = 256 << 10;

/// Larger values are shared with the table and not copied under the guard.
const COPIED_BYTES_MAX: usize = 32 << 10;

/// A value that outlives the walk's guard.
struct Large {
    key: Box<[u8]>,
    expires_at_unix_ms: Option<u64>,
    item: Item,
}

/// What one round under the guard left.
struct Round<'w> {
    writer: &'w mut Writer<Destination>,
    database: &'w mut u16,
    large: Option<Large>,
    keys: u64,
    result: Result<(), RdbError>,
}

/// Writes everything that the walk in `slot` offers; returns the number of keys.
///
/// # Errors
///
/// [`Error::SaveCancelled`] if the walk was taken away, [`Error::Storage`], or
/// [`Error::Unsupported`] for what the file cannot hold.
pub(super) fn fill(
    writer: &mut Writer<Destination>,
    run: &Run,
    slot: &WalkSlot,
    name: &str,
) -> Result<u64, Error> {
    let broken = |error| while_writing(name, error);
    let (mut database, mut keys) = (0, 0);
    loop {
        if run.is_stopping() {
            return Err(Error::SaveCancelled);
        }
        writer.get_mut().hold();
        let mut round = Round {
            writer: &mut *writer,
            database: &mut database,
            large: None,
            keys: 0,
            result: Ok(()),
        };
        let step = match &mut *lock(slot) {
            Some(walk) => walk.advance(&mut |entry| round.offer(&entry)),
            None => return Err(Error::SaveCancelled),
        };
        let Round { large, keys: more, result, .. } = round;
        result.map_err(broken)?;
        writer.get_mut().release().map_err(|error| broken(error.into()))?;
        if let Some(large) = large {
            large.write(writer).map_err(broken)?;
        }
        keys += more;
        run.meter.add_records(more);
        if matches!(step, Step::Done) {
            drop(lock(slot).take());
            return Ok(keys);
        }
    }
}

impl Round<'_> {
    /// Copies an entry to memory. Runs under the walk's guard, so it never waits.
    fn offer(&mut self, entry: &WalkEntry<'_>) -> Take {
        self.result = self.take(entry);
        if self.result.is_err() {
            return Take::Stop;
        }
        self.keys += 1;
        let full = self.writer.get_mut().held_bytes() >= HELD_BYTES_MAX;
        if full || self.large.is_some() { Take::Stop } else { Take::Next }
    }

    fn take(&mut self, entry: &WalkEntry<'_>) -> Result<(), RdbError> {
        if entry.database != *self.database {
            *self.database = entry.database;
            self.writer.event(Event::Database(u32::from(entry.database)))?;
        }
        let expires_at_unix_ms = expires_at(entry.expiry);
        let large = |item| Large { key: entry.key.into(), expires_at_unix_ms, item };
        match entry.to_collection() {
            None if entry.value.len() > COPIED_BYTES_MAX => {
                self.large = Some(large(Item::String(entry.to_value())));
            }
            None => item::string(self.writer, entry.key, expires_at_unix_ms, entry.value)?,
            Some(collection) if collection.heap_bytes() > COPIED_BYTES_MAX as u64 => {
                self.large = Some(large(Item::Collection(collection)));
            }
            Some(collection) => {
                let item = Item::Collection(collection);
                let mut take = |event: Event<'_>| self.writer.event(event);
                item::events(entry.key, expires_at_unix_ms, &item, &mut take)?;
            }
        }
        Ok(())
    }
}

impl Large {
    fn write(&self, writer: &mut Writer<Destination>) -> Result<(), RdbError> {
        let mut take = |event: Event<'_>| writer.event(event);
        item::events(&self.key, self.expires_at_unix_ms, &self.item, &mut take)
    }
}
