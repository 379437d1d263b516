//! The handle that embedders hold.

use std::sync::Arc;
use std::thread;

use super::Inner;
use crate::disk::DirectoryLock;
use crate::format::storage::SnapshotStorage;
use crate::snapshot::{self, Archive};
use crate::stats::DatabaseStats;
use crate::{
    Compression, Database, Error, Expiry, LoadReport, Options, Progress, PruneReport, Save,
    SaveOptions, SaveStatus, Snapshot, Stats, Transaction, Value,
};

/// A store: several databases, their snapshots, and the place those are kept.
///
/// Cheap to clone; every method works from any thread, inside and outside of any async runtime.
/// Methods that block say so. Dropping the last handle saves nothing and waits for nothing;
/// [`close`](Self::close) does what the options say.
///
/// # Examples
///
/// ```
/// use exuvia::{Expiry, Store};
///
/// let store = Store::in_memory();
/// store.set(b"colour", b"red", Expiry::Never)?;
/// let cut = store.snapshot()?;
/// store.set(b"colour", b"blue", Expiry::Never)?;
///
/// assert_eq!(store.get(b"colour").as_deref(), Some(&b"blue"[..]));
/// assert_eq!(cut.get(0, b"colour").as_deref(), Some(&b"red"[..]));
/// # Ok::<(), exuvia::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Store {
    inner: Arc<Inner>,
    /// Database 0, which the short forms work on.
    main: Database,
}

/// Keeps cuts from being taken until it is dropped; see [`Store::hold_cuts`].
#[derive(Debug)]
#[must_use = "cuts are held back for as long as it lives"]
pub struct CutHold(Arc<Inner>);

impl Drop for CutHold {
    fn drop(&mut self) {
        self.0.release_cuts();
    }
}

/// Leaves what has expired in the tables until it is dropped; see [`Store::hold_expiry`].
#[derive(Debug)]
#[must_use = "expiry is held back for as long as it lives"]
pub struct ExpiryHold(Arc<Inner>);

impl Drop for ExpiryHold {
    fn drop(&mut self) {
        self.0.release_expiry();
    }
}

impl Store {
    /// Opens a store and loads the newest snapshot from the place where it keeps them.
    ///
    /// Blocks until everything is loaded. A directory that does not exist is created.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidOption`]; [`Error::Locked`] if another process has the directory;
    /// [`Error::Storage`] if it cannot be read; [`Error::Corrupt`] if no snapshot in it is sound,
    /// or the newest is not and the options are strict; [`Error::TooFewDatabases`].
    #[expect(clippy::needless_pass_by_value, reason = "options are made for the call")]
    pub fn open(options: Options) -> Result<Self, Error> {
        let store = Self::unloaded(&options)?;
        snapshot::load_at_open(&store.inner)?;
        Ok(store)
    }

