//! Members chosen at random.

use exuvia::{Set, Value};

use crate::command::call::non_negative;
use crate::command::elements::{self, members};
use crate::command::picks::{self, Picks};
use crate::command::spec::{Group, Spec};
use crate::command::{Call, Failure, Outcome};
use crate::resp::Output;

pub(super) const COMMANDS: &[Spec] = &[
    Spec::now(Group::Set, "spop", -2, spop)
        .writes()
        .fast()
        .key()
        .access(&[&["RW", "access", "delete"]])
        .doc(
            "1.0.0",
            "O(N) where N is the number of members returned",
            "Removes members chosen at random and returns them.",
        ),
    Spec::now(Group::Set, "srandmember", -2, srandmember)
        .reads()
        .key()
        .access(&[&["RO", "access"]])
        .doc(
            "1.0.0",
            "O(N) where N is the number of members returned",
            "Returns members chosen at random.",
        ),
];

/// What `SPOP` takes out.
enum Popped {
    Some(Vec<Value>),
    /// The whole set.
    All(Set),
}

fn spop(call: &mut Call<'_>) -> Outcome {
    match call.args.len() {
        2 => return pop_one(call),
        3 => {}
        _ => return Err(Failure::SYNTAX),
    }
    let count = non_negative(call.args, 2)?;
    let popped = call.keys.update_collection(call.args.at(1), |set: &mut Set| {
        if count as u64 >= set.len() {
            return Ok(Popped::All(std::mem::take(set)));
        }
        let mut positions: Vec<u64> = Picks::new(count, set.len()).collect();
        // From the last to the first, so that those to come keep their positions.
        positions.sort_unstable_by(|left, right| right.cmp(left));
        Ok(Popped::Some(positions.into_iter().filter_map(|at| set.take_at(at)).collect()))
    })?;
    match popped {
        Popped::All(set) => {
            call.out.set(set.len() as usize);
            elements::list(call.out, &set, 0..set.len(), members);
        }
        Popped::Some(members) => {
            call.out.set(members.len());
            for member in members {
                call.out.bulk(&member);
            }
        }
    }
    Ok(())
}

fn pop_one(call: &mut Call<'_>) -> Outcome {
    let popped = call.keys.update_collection(call.args.at(1), |set: &mut Set| {
        Ok(if set.is_empty() { None } else { set.take_at(fastrand::u64(..set.len())) })
    })?;
    call.out.optional(popped.as_ref());
    Ok(())
}

fn srandmember(call: &mut Call<'_>) -> Outcome {
    match call.args.len() {
        2 => return show_one(call),
        3 => {}
        _ => return Err(Failure::SYNTAX),
    }
    let count = picks::count(call.args, 2)?;
    let are_many = |set: &Set| elements::are_many(picks::picked(count, set.len()));
    let found = call.keys.with_kept(call.args.at(1), are_many, |set| {
        let picks = Picks::new(count, set.len());
        call.out.array(picks.left() as usize);
        picks::list(call.out, set, picks, member);
    })?;
    if found.is_none() {
        call.out.array(0);
    }
    Ok(())
}

fn show_one(call: &mut Call<'_>) -> Outcome {
    let found = call.keys.with_collection(call.args.at(1), |set: &Set| {
        member(set, fastrand::u64(..set.len()), call.out);
    })?;
    if found.is_none() {
        call.out.null();
    }
    Ok(())
}

fn member(set: &Set, position: u64, out: &mut Output) {
    out.bulk(set.get_at(position).unwrap_or_default());
}
