//! Publishing events.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use exuvia::{Database, Expired, Lapse};

use super::{Classes, Event};
use crate::channels::Channels;
use crate::watched::Watched;

/// Publishes events of the classes that are wanted.
#[derive(Debug, Default)]
pub(crate) struct Events {
    classes: AtomicU32,
    pub(crate) channels: Arc<Channels>,
    /// Publishing anything counts as one watch more.
    pub(crate) watched: Arc<Watched>,
}

impl Events {
    /// The classes that are published.
    pub(crate) fn classes(&self) -> Classes {
        // Relaxed: whoever is to see a change has had the reply of the command that made it.
        Classes::from_bits(self.classes.load(Ordering::Relaxed))
    }

    /// Publishes these classes from here on.
    pub(crate) fn configure(&self, classes: Classes) {
        let before = Classes::from_bits(self.classes.swap(classes.bits(), Ordering::Relaxed));
        match (before.publish(), classes.publish()) {
            (false, true) => self.watched.watch_all(),
            (true, false) => self.watched.unwatch_all(),
            (false, false) | (true, true) => {}
        }
    }

    /// Whether events of any of these classes are published.
    pub(crate) fn wants(&self, classes: Classes) -> bool {
        let wanted = self.classes();
        wanted.publish() && wanted.any(classes)
    }

    /// Publishes an event, if its class is wanted.
    pub(crate) fn publish(&self, database: u16, key: &[u8], event: Event) {
        let wanted = self.classes();
        if !wanted.any(event.class) {
            return;
        }
        if wanted.any(Classes::KEYSPACE) {
            let mut channel = format!("__keyspace@{database}__:").into_bytes();
            channel.extend_from_slice(key);
            self.channels.publish(&channel, event.name.as_bytes());
        }
        if wanted.any(Classes::KEYEVENT) {
            let channel = format!("__keyevent@{database}__:{}", event.name);
            self.channels.publish(channel.as_bytes(), key);
        }
    }

    /// Publishes what the engine tells of.
    pub(crate) fn expired(&self, expired: Expired<'_>) {
        let Expired { database, key, lapse, .. } = expired;
        match lapse {
            Lapse::Elements => self.publish(database, key, Event::HEXPIRED),
            Lapse::LastElements => {
                self.publish(database, key, Event::HEXPIRED);
                self.publish(database, key, Event::DEL);
            }
            _ => self.publish(database, key, Event::EXPIRED),
        }
    }

    /// Publishes that a live key was looked for in vain. If it was there and has expired, it is
    /// removed first, so that this is known too by then.
    #[cold]
    pub(crate) fn missed(&self, database: &Database, key: &[u8]) {
        self.expire(database, key);
        self.publish(database.index(), key, Event::KEY_MISS);
    }

    /// Removes a live key if it has expired.
    pub(crate) fn expire(&self, database: &Database, key: &[u8]) {
        if self.classes().publish() {
            database.remove_expired(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_are_looked_at_only_while_something_is_published() {
        let events = Events::default();
        for (letters, any) in [("A", false), ("AK", true), ("gE", true), ("K", false), ("", false)]
        {
            events.configure(Classes::parse(letters).unwrap());
            assert_eq!(events.watched.any(), any, "{letters}");
            assert_eq!(events.wants(Classes::GENERIC), any, "{letters}");
        }
    }
}
