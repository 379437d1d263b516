//! Changing a list in the middle.

use exuvia::List;

use super::end::{position, positions};
use crate::command::call::{integer, is};
use crate::command::spec::{Group, Spec};
use crate::command::{Call, Failure, Outcome};
use crate::events::Event;

pub(super) const COMMANDS: &[Spec] = &[
    Spec::now(Group::List, "lset", 4, lset)
        .writes()
        .grows()
        .key()
        .access(&[&["RW", "update"]])
        .doc("1.0.0", "O(log N)", "Replaces the element at a position."),
    Spec::now(Group::List, "linsert", 5, linsert)
        .writes()
        .grows()
        .key()
        .access(&[&["RW", "insert"]])
        .doc("2.2.0", "O(N) where N is the place of the other", "Puts an element beside another."),
    Spec::now(Group::List, "ltrim", 4, ltrim).writes().key().access(&[&["RW", "delete"]]).doc(
        "1.0.0",
        "O(log N), and freeing the rest",
        "Removes all elements but a range.",
    ),
    Spec::now(Group::List, "lrem", 4, lrem).writes().key().access(&[&["RW", "delete"]]).doc(
        "1.0.0",
        "O(N) where N is the number of elements",
        "Removes equal elements.",
    ),
];

fn lset(call: &mut Call<'_>) -> Outcome {
    let args = call.args;
    call.keys.update_collection(args.at(1), |list: &mut List| {
        if list.is_empty() {
            return Err(Failure::NO_SUCH_KEY);
        }
        match position(list, integer(args, 2)?) {
            Some(position) => list.set(position, args.at(3)),
            None => return Err(Failure::new("ERR index out of range")),
        };
        Ok(())
    })?;
    call.out.ok();
    Ok(())
}

fn linsert(call: &mut Call<'_>) -> Outcome {
    let behind = match call.args.at(2) {
        word if is(word, "after") => 1,
        word if is(word, "before") => 0,
        _ => return Err(Failure::SYNTAX),
    };
    let (pivot, element) = (call.args.at(3), call.args.at(4));
    let len = call.keys.update_collection(call.args.at(1), |list: &mut List| {
        if list.is_empty() {
            return Ok(0);
        }
        let found = list.iter().zip(0..).find(|(other, _)| *other == pivot);
        let Some(place) = found.map(|(_, place)| place) else { return Ok(-1) };
        list.insert(place + behind, element);
        Ok(list.len() as i64)
    })?;
    call.out.integer(len);
    Ok(())
}

fn ltrim(call: &mut Call<'_>) -> Outcome {
    let (start, end) = (call.integer(2)?, call.integer(3)?);
    let trim = |list: &mut List| {
        let is_there = !list.is_empty();
        let kept = positions(list, start, end);
        list.remove_range(kept.end..list.len());
        list.remove_range(0..kept.start);
        Ok(is_there)
    };
    // A list that is short enough counts as trimmed too.
    let event = |is_there: &bool, _| [is_there.then_some(Event::LTRIM), None];
    call.keys.update_collection_telling(call.args.at(1), trim, event)?;
    call.out.ok();
    Ok(())
}

fn lrem(call: &mut Call<'_>) -> Outcome {
    let (count, element) = (call.integer(2)?, call.args.at(3));
    let removed = call.keys.update_collection(call.args.at(1), |list: &mut List| {
        let most = match usize::try_from(count.unsigned_abs()) {
            Ok(0) | Err(_) => usize::MAX,
            Ok(most) => most,
        };
        let mut places: Vec<u64> = if count < 0 {
            let found = list.iter().rev().zip(1..).filter(|(other, _)| *other == element);
            found.take(most).map(|(_, distance)| list.len() - distance).collect()
        } else {
            let found = list.iter().zip(0..).filter(|(other, _)| *other == element);
            found.take(most).map(|(_, place)| place).collect()
        };
        places.sort_unstable();
        remove(list, &places);
        Ok(places.len())
    })?;
    call.out.count(removed as u64);
    Ok(())
}

/// Removes the elements at `places`, which are in order.
fn remove(list: &mut List, places: &[u64]) {
    if places.is_empty() {
        // A list made anew would count as changed with those who watch its key.
        return;
    }
    if (places.len() as u64) < list.len() / 16 {
        // From the last to the first, so that those to come keep their places.
        for place in places.iter().rev() {
            list.remove(*place);
        }
        return;
    }
    let mut gone = places.iter().copied().peekable();
    let kept = list.iter().zip(0..).filter(|(_, place)| gone.next_if_eq(place).is_none());
    *list = kept.map(|(element, _)| element).collect();
}
