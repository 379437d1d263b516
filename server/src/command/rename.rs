//! Commands that take a value from one key to another, each as one atomic step.

use super::call::is;
use super::generic::database_index;
use super::spec::{Group, Spec};
use super::{Call, Failure, Outcome};
use crate::events::Event;

pub(super) const COMMANDS: &[Spec] = &[
    Spec::now(Group::Generic, "rename", 3, rename).writes().keys(1, 2, 1).access(&[&["RW", "access", "delete"], &["OW", "update"]]).doc(
        "1.0.0",
        "O(1)",
        "Renames a key and overwrites the destination.",
    ),
    Spec::now(Group::Generic, "renamenx", 3, renamenx).writes().fast().keys(1, 2, 1).access(&[&["RW", "access", "delete"], &["OW", "insert"]]).doc(
        "1.0.0",
        "O(1)",
        "Renames a key only when the target key name doesn't exist.",
    ),
    Spec::now(Group::Generic, "copy", -3, copy).writes().grows().keys(1, 2, 1).access(&[&["RO", "access"], &["OW", "update"]]).doc(
        "6.2.0",
        "O(N) worst case for collections, where N is the number of nested items. O(1) for string \
         values.",
        "Copies the value of a key to a new key.",
    ),
    Spec::now(Group::Generic, "move", 3, move_key).writes().fast().key().access(&[&["RW", "access", "update"]]).doc(
        "1.0.0",
        "O(1)",
        "Moves a key to another database.",
    ),
];

/// A key of a database.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Place<'a> {
    database: u16,
    key: &'a [u8],
}

/// What became of a value that was to be moved or copied.
enum Moved {
    Done,
    /// There is nothing at the source.
    NoSource,
    /// There is something at the target, which must not be replaced.
    Occupied,
}

/// How a value gets from one place to the other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Rename,
    Move,
    Copy,
}

/// Takes the value with its expiry from one place to the other.
fn take(
    call: &mut Call<'_>,
    from: Place<'_>,
    to: Place<'_>,
    replace: bool,
    way: Way,
) -> Result<Moved, Failure> {
    call.keys.atomically(|step| {
        let Some((value, expiry)) = step.item(from.database, from.key)? else {
            step.looked_up(from.database, from.key, way != Way::Copy);
            return Ok(Moved::NoSource);
        };
        if !replace && step.item(to.database, to.key)?.is_some() {
            return Ok(Moved::Occupied);
        }
        if from == to {
            return Ok(Moved::Done);
        }
        if replace && step.is_heard() {
            // What was there goes first, so that the key counts as new, as in Redis.
            step.remove(to.database, to.key)?;
        }
        step.set(to.database, to.key, value, expiry)?;
        let (left, arrived) = match way {
            Way::Copy => (None, Event::COPY_TO),
            Way::Rename => (Some(Event::RENAME_FROM), Event::RENAME_TO),
            Way::Move => (Some(Event::MOVE_FROM), Event::MOVE_TO),
        };
        if let Some(left) = left {
            step.remove(from.database, from.key)?;
            step.tell(from.database, from.key, left);
        }
        step.tell(to.database, to.key, arrived);
        Ok(Moved::Done)
    })
}

fn rename(call: &mut Call<'_>) -> Outcome {
    let database = call.keys.database.index();
    let from = Place { database, key: call.args.at(1) };
    let to = Place { database, key: call.args.at(2) };
    match take(call, from, to, true, Way::Rename)? {
        Moved::NoSource => Err(Failure::NO_SUCH_KEY),
        Moved::Done | Moved::Occupied => {
            call.out.ok();
            Ok(())
        }
    }
}

fn renamenx(call: &mut Call<'_>) -> Outcome {
    let database = call.keys.database.index();
    let from = Place { database, key: call.args.at(1) };
    let to = Place { database, key: call.args.at(2) };
    match take(call, from, to, false, Way::Rename)? {
        Moved::NoSource => return Err(Failure::NO_SUCH_KEY),
        Moved::Done => call.out.integer(1),
        Moved::Occupied => call.out.integer(0),
    }
    Ok(())
}

fn copy(call: &mut Call<'_>) -> Outcome {
    let database = call.keys.database.index();
    let (mut target, mut replace) = (database, false);
    let mut next = 3;
    while next < call.args.len() {
        let word = call.args.at(next);
        if is(word, "replace") {
            replace = true;
        } else if is(word, "db") && next + 1 < call.args.len() {
            next += 1;
            target = database_index(call, next)?;
        } else {
            return Err(Failure::SYNTAX);
        }
        next += 1;
    }
    let from = Place { database, key: call.args.at(1) };
    let to = Place { database: target, key: call.args.at(2) };
    if from == to {
        return Err(Failure::SAME_OBJECT);
    }
    let moved = take(call, from, to, replace, Way::Copy)?;
    call.out.integer(i64::from(matches!(moved, Moved::Done)));
    Ok(())
}

fn move_key(call: &mut Call<'_>) -> Outcome {
    let target = database_index(call, 2)?;
    let from = Place { database: call.keys.database.index(), key: call.args.at(1) };
    let to = Place { database: target, ..from };
    if from == to {
        return Err(Failure::SAME_OBJECT);
    }
    let moved = take(call, from, to, false, Way::Move)?;
    call.out.integer(i64::from(matches!(moved, Moved::Done)));
    Ok(())
}
