//! Atomic steps over several keys, and what they leave to be told once they have taken effect.

use std::collections::VecDeque;

use exuvia::{Error, Expiry, Item, Transaction};

use super::Spec;
use crate::events::{Classes, Event, Events};
use crate::server::Server;
use crate::watched::Watched;

/// An atomic step, without the lifetime of the store it belongs to.
pub(crate) trait Step {
    fn item(&mut self, database: u16, key: &[u8]) -> Result<Option<(Item, Expiry)>, Error>;
    /// Stores a value; an empty collection removes the key.
    fn set(&mut self, database: u16, key: &[u8], item: Item, expiry: Expiry) -> Result<(), Error>;
    fn remove(&mut self, database: u16, key: &[u8]) -> Result<bool, Error>;
    /// Whether anybody is to hear of events.
    fn is_heard(&self) -> bool;
    /// Notes an event, behind those that were noted before.
    fn tell(&mut self, database: u16, key: &[u8], event: Event);
    /// Notes the event of the command that runs.
    fn tell_own(&mut self, database: u16, key: &[u8]);
}

impl dyn Step + '_ {
    /// Stores what is left of a collection, with the event of what was done to it.
    pub(crate) fn put(
        &mut self,
        (database, key): (u16, &[u8]),
        item: impl Into<Item>,
        expiry: Expiry,
        event: Event,
    ) -> Result<(), Error> {
        let item = item.into();
        let emptied = item.is_nothing();
        self.set(database, key, item, expiry)?;
        self.tell(database, key, event);
        if emptied {
            self.tell(database, key, Event::DEL);
        }
        Ok(())
    }

    /// Stores the result of the command, whatever was there, or removes the key if it is empty.
    pub(crate) fn put_result(
        &mut self,
        database: u16,
        key: &[u8],
        result: impl Into<Item>,
    ) -> Result<(), Error> {
        let result = result.into();
        if !result.is_nothing() {
            self.set(database, key, result, Expiry::Never)?;
            self.tell_own(database, key);
        } else if self.remove(database, key)? {
            self.tell(database, key, Event::DEL);
        }
        Ok(())
    }

    /// Notes that a key was looked for, if it was not found.
    pub(crate) fn looked_up(&mut self, database: u16, key: &[u8], found: bool) {
        if !found {
            self.tell(database, key, Event::KEY_MISS);
        }
    }
}

/// A transaction of the store that notes what it does, for those who are to hear of it.
pub(crate) struct Recorder<'t, 's, 'w> {
    transaction: &'t mut Transaction<'s>,
    written: &'t mut Written<'w>,
    /// The command that runs.
    spec: &'static Spec,
}

impl<'t, 's, 'w> Recorder<'t, 's, 'w> {
    pub(crate) fn new(
        transaction: &'t mut Transaction<'s>,
        written: &'t mut Written<'w>,
        spec: &'static Spec,
    ) -> Self {
        Self { transaction, written, spec }
    }

    /// Goes on with the command that is the number `index` of the transaction.
    pub(crate) fn begin(&mut self, index: usize, spec: &'static Spec) {
        self.written.command = index;
        self.spec = spec;
    }
}

impl Step for Recorder<'_, '_, '_> {
    fn item(&mut self, database: u16, key: &[u8]) -> Result<Option<(Item, Expiry)>, Error> {
        self.transaction.item(database, key)
    }

    fn set(&mut self, database: u16, key: &[u8], item: Item, expiry: Expiry) -> Result<(), Error> {
        self.written.add(database, key);
        let is_new = self.written.wants(Classes::NEW)
            && !item.is_nothing()
            && self.transaction.item(database, key)?.is_none();
        self.transaction.set_item(database, key, item, expiry)?;
        if is_new {
            self.tell(database, key, Event::NEW);
        }
        Ok(())
    }

    fn remove(&mut self, database: u16, key: &[u8]) -> Result<bool, Error> {
        let existed = self.transaction.remove(database, key)?;
        if existed {
            self.written.add(database, key);
        }
        Ok(existed)
    }

    fn is_heard(&self) -> bool {
        self.written.is_heard
    }

    fn tell(&mut self, database: u16, key: &[u8], event: Event) {
        self.written.tell(database, key, event);
    }

    fn tell_own(&mut self, database: u16, key: &[u8]) {
        if self.is_heard()
            && let Some(event) = Event::of(self.spec)
        {
            self.tell(database, key, event);
        }
    }
}

/// What a transaction writes, if somebody watches any key or hears of events.
#[derive(Debug)]
pub(crate) struct Written<'s> {
    watched: &'s Watched,
    events: &'s Events,
    is_heard: bool,
    keys: Vec<(u16, Box<[u8]>)>,
    told: VecDeque<Told>,
    /// Number of the command that runs.
    command: usize,
}

/// An event that waits until its transaction has taken effect.
#[derive(Debug)]
struct Told {
    command: usize,
    database: u16,
    key: Box<[u8]>,
    event: Event,
}

impl<'s> Written<'s> {
    pub(crate) fn new(server: &'s Server) -> Self {
        Self {
            watched: &server.watched,
            events: &server.events,
            is_heard: server.watched.any(),
            keys: Vec::new(),
            told: VecDeque::new(),
            command: 0,
        }
    }

    /// Begins anew, as the transaction does.
    pub(crate) fn restart(&mut self) {
        self.keys.clear();
        self.told.clear();
    }

    fn wants(&self, classes: Classes) -> bool {
        self.is_heard && self.events.wants(classes)
    }

    fn add(&mut self, database: u16, key: &[u8]) {
        if self.is_heard {
            self.keys.push((database, key.into()));
        }
    }

    fn tell(&mut self, database: u16, key: &[u8], event: Event) {
        if self.wants(event.class) {
            let command = self.command;
            self.told.push_back(Told { command, database, key: key.into(), event });
        }
    }

    /// Nothing was written after all. What was looked for in vain is told all the same.
    pub(crate) fn fail(mut self) -> Announcement<'s> {
        self.told.retain(|told| told.event == Event::KEY_MISS);
        Announcement { events: self.events, told: self.told }
    }

    /// Tells those who watch the keys, once the transaction has taken effect. The events are
    /// published as what is returned is asked to, or when it is dropped.
    pub(crate) fn take_effect(self) -> Announcement<'s> {
        for (database, key) in self.keys {
            self.watched.touch(database, &key);
        }
        Announcement { events: self.events, told: self.told }
    }
}

/// Events of a transaction that has taken effect.
#[derive(Debug)]
#[must_use = "events are published when it is dropped"]
pub(crate) struct Announcement<'s> {
    events: &'s Events,
    told: VecDeque<Told>,
}

impl Announcement<'_> {
    /// Publishes the events of the commands up to the number `command`.
    pub(crate) fn publish_up_to(&mut self, command: usize) {
        while let Some(told) = self.told.pop_front_if(|told| told.command <= command) {
            self.events.publish(told.database, &told.key, told.event);
        }
    }
}

impl Drop for Announcement<'_> {
    fn drop(&mut self) {
        self.publish_up_to(usize::MAX);
    }
}
