//! Scores of any value and members of any bytes: kept exactly, and in order.

use exuvia::{Collection, SortedSet};
use exuvia_tests::seed::Seed;
use proptest::num::f64 as floats;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// Any number, and more often ones that are whole, near such, or decimal.
fn score() -> impl Strategy<Value = f64> {
    let signed = floats::POSITIVE | floats::NEGATIVE;
    let anything = floats::NORMAL | floats::SUBNORMAL | floats::ZERO | floats::INFINITE | signed;
    let whole = (any::<i64>(), 0..64_u32).prop_map(|(number, shift)| (number >> shift) as f64);
    let power = (-1074..1024_i32, any::<bool>())
        .prop_map(|(exponent, is_negative)| (2_f64.powi(exponent), is_negative))
        .prop_map(|(power, is_negative)| if is_negative { -power } else { power });
    let near = (prop_oneof![whole.clone(), power], 0..5_u8).prop_map(|(score, what)| match what {
        0 => score.next_down(),
        1 => score.next_up(),
        2 => score + 0.5,
        3 => score + 1.0,
        _ => score,
    });
    let decimal = (any::<i32>(), 0..4_i32)
        .prop_map(|(number, places)| f64::from(number) / 10_f64.powi(places));
    prop_oneof![anything, whole, near, decimal]
}

/// Few and short, and of bytes that scores could be mistaken for.
fn member() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![Just(0), Just(1), Just(0x7f), Just(0x80), Just(0xff), any::<u8>()];
    proptest::collection::vec(byte, 0..6)
}

/// What is asked is as it is in a sorted list.
fn check(set: &SortedSet, sorted: &[(f64, Vec<u8>)]) {
    assert_eq!(set.len(), sorted.len() as u64);
    assert!(set.iter().eq(sorted.iter().map(|(score, member)| (&member[..], *score))));
    for (rank, (score, member)) in sorted.iter().enumerate() {
        let (found, found_score) = set.get_at(rank as u64).unwrap();
        assert_eq!((found, found_score.to_bits()), (&member[..], (score + 0.0).to_bits()));
        assert_eq!(set.rank(member), Some(rank as u64));
        let below = sorted.partition_point(|(other, _)| other < score);
        let up_to = sorted.partition_point(|(other, _)| other <= score);
        assert_eq!(set.rank_of_score(*score, false), below as u64);
        assert_eq!(set.rank_of_score(*score, true), up_to as u64);
    }
}

#[test]
fn scores_are_exact_and_in_the_order_of_numbers() {
    let seed = Seed::draw("scores");
    let mut seed_bytes = [0; 32];
    seed_bytes[..8].copy_from_slice(&seed.value().to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed_bytes);
    let config = Config { cases: 400, failure_persistence: None, ..Config::default() };
    let elements = proptest::collection::vec((member(), score()), 0..300);
    let outcome = TestRunner::new_with_rng(config, rng).run(&elements, |elements| {
        let mut set = SortedSet::new();
        let mut sorted: Vec<(f64, Vec<u8>)> = Vec::new();
        for (member, score) in elements {
            let before = sorted.iter().position(|(_, other)| *other == member);
            let before = before.map(|at| sorted.remove(at).0);
            prop_assert_eq!(set.insert(&member, score), before);
            sorted.push((score, member));
        }
        sorted.sort_by(|(left, one), (right, other)| {
            left.partial_cmp(right).unwrap().then_with(|| one.cmp(other))
        });
        check(&set, &sorted);
        let reversed: SortedSet =
            sorted.iter().rev().map(|(score, member)| (member, *score)).collect();
        prop_assert!(Collection::from(set) == reversed.into());
        Ok(())
    });
    outcome.unwrap();
}
