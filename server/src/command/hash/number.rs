//! Fields that are numbers.

use exuvia::{Hash, Value};

use crate::command::spec::{Group, Spec};
use crate::command::{Call, Failure, Outcome};
use crate::number::{AddError, add_decimals, format_i64, parse_f64, parse_i64};

pub(super) const COMMANDS: &[Spec] = &[
    Spec::now(Group::Hash, "hincrby", 4, hincrby)
        .writes()
        .together()
        .grows()
        .fast()
        .key()
        .access(&[&["RW", "access", "update"]])
        .doc(
            "2.0.0",
            "O(1)",
            "Adds an integer to the value of a field, which is 0 if it is not there.",
        ),
    Spec::now(Group::Hash, "hincrbyfloat", 4, hincrbyfloat)
        .writes()
        .together()
        .grows()
        .fast()
        .key()
        .access(&[&["RW", "access", "update"]])
        .doc(
            "2.6.0",
            "O(1)",
            "Adds a number to the value of a field, which is 0 if it is not there.",
        ),
];

fn hincrby(call: &mut Call<'_>) -> Outcome {
    let (field, increment) = (call.args.at(2), call.integer(3)?);
    let sum = call.keys.update_collection(call.args.at(1), |hash: &mut Hash| {
        let old = hash.get(field).map_or(Some(0), parse_i64);
        let old = old.ok_or(Failure::new("ERR hash value is not an integer"))?;
        let sum = old
            .checked_add(increment)
            .ok_or(Failure::new("ERR increment or decrement would overflow"))?;
        hash.insert_keeping_expiry(field, format_i64(sum, &mut [0; 20]));
        Ok(sum)
    })?;
    call.out.integer(sum);
    Ok(())
}

fn hincrbyfloat(call: &mut Call<'_>) -> Outcome {
    let (field, increment) = (call.args.at(2), call.args.at(3));
    let number = parse_f64(increment).ok_or(Failure::NOT_A_FLOAT)?;
    if !number.is_finite() {
        return Err(Failure::new("ERR value is NaN or Infinity"));
    }
    let sum = call.keys.update_collection(call.args.at(1), |hash: &mut Hash| {
        let old = hash.get(field).unwrap_or(b"0");
        let sum = add_decimals(old, increment).map_err(|error| match error {
            AddError::NotANumber => Failure::new("ERR hash value is not a float"),
            AddError::NotFinite => Failure::new("ERR increment would produce NaN or Infinity"),
        })?;
        hash.insert_keeping_expiry(field, &sum);
        Ok(Value::from(sum))
    })?;
    call.out.bulk(&sum);
    Ok(())
}
