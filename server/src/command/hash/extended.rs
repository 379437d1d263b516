//! Fields read, set and removed together with when they expire.

use exuvia::{Expiry, Hash, Value};

use super::deadline::Deadline;
use super::named;
use crate::command::call::is;
use crate::command::expiry::Unit;
use crate::command::failure::{QUOTED_MAX, quoted};
use crate::command::spec::{Group, Spec};
use crate::command::{Call, Failure, Outcome};
use crate::events::Event;
use crate::number::parse_i64;
use crate::resp::Args;

const PER_FIELD: &str = "O(N) where N is the number of specified fields";

pub(super) const COMMANDS: &[Spec] = &[
    Spec::now(Group::Hash, "hgetex", -5, hgetex)
        .writes()
        .fast()
        .key()
        .access(&[&["RW", "access", "update"]])
        .doc("8.0.0", PER_FIELD, "Returns the values of fields and sets when they expire."),
    Spec::now(Group::Hash, "hsetex", -6, hsetex)
        .writes()
        .grows()
        .fast()
        .key()
        .access(&[&["RW", "update"]])
        .doc("8.0.0", PER_FIELD, "Sets fields and when they expire."),
    Spec::now(Group::Hash, "hgetdel", -5, hgetdel)
        .writes()
        .fast()
        .key()
        .access(&[&["RW", "access", "delete"]])
        .doc("8.0.0", PER_FIELD, "Returns the values of fields and removes them."),
];

/// What becomes of the expiry of a field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum NewExpiry {
    #[default]
    Unsaid,
    Keep,
    Never,
    At(Deadline),
}

impl NewExpiry {
    /// The event of fields whose expiry it has become.
    fn event(self) -> Option<Event> {
        match self {
            Self::Unsaid | Self::Keep => None,
            Self::Never => Some(Event::HPERSIST),
            Self::At(deadline) => Some(deadline.event()),
        }
    }
}

fn hgetex(call: &mut Call<'_>) -> Outcome {
    let (key, word) = (call.args.at(1), call.args.at(2));
    call.keys.with_collection(key, |_: &Hash| ())?;
    let (expiry, at) = match Unit::of_option(word) {
        Some(unit) => (NewExpiry::At(Deadline::parse(call, 3, unit)?), 4),
        None if is(word, "persist") => (NewExpiry::Never, 3),
        None => (NewExpiry::Keep, 2),
    };
    let fields = named::fields(call.args, at, named::NOT_POSITIVE)?;
    let read = |hash: &mut Hash| {
        let read = |field| {
            let value = hash.get(field).map(Value::from)?;
            match expiry {
                NewExpiry::Unsaid | NewExpiry::Keep => {}
                NewExpiry::Never => {
                    hash.set_expiry(field, Expiry::Never);
                }
                NewExpiry::At(deadline) => {
                    deadline.apply(hash, field);
                }
            }
            Some(value)
        };
        Ok::<_, Failure>(fields.iter().map(read).collect::<Vec<_>>())
    };
    let event = |_: &Vec<_>, changed: bool| [expiry.event().filter(|_| changed), None];
    let values = call.keys.update_collection_telling(key, read, event)?;
    reply(call, &values);
    Ok(())
}

fn hgetdel(call: &mut Call<'_>) -> Outcome {
    let key = call.args.at(1);
    call.keys.with_collection(key, |_: &Hash| ())?;
    let fields = named::fields(call.args, 2, named::NOT_POSITIVE)?;
    let values = call.keys.update_collection(key, |hash: &mut Hash| {
        Ok::<_, Failure>(fields.iter().map(|field| hash.take(field)).collect::<Vec<_>>())
    })?;
    reply(call, &values);
    Ok(())
}

fn reply(call: &mut Call<'_>, values: &[Option<Value>]) {
    call.out.array(values.len());
    for value in values {
        call.out.optional(value.as_ref());
    }
}

/// Which fields have to be there for any to be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    None,
    All,
}

