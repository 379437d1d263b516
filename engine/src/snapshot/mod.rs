//! Saving a store and loading it back.
//!
//! A snapshot is a set of objects in a [storage](crate::format::storage): parts, each a range of
//! hashes, and a manifest that lists them. The manifest is put last and is the commit: without a
//! sound one there is no snapshot, and nothing that no manifest lists is ever read.
//!
//! # Saving
//!
//! [`Store::save`](crate::Store::save) takes a cut on the calling thread and returns. From there
//! on one coordinating thread and one thread a part do the work; [`SavePhase`] has the states.
//! Clients never wait: a slow storage slows the save, and what clients overwrite meanwhile is
//! kept for the cut, up to the limit set, past which the save is aborted. A save that fails or is
//! cancelled removes what it wrote and leaves earlier snapshots as they were.
//!
//! # Loading
//!
//! Opening a store loads the newest snapshot that its name template matches, by (cut time,
//! sequence number) in the manifest. Every page is checked; the records go into fresh keyspaces
//! that replace the live ones in one step when all of them are there, so a load that fails changes
//! nothing. [`LoadMode`](crate::LoadMode) says what a damaged snapshot leads to. A storage that
//! cannot be read is never taken for an empty one: the load tries again for a while and then
//! fails, and a store whose load failed never saves.
//!
//! # Retention
//!
//! With [`Options::retain`](crate::Options::retain) a published save is followed by the removal of
//! older snapshots, those that the name template matches and that are complete: a sound manifest
//! and every part there, in full length and beginning like one of ours. What stays in any case is
//! the newest of them, the newest that holds keys, and whatever is damaged, which is evidence.
//! Manifests are removed first, and durably, then parts: whatever interrupts it, no half of a
//! snapshot is ever taken for a whole one. [`prune`] does the same without a store.
//!
//! # Looking
//!
//! [`list`], [`info`] and [`verify`] need no store, only the storage. So do `foreign_info` and
//! `read_foreign`, with the feature `rdb`, for files in other formats.

mod archive;
mod budget;
mod catalog;
mod completion;
mod estimate;
mod fault;
mod handle;
mod limit;
mod load;
mod meter;
mod patience;
mod phase;
mod pieces;
mod place;
mod progress;
mod publish;
#[cfg(feature = "rdb")]
mod rdb;
mod report;
mod restore;
mod retain;
mod run;
mod save;
mod select;
mod sink;
mod status;
mod stream;
mod survey;
mod sweep;
#[cfg(test)]
mod tests;
mod walks;

pub(crate) use archive::Archive;
pub use catalog::{
    DamagedSnapshot, ForeignInfo, Listing, SnapshotInfo, Verification, info, list, memory_hint,
    verify,
};
pub use handle::{Save, SaveOptions};
pub(crate) use load::{at_open as load_at_open, by_name as load_by_name};
pub use phase::SavePhase;
pub(crate) use place::open as open_disk;
pub use progress::Progress;
#[cfg(feature = "rdb")]
pub use rdb::{ForeignKey, dump, foreign_info, read_foreign, restore};
pub use report::LoadReport;

pub(crate) use retain::prune_store;
pub use retain::{PruneReport, PrunedSnapshot, prune};
pub(crate) use save::start as start_save;
pub use status::{SaveStatus, Saved, TriggerCounts};
