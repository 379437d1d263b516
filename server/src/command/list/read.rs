//! Looking at elements.

use exuvia::List;

use super::end::{position, positions};
use crate::command::call::{integer, is};
use crate::command::elements::{self, items};
use crate::command::picks;
use crate::command::spec::{Group, Spec};
use crate::command::{Call, Failure, Outcome};

pub(super) const COMMANDS: &[Spec] = &[
    Spec::now(Group::List, "llen", 2, llen).reads().fast().key().access(&[&["RO"]]).doc(
        "1.0.0",
        "O(1)",
        "Returns the number of elements.",
    ),
    Spec::now(Group::List, "lindex", 3, lindex).reads().key().access(&[&["RO", "access"]]).doc(
        "1.0.0",
        "O(log N)",
        "Returns the element at a position.",
    ),
    Spec::now(Group::List, "lrange", 4, lrange).reads().key().access(&[&["RO", "access"]]).doc(
        "1.0.0",
        "O(log N) and O(1) for each element",
        "Returns a range of elements.",
    ),
    Spec::now(Group::List, "lpos", -3, lpos).reads().key().access(&[&["RO", "access"]]).doc(
        "6.0.6",
        "O(N) where N is the number of elements",
        "Finds elements.",
    ),
];

fn llen(call: &mut Call<'_>) -> Outcome {
    let found = call.keys.with_collection(call.args.at(1), List::len)?;
    call.out.count(found.unwrap_or(0));
    Ok(())
}

fn lindex(call: &mut Call<'_>) -> Outcome {
    let args = call.args;
    let found = call.keys.with_collection(args.at(1), |list: &List| {
        match position(list, integer(args, 2)?).and_then(|position| list.get(position)) {
            Some(element) => call.out.bulk(element),
            None => call.out.null(),
        }
        Ok::<_, Failure>(())
    })?;
    match found {
        Some(outcome) => outcome?,
        None => call.out.null(),
    }
    Ok(())
}

fn lrange(call: &mut Call<'_>) -> Outcome {
    let (start, end) = (call.integer(2)?, call.integer(3)?);
    let are_many = |list: &List| {
        let range = positions(list, start, end);
        elements::are_many(range.end - range.start)
    };
    let found = call.keys.with_kept(call.args.at(1), are_many, |list| {
        let range = positions(list, start, end);
        call.out.array((range.end - range.start) as usize);
        elements::list(call.out, list, range, items);
    })?;
    if found.is_none() {
        call.out.array(0);
    }
    Ok(())
}

/// What `LPOS` looks for.
struct Search {
    /// Which of the matches is the first; negative from the end.
    rank: i64,
    /// How many matches are wanted, if a list of them is; 0 for all.
    count: Option<u64>,
    /// How many elements to compare at most; 0 for all.
    compared_max: u64,
}

impl Search {
    fn parse(call: &Call<'_>) -> Result<Self, Failure> {
        let mut search = Self { rank: 1, count: None, compared_max: 0 };
        let mut next = 3;
        while let Some(word) = call.args.get(next) {
            if next + 1 == call.args.len() {
                return Err(Failure::SYNTAX);
            }
            let natural = |error| {
                let number = integer(call.args, next + 1).ok();
                number.and_then(|number| u64::try_from(number).ok()).ok_or(Failure::new(error))
            };
            if is(word, "rank") {
                search.rank = picks::count(call.args, next + 1)?;
                if search.rank == 0 {
                    return Err(Failure::new(
                        "ERR RANK can't be zero: use 1 to start from the first match, 2 from the \
                         second ... or use negative to start from the end of the list",
                    ));
                }
            } else if is(word, "count") {
                search.count = Some(natural("ERR COUNT can't be negative")?);
            } else if is(word, "maxlen") {
                search.compared_max = natural("ERR MAXLEN can't be negative")?;
            } else {
                return Err(Failure::SYNTAX);
            }
            next += 2;
        }
        Ok(search)
    }

    /// The positions of the matches that are wanted.
    fn run(&self, list: &List, wanted: &[u8]) -> Vec<u64> {
        let unlimited = |number: u64| if number == 0 { u64::MAX } else { number };
        let compared = unlimited(self.compared_max).min(list.len());
        let skipped = usize::try_from(self.rank.unsigned_abs() - 1).unwrap_or(usize::MAX);
        let count = usize::try_from(unlimited(self.count.unwrap_or(1))).unwrap_or(usize::MAX);
        let last = list.len().saturating_sub(1);
        if self.rank < 0 {
            let found = list.range(list.len() - compared..list.len()).rev().zip(0..);
            let found = found.filter(|(element, _)| *element == wanted);
            found.skip(skipped).take(count).map(|(_, distance)| last - distance).collect()
        } else {
            let found = list.range(0..compared).zip(0..);
            let found = found.filter(|(element, _)| *element == wanted);
            found.skip(skipped).take(count).map(|(_, position)| position).collect()
        }
    }
}

fn lpos(call: &mut Call<'_>) -> Outcome {
    let search = Search::parse(call)?;
    let list = call.keys.collection::<List>(call.args.at(1))?.unwrap_or_default();
    let found = search.run(&list, call.args.at(2));
    if search.count.is_some() {
        call.out.array(found.len());
        for position in found {
            call.out.count(position);
        }
    } else {
        match found.first() {
            Some(position) => call.out.count(*position),
            None => call.out.null(),
        }
    }
    Ok(())
}
