//! `SET` and its older relatives.

use exuvia::{Change, Condition, Expiry, ExpiryChange, SetOptions};

use super::call::is;
use super::expiry::{self, Unit};
use super::spec::{Group, Spec};
use super::{Call, Failure, Outcome};

pub(super) const COMMANDS: &[Spec] = &[
    Spec::now(Group::String, "set", -3, set).writes().grows().key().access(&[&["RW", "access", "update", "variable_flags"]]).doc(
        "1.0.0",
        "O(1)",
        "Sets the string value of a key, ignoring its type. The key is created if it doesn't \
         exist.",
    ),
    Spec::now(Group::String, "setnx", 3, setnx).writes().grows().fast().key().access(&[&["OW", "insert"]]).doc(
        "1.0.0",
        "O(1)",
        "Set the string value of a key only when the key doesn't exist.",
    ),
    Spec::now(Group::String, "setex", 4, setex).writes().grows().key().access(&[&["OW", "update"]]).doc(
        "2.0.0",
        "O(1)",
        "Sets the string value and expiration time of a key. Creates the key if it doesn't exist.",
    ),
    Spec::now(Group::String, "psetex", 4, psetex).writes().grows().key().access(&[&["OW", "update"]]).doc(
        "2.6.0",
        "O(1)",
        "Sets both string value and expiration time in milliseconds of a key.",
    ),
    Spec::now(Group::String, "getset", 3, getset).writes().grows().fast().key().access(&[&["RW", "access", "update"]]).doc(
        "1.0.0",
        "O(1)",
        "Returns the previous string value of a key after setting it to a new value.",
    ),
    Spec::now(Group::String, "getex", -2, getex).writes().fast().key().access(&[&["RW", "access", "update"]]).doc(
        "6.2.0",
        "O(1)",
        "Returns the string value of a key after setting its expiration time.",
    ),
];

/// Options of `SET` behind key and value.
struct Options {
    set: SetOptions,
    get: bool,
}

fn set(call: &mut Call<'_>) -> Outcome {
    let key = call.args.at(1);
    if call.args.len() == 3 {
        match call.args.large_at(2) {
            None => call.keys.set(key, call.args.at(2), Expiry::Never)?,
            Some(value) => call.keys.set(key, value.clone(), Expiry::Never)?,
        }
        call.out.ok();
        return Ok(());
    }
    let options = parse(call)?;
    store(call, options.set, |call, stored, old| {
        if options.get {
            call.out.optional(old.as_ref());
        } else if stored {
            call.out.ok();
        } else {
            call.out.null();
        }
    })
}

/// What `SET` says of the expiry.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lifetime {
    Unlimited,
    Kept,
    /// Given in this unit by the argument of this number.
    Given(Unit, usize),
}

impl Lifetime {
    /// Whether `next` may follow: the same option again, or the first.
    fn allows(self, next: Self) -> bool {
        match (self, next) {
            (Self::Unlimited, _) => true,
            (Self::Given(unit, _), Self::Given(next, _)) => unit == next,
            (before, next) => before == next,
        }
    }
}

fn parse(call: &Call<'_>) -> Result<Options, Failure> {
    let mut condition = Condition::Always;
    let mut lifetime = Lifetime::Unlimited;
    let mut get = false;
    let mut next = 3;
    while next < call.args.len() {
        let word = call.args.at(next);
        let wanted = if is(word, "keepttl") {
            Some(Lifetime::Kept)
        } else {
            let unit = Unit::of_option(word).filter(|_| next + 1 < call.args.len());
            unit.map(|unit| Lifetime::Given(unit, next + 1))
        };
        if is(word, "nx") && condition != Condition::IfPresent {
            condition = Condition::IfAbsent;
        } else if is(word, "xx") && condition != Condition::IfAbsent {
            condition = Condition::IfPresent;
        } else if is(word, "get") {
            get = true;
        } else if let Some(wanted) = wanted.filter(|wanted| lifetime.allows(*wanted)) {
            lifetime = wanted;
            next += usize::from(matches!(wanted, Lifetime::Given(..)));
        } else {
            return Err(Failure::SYNTAX);
        }
        next += 1;
    }
    let expiry = match lifetime {
        Lifetime::Unlimited => ExpiryChange::Set(Expiry::Never),
        Lifetime::Kept => ExpiryChange::Keep,
        Lifetime::Given(unit, at) => ExpiryChange::Set(expiry::of_value(call, at, unit)?),
    };
    Ok(Options { set: SetOptions { condition, expiry, return_old: get }, get })
}

/// Stores argument 2 under argument 1 and lets `reply` tell what came of it.
fn store(
    call: &mut Call<'_>,
    options: SetOptions,
    reply: impl FnOnce(&mut Call<'_>, bool, Option<exuvia::Value>),
) -> Outcome {
    let value = call.args.value(2);
    let outcome = call.keys.set_with(call.args.at(1), value, options)?;
    if options.return_old {
        // A miss was told of in front of the write.
        call.keys.stats.looked_up(outcome.existed);
    }
    reply(call, outcome.stored, outcome.old);
    Ok(())
}

fn setnx(call: &mut Call<'_>) -> Outcome {
    let options = SetOptions { condition: Condition::IfAbsent, ..SetOptions::default() };
    store(call, options, |call, stored, _| call.out.integer(i64::from(stored)))
}

fn setex(call: &mut Call<'_>) -> Outcome {
    set_expiring(call, Unit::Seconds)
}

fn psetex(call: &mut Call<'_>) -> Outcome {
    set_expiring(call, Unit::Milliseconds)
}

fn set_expiring(call: &mut Call<'_>, unit: Unit) -> Outcome {
    let expiry = expiry::of_value(call, 2, unit)?;
    call.keys.set(call.args.at(1), call.args.value(3), expiry)?;
    call.out.ok();
    Ok(())
}

fn getset(call: &mut Call<'_>) -> Outcome {
    let options = SetOptions { return_old: true, ..SetOptions::default() };
    store(call, options, |call, _, old| call.out.optional(old.as_ref()))
}

fn getex(call: &mut Call<'_>) -> Outcome {
    let key = call.args.at(1);
    let expiry = match call.args.len() {
        2 => None,
        3 if is(call.args.at(2), "persist") => Some(Expiry::Never),
        4 => {
            let unit = Unit::of_option(call.args.at(2)).ok_or(Failure::SYNTAX)?;
            // Whether there is a string is looked at before whether the time makes sense.
            match call.keys.peek(key, |entry| entry.collection.is_some())? {
                None => {
                    call.keys.looked_up(key, false);
                    call.out.null();
                    return Ok(());
                }
                Some(true) => return Err(Failure::WRONG_TYPE),
                Some(false) => {}
            }
            Some(expiry::of_value(call, 3, unit)?)
        }
        _ => return Err(Failure::SYNTAX),
    };
    let now_ms = call.server.now_ms();
    let Some(expiry) = expiry else {
        let value = call.keys.get(key)?;
        call.out.optional(value.as_ref());
        return Ok(());
    };
    let value = call.keys.update(key, |entry| match entry {
        None => (Change::Keep, None),
        Some(entry) => {
            let value = exuvia::Value::from(entry.value);
            let change = match expiry {
                Expiry::At(ms) if ms <= now_ms => Change::Remove,
                Expiry::Never if entry.expiry == Expiry::Never => Change::Keep,
                expiry => Change::Expire(expiry),
            };
            (change, Some(value))
        }
    })?;
    call.keys.looked_up(key, value.is_some());
    call.out.optional(value.as_ref());
    Ok(())
}
