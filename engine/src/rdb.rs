//! Single values in Redis's form, to hand them from server to server.
//!
//! Whole stores travel as files: [`SnapshotFormat::Rdb`](crate::SnapshotFormat) writes one,
//! [`Store::load`](crate::Store::load) and opening a store read one.

pub use crate::snapshot::{dump, restore};
