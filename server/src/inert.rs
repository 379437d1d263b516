//! Redis's parameters of what this server does not have.
//!
//! They change nothing, as in a Redis that does not use what they are about: there are no replicas,
//! no append-only file, no cluster, no scripts, no eviction. They keep what they are given, for
//! tools that set some of them on every server. A parameter whose other values would promise
//! something is not among them: see [`fixed`](crate::fixed).

use std::sync::{Mutex, PoisonError};

use crate::flags::{FlagValue, Kind};

/// A parameter.
struct Description {
    /// Its names, the one that is preferred first.
    names: &'static [&'static str],
    kind: Kind,
    default: &'static str,
}

const fn described(
    names: &'static [&'static str],
    kind: Kind,
    default: &'static str,
) -> Description {
    Description { names, kind, default }
}

const COUNT: Kind = Kind::Integer { min: 0, max: i32::MAX as i64 };
const POSITIVE: Kind = Kind::Integer { min: 1, max: i32::MAX as i64 };
const PERCENT: Kind = Kind::Integer { min: 1, max: 99 };
const PORT: Kind = Kind::Integer { min: 0, max: 65535 };
const BYTES: Kind = Kind::Bytes { max: u64::MAX };
const BOOL: Kind = Kind::Bool;
const TEXT: Kind = Kind::Text;

/// All of them, by what they are about.
const DESCRIPTIONS: &[Description] = &[
    // Replicas.
    described(&["repl-backlog-size"], BYTES, "1mb"),
    described(&["repl-backlog-ttl"], COUNT, "3600"),
    described(&["repl-timeout"], POSITIVE, "60"),
    described(&["repl-ping-replica-period", "repl-ping-slave-period"], POSITIVE, "10"),
    described(&["repl-diskless-sync"], BOOL, "yes"),
    described(&["repl-diskless-sync-delay"], COUNT, "5"),
    described(&["repl-diskless-sync-max-replicas"], COUNT, "0"),
    described(
        &["repl-diskless-load"],
        Kind::Choice(&["disabled", "on-empty-db", "swapdb"]),
        "disabled",
    ),
    described(&["repl-disable-tcp-nodelay"], BOOL, "no"),
    described(&["replica-serve-stale-data", "slave-serve-stale-data"], BOOL, "yes"),
    described(&["replica-read-only", "slave-read-only"], BOOL, "yes"),
    described(&["replica-ignore-maxmemory", "slave-ignore-maxmemory"], BOOL, "yes"),
    described(&["replica-lazy-flush", "slave-lazy-flush"], BOOL, "no"),
    described(&["replica-priority", "slave-priority"], COUNT, "100"),
    described(&["replica-announced"], BOOL, "yes"),
    described(&["replica-announce-ip", "slave-announce-ip"], TEXT, ""),
    described(&["replica-announce-port", "slave-announce-port"], PORT, "0"),
    described(&["replica-ignore-disk-write-errors"], BOOL, "no"),
    described(&["min-replicas-max-lag", "min-slaves-max-lag"], COUNT, "10"),
    described(&["rdb-del-sync-files"], BOOL, "no"),
    described(&["masteruser"], TEXT, ""),
    described(&["masterauth"], TEXT, ""),
    // The append-only file.
    described(&["appendfsync"], Kind::Choice(&["everysec", "always", "no"]), "everysec"),
    described(&["no-appendfsync-on-rewrite"], BOOL, "no"),
    described(&["auto-aof-rewrite-percentage"], COUNT, "100"),
    described(&["auto-aof-rewrite-min-size"], BYTES, "64mb"),
    described(&["aof-load-truncated"], BOOL, "yes"),
    described(&["aof-use-rdb-preamble"], BOOL, "yes"),
    described(&["aof-timestamp-enabled"], BOOL, "no"),
    described(&["aof-rewrite-incremental-fsync"], BOOL, "yes"),
    described(&["aof-disable-auto-gc"], BOOL, "no"),
    // The cluster.
    described(&["cluster-node-timeout"], COUNT, "15000"),
    described(&["cluster-migration-barrier"], COUNT, "1"),
    described(&["cluster-require-full-coverage"], BOOL, "yes"),
    described(&["cluster-allow-reads-when-down"], BOOL, "no"),
    described(&["cluster-allow-pubsubshard-when-down"], BOOL, "yes"),
    described(&["cluster-allow-replica-migration"], BOOL, "yes"),
    described(&["cluster-replica-no-failover", "cluster-slave-no-failover"], BOOL, "no"),
    described(&["cluster-replica-validity-factor", "cluster-slave-validity-factor"], COUNT, "10"),
    // Scripts.
    described(&["busy-reply-threshold", "lua-time-limit"], COUNT, "5000"),
    // Eviction: no key is ever evicted, so nothing is chosen.
    described(&["maxmemory-samples"], POSITIVE, "5"),
    described(&["maxmemory-eviction-tenacity"], Kind::Integer { min: 0, max: 100 }, "10"),
    described(&["lfu-log-factor"], COUNT, "10"),
    described(&["lfu-decay-time"], COUNT, "1"),
    // Values are freed by a thread of their own, whoever removes them.
    described(&["lazyfree-lazy-eviction"], BOOL, "yes"),
    described(&["lazyfree-lazy-expire"], BOOL, "yes"),
    described(&["lazyfree-lazy-server-del"], BOOL, "yes"),
    described(&["lazyfree-lazy-user-del"], BOOL, "yes"),
    described(&["lazyfree-lazy-user-flush"], BOOL, "yes"),
    // Jemalloc. Defragmentation cannot be turned on, and this is how it would go about it.
    described(&["jemalloc-bg-thread"], BOOL, "yes"),
    described(&["active-defrag-cycle-min"], PERCENT, "1"),
    described(&["active-defrag-cycle-max"], PERCENT, "25"),
    described(&["active-defrag-threshold-lower"], COUNT, "10"),
    described(&["active-defrag-threshold-upper"], COUNT, "100"),
    described(&["active-defrag-ignore-bytes"], BYTES, "100mb"),
    described(&["active-defrag-max-scan-fields"], POSITIVE, "1000"),
    // Tables grow as they are written to, and are not rehashed: there is nothing to do in between.
    described(&["activerehashing"], BOOL, "yes"),
    // Every look at the clients is at all of them, so it need not be taken oftener if there are
    // many.
    described(&["dynamic-hz"], BOOL, "yes"),
    // No table of what clients have cached, no log of what they may not do, no HyperLogLogs.
    described(&["tracking-table-max-keys"], COUNT, "1000000"),
    described(&["acllog-max-len"], COUNT, "128"),
    described(&["hll-sparse-max-bytes"], COUNT, "3000"),
];

