//! Clients: what others may know of a connection, and what only its own commands know.

mod address;
mod bounds;
mod entry;
mod mailbox;
mod registry;
mod session;

pub(crate) use address::Address;
pub(crate) use bounds::{Bounds, BoundsInForce};
pub(crate) use entry::{Arrived, ClientEntry, Signals, wake};
pub(crate) use mailbox::{Mail, Mailbox, Message};
pub(crate) use registry::Clients;
pub(crate) use session::{Queue, Queued, ReplyMode, Session, Watches};
