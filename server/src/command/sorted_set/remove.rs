//! Removing members, by name and by range.

use std::ops::Range;

use exuvia::SortedSet;

use super::bounds::{Members, Scores, ranks};
use crate::command::spec::{Group, Spec};
use crate::command::{Call, Outcome};

pub(in crate::command) const COMMANDS: &[Spec] = &[
    Spec::now(Group::SortedSet, "zrem", -3, zrem).writes().together().fast().key().access(&[&["RW", "delete"]]).doc(
        "1.2.0",
        "O(M*log(N)) with N being the number of elements in the sorted set and M the number of \
         elements to be removed.",
        "Removes one or more members from a sorted set. Deletes the sorted set if all members were \
         removed.",
    ),
    Spec::now(Group::SortedSet, "zremrangebyrank", 4, by_rank).writes().key().access(&[&["RW", "delete"]]).doc(
        "2.0.0",
        "O(log(N)+M) with N being the number of elements in the sorted set and M the number of \
         elements removed by the operation.",
        "Removes members in a sorted set within a range of indexes. Deletes the sorted set if all \
         members were removed.",
    ),
    Spec::now(Group::SortedSet, "zremrangebyscore", 4, by_score).writes().key().access(&[&["RW", "delete"]]).doc(
        "1.2.0",
        "O(log(N)+M) with N being the number of elements in the sorted set and M the number of \
         elements removed by the operation.",
        "Removes members in a sorted set within a range of scores. Deletes the sorted set if all \
         members were removed.",
    ),
    Spec::now(Group::SortedSet, "zremrangebylex", 4, by_member).writes().key().access(&[&["RW", "delete"]]).doc(
        "2.8.9",
        "O(log(N)+M) with N being the number of elements in the sorted set and M the number of \
         elements removed by the operation.",
        "Removes members in a sorted set within a lexicographical range. Deletes the sorted set if \
         all members were removed.",
    ),
];

fn zrem(call: &mut Call<'_>) -> Outcome {
    let members = call.args.from(2);
    let removed = call.keys.update_collection(call.args.at(1), |set: &mut SortedSet| {
        Ok(members.iter().filter(|member| set.remove(member).is_some()).count())
    })?;
    call.out.count(removed as u64);
    Ok(())
}

fn by_rank(call: &mut Call<'_>) -> Outcome {
    let (start, end) = (call.integer(2)?, call.integer(3)?);
    remove(call, |set| ranks(start, end, set.len()))
}

fn by_score(call: &mut Call<'_>) -> Outcome {
    let scores = Scores::parse(call.args.at(2), call.args.at(3))?;
    remove(call, |set| scores.ranks(set))
}

fn by_member(call: &mut Call<'_>) -> Outcome {
    let members = Members::parse(call.args.at(2), call.args.at(3))?;
    remove(call, |set| members.ranks(set))
}

fn remove(call: &mut Call<'_>, ranks: impl Fn(&SortedSet) -> Range<u64>) -> Outcome {
    let removed = call.keys.update_collection(call.args.at(1), |set: &mut SortedSet| {
        let ranks = ranks(set);
        set.remove_range(ranks.clone());
        Ok(ranks.end - ranks.start)
    })?;
    call.out.count(removed);
    Ok(())
}
