//! Members and scores in replies.

use exuvia::SortedSet;
use std::ops::Range;

use crate::resp::{Output, Protocol};

/// Begins a list of members: with scores, each is a pair in RESP3, and two elements in RESP2.
pub(super) fn begin(out: &mut Output, members: u64, with_scores: bool) {
    let flat = with_scores && out.protocol() == Protocol::Resp2;
    out.array(members as usize * if flat { 2 } else { 1 });
}

/// One member of such a list.
#[inline]
pub(super) fn member(out: &mut Output, member: &[u8], score: f64, with_scores: bool) {
    if !with_scores {
        return out.bulk(member);
    }
    if out.protocol() == Protocol::Resp3 {
        out.array(2);
    }
    out.bulk(member);
    out.double(score);
}

/// The members at `ranks`, the last of them first if `reverse`.
pub(super) fn members(
    out: &mut Output,
    set: &SortedSet,
    ranks: Range<u64>,
    reverse: bool,
    with_scores: bool,
) {
    let range = set.range(ranks);
    if reverse {
        range.rev().for_each(|(name, score)| member(out, name, score, with_scores));
    } else {
        range.for_each(|(name, score)| member(out, name, score, with_scores));
    }
}
