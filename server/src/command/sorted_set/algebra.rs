//! `ZUNION`, `ZINTER`, `ZDIFF`, the forms that store their result, `ZINTERCARD`.

use exuvia::SortedSet;

use super::combine::{Aggregate, Operation, combine, count_common};
use super::reply;
use super::source::{Source, Sources};
use crate::command::call::is;
use crate::command::spec::{Group, Spec};
use crate::command::{Call, Failure, NowFn, Outcome};
use crate::float::parse_f64;
use crate::number::parse_i64;
use crate::resp::Args;

const fn shows(name: &'static str, run: NowFn) -> Spec {
    Spec::now(Group::SortedSet, name, -3, run).reads().numbered_keys(1).access(&[&["RO", "access"]])
}

const fn stores(name: &'static str, run: NowFn) -> Spec {
    Spec::now(Group::SortedSet, name, -4, run)
        .writes()
        .grows()
        .key()
        .numbered_keys(2)
        .access(&[&["OW", "update"], &["RO", "access"]])
}

pub(in crate::command) const COMMANDS: &[Spec] = &[
    shows("zunion", |call| show(call, Operation::Union)).doc(
        "6.2.0",
        "O(N)+O(M*log(M)) with N being the sum of the sizes of the input sorted sets, and M being \
         the number of elements in the resulting sorted set.",
        "Returns the union of multiple sorted sets.",
    ),
    shows("zinter", |call| show(call, Operation::Intersection)).doc(
        "6.2.0",
        "O(N*K)+O(M*log(M)) worst case with N being the smallest input sorted set, K being the \
         number of input sorted sets and M being the number of elements in the resulting sorted \
         set.",
        "Returns the intersect of multiple sorted sets.",
    ),
    shows("zdiff", |call| show(call, Operation::Difference)).doc(
        "6.2.0",
        "O(L + (N-K)log(N)) worst case where L is the total number of elements in all the sets, N \
         is the size of the first set, and K is the size of the result set.",
        "Returns the difference between multiple sorted sets.",
    ),
    shows("zintercard", intersection_len).doc(
        "7.0.0",
        "O(N*K) worst case with N being the smallest input sorted set, K being the number of input \
         sorted sets.",
        "Returns the number of members of the intersect of multiple sorted sets.",
    ),
    stores("zunionstore", |call| store(call, Operation::Union)).doc(
        "2.0.0",
        "O(N)+O(M log(M)) with N being the sum of the sizes of the input sorted sets, and M being \
         the number of elements in the resulting sorted set.",
        "Stores the union of multiple sorted sets in a key.",
    ),
    stores("zinterstore", |call| store(call, Operation::Intersection)).doc(
        "2.0.0",
        "O(N*K)+O(M*log(M)) worst case with N being the smallest input sorted set, K being the \
         number of input sorted sets and M being the number of elements in the resulting sorted \
         set.",
        "Stores the intersect of multiple sorted sets in a key.",
    ),
    stores("zdiffstore", |call| store(call, Operation::Difference)).doc(
        "6.2.0",
        "O(L + (N-K)log(N)) worst case where L is the total number of elements in all the sets, N \
         is the size of the first set, and K is the size of the result set.",
        "Stores the difference of multiple sorted sets in a key.",
    ),
];

/// The keys among the arguments, whose number is argument `at`.
fn keys<'a>(call: &Call<'a>, at: usize) -> Result<Args<'a>, Failure> {
    let keys = call.integer(at)?;
    if keys < 1 {
        let name = call.spec.name;
        return Err(format!("ERR at least 1 input key is needed for '{name}' command").into());
    }
    let found = call.args.from(at + 1);
    match usize::try_from(keys) {
        Ok(keys) if keys <= found.len() => Ok(found.first(keys)),
        _ => Err(Failure::SYNTAX),
    }
}

/// What follows the keys.
struct Options {
    weights: Option<Vec<f64>>,
    aggregate: Aggregate,
    with_scores: bool,
}

impl Options {
    fn parse(
        args: Args<'_>,
        keys: usize,
        operation: Operation,
        stores: bool,
    ) -> Result<Self, Failure> {
        let mut options = Self { weights: None, aggregate: Aggregate::Sum, with_scores: false };
        let weighs = operation != Operation::Difference;
        let mut next = 0;
        while let Some(word) = args.get(next) {
            let behind = args.from(next + 1);
            if weighs && behind.len() >= keys && is(word, "weights") {
                let not_a_weight = Failure::new("ERR weight value is not a float");
                let weights = behind.first(keys).iter().map(parse_f64).collect::<Option<_>>();
                options.weights = Some(weights.ok_or(not_a_weight)?);
                next += keys;
            } else if weighs && !behind.is_empty() && is(word, "aggregate") {
                options.aggregate = match behind.at(0) {
                    word if is(word, "sum") => Aggregate::Sum,
                    word if is(word, "min") => Aggregate::Min,
                    word if is(word, "max") => Aggregate::Max,
                    _ => return Err(Failure::SYNTAX),
                };
                next += 1;
            } else if !stores && is(word, "withscores") {
                options.with_scores = true;
            } else {
                return Err(Failure::SYNTAX);
            }
            next += 1;
        }
        Ok(options)
    }

    fn combine(&self, operation: Operation, sets: &[Source]) -> SortedSet {
        let weight = |index| self.weights.as_ref().map_or(1.0, |weights| weights[index]);
        let weighted: Vec<_> =
            sets.iter().enumerate().map(|(index, set)| (set, weight(index))).collect();
        combine(operation, &weighted, self.aggregate)
    }
}

fn show(call: &mut Call<'_>, operation: Operation) -> Outcome {
    let names = keys(call, 1)?;
    let sets = Sources::read_from(&mut call.keys, names)?.sets()?;
    let options = Options::parse(call.args.from(2 + names.len()), names.len(), operation, false)?;
    let result = options.combine(operation, &sets);
    reply::list(call.out, &result, 0..result.len(), false, options.with_scores);
    Ok(())
}

fn store(call: &mut Call<'_>, operation: Operation) -> Outcome {
    let names = keys(call, 2)?;
    let Call { args, out, keys, .. } = call;
    let database = keys.database.index();
    let stored = keys.atomically(|step| {
        let sets = Sources::read(step, database, names)?;
        sets.tell_misses(step, database, names);
        let sets = sets.sets()?;
        let options = Options::parse(args.from(3 + names.len()), names.len(), operation, true)?;
        let result = options.combine(operation, &sets);
        reply::store(step, database, args.at(1), result)
    })?;
    out.count(stored);
    Ok(())
}

fn intersection_len(call: &mut Call<'_>) -> Outcome {
    let names = keys(call, 1)?;
    let sets = Sources::read_from(&mut call.keys, names)?.sets()?;
    let options = call.args.from(2 + names.len());
    let mut limit = u64::MAX;
    for option in (0..options.len()).step_by(2) {
        let Some(value) = options.get(option + 1).filter(|_| is(options.at(option), "limit"))
        else {
            return Err(Failure::SYNTAX);
        };
        let most = parse_i64(value).and_then(|most| u64::try_from(most).ok());
        let most = most.ok_or(Failure::new("ERR LIMIT can't be negative"))?;
        limit = if most == 0 { u64::MAX } else { most };
    }
    let weighted: Vec<_> = sets.iter().map(|set| (set, 1.0)).collect();
    call.out.count(count_common(&weighted, limit));
    Ok(())
}
