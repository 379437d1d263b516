//! Members and scores in replies.

use std::ops::Range;

use exuvia::SortedSet;

use crate::command::Failure;
use crate::command::elements::{self, Write, fill};
use crate::command::step::Step;
use crate::resp::{Output, Protocol};

/// Begins a list of members: with scores, each is a pair in RESP3, and two elements in RESP2.
pub(super) fn begin(out: &mut Output, members: u64, with_scores: bool) {
    let flat = with_scores && out.protocol() == Protocol::Resp2;
    out.array(members as usize * if flat { 2 } else { 1 });
}

/// A member with its score.
pub(super) fn pair(out: &mut Output, (member, score): (&[u8], f64)) {
    if out.protocol() == Protocol::Resp3 {
        out.array(2);
    }
    out.bulk(member);
    out.double(score);
}

/// The members at `ranks`, the last of them first if `reverse`; a long list as the client takes it.
pub(super) fn list(
    out: &mut Output,
    set: &SortedSet,
    ranks: Range<u64>,
    reverse: bool,
    with_scores: bool,
) {
    begin(out, ranks.end - ranks.start, with_scores);
    let (ranks, write): (_, Write<SortedSet>) = match (reverse, with_scores) {
        (false, false) => (ranks, members),
        (false, true) => (ranks, pairs),
        (true, with_scores) => {
            let backwards = set.len() - ranks.end..set.len() - ranks.start;
            (backwards, if with_scores { pairs_backwards } else { members_backwards })
        }
    };
    elements::list(out, set, ranks, write);
}

fn members(set: &SortedSet, ranks: Range<u64>, out: &mut Output) -> u64 {
    fill(out, ranks.start, set.range(ranks), |out, (member, _)| out.bulk(member))
}

fn pairs(set: &SortedSet, ranks: Range<u64>, out: &mut Output) -> u64 {
    fill(out, ranks.start, set.range(ranks), pair)
}

/// Ranks count from the last member here.
fn backwards(set: &SortedSet, ranks: &Range<u64>) -> Range<u64> {
    set.len() - ranks.end..set.len() - ranks.start
}

fn members_backwards(set: &SortedSet, ranks: Range<u64>, out: &mut Output) -> u64 {
    let found = set.range(backwards(set, &ranks)).rev();
    fill(out, ranks.start, found, |out, (member, _)| out.bulk(member))
}

fn pairs_backwards(set: &SortedSet, ranks: Range<u64>, out: &mut Output) -> u64 {
    fill(out, ranks.start, set.range(backwards(set, &ranks)).rev(), pair)
}

/// Stores what a command came to under `key`, whatever that held, and returns how many members it
/// has. Without any there is no key, and where there was none before nothing is written.
pub(super) fn store(
    step: &mut dyn Step,
    database: u16,
    key: &[u8],
    result: SortedSet,
) -> Result<u64, Failure> {
    let members = result.len();
    step.put_result(database, key, result)?;
    Ok(members)
}
