//! An embeddable in-memory key-value engine whose speciality is the snapshot.
//!
//! ```
//! use exuvia::{Expiry, Options, Store};
//!
//! # let dir = tempfile::tempdir()?;
//! # let dir = dir.path();
//! let store = Store::open(Options::new(dir))?; // loads the newest snapshot
//! store.set(b"moth", b"dusk", Expiry::Never)?;
//! let cut = store.snapshot()?; //                  O(1): everything as of now
//! store.set(b"moth", b"dawn", Expiry::Never)?;
//! assert_eq!(cut.get(0, b"moth").as_deref(), Some(&b"dusk"[..]));
//! store.save()?.wait()?; //                        to disk, while others go on writing
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A [`Store`] is a lock-free hashtable that any number of threads read and write, with several
//! [databases](Store::database). A key holds a string or a [collection]. A [`Snapshot`] is a *cut* through it: all of it as of one instant,
//! without a fork, a copy or a pause. A [save](Store::save) walks a cut and streams it, page by
//! page, to a directory or to any other [storage](format::storage::SnapshotStorage); opening a
//! store loads the newest one back.
//!
//! # What things cost
//!
//! | operation | progress | cost |
//! |---|---|---|
//! | [`get`](Database::get), [`with`](Database::with) | wait-free | one lookup: at most six cache lines of slots, ordinarily one, and the entry |
//! | [`get_many`](Database::get_many) | wait-free | the same with sixteen lookups' cache misses overlapped |
//! | [`set`](Database::set), [`remove`](Database::remove), [`update`](Database::update) | lock-free | one lookup, one allocation, one compare-and-swap |
//! | [`update_collection`](Database::update_collection) | lock-free | one lookup, and O(log n) for each [change](collection#cost), whatever the length |
//! | [`transaction`](Store::transaction) | blocks only other transactions on the same keys | a lookup and two swaps a key written |
//! | [`snapshot`](Store::snapshot) | waits for writers between decision and publication, microseconds | O(1) |
//! | dropping a [`Snapshot`] | wait-free | O(1); history is freed in the background |
//! | [`clear`](Database::clear), [`clear_all`](Store::clear_all), [`swap_databases`](Store::swap_databases) | waits for running transactions | O(1); memory is freed in the background |
//! | [`save`](Store::save) | returns once the cut is taken | the rest happens on threads of its own, in bounded memory |
//!
//! An entry costs its key and value, 8 bytes, the allocator's rounding, and 9 to 17 bytes of
//! slots; an expiry costs 8 more, and a version written while a cut is open 16 more.
//!
//! # Consistency
//!
//! * Every operation on one key is linearizable.
//! * A cut contains exactly the operations that took effect before it, over all keys and all
//!   databases: if it contains a write, it contains every write that finished before that one
//!   began.
//! * A transaction is serializable. Cuts, [`get_many_atomic`](Database::get_many_atomic) and other
//!   transactions see all of it or nothing, and so do two reads of one thread, one after the
//!   other: the second never shows an older state than the first.
//! * [`scan`](Database::scan) is not a cut: it visits every key that is there throughout, once.
//! * A cut judges expiry by the time at which it was taken, everything else by the present.
//! * Memory kept for a cut is bounded by what was overwritten or removed in the ranges that it has
//!   not passed: [`Stats::superseded_bytes`] is the exact sum.
//!
//! # Durability
//!
//! A store is as durable as its last save. [`Save::wait`] returns once the snapshot is on stable
//! storage and its manifest, the commit record, was read back. A crash at any point leaves the
//! previous snapshot or the new one, complete, and no file that the next start does not remove.
//! Nothing that a manifest does not list is ever loaded. A store whose load failed refuses to
//! save: [`Error::NotLoaded`].
//!
//! # Blocking, async and threads
//!
//! [`Store`] and [`Database`] are `Clone + Send + Sync` and need no runtime. [`Store::open`],
//! [`Store::load`], [`Save::wait`] and [`Store::close`] block; [`Save`] is also a future for any
//! executor, and [`Store::open_in_background`] loads on a thread of its own. Closures that see
//! borrowed entries ([`with`](Database::with), [`get_many`](Database::get_many),
//! [`scan`](Database::scan), [`update`](Database::update)) hold back reclamation of memory while
//! they run: keep them short and never block in them.
//!
//! A store has one maintenance thread (expiry, compaction, freeing what is large), and a save or a
//! load has threads while it runs. Dropping the last handle saves nothing and waits for nothing.
//!
//! # Features
//!
//! * `uring` (default): local disk through `io_uring` with `O_DIRECT`, on Linux, where a probe
//!   finds that it works; brings `tokio-uring`. Without it a pool of threads does the same.
//! * `zstd` (default): compressed pages. Without it pages are stored raw, and compressed ones are
//!   refused by name.
//! * `test-hooks`: race points and a simulated disk, for tests.
//!
//! Without features the crate is table, cuts, and snapshots by ordinary system calls.
//!
//! # Platforms
//!
//! 64-bit targets with 48-bit user addresses. Developed and tested on x86-64 Linux; the memory
//! orderings are argued for weaker machines but were not run there. The oldest compiler that works
//! is the one in `rust-toolchain.toml`; raising it is a minor release. Snapshots of a format
//! version are readable by every later release.

#![deny(unsafe_code)]

mod clock;
pub mod collection;
mod database;
pub mod disk;
mod entry_ref;
mod error;
#[cfg(feature = "test-hooks")]
pub mod hooks;
#[cfg(not(feature = "test-hooks"))]
mod hooks;
mod lapse;
mod maintenance;
mod options;
#[cfg(feature = "rdb")]
pub mod rdb;
#[cfg(feature = "schedule")]
pub mod schedule;
pub mod snapshot;
mod stats;
mod store;
#[expect(unsafe_code, reason = "reclamation and announcements")]
mod sync;
#[expect(unsafe_code, reason = "entries and segments are followed by pointer, under a guard")]
mod table;
mod transaction;
mod tree;
mod value;
#[expect(unsafe_code, reason = "transactions' descriptors are followed by pointer, under a guard")]
mod version;

pub use clock::{Clock, ManualClock, SystemClock};
pub use collection::{
    Collection, CollectionType, Hash, Item, List, Set, SortedSet, Stream, StreamId,
};
pub use database::{
    Change, Condition, Database, Expiry, ExpiryChange, ScanCursor, SetOptions, SetOutcome,
};
pub use entry_ref::EntryRef;
pub use error::Error;
pub use exuvia_snapshot_format as format;
pub use exuvia_snapshot_format::ValueType;
pub use lapse::{Expired, Lapse};
pub use options::{Compression, IoMode, LoadMode, Options, SnapshotFormat};
pub use snapshot::{
    LoadReport, Progress, PruneReport, Save, SaveOptions, SavePhase, SaveStatus, Saved,
    TriggerCounts,
};
pub use stats::{DatabaseStats, Stats};
pub use store::{CutHold, ExpiryHold, KEY_BYTES_MAX, Store, Transaction, VALUE_BYTES_MAX};
pub use value::Value;
pub use version::{Snapshot, SnapshotEntry, Walk};
