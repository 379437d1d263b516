//! The values in force.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use exuvia::schedule::Schedule;
use exuvia::{Compression, Error, IoMode, LoadMode, Options, SnapshotFormat};
use exuvia_storage_s3::{Addressing, ChecksumMode, S3Location, S3Options};

use super::check::ClientsMemory;
use super::kind::FlagValue;
use super::table::{Change, FLAGS};
use super::{check, find};
use crate::client::Bounds;
use crate::events::Classes;
use crate::place::Place;

/// Memory that an upload needs besides its parts.
const UPLOAD_BUFFER_BYTES: u64 = 1 << 20;

/// A value for every flag.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    values: Vec<FlagValue>,
    /// Names of the flags that somebody set, to their default or not.
    given: BTreeSet<&'static str>,
}

impl Default for Settings {
    fn default() -> Self {
        let default =
            |flag: &super::Flag| flag.default_value().expect("defaults are of their kind");
        Self { values: FLAGS.iter().map(default).collect(), given: BTreeSet::new() }
    }
}

impl Settings {
    /// The value of the flag `name`.
    pub(crate) fn get(&self, name: &str) -> &FlagValue {
        let index = FLAGS.iter().position(|flag| flag.name == name);
        &self.values[index.expect("the code names only flags of the table")]
    }

    /// Replaces the value of the flag `name`.
    pub(crate) fn put(&mut self, name: &str, value: FlagValue) {
        let index = FLAGS.iter().position(|flag| flag.name == name);
        let index = index.expect("the code names only flags of the table");
        self.values[index] = value;
        self.given.insert(FLAGS[index].name);
    }

    /// Changes the flag `name` at run time.
    ///
    /// # Errors
    ///
    /// Why not, as the end of a sentence.
    pub(crate) fn set(&mut self, name: &str, text: &str) -> Result<(), String> {
        let flag = find(name).ok_or("is no flag")?;
        match flag.change {
            Change::Anytime => {}
            Change::Start => return Err("is immutable".to_owned()),
        }
        let mut value = flag.parse(text).map_err(|reason| format!("value '{text}' {reason}"))?;
        if name == "client_output_buffer_limit" {
            // Classes that are not named keep their limits.
            let bounds = self.output_bounds().changed(text).unwrap_or_default();
            value = FlagValue::Text(bounds.to_string());
        }
        let mut changed = self.clone();
        changed.put(name, value);
        changed.check_together()?;
        *self = changed;
        Ok(())
    }

    /// Checks the flags that depend on each other.
    ///
    /// # Errors
    ///
    /// What contradicts what, and how to mend it, in one line.
    pub(crate) fn check_together(&self) -> Result<(), String> {
        if !self.text("snapshot_cron").is_empty() && self.has_save_schedule() {
            return Err("flag --save_schedule cannot be combined with --snapshot_cron; leave out \
                        --save_schedule, which is deprecated"
                .to_owned());
        }
        if self.port() != 0 && self.port() == self.admin_port() {
            return Err(format!(
                "flag --admin_port: {} is the port of the clients, see --port; choose another",
                self.port()
            ));
        }
        if self.text("dbfilename").ends_with(check::RDB_EXTENSION)
            && self.bool("df_snapshot_format")
        {
            return Err(
                "flag --dbfilename: snapshots in pages have no extension; leave .rdb out, \
                        or pass --nodf_snapshot_format for one file in Redis's format"
                    .to_owned(),
            );
        }
        let needed = self.bytes("s3_part_size") + UPLOAD_BUFFER_BYTES;
        if crate::place::is_s3(self.text("dir")) && self.buffer_bytes() < needed {
            return Err(format!(
                "flag --snapshot_buffer_bytes: {} is too little for parts of {} bytes, see \
                 --s3_part_size; accepted: {needed} or more",
                self.buffer_bytes(),
                self.bytes("s3_part_size")
            ));
        }
        self.check_tls()?;
        let exposed = self.bind().into_iter().find(|address| !address.is_loopback());
        match exposed {
            Some(address) if self.protected_mode() && self.requirepass().is_empty() => {
                Err(format!(
                    "flag --bind: {address} can be reached from other machines and no password is \
                 set; give one with --requirepass, or pass --protected_mode=false"
                ))
            }
            _ => Ok(()),
        }
    }