/// What `HSETEX` is asked for.
#[derive(Debug)]
struct Request<'a> {
    presence: Option<Presence>,
    expiry: NewExpiry,
    /// Fields, each followed by its value.
    pairs: Args<'a>,
}

impl<'a> Request<'a> {
    fn parse(call: &Call<'a>) -> Result<Self, Failure> {
        let args = call.args;
        let mut presence = None;
        let mut expiry = NewExpiry::Unsaid;
        let mut at = 2;
        while let Some(word) = args.get(at) {
            at += 1;
            if is(word, "fields") {
                let pairs = pairs(args, at).ok_or_else(|| Failure::arity(call.spec.name))??;
                return Ok(Self { presence, expiry, pairs });
            }
            let condition = match () {
                () if is(word, "fnx") => Some(Presence::None),
                () if is(word, "fxx") => Some(Presence::All),
                () => None,
            };
            if condition.is_some() {
                if presence.is_some() {
                    return Err(Failure::new(
                        "ERR Only one of FXX or FNX arguments can be specified",
                    ));
                }
                presence = condition;
                continue;
            }
            let unit = Unit::of_option(word);
            if unit.is_none() && !is(word, "keepttl") {
                let word = quoted(word, QUOTED_MAX);
                return Err(format!("ERR unknown argument: {word}").into());
            }
            if expiry != NewExpiry::Unsaid {
                return Err(Failure::new(
                    "ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified",
                ));
            }
            expiry = NewExpiry::Keep;
            if let Some(unit) = unit {
                if at == args.len() {
                    return Err(Failure::new("ERR missing expire time"));
                }
                expiry = NewExpiry::At(Deadline::parse(call, at, unit)?);
                at += 1;
            }
        }
        Err(Failure::new("ERR Mandatory argument FIELDS is missing or not at the right position"))
    }

    /// Sets the fields; returns whether it did.
    fn apply(&self, hash: &mut Hash) -> bool {
        let pairs = || {
            let at = |index| (self.pairs.at(index), self.pairs.at(index + 1));
            (0..self.pairs.len()).step_by(2).map(at)
        };
        let is_met = match self.presence {
            None => true,
            Some(Presence::None) => pairs().all(|(field, _)| !hash.contains(field)),
            Some(Presence::All) => pairs().all(|(field, _)| hash.contains(field)),
        };
        if !is_met {
            return false;
        }
        for (field, value) in pairs() {
            match self.expiry {
                NewExpiry::Keep => hash.insert_keeping_expiry(field, value),
                NewExpiry::Unsaid | NewExpiry::Never => hash.insert(field, value),
                NewExpiry::At(deadline) if deadline.is_past() => hash.remove(field),
                NewExpiry::At(deadline) => hash.insert_with_expiry(field, value, deadline.expiry()),
            };
        }
        true
    }
}

/// The pairs behind their number, which is argument `at`; `None` if they are not as many.
fn pairs(args: Args<'_>, at: usize) -> Option<Result<Args<'_>, Failure>> {
    let pairs = args.from(at + 1);
    if pairs.len() < 2 {
        return None;
    }
    let number = parse_i64(args.at(at)).and_then(|number| i32::try_from(number).ok());
    let Some(number) = number.filter(|number| *number > 0) else {
        return Some(Err(Failure::new("ERR invalid number of fields")));
    };
    (pairs.len().is_multiple_of(2) && number as usize == pairs.len() / 2).then_some(Ok(pairs))
}

fn hsetex(call: &mut Call<'_>) -> Outcome {
    let request = Request::parse(call)?;
    let set = |hash: &mut Hash| Ok(request.apply(hash));
    let events = |is_set: &bool, _| match request.expiry {
        _ if !is_set => [None, None],
        expiry => [Some(Event::HSET), expiry.event()],
    };
    let is_set = call.keys.update_collection_telling(call.args.at(1), set, events)?;
    call.out.integer(i64::from(is_set));
    Ok(())
}
