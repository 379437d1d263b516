//! Random choices that a seed repeats.

/// A generator by Sebastiano Vigna: `SplitMix64`.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    /// A generator that draws the same for the same `seed`.
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`, which is not zero.
    pub(super) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// True one time in `times`.
    pub(super) fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// Which of `count` things survive, in one of four ways: none, all, the first few, or any.
    ///
    /// Drawn that way because independent coins alone would all but never lose everything.
    pub(super) fn survivors(&mut self, count: usize) -> Vec<bool> {
        match self.below(4) {
            0 => vec![false; count],
            1 => vec![true; count],
            2 => {
                let kept = self.below(count + 1);
                (0..count).map(|index| index < kept).collect()
            }
            _ => (0..count).map(|_| self.one_in(2)).collect(),
        }
    }
}