    /// Checks that a certificate comes with a key, and both with TLS.
    fn check_tls(&self) -> Result<(), String> {
        for file in ["tls_cert_file", "tls_key_file"] {
            if self.tls() && self.text(file).is_empty() {
                return Err(format!("flag --tls: needs --{file}"));
            }
        }
        for file in ["tls_cert_file", "tls_key_file", "tls_ca_cert_file"] {
            if !self.tls() && !self.text(file).is_empty() {
                return Err(format!("flag --{file}: has no effect without --tls; add --tls"));
            }
        }
        Ok(())
    }

    fn text(&self, name: &str) -> &str {
        let FlagValue::Text(text) = self.get(name) else { unreachable!("{name} is text") };
        text
    }

    fn integer(&self, name: &str) -> i64 {
        let FlagValue::Integer(number) = self.get(name) else { unreachable!("{name} is a number") };
        *number
    }

    fn bytes(&self, name: &str) -> u64 {
        let FlagValue::Bytes(bytes) = self.get(name) else { unreachable!("{name} is a size") };
        *bytes
    }

    fn bool(&self, name: &str) -> bool {
        let FlagValue::Bool(value) = self.get(name) else {
            unreachable!("{name} is a truth value")
        };
        *value
    }

    fn seconds(&self, name: &str) -> Option<Duration> {
        let seconds = self.integer(name) as u64;
        (seconds > 0).then(|| Duration::from_secs(seconds))
    }

