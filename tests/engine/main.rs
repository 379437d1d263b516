//! The engine against its reference model, and against each of its guarantees.
//!
//! Random tests print `EXUVIA_SEED` and take it back; `EXUVIA_STRESS_SECS` sets how long each
//! stress test runs. They run one after the other: see [`Stage`](exuvia_tests::chaos::Stage).

#![expect(clippy::unwrap_used, reason = "all of it is test code, outside `#[test]` functions too")]

mod closures;
mod collection_keys;
mod collections;
mod collisions;
mod cut;
mod databases;
mod expiry;
mod limits;
mod loans;
mod model;
mod order;
mod points;
mod progress;
mod races;
mod scan;
mod scores;
mod stress;
mod transactions;
mod walks;
