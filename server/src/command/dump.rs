//! Values in Redis's form: `DUMP`, `RESTORE`.

use exuvia::{Error, Expiry, Item, rdb};

use super::call::{integer, is};
use super::expiry::Unit;
use super::spec::{Group, Spec};
use super::{Call, Failure, Outcome};
use crate::events::Event;

pub(super) const COMMANDS: &[Spec] = &[
    Spec::now(Group::Generic, "dump", 2, dump).reads().key().doc(
        "2.6.0",
        "O(1) to access the key and O(N*M) to serialize it, where N is the number of its elements \
         and M their average size",
        "Returns a serialized representation of the value stored at a key.",
    ),
    Spec::now(Group::Generic, "restore", -4, restore).writes().grows().key().doc(
        "2.6.0",
        "O(1) to create the key and O(N*log(N)) to reconstruct the value, where N is the number \
         of its elements",
        "Creates a key from the serialized representation of a value.",
    ),
];

fn dump(call: &mut Call<'_>) -> Outcome {
    let key = call.args.at(1);
    let Some((item, _)) = call.keys.item(key)? else {
        call.keys.missed(key);
        call.out.null();
        return Ok(());
    };
    call.out.bulk(&rdb::dump(&item)?);
    Ok(())
}

/// What follows the payload.
#[derive(Clone, Copy, Debug, Default)]
struct Options {
    replace: bool,
    absolute: bool,
}

impl Options {
    fn parse(call: &Call<'_>) -> Result<Self, Failure> {
        let mut options = Self::default();
        let mut index = 4;
        while let Some(word) = call.args.get(index) {
            index += 1;
            if is(word, "replace") {
                options.replace = true;
            } else if is(word, "absttl") {
                options.absolute = true;
            } else if is(word, "idletime") && index < call.args.len() {
                // What is evicted, and when, is nobody's business here; the number has to be one.
                if integer(call.args, index)? < 0 {
                    return Err(Failure::new("ERR Invalid IDLETIME value, must be >= 0"));
                }
                index += 1;
            } else if is(word, "freq") && index < call.args.len() {
                if !(0..=255).contains(&integer(call.args, index)?) {
                    return Err(Failure::new("ERR Invalid FREQ value, must be >= 0 and <= 255"));
                }
                index += 1;
            } else {
                return Err(Failure::SYNTAX);
            }
        }
        Ok(options)
    }
}

fn restore(call: &mut Call<'_>) -> Outcome {
    const BUSY: Failure = Failure::new("BUSYKEY Target key name already exists.");
    let options = Options::parse(call)?;
    let key = call.args.at(1);
    if !options.replace && call.keys.contains(key)? {
        return Err(BUSY);
    }
    let ttl = integer(call.args, 2)?;
    if ttl < 0 {
        return Err(Failure::new("ERR Invalid TTL value, must be >= 0"));
    }
    let now_ms = call.server.now_ms();
    let item = rdb::restore(call.args.at(3), now_ms).map_err(refused)?;
    let unit = if options.absolute { Unit::UnixMilliseconds } else { Unit::Milliseconds };
    let expiry = match unit.unix_ms(ttl, now_ms) {
        _ if ttl == 0 => Expiry::Never,
        Some(unix_ms) => Expiry::At(unix_ms as u64),
        None => return Err(Failure::expire_time(call.spec.name)),
    };
    // An absolute time may have passed: then the key is gone as soon as it is there.
    let stored = (!expiry.is_past(now_ms)).then_some(item);
    if store(call, key, stored.as_ref(), expiry, options.replace)? {
        call.out.ok();
        return Ok(());
    }
    Err(BUSY)
}

/// Stores the value, or removes the key if there is none; returns whether it was allowed to.
fn store(
    call: &mut Call<'_>,
    key: &[u8],
    item: Option<&Item>,
    expiry: Expiry,
    replace: bool,
) -> Result<bool, Failure> {
    let index = call.keys.database.index();
    call.keys.atomically(|step| {
        if !replace && step.item(index, key)?.is_some() {
            return Ok(false);
        }
        match item {
            Some(item) => {
                if replace && step.is_heard() {
                    // What was there goes first, so that the key counts as new, as in Redis.
                    step.remove(index, key)?;
                }
                step.set(index, key, item.clone(), expiry)?;
                step.tell_own(index, key);
            }
            None => {
                if step.remove(index, key)? {
                    step.tell(index, key, Event::DEL);
                }
            }
        }
        Ok(true)
    })
}

/// A payload that is not restored, in Redis's words where it has some.
fn refused(error: Error) -> Failure {
    match error {
        Error::Corrupt { reason, .. }
            if reason.contains("checksum") || reason.contains("version") =>
        {
            Failure::new("ERR DUMP payload version or checksum are wrong")
        }
        Error::Corrupt { .. } => Failure::new("ERR Bad data format"),
        error => error.into(),
    }
}
