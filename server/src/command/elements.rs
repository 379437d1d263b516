//! Replies that list elements of a collection.
//!
//! A short reply is written at once. A long one is written as the client takes it, from a clone of
//! the collection, which costs nothing and stays as it is: however long it is, it takes neither
//! much memory nor the time of other clients.

use std::fmt;
use std::ops::Range;

use exuvia::{Hash, List, Set};

use crate::resp::{Output, Source};

/// Elements up to which a reply is hardly ever long. Of a collection that has to show more a clone is
/// taken beforehand, while it is certain to cost nothing.
const SHORT_LEN_MAX: u64 = 128;

/// Whether `count` elements may become a long reply.
pub(super) fn are_many(count: u64) -> bool {
    count > SHORT_LEN_MAX
}

/// Writes elements from the start of a range on, until its end or until `out` is full; returns
/// the position behind the last that it wrote.
pub(super) type Write<C> = fn(&C, Range<u64>, &mut Output) -> u64;

/// Writes the elements of `range`, without the head of the reply.
pub(super) fn list<C>(out: &mut Output, collection: &C, range: Range<u64>, write: Write<C>)
where
    C: Clone + Send + Sync + fmt::Debug + 'static,
{
    let next = write(collection, range.clone(), out);
    if next < range.end {
        let collection = collection.clone();
        out.later(Box::new(Rest { collection, range: next..range.end, write }));
    }
}

/// What is left of a reply.
#[derive(Debug)]
struct Rest<C> {
    collection: C,
    range: Range<u64>,
    write: Write<C>,
}

impl<C: Send + Sync + fmt::Debug> Source for Rest<C> {
    fn write_part(&mut self, out: &mut Output) -> bool {
        self.range.start = (self.write)(&self.collection, self.range.clone(), out);
        self.range.is_empty()
    }
}

/// Writes elements until `out` has got one part more; returns the position behind the last.
pub(super) fn fill<E>(
    out: &mut Output,
    start: u64,
    elements: impl Iterator<Item = E>,
    write: impl Fn(&mut Output, E),
) -> u64 {
    let full = out.pending_bytes() + Output::PART_BYTES;
    let mut next = start;
    for element in elements {
        write(out, element);
        next += 1;
        if out.pending_bytes() >= full {
            break;
        }
    }
    next
}

pub(super) fn fields(hash: &Hash, range: Range<u64>, out: &mut Output) -> u64 {
    fill(out, range.start, hash.range(range), |out, (field, _)| out.bulk(field))
}

pub(super) fn values(hash: &Hash, range: Range<u64>, out: &mut Output) -> u64 {
    fill(out, range.start, hash.range(range), |out, (_, value)| out.bulk(value))
}

pub(super) fn pairs(hash: &Hash, range: Range<u64>, out: &mut Output) -> u64 {
    fill(out, range.start, hash.range(range), |out, (field, value)| {
        out.bulk(field);
        out.bulk(value);
    })
}

pub(super) fn members(set: &Set, range: Range<u64>, out: &mut Output) -> u64 {
    fill(out, range.start, set.range(range), Output::bulk)
}

pub(super) fn items(list: &List, range: Range<u64>, out: &mut Output) -> u64 {
    fill(out, range.start, list.range(range), Output::bulk)
}

/// The elements at positions that are counted from the end.
pub(super) fn items_reversed(list: &List, range: Range<u64>, out: &mut Output) -> u64 {
    let elements = list.range(list.len() - range.end..list.len() - range.start);
    fill(out, range.start, elements.rev(), Output::bulk)
}
