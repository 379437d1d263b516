//! Setting and removing when fields expire.

use exuvia::{Expiry, Hash};

use super::deadline::Deadline;
use super::named;
use crate::command::call::is;
use crate::command::expire::{Options, Order, Presence};
use crate::command::expiry::Unit;
use crate::command::spec::{Group, Spec};
use crate::command::{Call, Failure, NowFn, Outcome};

const PER_FIELD: &str = "O(N) where N is the number of specified fields";

pub(super) const COMMANDS: &[Spec] = &[
    spec("hexpire", hexpire, "Sets the expiration time of fields in seconds."),
    spec("hpexpire", hpexpire, "Sets the expiration time of fields in milliseconds."),
    spec("hexpireat", hexpireat, "Sets the expiration time of fields to a Unix timestamp."),
    spec(
        "hpexpireat",
        hpexpireat,
        "Sets the expiration time of fields to a Unix milliseconds timestamp.",
    ),
    Spec::now(Group::Hash, "hpersist", -5, hpersist)
        .writes()
        .fast()
        .key()
        .access(&[&["RW", "update"]])
        .doc("7.4.0", PER_FIELD, "Removes the expiration time of fields."),
];

const fn spec(name: &'static str, run: NowFn, summary: &'static str) -> Spec {
    Spec::now(Group::Hash, name, -6, run)
        .writes()
        .grows()
        .fast()
        .key()
        .access(&[&["RW", "update"]])
        .doc("7.4.0", PER_FIELD, summary)
}

fn hexpire(call: &mut Call<'_>) -> Outcome {
    expire(call, Unit::Seconds)
}

fn hpexpire(call: &mut Call<'_>) -> Outcome {
    expire(call, Unit::Milliseconds)
}

fn hexpireat(call: &mut Call<'_>) -> Outcome {
    expire(call, Unit::UnixSeconds)
}

fn hpexpireat(call: &mut Call<'_>) -> Outcome {
    expire(call, Unit::UnixMilliseconds)
}

/// The option that may stand in front of the fields.
fn option(word: &[u8]) -> Option<Options> {
    let presence = |presence| Options { presence, order: Order::Any };
    let order = |order| Options { presence: Presence::Any, order };
    let options = [
        ("nx", presence(Presence::Absent)),
        ("xx", presence(Presence::Present)),
        ("gt", order(Order::Later)),
        ("lt", order(Order::Earlier)),
    ];
    options.into_iter().find(|(name, _)| is(word, name)).map(|(_, options)| options)
}

/// Replies for each field: 1 if it expires then, 2 if that is past and it is gone, 0 if its expiry
/// is not one that the option allows to replace, -2 if there is no such field.
fn expire(call: &mut Call<'_>, unit: Unit) -> Outcome {
    let key = call.args.at(1);
    // A key of another type is complained of before the arguments are.
    call.keys.with_collection(key, |_: &Hash| ())?;
    let deadline = Deadline::parse(call, 2, unit)?;
    let option = option(call.args.at(3));
    let fields = named::fields(
        call.args,
        3 + usize::from(option.is_some()),
        "ERR Parameter `numFields` should be greater than 0",
    )?;
    let option = option.unwrap_or_default();
    let expire = |hash: &mut Hash| {
        let expire = |field| match hash.expiry(field) {
            None => -2,
            Some(old) if !option.allow(old, deadline.unix_ms) => 0,
            Some(_) if deadline.apply(hash, field) => 1,
            Some(_) => 2,
        };
        Ok(fields.iter().map(expire).collect::<Vec<i64>>())
    };
    // A field that is given the expiry that it has counts too.
    let event = |replies: &Vec<i64>, _| {
        [replies.iter().any(|reply| *reply > 0).then(|| deadline.event()), None]
    };
    let replies = call.keys.update_collection_telling(key, expire, event)?;
    reply(call, &replies);
    Ok(())
}

/// Replies for each field: 1 if it does not expire any more, -1 if it did not, -2 if there is no
/// such field.
fn hpersist(call: &mut Call<'_>) -> Outcome {
    let key = call.args.at(1);
    call.keys.with_collection(key, |_: &Hash| ())?;
    let fields = named::fields(call.args, 2, named::NOT_POSITIVE)?;
    let replies = call.keys.update_collection(key, |hash: &mut Hash| {
        let persist = |field| match hash.expiry(field) {
            None => -2,
            Some(Expiry::Never) => -1,
            Some(Expiry::At(_)) => {
                hash.set_expiry(field, Expiry::Never);
                1
            }
        };
        Ok::<Vec<i64>, Failure>(fields.iter().map(persist).collect())
    })?;
    reply(call, &replies);
    Ok(())
}

fn reply(call: &mut Call<'_>, replies: &[i64]) {
    call.out.array(replies.len());
    for reply in replies {
        call.out.integer(*reply);
    }
}
