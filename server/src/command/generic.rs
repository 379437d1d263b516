//! Commands for keys of any type.

use exuvia::ValueType;

use super::many;
use super::spec::{Flags, Group, Spec};
use super::{Call, Failure, Outcome};

pub(super) const COMMANDS: &[Spec] = &[
    Spec::now(Group::Generic, "del", -2, del).long(many::LONG_ARGS, many::del).writes().keys(1, -1, 1).access(&[&["RM", "delete"]]).doc(
        "1.0.0",
        "O(N) where N is the number of keys that will be removed.",
        "Deletes one or more keys.",
    ),
    Spec::now(Group::Generic, "unlink", -2, del).long(many::LONG_ARGS, many::del).writes().fast().keys(1, -1, 1).access(&[&["RM", "delete"]]).doc(
        "4.0.0",
        "O(N) where N is the number of keys that will be removed.",
        "Asynchronously deletes one or more keys.",
    ),
    Spec::now(Group::Generic, "exists", -2, exists).long(many::LONG_ARGS, many::exists).reads().fast().keys(1, -1, 1).access(&[&["RO"]]).doc(
        "1.0.0",
        "O(N) where N is the number of keys to check.",
        "Determines whether one or more keys exist.",
    ),
    Spec::now(Group::Generic, "touch", -2, exists).long(many::LONG_ARGS, many::exists).reads().fast().keys(1, -1, 1).access(&[&["RO"]]).doc(
        "3.2.1",
        "O(N) where N is the number of keys that will be touched.",
        "Returns the number of existing keys out of those specified after updating the time they \
         were last accessed.",
    ),
    Spec::now(Group::Generic, "type", 2, type_of).reads().fast().key().access(&[&["RO"]]).doc(
        "1.0.0",
        "O(1)",
        "Determines the type of value stored at a key.",
    ),
    Spec::now(Group::Generic, "randomkey", 1, randomkey).flags(Flags::READONLY).doc(
        "1.0.0",
        "O(1)",
        "Returns a random key name from the database.",
    ),
];

fn del(call: &mut Call<'_>) -> Outcome {
    let mut removed = 0;
    for key in call.args.from(1).iter() {
        removed += u64::from(call.keys.remove(key)?);
    }
    call.out.count(removed);
    Ok(())
}

fn exists(call: &mut Call<'_>) -> Outcome {
    let mut found = 0;
    for key in call.args.from(1).iter() {
        let exists = call.keys.contains(key)?;
        call.keys.looked_up(key, exists);
        found += u64::from(exists);
    }
    call.out.count(found);
    Ok(())
}

fn type_of(call: &mut Call<'_>) -> Outcome {
    let found = call.keys.with_any(call.args.at(1), |entry| entry.value_type())?;
    call.out.status(found.map_or("none", ValueType::name));
    Ok(())
}

fn randomkey(call: &mut Call<'_>) -> Outcome {
    let key = call.keys.database.random_key();
    call.out.optional(key.as_ref());
    Ok(())
}

/// Argument `index` as the number of a database.
///
/// # Errors
///
/// [`Failure::NOT_AN_INTEGER`], [`Failure::DATABASE_RANGE`].
pub(super) fn database_index(call: &Call<'_>, index: usize) -> Result<u16, Failure> {
    let number = i32::try_from(call.integer(index)?).map_err(|_| {
        Failure::new("ERR value is out of range, value must between -2147483648 and 2147483647")
    })?;
    let number = i64::from(number);
    let databases = i64::from(call.server.store.databases());
    if (0..databases).contains(&number) { Ok(number as u16) } else { Err(Failure::DATABASE_RANGE) }
}
