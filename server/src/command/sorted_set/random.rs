//! Members chosen at random: `ZRANDMEMBER`.

use exuvia::SortedSet;

use super::reply;
use crate::command::call::is;
use crate::command::picks::{self, Picks};
use crate::command::spec::{Group, Spec};
use crate::command::{Call, Failure, Outcome};
use crate::resp::Output;

pub(in crate::command) const COMMANDS: &[Spec] =
    &[Spec::now(Group::SortedSet, "zrandmember", -2, zrandmember)
        .reads()
        .key()
        .access(&[&["RO", "access"]])
        .doc(
            "6.2.0",
            "O(N) where N is the number of members returned",
            "Returns one or more random members from a sorted set.",
        )];

fn zrandmember(call: &mut Call<'_>) -> Outcome {
    if call.args.len() == 2 {
        let set = call.keys.collection::<SortedSet>(call.args.at(1))?.unwrap_or_default();
        match Picks::new(1, set.len()).next().and_then(|rank| set.get_at(rank)) {
            Some((member, _)) => call.out.bulk(member),
            None => call.out.null(),
        }
        return Ok(());
    }
    let count = call.integer(2)?;
    if count == i64::MIN {
        return Err(Failure::new(
            "ERR value is out of range, value must between -9223372036854775807 and \
             9223372036854775807",
        ));
    }
    let with_scores = match call.args.get(3) {
        None => false,
        Some(word) if call.args.len() == 4 && is(word, "withscores") => true,
        Some(_) => return Err(Failure::SYNTAX),
    };
    if with_scores && count.unsigned_abs() > i64::MAX as u64 / 2 {
        return Err(Failure::new("ERR value is out of range"));
    }
    let set = call.keys.collection::<SortedSet>(call.args.at(1))?.unwrap_or_default();
    let picks = Picks::new(count, set.len());
    reply::begin(call.out, picks.left(), with_scores);
    picks::list(call.out, &set, picks, if with_scores { pair } else { member });
    Ok(())
}

fn member(set: &SortedSet, rank: u64, out: &mut Output) {
    if let Some((member, _)) = set.get_at(rank) {
        out.bulk(member);
    }
}

fn pair(set: &SortedSet, rank: u64, out: &mut Output) {
    if let Some(found) = set.get_at(rank) {
        reply::pair(out, found);
    }
}
