//! The two ends of a list.

use std::ops::Range;

use exuvia::{List, Value};

use crate::command::Failure;
use crate::command::call::is;
use crate::events::Event;

/// An end of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Left,
    Right,
}

impl End {
    /// The end that an argument names.
    pub(super) fn parse(word: &[u8]) -> Result<Self, Failure> {
        match word {
            word if is(word, "left") => Ok(Self::Left),
            word if is(word, "right") => Ok(Self::Right),
            _ => Err(Failure::SYNTAX),
        }
    }

    /// The event of elements that come in here.
    pub(super) fn pushed(self) -> Event {
        match self {
            Self::Left => Event::LPUSH,
            Self::Right => Event::RPUSH,
        }
    }

    /// The event of elements that go out here.
    pub(super) fn popped(self) -> Event {
        match self {
            Self::Left => Event::LPOP,
            Self::Right => Event::RPOP,
        }
    }

    /// Puts elements at this end, one after the other.
    pub(super) fn push<'a, I>(self, list: &mut List, elements: I)
    where
        I: DoubleEndedIterator<Item = &'a [u8]>,
    {
        match self {
            Self::Left => list.insert_all(0, elements.rev()),
            Self::Right => list.extend_back(elements),
        }
    }

    /// Takes one element off this end.
    pub(super) fn pop(self, list: &mut List) -> Option<Value> {
        match self {
            Self::Left => list.pop_front(),
            Self::Right => list.pop_back(),
        }
    }

    /// The positions of the `count` elements at this end.
    pub(super) fn range(self, list: &List, count: u64) -> Range<u64> {
        let count = count.min(list.len());
        match self {
            Self::Left => 0..count,
            Self::Right => list.len() - count..list.len(),
        }
    }
}

/// The position that a number stands for, where negative ones count from the end.
pub(super) fn position(list: &List, number: i64) -> Option<u64> {
    let position = if number < 0 { list.len().checked_add_signed(number)? } else { number as u64 };
    (position < list.len()).then_some(position)
}

/// The positions from one number to another, both included; see [`position`].
pub(super) fn positions(list: &List, start: i64, end: i64) -> Range<u64> {
    let bound = |number: i64| {
        if number < 0 { list.len().saturating_add_signed(number) } else { number as u64 }
    };
    if end < 0 && end.unsigned_abs() > list.len() {
        return 0..0;
    }
    let (start, end) = (bound(start), bound(end).saturating_add(1).min(list.len()));
    if start < end { start..end } else { 0..0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_count_from_either_end_and_are_clipped() {
        let list: List = ["a", "b", "c", "d"].into_iter().collect();
        for (start, end, expected) in [
            (0, -1, 0..4),
            (1, 2, 1..3),
            (-2, -1, 2..4),
            (-100, 1, 0..2),
            (2, 100, 2..4),
            (3, 1, 0..0),
            (4, 9, 0..0),
            (0, -5, 0..0),
            (0, -4, 0..1),
            (i64::MIN, i64::MAX, 0..4),
            (i64::MAX, i64::MIN, 0..0),
        ] {
            assert_eq!(positions(&list, start, end), expected, "{start} {end}");
        }
        for (number, expected) in
            [(0, Some(0)), (3, Some(3)), (4, None), (-1, Some(3)), (-4, Some(0)), (-5, None)]
        {
            assert_eq!(position(&list, number), expected, "{number}");
        }
        assert_eq!(position(&list, i64::MIN), None);
        assert_eq!(positions(&List::new(), 0, -1), 0..0);
    }
}
