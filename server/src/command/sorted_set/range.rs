//! Ranges: `ZRANGE`, its older relatives, `ZRANGESTORE`.

use std::cell::Cell;

use exuvia::SortedSet;

use super::query::{Form, Kind, Query};
use super::reply;
use crate::command::elements;
use crate::command::spec::{Group, Spec};
use crate::command::{Call, NowFn, Outcome};

const fn spec(name: &'static str, run: NowFn) -> Spec {
    Spec::now(Group::SortedSet, name, -4, run).reads().key().access(&[&["RO", "access"]])
}

pub(in crate::command) const COMMANDS: &[Spec] = &[
    spec("zrange", |call| show(call, ANY)).doc(
        "1.2.0",
        "O(log(N)+M) with N being the number of elements in the sorted set and M the number of \
         elements returned.",
        "Returns members in a sorted set within a range of indexes.",
    ),
    spec("zrevrange", |call| show(call, REV)).doc(
        "1.2.0",
        "O(log(N)+M) with N being the number of elements in the sorted set and M the number of \
         elements returned.",
        "Returns members in a sorted set within a range of indexes in reverse order.",
    ),
    spec("zrangebyscore", |call| show(call, SCORE)).doc(
        "1.0.5",
        "O(log(N)+M) with N being the number of elements in the sorted set and M the number of \
         elements being returned. If M is constant (e.g. always asking for the first 10 elements \
         with LIMIT), you can consider it O(log(N)).",
        "Returns members in a sorted set within a range of scores.",
    ),
    spec("zrevrangebyscore", |call| show(call, REV_SCORE)).doc(
        "2.2.0",
        "O(log(N)+M) with N being the number of elements in the sorted set and M the number of \
         elements being returned. If M is constant (e.g. always asking for the first 10 elements \
         with LIMIT), you can consider it O(log(N)).",
        "Returns members in a sorted set within a range of scores in reverse order.",
    ),
    spec("zrangebylex", |call| show(call, LEX)).doc(
        "2.8.9",
        "O(log(N)+M) with N being the number of elements in the sorted set and M the number of \
         elements being returned. If M is constant (e.g. always asking for the first 10 elements \
         with LIMIT), you can consider it O(log(N)).",
        "Returns members in a sorted set within a lexicographical range.",
    ),
    spec("zrevrangebylex", |call| show(call, REV_LEX)).doc(
        "2.8.9",
        "O(log(N)+M) with N being the number of elements in the sorted set and M the number of \
         elements being returned. If M is constant (e.g. always asking for the first 10 elements \
         with LIMIT), you can consider it O(log(N)).",
        "Returns members in a sorted set within a lexicographical range in reverse order.",
    ),
    Spec::now(Group::SortedSet, "zrangestore", -5, store)
        .writes()
        .grows()
        .keys(1, 2, 1)
        .access(&[&["OW", "update"], &["RO", "access"]])
        .doc(
            "6.2.0",
            "O(log(N)+M) with N being the number of elements in the sorted set and M the number of \
         elements stored into the destination key.",
            "Stores a range of members from sorted set in a key.",
        ),
];

const fn form(bounds: Kind, reverse: bool) -> Form {
    Form { bounds: Some(bounds), reverse: Some(reverse), stores: false }
}

const ANY: Form = Form { bounds: None, reverse: None, stores: false };
const REV: Form = form(Kind::Ranks, true);
const SCORE: Form = form(Kind::Scores, false);
const REV_SCORE: Form = form(Kind::Scores, true);
const LEX: Form = form(Kind::Members, false);
const REV_LEX: Form = form(Kind::Members, true);
const STORE: Form = Form { stores: true, ..ANY };

fn show(call: &mut Call<'_>, form: Form) -> Outcome {
    let Call { args, out, keys, .. } = call;
    let query = Query::parse(args.from(2), form)?;
    // A short reply is written while the set is looked at: whoever clones one keeps the next
    // change from reusing what it replaces.
    let short = Cell::new(None);
    let is_long = |set: &SortedSet| {
        let ranks = query.ranks(set);
        let is_long = elements::are_many(ranks.end - ranks.start);
        short.set((!is_long).then_some(ranks));
        is_long
    };
    let found = keys.with_kept(args.at(1), is_long, |set: &SortedSet| {
        let ranks = short.take().unwrap_or_else(|| query.ranks(set));
        reply::list(out, set, ranks, query.reverse, query.with_scores);
    })?;
    if found.is_none() {
        out.array(0);
    }
    Ok(())
}

fn store(call: &mut Call<'_>) -> Outcome {
    let Call { args, out, keys, .. } = call;
    let query = Query::parse(args.from(3), STORE)?;
    let database = keys.database.index();
    let stored = keys.atomically(|step| {
        let source = step.item(database, args.at(2))?;
        step.looked_up(database, args.at(2), source.is_some());
        let result: SortedSet = match source {
            Some((item, _)) => {
                let mut set = item.collection::<SortedSet>()?.clone();
                let ranks = query.ranks(&set);
                set.remove_range(ranks.end..set.len());
                set.remove_range(0..ranks.start);
                set
            }
            None => SortedSet::new(),
        };
        reply::store(step, database, args.at(1), result)
    })?;
    out.count(stored);
    Ok(())
}
