//! Times to live.

use exuvia::{Change, Expiry};

use super::call::is;
use super::expiry::Unit;
use super::failure::{QUOTED_MAX, quoted};
use super::spec::{Group, Spec};
use super::{Call, Failure, Outcome};

pub(super) const COMMANDS: &[Spec] = &[
    Spec::now(Group::Generic, "expire", -3, expire)
        .writes()
        .fast()
        .key()
        .access(&[&["RW", "update"]])
        .doc("1.0.0", "O(1)", "Sets the expiration time of a key in seconds."),
    Spec::now(Group::Generic, "pexpire", -3, pexpire)
        .writes()
        .fast()
        .key()
        .access(&[&["RW", "update"]])
        .doc("2.6.0", "O(1)", "Sets the expiration time of a key in milliseconds."),
    Spec::now(Group::Generic, "expireat", -3, expireat)
        .writes()
        .fast()
        .key()
        .access(&[&["RW", "update"]])
        .doc("1.2.0", "O(1)", "Sets the expiration time of a key to a Unix timestamp."),
    Spec::now(Group::Generic, "pexpireat", -3, pexpireat)
        .writes()
        .fast()
        .key()
        .access(&[&["RW", "update"]])
        .doc(
            "2.6.0",
            "O(1)",
            "Sets the expiration time of a key to a Unix milliseconds timestamp.",
        ),
    Spec::now(Group::Generic, "ttl", 2, ttl).reads().fast().key().access(&[&["RO", "access"]]).doc(
        "1.0.0",
        "O(1)",
        "Returns the expiration time in seconds of a key.",
    ),
    Spec::now(Group::Generic, "pttl", 2, pttl)
        .reads()
        .fast()
        .key()
        .access(&[&["RO", "access"]])
        .doc("2.6.0", "O(1)", "Returns the expiration time in milliseconds of a key."),
    Spec::now(Group::Generic, "expiretime", 2, expiretime)
        .reads()
        .fast()
        .key()
        .access(&[&["RO", "access"]])
        .doc("7.0.0", "O(1)", "Returns the expiration time of a key as a Unix timestamp."),
    Spec::now(Group::Generic, "pexpiretime", 2, pexpiretime)
        .reads()
        .fast()
        .key()
        .access(&[&["RO", "access"]])
        .doc(
            "7.0.0",
            "O(1)",
            "Returns the expiration time of a key as a Unix milliseconds timestamp.",
        ),
    Spec::now(Group::Generic, "persist", 2, persist)
        .writes()
        .fast()
        .key()
        .access(&[&["RW", "update"]])
        .doc("2.2.0", "O(1)", "Removes the expiration time of a key."),
];

fn expire(call: &mut Call<'_>) -> Outcome {
    set(call, Unit::Seconds)
}

fn pexpire(call: &mut Call<'_>) -> Outcome {
    set(call, Unit::Milliseconds)
}

fn expireat(call: &mut Call<'_>) -> Outcome {
    set(call, Unit::UnixSeconds)
}

fn pexpireat(call: &mut Call<'_>) -> Outcome {
    set(call, Unit::UnixMilliseconds)
}

/// Which keys or fields a new expiry is meant for, by the expiry that they have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) presence: Presence,
    pub(super) order: Order,
}

/// Whether the key has to have an expiry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Presence {
    #[default]
    Any,
    Absent,
    Present,
}

/// How the new expiry has to stand to that of the key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Order {
    #[default]
    Any,
    Later,
    Earlier,
}

impl Options {
    fn parse(call: &Call<'_>) -> Result<Self, Failure> {
        let given = |option| call.args.from(3).iter().any(|word| is(word, option));
        let known = |word: &&[u8]| ["nx", "xx", "gt", "lt"].iter().any(|option| is(word, option));
        if let Some(word) = call.args.from(3).iter().find(|word| !known(word)) {
            let word = quoted(word, QUOTED_MAX);
            return Err(format!("ERR Unsupported option {word}").into());
        }
        let (absent, present) = (given("nx"), given("xx"));
        let (later, earlier) = (given("gt"), given("lt"));
        if absent && (present || later || earlier) {
            return Err(Failure::new(
                "ERR NX and XX, GT or LT options at the same time are not compatible",
            ));
        }
        if later && earlier {
            return Err(Failure::new("ERR GT and LT options at the same time are not compatible"));
        }
        let presence = match (absent, present) {
            (true, _) => Presence::Absent,
            (_, true) => Presence::Present,
            _ => Presence::Any,
        };
        let order = match (later, earlier) {
            (true, _) => Order::Later,
            (_, true) => Order::Earlier,
            _ => Order::Any,
        };
        Ok(Self { presence, order })
    }

