//! One client's connection: a task on one of the connection threads.
//!
//! ```text
//! read ─► parse everything received ─► run it, replies collect ─► one write ─► read ..
//! ```
//!
//! A client that does not read its replies stops being read from once they pass a limit; nobody
//! else notices. Between two reads a connection holds no buffers.

mod exchange;
mod execute;
mod http;
mod lookahead;
mod stream;
mod task;
mod together;

pub(crate) use stream::Stream;
pub(crate) use task::{Connection, forget_subscriptions};
