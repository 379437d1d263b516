//! Taking the members at either end: `ZPOPMIN`, `ZPOPMAX`, `ZMPOP`.

use exuvia::{SortedSet, Value};

use crate::command::call::is;
use crate::command::spec::{Group, Spec};
use crate::command::{Call, Failure, Outcome};
use crate::events::Event;
use crate::number::parse_i64;
use crate::resp::Protocol;

pub(in crate::command) const COMMANDS: &[Spec] = &[
    Spec::now(Group::SortedSet, "zpopmin", -2, |call| pop(call, End::First))
        .writes()
        .fast()
        .key().access(&[&["RW", "access", "delete"]])
        .doc(
            "5.0.0",
            "O(log(N)*M) with N being the number of elements in the sorted set, and M being the \
             number of elements popped.",
            "Returns the lowest-scoring members from a sorted set after removing them. Deletes the \
             sorted set if the last member was popped.",
        ),
    Spec::now(Group::SortedSet, "zpopmax", -2, |call| pop(call, End::Last))
        .writes()
        .fast()
        .key().access(&[&["RW", "access", "delete"]])
        .doc(
            "5.0.0",
            "O(log(N)*M) with N being the number of elements in the sorted set, and M being the \
             number of elements popped.",
            "Returns the highest-scoring members from a sorted set after removing them. Deletes \
             the sorted set if the last member was popped.",
        ),
    Spec::now(Group::SortedSet, "zmpop", -4, zmpop).writes().numbered_keys(1).access(&[&["RW", "access", "delete"]]).doc(
        "7.0.0",
        "O(K) + O(M*log(N)) where K is the number of provided keys, N being the number of elements \
         in the sorted set, and M being the number of elements popped.",
        "Returns the highest- or lowest-scoring members from one of the sorted sets after removing \
         them. Deletes the sorted set if the last member was popped.",
    ),
];

/// Where members are taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    First,
    Last,
}

type Taken = Vec<(Value, f64)>;

/// Takes up to `count` members from one end.
fn take(set: &mut SortedSet, end: End, count: u64) -> Taken {
    let len = set.len();
    let ranks = match end {
        End::First => 0..count.min(len),
        End::Last => len.saturating_sub(count)..len,
    };
    let owned = |(member, score)| (Value::from(member), score);
    let range = set.range(ranks.clone());
    let taken = match end {
        End::First => range.map(owned).collect(),
        End::Last => range.rev().map(owned).collect(),
    };
    set.remove_range(ranks);
    taken
}

/// Argument `index` as an integer that is at least `min`.
fn at_least(call: &Call<'_>, index: usize, min: i64, failure: Failure) -> Result<u64, Failure> {
    let number = parse_i64(call.args.at(index)).filter(|number| *number >= min);
    number.map(i64::cast_unsigned).ok_or(failure)
}

fn pop(call: &mut Call<'_>, end: End) -> Outcome {
    if call.args.len() > 3 {
        return Err(Failure::SYNTAX);
    }
    let single = call.args.len() == 2;
    let count = if single { 1 } else { at_least(call, 2, 0, Failure::NOT_POSITIVE)? };
    let Call { args, out, keys, .. } = call;
    let taken = keys.update_collection(args.at(1), |set| Ok(take(set, end, count)))?;
    let pairs = !single && out.protocol() == Protocol::Resp3;
    out.array(taken.len() * if pairs { 1 } else { 2 });
    for (member, score) in &taken {
        if pairs {
            out.array(2);
        }
        out.value(member);
        out.double(*score);
    }
    Ok(())
}

fn zmpop(call: &mut Call<'_>) -> Outcome {
    let few = Failure::new("ERR numkeys should be greater than 0");
    let sources = usize::try_from(at_least(call, 1, 1, few)?).unwrap_or(usize::MAX);
    let place = sources.saturating_add(2);
    let end = match call.args.get(place) {
        Some(word) if is(word, "min") => End::First,
        Some(word) if is(word, "max") => End::Last,
        _ => return Err(Failure::SYNTAX),
    };
    let (mut count, mut next) = (None, place + 1);
    while let Some(word) = call.args.get(next) {
        if count.is_some() || !is(word, "count") || next + 1 == call.args.len() {
            return Err(Failure::SYNTAX);
        }
        let few = Failure::new("ERR count should be greater than 0");
        count = Some(at_least(call, next + 1, 1, few)?);
        next += 2;
    }
    let count = count.unwrap_or(1);
    let Call { args, out, keys, .. } = call;
    let database = keys.database.index();
    let event = match end {
        End::First => Event::ZPOPMIN,
        End::Last => Event::ZPOPMAX,
    };
    let popped = keys.atomically(|step| {
        for index in 2..place {
            let Some((item, expiry)) = step.item(database, args.at(index))? else { continue };
            let mut set = item.collection::<SortedSet>()?.clone();
            let taken = take(&mut set, end, count);
            step.put((database, args.at(index)), set, expiry, event)?;
            return Ok(Some((index, taken)));
        }
        Ok(None)
    })?;
    let Some((index, taken)) = popped else {
        out.null_array();
        return Ok(());
    };
    out.array(2);
    out.bulk(args.at(index));
    out.array(taken.len());
    for (member, score) in &taken {
        out.array(2);
        out.value(member);
        out.double(*score);
    }
    Ok(())
}
