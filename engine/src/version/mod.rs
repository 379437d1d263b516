//! Versions: one global number, the cuts that are open, and who still needs what.
//!
//! A cut is a version `V`: it sees exactly the entries stamped at or below `V`. Taking one
//! advances the global version, nothing else, so it costs the same whatever the store holds. The
//! scheme is `vCAS` (Wei, Ben-David, Blelloch, Fatourou, Ruppert, Sun: "Constant-Time Snapshots
//! with Applications to Concurrent Data Structures", `PPoPP` 2021), with one addition that pays for
//! itself: while no cut is open entries carry no version at all.
//!
//! * [`Versions`]: the global version, the mode, and the register of open cuts.
//! * [`batch`]: the descriptor that lets several entries become visible in one step.
//! * [`position`]: where a walk stands, comparable with where a key is.
//! * [`snapshot`]: the handle of an open cut; [`walk`]: its iteration, segment by segment.

pub(crate) mod batch;
mod cuts;
pub(crate) mod position;
mod snapshot;
mod walk;

pub(crate) use cuts::{CutId, Era, Held, Stamp, Versions, WALKS_MAX};
pub(crate) use position::Position;
pub(crate) use snapshot::Cut;
pub use snapshot::{Snapshot, SnapshotEntry};
pub use walk::Walk;
pub(crate) use walk::{Step, Take, WalkEntry};