    /// Whether a key that expires at `old` may expire at `new` instead. A key that never expires
    /// counts as one that expires later than any.
    pub(super) fn allow(self, old: Expiry, new_ms: i64) -> bool {
        let old_ms = match old {
            Expiry::Never => None,
            Expiry::At(ms) => Some(i64::try_from(ms).unwrap_or(i64::MAX)),
        };
        let by_presence = match self.presence {
            Presence::Any => true,
            Presence::Absent => old_ms.is_none(),
            Presence::Present => old_ms.is_some(),
        };
        let by_order = match self.order {
            Order::Any => true,
            Order::Later => old_ms.is_some_and(|old_ms| new_ms > old_ms),
            Order::Earlier => old_ms.is_none_or(|old_ms| new_ms < old_ms),
        };
        by_presence && by_order
    }
}

fn set(call: &mut Call<'_>, unit: Unit) -> Outcome {
    let options = Options::parse(call)?;
    let number = call.integer(2)?;
    let now_ms = call.server.now_ms();
    let new_ms =
        unit.unix_ms(number, now_ms).ok_or_else(|| Failure::expire_time(call.spec.name))?;
    let past = new_ms <= now_ms as i64;
    let changed = call.keys.update_any(call.args.at(1), |entry| match entry {
        Some(entry) if options.allow(entry.expiry, new_ms) => {
            // A time that is past removes the key at once.
            let change =
                if past { Change::Remove } else { Change::Expire(Expiry::At(new_ms as u64)) };
            (change, true)
        }
        _ => (Change::Keep, false),
    })?;
    call.out.integer(i64::from(changed));
    Ok(())
}

fn ttl(call: &mut Call<'_>) -> Outcome {
    let now_ms = call.server.now_ms();
    show(call, |ms| (ms.saturating_sub(now_ms) + 500) / 1000)
}

fn pttl(call: &mut Call<'_>) -> Outcome {
    let now_ms = call.server.now_ms();
    show(call, |ms| ms.saturating_sub(now_ms))
}

fn expiretime(call: &mut Call<'_>) -> Outcome {
    show(call, |ms| (ms + 500) / 1000)
}

fn pexpiretime(call: &mut Call<'_>) -> Outcome {
    show(call, |ms| ms)
}

/// Replies -2 for a key that is not there, -1 for one that never expires.
fn show(call: &mut Call<'_>, scale: impl FnOnce(u64) -> u64) -> Outcome {
    match call.keys.with_any(call.args.at(1), |entry| entry.expiry)? {
        None => call.out.integer(-2),
        Some(Expiry::Never) => call.out.integer(-1),
        Some(Expiry::At(ms)) => call.out.count(scale(ms)),
    }
    Ok(())
}

fn persist(call: &mut Call<'_>) -> Outcome {
    let changed = call.keys.update_any(call.args.at(1), |entry| match entry {
        Some(entry) if entry.expiry != Expiry::Never => (Change::Expire(Expiry::Never), true),
        _ => (Change::Keep, false),
    })?;
    call.out.integer(i64::from(changed));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_never_expires_counts_as_the_latest() {
        let later = Options { order: Order::Later, ..Options::default() };
        let earlier = Options { order: Order::Earlier, ..Options::default() };
        assert!(!later.allow(Expiry::Never, 5));
        assert!(earlier.allow(Expiry::Never, 5));
        assert!(later.allow(Expiry::At(4), 5) && !later.allow(Expiry::At(5), 5));
        assert!(earlier.allow(Expiry::At(6), 5) && !earlier.allow(Expiry::At(5), 5));
        let with_earlier = Options { presence: Presence::Present, order: Order::Earlier };
        assert!(!with_earlier.allow(Expiry::Never, 5));
    }
}
