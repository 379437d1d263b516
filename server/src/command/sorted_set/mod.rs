//! Sorted sets.
//!
//! Every range, whether of ranks, scores or members, comes down to a range of ranks; what is done
//! with it does not depend on how it was asked for.

mod add;
mod algebra;
mod bounds;
mod combine;
mod lookup;
mod pop;
mod query;
mod random;
mod range;
mod remove;
mod reply;
mod scan;
mod source;

pub(super) use add::COMMANDS as ADD;
pub(super) use algebra::COMMANDS as ALGEBRA;
pub(super) use lookup::COMMANDS as LOOKUP;
pub(super) use pop::COMMANDS as POP;
pub(super) use random::COMMANDS as RANDOM;
pub(super) use range::COMMANDS as RANGE;
pub(super) use remove::COMMANDS as REMOVE;
pub(super) use scan::COMMANDS as SCAN;
