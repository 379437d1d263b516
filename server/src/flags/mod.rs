//! Flags: what can be configured, where a value may come from, and what it may be.
//!
//! One [table](table::FLAGS) drives the command line, the environment, flag files, `--help` and
//! `CONFIG`. Everything is checked before a thread starts or a file is touched.

mod check;
mod help;
mod kind;
mod settings;
mod source;
mod table;

pub(crate) use help::help;
pub(crate) use kind::{FlagValue, Kind, parse_bytes};
pub(crate) use settings::Settings;
pub(crate) use source::{Invocation, read};
pub(crate) use table::{Change, FLAGS, Flag, find};

#[cfg(test)]
mod tests;
