//! `CONFIG`.

use std::sync::PoisonError;

use super::spec::{Flags, Group, Spec};
use super::{Call, Failure, Outcome};
use crate::fixed::{FIXED, Fixed};
use crate::flags::{Change, FLAGS, Flag, FlagValue, Settings};
use crate::glob;
use crate::inert::{self, Inert};
use crate::listener::Moved;
use crate::packing::{self, Packing};
use crate::shutdown::Request;

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
    for fixed in FIXED {
        matching(fixed.name, &|| fixed.value.to_owned());
    }
    for (name, value) in call.server.packing.iter() {
        matching(name, &|| value.to_string());
    }
    for (name, value) in call.server.inert.all() {
        matching(name, &|| spelt(&value));
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
        ("client_output_buffer_limit", _) => settings.output_bounds().to_string(),
        (_, value) => spelt(value),
    }
}

/// A value in Redis's spelling.
fn spelt(value: &FlagValue) -> String {
    match value {
        FlagValue::Bool(true) => "yes".to_owned(),
        FlagValue::Bool(false) => "no".to_owned(),
        value => value.to_string(),
    }
}

/// What `CONFIG SET` is about to change.
struct Changes {
    settings: Settings,
    packing: Vec<(packing::Parameter, i64)>,
    inert: Vec<(inert::Parameter, FlagValue)>,
}

impl Changes {
    /// Reads one parameter, which is called `name` in lower case and `given` by the client.
    fn read(&mut self, call: &Call<'_>, name: &str, given: &str, value: &str) -> Outcome {
        let refused =
            |reason: String| Failure::from(format!("ERR CONFIG SET failed: '{name}' {reason}"));
        if let Some(parameter) = Packing::find(name) {
            let value = Packing::parse(parameter, value).map_err(refused)?;
            self.packing.push((parameter, value));
            return Ok(());
        }
        if let Some(parameter) = Inert::find(name) {
            let value = Inert::parse(parameter, value).map_err(refused)?;
            self.inert.push((parameter, value));
            return Ok(());
        }
        if let Some(fixed) = Fixed::find(name) {
            return fixed.check(value).map_err(|reason| related(given, reason));
        }
        let flag = FLAGS.iter().find(|flag| flag.name == name || flag.redis_name == Some(name));
        let Some(flag) = flag else {
            return Err(format!(
                "ERR Unknown option or number of arguments for CONFIG SET - '{name}'"
            )
            .into());
        };
        // What is set to what it is already changes nothing, whether it could change or not.
        let in_force = flag.change == Change::Start
            && (shown(&self.settings, call, flag) == value
                || flag.parse(value).as_ref() == Ok(self.settings.get(flag.name)));
        if in_force {
            return Ok(());
        }
        if flag.name == "bind" {
            let reason = "is immutable: clients are let in at the addresses of the start, of which \
                          only the port can change";
            return Err(refused(reason.to_owned()));
        }
        // In the words that Redis has for it, which tools look for.
        if flag.name == "maxmemory_clients" {
            flag.parse(value).map_err(|reason| related(given, &reason))?;
        }
        self.settings.set(flag.name, value).map_err(refused)
    }
}

/// A failure that names the argument that it comes from.
fn related(given: &str, reason: &str) -> Failure {
    format!("ERR CONFIG SET failed (possibly related to argument '{given}') - {reason}").into()
}

fn set(call: &mut Call<'_>) -> Outcome {
    let pairs = call.args.from(2);
    if !pairs.len().is_multiple_of(2) {
        return Err(Failure::arity(call.spec.name));
    }
    // Two changes at once would each take back what the other does.
    let _changing = call.server.changing.lock().unwrap_or_else(PoisonError::into_inner);
    let before = call.server.settings().clone();
    let mut changes = Changes { settings: before.clone(), packing: Vec::new(), inert: Vec::new() };
    let mut port_given = None;
    for pair in (0..pairs.len()).step_by(2) {
        let given = String::from_utf8_lossy(pairs.at(pair));
        let name = given.to_ascii_lowercase();
        let value = String::from_utf8_lossy(pairs.at(pair + 1));
        if (0..pair).step_by(2).any(|at| pairs.at(at).eq_ignore_ascii_case(name.as_bytes())) {
            return Err(related(&given, "duplicate parameter"));
        }
        changes.read(call, &name, &given, &value)?;
        if name == "port" {
            port_given = Some(given);
        }
    }
    // All of it takes effect, or none: what can fail comes first, and is taken back if more fails.
    let port = changes.settings.port();
    let moved = match port_given {
        Some(given) if port != call.server.port() => {
            let moved = Moved::bind(&changes.settings.bind(), port).map_err(|error| {
                tracing::warn!(port, %error, "cannot listen on another port");
                related(&given, &format!("Unable to listen on this port: {error}"))
            })?;
            Some(moved)
        }
        _ => None,
    };
    if let Err(error) = call.server.apply(&changes.settings) {
        // It held before.
        let _ = call.server.apply(&before);
        return Err(error.into());
    }
    *call.server.settings_mut() = changes.settings;
    for (parameter, value) in changes.packing {
        call.server.packing.set(parameter, value);
    }
    for (parameter, value) in changes.inert {
        call.server.inert.set(parameter, value);
    }
    if let Some(moved) = moved {
        call.server.set_port(moved.port());
        call.server.request(Request::Move(moved));
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
