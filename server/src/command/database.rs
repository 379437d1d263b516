//! Whole databases.

use super::call::is;
use super::generic::database_index;
use super::spec::{Flags, Group, Spec};
use super::{Call, Failure, Outcome};

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

fn flushdb(call: &mut Call<'_>) -> Outcome {
    check_flush(call)?;
    call.keys.database.clear();
    call.out.ok();
    Ok(())
}

fn flushall(call: &mut Call<'_>) -> Outcome {
    check_flush(call)?;
    call.server.store.clear_all();
    call.out.ok();
    Ok(())
}

fn swapdb(call: &mut Call<'_>) -> Outcome {
    let index = |at| match database_index(call, at) {
        Err(failure) if failure == Failure::NOT_AN_INTEGER => Err(Failure::new(match at {
            1 => "ERR invalid first DB index",
            _ => "ERR invalid second DB index",
        })),
        other => other,
    };
    let (a, b) = (index(1)?, index(2)?);
    call.server.store.swap_databases(a, b)?;
    call.out.ok();
    Ok(())
}
