//! `CONFIG`.

use super::spec::{Flags, Group, Spec};
use super::{Call, Failure, Outcome};
use crate::flags::{FLAGS, Flag, Settings};
use crate::glob;
use crate::packing::Packing;

pub(super) const COMMANDS: &[Spec] = &[Spec::container(
    Group::Server,
    "config",
    &[
        Spec::now(Group::Server, "config|get", -3, get).admin().doc(
            "2.0.0",
            "O(N) when N is the number of configuration parameters provided",
            "Returns the effective values of configuration parameters.",
        ),
        Spec::now(Group::Server, "config|set", -4, set).admin().doc(
            "2.0.0",
            "O(N) when N is the number of configuration parameters provided",
            "Sets configuration parameters in-flight.",
        ),
        Spec::now(Group::Server, "config|resetstat", 2, resetstat).admin().doc(
            "2.0.0",
            "O(1)",
            "Resets the server's statistics.",
        ),
        Spec::now(Group::Server, "config|rewrite", 2, rewrite).admin().doc(
            "2.8.0",
            "O(1)",
            "Persists the effective configuration to file.",
        ),
        Spec::now(Group::Server, "config|help", 2, help)
            .flags(Flags::LOADING.and(Flags::STALE))
            .doc("5.0.0", "O(1)", "Returns helpful text about the different subcommands."),
    ],
)
.doc("2.0.0", "Depends on subcommand.", "A container for server configuration commands.")];

/// Parameters of Redis that have one meaning here. Clients and benchmarks ask for them.
const FIXED: [(&str, &str); 22] = [
    ("activedefrag", "no"),
    ("appendonly", "no"),
    // Replies are written as their client takes them, so they have no limit; for messages of
    // channels see the mailbox. There are no replicas.
    ("client-output-buffer-limit", "normal 0 0 0 slave 0 0 0 pubsub 33554432 0 0"),
    ("cluster-enabled", "no"),
    ("daemonize", "no"),
    ("lazyfree-lazy-eviction", "yes"),
    ("lazyfree-lazy-expire", "yes"),
    ("lazyfree-lazy-server-del", "yes"),
    ("lazyfree-lazy-user-del", "yes"),
    ("lazyfree-lazy-user-flush", "yes"),
    ("logfile", ""),
    ("maxmemory-clients", "0"),
    ("maxmemory-policy", "noeviction"),
    ("maxmemory-samples", "0"),
    ("pidfile", ""),
    ("rdbchecksum", "yes"),
    ("repl-backlog-size", "0"),
    ("replicaof", ""),
    ("save", ""),
    ("slaveof", ""),
    ("stop-writes-on-bgsave-error", "no"),
    ("supervised", "no"),
];

// The limit that is shown is the one that holds.
const _: () = assert!(crate::client::MAILBOX_BYTES_MAX == 33_554_432);

fn get(call: &mut Call<'_>) -> Outcome {
    let settings = call.server.settings();
    let mut found: Vec<(&str, String)> = Vec::new();
    let mut matching = |name: &'static str, value: &dyn Fn() -> String| {
        let wanted = call
            .args
            .from(2)
            .iter()
            .any(|pattern| glob::matches(&pattern.to_ascii_lowercase(), name.as_bytes()));
        if wanted {
            found.push((name, value()));
        }
    };
    for flag in FLAGS {
        let value = || shown(&settings, call, flag);
        matching(flag.name, &value);
        if let Some(name) = flag.redis_name {
            matching(name, &value);
        }
    }
    for (name, value) in FIXED {
        matching(name, &|| value.to_owned());
    }
    for (name, value) in call.server.packing.iter() {
        matching(name, &|| value.to_string());
    }
    call.out.map(found.len());
    for (name, value) in found {
        call.out.bulk(name.as_bytes());
        call.out.bulk(value.as_bytes());
    }
    Ok(())
}

/// A flag's value as `CONFIG GET` shows it: what is in force, in Redis's spelling.
fn shown(settings: &Settings, call: &Call<'_>, flag: &Flag) -> String {
    match (flag.name, settings.get(flag.name)) {
        ("dir", _) => call.server.place.to_string(),
        ("port", _) => call.server.port().to_string(),
        ("notify_keyspace_events", _) => call.server.events.classes().to_string(),
        (_, crate::flags::FlagValue::Bool(value)) => {
            if *value {
                "yes".to_owned()
            } else {
                "no".to_owned()
            }
        }
        (_, value) => value.to_string(),
    }
}

fn set(call: &mut Call<'_>) -> Outcome {
    let pairs = call.args.from(2);
    if !pairs.len().is_multiple_of(2) {
        return Err(Failure::arity(call.spec.name));
    }
    // All of it takes effect, or none.
    let mut changed = call.server.settings().clone();
    let mut packing = Vec::new();
    for pair in (0..pairs.len()).step_by(2) {
        let name = String::from_utf8_lossy(pairs.at(pair)).to_ascii_lowercase();
        let value = String::from_utf8_lossy(pairs.at(pair + 1));
        if (0..pair).step_by(2).any(|at| pairs.at(at).eq_ignore_ascii_case(name.as_bytes())) {
            let given = String::from_utf8_lossy(pairs.at(pair));
            return Err(format!(
                "ERR CONFIG SET failed (possibly related to argument '{given}') - duplicate \
                 parameter"
            )
            .into());
        }
        if FIXED.contains(&(name.as_str(), &*value)) {
            continue;
        }
        let refused =
            |reason: String| Failure::from(format!("ERR CONFIG SET failed: '{name}' {reason}"));
        if let Some(parameter) = Packing::find(&name) {
            packing.push((parameter, Packing::parse(parameter, &value).map_err(refused)?));
            continue;
        }
        let fixed = FIXED.iter().any(|(fixed, _)| *fixed == name);
        let flag =
            FLAGS.iter().find(|flag| flag.name == name || flag.redis_name == Some(name.as_str()));
        match flag {
            Some(flag) => changed.set(flag.name, &value).map_err(refused)?,
            None if fixed => {
                let given = String::from_utf8_lossy(pairs.at(pair));
                return Err(format!(
                    "ERR CONFIG SET failed (possibly related to argument '{given}') - can't set \
                     immutable config"
                )
                .into());
            }
            None => {
                return Err(format!(
                    "ERR Unknown option or number of arguments for CONFIG SET - '{name}'"
                )
                .into());
            }
        }
    }
    call.server.apply(&changed)?;
    *call.server.settings_mut() = changed;
    for (parameter, value) in packing {
        call.server.packing.set(parameter, value);
    }
    call.out.ok();
    Ok(())
}

fn resetstat(call: &mut Call<'_>) -> Outcome {
    for thread in &call.server.threads {
        thread.reset();
    }
    call.server.shared.reset();
    call.out.ok();
    Ok(())
}

fn rewrite(_: &mut Call<'_>) -> Outcome {
    Err(Failure::new("ERR The server is running without a config file"))
}

fn help(call: &mut Call<'_>) -> Outcome {
    call.out.help(
        "CONFIG",
        &[
            (
                "GET <pattern>",
                "Return parameters matching the glob-like <pattern> and their values.",
            ),
            ("SET <directive> <value>", "Set the configuration <directive> to <value>."),
            ("RESETSTAT", "Reset statistics reported by the INFO command."),
        ],
    );
    Ok(())
}
