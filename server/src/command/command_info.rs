//! `COMMAND`: the table of commands as clients read it.

use super::call::is;
use super::spec::{Flags, Group, Movable, Spec};
use super::table::Table;
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
        Spec::now(Group::Server, "command|getkeysandflags", -4, getkeysandflags).flags(ABOUT).doc(
            "7.0.0",
            "O(N) where N is the number of arguments to the command",
            "Extracts the key names and access flags for an arbitrary command.",
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

fn find(name: &[u8]) -> Option<&'static Spec> {
    let table = Table::shared();
    table.find_full(name).map(|id| table.spec(id))
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
    // Keys that are treated differently have a specification each.
    out.array(spec.access.len());
    let fixed = spec.access.len() - usize::from(spec.movable != Movable::None);
    for (index, access) in spec.access.iter().enumerate() {
        out.map(3);
        out.bulk(b"flags");
        out.set(access.len());
        for flag in *access {
            out.status(flag);
        }
        match spec.movable {
            Movable::Numbered(at) if index == fixed => numbered_keys(out, at),
            Movable::Streams(from) if index == fixed => stream_keys(out, from),
            _ => fixed_keys(out, spec, index, fixed),
        }
    }
}

/// How the keys number `index` of `count` are found, where these have fixed places.
fn fixed_keys(out: &mut Output, spec: &Spec, index: usize, count: usize) {
    let keys = spec.keys;
    let first = keys.first + index as i32;
    let last = if index + 1 == count { keys.last } else { first };
    search(out, "begin_search", "index", &[("index", first)]);
    // Relative to the first key, unless it counts from the end.
    let last = if last < 0 { last } else { last - first };
    search(out, "find_keys", "range", &[("lastkey", last), ("keystep", keys.step), ("limit", 0)]);
}

fn numbered_keys(out: &mut Output, at: usize) {
    search(out, "begin_search", "index", &[("index", at as i32)]);
    search(out, "find_keys", "keynum", &[("keynumidx", 0), ("firstkey", 1), ("keystep", 1)]);
}

fn stream_keys(out: &mut Output, from: usize) {
    out.bulk(b"begin_search");
    out.map(2);
    out.bulk(b"type");
    out.bulk(b"keyword");
    out.bulk(b"spec");
    out.map(2);
    out.bulk(b"keyword");
    out.bulk(b"STREAMS");
    out.bulk(b"startfrom");
    out.integer(from as i64);
    search(out, "find_keys", "range", &[("lastkey", -1), ("keystep", 1), ("limit", 2)]);
}

fn search(out: &mut Output, step: &str, kind: &str, fields: &[(&str, i32)]) {
    out.bulk(step.as_bytes());
    out.map(2);
    out.bulk(b"type");
    out.bulk(kind.as_bytes());
    out.bulk(b"spec");
    out.map(fields.len());
    for (field, number) in fields {
        out.bulk(field.as_bytes());
        out.integer(i64::from(*number));
    }
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

/// The command that the arguments from the third on are, and where its keys are.
fn keys_of<'a>(call: &Call<'a>) -> Result<(&'static Spec, Args<'a>, Vec<usize>), Failure> {
    let command: Args<'a> = call.args.from(2);
    let table = Table::shared();
    let id = table.find(command.at(0)).ok_or(Failure::new("ERR Invalid command specified"))?;
    let id = command.get(1).and_then(|name| table.subcommand(id, name)).unwrap_or(id);
    let spec = table.spec(id);
    if !spec.accepts(command.len()) {
        return Err(Failure::new("ERR Invalid number of arguments specified for command"));
    }
    if spec.keys.first == 0 && spec.movable == Movable::None {
        return Err(Failure::new("ERR The command has no key arguments"));
    }
    let keys = spec
        .key_positions(command)
        .ok_or(Failure::new("ERR Invalid arguments specified for command"))?;
    Ok((spec, command, keys))
}

fn getkeys(call: &mut Call<'_>) -> Outcome {
    let (_, command, keys) = keys_of(call)?;
    call.out.array(keys.len());
    for position in keys {
        call.out.bulk(command.at(position));
    }
    Ok(())
}

/// What this very command does with its key number `index`.
fn access(spec: &Spec, command: Args<'_>, index: usize) -> &'static [&'static str] {
    let has = |word| command.from(2).iter().any(|arg| is(arg, word));
    match spec.name {
        "set" if has("get") => &["RW", "access", "update"],
        "set" => &["OW", "update"],
        "bitfield" if has("set") || has("incrby") => &["RW", "access", "update"],
        "bitfield" => &["RO", "access"],
        _ => spec.access_of(index),
    }
}

fn getkeysandflags(call: &mut Call<'_>) -> Outcome {
    let (spec, command, keys) = keys_of(call)?;
    call.out.array(keys.len());
    for (index, position) in keys.into_iter().enumerate() {
        call.out.array(2);
        call.out.bulk(command.at(position));
        let access = access(spec, command, index);
        call.out.set(access.len());
        for flag in access {
            call.out.status(flag);
        }
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
            ("GETKEYSANDFLAGS <full-command>", "Return the keys and the access flags."),
        ],
    );
    Ok(())
}
