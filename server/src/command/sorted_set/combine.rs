//! Unions, intersections and differences.

use std::collections::HashMap;

use exuvia::SortedSet;

use super::source::Source;

/// How sets are combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Union,
    Intersection,
    Difference,
}

/// What becomes of the scores of a member that is in several sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aggregate {
    Sum,
    Min,
    Max,
}

impl Aggregate {
    fn combine(self, left: f64, right: f64) -> f64 {
        match self {
            Self::Sum => number(left + right),
            Self::Min => left.min(right),
            Self::Max => left.max(right),
        }
    }
}

/// The product or sum of infinities may be no number; it counts as zero.
fn number(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}

/// Sets with the weights of their scores.
pub(super) type Weighted<'a> = [(&'a Source, f64)];

/// Combines the sets.
pub(super) fn combine(
    operation: Operation,
    sets: &Weighted<'_>,
    aggregate: Aggregate,
) -> SortedSet {
    match operation {
        Operation::Union => union(sets, aggregate),
        Operation::Intersection => {
            let mut result = SortedSet::new();
            intersect(sets, aggregate, |member, score| {
                result.insert(member, score);
                true
            });
            result
        }
        Operation::Difference => difference(sets),
    }
}

/// The sets, the smallest first: sums of floating-point numbers depend on their order.
fn by_length<'a>(sets: &Weighted<'a>) -> Vec<(&'a Source, f64)> {
    let mut sorted = sets.to_vec();
    sorted.sort_by_key(|(set, _)| set.len());
    sorted
}

fn union(sets: &Weighted<'_>, aggregate: Aggregate) -> SortedSet {
    let mut scores: HashMap<&[u8], f64> = HashMap::new();
    for (set, weight) in by_length(sets) {
        for (member, score) in set.iter() {
            let score = number(weight * score);
            scores
                .entry(member)
                .and_modify(|sum| *sum = aggregate.combine(*sum, score))
                .or_insert(score);
        }
    }
    scores.into_iter().collect()
}

/// Calls `f` with the members that are in all sets until it returns false.
fn intersect(sets: &Weighted<'_>, aggregate: Aggregate, mut f: impl FnMut(&[u8], f64) -> bool) {
    let sorted = by_length(sets);
    let Some(((smallest, weight), others)) = sorted.split_first() else { return };
    for (member, score) in smallest.iter() {
        let combined = others.iter().try_fold(number(weight * score), |sum, (set, weight)| {
            Some(aggregate.combine(sum, weight * set.score(member)?))
        });
        if combined.is_some_and(|score| !f(member, score)) {
            return;
        }
    }
}

fn difference(sets: &Weighted<'_>) -> SortedSet {
    let Some(((first, _), others)) = sets.split_first() else { return SortedSet::new() };
    let is_left = |member| others.iter().all(|(set, _)| set.score(member).is_none());
    first.iter().filter(|(member, _)| is_left(member)).collect()
}

/// How many members are in all sets; stops counting at `limit`.
pub(super) fn count_common(sets: &Weighted<'_>, limit: u64) -> u64 {
    let mut count = 0;
    intersect(sets, Aggregate::Sum, |_, _| {
        count += 1;
        count < limit
    });
    count
}
