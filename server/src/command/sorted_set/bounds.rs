//! The ends of ranges.

use std::ops::Range;

use exuvia::SortedSet;

use crate::command::Failure;
use crate::float::parse_f64_loosely;

/// Scores from one to another, each included or not.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scores {
    min: ScoreBound,
    max: ScoreBound,
}

#[derive(Clone, Copy, Debug)]
struct ScoreBound {
    score: f64,
    excluded: bool,
}

impl ScoreBound {
    fn parse(text: &[u8]) -> Option<Self> {
        let (excluded, text) = match text {
            [b'(', text @ ..] => (true, text),
            text => (false, text),
        };
        Some(Self { score: parse_f64_loosely(text)?, excluded })
    }
}

impl Scores {
    pub(super) fn parse(min: &[u8], max: &[u8]) -> Result<Self, Failure> {
        match (ScoreBound::parse(min), ScoreBound::parse(max)) {
            (Some(min), Some(max)) => Ok(Self { min, max }),
            _ => Err(Failure::new("ERR min or max is not a float")),
        }
    }

    pub(super) fn ranks(&self, set: &SortedSet) -> Range<u64> {
        let start = set.rank_of_score(self.min.score, self.min.excluded);
        let end = set.rank_of_score(self.max.score, !self.max.excluded);
        start..end.max(start)
    }
}

/// Members from one to another in the order of bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Members<'a> {
    min: MemberBound<'a>,
    max: MemberBound<'a>,
}

#[derive(Clone, Copy, Debug)]
enum MemberBound<'a> {
    /// In front of every member.
    First,
    /// Behind every member.
    Last,
    Included(&'a [u8]),
    Excluded(&'a [u8]),
}

impl<'a> MemberBound<'a> {
    fn parse(text: &'a [u8]) -> Option<Self> {
        match text {
            b"-" => Some(Self::First),
            b"+" => Some(Self::Last),
            [b'[', member @ ..] => Some(Self::Included(member)),
            [b'(', member @ ..] => Some(Self::Excluded(member)),
            _ => None,
        }
    }
}

impl<'a> Members<'a> {
    pub(super) fn parse(min: &'a [u8], max: &'a [u8]) -> Result<Self, Failure> {
        match (MemberBound::parse(min), MemberBound::parse(max)) {
            (Some(min), Some(max)) => Ok(Self { min, max }),
            _ => Err(Failure::new("ERR min or max not valid string range item")),
        }
    }

    pub(super) fn ranks(&self, set: &SortedSet) -> Range<u64> {
        let start = match self.min {
            MemberBound::First => 0,
            MemberBound::Last => set.len(),
            MemberBound::Included(member) => set.rank_of_member(member, false),
            MemberBound::Excluded(member) => set.rank_of_member(member, true),
        };
        let end = match self.max {
            MemberBound::First => 0,
            MemberBound::Last => set.len(),
            MemberBound::Included(member) => set.rank_of_member(member, true),
            MemberBound::Excluded(member) => set.rank_of_member(member, false),
        };
        start..end.max(start)
    }
}

/// The ranks from `start` to `end`, both included, negative ones counted from the end of `len`.
pub(super) fn ranks(start: i64, end: i64, len: u64) -> Range<u64> {
    let len = i64::try_from(len).unwrap_or(i64::MAX);
    let absolute = |rank: i64| if rank < 0 { rank.saturating_add(len) } else { rank };
    let (start, end) = (absolute(start).max(0), absolute(end).min(len - 1));
    if start > end { 0..0 } else { start as u64..end as u64 + 1 }
}
