//! Setting, reading and removing fields by name.

use exuvia::Hash;

use crate::command::elements;
use crate::command::spec::{Group, Spec};
use crate::command::{Call, Failure, Outcome};

pub(super) const COMMANDS: &[Spec] = &[
    Spec::now(Group::Hash, "hset", -4, hset)
        .writes()
        .together()
        .grows()
        .fast()
        .key()
        .access(&[&["RW", "update"]])
        .doc("2.0.0", "O(1) for each field", "Sets fields of a hash and tells how many are new."),
    Spec::now(Group::Hash, "hmset", -4, hmset)
        .writes()
        .together()
        .grows()
        .fast()
        .key()
        .access(&[&["RW", "update"]])
        .doc("2.0.0", "O(1) for each field", "Sets fields of a hash."),
    Spec::now(Group::Hash, "hsetnx", 4, hsetnx)
        .writes()
        .together()
        .grows()
        .fast()
        .key()
        .access(&[&["RW", "insert"]])
        .doc("2.0.0", "O(1)", "Sets a field of a hash unless it is there."),
    Spec::now(Group::Hash, "hget", 3, hget).reads().fast().key().access(&[&["RO", "access"]]).doc(
        "2.0.0",
        "O(1)",
        "Returns the value of a field.",
    ),
    Spec::now(Group::Hash, "hmget", -3, hmget)
        .reads()
        .fast()
        .key()
        .access(&[&["RO", "access"]])
        .doc("2.0.0", "O(1) for each field", "Returns the values of several fields."),
    Spec::now(Group::Hash, "hdel", -3, hdel)
        .writes()
        .together()
        .fast()
        .key()
        .access(&[&["RW", "delete"]])
        .doc("2.0.0", "O(1) for each field", "Removes fields, and the hash with its last one."),
    Spec::now(Group::Hash, "hexists", 3, hexists).reads().fast().key().access(&[&["RO"]]).doc(
        "2.0.0",
        "O(1)",
        "Tells whether there is a field.",
    ),
    Spec::now(Group::Hash, "hstrlen", 3, hstrlen).reads().fast().key().access(&[&["RO"]]).doc(
        "3.2.0",
        "O(1)",
        "Returns the length of the value of a field.",
    ),
];

fn hset(call: &mut Call<'_>) -> Outcome {
    let added = set(call)?;
    call.out.count(added);
    Ok(())
}

fn hmset(call: &mut Call<'_>) -> Outcome {
    set(call)?;
    call.out.ok();
    Ok(())
}

/// Sets the fields and returns how many are new.
fn set(call: &mut Call<'_>) -> Result<u64, Failure> {
    let args = call.args;
    if !args.len().is_multiple_of(2) {
        return Err(Failure::arity(call.spec.name));
    }
    call.keys.update_collection(args.at(1), |hash: &mut Hash| {
        let mut added = 0;
        for field in (2..args.len()).step_by(2) {
            added += u64::from(hash.insert(args.at(field), args.at(field + 1)));
        }
        Ok(added)
    })
}

fn hsetnx(call: &mut Call<'_>) -> Outcome {
    let (field, value) = (call.args.at(2), call.args.at(3));
    let is_new = call.keys.update_collection(call.args.at(1), |hash: &mut Hash| {
        Ok(!hash.contains(field) && hash.insert(field, value))
    })?;
    call.out.integer(i64::from(is_new));
    Ok(())
}

fn hget(call: &mut Call<'_>) -> Outcome {
    let field = call.args.at(2);
    let found =
        call.keys.with_collection(call.args.at(1), |hash: &Hash| match hash.get(field) {
            Some(value) => call.out.bulk(value),
            None => call.out.null(),
        })?;
    if found.is_none() {
        call.out.null();
    }
    Ok(())
}

fn hmget(call: &mut Call<'_>) -> Outcome {
    let fields = call.args.from(2);
    let Call { args, out, keys, .. } = call;
    let mut show = |hash: &Hash| {
        out.array(fields.len());
        for field in fields.iter() {
            match hash.get(field) {
                Some(value) => out.bulk(value),
                None => out.null(),
            }
        }
    };
    let is_long = |_: &Hash| elements::are_many(fields.len() as u64);
    if keys.with_kept(args.at(1), is_long, &mut show)?.is_none() {
        show(&Hash::new());
    }
    Ok(())
}

fn hdel(call: &mut Call<'_>) -> Outcome {
    let fields = call.args.from(2);
    let removed = call.keys.update_collection(call.args.at(1), |hash: &mut Hash| {
        Ok(fields.iter().filter(|field| hash.remove(field)).count())
    })?;
    call.out.count(removed as u64);
    Ok(())
}

fn hexists(call: &mut Call<'_>) -> Outcome {
    let field = call.args.at(2);
    let found = call.keys.with_collection(call.args.at(1), |hash: &Hash| hash.contains(field))?;
    call.out.integer(i64::from(found.unwrap_or(false)));
    Ok(())
}

fn hstrlen(call: &mut Call<'_>) -> Outcome {
    let field = call.args.at(2);
    let bytes = |hash: &Hash| hash.get(field).map_or(0, <[u8]>::len);
    let found = call.keys.with_collection(call.args.at(1), bytes)?;
    call.out.count(found.unwrap_or(0) as u64);
    Ok(())
}
