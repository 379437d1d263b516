//! Lists.

mod edit;
mod end;
mod pop;
mod push;
mod read;

use super::spec::Spec;

/// Commands by file.
pub(super) const EDIT: &[Spec] = edit::COMMANDS;
pub(super) const POP: &[Spec] = pop::COMMANDS;
pub(super) const PUSH: &[Spec] = push::COMMANDS;
pub(super) const READ: &[Spec] = read::COMMANDS;
