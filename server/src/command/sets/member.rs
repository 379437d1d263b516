//! The members of one set.

use exuvia::{Expiry, Set};

use crate::command::elements::{self, members};
use crate::command::elements_scan;
use crate::command::keys::collection_at;
use crate::command::spec::{Group, Spec};
use crate::command::{Call, Outcome};
use crate::events::Event;

pub(super) const COMMANDS: &[Spec] = &[
    Spec::now(Group::Set, "sadd", -3, sadd)
        .writes()
        .together()
        .grows()
        .fast()
        .key()
        .access(&[&["RW", "insert"]])
        .doc("1.0.0", "O(1) for each member", "Adds members and tells how many are new."),
    Spec::now(Group::Set, "srem", -3, srem)
        .writes()
        .together()
        .fast()
        .key()
        .access(&[&["RW", "delete"]])
        .doc("1.0.0", "O(1) for each member", "Removes members, and the set with its last one."),
    Spec::now(Group::Set, "smove", 4, smove)
        .writes()
        .fast()
        .keys(1, 2, 1)
        .access(&[&["RW", "access", "delete"], &["RW", "insert"]])
        .doc("1.0.0", "O(1)", "Moves a member from one set to another."),
    Spec::now(Group::Set, "sismember", 3, sismember).reads().fast().key().access(&[&["RO"]]).doc(
        "1.0.0",
        "O(1)",
        "Tells whether something is a member.",
    ),
    Spec::now(Group::Set, "smismember", -3, smismember)
        .reads()
        .fast()
        .key()
        .access(&[&["RO", "access"]])
        .doc("6.2.0", "O(1) for each", "Tells of several whether they are members."),
    Spec::now(Group::Set, "scard", 2, scard).reads().fast().key().access(&[&["RO"]]).doc(
        "1.0.0",
        "O(1)",
        "Returns the number of members.",
    ),
    Spec::now(Group::Set, "smembers", 2, smembers).reads().key().access(&[&["RO", "access"]]).doc(
        "1.0.0",
        "O(N) where N is the number of members",
        "Returns all members.",
    ),
    Spec::now(Group::Set, "sscan", -3, elements_scan::now::<Set>)
        .long(0, elements_scan::later::<Set>)
        .reads()
        .key()
        .access(&[&["RO", "access"]])
        .doc(
            "2.8.0",
            "O(1) for every call. O(N) for a complete iteration.",
            "Goes through the members of a set.",
        ),
];

fn sadd(call: &mut Call<'_>) -> Outcome {
    let members = call.args.from(2);
    let added = call.keys.update_collection(call.args.at(1), |set: &mut Set| {
        Ok(members.iter().filter(|member| set.insert(member)).count())
    })?;
    call.out.count(added as u64);
    Ok(())
}

fn srem(call: &mut Call<'_>) -> Outcome {
    let members = call.args.from(2);
    let removed = call.keys.update_collection(call.args.at(1), |set: &mut Set| {
        Ok(members.iter().filter(|member| set.remove(member)).count())
    })?;
    call.out.count(removed as u64);
    Ok(())
}

fn smove(call: &mut Call<'_>) -> Outcome {
    let database = call.keys.database.index();
    let (from, to, member) = (call.args.at(1), call.args.at(2), call.args.at(3));
    let moved = call.keys.atomically(|step| {
        let Some((mut source, source_expiry)) = collection_at::<Set>(step, database, from)? else {
            return Ok(false);
        };
        let target = collection_at::<Set>(step, database, to)?;
        if from == to {
            return Ok(source.contains(member));
        }
        if !source.remove(member) {
            return Ok(false);
        }
        step.put((database, from), source, source_expiry, Event::SREM)?;
        let (mut target, target_expiry) = target.unwrap_or((Set::new(), Expiry::Never));
        if target.insert(member) {
            step.put((database, to), target, target_expiry, Event::SADD)?;
        }
        Ok(true)
    })?;
    call.out.integer(i64::from(moved));
    Ok(())
}

fn sismember(call: &mut Call<'_>) -> Outcome {
    let member = call.args.at(2);
    let found = call.keys.with_collection(call.args.at(1), |set: &Set| set.contains(member))?;
    call.out.integer(i64::from(found.unwrap_or(false)));
    Ok(())
}

fn smismember(call: &mut Call<'_>) -> Outcome {
    let members = call.args.from(2);
    let Call { args, out, keys, .. } = call;
    let mut show = |set: &Set| {
        out.array(members.len());
        for member in members.iter() {
            out.integer(i64::from(set.contains(member)));
        }
    };
    let is_long = |_: &Set| elements::are_many(members.len() as u64);
    if keys.with_kept(args.at(1), is_long, &mut show)?.is_none() {
        show(&Set::new());
    }
    Ok(())
}

fn scard(call: &mut Call<'_>) -> Outcome {
    let found = call.keys.with_collection(call.args.at(1), Set::len)?;
    call.out.count(found.unwrap_or(0));
    Ok(())
}

fn smembers(call: &mut Call<'_>) -> Outcome {
    let are_many = |set: &Set| elements::are_many(set.len());
    let found = call.keys.with_kept(call.args.at(1), are_many, |set| {
        call.out.set(set.len() as usize);
        elements::list(call.out, set, 0..set.len(), members);
    })?;
    if found.is_none() {
        call.out.set(0);
    }
    Ok(())
}
