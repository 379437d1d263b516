//! Snapshots in a directory of the local machine.
//!
//! [`LocalDisk`] implements the storage port for a directory. It writes with direct I/O where the
//! file system allows it, so that a snapshot neither evicts the page cache nor ends in one long
//! `fsync`, and keeps several transfers in flight.
//!
//! # Layers
//!
//! ```text
//! volume   names, NAME.tmp, order of sync and rename          SnapshotStorage
//!   writer   buffers in a circle, padding, preallocation      ObjectWriter
//!   reader   ranged reads, change detection                   ObjectReader
//! ──────── file_system: the traits Directory and File ────────────────────────
//! os       the operating system                sim   memory that tears, loses, fills up, dies
//!   ring     transfers through io_uring
//!   threads  transfers through pread and pwrite
//! ```
//!
//! Everything above the line is one code for the real and the simulated disk: what a crash test
//! proves of the simulation holds for the steps that run in production.
//!
//! # Durability
//!
//! An object is written as `NAME.tmp`, truncated to its true length, synced, and renamed, which
//! never replaces another object. [`put`](crate::format::storage::SnapshotStorage::put), which
//! commits a snapshot, first syncs the directory, so that the names of all finished objects are
//! durable, and only then writes, syncs and renames its own and syncs the directory again.
//! A crash at any point leaves each name with its old content, its new content, or none, and
//! possibly a `.tmp` file, which nothing reads.
//!
//! # Cancel safety
//!
//! A transfer in flight owns its buffer and its file. Dropping a writer or reader unlinks what is
//! unfinished at once and leaves the transfers to end by themselves; their memory is freed then,
//! never earlier.

mod file_system;
mod lane;
mod local;
mod lock;
mod name;
mod os;
mod priority;
mod probe;
mod reader;
#[cfg(all(target_os = "linux", feature = "uring"))]
mod ring;
#[cfg(any(test, feature = "test-hooks"))]
pub mod sim;
#[cfg(test)]
mod tests;
mod threads;
mod volume;
mod writer;

pub use local::LocalDisk;
pub use lock::DirectoryLock;
pub use priority::lower_priority;
