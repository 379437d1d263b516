//! Whole hashes.

use exuvia::Hash;

use crate::command::elements::{self, fields, pairs, values};
use crate::command::elements_scan;
use crate::command::spec::{Group, Spec};
use crate::command::{Call, Outcome};

pub(super) const COMMANDS: &[Spec] = &[
    Spec::now(Group::Hash, "hlen", 2, hlen).reads().fast().key().access(&[&["RO"]]).doc(
        "2.0.0",
        "O(1)",
        "Returns the number of fields.",
    ),
    Spec::now(Group::Hash, "hgetall", 2, hgetall).reads().key().access(&[&["RO", "access"]]).doc(
        "2.0.0",
        "O(N) where N is the number of fields",
        "Returns all fields with their values.",
    ),
    Spec::now(Group::Hash, "hkeys", 2, hkeys).reads().key().access(&[&["RO", "access"]]).doc(
        "2.0.0",
        "O(N) where N is the number of fields",
        "Returns all fields.",
    ),
    Spec::now(Group::Hash, "hvals", 2, hvals).reads().key().access(&[&["RO", "access"]]).doc(
        "2.0.0",
        "O(N) where N is the number of fields",
        "Returns the values of all fields.",
    ),
    Spec::now(Group::Hash, "hscan", -3, elements_scan::now::<Hash>)
        .long(0, elements_scan::later::<Hash>)
        .reads()
        .key()
        .access(&[&["RO", "access"]])
        .doc(
            "2.8.0",
            "O(1) for every call. O(N) for a complete iteration.",
            "Goes through the fields of a hash and their values.",
        ),
];

fn hlen(call: &mut Call<'_>) -> Outcome {
    let found = call.keys.with_collection(call.args.at(1), Hash::len)?;
    call.out.count(found.unwrap_or(0));
    Ok(())
}

fn hgetall(call: &mut Call<'_>) -> Outcome {
    let are_many = |hash: &Hash| elements::are_many(hash.len());
    let found = call.keys.with_kept(call.args.at(1), are_many, |hash| {
        call.out.map(hash.len() as usize);
        elements::list(call.out, hash, 0..hash.len(), pairs);
    })?;
    if found.is_none() {
        call.out.map(0);
    }
    Ok(())
}

fn hkeys(call: &mut Call<'_>) -> Outcome {
    list(call, fields)
}

fn hvals(call: &mut Call<'_>) -> Outcome {
    list(call, values)
}

fn list(call: &mut Call<'_>, write: elements::Write<Hash>) -> Outcome {
    let are_many = |hash: &Hash| elements::are_many(hash.len());
    let found = call.keys.with_kept(call.args.at(1), are_many, |hash| {
        call.out.array(hash.len() as usize);
        elements::list(call.out, hash, 0..hash.len(), write);
    })?;
    if found.is_none() {
        call.out.array(0);
    }
    Ok(())
}
