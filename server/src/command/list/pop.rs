//! Taking elements off the ends.

use exuvia::{Expiry, List};

use super::end::End;
use crate::command::call::{integer, is, non_negative};
use crate::command::elements::{self, items};
use crate::command::keys::collection_at;
use crate::command::spec::{Group, Spec};
use crate::command::{Call, Failure, Outcome};

pub(super) const COMMANDS: &[Spec] = &[
    Spec::now(Group::List, "lpop", -2, lpop)
        .writes()
        .together()
        .fast()
        .key()
        .access(&[&["RW", "access", "delete"]])
        .doc("1.0.0", "O(N) where N is the number of elements returned", "Takes the first off."),
    Spec::now(Group::List, "rpop", -2, rpop)
        .writes()
        .together()
        .fast()
        .key()
        .access(&[&["RW", "access", "delete"]])
        .doc("1.0.0", "O(N) where N is the number of elements returned", "Takes the last off."),
    Spec::now(Group::List, "lmpop", -4, lmpop)
        .writes()
        .numbered_keys(1)
        .access(&[&["RW", "access", "delete"]])
        .doc(
            "7.0.0",
            "O(N) in keys and elements",
            "Takes elements off the first list that has any.",
        ),
    Spec::now(Group::List, "lmove", 5, lmove)
        .writes()
        .grows()
        .keys(1, 2, 1)
        .access(&[&["RW", "access", "delete"], &["RW", "insert"]])
        .doc("6.2.0", "O(1)", "Takes an element off one list and puts it into another."),
    Spec::now(Group::List, "rpoplpush", 3, rpoplpush)
        .writes()
        .grows()
        .keys(1, 2, 1)
        .access(&[&["RW", "access", "delete"], &["RW", "insert"]])
        .doc("1.2.0", "O(1)", "Takes the last element off one list and puts it first in another."),
];

fn lpop(call: &mut Call<'_>) -> Outcome {
    pop(call, End::Left)
}

fn rpop(call: &mut Call<'_>) -> Outcome {
    pop(call, End::Right)
}

fn pop(call: &mut Call<'_>, end: End) -> Outcome {
    let count = match call.args.len() {
        2 => None,
        3 => Some(non_negative(call.args, 2)? as u64),
        _ => return Err(Failure::arity(call.spec.name)),
    };
    let key = call.args.at(1);
    let Some(count) = count else {
        let popped = call.keys.update_collection(key, |list: &mut List| Ok(end.pop(list)))?;
        call.out.optional(popped.as_ref());
        return Ok(());
    };
    let before = call.keys.update_collection(key, |list: &mut List| Ok(take(list, end, count)))?;
    if before.is_empty() {
        call.out.null_array();
    } else {
        reply(call, &before, end, count);
    }
    Ok(())
}

/// Takes elements off; returns the list as it was.
fn take(list: &mut List, end: End, count: u64) -> List {
    let before = list.clone();
    if count > 0 {
        list.remove_range(end.range(list, count));
    }
    before
}

/// Lists the elements that were taken off, in the order in which they were.
fn reply(call: &mut Call<'_>, before: &List, end: End, count: u64) {
    let range = end.range(before, count);
    call.out.array((range.end - range.start) as usize);
    match end {
        End::Left => elements::list(call.out, before, range, items),
        End::Right => {
            let reversed = before.len() - range.end..before.len() - range.start;
            elements::list(call.out, before, reversed, elements::items_reversed);
        }
    }
}

fn lmpop(call: &mut Call<'_>) -> Outcome {
    let args = call.args;
    let keys = integer(args, 1).ok().filter(|keys| *keys > 0);
    let keys = keys.ok_or(Failure::new("ERR numkeys should be greater than 0"))?;
    let behind = usize::try_from(keys).ok().and_then(|keys| keys.checked_add(2));
    let behind = behind.filter(|behind| *behind < args.len()).ok_or(Failure::SYNTAX)?;
    let end = End::parse(args.at(behind))?;
    let mut count = None;
    let mut next = behind + 1;
    while let Some(word) = args.get(next) {
        if count.is_some() || !is(word, "count") || next + 1 == args.len() {
            return Err(Failure::SYNTAX);
        }
        let number = integer(args, next + 1).ok().filter(|number| *number > 0);
        count = Some(number.ok_or(Failure::new("ERR count should be greater than 0"))? as u64);
        next += 2;
    }
    let (count, database) = (count.unwrap_or(1), call.keys.database.index());
    let popped = call.keys.atomically(|step| {
        for key in (2..behind).map(|index| args.at(index)) {
            if let Some((mut list, expiry)) = collection_at::<List>(step, database, key)? {
                let before = take(&mut list, end, count);
                step.put((database, key), list, expiry, end.popped())?;
                return Ok(Some((key, before)));
            }
        }
        Ok(None)
    })?;
    match popped {
        None => call.out.null_array(),
        Some((key, before)) => {
            call.out.array(2);
            call.out.bulk(key);
            reply(call, &before, end, count);
        }
    }
    Ok(())
}

fn lmove(call: &mut Call<'_>) -> Outcome {
    let from = End::parse(call.args.at(3))?;
    let to = End::parse(call.args.at(4))?;
    move_one(call, from, to)
}

fn rpoplpush(call: &mut Call<'_>) -> Outcome {
    move_one(call, End::Right, End::Left)
}

fn move_one(call: &mut Call<'_>, from: End, to: End) -> Outcome {
    let database = call.keys.database.index();
    let (source_key, target_key) = (call.args.at(1), call.args.at(2));
    let moved = call.keys.atomically(|step| {
        let Some((mut source, expiry)) = collection_at::<List>(step, database, source_key)? else {
            return Ok(None);
        };
        let target = collection_at::<List>(step, database, target_key)?;
        let Some(element) = from.pop(&mut source) else { return Ok(None) };
        if source_key == target_key {
            to.push(&mut source, std::iter::once(&element[..]));
            step.put((database, source_key), source, expiry, to.pushed())?;
            step.tell(database, source_key, from.popped());
        } else {
            let (mut target, target_expiry) = target.unwrap_or((List::new(), Expiry::Never));
            to.push(&mut target, std::iter::once(&element[..]));
            step.put((database, target_key), target, target_expiry, to.pushed())?;
            step.put((database, source_key), source, expiry, from.popped())?;
        }
        Ok(Some(element))
    })?;
    call.out.optional(moved.as_ref());
    Ok(())
}
