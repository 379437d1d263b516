//! Going through the elements of a collection by cursor: `HSCAN` and its like.

use std::future::Future;
use std::pin::Pin;

use exuvia::{CollectionType, Hash, Set, SortedSet};

use super::call::is;
use super::{Call, Failure, Keys, LongCall, Outcome};
use crate::float::{TEXT_BYTES_MAX, format_f64};
use crate::glob;
use crate::number::{parse_i64, parse_u64};
use crate::resp::{Args, Output};

/// Elements visited before other clients get a turn.
const TURN_ELEMENTS: usize = 1024;
/// Longest collection that is shown in one go, as Redis does with one that it packs: with that
/// few elements there is nothing to gain by calls in pieces.
const WHOLE_LEN_MAX: u64 = 128;

/// Is shown an element: what patterns are matched against, and the value behind it.
type Visit<'v> = &'v mut dyn FnMut(&[u8], Option<&[u8]>);

/// A collection that can be gone through by cursor.
pub(super) trait Scanned: CollectionType + Send + Sync {
    /// Whether its elements have values that clients can have left out.
    const HAS_VALUES: bool;

    fn len(&self) -> u64;

    /// Visits about `count` elements and returns the next cursor.
    fn visit(&self, cursor: u64, count: usize, visit: Visit<'_>) -> u64;
}

impl Scanned for Hash {
    const HAS_VALUES: bool = true;

    fn len(&self) -> u64 {
        Self::len(self)
    }

    fn visit(&self, cursor: u64, count: usize, visit: Visit<'_>) -> u64 {
        self.scan(cursor, count, |field, value| visit(field, Some(value)))
    }
}

impl Scanned for Set {
    const HAS_VALUES: bool = false;

    fn len(&self) -> u64 {
        Self::len(self)
    }

    fn visit(&self, cursor: u64, count: usize, visit: Visit<'_>) -> u64 {
        self.scan(cursor, count, |member| visit(member, None))
    }
}

impl Scanned for SortedSet {
    const HAS_VALUES: bool = false;

    fn len(&self) -> u64 {
        Self::len(self)
    }

    fn visit(&self, cursor: u64, count: usize, visit: Visit<'_>) -> u64 {
        // Scores are strings here in either version of the protocol.
        self.scan(cursor, count, |member, score| {
            visit(member, Some(format_f64(score, &mut [0; TEXT_BYTES_MAX])));
        })
    }
}

/// What is looked for.
struct Filter<'a> {
    pattern: Option<&'a [u8]>,
    /// Elements to visit in this call.
    count: usize,
    /// Elements are shown without their values.
    no_values: bool,
}

impl<'a> Filter<'a> {
    fn parse(options: Args<'a>, has_values: bool) -> Result<Self, Failure> {
        let mut filter = Self { pattern: None, count: 10, no_values: false };
        let mut next = 0;
        while let Some(word) = options.get(next) {
            let value = options.get(next + 1);
            next += 2;
            match value {
                Some(value) if is(word, "match") => {
                    filter.pattern = Some(value).filter(|pattern| *pattern != b"*");
                }
                Some(value) if is(word, "count") => {
                    let count = parse_i64(value).ok_or(Failure::NOT_AN_INTEGER)?;
                    if count < 1 {
                        return Err(Failure::SYNTAX);
                    }
                    filter.count = usize::try_from(count).unwrap_or(usize::MAX);
                }
                _ if is(word, "novalues") && has_values => {
                    filter.no_values = true;
                    next -= 1;
                }
                _ => return Err(Failure::SYNTAX),
            }
        }
        Ok(filter)
    }
}

/// A scan on its way.
struct Scan<'a, C> {
    collection: C,
    filter: Filter<'a>,
    cursor: u64,
    left: usize,
    /// The elements found, already written as replies, since their number is sent first.
    found: Output,
    replies: usize,
}

impl<'a, C: Scanned> Scan<'a, C> {
    /// `None` if there is no such key.
    fn begin(args: Args<'a>, out: &Output, keys: &mut Keys<'_>) -> Result<Option<Self>, Failure> {
        let cursor = parse_u64(args.at(2)).ok_or(Failure::new("ERR invalid cursor"))?;
        let Some(collection) = keys.collection::<C>(args.at(1))? else { return Ok(None) };
        let filter = Filter::parse(args.from(3), C::HAS_VALUES)?;
        let mut found = Output::new();
        found.set_protocol(out.protocol());
        let left = if collection.len() <= WHOLE_LEN_MAX { usize::MAX } else { filter.count };
        Ok(Some(Self { collection, filter, cursor, left, found, replies: 0 }))
    }

    /// Visits some elements; returns whether these were the last.
    fn advance(&mut self) -> bool {
        let turn = self.left.min(TURN_ELEMENTS);
        let Self { collection, filter, found, replies, .. } = self;
        self.cursor = collection.visit(self.cursor, turn, &mut |element, value| {
            if filter.pattern.is_none_or(|pattern| glob::matches(pattern, element)) {
                found.bulk(element);
                *replies += 1;
                if let Some(value) = value.filter(|_| !filter.no_values) {
                    found.bulk(value);
                    *replies += 1;
                }
            }
        });
        self.left -= turn;
        self.cursor == 0 || self.left == 0
    }

    fn reply(self, out: &mut Output) {
        out.array(2);
        out.bulk(self.cursor.to_string().as_bytes());
        out.array(self.replies);
        out.append(self.found);
    }
}

/// The reply for a key that is not there.
fn reply_nothing(out: &mut Output) {
    out.array(2);
    out.bulk(b"0");
    out.array(0);
}

/// The whole of it at once, as part of an atomic step.
pub(super) fn now<C: Scanned>(call: &mut Call<'_>) -> Outcome {
    let Some(mut scan) = Scan::<C>::begin(call.args, call.out, &mut call.keys)? else {
        reply_nothing(call.out);
        return Ok(());
    };
    while !scan.advance() {}
    scan.reply(call.out);
    Ok(())
}

/// In turns with other clients.
pub(super) fn later<'a, C: Scanned>(
    call: LongCall<'a>,
) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>> {
    Box::pin(async move {
        let LongCall { spec, args, out, database, server, stats, .. } = call;
        let begun = Scan::<C>::begin(args, out, &mut Keys::live(database, server, stats, spec))?;
        let Some(mut scan) = begun else {
            reply_nothing(out);
            return Ok(());
        };
        while !scan.advance() {
            tokio::task::yield_now().await;
        }
        scan.reply(out);
        Ok(())
    })
}
