//! Snapshots in S3: against a server in this process, with all the faults that one can have.

#![expect(clippy::unwrap_used, reason = "whatever fails here fails a test")]

mod crates;
mod download;
mod fixture;
mod names;
mod save;
mod storage;
mod sweep;
mod upload;
mod way;
