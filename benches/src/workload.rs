//! Keys, values, and the order in which they are asked for.

use fastrand::Rng;

/// Bytes of every key.
pub const KEY_BYTES: usize = 16;

/// A key.
pub type Key = [u8; KEY_BYTES];

const SEED: u64 = 0x0045_5855_5649_4121;
/// Draws in a sequence of picks, which is gone through again and again.
const PICKS: usize = 1 << 20;

/// How many entries of what size.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Number of entries.
    pub keys: usize,
    /// Bytes of every value, at least eight.
    pub value_bytes: usize,
}

impl Shape {
    /// A shape with the number of keys that this run is about.
    pub fn with_value_bytes(value_bytes: usize) -> Self {
        Self { keys: keys(), value_bytes }
    }

    /// Bytes of all keys and values.
    pub fn raw_bytes(self) -> u64 {
        (self.keys * (KEY_BYTES + self.value_bytes)) as u64
    }

    /// A short name for reports.
    pub fn name(self) -> String {
        format!("{} x {} B", self.keys, self.value_bytes)
    }
}

/// Whether this is the smoke test that `cargo bench -- --test` makes of a benchmark.
pub fn is_smoke_test() -> bool {
    std::env::args().any(|argument| argument == "--test")
}

/// Number of keys: `EXUVIA_BENCH_KEYS`, or a million, or few in a smoke test.
///
/// # Panics
///
/// If the variable is not a number.
pub fn keys() -> usize {
    match std::env::var("EXUVIA_BENCH_KEYS") {
        Ok(text) => text.parse().expect("EXUVIA_BENCH_KEYS is a number"),
        Err(_) if is_smoke_test() => 2_000,
        Err(_) => 1_000_000,
    }
}

/// Key number `number`. Numbers from [`Shape::keys`] on are never stored.
#[inline]
pub fn key(number: usize) -> Key {
    // As likely as not to look like what applications use: a prefix, then digits.
    let mut key = *b"key:000000000000";
    let mut rest = number;
    for digit in key[4..].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    key
}

/// The value of key number `number`: the number, then random bytes.
pub fn value(number: usize, bytes: usize) -> Vec<u8> {
    let mut value = vec![0; bytes];
    Rng::with_seed(SEED ^ number as u64).fill(&mut value);
    value[..8].copy_from_slice(&(number as u64).to_le_bytes());
    value
}

/// The number in a value.
///
/// # Panics
///
/// If the value is shorter than eight bytes.
#[inline]
pub fn number(value: &[u8]) -> u64 {
    let (number, _) = value.split_first_chunk().expect("a value of at least eight bytes");
    u64::from_le_bytes(*number)
}

/// In what order keys are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distribution {
    /// Each key as likely as any other.
    Uniform,
    /// A few keys most of the time, with Zipf's exponent of 0.99.
    Zipf,
}

/// A sequence of key numbers below `keys`, the same for the same `stream`.
pub fn picks(keys: usize, distribution: Distribution, stream: u64) -> Vec<u32> {
    let mut rng = Rng::with_seed(SEED ^ stream.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    match distribution {
        Distribution::Uniform => (0..PICKS).map(|_| rng.u32(0..keys as u32)).collect(),
        Distribution::Zipf => {
            let zipf = Zipf::new(keys, 0.99);
            // Ranks are spread over the keys, so that popular keys are not neighbours.
            let spread = |rank: usize| (rank as u64 * 0x9e37_79b1 % keys as u64) as u32;
            (0..PICKS).map(|_| spread(zipf.rank(rng.f64()))).collect()
        }
    }
}

/// Zipf's distribution after Gray et al., "Quickly generating billion-record synthetic databases".
struct Zipf {
    keys: f64,
    exponent: f64,
    zeta: f64,
    eta: f64,
}

impl Zipf {
    fn new(keys: usize, exponent: f64) -> Self {
        let zeta =
            |count: usize| (1..=count).map(|rank| (rank as f64).powf(-exponent)).sum::<f64>();
        let (all, two) = (zeta(keys), zeta(2));
        let eta = (1.0 - (2.0 / keys as f64).powf(1.0 - exponent)) / (1.0 - two / all);
        Self { keys: keys as f64, exponent, zeta: all, eta }
    }

    fn rank(&self, uniform: f64) -> usize {
        let scaled = uniform * self.zeta;
        if scaled < 1.0 {
            return 0;
        }
        if scaled < 1.0 + 0.5_f64.powf(self.exponent) {
            return 1;
        }
        let alpha = 1.0 / (1.0 - self.exponent);
        let rank = self.keys * (self.eta * uniform - self.eta + 1.0).powf(alpha);
        (rank as usize).min(self.keys as usize - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_apart_and_values_carry_their_number() {
        assert_eq!(&key(1_234), b"key:000000001234");
        assert_eq!(number(&value(77, 32)), 77);
        assert_eq!(value(77, 32), value(77, 32));
    }

    #[test]
    fn a_zipf_sequence_prefers_a_few_keys_and_stays_in_range() {
        let picks = picks(10_000, Distribution::Zipf, 1);
        assert!(picks.iter().all(|&pick| pick < 10_000));
        let most_popular = picks.iter().filter(|&&pick| pick == 0).count();
        assert!(most_popular > PICKS / 20, "{most_popular} of {PICKS}");
    }
}
