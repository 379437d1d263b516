//! Exuvia: an embeddable in-memory key-value engine with constant-time snapshots.

mod clock;
mod database;
pub mod disk;
mod error;
#[cfg_attr(not(feature = "test-hooks"), expect(unreachable_pub, dead_code))]
pub mod hooks;
mod maintenance;
mod options;
pub mod snapshot;
mod stats;
mod store;
mod sync;
mod table;
mod transaction;
mod value;
mod version;

pub use clock::{Clock, ManualClock, SystemClock};
pub use database::{
    Change, Condition, Database, EntryRef, Expiry, ExpiryChange, ScanCursor, SetOptions, SetOutcome,
};
pub use error::Error;
pub use exuvia_snapshot_format as format;
pub use options::{Compression, IoMode, LoadMode, Options};
pub use snapshot::{LoadReport, Progress, Save, SaveOptions, SavePhase, SaveStatus, Saved, TriggerCounts};
pub use version::{Snapshot, SnapshotEntry, Walk};
pub use stats::{DatabaseStats, Stats};
pub use store::{KEY_BYTES_MAX, Store, Transaction, VALUE_BYTES_MAX};
pub use value::Value;
