//! Saving and loading.

mod completion;
mod cut;
mod handle;
mod limit;
mod patience;
mod phase;
mod progress;
mod report;
mod run;
mod status;

pub use cut::{Snapshot, SnapshotEntry, Walk};
pub use handle::{Save, SaveOptions};
pub use phase::SavePhase;
pub use progress::Progress;
pub use report::LoadReport;
pub use status::{SaveStatus, Saved, TriggerCounts};