    pub(crate) fn bind(&self) -> Vec<IpAddr> {
        check::addresses(self.text("bind")).unwrap_or_default()
    }

    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.bind().into_iter().map(|address| SocketAddr::new(address, self.port())).collect()
    }

    /// How many times a second the server looks after itself.
    pub(crate) fn hz(&self) -> u64 {
        self.integer("hz") as u64
    }

    pub(crate) fn port(&self) -> u16 {
        self.integer("port") as u16
    }

    /// The port of the HTTP endpoints; 0 for none.
    pub(crate) fn admin_port(&self) -> u16 {
        self.integer("admin_port") as u16
    }

    /// The addresses of the HTTP endpoints, if they are wanted.
    pub(crate) fn admin_addresses(&self) -> Vec<SocketAddr> {
        match self.admin_port() {
            0 => Vec::new(),
            port => self.bind().into_iter().map(|ip| SocketAddr::new(ip, port)).collect(),
        }
    }

    pub(crate) fn protected_mode(&self) -> bool {
        self.bool("protected_mode")
    }

    /// Where a Unix socket is wanted, if one is.
    pub(crate) fn unix_socket(&self) -> Option<PathBuf> {
        self.path("unixsocket")
    }

    pub(crate) fn unix_socket_mode(&self) -> u32 {
        let FlagValue::Mode(mode) = self.get("unixsocketperm") else {
            unreachable!("unixsocketperm is a mode")
        };
        *mode
    }

    /// Whether clients of the port speak TLS.
    pub(crate) fn tls(&self) -> bool {
        self.bool("tls")
    }

    pub(crate) fn tls_cert_file(&self) -> PathBuf {
        self.path("tls_cert_file").unwrap_or_default()
    }

    pub(crate) fn tls_key_file(&self) -> PathBuf {
        self.path("tls_key_file").unwrap_or_default()
    }

    /// Certificates that those of clients must come from, if clients must have one.
    pub(crate) fn tls_ca_cert_file(&self) -> Option<PathBuf> {
        self.path("tls_ca_cert_file")
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        let text = self.text(name);
        (!text.is_empty()).then(|| PathBuf::from(text))
    }

    pub(crate) fn requirepass(&self) -> &str {
        self.text("requirepass")
    }

    /// The events that are published.
    pub(crate) fn events(&self) -> Classes {
        // Checked as a flag.
        Classes::parse(self.text("notify_keyspace_events")).unwrap_or_default()
    }

    pub(crate) fn maxclients(&self) -> usize {
        self.integer("maxclients") as usize
    }

    pub(crate) fn idle_timeout(&self) -> Option<Duration> {
        self.seconds("timeout")
    }

    pub(crate) fn tcp_keepalive(&self) -> Option<Duration> {
        self.seconds("tcp_keepalive")
    }

    /// What may wait for clients.
    pub(crate) fn output_bounds(&self) -> Bounds {
        let flag = find("client_output_buffer_limit");
        let default = flag.map(super::Flag::default_text).unwrap_or_default();
        // Both were checked as flags.
        let bounds = Bounds::default().changed(&default).unwrap_or_default();
        bounds.changed(self.text("client_output_buffer_limit")).unwrap_or(bounds)
    }

    /// Bytes of one command's arguments together.
    pub(crate) fn query_bytes_max(&self) -> usize {
        self.bytes("client_query_buffer_limit") as usize
    }

    /// Memory that all clients may take together; none if there is no limit.
    pub(crate) fn clients_bytes_max(&self) -> Option<u64> {
        let bytes = match ClientsMemory::parse(self.text("maxmemory_clients")) {
            Ok(ClientsMemory::Bytes(bytes)) => bytes,
            Ok(ClientsMemory::Percent(percent)) => {
                (u128::from(self.maxmemory()) * u128::from(percent) / 100) as u64
            }
            // Checked as a flag.
            Err(_) => 0,
        };
        (bytes > 0).then_some(bytes)
    }

    pub(crate) fn bulk_bytes_max(&self) -> usize {
        self.bytes("proto_max_bulk_len") as usize
    }

    /// How long a command may take before the slow log has it; none if there is no log.
    pub(crate) fn slowlog_threshold(&self) -> Option<Duration> {
        u64::try_from(self.integer("slowlog_log_slower_than")).ok().map(Duration::from_micros)
    }

    pub(crate) fn slowlog_len(&self) -> usize {
        self.integer("slowlog_max_len") as usize
    }

    /// How long a command may take before it is a latency event; none if events are not watched.
    pub(crate) fn latency_threshold(&self) -> Option<Duration> {
        let ms = self.integer("latency_monitor_threshold") as u64;
        (ms > 0).then(|| Duration::from_millis(ms))
    }

    pub(crate) fn threads(&self) -> usize {
        self.integer("threads") as usize
    }

    pub(crate) fn maxmemory(&self) -> u64 {
        self.bytes("maxmemory")
    }

    pub(crate) fn shutdown_timeout(&self) -> Option<Duration> {
        self.seconds("shutdown_timeout")
    }

    pub(crate) fn allow_foreign_paths(&self) -> bool {
        self.bool("allow_foreign_paths")
    }

    pub(crate) fn verbosity(&self) -> i64 {
        self.integer("v")
    }

    /// The template of names, without an extension.
    pub(crate) fn dbfilename(&self) -> &str {
        let text = self.text("dbfilename");
        text.strip_suffix(check::RDB_EXTENSION).unwrap_or(text)
    }

    fn format(&self) -> SnapshotFormat {
        if self.bool("df_snapshot_format") { SnapshotFormat::Pages } else { SnapshotFormat::Rdb }
    }

    /// Where the snapshots are.
    ///
    /// # Errors
    ///
    /// If the current directory is gone.
    pub(crate) fn place(&self) -> Result<Place, String> {
        Place::parse(self.text("dir"))
    }

    /// How the service of a place in S3 is reached and used.
    pub(crate) fn s3_options(&self, location: S3Location) -> S3Options {
        let options = S3Options::at(location)
            .ec2_metadata(self.bool("s3_ec2_metadata"))
            .sign_payload(self.bool("s3_sign_payload"))
            .addressing(match self.text("s3_addressing") {
                "path" => Addressing::Path,
                "virtual" => Addressing::Virtual,
                _ => Addressing::Auto,
            })
            .checksum(match self.text("s3_checksum") {
                "none" => ChecksumMode::None,
                "crc32c" => ChecksumMode::Crc32c,
                _ => ChecksumMode::Auto,
            })
            .part_bytes(self.bytes("s3_part_size"))
            .expect("the flag's check has the same limits");
        let options = match self.text("s3_endpoint") {
            "" => options,
            endpoint => options.endpoint(endpoint).expect("the flag's check has the same rules"),
        };
        // What nobody said is found out, on this machine.
        if self.given.contains("s3_use_https") {
            options.use_https(self.bool("s3_use_https"))
        } else {
            options
        }
    }

    pub(crate) fn io(&self) -> IoMode {
        match self.text("io") {
            "uring" => IoMode::Uring,
            "threads" => IoMode::Threads,
            _ => IoMode::Auto,
        }
    }

    pub(crate) fn file_mode(&self) -> u32 {
        let FlagValue::Mode(mode) = self.get("snapshot_file_mode") else {
            unreachable!("snapshot_file_mode is a mode")
        };
        *mode
    }

    pub(crate) fn compression(&self) -> Compression {
        match self.text("compression") {
            "none" => Compression::None,
            _ => Compression::Zstd { level: self.integer("compression_level") as i32 },
        }
    }

    pub(crate) fn max_bytes_per_sec(&self) -> u64 {
        self.bytes("snapshot_max_bytes_per_sec")
    }

    /// The cap on superseded bytes: the flag, or else a quarter of `maxmemory`.
    pub(crate) fn snapshot_memory_limit(&self) -> u64 {
        match self.bytes("snapshot_memory_limit") {
            0 => self.maxmemory() / 4,
            limit => limit,
        }
    }

    pub(crate) fn buffer_bytes(&self) -> u64 {
        self.bytes("snapshot_buffer_bytes")
    }

    pub(crate) fn retain(&self) -> u32 {
        self.integer("snapshot_retain") as u32
    }

    /// Whether the deprecated form of a schedule is used.
    pub(crate) fn has_save_schedule(&self) -> bool {
        !self.text("save_schedule").is_empty()
    }

    /// When to save; never without a name for the snapshots.
    ///
    /// # Errors
    ///
    /// None for values that passed their flags' checks.
    pub(crate) fn schedule(&self) -> Result<Option<Schedule>, Error> {
        let schedule = match (self.text("snapshot_cron"), self.text("save_schedule")) {
            _ if self.dbfilename().is_empty() => return Ok(None),
            ("", "") => return Ok(None),
            ("", times) => Schedule::save_schedule(times)?,
            (expression, _) => Schedule::cron(expression)?,
        };
        Ok(Some(schedule.in_zone(self.text("snapshot_cron_tz").parse()?)))
    }

    /// The engine's options for a store that keeps its snapshots in `place`. The
    /// [schedule](Self::schedule) is set once the store is open.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`] if a storage in S3 does not start.
    pub(crate) fn options(&self, place: &Place) -> Result<Options, Error> {
        let load = match self.text("snapshot_load") {
            _ if self.dbfilename().is_empty() => LoadMode::Off,
            "strict" => LoadMode::Strict,
            "off" => LoadMode::Off,
            _ => LoadMode::Fallback,
        };
        let options = match place {
            Place::Local(dir) => Options::new(dir),
            Place::S3(_) => Options::with_storage(place.open(self)?),
        };
        let options = options
            .databases(self.integer("dbnum") as u16)
            .io(self.io())
            .format(self.format())
            .rdb_version_max(self.integer("rdb_version") as u16)
            .compression(self.compression())
            .parts(self.integer("snapshot_parts") as u32)
            .buffer_bytes(self.buffer_bytes() as usize)
            .max_bytes_per_sec(self.max_bytes_per_sec())
            .snapshot_memory_limit(self.snapshot_memory_limit())
            .load(load)
            .retain(self.retain())
            .file_mode(self.file_mode());
        Ok(match self.dbfilename() {
            "" => options,
            name => options.dbfilename(name),
        })
    }
}
