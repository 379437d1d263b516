//! How a store is set up.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use exuvia_snapshot_format::storage::SnapshotStorage;

use crate::lapse::Observer;
use crate::{Clock, Expired, SystemClock};

/// How pages of a snapshot are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compression {
    /// Pages are stored as they are.
    None,
    /// Pages that shrink by at least a tenth are compressed with zstd at this level.
    Zstd {
        /// zstd's level, 1 (fast) to 22 (small).
        level: i32,
    },
}

/// What a save writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SnapshotFormat {
    /// Pages in parts, and a manifest: `B-summary.dfs` and `B-0000-1a2b3c4d.dfs` ..
    Pages,
    /// One file that Redis, Valkey and Dragonfly load: `B.rdb`.
    #[cfg(feature = "rdb")]
    Rdb,
}

/// How local disk is written and read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IoMode {
    /// `io_uring` if a probe finds that it works here, threads otherwise.
    Auto,
    /// `io_uring`, or the store does not open.
    Uring,
    /// A pool of threads and ordinary system calls.
    Threads,
}

/// What opening a store does with the snapshots it finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadMode {
    /// Loads the newest; if that is damaged, reports it and loads the newest sound one.
    Fallback,
    /// Loads the newest or fails.
    Strict,
    /// Starts empty.
    Off,
}

/// How a [`Store`](crate::Store) is set up.
///
/// Every setting has a default; a store in memory alone needs none of them.
#[derive(Clone, Debug)]
pub struct Options {
    pub(crate) dir: Option<PathBuf>,
    pub(crate) storage: Option<Arc<dyn SnapshotStorage>>,
    pub(crate) dbfilename: String,
    pub(crate) databases: u16,
    pub(crate) shards: u32,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) hash_seed: Option<u64>,
    pub(crate) io: IoMode,
    pub(crate) format: SnapshotFormat,
    #[cfg(feature = "rdb")]
    pub(crate) rdb_version_max: u16,
    pub(crate) compression: Compression,
    pub(crate) parts: u32,
    pub(crate) buffer_bytes: usize,
    pub(crate) max_bytes_per_sec: u64,
    pub(crate) snapshot_memory_limit: u64,
    pub(crate) load: LoadMode,
    pub(crate) load_patience: Duration,
    pub(crate) save_patience: Duration,
    pub(crate) lock_timeout: Duration,
    pub(crate) save_on_close: bool,
    pub(crate) file_mode: u32,
    pub(crate) maintenance: bool,
    pub(crate) collect_memory: Option<fn()>,
    pub(crate) observer: Observer,
    pub(crate) retain: u32,
    #[cfg(feature = "schedule")]
    pub(crate) schedule: crate::schedule::ScheduleOptions,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            dir: None,
            storage: None,
            dbfilename: "dump-{timestamp}".to_owned(),
            databases: 16,
            shards: 256,
            clock: Arc::new(SystemClock),
            hash_seed: None,
            io: IoMode::Auto,
            format: SnapshotFormat::Pages,
            #[cfg(feature = "rdb")]
            rdb_version_max: 12,
            compression: Compression::Zstd { level: 1 },
            parts: std::thread::available_parallelism()
                .map_or(1, |n| n.get().next_power_of_two().min(64) as u32),
            buffer_bytes: 64 << 20,
            max_bytes_per_sec: 0,
            snapshot_memory_limit: 0,
            load: LoadMode::Fallback,
            load_patience: Duration::from_secs(30),
            save_patience: Duration::from_mins(2),
            lock_timeout: Duration::from_secs(30),
            save_on_close: false,
            file_mode: 0o600,
            maintenance: true,
            collect_memory: None,
            observer: Observer::default(),
            retain: 0,
            #[cfg(feature = "schedule")]
            schedule: crate::schedule::ScheduleOptions::default(),
        }
    }
}

macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident: $type:ty),* $(,)?) => {$(
        $(#[$doc])*
        #[must_use]
        pub fn $name(mut self, $name: $type) -> Self {
            self.$name = $name;
            self
        }
    )*};
}

impl Options {
    /// What the background thread calls once it has freed a great deal, and a few times after
    /// that, to give the allocator an opportunity. Default nothing.
    ///
    /// Allocators with a heap for each thread look after one when its thread allocates; this thread
    /// seldom does. With mimalloc it is `mi_collect`.
    #[must_use]
    pub fn collect_memory(mut self, collect: fn()) -> Self {
        self.collect_memory = Some(collect);
        self
    }

