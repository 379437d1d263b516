//! A Redis-compatible server on the Exuvia engine.

#![deny(unsafe_code)]

mod glob;
mod number;
pub mod resp;

#[cfg(test)]
fn test_seed() -> u64 {
    let seed = std::env::var("EXUVIA_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("EXUVIA_TEST_SEED={seed}");
    seed
}
