//! Every flag.

use super::check;
use super::kind::{FlagValue, Kind};

/// What a flag is about, for `--help`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Topic {
    Network,
    Data,
    Snapshots,
    Schedule,
    S3,
    Process,
}

impl Topic {
    pub(super) const ALL: [(Self, &'static str); 6] = [
        (Self::Network, "Network and clients"),
        (Self::Data, "Data"),
        (Self::Snapshots, "Snapshots"),
        (Self::Schedule, "Scheduled snapshots"),
        (Self::S3, "S3"),
        (Self::Process, "Process"),
    ];
}

/// The value of a flag that nobody gave.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Default {
    Fixed(&'static str),
    /// The number of cores.
    Cores,
    /// The number of cores, rounded up to a power of two.
    Parts,
}

/// When the value of a flag can change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// At the start only.
    Start,
    /// Through `CONFIG SET` too.
    Anytime,
}

/// Checks a value beyond its kind; what is wrong with it becomes the end of a sentence.
type Check = fn(&FlagValue) -> Result<(), String>;

/// A flag.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flag {
    pub(crate) name: &'static str,
    /// The name Redis gives the same thing, if it is another one.
    pub(crate) redis_name: Option<&'static str>,
    pub(super) topic: Topic,
    pub(crate) kind: Kind,
    default: Default,
    pub(crate) change: Change,
    check: Option<Check>,
    pub(super) summary: &'static str,
}

impl Flag {
    const fn new(
        topic: Topic,
        name: &'static str,
        kind: Kind,
        default: &'static str,
        summary: &'static str,
    ) -> Self {
        Self {
            name,
            redis_name: None,
            topic,
            kind,
            default: Default::Fixed(default),
            change: Change::Start,
            check: None,
            summary,
        }
    }

    const fn mutable(self) -> Self {
        Self { change: Change::Anytime, ..self }
    }

    const fn redis(self, name: &'static str) -> Self {
        Self { redis_name: Some(name), ..self }
    }

    const fn default(self, default: Default) -> Self {
        Self { default, ..self }
    }

    const fn check(self, check: Check) -> Self {
        Self { check: Some(check), ..self }
    }

    /// The default, as an operator would write it.
    pub(crate) fn default_text(&self) -> String {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        match self.default {
            Default::Fixed(text) => text.to_owned(),
            Default::Cores => cores().min(THREADS_MAX).to_string(),
            Default::Parts => cores().next_power_of_two().min(PARTS_MAX).to_string(),
        }
    }

    /// The flag as a row of the table in the README.
    #[cfg(test)]
    pub(super) fn readme_row(&self) -> String {
        let default = match self.default {
            Default::Fixed("") => String::new(),
            Default::Fixed(text) => format!("`{text}`"),
            Default::Cores => "number of cores".to_owned(),
            Default::Parts => "number of cores, rounded up to a power of two".to_owned(),
        };
        let change = match self.change {
            Change::Start => "start",
            Change::Anytime => "anytime",
        };
        format!("| `{}` | {default} | {change} | {} |", self.name, self.summary)
    }

    /// Reads and checks a value.
    ///
    /// # Errors
    ///
    /// What is wrong with it and what is accepted, as a fragment.
    pub(crate) fn parse(&self, text: &str) -> Result<FlagValue, String> {
        let value = self
            .kind
            .parse(text)
            .ok_or_else(|| format!("is not accepted; accepted: {}", self.kind.accepted()))?;
        if let Some(check) = self.check {
            check(&value)?;
        }
        Ok(value)
    }

    /// The default as a value; every default is one of its flag's kind.
    pub(crate) fn default_value(&self) -> Option<FlagValue> {
        self.kind.parse(&self.default_text())
    }
}

/// The flag called `name`, if there is one.
pub(crate) fn find(name: &str) -> Option<&'static Flag> {
    FLAGS.iter().find(|flag| flag.name == name)
}

const THREADS_MAX: usize = 256;
const PARTS_MAX: usize = 64;

/// A flag that takes one of some words.
const fn choice(words: &'static [&'static str]) -> Kind {
    Kind::Choice(words)
}

