//! Whole databases.

use super::call::is;
use super::spec::{Flags, Group, Spec};
use super::{Call, Failure, Outcome};
use crate::number::parse_i64;
use crate::watched::Watchers;

pub(super) const COMMANDS: &[Spec] =
    &[
        Spec::now(Group::Server, "dbsize", 1, dbsize)
            .fast()
            .flags(Flags::READONLY.and(Flags::LOADING))
            .doc("1.0.0", "O(1)", "Returns the number of keys in the database."),
        Spec::now(Group::Server, "flushdb", -1, flushdb)
            .flags(Flags::WRITE.and(Flags::DANGEROUS))
            .doc("1.0.0", "O(1)", "Remove all keys from the current database."),
        Spec::now(Group::Server, "flushall", -1, flushall)
            .flags(Flags::WRITE.and(Flags::DANGEROUS))
            .doc("1.0.0", "O(1)", "Removes all keys from all databases."),
        Spec::now(Group::Server, "swapdb", 3, swapdb)
            .fast()
            .flags(Flags::WRITE.and(Flags::DANGEROUS))
            .doc("4.0.0", "O(1)", "Swaps two databases."),
    ];

fn dbsize(call: &mut Call<'_>) -> Outcome {
    call.out.count(call.keys.database.len());
    Ok(())
}

/// Whether the options of a flush are understood. Both kinds take constant time: what was removed
/// is freed in the background.
fn check_flush(call: &Call<'_>) -> Outcome {
    match call.args.from(1).iter().collect::<Vec<_>>()[..] {
        [] => Ok(()),
        [mode] if is(mode, "async") || is(mode, "sync") => Ok(()),
        _ => Err(Failure::SYNTAX),
    }
}

/// Those who watch keys that are there, in the databases for which `concerns` is true.
fn watchers_of(call: &Call<'_>, concerns: impl Fn(u16) -> bool) -> Watchers {
    call.server.watched.watchers(|database, key| {
        concerns(database)
            && call.server.store.database(database).is_ok_and(|keys| keys.contains_key(key))
    })
}

fn flushdb(call: &mut Call<'_>) -> Outcome {
    check_flush(call)?;
    let index = call.keys.database.index();
    let watchers = watchers_of(call, |database| database == index);
    call.keys.database.clear();
    watchers.touch();
    call.out.ok();
    Ok(())
}

fn flushall(call: &mut Call<'_>) -> Outcome {
    check_flush(call)?;
    let watchers = watchers_of(call, |_| true);
    call.server.store.clear_all();
    watchers.touch();
    call.out.ok();
    Ok(())
}

fn swapdb(call: &mut Call<'_>) -> Outcome {
    let index = |at, invalid| {
        let number = parse_i64(call.args.at(at)).and_then(|number| i32::try_from(number).ok());
        number.ok_or(Failure::new(invalid))
    };
    let a = index(1, "ERR invalid first DB index")?;
    let b = index(2, "ERR invalid second DB index")?;
    let existing = |number: i32| {
        u16::try_from(number).ok().filter(|index| *index < call.server.store.databases())
    };
    let a = existing(a).ok_or(Failure::DATABASE_RANGE)?;
    let b = existing(b).ok_or(Failure::DATABASE_RANGE)?;
    if a == b {
        // Nothing changes, so nobody who watches a key is to hear of it.
        call.out.ok();
        return Ok(());
    }
    let exists = |database, key: &[u8]| {
        call.server.store.database(database).is_ok_and(|database| database.contains_key(key))
    };
    let watchers = call.server.watched.watchers(|database, key| {
        (database == a || database == b) && (exists(a, key) || exists(b, key))
    });
    call.server.store.swap_databases(a, b)?;
    watchers.touch();
    call.out.ok();
    Ok(())
}
