//! `exuvia snapshot`: looking at snapshots and salvaging them, without a server.
//!
//! ```text
//! arguments  what was asked for
//!   place    the directory, and which snapshot of it
//!     audit  reads every page, tells what is damaged and hands out what is sound
//!       list, info, verify, get, export, prune   one file a verb
//!     foreign  the same verbs for RDB files and Dragonfly's snapshots
//! ```
//!
//! Everything here only reads, except `prune`. What is found goes to standard output, in words or
//! as JSON; what an operator should know besides goes to standard error.

mod arguments;
mod audit;
mod bar;
mod export;
mod foreign;
mod get;
mod info;
mod json;
mod list;
mod place;
mod prune;
mod run;
#[cfg(test)]
mod tests;
mod time;
mod usage;
mod value;
mod verify;

pub(crate) use run::run;
