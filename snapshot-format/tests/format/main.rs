//! Tests of the format as a whole: what is written is read again, and nothing else is.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "tests, and seeds that they print")]

mod collections;
mod corruption;
mod failure;
mod forged;
mod golden;
mod hostile;
mod manifest;
mod order;
mod records;
mod round_trip;
mod salvage;
