//! Telling when fields expire.

use exuvia::{Expiry, Hash};

use super::named;
use crate::command::spec::{Group, Spec};
use crate::command::{Call, NowFn, Outcome};

pub(super) const COMMANDS: &[Spec] = &[
    spec("httl", httl, "Returns the expiration time in seconds of fields."),
    spec("hpttl", hpttl, "Returns the expiration time in milliseconds of fields."),
    spec("hexpiretime", hexpiretime, "Returns the expiration time of fields as a Unix timestamp."),
    spec(
        "hpexpiretime",
        hpexpiretime,
        "Returns the expiration time of fields as a Unix milliseconds timestamp.",
    ),
];

const fn spec(name: &'static str, run: NowFn, summary: &'static str) -> Spec {
    Spec::now(Group::Hash, name, -5, run).reads().fast().key().access(&[&["RO", "access"]]).doc(
        "7.4.0",
        "O(N) where N is the number of specified fields",
        summary,
    )
}

fn httl(call: &mut Call<'_>) -> Outcome {
    let now_ms = call.server.now_ms();
    show(call, |ms| ms.saturating_sub(now_ms).div_ceil(1000))
}

fn hpttl(call: &mut Call<'_>) -> Outcome {
    let now_ms = call.server.now_ms();
    show(call, |ms| ms.saturating_sub(now_ms))
}

fn hexpiretime(call: &mut Call<'_>) -> Outcome {
    show(call, |ms| ms.div_ceil(1000))
}

fn hpexpiretime(call: &mut Call<'_>) -> Outcome {
    show(call, |ms| ms)
}

/// Replies for each field: -2 if it is not there, -1 if it never expires.
fn show(call: &mut Call<'_>, scale: impl Fn(u64) -> u64) -> Outcome {
    let hash = call.keys.collection::<Hash>(call.args.at(1))?.unwrap_or_default();
    let fields = named::fields(call.args, 2, named::NOT_POSITIVE)?;
    call.out.array(fields.len());
    for field in fields.iter() {
        match hash.expiry(field) {
            None => call.out.integer(-2),
            Some(Expiry::Never) => call.out.integer(-1),
            Some(Expiry::At(ms)) => call.out.count(scale(ms)),
        }
    }
    Ok(())
}
