//! What `ZRANGE` and its older relatives ask for.

use std::ops::Range;

use exuvia::SortedSet;

use super::bounds::{Members, Scores, ranks};
use crate::command::Failure;
use crate::command::call::{integer, is};
use crate::resp::Args;

/// What a command's name says already.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    /// What the bounds are, unless options say it.
    pub(super) bounds: Option<Kind>,
    /// Whether it runs backwards, unless options say it.
    pub(super) reverse: Option<bool>,
    /// Whether the result is stored.
    pub(super) stores: bool,
}

/// What the bounds of a range are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Ranks,
    Scores,
    Members,
}

#[derive(Clone, Copy, Debug)]
enum Bounds<'a> {
    Ranks(i64, i64),
    Scores(Scores),
    Members(Members<'a>),
}

/// A range, and how it is to be shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Query<'a> {
    bounds: Bounds<'a>,
    pub(super) reverse: bool,
    pub(super) with_scores: bool,
    /// Elements to skip, and to show at most.
    limit: (i64, i64),
}

struct Options {
    kind: Option<Kind>,
    reverse: Option<bool>,
    with_scores: bool,
    limit: (i64, i64),
}

impl Options {
    fn parse(args: Args<'_>, form: Form) -> Result<Self, Failure> {
        let mut options =
            Self { kind: form.bounds, reverse: form.reverse, with_scores: false, limit: (0, -1) };
        let mut next = 0;
        while next < args.len() {
            let word = args.at(next);
            if !form.stores && is(word, "withscores") {
                options.with_scores = true;
            } else if is(word, "limit") && next + 2 < args.len() {
                options.limit = (integer(args, next + 1)?, integer(args, next + 2)?);
                next += 2;
            } else if options.reverse.is_none() && is(word, "rev") {
                options.reverse = Some(true);
            } else if options.kind.is_none() && is(word, "bylex") {
                options.kind = Some(Kind::Members);
            } else if options.kind.is_none() && is(word, "byscore") {
                options.kind = Some(Kind::Scores);
            } else {
                return Err(Failure::SYNTAX);
            }
            next += 1;
        }
        Ok(options)
    }
}

impl<'a> Query<'a> {
    /// Reads the two bounds and the options behind them.
    pub(super) fn parse(args: Args<'a>, form: Form) -> Result<Self, Failure> {
        let options = Options::parse(args.from(2), form)?;
        let kind = options.kind.unwrap_or(Kind::Ranks);
        let reverse = options.reverse.unwrap_or(false);
        if options.limit.1 != -1 && kind == Kind::Ranks {
            return Err(Failure::new(
                "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or \
                 BYLEX",
            ));
        }
        if options.with_scores && kind == Kind::Members {
            return Err(Failure::new(
                "ERR syntax error, WITHSCORES not supported in combination with BYLEX",
            ));
        }
        let (min, max) = if reverse { (args.at(1), args.at(0)) } else { (args.at(0), args.at(1)) };
        let bounds = match kind {
            Kind::Ranks => Bounds::Ranks(integer(args, 0)?, integer(args, 1)?),
            Kind::Scores => Bounds::Scores(Scores::parse(min, max)?),
            Kind::Members => Bounds::Members(Members::parse(min, max)?),
        };
        Ok(Self { bounds, reverse, with_scores: options.with_scores, limit: options.limit })
    }

    /// The ranks that it asks for.
    pub(super) fn ranks(&self, set: &SortedSet) -> Range<u64> {
        let found = match self.bounds {
            Bounds::Ranks(start, end) => {
                let found = ranks(start, end, set.len());
                return if self.reverse {
                    set.len() - found.end..set.len() - found.start
                } else {
                    found
                };
            }
            Bounds::Scores(scores) => scores.ranks(set),
            Bounds::Members(members) => members.ranks(set),
        };
        let (offset, most) = self.limit;
        let Ok(offset) = u64::try_from(offset) else { return 0..0 };
        // A negative number of elements is any number of them.
        let most = u64::try_from(most).unwrap_or(u64::MAX);
        if self.reverse {
            let end = found.end.saturating_sub(offset).max(found.start);
            end.saturating_sub(most).max(found.start)..end
        } else {
            let start = found.start.saturating_add(offset).min(found.end);
            start..start.saturating_add(most).min(found.end)
        }
    }
}
