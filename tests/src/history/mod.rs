//! Concurrent histories: what threads wrote, what cuts saw, and whether the two fit together.
//!
//! Each thread writes keys of its own, so a cut is right if and only if there is a number of
//! writes for each thread such that
//!
//! 1. the thread's part of the cut is the fold of that many of its writes;
//! 2. every write that finished before the cut began is in, none that began after it ended;
//! 3. no write is left out that finished before another one began which is in.
//!
//! [`check`] looks for such numbers and explains why there are none.

mod check;
mod record;

pub use check::check;
pub use record::{History, Observation, Stamp, Write, Writer};
