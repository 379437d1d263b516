//! Whole saves and loads on a disk that fails and dies, through the public interface alone.
//!
//! `EXUVIA_SEED` gives the seed of the simulated disks.

#![expect(clippy::unwrap_used, reason = "all of it is test code, outside `#[test]` functions too")]

mod fault;
mod fixture;
mod power;
mod stall;

#[global_allocator]
static HEAP: exuvia_tests::heap::CountingAllocator = exuvia_tests::heap::CountingAllocator;
