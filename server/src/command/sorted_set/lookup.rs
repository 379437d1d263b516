//! Looking at members, and counting them.

use exuvia::SortedSet;

use super::bounds::{Members, Scores};
use crate::command::call::is;
use crate::command::spec::{Group, Spec};
use crate::command::{Call, Failure, Outcome};

pub(in crate::command) const COMMANDS: &[Spec] = &[
    Spec::now(Group::SortedSet, "zcard", 2, zcard).reads().fast().key().access(&[&["RO"]]).doc(
        "1.2.0",
        "O(1)",
        "Returns the number of members in a sorted set.",
    ),
    Spec::now(Group::SortedSet, "zscore", 3, zscore)
        .reads()
        .fast()
        .key()
        .access(&[&["RO", "access"]])
        .doc("1.2.0", "O(1)", "Returns the score of a member in a sorted set."),
    Spec::now(Group::SortedSet, "zmscore", -3, zmscore)
        .reads()
        .fast()
        .key()
        .access(&[&["RO", "access"]])
        .doc(
            "6.2.0",
            "O(N) where N is the number of members being requested.",
            "Returns the score of one or more members in a sorted set.",
        ),
    Spec::now(Group::SortedSet, "zcount", 4, zcount)
        .reads()
        .fast()
        .key()
        .access(&[&["RO", "access"]])
        .doc(
            "2.0.0",
            "O(log(N)) with N being the number of elements in the sorted set.",
            "Returns the count of members in a sorted set that have scores within a range.",
        ),
    Spec::now(Group::SortedSet, "zlexcount", 4, zlexcount)
        .reads()
        .fast()
        .key()
        .access(&[&["RO", "access"]])
        .doc(
            "2.8.9",
            "O(log(N)) with N being the number of elements in the sorted set.",
            "Returns the number of members in a sorted set within a lexicographical range.",
        ),
    Spec::now(Group::SortedSet, "zrank", -3, |call| rank(call, false))
        .reads()
        .fast()
        .key()
        .access(&[&["RO", "access"]])
        .doc(
            "2.0.0",
            "O(log(N))",
            "Returns the index of a member in a sorted set ordered by ascending scores.",
        ),
    Spec::now(Group::SortedSet, "zrevrank", -3, |call| rank(call, true))
        .reads()
        .fast()
        .key()
        .access(&[&["RO", "access"]])
        .doc(
            "2.0.0",
            "O(log(N))",
            "Returns the index of a member in a sorted set ordered by descending scores.",
        ),
];

fn zcard(call: &mut Call<'_>) -> Outcome {
    let members = call.keys.with_collection(call.args.at(1), SortedSet::len)?;
    call.out.count(members.unwrap_or(0));
    Ok(())
}

fn zscore(call: &mut Call<'_>) -> Outcome {
    let member = call.args.at(2);
    let score = call.keys.with_collection(call.args.at(1), |set: &SortedSet| set.score(member))?;
    match score.flatten() {
        Some(score) => call.out.double(score),
        None => call.out.null(),
    }
    Ok(())
}

fn zmscore(call: &mut Call<'_>) -> Outcome {
    let Call { args, out, keys, .. } = call;
    let members = args.from(2);
    out.array(members.len());
    let found = keys.with_collection(args.at(1), |set: &SortedSet| {
        for member in members.iter() {
            match set.score(member) {
                Some(score) => out.double(score),
                None => out.null(),
            }
        }
    })?;
    if found.is_none() {
        members.iter().for_each(|_| out.null());
    }
    Ok(())
}

fn zcount(call: &mut Call<'_>) -> Outcome {
    let scores = Scores::parse(call.args.at(2), call.args.at(3))?;
    let ranks = call.keys.with_collection(call.args.at(1), |set| scores.ranks(set))?;
    call.out.count(ranks.map_or(0, |ranks| ranks.end - ranks.start));
    Ok(())
}

fn zlexcount(call: &mut Call<'_>) -> Outcome {
    let members = Members::parse(call.args.at(2), call.args.at(3))?;
    let ranks = call.keys.with_collection(call.args.at(1), |set| members.ranks(set))?;
    call.out.count(ranks.map_or(0, |ranks| ranks.end - ranks.start));
    Ok(())
}

fn rank(call: &mut Call<'_>, reverse: bool) -> Outcome {
    let Call { args, out, keys, spec, .. } = call;
    if args.len() > 4 {
        return Err(Failure::arity(spec.name));
    }
    let with_score = match args.get(3) {
        None => false,
        Some(word) if is(word, "withscore") => true,
        Some(_) => return Err(Failure::SYNTAX),
    };
    let member = args.at(2);
    let found = keys.with_collection(args.at(1), |set: &SortedSet| {
        let rank = set.rank(member)?;
        let score = set.score(member)?;
        Some((if reverse { set.len() - 1 - rank } else { rank }, score))
    })?;
    match found.flatten() {
        Some((rank, score)) if with_score => {
            out.array(2);
            out.count(rank);
            out.double(score);
        }
        Some((rank, _)) => out.count(rank),
        None if with_score => out.null_array(),
        None => out.null(),
    }
    Ok(())
}
