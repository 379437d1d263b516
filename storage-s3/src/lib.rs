//! Exuvia snapshots in S3, and in services that speak its protocol.
//!
//! ```no_run
//! use exuvia_snapshot_format::storage::{PutMode, SnapshotStorage};
//! use exuvia_storage_s3::{S3Options, S3Storage};
//!
//! let options = S3Options::new("s3://acme-backups/nightly")?.endpoint("localhost:9000")?;
//! let storage = S3Storage::open(options)?; // asks nothing of the service yet
//! storage.put("note", b"whole or not at all", PutMode::CreateNew)?;
//! for object in storage.list()? {
//!     println!("{} {}", object.name, object.bytes);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`S3Storage`] implements the storage port of `exuvia-snapshot-format`, so a store saves to a
//! bucket and loads from it as it does with a directory. The crate has a small runtime of its own:
//! its calls block the calling thread and may be made from anywhere, inside an async runtime or
//! outside.
//!
//! # Layers
//!
//! ```text
//! storage    the port                                     SnapshotStorage
//!   upload     one object on its way up, in parts         ObjectWriter
//!   download   ranged reads, several at a time            ObjectReader
//!     service    one method a request, repeated while that may help
//!       retry      how often, and with what pauses
//!       fault      what went wrong, in one sentence
//!       connect    client, region, plain HTTP or TLS;  credentials, tls, probe
//! options, location, endpoint   what an operator writes
//! ```
//!
//! # Consistency
//!
//! An object appears whole or not at all: small ones are one request, large ones a multipart
//! upload that is completed in the end. A reader keeps to the state of the object that it opened
//! (`If-Match`), and says so when it is gone.
//!
//! # Durability
//!
//! What the service has answered is durable as far as the service is. Giving an object up, for a
//! failure or because a save is cancelled, aborts its upload before the call returns, as far as
//! the service answers within some seconds. What a crash leaves, uploads that nobody completed, is
//! found and removed by a later start, once it is a day old.
//!
//! # Memory
//!
//! A writer holds the memory that its hint grants, but at least one part of [`PART_BYTES_MIN`], and
//! never more than that however long the object; see [`S3Options::part_bytes`].

#![forbid(unsafe_code)]

mod connect;
mod credentials;
mod download;
mod endpoint;
mod fault;
mod location;
mod options;
mod part_sizes;
mod parts;
mod probe;
mod retry;
mod service;
mod storage;
mod tls;
mod upload;
mod workers;

pub use endpoint::Endpoint;
pub use location::S3Location;
pub use options::{
    Addressing, ChecksumMode, InvalidS3Option, PART_BYTES_MAX, PART_BYTES_MIN, S3Options,
};
pub use storage::S3Storage;
