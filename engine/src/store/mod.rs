//! The store: databases, their snapshots, and the way from a caller to a table.
//!
//! * [`Store`]: what an embedder holds.
//! * [`Inner`]: what all handles share.
//! * [`Roots`]: the tables of all databases, replaced as a whole by flushes, loads and swaps.
//! * [`Staged`]: tables that a load fills beside the live ones.

mod handle;
mod inner;
mod limits;
mod roots;
mod staged;

pub use crate::transaction::Transaction;
pub use handle::{CutHold, ExpiryHold, Store};
pub(crate) use inner::Inner;
pub use limits::{KEY_BYTES_MAX, VALUE_BYTES_MAX};
pub(crate) use limits::{check_item, check_key, check_value};
pub(crate) use roots::Roots;
pub(crate) use staged::Staged;
