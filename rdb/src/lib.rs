//! Redis's RDB format in both directions, and Dragonfly's `.dfs` snapshots, as a stream of events.
//!
//! ```
//! use exuvia_rdb::{Event, Head, RdbError, Reader, ReadOptions, Shape, Version, WriteOptions, Writer};
//!
//! let mut writer = Writer::begin(Vec::new(), WriteOptions::new(Version::REDIS_9))?;
//! let head = Head { key: b"list", expires_at_unix_ms: None, shape: Shape::List { items: 2, bytes: 2 } };
//! for event in [Event::Begin(head), Event::Item(b"a"), Event::Item(b"b"), Event::End] {
//!     writer.event(event)?;
//! }
//! let file = writer.finish()?;
//!
//! let mut items = Vec::new();
//! let report = Reader::new(&file[..], ReadOptions::default()).read(&mut |event: Event<'_>| {
//!     if let Event::Item(item) = event {
//!         items.push(item.to_vec());
//!     }
//!     Ok::<_, RdbError>(())
//! })?;
//! assert_eq!((report.keys, items), (1, vec![b"a".to_vec(), b"b".to_vec()]));
//! # Ok::<(), RdbError>(())
//! ```
//!
//! [`Reader`] takes a file from any [`Read`](std::io::Read) and gives [`Event`]s to a [`Sink`];
//! [`Writer`] takes the same events and gives a file to any [`Write`](std::io::Write).
//! [`Dump`] and [`restore`] do the same for the payloads of `DUMP` and `RESTORE`, [`dragonfly`]
//! for the files of a Dragonfly snapshot.
//!
//! This is a crate of its own, and not a part of the snapshot format, because it shares nothing
//! with it: other bytes, other checksums, other codecs, no storage port. Whoever only keeps
//! snapshots in a bucket need not build a decoder for a neighbour's format.
//!
//! # What is read
//!
//! Versions 1 to 12 of Redis, with every encoding of strings, lists, sets, sorted sets, hashes and
//! streams that they have, and versions 80 and 81 of Valkey. Resize hints, slot sizes, idle times
//! and frequencies are read and left out. Function libraries, module data and state of a cluster
//! are refused by name, or left out and counted if [`ReadOptions::skip_unsupported`] says so.
//! What has no length, and so cannot be left out, is always refused.
//!
//! # What is written
//!
//! The version that the caller chooses, 9 to 12, in encodings that every version from 9 on reads:
//! Redis 5 and its successors, Valkey and Dragonfly. What the version cannot hold is refused with
//! [`RdbError::NeedsVersion`], which names the version that can.
//!
//! # Memory
//!
//! A reader holds a buffer of [`BUFFER_BYTES`], one key, and at most three strings of the file: a
//! compact encoding is a string, so it is held whole. No length in the file is believed before
//! its bytes have come: memory is at most a constant times the bytes read. A writer holds a buffer
//! and one node of a list or a stream. Nothing recurses.
//!
//! # Features
//!
//! `dragonfly`, on by default: the LZ4 and Zstandard blobs of Dragonfly's snapshots. Without it
//! they are refused by name; its uncompressed and LZF files are read all the same.

#![forbid(unsafe_code)]

mod blob;
mod checksum;
mod decimal;
pub mod dragonfly;
mod dump;
mod encoding;
mod error;
mod event;
mod input;
mod lzf;
mod opcode;
mod read;
mod version;
mod write;

pub use dump::{Dump, restore};
pub use error::{Fault, RdbError};
pub use event::{
    Consumer, Event, Fields, FieldsBuf, Group, Head, Pending, Shape, Sink, StreamCounters, StreamId,
};
pub use input::BUFFER_BYTES;
pub use read::{Properties, ReadOptions, Reader, Report, Skipped, read_properties};
pub use version::Version;
pub use write::{WriteOptions, Writer};
