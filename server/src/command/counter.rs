//! Strings that are numbers.

use exuvia::{Change, ExpiryChange, Value};

use super::spec::{Group, Spec};
use super::{Call, Failure, Outcome};
use crate::number::{AddError, add_decimals, format_i64, parse_i64};

pub(super) const COMMANDS: &[Spec] = &[
    Spec::now(Group::String, "incr", 2, incr).writes().grows().fast().key().access(&[&["RW", "access", "update"]]).doc(
        "1.0.0",
        "O(1)",
        "Increments the integer value of a key by one. Uses 0 as initial value if the key doesn't \
         exist.",
    ),
    Spec::now(Group::String, "decr", 2, decr).writes().grows().fast().key().access(&[&["RW", "access", "update"]]).doc(
        "1.0.0",
        "O(1)",
        "Decrements the integer value of a key by one. Uses 0 as initial value if the key doesn't \
         exist.",
    ),
    Spec::now(Group::String, "incrby", 3, incrby).writes().grows().fast().key().access(&[&["RW", "access", "update"]]).doc(
        "1.0.0",
        "O(1)",
        "Increments the integer value of a key by a number. Uses 0 as initial value if the key \
         doesn't exist.",
    ),
    Spec::now(Group::String, "decrby", 3, decrby).writes().grows().fast().key().access(&[&["RW", "access", "update"]]).doc(
        "1.0.0",
        "O(1)",
        "Decrements a number from the integer value of a key. Uses 0 as initial value if the key \
         doesn't exist.",
    ),
    Spec::now(Group::String, "incrbyfloat", 3, incrbyfloat).writes().grows().fast().key().access(&[&["RW", "access", "update"]]).doc(
        "2.6.0",
        "O(1)",
        "Increment the floating point value of a key by a number. Uses 0 as initial value if the \
         key doesn't exist.",
    ),
];

fn incr(call: &mut Call<'_>) -> Outcome {
    add(call, 1)
}

fn decr(call: &mut Call<'_>) -> Outcome {
    add(call, -1)
}

fn incrby(call: &mut Call<'_>) -> Outcome {
    let increment = call.integer(2)?;
    add(call, increment)
}

fn decrby(call: &mut Call<'_>) -> Outcome {
    let decrement = call.integer(2)?;
    let increment = decrement.checked_neg().ok_or(Failure::new("ERR decrement would overflow"))?;
    add(call, increment)
}

fn add(call: &mut Call<'_>, increment: i64) -> Outcome {
    let sum = call.keys.update(call.args.at(1), |entry| {
        let old = entry.map_or(Some(0), |entry| parse_i64(entry.value));
        let sum = match old {
            None => Err(Failure::NOT_AN_INTEGER),
            Some(old) => old
                .checked_add(increment)
                .ok_or(Failure::new("ERR increment or decrement would overflow")),
        };
        let change = match &sum {
            Ok(sum) => Change::Set(Value::from(format_i64(*sum, &mut [0; 20])), ExpiryChange::Keep),
            Err(_) => Change::Keep,
        };
        (change, sum)
    })??;
    call.out.integer(sum);
    Ok(())
}

fn incrbyfloat(call: &mut Call<'_>) -> Outcome {
    let increment = call.args.at(2);
    let sum = call.keys.update(call.args.at(1), |entry| {
        let old = entry.map_or(&b"0"[..], |entry| entry.value);
        match add_decimals(old, increment) {
            Ok(sum) => {
                let sum = Value::from(sum);
                (Change::Set(sum.clone(), ExpiryChange::Keep), Ok(sum))
            }
            Err(AddError::NotANumber) => (Change::Keep, Err(Failure::NOT_A_FLOAT)),
            Err(AddError::NotFinite) => {
                (Change::Keep, Err(Failure::new("ERR increment would produce NaN or Infinity")))
            }
        }
    })??;
    call.out.bulk(&sum);
    Ok(())
}
