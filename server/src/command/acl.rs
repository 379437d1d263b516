//! `ACL`: there is one user, `default`, who may do everything.

use super::call::is;
use super::spec::{Flags, Group, Spec};
use super::{Call, Failure, Outcome, Table};
use crate::number::parse_i64;

const SELF: Flags = Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE);
const OTHERS: Flags = SELF.and(Flags::ADMIN);

pub(super) const COMMANDS: &[Spec] =
    &[Spec::container(
        Group::Server,
        "acl",
        &[
            Spec::now(Group::Server, "acl|whoami", 2, whoami).flags(SELF).doc(
                "6.0.0",
                "O(1)",
                "Returns the authenticated username of the current connection.",
            ),
            Spec::now(Group::Server, "acl|cat", -2, cat).flags(SELF).doc(
                "6.0.0",
                "O(1) since the categories and commands are a fixed set.",
                "Lists the ACL categories, or the commands inside a category.",
            ),
            Spec::now(Group::Server, "acl|users", 2, users).flags(OTHERS).doc(
                "6.0.0",
                "O(1)",
                "Lists all ACL users.",
            ),
            Spec::now(Group::Server, "acl|list", 2, list).flags(OTHERS).doc(
                "6.0.0",
                "O(1)",
                "Dumps the effective rules in ACL file format.",
            ),
            Spec::now(Group::Server, "acl|getuser", 3, getuser).flags(OTHERS).doc(
                "6.0.0",
                "O(1)",
                "Lists the ACL rules of a user.",
            ),
            Spec::now(Group::Server, "acl|genpass", -2, genpass).flags(SELF).doc(
                "6.0.0",
                "O(1)",
                "Generates a pseudorandom, secure password that can be used to identify ACL users.",
            ),
            Spec::now(Group::Server, "acl|log", -2, log).flags(OTHERS).doc(
                "6.0.0",
                "O(1)",
                "Lists recent security events generated due to ACL rules.",
            ),
            Spec::now(Group::Server, "acl|help", 2, help)
                .flags(Flags::LOADING.and(Flags::STALE))
                .doc("6.0.0", "O(1)", "Returns helpful text about the different subcommands."),
        ],
    )
    .doc("6.0.0", "Depends on subcommand.", "A container for Access List Control commands.")];

/// Redis's categories, also those that no command here belongs to.
const CATEGORIES: [&str; 21] = [
    "keyspace",
    "read",
    "write",
    "set",
    "sortedset",
    "list",
    "hash",
    "string",
    "bitmap",
    "hyperloglog",
    "geo",
    "stream",
    "pubsub",
    "admin",
    "fast",
    "slow",
    "blocking",
    "dangerous",
    "connection",
    "transaction",
    "scripting",
];

fn whoami(call: &mut Call<'_>) -> Outcome {
    call.out.bulk(b"default");
    Ok(())
}

fn cat(call: &mut Call<'_>) -> Outcome {
    let names: Vec<&str> = match call.args.len() {
        2 => CATEGORIES.to_vec(),
        3 => {
            let category = call.args.at(2);
            if !CATEGORIES.iter().any(|known| is(category, known)) {
                let category = String::from_utf8_lossy(category);
                return Err(format!("ERR Unknown category '{category}'").into());
            }
            let belongs =
                |spec: &super::Spec| spec.categories().iter().any(|own| is(category, &own[1..]));
            // A container is there for its subcommands.
            let all = Table::shared().all().map(|(_, spec)| spec);
            let plain = all.filter(|spec| spec.is_runnable() && belongs(spec));
            plain.map(|spec| spec.name).collect()
        }
        _ => return Err(Failure::unknown_subcommand("acl", call.args.at(1))),
    };
    call.out.array(names.len());
    for name in names {
        call.out.bulk(name.as_bytes());
    }
    Ok(())
}

fn users(call: &mut Call<'_>) -> Outcome {
    call.out.array(1);
    call.out.bulk(b"default");
    Ok(())
}

fn list(call: &mut Call<'_>) -> Outcome {
    let open = call.server.settings().requirepass().is_empty();
    // A password is not shown, not even as a digest.
    let secret = if open { "nopass " } else { "" };
    call.out.array(1);
    call.out.bulk(format!("user default on {secret}~* &* +@all").as_bytes());
    Ok(())
}

fn getuser(call: &mut Call<'_>) -> Outcome {
    if call.args.at(2) != b"default" {
        call.out.null();
        return Ok(());
    }
    let open = call.server.settings().requirepass().is_empty();
    let out = &mut *call.out;
    out.map(6);
    out.bulk(b"flags");
    out.set(if open { 2 } else { 1 });
    out.bulk(b"on");
    if open {
        out.bulk(b"nopass");
    }
    out.bulk(b"passwords");
    out.array(0);
    for (field, value) in [("commands", "+@all"), ("keys", "~*"), ("channels", "&*")] {
        out.bulk(field.as_bytes());
        out.bulk(value.as_bytes());
    }
    out.bulk(b"selectors");
    out.array(0);
    Ok(())
}

fn genpass(call: &mut Call<'_>) -> Outcome {
    const BITS_MAX: i64 = 4096;
    let bits = match call.args.len() {
        2 => 256,
        3 => parse_i64(call.args.at(2)).filter(|bits| (1..=BITS_MAX).contains(bits)).ok_or(
            Failure::new(
                "ERR ACL GENPASS argument must be the number of bits for the output password, a \
                 positive number up to 4096",
            ),
        )?,
        _ => return Err(Failure::unknown_subcommand("acl", call.args.at(1))),
    };
    let digits = (bits as usize).div_ceil(4);
    let mut random = vec![0; digits.div_ceil(2)];
    getrandom::fill(&mut random)
        .map_err(|error| Failure::from(format!("ERR the system gives no randomness: {error}")))?;
    let digit = |half: u8| char::from_digit(u32::from(half), 16).expect("half a byte is a digit");
    let text: String =
        random.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).collect();
    call.out.bulk(&text.as_bytes()[..digits]);
    Ok(())
}

/// Nothing is ever denied, so nothing is logged.
fn log(call: &mut Call<'_>) -> Outcome {
    match call.args.get(2) {
        Some(word) if is(word, "reset") => call.out.ok(),
        Some(count) if parse_i64(count).is_none() => return Err(Failure::NOT_AN_INTEGER),
        _ => call.out.array(0),
    }
    Ok(())
}

fn help(call: &mut Call<'_>) -> Outcome {
    call.out.help(
        "ACL",
        &[
            ("CAT [<category>]", "List all commands that belong to <category>, or all categories."),
            ("GETUSER <username>", "Get the user's details."),
            ("GENPASS [<bits>]", "Generate a secure 256-bit user password."),
            ("LIST", "Show users details in config file format."),
            ("LOG [<count> | RESET]", "Show the ACL log entries."),
            ("USERS", "List all the registered usernames."),
            ("WHOAMI", "Return the current connection username."),
        ],
    );
    Ok(())
}
