//! Streams and their groups of consumers.

mod add;
mod claim;
mod delivery;
mod entries;
mod group;
mod id;
mod info;
mod pending;
mod read;
mod reply;
mod trim;

pub(super) use add::COMMANDS as ADD;
pub(super) use claim::COMMANDS as CLAIM;
pub(super) use entries::COMMANDS as ENTRIES;
pub(super) use group::COMMANDS as GROUP;
pub(super) use info::COMMANDS as INFO;
pub(super) use pending::COMMANDS as PENDING;
pub(super) use read::COMMANDS as READ;
