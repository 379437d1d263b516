//! `COMMAND`: the table of commands as clients read it.

use super::call::is;
use super::spec::{Flags, Group, Spec};
use super::table::{Table, subcommand};
use super::{Call, Failure, Outcome};
use crate::glob;
use crate::resp::{Args, Output};

const ABOUT: Flags = Flags::LOADING.and(Flags::STALE);

pub(super) const COMMANDS: &[Spec] = &[Spec {
    arity: -1,
    subcommands: &[
        Spec::now(Group::Server, "command|count", 2, count).flags(ABOUT).doc(
            "2.8.13",
            "O(1)",
            "Returns a count of commands.",
        ),
        Spec::now(Group::Server, "command|list", -2, list).flags(ABOUT).doc(
            "7.0.0",
            "O(N) where N is the total number of Redis commands",
            "Returns a list of command names.",
        ),
        Spec::now(Group::Server, "command|info", -2, info).flags(ABOUT).doc(
            "2.8.13",
            "O(N) where N is the number of commands to look up",
            "Returns information about one, multiple or all commands.",
        ),
        Spec::now(Group::Server, "command|docs", -2, docs).flags(ABOUT).doc(
            "7.0.0",
            "O(N) where N is the number of commands to look up",
            "Returns documentary information about one, multiple or all commands.",
        ),
        Spec::now(Group::Server, "command|getkeys", -4, getkeys).flags(ABOUT).doc(
            "2.8.13",
            "O(N) where N is the number of arguments to the command",
            "Extracts the key names from an arbitrary command.",
        ),
        Spec::now(Group::Server, "command|help", 2, help).flags(ABOUT).doc(
            "5.0.0",
            "O(1)",
            "Returns helpful text about the different subcommands.",
        ),
    ],
    ..Spec::now(Group::Server, "command", -1, all).flags(ABOUT).doc(
        "2.8.13",
        "O(N) where N is the total number of Redis commands",
        "Returns detailed information about all commands.",
    )
}];

fn all(call: &mut Call<'_>) -> Outcome {
    if let Some(name) = call.args.get(1) {
        return Err(Failure::unknown_subcommand("command", name));
    }
    let table = Table::shared();
    call.out.array(table.len());
    for (_, spec) in table.iter() {
        describe(call.out, spec);
    }
    Ok(())
}

fn count(call: &mut Call<'_>) -> Outcome {
    call.out.count(Table::shared().len() as u64);
    Ok(())
}

fn list(call: &mut Call<'_>) -> Outcome {
    let wanted: Box<dyn Fn(&Spec) -> bool> = match call.args.len() {
        2 => Box::new(|_| true),
        5 if is(call.args.at(2), "filterby") => {
            let value = call.args.at(4);
            match call.args.at(3) {
                word if is(word, "pattern") => {
                    let pattern = value.to_ascii_lowercase();
                    Box::new(move |spec| glob::matches(&pattern, spec.name.as_bytes()))
                }
                word if is(word, "aclcat") => Box::new(|spec| {
                    spec.categories().iter().any(|category| is(value, &category[1..]))
                }),
                // There are no modules.
                word if is(word, "module") => Box::new(|_| false),
                _ => return Err(Failure::SYNTAX),
            }
        }
        _ => return Err(Failure::SYNTAX),
    };
    let names: Vec<_> =
        Table::shared().iter().map(|(_, spec)| spec).filter(|spec| wanted(spec)).collect();
    call.out.array(names.len());
    for spec in names {
        call.out.bulk(spec.name.as_bytes());
    }
    Ok(())
}

/// The command of that name, or the subcommand of the name `container|name`.
fn find(name: &[u8]) -> Option<&'static Spec> {
    let table = Table::shared();
    match name.iter().position(|byte| *byte == b'|') {
        None => table.find(name).map(|id| table.spec(id)),
        Some(bar) => {
            let container = table.spec(table.find(&name[..bar])?);
            subcommand(container, &name[bar + 1..])
        }
    }
}

fn info(call: &mut Call<'_>) -> Outcome {
    if call.args.len() == 2 {
        let table = Table::shared();
        call.out.array(table.len());
        table.iter().for_each(|(_, spec)| describe(call.out, spec));
        return Ok(());
    }
    let names = call.args.from(2);
    call.out.array(names.len());
    for name in names.iter() {
        match find(name) {
            Some(spec) => describe(call.out, spec),
            None => call.out.null_array(),
        }
    }
    Ok(())
}

