//! The small protocols of the engine, each explored by a model checker.
//!
//! What runs here are *miniatures*: one key, a handful of entries, the same steps in the same
//! order with the same memory orderings as the engine's, but not the engine's own code, whose
//! slots hold pointers to reclaimed memory and whose cuts use a system call that neither checker
//! knows. So this proves the protocols, and that each rule is needed; that the engine follows
//! them is for the stress tests to show, and for whoever changes one side to keep in mind.
//!
//! | miniature | engine | rules | checked by |
//! |---|---|---|---|
//! | `chain`: announce, decide, publish, stamp, look again; register, wait, bump; walk, trim | `sync/announce.rs`, `version/cuts.rs`, `table/{write,chain}.rs` | R1 to R5 | loom: every execution of two threads with up to three preemptions, sequentially consistent where the engine is, acquire and release elsewhere; shuttle: random schedules of two writers and two overlapping cuts, sequentially consistent |
//! | `batch`: install, commit, stamp | `version/batch.rs` | several keys as one step | loom: every execution of three threads with up to three preemptions |
//! | `loan`: lend, publish, settle; clone; read; take away | `tree/{loan,link,state}.rs` | N1 to N5 | loom: every execution of two or three threads with up to three preemptions; states, counts and marks with the engine's orderings, a lock for the collector |
//!
//! None of it covers `membarrier`, for which a sequentially consistent announcement stands in,
//! reclamation, freezing and replacing of segments, or directories.
//!
//! Each rule is also switched off once, and the checker must then find a failing execution.

#![expect(clippy::unwrap_used, reason = "all of it is test code, outside `#[test]` functions too")]

mod batch;
mod cut_loom;
mod cut_shuttle;
mod loan;
mod ordered;
