//! Hashes.

mod field;
mod number;
mod random;
mod read;

use super::spec::Spec;

/// Commands by file.
pub(super) const FIELD: &[Spec] = field::COMMANDS;
pub(super) const NUMBER: &[Spec] = number::COMMANDS;
pub(super) const RANDOM: &[Spec] = random::COMMANDS;
pub(super) const READ: &[Spec] = read::COMMANDS;
