//! Workloads and peers that the benchmarks share.
//!
//! Every implementation gets the same keys and values, the same hash function (XXH3, seeded) and
//! the same allocator (mimalloc), and owns its keys and values as byte strings of any length, as
//! a key-value store must. `EXUVIA_BENCH_KEYS` sets the number of keys, one million by default.

pub mod device;
pub mod heap;
pub mod nowhere;
pub mod peers;
pub mod service;
pub mod workload;