    /// What the store calls for everything that it takes out because its time was over, as for
    /// notifications. Default nothing, which costs nothing.
    ///
    /// It is called once for every key that has expired, and once for elements of a collection that
    /// are taken out together. The call comes right behind the removal, on the thread that has
    /// removed it: the maintenance thread, unless somebody has written the key before that came by.
    /// Until then the key is absent already, but nobody is told. Keys that a load leaves out because
    /// they have expired were never there, and those of a database that is cleared as a whole are
    /// not looked at.
    ///
    /// No lock is held and no memory kept from being reclaimed during the call, so it may use the
    /// store. It should be short all the same: the write that found the key waits for it, and so
    /// does all other maintenance.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::{Arc, Mutex};
    ///
    /// use exuvia::{Expiry, ManualClock, Options, Store};
    ///
    /// let clock = Arc::new(ManualClock::new(1_000));
    /// let expired = Arc::new(Mutex::new(Vec::new()));
    /// let list = Arc::clone(&expired);
    /// let options = Options::in_memory()
    ///     .clock(clock.clone())
    ///     .on_expired(move |expired| list.lock().unwrap().push(expired.key.to_vec()));
    /// let store = Store::open(options)?;
    /// store.database(0)?.set(b"session", b"1", Expiry::At(2_000))?;
    /// clock.set(2_000);
    /// store.maintain();
    /// assert_eq!(*expired.lock().unwrap(), [b"session"]);
    /// # Ok::<(), exuvia::Error>(())
    /// ```
    #[must_use]
    pub fn on_expired(mut self, observe: impl Fn(Expired<'_>) + Send + Sync + 'static) -> Self {
        self.observer = Observer::new(observe);
        self
    }

    /// Options of a store that keeps its snapshots in the directory `dir`.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: Some(dir.into()), ..Self::default() }
    }

    /// Options of a store that keeps its snapshots in `storage`.
    pub fn with_storage(storage: Arc<dyn SnapshotStorage>) -> Self {
        Self { storage: Some(storage), ..Self::default() }
    }

    /// Options of a store that lives in memory alone.
    pub fn in_memory() -> Self {
        Self::default()
    }

    /// Names snapshots: a template in which `{timestamp}`, `{Y}`, `{m}` and `{d}` become the
    /// local time of the cut. Default `dump-{timestamp}`.
    #[must_use]
    pub fn dbfilename(mut self, template: impl Into<String>) -> Self {
        self.dbfilename = template.into();
        self
    }

    /// Sets the clock. Default [`SystemClock`].
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Fixes the seed of the key hash, for reproducible tests. Default: random.
    #[must_use]
    pub fn hash_seed(mut self, seed: u64) -> Self {
        self.hash_seed = Some(seed);
        self
    }

    /// Caps the version of Redis's format that a save writes, 9 to 12. It is the lowest that holds
    /// the data, and a save that needs a higher one fails and names the key. Default 12.
    #[cfg(feature = "rdb")]
    #[must_use]
    pub fn rdb_version_max(mut self, version: u16) -> Self {
        self.rdb_version_max = version;
        self
    }

    setters! {
        /// Number of databases, 1 to 65,534. Default 16.
        databases: u16,
        /// Number of shards of each database, a power of two up to 4,096. Default 256.
        shards: u32,
        /// How local disk is written and read. Default [`IoMode::Auto`].
        io: IoMode,
        /// What a save writes. Default [`SnapshotFormat::Pages`]. Snapshots of either format
        /// are loaded.
        format: SnapshotFormat,
        /// How pages are compressed. Default zstd at level 1.
        compression: Compression,
        /// Number of part files of a snapshot, a power of two up to 64. Default: the number of
        /// cores, rounded up to one.
        parts: u32,
        /// Bytes of all buffers of a save or load together. Default 64 MiB.
        buffer_bytes: usize,
        /// Limit of a save's rate in bytes per second; 0 is none. Default 0.
        max_bytes_per_sec: u64,
        /// Bytes of superseded values a running save may hold before it is aborted; 0 is no
        /// limit. Default 0.
        snapshot_memory_limit: u64,
        /// What opening does with snapshots it finds. Default [`LoadMode::Fallback`].
        load: LoadMode,
        /// How long opening tries again, with growing pauses, while the storage cannot be read.
        /// Default 30 s.
        load_patience: Duration,
        /// How long a save that looks for a free name, or reads its manifest back, tries again while
        /// the storage is not available. Default 2 min.
        save_patience: Duration,
        /// How long opening waits for another process to leave the directory. Default 30 s.
        lock_timeout: Duration,
        /// Whether [`Store::close`](crate::Store::close) saves first. Default `false`.
        save_on_close: bool,
        /// Permission bits of new files. Default `0o600`.
        file_mode: u32,
        /// Whether a background thread expires keys, compacts tombstones and frees what large
        /// operations leave behind. Default `true`; without it
        /// [`Store::maintain`](crate::Store::maintain) does that work when it is called.
        maintenance: bool,
        /// How many of the newest complete snapshots to keep when one has been published; older
        /// ones are [removed](crate::Store::prune). 0 keeps all. Default 0.
        retain: u32,
    }
}
