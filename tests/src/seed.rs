//! Seeds of random tests.

use fastrand::Rng;

/// The seed of a random test, printed so that a failure can be run again.
///
/// It is drawn from the operating system's entropy, or taken from `EXUVIA_SEED`.
#[derive(Clone, Copy, Debug)]
pub struct Seed(u64);

impl Seed {
    /// Draws the seed of the test `name` and prints how to give it back.
    ///
    /// # Panics
    ///
    /// If `EXUVIA_SEED` is not a number.
    #[expect(clippy::print_stdout, reason = "the test harness shows it when the test fails")]
    pub fn draw(name: &str) -> Self {
        let seed = number("EXUVIA_SEED").unwrap_or_else(|| fastrand::u64(..));
        println!("{name}: EXUVIA_SEED={seed}");
        Self(seed)
    }

    /// The generator of one thread or one part of a test.
    pub fn rng(self, stream: u64) -> Rng {
        Rng::with_seed(self.0 ^ stream.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// The seed itself.
    pub fn value(self) -> u64 {
        self.0
    }
}

/// The number in an environment variable, if it is set.
pub(crate) fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text} is not a number")))
}
