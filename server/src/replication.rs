//! Redis's parameters of replication.
//!
//! There are no replicas, so they change nothing: as in a Redis that has none. They keep what they
//! are given, for tools that set some of them on every server.

use std::sync::{Mutex, PoisonError};

use crate::flags::{FlagValue, Kind};

const SECONDS: Kind = Kind::Integer { min: 0, max: i32::MAX as i64 };

/// Each parameter: its names, what it may be, and its default.
const PARAMETERS: [(&[&str], Kind, &str); 9] = [
    (&["repl-backlog-size"], Kind::Bytes { max: u64::MAX }, "1mb"),
    (&["repl-backlog-ttl"], SECONDS, "3600"),
    (&["repl-timeout"], Kind::Integer { min: 1, max: i32::MAX as i64 }, "60"),
    (
        &["repl-ping-replica-period", "repl-ping-slave-period"],
        Kind::Integer { min: 1, max: i32::MAX as i64 },
        "10",
    ),
    (&["repl-diskless-sync"], Kind::Bool, "yes"),
    (&["repl-diskless-sync-delay"], SECONDS, "5"),
    (&["repl-disable-tcp-nodelay"], Kind::Bool, "no"),
    (&["replica-serve-stale-data", "slave-serve-stale-data"], Kind::Bool, "yes"),
    (&["replica-read-only", "slave-read-only"], Kind::Bool, "yes"),
];

/// A parameter's number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parameter(usize);

/// The values.
#[derive(Debug)]
pub(crate) struct Replication(Mutex<[FlagValue; PARAMETERS.len()]>);

impl Default for Replication {
    fn default() -> Self {
        let default = |(_, kind, text): (_, Kind, &str)| kind.parse(text);
        let values = PARAMETERS.map(|parameter| {
            default(parameter).expect("every default in the table is of its kind")
        });
        Self(Mutex::new(values))
    }
}

impl Replication {
    /// The parameter that the configuration calls `name`.
    pub(crate) fn find(name: &str) -> Option<Parameter> {
        PARAMETERS.iter().position(|(names, ..)| names.contains(&name)).map(Parameter)
    }

    /// Reads a value for `parameter`.
    ///
    /// # Errors
    ///
    /// What is accepted, as the end of a sentence.
    pub(crate) fn parse(parameter: Parameter, text: &str) -> Result<FlagValue, String> {
        let kind = PARAMETERS[parameter.0].1;
        kind.parse(text)
            .ok_or_else(|| format!("value '{text}' is not accepted; accepted: {}", kind.accepted()))
    }

    pub(crate) fn set(&self, parameter: Parameter, value: FlagValue) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)[parameter.0] = value;
    }

    /// Every name with its value.
    pub(crate) fn all(&self) -> Vec<(&'static str, FlagValue)> {
        let values = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let described = PARAMETERS.iter().zip(values.iter());
        described
            .flat_map(|((names, ..), value)| names.iter().map(|name| (*name, value.clone())))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_keeps_what_it_is_given_under_all_of_its_names() {
        let replication = Replication::default();
        let parameter = Replication::find("slave-read-only").unwrap();
        assert!(Replication::parse(parameter, "maybe").is_err());
        replication.set(parameter, Replication::parse(parameter, "no").unwrap());
        let all = replication.all();
        assert!(all.contains(&("replica-read-only", FlagValue::Bool(false))), "{all:?}");
        assert!(all.contains(&("slave-read-only", FlagValue::Bool(false))), "{all:?}");
        assert!(all.contains(&("repl-backlog-size", FlagValue::Bytes(1 << 20))), "{all:?}");
    }
}
