//! Adding elements at the ends.

use exuvia::List;

use super::end::End;
use crate::command::spec::{Group, Spec};
use crate::command::{Call, Outcome};

pub(super) const COMMANDS: &[Spec] = &[
    push("lpush", lpush, "1.0.0", "Puts elements before the first, one after the other."),
    push("rpush", rpush, "1.0.0", "Puts elements behind the last."),
    push("lpushx", lpushx, "2.2.0", "Puts elements before the first, if there is a list."),
    push("rpushx", rpushx, "2.2.0", "Puts elements behind the last, if there is a list."),
];

const fn push(
    name: &'static str,
    run: crate::command::NowFn,
    since: &'static str,
    summary: &'static str,
) -> Spec {
    Spec::now(Group::List, name, -3, run)
        .writes()
        .together()
        .grows()
        .fast()
        .key()
        .access(&[&["RW", "insert"]])
        .doc(since, "O(1) for each element", summary)
}

fn lpush(call: &mut Call<'_>) -> Outcome {
    add(call, End::Left, false)
}

fn rpush(call: &mut Call<'_>) -> Outcome {
    add(call, End::Right, false)
}

fn lpushx(call: &mut Call<'_>) -> Outcome {
    add(call, End::Left, true)
}

fn rpushx(call: &mut Call<'_>) -> Outcome {
    add(call, End::Right, true)
}

fn add(call: &mut Call<'_>, end: End, only_present: bool) -> Outcome {
    let args = call.args;
    let len = call.keys.update_collection(args.at(1), |list: &mut List| {
        if !(only_present && list.is_empty()) {
            end.push(list, (2..args.len()).map(|index| args.at(index)));
        }
        Ok(list.len())
    })?;
    call.out.count(len);
    Ok(())
}
