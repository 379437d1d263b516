//! Seeds of random tests.

/// The seed of a random test: from the environment, or fresh; printed either way.
pub(crate) fn test_seed() -> u64 {
    let seed = std::env::var("EXUVIA_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("EXUVIA_SEED={seed}");
    seed
}
