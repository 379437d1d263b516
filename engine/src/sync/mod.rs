//! Threads, reclamation and announcements: what the concurrent core stands on.
//!
//! Every atomic of the engine comes from [`atomic`], so that a model checker can stand in.
//!
//! * [`reclaim`]: a thread is *pinned* while it holds pointers into the table; what is *retired*
//!   is freed once every thread that was pinned at that time has let go.
//! * [`announce`]: a writer *announces* the short stretch between reading the store's mode and
//!   publishing its entry, and a new cut waits until all such stretches have ended.
//! * [`rcu`]: a value that is replaced as a whole while others read it.

pub(crate) mod announce;
mod prefetch;
mod rcu;
pub(crate) mod reclaim;

pub(crate) use std::sync::atomic;

pub(crate) use prefetch::{prefetch, prefetch_bytes};
pub(crate) use rcu::RcuCell;
pub(crate) use reclaim::{Guard, pin};