/// The ten fields that Redis 7 gives of a command.
fn describe(out: &mut Output, spec: &Spec) {
    out.array(10);
    out.bulk(spec.name.as_bytes());
    out.integer(i64::from(spec.arity));
    let flags: Vec<_> = spec.flags.names().collect();
    out.set(flags.len());
    for flag in flags {
        out.status(flag);
    }
    out.integer(i64::from(spec.keys.first));
    out.integer(i64::from(spec.keys.last));
    out.integer(i64::from(spec.keys.step));
    let categories = spec.categories();
    out.set(categories.len());
    for category in categories {
        out.status(category);
    }
    out.array(0);
    key_specs(out, spec);
    out.array(spec.subcommands.len());
    for sub in spec.subcommands {
        describe(out, sub);
    }
}

/// The positions of the keys in the form that Redis 7 introduced.
fn key_specs(out: &mut Output, spec: &Spec) {
    let keys = spec.keys;
    if keys.first == 0 {
        out.array(0);
        return;
    }
    out.array(1);
    out.map(3);
    out.bulk(b"flags");
    let access = if spec.flags.has(Flags::WRITE) { "RW" } else { "RO" };
    out.set(1);
    out.status(access);
    out.bulk(b"begin_search");
    out.map(2);
    out.bulk(b"type");
    out.bulk(b"index");
    out.bulk(b"spec");
    out.map(1);
    out.bulk(b"index");
    out.integer(i64::from(keys.first));
    out.bulk(b"find_keys");
    out.map(2);
    out.bulk(b"type");
    out.bulk(b"range");
    out.bulk(b"spec");
    out.map(3);
    out.bulk(b"lastkey");
    // Relative to the first key, unless it counts from the end.
    out.integer(i64::from(if keys.last < 0 { keys.last } else { keys.last - keys.first }));
    out.bulk(b"keystep");
    out.integer(i64::from(keys.step));
    out.bulk(b"limit");
    out.integer(0);
}

fn docs(call: &mut Call<'_>) -> Outcome {
    let named = call.args.from(2);
    let specs: Vec<&Spec> = if named.is_empty() {
        Table::shared().iter().map(|(_, spec)| spec).collect()
    } else {
        named.iter().filter_map(find).collect()
    };
    call.out.map(specs.len());
    for spec in specs {
        document(call.out, spec);
    }
    Ok(())
}

fn document(out: &mut Output, spec: &Spec) {
    out.bulk(spec.name.as_bytes());
    out.map(4 + usize::from(!spec.subcommands.is_empty()));
    for (field, text) in [
        ("summary", spec.summary),
        ("since", spec.since),
        ("group", spec.group.name()),
        ("complexity", spec.complexity),
    ] {
        out.bulk(field.as_bytes());
        out.bulk(text.as_bytes());
    }
    if !spec.subcommands.is_empty() {
        out.bulk(b"subcommands");
        out.map(spec.subcommands.len());
        for sub in spec.subcommands {
            document(out, sub);
        }
    }
}

fn getkeys(call: &mut Call<'_>) -> Outcome {
    let command: Args<'_> = call.args.from(2);
    let table = Table::shared();
    let spec = table
        .find(command.at(0))
        .map(|id| table.spec(id))
        .ok_or(Failure::new("ERR Invalid command specified"))?;
    if !spec.accepts(command.len()) {
        return Err(Failure::new("ERR Invalid number of arguments specified for command"));
    }
    let keys: Vec<_> = spec.keys.of(command.len()).collect();
    if keys.is_empty() {
        return Err(Failure::new("ERR The command has no key arguments"));
    }
    call.out.array(keys.len());
    for position in keys {
        call.out.bulk(command.at(position));
    }
    Ok(())
}

fn help(call: &mut Call<'_>) -> Outcome {
    call.out.help(
        "COMMAND",
        &[
            ("(no subcommand)", "Return details about all commands."),
            ("COUNT", "Return the total number of commands in this server."),
            ("LIST [FILTERBY (MODULE|ACLCAT|PATTERN) <value>]", "Return a list of command names."),
            ("INFO [<command-name> ...]", "Return details about multiple commands."),
            ("DOCS [<command-name> ...]", "Return documentation details about multiple commands."),
            ("GETKEYS <full-command>", "Return the keys from a full command."),
        ],
    );
    Ok(())
}
