//! Telling what a command has done to its keys: those who watch them, and those who hear of events.

use exuvia::{Change, Expiry, ExpiryChange, Item};

use super::{Failure, Keys};
use crate::events::Event;

/// Events of one write, in order.
pub(super) type Told = [Option<Event>; 2];

/// What a write has done to its key.
#[derive(Clone, Copy)]
pub(super) enum Wrote {
    Nothing { existed: bool },
    Value { existed: bool, expires: bool },
    Expiry(Expiry),
    Removal,
}

impl Wrote {
    pub(super) fn by(change: &Change, existed: bool) -> Self {
        let expires = |expiry: &ExpiryChange| matches!(expiry, ExpiryChange::Set(Expiry::At(_)));
        match change {
            Change::Set(_, expiry) => Self::Value { existed, expires: expires(expiry) },
            Change::Expire(expiry) if existed => Self::Expiry(*expiry),
            Change::Remove if existed => Self::Removal,
            Change::Keep | Change::Expire(_) | Change::Remove => Self::Nothing { existed },
        }
    }
}

/// What was done to a collection.
#[derive(Clone, Copy)]
pub(super) struct Edit {
    pub(super) changed: bool,
    /// Whether the key was there before, and is there after.
    existed: bool,
    exists: bool,
}

impl Edit {
    pub(super) fn new(before: &Item, after: &Item) -> Self {
        let (existed, exists) = (!before.is_nothing(), !after.is_nothing());
        Self { changed: !after.is_unchanged(before), existed, exists }
    }
}

impl Keys<'_> {
    /// Whether anybody is to hear of what happens to live keys.
    #[inline]
    pub(super) fn is_heard(&self) -> bool {
        self.server.watched.any()
    }

    /// Tells those who watch a live key, or hear of events, what a write has done to it.
    #[inline]
    pub(super) fn wrote(&mut self, key: &[u8], wrote: Wrote) {
        if self.is_heard() {
            self.tell(key, wrote);
        }
    }

    /// Tells what a write has done, live or within a step, which notes by itself that a key is new
    /// and that it was written.
    #[cold]
    pub(super) fn tell(&mut self, key: &[u8], wrote: Wrote) {
        let events = match wrote {
            Wrote::Nothing { existed } => {
                if !existed && self.step.is_none() {
                    self.server.events.expire(self.database, key);
                }
                return;
            }
            Wrote::Value { existed, expires } => [
                (!existed && self.step.is_none()).then_some(Event::NEW),
                Event::of(self.spec),
                expires.then_some(Event::EXPIRE),
            ],
            Wrote::Expiry(Expiry::Never) => [Some(Event::PERSIST), None, None],
            Wrote::Expiry(Expiry::At(_)) => [Some(Event::EXPIRE), None, None],
            Wrote::Removal => [Some(Event::DEL), None, None],
        };
        self.tell_all(key, events.into_iter().flatten());
    }

    /// Tells of events, and that the key was written.
    fn tell_all(&mut self, key: &[u8], events: impl Iterator<Item = Event>) {
        let index = self.database.index();
        if let Some(step) = &mut self.step {
            events.for_each(|event| step.tell(index, key, event));
            return;
        }
        self.server.watched.touch(index, key);
        events.for_each(|event| self.server.events.publish(index, key, event));
    }

    /// Counts a hit or a miss, and tells of a miss.
    #[inline]
    pub(crate) fn looked_up(&mut self, key: &[u8], found: bool) {
        self.stats.looked_up(found);
        if !found {
            self.missed(key);
        }
    }

    /// Counts a hit or a miss of a string; a collection in its place is no miss to tell of.
    pub(super) fn looked_up_string(&mut self, key: &[u8], found: bool) -> Result<(), Failure> {
        self.stats.looked_up(found);
        if !found && self.is_heard() && !self.contains(key)? {
            self.missed(key);
        }
        Ok(())
    }

    /// Tells of a miss where a write looks for its key as a read does, if anybody is to hear of it.
    pub(crate) fn sought(&mut self, key: &[u8]) -> Result<(), Failure> {
        if self.is_heard() && !self.contains(key)? {
            self.missed(key);
        }
        Ok(())
    }

    /// Tells that a key is not there that was looked for.
    pub(crate) fn missed(&mut self, key: &[u8]) {
        match &mut self.step {
            Some(step) => step.tell(self.database.index(), key, Event::KEY_MISS),
            None if self.server.watched.any() => self.server.events.missed(self.database, key),
            None => {}
        }
    }

    /// Tells what was done to a collection.
    #[cold]
    pub(super) fn edited(&mut self, key: &[u8], edit: Edit, events: Told) {
        if !edit.changed && events == [None; 2] {
            return self.tell(key, Wrote::Nothing { existed: edit.existed });
        }
        let is_new = edit.changed && !edit.existed && self.step.is_none();
        let is_gone = edit.changed && edit.existed && !edit.exists;
        let events = [is_new.then_some(Event::NEW), events[0], events[1]];
        let events = events.into_iter().chain([is_gone.then_some(Event::DEL)]);
        self.tell_all(key, events.flatten());
    }
}