    /// Opens a store and loads the newest snapshot on a thread of its own.
    ///
    /// Returns as soon as the directory is locked, with an empty store that
    /// [is loading](Self::is_loading); what is written to it before the thread has ended is lost.
    /// If loading fails the store stays empty and refuses to save.
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open); what concerns loading comes from the thread.
    #[expect(clippy::needless_pass_by_value, reason = "options are made for the call")]
    pub fn open_in_background(
        options: Options,
    ) -> Result<(Self, thread::JoinHandle<Result<LoadReport, Error>>), Error> {
        let store = Self::unloaded(&options)?;
        let inner = Arc::clone(&store.inner);
        let loading = thread::Builder::new()
            .name("exuvia-load".to_owned())
            .spawn(move || snapshot::load_at_open(&inner))
            .map_err(|error| {
                crate::format::storage::StorageError::from_io("start", "the load's thread", error)
            })?;
        Ok((store, loading))
    }

    /// Makes a store that lives in memory alone.
    ///
    /// # Panics
    ///
    /// If the system gives neither randomness nor a thread.
    pub fn in_memory() -> Self {
        Self::open(Options::in_memory()).expect("a store in memory needs only the system's basics")
    }

    fn unloaded(options: &Options) -> Result<Self, Error> {
        let mut lock = None;
        let storage: Option<Arc<dyn SnapshotStorage>> = match (&options.storage, &options.dir) {
            (Some(storage), _) => Some(Arc::clone(storage)),
            (None, Some(dir)) => {
                let disk = snapshot::open_disk(dir, options)?;
                let timeout = options.lock_timeout;
                lock = Some(DirectoryLock::acquire(dir, &options.dbfilename, timeout)?);
                Some(Arc::new(disk))
            }
            (None, None) => None,
        };
        let archive = Archive::new(options, storage, lock.is_some())?;
        let inner = Inner::new(options, archive, lock)?;
        #[cfg(feature = "schedule")]
        inner.set_schedule(options.schedule.schedule())?;
        let main = Database::new(Arc::clone(&inner), 0);
        Ok(Self { inner, main })
    }

    #[cfg(feature = "schedule")]
    pub(crate) fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }

    /// The storage that the store keeps its snapshots in.
    ///
    /// # Errors
    ///
    /// [`Error::NoStorage`] if it lives in memory alone.
    pub fn storage(&self) -> Result<Arc<dyn SnapshotStorage>, Error> {
        self.inner.archive().storage().cloned()
    }

    /// Whether the load at [open](Self::open_in_background) has not ended yet.
    pub fn is_loading(&self) -> bool {
        self.inner.archive().is_loading()
    }

    /// How far the running load is, if there is one.
    pub fn load_progress(&self) -> Option<Progress> {
        self.inner.archive().load_progress()
    }

    /// What the last load did.
    pub fn load_report(&self) -> Option<LoadReport> {
        self.inner.archive().load_report()
    }

    /// Returns a handle to database `index`.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchDatabase`].
    pub fn database(&self, index: u16) -> Result<Database, Error> {
        self.inner.database(index)
    }

    /// How many databases there are.
    pub fn databases(&self) -> u16 {
        self.inner.keyspaces().len() as u16
    }

    /// Returns the value of `key` in database 0; see [`Database::get`].
    pub fn get(&self, key: &[u8]) -> Option<Value> {
        self.main.get(key)
    }

    /// Stores a value in database 0; see [`Database::set`].
    ///
    /// # Errors
    ///
    /// As for [`Database::set`].
    pub fn set(
        &self,
        key: &[u8],
        value: impl Into<Value> + AsRef<[u8]>,
        expiry: Expiry,
    ) -> Result<bool, Error> {
        self.main.set(key, value, expiry)
    }

    /// Removes a key from database 0; see [`Database::remove`].
    pub fn remove(&self, key: &[u8]) -> bool {
        self.main.remove(key)
    }

    /// Exchanges the contents of two databases, as one step. Constant time; writes wait meanwhile,
    /// ordinarily for microseconds.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchDatabase`].
    pub fn swap_databases(&self, a: u16, b: u16) -> Result<(), Error> {
        self.database(a)?;
        self.database(b)?;
        self.inner.swap_databases(a, b);
        Ok(())
    }

    /// Removes every key of every database, as one step. Constant time; the memory is freed in
    /// the background.
    pub fn clear_all(&self) {
        self.inner.clear(0..self.databases());
    }

    /// Takes a cut: the whole store as of this instant.
    ///
    /// Constant time. Waits for writers that are between reading the store's mode and publishing
    /// an entry, ordinarily for microseconds; no reader or writer ever waits for it.
    ///
    /// # Errors
    ///
    /// [`Error::TooManySnapshots`] if 64 are open.
    pub fn snapshot(&self) -> Result<Snapshot, Error> {
        self.inner.snapshot()
    }

    /// Keeps cuts from being taken for as long as the returned value lives: what is written
    /// meanwhile is in a later cut all together. Waits for a cut that is just being taken.
    ///
    /// Reads, writes and transactions go on; [`snapshot`](Self::snapshot) and whatever takes a
    /// cut, as a [save](Self::save) does, wait. So does
    /// [`get_many_atomic`](Database::get_many_atomic) if writers interfere with it: whoever holds
    /// cuts back must call none of these.
    pub fn hold_cuts(&self) -> CutHold {
        self.inner.hold_cuts();
        CutHold(Arc::clone(&self.inner))
    }

    /// Leaves what has expired in the tables for as long as the returned value lives: nothing is
    /// swept, and [`on_expired`](crate::Options::on_expired) is not called for it.
    ///
    /// Reads find those keys absent all the same, and a write replaces them as ever. A sweep that is
    /// under way may still remove what it has come to.
    pub fn hold_expiry(&self) -> ExpiryHold {
        self.inner.hold_expiry();
        ExpiryHold(Arc::clone(&self.inner))
    }

    /// Runs `f` as one atomic, serializable step over any keys of any databases.
    ///
    /// `f` reads and writes through the [`Transaction`] alone. It is run again whenever a key it
    /// has read or is about to write was changed meanwhile, so it should be short and have no other
    /// effects; while it runs no memory of any store is reclaimed, and databases are not swapped,
    /// cleared or loaded. If it returns an error nothing is written. Cuts and
    /// [`get_many_atomic`](Database::get_many_atomic) see all of a transaction or nothing.
    ///
    /// # Errors
    ///
    /// What `f` returned, or [`Error::HashCollisions`].
    ///
    /// # Panics
    ///
    /// If `f` runs another transaction or replaces a database, which would wait for itself.
    pub fn transaction<R, E: From<Error>>(
        &self,
        f: impl FnMut(&mut Transaction<'_>) -> Result<R, E>,
    ) -> Result<R, E> {
        self.inner.transact(f)
    }

    /// Starts a save with the store's options. Returns once the cut is taken; the rest happens on
    /// threads of its own. Dropping the handle does not stop it.
    ///
    /// # Errors
    ///
    /// [`Error::NoStorage`], [`Error::SaveInProgress`], [`Error::NotLoaded`],
    /// [`Error::TooManySnapshots`], [`Error::InvalidOption`] if the name is empty.
    pub fn save(&self) -> Result<Save, Error> {
        self.save_with(SaveOptions::default())
    }

    /// Starts a save to another place or under another name.
    ///
    /// # Errors
    ///
    /// As for [`save`](Self::save).
    pub fn save_with(&self, options: SaveOptions) -> Result<Save, Error> {
        snapshot::start_save(&self.inner, options)
    }

    /// The running save, and how earlier ones ended.
    pub fn save_status(&self) -> SaveStatus {
        self.inner.archive().status()
    }

    /// Cancels the running save; returns whether there was one.
    pub fn cancel_save(&self) -> bool {
        self.inner.archive().cancel_save()
    }

    /// Loads the snapshot called `name` from the store's own storage and swaps it in. Blocks.
    ///
    /// # Errors
    ///
    /// As for [`load_from`](Self::load_from), and [`Error::NoStorage`].
    pub fn load(&self, name: &str) -> Result<LoadReport, Error> {
        let storage = Arc::clone(self.inner.archive().storage()?);
        self.load_from(&*storage, name, false)
    }

    /// Loads the snapshot called `name` from `storage`, and swaps it in or, with `append`, sets
    /// its keys beside those that are there. Blocks.
    ///
    /// Without `append` a failure leaves the data as it was.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`] if there is no such snapshot or it cannot be read, [`Error::Corrupt`],
    /// [`Error::TooFewDatabases`].
    pub fn load_from(
        &self,
        storage: &dyn SnapshotStorage,
        name: &str,
        append: bool,
    ) -> Result<LoadReport, Error> {
        snapshot::load_by_name(&self.inner, storage, name, append)
    }

    /// Figures of the store. Takes time in proportion to its directories, some microseconds per
    /// million keys.
    pub fn stats(&self) -> Stats {
        let mut stats = Stats::default();
        let mut changes = self.inner.past_changes();
        for keyspace in &self.inner.keyspaces() {
            let counts = keyspace.counts();
            changes += u64::try_from(counts.changes).unwrap_or(0);
            stats.total = stats.total.and(DatabaseStats::of(counts));
            stats.table_bytes += keyspace.table_bytes();
        }
        let held = self.inner.versions.held();
        stats.snapshots_open = self.inner.versions.open_cuts();
        stats.superseded_entries = u64::try_from(held.entries()).unwrap_or(0);
        stats.superseded_bytes = u64::try_from(held.bytes).unwrap_or(0);
        stats.expired_keys = self.inner.expired_keys();
        stats.changes = changes;
        stats
    }

    /// Does what the maintenance thread does, once and completely: removes expired keys, compacts
    /// tombstones, frees what large operations left. Takes time in proportion to the store.
    pub fn maintain(&self) {
        self.inner.maintain();
    }

    /// Compresses the pages of later saves in this way.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidOption`] for a level that zstd does not have.
    pub fn set_compression(&self, compression: Compression) -> Result<(), Error> {
        self.inner.archive().set_compression(compression)
    }

    /// Limits the rate of saves, also of a running one; 0 is no limit.
    pub fn set_max_bytes_per_sec(&self, bytes_per_sec: u64) {
        self.inner.archive().set_max_bytes_per_sec(bytes_per_sec);
    }

    /// Limits the superseded bytes that a save may hold; 0 is no limit.
    pub fn set_snapshot_memory_limit(&self, bytes: u64) {
        self.inner.archive().set_snapshot_memory_limit(bytes);
    }

    /// Names later saves by this template.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidOption`] if it is no name of a snapshot.
    pub fn set_dbfilename(&self, template: &str) -> Result<(), Error> {
        self.inner.archive().set_dbfilename(template)
    }

    /// Removes snapshots that are older than the newest so many that the options say
    /// ([`Options::retain`]), or with `dry_run` only tells which those are. Blocks.
    ///
    /// A save does it by itself once it has published its snapshot; the
    /// [module](crate::snapshot#retention) says what is never removed.
    ///
    /// # Errors
    ///
    /// [`Error::NoStorage`]; [`Error::NotLoaded`] if the store could not load its data, since what
    /// is stored is all there is then; [`Error::InvalidOption`] if snapshots have no name;
    /// [`Error::Storage`] if the storage cannot be listed or a manifest not be read. A snapshot
    /// that cannot be removed is in the report.
    pub fn prune(&self, dry_run: bool) -> Result<PruneReport, Error> {
        snapshot::prune_store(self.inner.archive(), dry_run)
    }

    /// Keeps so many of the newest snapshots from the next save on; 0 keeps all.
    pub fn set_retain(&self, retain: u32) {
        self.inner.archive().set_retain(retain);
    }

    /// Saves if the options say so, refuses every later save, and lets go of the directory. Blocks.
    ///
    /// Other handles go on working in memory.
    ///
    /// # Errors
    ///
    /// That of the save; the store is closed all the same.
    pub fn close(self) -> Result<(), Error> {
        let saved = if self.inner.save_on_close {
            self.inner.archive().wait_for_save();
            self.save().and_then(|save| save.wait().map(|_| ()))
        } else {
            Ok(())
        };
        self.inner.archive().close();
        self.inner.archive().wait_for_save();
        self.inner.unlock();
        saved
    }
}
