//! Sets.

mod combine;
mod member;
mod random;

use super::spec::Spec;

/// Commands by file.
pub(super) const COMBINE: &[Spec] = combine::COMMANDS;
pub(super) const MEMBER: &[Spec] = member::COMMANDS;
pub(super) const RANDOM: &[Spec] = random::COMMANDS;
