//! Fields chosen at random.

use exuvia::Hash;

use crate::command::call::is;
use crate::command::elements;
use crate::command::picks::{self, Picks};
use crate::command::spec::{Group, Spec};
use crate::command::{Call, Failure, Outcome};
use crate::resp::{Output, Protocol};

pub(super) const COMMANDS: &[Spec] = &[Spec::now(Group::Hash, "hrandfield", -2, hrandfield)
    .reads()
    .key()
    .access(&[&["RO", "access"]])
    .doc(
        "6.2.0",
        "O(N) where N is the number of fields returned",
        "Returns fields chosen at random.",
    )];

fn hrandfield(call: &mut Call<'_>) -> Outcome {
    if call.args.len() == 2 {
        return one(call);
    }
    let count = picks::count(call.args, 2)?;
    let with_values = match call.args.get(3) {
        None => false,
        Some(word) if call.args.len() == 4 && is(word, "withvalues") => true,
        Some(_) => return Err(Failure::SYNTAX),
    };
    if with_values && count.unsigned_abs() > i64::MAX as u64 / 2 {
        return Err(Failure::new("ERR value is out of range"));
    }
    let are_many = |hash: &Hash| elements::are_many(picks::picked(count, hash.len()));
    let found = call.keys.with_kept(call.args.at(1), are_many, |hash| {
        let picks = Picks::new(count, hash.len());
        let len = picks.left() as usize;
        let nested = with_values && call.out.protocol() == Protocol::Resp3;
        call.out.array(if with_values && !nested { len * 2 } else { len });
        let write = match (with_values, nested) {
            (false, _) => field,
            (true, false) => pair,
            (true, true) => nested_pair,
        };
        picks::list(call.out, hash, picks, write);
    })?;
    if found.is_none() {
        call.out.array(0);
    }
    Ok(())
}

fn one(call: &mut Call<'_>) -> Outcome {
    let found = call.keys.with_collection(call.args.at(1), |hash: &Hash| {
        field(hash, fastrand::u64(..hash.len()), call.out);
    })?;
    if found.is_none() {
        call.out.null();
    }
    Ok(())
}

fn field(hash: &Hash, position: u64, out: &mut Output) {
    let (field, _) = hash.get_at(position).unwrap_or_default();
    out.bulk(field);
}

fn pair(hash: &Hash, position: u64, out: &mut Output) {
    let (field, value) = hash.get_at(position).unwrap_or_default();
    out.bulk(field);
    out.bulk(value);
}

fn nested_pair(hash: &Hash, position: u64, out: &mut Output) {
    out.array(2);
    pair(hash, position, out);
}
