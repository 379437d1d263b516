//! Keyspace notifications: messages about what happens to keys, as Redis publishes them.
//!
//! `notify-keyspace-events` says which [classes](Classes) of events are published, and whether to
//! the channel of the key, of the event, or both. With none of them, which is the default, a write
//! costs what it cost before: the load that tells whether anybody watches a key tells this too,
//! since [publishing](Events) counts as one [watch](crate::watched::Watched) more.
//!
//! Most events follow from the command: [`Event::of`] gives each its class by its family and its
//! name by its own, and [`Keys`](crate::command::Keys) publishes it once a write has taken effect.
//! Commands whose events are others name them where they write. What has expired is told by the
//! engine, whoever removes it.
//!
//! Within a transaction events are [kept](crate::command::Written) until it has taken effect, and
//! published in the order of its commands. Two clients that write one key at the same moment may
//! have their events published in either order, whichever write came first: only the events of one
//! client are in order.

mod class;
mod event;
mod publisher;

pub(crate) use class::Classes;
pub(crate) use event::Event;
pub(crate) use publisher::Events;