/// A parameter's number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parameter(usize);

/// The values.
#[derive(Debug)]
pub(crate) struct Inert(Mutex<Vec<FlagValue>>);

impl Default for Inert {
    fn default() -> Self {
        let values = DESCRIPTIONS.iter().map(|known| {
            let value = known.kind.parse(known.default);
            value.expect("every default in the table is of its kind")
        });
        Self(Mutex::new(values.collect()))
    }
}

impl Inert {
    /// The parameter that the configuration calls `name`.
    pub(crate) fn find(name: &str) -> Option<Parameter> {
        DESCRIPTIONS.iter().position(|known| known.names.contains(&name)).map(Parameter)
    }

    /// Reads a value for `parameter`.
    ///
    /// # Errors
    ///
    /// What is accepted, as the end of a sentence.
    pub(crate) fn parse(parameter: Parameter, text: &str) -> Result<FlagValue, String> {
        let kind = DESCRIPTIONS[parameter.0].kind;
        kind.parse(text)
            .ok_or_else(|| format!("value '{text}' is not accepted; accepted: {}", kind.accepted()))
    }

    pub(crate) fn set(&self, parameter: Parameter, value: FlagValue) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)[parameter.0] = value;
    }

    /// Every name with its value.
    pub(crate) fn all(&self) -> Vec<(&'static str, FlagValue)> {
        let values = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let described = DESCRIPTIONS.iter().zip(values.iter());
        described
            .flat_map(|(known, value)| known.names.iter().map(|name| (*name, value.clone())))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_keeps_what_it_is_given_under_all_of_its_names() {
        let inert = Inert::default();
        let parameter = Inert::find("slave-read-only").unwrap();
        assert!(Inert::parse(parameter, "maybe").is_err());
        inert.set(parameter, Inert::parse(parameter, "no").unwrap());
        let all = inert.all();
        assert!(all.contains(&("replica-read-only", FlagValue::Bool(false))), "{all:?}");
        assert!(all.contains(&("slave-read-only", FlagValue::Bool(false))), "{all:?}");
        assert!(all.contains(&("repl-backlog-size", FlagValue::Bytes(1 << 20))), "{all:?}");
    }
}
