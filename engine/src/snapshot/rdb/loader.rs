//! The keys of a file on their way into a store.

use exuvia_rdb::{Event, Head, Shape, Sink};

use super::super::sink::Counts;
use super::Failure;
use super::builder::{Builder, Misfit};
use crate::format::{HashSeed, hash_key};
use crate::store::{Staged, check_item, check_key, check_value};
use crate::table::{Content, Payload};
use crate::{Database, Error, Expiry, Item, Value};

/// Is told of a key: its database, itself, what it holds, and when it expires.
pub(super) type Tell<'t> = dyn Fn(u16, &[u8], Item, Expiry) -> Result<(), Error> + Sync + 't;

/// Where keys go.
#[derive(Clone, Copy)]
pub(super) enum Place<'p> {
    /// Into tables beside the live ones, hashed by this seed.
    Aside(&'p Staged, HashSeed),
    /// Into the live databases.
    Live(&'p [Database]),
    /// To somebody who looks at them, each with its database.
    Told(&'p Tell<'p>),
    /// Nowhere: they are only checked.
    Nowhere,
}

/// Takes the events of a file and stores its keys.
pub(super) struct Loader<'p> {
    place: Place<'p>,
    now_unix_ms: u64,
    databases: u16,
    object: &'p str,
    database: u32,
    key: Vec<u8>,
    expiry: Expiry,
    /// The collection that the key holds.
    building: Option<Builder>,
    counts: Counts,
    empty: u64,
}

impl<'p> Loader<'p> {
    /// A loader of the file `object` into `place`, which has so many databases.
    pub(super) fn new(place: Place<'p>, databases: u16, now_unix_ms: u64, object: &'p str) -> Self {
        Self {
            place,
            now_unix_ms,
            databases,
            object,
            database: 0,
            key: Vec::new(),
            expiry: Expiry::Never,
            building: None,
            counts: Counts::default(),
            empty: 0,
        }
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    /// Keys whose collection had no elements, which are not stored.
    pub(super) fn empty(&self) -> u64 {
        self.empty
    }

    fn begin(&mut self, head: &Head<'_>) -> Result<(), Error> {
        if self.database >= u32::from(self.databases) {
            let needed = self.database.saturating_add(1);
            return Err(Error::TooFewDatabases { database: self.database, needed });
        }
        self.key.clear();
        self.key.extend_from_slice(head.key);
        self.expiry = match head.expires_at_unix_ms {
            None => Expiry::Never,
            Some(unix_ms) => Expiry::At(unix_ms),
        };
        check_key(head.key)?;
        if head.shape != Shape::String {
            let building = Builder::begin(head.shape, self.now_unix_ms);
            self.building = Some(building.map_err(|misfit| self.refuse(misfit))?);
        }
        Ok(())
    }

    /// Counts the key, and tells whether it is to be stored.
    fn admit(&mut self) -> bool {
        let expired = self.expiry.is_past(self.now_unix_ms);
        *if expired { &mut self.counts.expired } else { &mut self.counts.stored } += 1;
        !expired
    }

    fn string(&mut self, value: &[u8]) -> Result<(), Error> {
        check_value(value)?;
        if !self.admit() {
            return Ok(());
        }
        // Checked against the number of databases when the key began.
        let database = self.database as u16;
        match self.place {
            Place::Aside(staged, seed) => {
                let hash = hash_key(seed, &self.key);
                let payload = Payload::borrowed(value);
                staged.insert(
                    database,
                    hash,
                    Content { key: &self.key, payload, expiry: self.expiry },
                )
            }
            Place::Live(databases) => {
                databases[usize::from(database)].set(&self.key, value, self.expiry).map(|_| ())
            }
            Place::Told(tell) => tell(database, &self.key, Value::from(value).into(), self.expiry),
            Place::Nowhere => Ok(()),
        }
    }

    fn end(&mut self) -> Result<(), Error> {
        let Some(builder) = self.building.take() else { return Ok(()) };
        let item = builder.finish().map_err(|misfit| self.refuse(misfit))?;
        let Some(item) = item else {
            self.empty += 1;
            return Ok(());
        };
        check_item(&item)?;
        if self.admit() { self.item(item) } else { Ok(()) }
    }

    fn item(&mut self, mut item: Item) -> Result<(), Error> {
        let database = self.database as u16;
        match self.place {
            Place::Aside(staged, seed) => {
                let hash = hash_key(seed, &self.key);
                let payload = Payload::of_item(&mut item);
                staged.insert(
                    database,
                    hash,
                    Content { key: &self.key, payload, expiry: self.expiry },
                )
            }
            Place::Live(databases) => {
                databases[usize::from(database)].set_item(&self.key, item, self.expiry).map(|_| ())
            }
            Place::Told(tell) => tell(database, &self.key, item, self.expiry),
            Place::Nowhere => Ok(()),
        }
    }

    /// Refuses the value of the current key.
    fn refuse(&self, misfit: Misfit) -> Error {
        misfit.into_error(self.object, &self.key)
    }
}

impl Sink for Loader<'_> {
    type Error = Failure;

    fn event(&mut self, event: Event<'_>) -> Result<(), Failure> {
        match event {
            Event::Aux { .. } | Event::SizeHint { .. } => {}
            Event::End => self.end()?,
            Event::Database(number) => self.database = number,
            Event::Begin(head) => self.begin(&head)?,
            Event::Text(value) => self.string(value)?,
            element => {
                let added = self.building.as_mut().map_or(Ok(()), |value| value.take(element));
                added.map_err(|misfit| self.refuse(misfit))?;
            }
        }
        Ok(())
    }
}
