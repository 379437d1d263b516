//! Reading and writing whole strings: `GET`, `MGET`, `MSET` and the like.

use exuvia::{Expiry, Value};

use super::many;
use super::spec::{Group, Spec};
use super::{Call, Failure, Outcome};
use crate::resp::Output;

pub(super) const COMMANDS: &[Spec] = &[
    Spec::now(Group::String, "get", 2, get).reads().fast().key().access(&[&["RO", "access"]]).doc(
        "1.0.0",
        "O(1)",
        "Returns the string value of a key.",
    ),
    Spec::now(Group::String, "getdel", 2, getdel)
        .writes()
        .fast()
        .key()
        .access(&[&["RW", "access", "delete"]])
        .doc("6.2.0", "O(1)", "Returns the string value of a key after deleting the key."),
    Spec::now(Group::String, "mget", -2, mget)
        .long(many::LONG_ARGS, many::mget)
        .reads()
        .fast()
        .keys(1, -1, 1)
        .access(&[&["RO", "access"]])
        .doc(
            "1.0.0",
            "O(N) where N is the number of keys to retrieve.",
            "Atomically returns the string values of one or more keys.",
        ),
    Spec::now(Group::String, "mset", -3, mset)
        .long(many::LONG_ARGS, many::mset)
        .writes()
        .grows()
        .keys(1, -1, 2)
        .access(&[&["OW", "update"]])
        .doc(
            "1.0.1",
            "O(N) where N is the number of keys to set.",
            "Atomically creates or modifies the string values of one or more keys.",
        ),
    Spec::now(Group::String, "msetnx", -3, msetnx)
        .long(many::LONG_ARGS, many::msetnx)
        .writes()
        .grows()
        .keys(1, -1, 2)
        .access(&[&["OW", "insert"]])
        .doc(
            "1.0.1",
            "O(N) where N is the number of keys to set.",
            "Atomically modifies the string values of one or more keys only when all keys don't \
             exist.",
        ),
    Spec::now(Group::String, "strlen", 2, strlen).reads().fast().key().access(&[&["RO"]]).doc(
        "2.2.0",
        "O(1)",
        "Returns the length of a string value.",
    ),
];

fn get(call: &mut Call<'_>) -> Outcome {
    let Call { args, out, keys, .. } = call;
    let key = args.at(1);
    // A small value is copied once, from the table into the reply.
    let found = keys.with(key, |entry| {
        let small = entry.value.len() < Output::SHARED_BYTES_MIN;
        if small {
            out.bulk(entry.value);
        }
        small
    })?;
    match found {
        None => out.null(),
        Some(true) => {}
        Some(false) => {
            let value = keys.get(key)?;
            out.optional(value.as_ref());
        }
    }
    Ok(())
}

fn getdel(call: &mut Call<'_>) -> Outcome {
    let key = call.args.at(1);
    let value = call.keys.take(key)?;
    call.keys.looked_up(key, value.is_some());
    call.out.optional(value.as_ref());
    Ok(())
}

fn mget(call: &mut Call<'_>) -> Outcome {
    let keys: Vec<&[u8]> = call.args.from(1).iter().collect();
    let values = call.keys.get_many(&keys)?;
    call.out.array(values.len());
    for (key, value) in keys.iter().zip(&values) {
        call.keys.looked_up_string(key, value.is_some())?;
        call.out.optional(value.as_ref());
    }
    Ok(())
}

fn mset(call: &mut Call<'_>) -> Outcome {
    set_all(call, false)?;
    call.out.ok();
    Ok(())
}

fn msetnx(call: &mut Call<'_>) -> Outcome {
    let stored = set_all(call, true)?;
    call.out.integer(i64::from(stored));
    Ok(())
}

/// Stores all pairs as one step; with `only_absent`, nothing if any of the keys is there.
fn set_all(call: &mut Call<'_>, only_absent: bool) -> Result<bool, Failure> {
    let Call { args, keys, spec, .. } = call;
    if args.len() % 2 == 0 {
        return Err(Failure::arity(spec.name));
    }
    if args.len() == 3 && !only_absent {
        keys.set(args.at(1), args.value(2), Expiry::Never)?;
        return Ok(true);
    }
    let database = keys.database.index();
    // Built once, however often the step runs: small values are copied, large ones shared.
    let values: Vec<Value> = (2..args.len()).step_by(2).map(|index| args.value(index)).collect();
    keys.atomically(|step| {
        if only_absent {
            for index in (1..args.len()).step_by(2) {
                if step.item(database, args.at(index))?.is_some() {
                    return Ok(false);
                }
            }
        }
        for (pair, value) in values.iter().enumerate() {
            let key = args.at(pair * 2 + 1);
            step.set(database, key, value.clone().into(), Expiry::Never)?;
            step.tell_own(database, key);
        }
        Ok(true)
    })
}

fn strlen(call: &mut Call<'_>) -> Outcome {
    let length = call.keys.with(call.args.at(1), |entry| entry.value.len())?;
    call.out.count(length.unwrap_or(0) as u64);
    Ok(())
}
