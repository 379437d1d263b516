//! Elements chosen at random.

use std::collections::HashSet;
use std::fmt;

use super::Failure;
use super::call::integer;
use crate::resp::{Args, Output, Source};

/// Most positions that are chosen one by one, without going through all.
const DRAWN_MAX: u64 = 100_000;

/// Argument `index` as a number of elements, or with a minus, of elements that may be the same.
///
/// # Errors
///
/// The failure of an integer, or of one that has no opposite.
pub(super) fn count(args: Args<'_>, index: usize) -> Result<i64, Failure> {
    let count = integer(args, index)?;
    if count == i64::MIN {
        return Err(Failure::new(
            "ERR value is out of range, value must between -9223372036854775807 and \
             9223372036854775807",
        ));
    }
    Ok(count)
}

/// How many of `len` positions [`Picks`] has.
pub(super) fn picked(count: i64, len: u64) -> u64 {
    let wanted = count.unsigned_abs();
    match count < 0 {
        true if len == 0 => 0,
        true => wanted,
        false => wanted.min(len),
    }
}

/// Positions chosen at random.
#[derive(Debug)]
pub(super) enum Picks {
    /// Any of them, any number of times.
    Repeated { left: u64, len: u64 },
    /// Different ones, drawn ahead.
    Drawn(std::vec::IntoIter<u64>),
    /// Different ones, which are chosen while going through all, in their order.
    Sampled { next: u64, left: u64, len: u64 },
}

impl Picks {
    /// `count` of `len` positions: different ones, or with a negative count any, as many as that
    /// without its sign.
    pub(super) fn new(count: i64, len: u64) -> Self {
        let wanted = picked(count, len);
        if count < 0 {
            return Self::Repeated { left: wanted, len };
        }
        if wanted <= DRAWN_MAX && wanted < len / 4 {
            Self::Drawn(draw(wanted, len).into_iter())
        } else {
            Self::Sampled { next: 0, left: wanted, len }
        }
    }

    /// How many are left.
    pub(super) fn left(&self) -> u64 {
        match self {
            Self::Repeated { left, .. } | Self::Sampled { left, .. } => *left,
            Self::Drawn(positions) => positions.len() as u64,
        }
    }
}

impl Iterator for Picks {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        match self {
            Self::Repeated { left, len } => {
                *left = left.checked_sub(1)?;
                Some(fastrand::u64(..*len))
            }
            Self::Drawn(positions) => positions.next(),
            Self::Sampled { next, left, len } => {
                if *left == 0 {
                    return None;
                }
                // Each position is taken with the probability that as many as are still wanted
                // are taken of those that are left.
                while fastrand::u64(..*len - *next) >= *left {
                    *next += 1;
                }
                *left -= 1;
                *next += 1;
                Some(*next - 1)
            }
        }
    }
}

/// `count` different numbers below `len`, of which every set is as likely as any other (Floyd's
/// algorithm), in random order.
fn draw(count: u64, len: u64) -> Vec<u64> {
    let mut drawn = HashSet::with_capacity(count as usize);
    let mut positions = Vec::with_capacity(count as usize);
    for last in len - count..len {
        let position = fastrand::u64(..=last);
        let position = if drawn.insert(position) { position } else { last };
        drawn.insert(position);
        positions.push(position);
    }
    fastrand::shuffle(&mut positions);
    positions
}

/// Writes the element at a position.
pub(super) type Write<C> = fn(&C, u64, &mut Output);

/// Writes what was picked of `collection`, without the head of the reply; a long reply as the
/// client takes it.
pub(super) fn list<C>(out: &mut Output, collection: &C, mut picks: Picks, write: Write<C>)
where
    C: Clone + Send + Sync + fmt::Debug + 'static,
{
    if !write_part(collection, &mut picks, write, out) {
        out.later(Box::new(Rest { collection: collection.clone(), picks, write }));
    }
}

fn write_part<C>(collection: &C, picks: &mut Picks, write: Write<C>, out: &mut Output) -> bool {
    let full = out.pending_bytes() + Output::PART_BYTES;
    while out.pending_bytes() < full {
        let Some(position) = picks.next() else { return true };
        write(collection, position, out);
    }
    picks.left() == 0
}

/// What is left of a reply.
#[derive(Debug)]
struct Rest<C> {
    collection: C,
    picks: Picks,
    write: Write<C>,
}

impl<C: Send + Sync + fmt::Debug> Source for Rest<C> {
    fn write_part(&mut self, out: &mut Output) -> bool {
        write_part(&self.collection, &mut self.picks, self.write, out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_different_positions_as_wanted_are_picked() {
        fastrand::seed(crate::seed::test_seed());
        for (count, len) in [(0, 0), (5, 0), (0, 9), (1, 1), (3, 100), (60, 100), (100, 100)] {
            let picks = Picks::new(count, len);
            let wanted = (count as u64).min(len);
            assert_eq!(picks.left(), wanted);
            let picked: HashSet<u64> = picks.collect();
            assert_eq!(picked.len() as u64, wanted, "{count} of {len}");
            assert!(picked.iter().all(|position| *position < len));
        }
        assert_eq!(Picks::new(-250, 3).filter(|position| *position < 3).count(), 250);
        assert_eq!(Picks::new(-250, 0).count(), 0);
    }

    #[test]
    fn every_position_is_as_likely_as_any_other() {
        fastrand::seed(crate::seed::test_seed());
        // One of each way to pick: drawn, sampled, repeated.
        for (count, len) in [(2, 10), (5, 10), (-3, 10)] {
            let mut counts = [0_i64; 10];
            for _ in 0..20_000 {
                Picks::new(count, len).for_each(|position| counts[position as usize] += 1);
            }
            let mean = 20_000 * i64::abs(count) / 10;
            // Six standard deviations of the least likely of the three.
            let bound = 6 * (mean as f64).sqrt() as i64;
            assert!(counts.iter().all(|count| (count - mean).abs() < bound), "{counts:?}");
        }
    }
}
