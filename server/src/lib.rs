//! A Redis-compatible server on the [Exuvia](exuvia) engine.
//!
//! [`run()`] is the whole server; the `exuvia` binary calls it. [`resp`] is public for those who
//! test the protocol from outside.
//!
//! Commands run on the thread on which they arrive: the engine's table needs no owner. One
//! listener hands connections to as many threads as `--threads` says, each with a plain tokio
//! runtime; what blocks or takes long is kept away from them.

#![deny(unsafe_code)]

mod admin;
mod alone;
mod channels;
mod client;
mod command;
mod connection;
mod descriptors;
mod events;
mod fixed;
mod flags;
mod float;
mod gate;
mod glob;
mod housekeeping;
mod inert;
mod lifecycle;
mod listener;
mod log;
mod memory;
mod monitors;
mod number;
mod packing;
mod place;
pub mod resp;
mod run;
#[cfg(test)]
mod seed;
mod server;
mod shutdown;
mod signals;
mod slow;
mod stats;
mod surplus;
mod tls;
mod tool;
mod watched;

pub use run::run;
pub use surplus::CollectMemory;
