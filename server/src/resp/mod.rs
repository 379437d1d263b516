//! The wire protocol: RESP2 and RESP3, and inline commands as a person types them.
//!
//! [`Input`] holds what a client sent and cuts it into commands whose arguments are slices of the
//! bytes received. [`Output`] holds the replies until the socket takes them. Neither does I/O.

mod args;
mod inline;
mod input;
mod output;
mod pool;
mod reply;

pub use args::Args;
pub(crate) use args::OwnedArgs;
pub use input::{Command, Input, Limits, ProtocolError};
pub(crate) use output::Source;
pub use output::{Mark, Output};
pub use reply::Protocol;
