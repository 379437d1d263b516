//! Redis's parameters that have one meaning here. Clients, dashboards and benchmarks ask for them.

/// A parameter.
#[derive(Debug)]
pub(crate) struct Fixed {
    pub(crate) name: &'static str,
    pub(crate) value: &'static str,
    /// Why it has no other value, where Redis would take one.
    reason: Option<&'static str>,
}

const fn fixed(name: &'static str, value: &'static str) -> Fixed {
    Fixed { name, value, reason: None }
}

const fn because(name: &'static str, value: &'static str, reason: &'static str) -> Fixed {
    Fixed { name, value, reason: Some(reason) }
}

const NO_REPLICAS: &str = "there is no replication, so no write can ask for replicas";
const NO_TLS_PEERS: &str = "there are neither replicas nor a cluster";

pub(crate) static FIXED: &[Fixed] = &[
    because("active-expire-effort", "1", "the share of time that expiry may take is fixed"),
    // In Redis's words, which its suites look for.
    because(
        "activedefrag",
        "no",
        "Active defragmentation cannot be enabled: it requires an allocator that tells where \
         memory is fragmented",
    ),
    fixed("aclfile", ""),
    fixed("always-show-logo", "no"),
    fixed("aof_rewrite_cpulist", ""),
    because(
        "appendonly",
        "no",
        "there is no append-only file; snapshot_cron saves at certain times",
    ),
    fixed("bgsave_cpulist", ""),
    fixed("bio_cpulist", ""),
    fixed("cluster-enabled", "no"),
    fixed("daemonize", "no"),
    fixed("enable-debug-command", "yes"),
    fixed("enable-module-command", "no"),
    fixed("enable-protected-configs", "no"),
    // The threads that serve connections read from them too.
    fixed("io-threads-do-reads", "yes"),
    because("latency-tracking", "yes", "latencies are always kept, they cost nothing to speak of"),
    because(
        "latency-tracking-info-percentiles",
        "50 99 99.9",
        "INFO latencystats has these percentiles and no others",
    ),
    fixed("logfile", ""),
    because(
        "maxmemory-policy",
        "noeviction",
        "keys are never evicted: writes past maxmemory are refused; accepted: noeviction",
    ),
    because("min-replicas-to-write", "0", NO_REPLICAS),
    because("min-slaves-to-write", "0", NO_REPLICAS),
    because("oom-score-adj", "no", "what the system thinks of the process is left alone"),
    fixed("pidfile", ""),
    fixed("rdbchecksum", "yes"),
    because(
        "rdbcompression",
        "no",
        "files in Redis's format are not compressed; compression is for snapshots in pages",
    ),
    fixed("replicaof", ""),
    because("sanitize-dump-payload", "yes", "every payload is checked as it is decoded"),
    because("save", "", "saves are not made by numbers of changes, see snapshot_cron"),
    fixed("server_cpulist", ""),
    fixed("set-proc-title", "no"),
    because("shutdown-on-sigint", "default", "a signal saves if dbfilename is set"),
    because("shutdown-on-sigterm", "default", "a signal saves if dbfilename is set"),
    fixed("slaveof", ""),
    because(
        "stop-writes-on-bgsave-error",
        "no",
        "writes go on after a failed save, which INFO persistence shows",
    ),
    fixed("supervised", "no"),
    fixed("syslog-enabled", "no"),
    // As many as the listening sockets are opened with.
    fixed("tcp-backlog", "4096"),
    because("tls-cluster", "no", NO_TLS_PEERS),
    because("tls-replication", "no", NO_TLS_PEERS),
];

impl Fixed {
    pub(crate) fn find(name: &str) -> Option<&'static Self> {
        FIXED.iter().find(|fixed| fixed.name == name)
    }

    /// Whether `text` is the value that the parameter has.
    ///
    /// # Errors
    ///
    /// Why it cannot be set to that.
    pub(crate) fn check(&self, text: &str) -> Result<(), &'static str> {
        if self.value.eq_ignore_ascii_case(text) {
            return Ok(());
        }
        Err(self.reason.unwrap_or("can't set immutable config"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listener::BACKLOG;

    #[test]
    fn the_backlog_is_the_one_of_the_sockets() {
        let shown = Fixed::find("tcp-backlog").unwrap();
        assert_eq!(shown.value, BACKLOG.to_string());
    }

    #[test]
    fn a_parameter_takes_its_value_and_tells_why_no_other() {
        let policy = Fixed::find("maxmemory-policy").unwrap();
        assert_eq!(policy.check("NoEviction"), Ok(()));
        assert!(policy.check("allkeys-lru").unwrap_err().contains("never evicted"));
        assert_eq!(
            Fixed::find("daemonize").unwrap().check("yes"),
            Err("can't set immutable config")
        );
    }
}
