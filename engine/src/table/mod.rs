//! The table: lock-free, versioned, in hash order.
//!
//! A [`Keyspace`] is one database's table. Its hash space is cut into shards; a shard is a
//! copy-on-write [directory](directory) of [segments](segment), in the manner of extendible
//! hashing on the *high* bits, so that the order of segments is the order of hashes; a segment is
//! 512 slots; a slot is one atomic [word](word) that leads to an immutable [entry](entry).
//!
//! ```text
//! hash:  63 ── shard ── directory ──┬── .. ──┬─ 31..16 tag ─┬─ 15..0 home bucket ─┐
//! ```
//!
//! # The rules
//!
//! Each of these was broken once, and a test noticed. The code cites them by number.
//!
//! | rule | says | stands on |
//! |---|---|---|
//! | R1 | A write decides and publishes inside an announcement, opened before the mode is read; a new cut registers its final version, waits for all announcements, then bumps. | stress with race points, loom |
//! | R2 | A word owns its entry, and with `CHAIN` what the entry's link owns; the winner of a swap retires the difference. | allocation counts, `AddressSanitizer` |
//! | R3 | A write links the first entry that a cut needs, and `CHAIN` only if one below is needed. | chain bound test |
//! | R4 | A walk emits, moves its cursor, then trims; a writer publishes, stamps, then looks again. | cold-key test, loom |
//! | R5 | Publish, then load the global version, then stamp; whoever returns or skips an entry stamps it first. | observer tests, shuttle |
//! | R6 | Slots are claimed in one linear order and never emptied; a frozen empty slot is never passed over. | read-your-own-write test |
//! | R7 | No wrap-around: copying in slot order always fits. | model test on small segments |
//! | R8 | A frozen slot never changes; everything is frozen before anything is copied. | stress |
//! | R9 | One swap of the shard's root per replacement; the winner retires. | `AddressSanitizer` |
//! | R10 | A tombstone goes when no entry of its chain is needed. | point-in-time tests |
//! | R11 | No segment pointer outlives an operation. | by construction: nothing stores one |
//! | R12 | A walk stands on a hash; a split only refines, a merge is filtered by the hash. | each-key-once test |
//! | R13 | A link is read before its entry is retired. | by construction: `chain::nodes` |
//! | R15 | No guard is held across anything that can wait. | stalled-storage test |
//! | R17 | Nothing foreign runs inside an announcement. | slow-closure test |
//! | R18 | A walk sorts each segment by (hash, key). | order test of every snapshot |
//!
//! Databases are replaced as a whole (flush, load, swap) under the lock that also starts cuts, and
//! a cut holds the keyspaces it was taken with by count. That replaces versioned roots.
//!
//! Several keys change in one step through a [batch descriptor](crate::version::batch) instead of
//! latches: readers never wait for one, and writers only for keys that it is about to change.

mod chain;
mod commit;
mod content;
mod counters;
mod directory;
mod draft;
mod entry;
mod install;
mod keyspace;
mod maintain;
mod raw;
mod read;
mod replace;
mod scan;
mod segment;
mod shelf;
mod word;
mod write;

pub(crate) use commit::{Change, commit};
pub(crate) use content::{COPIED_BYTES_MAX, Content, Payload};
pub(crate) use counters::Counts;
pub(crate) use draft::Draft;
pub(crate) use entry::Entry;
pub(crate) use install::Observed;
pub(crate) use keyspace::Keyspace;
pub(crate) use maintain::{Care, Tended, tombstone};
pub(crate) use read::LOOKUP_BATCH;
pub(crate) use write::{Decision, Written};
