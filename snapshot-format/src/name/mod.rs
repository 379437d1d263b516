//! Names: what a `dbfilename` means, and which files belong to a snapshot.
//!
//! A snapshot named B is its manifest `B-summary.dfs` and the parts that the manifest lists,
//! `B-0000-1a2b3c4d.dfs` and so on: number and start of the snapshot id. In RDB format it is
//! `B.rdb`. A file that is being written has `.tmp` behind its name.

mod file;
mod template;

pub use file::{
    SnapshotFile, SnapshotFileKind, manifest_name, part_name, rdb_name, temporary_name,
};
pub use template::{NameError, NameTemplate, SNAPSHOT_NAME_BYTES_MAX};