const fn integer(min: i64, max: i64) -> Kind {
    Kind::Integer { min, max }
}

const BYTES: Kind = Kind::Bytes { max: u64::MAX };

/// Every flag, in the order of `--help`.
pub(crate) static FLAGS: &[Flag] = &[
    Flag::new(
        Topic::Network,
        "port",
        integer(0, 65535),
        "6379",
        "TCP port; 0 takes a free one and logs it",
    )
    .mutable(),
    Flag::new(
        Topic::Network,
        "bind",
        Kind::Text,
        "127.0.0.1",
        "addresses to listen on, separated by commas or blanks; one that is not loopback \
         needs --requirepass or --protected_mode=false",
    )
    .check(check::bind),
    Flag::new(
        Topic::Network,
        "unixsocket",
        Kind::Text,
        "",
        "path of a Unix socket to listen at too; empty for none",
    ),
    Flag::new(
        Topic::Network,
        "unixsocketperm",
        Kind::Mode,
        "0700",
        "permissions of the Unix socket",
    ),
    Flag::new(
        Topic::Network,
        "tls",
        Kind::Bool,
        "false",
        "clients of the port speak TLS; needs --tls_cert_file and --tls_key_file",
    ),
    Flag::new(
        Topic::Network,
        "tls_cert_file",
        Kind::Text,
        "",
        "PEM file with the server's certificate and those between it and its root",
    )
    .redis("tls-cert-file"),
    Flag::new(Topic::Network, "tls_key_file", Kind::Text, "", "PEM file with the server's key")
        .redis("tls-key-file"),
    Flag::new(
        Topic::Network,
        "tls_ca_cert_file",
        Kind::Text,
        "",
        "PEM file with roots; if given, clients must show a certificate that comes from one",
    )
    .redis("tls-ca-cert-file"),
    Flag::new(
        Topic::Network,
        "protected_mode",
        Kind::Bool,
        "true",
        "refuse to listen beyond loopback without a password",
    )
    .redis("protected-mode"),
    Flag::new(
        Topic::Network,
        "requirepass",
        Kind::Text,
        "",
        "password that clients must send with AUTH; empty for none",
    )
    .mutable(),
    Flag::new(
        Topic::Network,
        "maxclients",
        integer(1, 1_000_000),
        "10000",
        "connections at one time",
    )
    .mutable(),
    Flag::new(
        Topic::Network,
        "timeout",
        integer(0, 1 << 31),
        "0",
        "seconds after which an idle client is disconnected; 0 for never",
    )
    .mutable(),
    Flag::new(
        Topic::Network,
        "tcp_keepalive",
        integer(0, 1 << 15),
        "300",
        "seconds of silence after which a client's machine is probed; 0 for never",
    )
    .redis("tcp-keepalive"),
    Flag::new(
        Topic::Network,
        "proto_max_bulk_len",
        Kind::Bytes { max: 1 << 30 },
        "512mb",
        "longest argument that a client may send",
    )
    .redis("proto-max-bulk-len")
    .mutable(),
    Flag::new(
        Topic::Network,
        "client_query_buffer_limit",
        Kind::Bytes { max: 1 << 30 },
        "1gb",
        "bytes of one command that a client may send, all arguments together; at least 1mb",
    )
    .redis("client-query-buffer-limit")
    .check(check::query_bytes)
    .mutable(),
    Flag::new(
        Topic::Network,
        "client_output_buffer_limit",
        Kind::Text,
        "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
        "what may wait for a client that does not read it, for each class: a hard limit, and a \
         soft one that it may be past for some seconds; 0 for none, and pubsub is for MONITOR too",
    )
    .redis("client-output-buffer-limit")
    .check(check::output_bounds)
    .mutable(),
    Flag::new(
        Topic::Network,
        "maxmemory_clients",
        Kind::Text,
        "0",
        "bytes that the buffers of all clients may take, or a share of maxmemory, as 5%; past \
         them those with most are disconnected; 0 for no limit",
    )
    .redis("maxmemory-clients")
    .check(check::clients_memory)
    .mutable(),
    Flag::new(
        Topic::Network,
        "threads",
        integer(1, THREADS_MAX as i64),
        "",
        "threads that serve connections",
    )
    .redis("io-threads")
    .default(Default::Cores),
    Flag::new(
        Topic::Network,
        "admin_port",
        integer(0, 65535),
        "0",
        "port of the HTTP endpoints /metrics and /healthz, on the addresses of --bind and without \
         a password; 0 for none",
    ),
    Flag::new(
        Topic::Network,
        "notify_keyspace_events",
        Kind::Text,
        "",
        "events on keys that are published, in Redis's letters: K, E and classes as AKE; none if \
         empty",
    )
    .redis("notify-keyspace-events")
    .check(check::event_classes)
    .mutable(),
    Flag::new(
        Topic::Network,
        "slowlog_log_slower_than",
        integer(-1, i64::MAX),
        "10000",
        "microseconds from which on a command is kept in the slow log; -1 for no log",
    )
    .redis("slowlog-log-slower-than")
    .mutable(),
    Flag::new(
        Topic::Network,
        "slowlog_max_len",
        integer(0, 1 << 20),
        "128",
        "commands that the slow log keeps",
    )
    .redis("slowlog-max-len")
    .mutable(),
    Flag::new(
        Topic::Network,
        "latency_monitor_threshold",
        integer(0, 1 << 31),
        "0",
        "milliseconds from which on a command is a latency event; 0 for none",
    )
    .redis("latency-monitor-threshold")
    .mutable(),
    Flag::new(
        Topic::Data,
        "maxmemory",
        BYTES,
        "0",
        "bytes of data past which writes are answered with -OOM; 0 for no limit",
    )
    .mutable(),
    Flag::new(Topic::Data, "dbnum", integer(1, 1024), "16", "number of databases")
        .redis("databases"),
    Flag::new(
        Topic::Snapshots,
        "dir",
        Kind::Text,
        "",
        "directory of the snapshots, or s3://bucket/prefix; empty for the current directory",
    )
    .check(check::dir),
    Flag::new(
        Topic::Snapshots,
        "dbfilename",
        Kind::Text,
        "dump-{timestamp}",
        "name of the snapshots, without directory and extension; {timestamp}, {Y}, {m}, {d} \
         become the time of the cut; empty turns loading at start, saving at exit and saves by \
         the schedule off",
    )
    .check(check::dbfilename)
    .mutable(),
    Flag::new(
        Topic::Snapshots,
        "df_snapshot_format",
        Kind::Bool,
        "true",
        "false: write one Redis .rdb file instead of pages",
    ),
    Flag::new(
        Topic::Snapshots,
        "rdb_version",
        integer(9, 12),
        "12",
        "highest version of Redis's format that an .rdb file may have; it gets the lowest that \
         holds the data, and a save that needs a higher one fails and names the key",
    ),
    Flag::new(
        Topic::Snapshots,
        "snapshot_load",
        choice(&["fallback", "strict", "off"]),
        "fallback",
        "at start, when the newest snapshot is damaged: load the next older one, exit, or \
         load nothing at all",
    ),
    Flag::new(
        Topic::Snapshots,
        "compression",
        choice(&["zstd", "none"]),
        "zstd",
        "compress pages that shrink by it",
    )
    .mutable(),
    Flag::new(Topic::Snapshots, "compression_level", integer(1, 22), "1", "level of zstd")
        .mutable(),
    Flag::new(
        Topic::Snapshots,
        "snapshot_parts",
        integer(1, PARTS_MAX as i64),
        "",
        "files of a snapshot, written in parallel; a power of two",
    )
    .default(Default::Parts)
    .check(check::power_of_two),
    Flag::new(
        Topic::Snapshots,
        "snapshot_buffer_bytes",
        Kind::Bytes { max: 1 << 40 },
        "64MiB",
        "all buffers of a save or load together; at least 4MiB",
    )
    .check(check::buffer_bytes),
    Flag::new(
        Topic::Snapshots,
        "snapshot_max_bytes_per_sec",
        BYTES,
        "0",
        "rate limit of a save; 0 for none",
    )
    .mutable(),
    Flag::new(
        Topic::Snapshots,
        "snapshot_memory_limit",
        BYTES,
        "0",
        "bytes of overwritten values that a running save may hold before it is given up; 0 for \
         a quarter of maxmemory, or no limit",
    )
    .mutable(),
    Flag::new(
        Topic::Snapshots,
        "snapshot_file_mode",
        Kind::Mode,
        "0600",
        "permissions of snapshot files",
    ),
    Flag::new(
        Topic::Snapshots,
        "snapshot_retain",
        integer(0, u32::MAX as i64),
        "0",
        "how many of the newest complete snapshots to keep after each save; 0 for all",
    )
    .mutable(),
    Flag::new(
        Topic::Snapshots,
        "allow_foreign_paths",
        Kind::Bool,
        "false",
        "let clients save to and load from places outside of --dir",
    ),
    Flag::new(
        Topic::Snapshots,
        "io",
        choice(&["auto", "uring", "threads"]),
        "auto",
        "how disks are written and read: io_uring, threads, or whichever works here",
    ),
    Flag::new(
        Topic::Schedule,
        "snapshot_cron",
        Kind::Text,
        "",
        "when to save: minute, hour, day of the month, month and day of the week, as in a crontab, \
         or @hourly, @daily and the like; empty for never",
    )
    .check(check::snapshot_cron)
    .mutable(),
    Flag::new(
        Topic::Schedule,
        "snapshot_cron_tz",
        Kind::Text,
        "local",
        "zone of the schedule: local, UTC or an IANA name",
    )
    .check(check::zone)
    .mutable(),
    Flag::new(
        Topic::Schedule,
        "save_schedule",
        Kind::Text,
        "",
        "deprecated, use snapshot_cron: times to save at, HH:MM with * for any number or digit",
    )
    .check(check::save_schedule),
    Flag::new(
        Topic::S3,
        "s3_endpoint",
        Kind::Text,
        "",
        "address of an S3 service that is not AWS: host, host:port, or an URL of those, whose \
         scheme wins over --s3_use_https",
    )
    .check(check::s3_endpoint),
    Flag::new(
        Topic::S3,
        "s3_use_https",
        Kind::Bool,
        "true",
        "speak TLS to the service; where it is not given, a service on this machine that answers \
         TLS with plain HTTP is spoken to in plain HTTP",
    ),
    Flag::new(
        Topic::S3,
        "s3_ec2_metadata",
        Kind::Bool,
        "false",
        "ask the instance metadata service for credentials and region",
    ),
    Flag::new(Topic::S3, "s3_sign_payload", Kind::Bool, "true", "sign what is uploaded"),
    Flag::new(
        Topic::S3,
        "s3_addressing",
        choice(&["auto", "path", "virtual"]),
        "auto",
        "where the bucket's name goes: into the path, or into the host's name; auto is the host's \
         name on amazonaws.com and the path elsewhere",
    ),
    Flag::new(
        Topic::S3,
        "s3_checksum",
        choice(&["auto", "none", "crc32c"]),
        "auto",
        "checksum sent with uploads; auto sends one when the service demands it",
    ),
    Flag::new(
        Topic::S3,
        "s3_part_size",
        BYTES,
        "8MiB",
        "size of the parts of an upload, 5MiB to 5GiB; they are longer where an object would need \
         too many, and shorter where snapshot_buffer_bytes has no room for them",
    )
    .check(check::s3_part_size),
    Flag::new(
        Topic::Process,
        "shutdown_timeout",
        integer(0, 1 << 31),
        "0",
        "seconds after which the save at exit is given up, with exit code 1; 0 for none",
    )
    .mutable(),
    Flag::new(
        Topic::Process,
        "hz",
        integer(1, 500),
        "50",
        "times a second that memory and clients are compared with their limits and pauses with \
         the clock",
    )
    .mutable(),
    Flag::new(
        Topic::Process,
        "logtostderr",
        Kind::Bool,
        "true",
        "accepted; logs always go to standard error",
    ),
    Flag::new(
        Topic::Process,
        "v",
        integer(0, 4),
        "0",
        "verbosity: 1 for debug, 2 and up for trace",
    ),
];
