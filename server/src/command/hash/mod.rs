//! Hashes.

mod deadline;
mod expire;
mod extended;
mod field;
mod named;
mod number;
mod random;
mod read;
mod ttl;

use super::spec::Spec;

/// Commands by file.
pub(super) const FIELD: &[Spec] = field::COMMANDS;
pub(super) const NUMBER: &[Spec] = number::COMMANDS;
pub(super) const RANDOM: &[Spec] = random::COMMANDS;
pub(super) const READ: &[Spec] = read::COMMANDS;
pub(super) const EXPIRE: &[Spec] = expire::COMMANDS;
pub(super) const TTL: &[Spec] = ttl::COMMANDS;
pub(super) const EXTENDED: &[Spec] = extended::COMMANDS;
