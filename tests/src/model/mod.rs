//! The reference model: a [`Log`] of operations, and states that are folds over a prefix of it.
//!
//! It knows nothing of hashes, versions or threads. A cut is a position in the log, and what the
//! cut must show is the fold up to there, judged by the clock that the fold ends with.
//! [`State`] and the engine's [`Subject`] perform the same [`Op`]s and answer with the same
//! [`Outcome`]s, so every test of the engine against the model is one comparison.
//!
//! [`Script`] turns random words into operations and snapshots taken, read and dropped among
//! them; property tests and the fuzz target share it.

mod bytes;
mod log;
mod op;
mod script;
mod state;
mod subject;

pub use bytes::Bytes;
pub use log::Log;
pub use op::{Access, Edit, Op, Outcome, Place};
pub use script::{DATABASES, Script, Step};
pub use state::{Contents, Item, State, is_expired};
pub use subject::Subject;
