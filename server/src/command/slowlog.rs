//! `SLOWLOG`.

use super::spec::{Flags, Group, Spec};
use super::{Call, Failure, Outcome};
use crate::number::parse_i64;

const ABOUT: Flags = Flags::ADMIN.and(Flags::LOADING).and(Flags::STALE);

pub(super) const COMMANDS: &[Spec] = &[Spec::container(
    Group::Server,
    "slowlog",
    &[
        Spec::now(Group::Server, "slowlog|get", -2, get).flags(ABOUT).doc(
            "2.2.12",
            "O(N) where N is the number of entries returned",
            "Returns the slow log's entries.",
        ),
        Spec::now(Group::Server, "slowlog|len", 2, len).flags(ABOUT).doc(
            "2.2.12",
            "O(1)",
            "Returns the number of entries in the slow log.",
        ),
        Spec::now(Group::Server, "slowlog|reset", 2, reset).flags(ABOUT).doc(
            "2.2.12",
            "O(N) where N is the number of entries in the slowlog",
            "Clears all entries from the slow log.",
        ),
        Spec::now(Group::Server, "slowlog|help", 2, help)
            .flags(Flags::LOADING.and(Flags::STALE))
            .doc("6.2.0", "O(1)", "Returns helpful text about the different subcommands."),
    ],
)
.doc("2.2.12", "Depends on subcommand.", "A container for slow log commands.")];

fn get(call: &mut Call<'_>) -> Outcome {
    let count = match call.args.len() {
        2 => Some(10),
        3 => parse_i64(call.args.at(2)).filter(|count| *count >= -1),
        _ => return Err(Failure::arity(call.spec.name)),
    };
    let count = count.ok_or(Failure::new("ERR count should be greater than or equal to -1"))?;
    // -1 asks for all of them.
    let commands = call.server.slow.newest(usize::try_from(count).unwrap_or(usize::MAX));
    call.out.array(commands.len());
    for command in commands {
        call.out.array(6);
        call.out.count(command.id);
        call.out.count(command.unix_seconds);
        call.out.count(command.usec);
        call.out.array(command.args.len());
        command.args.iter().for_each(|arg| call.out.bulk(arg));
        call.out.bulk(command.client.as_bytes());
        call.out.bulk(command.client_name.as_bytes());
    }
    Ok(())
}

fn len(call: &mut Call<'_>) -> Outcome {
    call.out.count(call.server.slow.log_len() as u64);
    Ok(())
}

fn reset(call: &mut Call<'_>) -> Outcome {
    call.server.slow.clear_log();
    call.out.ok();
    Ok(())
}

fn help(call: &mut Call<'_>) -> Outcome {
    call.out.help(
        "SLOWLOG",
        &[
            (
                "GET [<count>]",
                "Return the newest <count> entries of the log (default: 10, -1 for all): id, \
                 time, microseconds, arguments, client, name of the client.",
            ),
            ("LEN", "Return the length of the slowlog."),
            ("RESET", "Reset the slowlog."),
        ],
    );
    Ok(())
}
