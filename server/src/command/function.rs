//! `FUNCTION`: there are no functions, which those who clear a server or look at it may hear.

use super::call::is;
use super::spec::{Flags, Group, Spec};
use super::{Call, Failure, Outcome};

pub(super) const COMMANDS: &[Spec] = &[Spec::container(
    Group::Server,
    "function",
    &[
        Spec::now(Group::Server, "function|flush", -2, flush)
            .flags(Flags::NOSCRIPT.and(Flags::WRITE))
            .doc("7.0.0", "O(1)", "Deletes all functions."),
        Spec::now(Group::Server, "function|list", -2, list).flags(Flags::NOSCRIPT).doc(
            "7.0.0",
            "O(1)",
            "Returns information about all functions.",
        ),
        Spec::now(Group::Server, "function|help", 2, help)
            .flags(Flags::LOADING.and(Flags::STALE))
            .doc("7.0.0", "O(1)", "Returns helpful text about the different subcommands."),
    ],
)
.doc("7.0.0", "Depends on subcommand.", "A container for function commands.")];

fn flush(call: &mut Call<'_>) -> Outcome {
    match call.args.from(2).iter().collect::<Vec<_>>()[..] {
        [] => {}
        [mode] if is(mode, "async") || is(mode, "sync") => {}
        _ => {
            return Err(Failure::new("ERR FUNCTION FLUSH only supports SYNC|ASYNC option"));
        }
    }
    call.out.ok();
    Ok(())
}

fn list(call: &mut Call<'_>) -> Outcome {
    let mut options = call.args.from(2).iter();
    while let Some(option) = options.next() {
        let known =
            is(option, "withcode") || (is(option, "libraryname") && options.next().is_some());
        if !known {
            let option = String::from_utf8_lossy(option);
            return Err(format!("ERR Unknown argument {option}").into());
        }
    }
    call.out.array(0);
    Ok(())
}

fn help(call: &mut Call<'_>) -> Outcome {
    call.out.help(
        "FUNCTION",
        &[
            ("FLUSH [ASYNC|SYNC]", "Delete all functions, of which there are none."),
            ("LIST [LIBRARYNAME PATTERN] [WITHCODE]", "Always empty."),
        ],
    );
    Ok(())
}
