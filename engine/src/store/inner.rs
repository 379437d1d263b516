//! What all handles of a store share.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, PoisonError, RwLock};
use std::thread;

use super::roots::Roots;
use super::staged::Staged;
use crate::disk::DirectoryLock;
use crate::lapse::{Found, Lapse, Observer};
use crate::maintenance::{self, Job, Queue};
use crate::snapshot::Archive;
use crate::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use crate::sync::{Guard, RcuCell, announce, pin};
use crate::table::{Entry, Keyspace};
use crate::transaction;
use crate::version::{Cut, Position, Snapshot, Versions};
use crate::{Clock, Database, Error, Expiry, Options};

/// Latches that transactions take against each other.
const LATCHES: usize = 256;

/// A store, shared by its handles, its cuts and its saves.
pub(crate) struct Inner {
    pub(crate) versions: Arc<Versions>,
    roots: RcuCell<Roots>,
    pub(crate) clock: Arc<dyn Clock>,
    archive: Archive,
    #[cfg(feature = "schedule")]
    pub(crate) scheduler: crate::schedule::Scheduler,
    queue: Arc<Queue>,
    /// Transactions share it; whoever replaces databases has it alone.
    pub(crate) gate: RwLock<()>,
    pub(crate) latches: Box<[Mutex<()>]>,
    /// Held by transactions that have lost too many races.
    pub(crate) serial: Mutex<()>,
    /// How many hold cuts back. Locked while a cut is taken.
    cut_holds: Mutex<usize>,
    cuts_free: Condvar,
    shards: u32,
    /// Changes counted by tables that are gone.
    past_changes: AtomicU64,
    expired_keys: AtomicU64,
    /// Who is told of what has expired.
    pub(crate) observer: Observer,
    /// How many hold expiry back.
    expiry_holds: AtomicUsize,
    random: AtomicU64,
    pub(crate) save_on_close: bool,
    /// Keeps other processes out of the directory, until the store is closed or gone.
    lock: Mutex<Option<DirectoryLock>>,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("archive", &self.archive).finish_non_exhaustive()
    }
}

impl Inner {
    /// Makes an empty store, and starts its maintenance if it is to have any.
    pub(crate) fn new(
        options: &Options,
        archive: Archive,
        lock: Option<DirectoryLock>,
    ) -> Result<Arc<Self>, Error> {
        check_options(options)?;
        announce::prepare();
        let seed = match options.hash_seed {
            Some(seed) => seed,
            None => random_word()?,
        };
        let versions = Arc::new(Versions::new());
        let roots = Roots(fresh_keyspaces(&versions, seed, options.shards, options.databases));
        let store = Arc::new(Self {
            versions,
            roots: RcuCell::new(roots),
            clock: Arc::clone(&options.clock),
            archive,
            #[cfg(feature = "schedule")]
            scheduler: crate::schedule::Scheduler::new(Arc::clone(&options.clock)),
            queue: Arc::default(),
            gate: RwLock::new(()),
            latches: std::iter::repeat_with(Mutex::default).take(LATCHES).collect(),
            serial: Mutex::default(),
            cut_holds: Mutex::default(),
            cuts_free: Condvar::new(),
            shards: options.shards,
            past_changes: AtomicU64::new(0),
            expired_keys: AtomicU64::new(0),
            observer: options.observer.clone(),
            expiry_holds: AtomicUsize::new(0),
            random: AtomicU64::new(random_word()?),
            save_on_close: options.save_on_close,
            lock: Mutex::new(lock),
        });
        if options.maintenance {
            let queue = Arc::clone(&store.queue);
            let weak = Arc::downgrade(&store);
            let collect_memory = options.collect_memory;
            thread::Builder::new()
                .name("exuvia-tend".to_owned())
                .spawn(move || maintenance::run(&queue, &weak, collect_memory))
                .map_err(|error| Error::InvalidOption {
                    option: "maintenance",
                    reason: format!("its thread does not start: {error}"),
                })?;
        }
        Ok(store)
    }

    pub(crate) fn archive(&self) -> &Archive {
        &self.archive
    }

    /// Lets other processes have the directory. Nothing is saved afterwards.
    pub(crate) fn unlock(&self) {
        drop(self.lock.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// A handle to database `index`.
    pub(crate) fn database(self: &Arc<Self>, index: u16) -> Result<Database, Error> {
        let guard = pin();
        self.roots(&guard).keyspace(index)?;
        Ok(Database::new(Arc::clone(self), index))
    }

    #[inline]
    pub(crate) fn roots<'g>(&self, guard: &'g Guard) -> &'g Roots {
        self.roots.get(guard)
    }

    /// The tables of all databases, held by count.
    pub(crate) fn keyspaces(&self) -> Box<[Arc<Keyspace>]> {
        let guard = pin();
        self.roots.get(&guard).0.clone()
    }

    /// Whether an entry that was found has not expired. Asks the clock only if it can expire.
    #[inline]
    pub(crate) fn is_live(&self, entry: Entry<'_>) -> bool {
        match (entry.expiry(), entry.collection()) {
            (Expiry::Never, None) => true,
            (Expiry::Never, Some(collection)) if collection.next_expiry() == Expiry::Never => true,
            (expiry, collection) => {
                let now = self.clock.unix_ms();
                !expiry.is_past(now) && collection.is_none_or(|it| it.is_live(now))
            }
        }
    }

    /// What a write finds in `entry`, the current one.
    #[inline]
    pub(crate) fn judge<'e>(&self, entry: Option<Entry<'e>>) -> Found<'e> {
        let nothing_expires = |entry: Entry<'_>| {
            entry.expiry() == Expiry::Never
                && entry.collection().is_none_or(|it| it.next_expiry() == Expiry::Never)
        };
        match entry {
            Some(entry) if !nothing_expires(entry) => {
                let now_unix_ms = self.clock.unix_ms();
                let lapse = Lapse::of(entry, now_unix_ms);
                let live = (!lapse.is_some_and(Lapse::ends_key)).then_some(entry);
                Found { entry: Some(entry), live, lapse, now_unix_ms }
            }
            entry => Found { entry, live: entry, lapse: None, now_unix_ms: 0 },
        }
    }

    /// Leaves what has expired where it is until [`release_expiry`](Self::release_expiry).
    pub(crate) fn hold_expiry(&self) {
        self.expiry_holds.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn release_expiry(&self) {
        self.expiry_holds.fetch_sub(1, Ordering::SeqCst);
    }

    pub(crate) fn is_expiry_held(&self) -> bool {
        self.expiry_holds.load(Ordering::SeqCst) > 0
    }

    /// Counts and tells what was found expired under a key and was taken out.
    #[cold]
    pub(crate) fn note_lapse(&self, database: u16, key: &[u8], lapse: Lapse) {
        self.note_expired(u64::from(lapse.ends_key()));
        self.observer.tell(database, key, lapse);
    }

    /// Keeps cuts from being taken until [`release_cuts`](Self::release_cuts).
    pub(crate) fn hold_cuts(&self) {
        *self.cut_holds.lock().unwrap_or_else(PoisonError::into_inner) += 1;
    }

    pub(crate) fn release_cuts(&self) {
        *self.cut_holds.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.cuts_free.notify_all();
    }

    /// Takes a cut (rules R1 and R19). Waits for writers that are half way through publishing.
    pub(crate) fn snapshot(self: &Arc<Self>) -> Result<Snapshot, Error> {
        let holds = self.cut_holds.lock().unwrap_or_else(PoisonError::into_inner);
        let _free = self
            .cuts_free
            .wait_while(holds, |holds| *holds > 0)
            .unwrap_or_else(PoisonError::into_inner);
        let starts = self.versions.lock_starts();
        let guard = pin();
        let keyspaces = self.keyspaces();
        if self.versions.open_cuts() == 0 {
            // No walk is under way, so the order of keyspaces can be made good again after a swap.
            for (keyspace, rank) in keyspaces.iter().zip(0..) {
                keyspace.rank().store(rank, Ordering::SeqCst);
            }
        }
        let superseded_before = self.versions.superseded_ever();
        let (id, version) = self.versions.open(&starts, &guard)?;
        // The clock is read after the cut: a key that a sweep removed before the cut had expired
        // by this time.
        let unix_ms = self.clock.unix_ms();
        let (mut keys, mut data_bytes, mut changes) = (0, 0, self.past_changes());
        for keyspace in &keyspaces {
            let counts = keyspace.counts();
            keys += u64::try_from(counts.keys).unwrap_or(0);
            data_bytes += u64::try_from(counts.data_bytes).unwrap_or(0);
            changes += u64::try_from(counts.changes).unwrap_or(0);
        }
        let store = Arc::clone(self);
        let cut = Cut {
            store,
            id,
            version,
            unix_ms,
            keyspaces,
            keys,
            data_bytes,
            changes,
            superseded_before,
        };
        Ok(Snapshot { cut: Arc::new(cut) })
    }

    /// Leaves it to maintenance to let go of the tables of a cut that ended, and of what it held
    /// in them if it held anything.
    pub(crate) fn release(&self, keyspaces: Box<[Arc<Keyspace>]>, held_any: bool) {
        let job = if held_any { Job::Trim(keyspaces) } else { Job::Free(Box::new(keyspaces)) };
        self.queue.push(job);
    }

    /// Makes `replace` of the current tables the new ones, as one step.
    fn replace_roots(&self, replace: impl FnOnce(&Roots) -> Roots) {
        transaction::assert_outside();
        let _gate = self.gate.write().unwrap_or_else(PoisonError::into_inner);
        let _starts = self.versions.lock_starts();
        let guard = pin();
        let current = self.roots.get(&guard);
        let new = replace(current);
        for old in &current.0 {
            if !new.0.iter().any(|keyspace| Arc::ptr_eq(keyspace, old)) {
                let counts = old.counts();
                let removed = u64::try_from(counts.changes + counts.keys).unwrap_or(0);
                self.past_changes.fetch_add(removed, Ordering::Relaxed);
            }
        }
        let queue = Arc::clone(&self.queue);
        self.roots.replace(new, &guard, move |old| queue.push(Job::Free(old)));
        guard.flush();
    }

    /// Empties databases in constant time.
    pub(crate) fn clear(&self, databases: impl IntoIterator<Item = u16>) {
        self.replace_roots(|current| {
            let mut keyspaces = current.0.clone();
            for index in databases {
                let old = &keyspaces[usize::from(index)];
                let seed = old.seed();
                keyspaces[usize::from(index)] =
                    Arc::new(Keyspace::new(Arc::clone(&self.versions), seed, self.shards, index));
            }
            Roots(keyspaces)
        });
    }

    /// Exchanges two databases, which exist.
    pub(crate) fn swap_databases(&self, a: u16, b: u16) {
        if a == b {
            return;
        }
        let era = self.versions.change_era();
        self.replace_roots(|current| {
            let mut keyspaces = current.0.clone();
            keyspaces.swap(usize::from(a), usize::from(b));
            for index in [a, b] {
                // An open cut walks the old order. What the two hold for it is kept to its end.
                let rank = keyspaces[usize::from(index)].rank();
                rank.store(Position::UNORDERED_RANK, Ordering::SeqCst);
            }
            Roots(keyspaces)
        });
        drop(era);
        self.past_changes.fetch_add(1, Ordering::Relaxed);
    }

    /// Fresh tables beside the live ones, ordered by `hash_seed`.
    pub(crate) fn stage(&self, hash_seed: u64) -> Staged {
        let databases = self.keyspaces().len() as u16;
        Staged { keyspaces: fresh_keyspaces(&self.versions, hash_seed, self.shards, databases) }
    }

    /// Replaces the tables of all databases by staged ones. Cuts taken before keep the old ones.
    pub(crate) fn swap_in(&self, staged: Staged) {
        self.replace_roots(|_| Roots(staged.keyspaces));
    }

    pub(crate) fn superseded_bytes(&self) -> u64 {
        u64::try_from(self.versions.held().bytes).unwrap_or(0)
    }

    pub(crate) fn past_changes(&self) -> u64 {
        self.past_changes.load(Ordering::Relaxed)
    }

    pub(crate) fn note_expired(&self, keys: u64) {
        if keys > 0 {
            self.expired_keys.fetch_add(keys, Ordering::Relaxed);
        }
    }

    pub(crate) fn expired_keys(&self) -> u64 {
        self.expired_keys.load(Ordering::Relaxed)
    }

    /// A random word that need not be unpredictable.
    pub(crate) fn random(&self) -> u64 {
        // Weyl sequence, mixed by the hash that is at hand anyway.
        let word = self.random.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed);
        xxhash_rust::xxh3::xxh3_64(&word.to_le_bytes())
    }

    /// One round of everything the maintenance thread does.
    pub(crate) fn maintain(self: &Arc<Self>) {
        maintenance::collect_garbage();
        self.perform_jobs();
        self.tend_all();
        maintenance::collect_garbage();
        self.perform_jobs();
        maintenance::collect_garbage();
    }

    fn perform_jobs(self: &Arc<Self>) {
        let weak = Arc::downgrade(self);
        while let Some(job) = self.queue.pop() {
            maintenance::perform(job, &self.queue, &weak);
        }
    }
}

impl Drop for Inner {
    /// Leaves the tables to the maintenance thread, which ends when they are freed.
    fn drop(&mut self) {
        if let Some(roots) = self.roots.take() {
            self.queue.push(Job::Free(roots));
        }
        self.queue.close();
        if self.queue_is_abandoned() {
            while let Some(job) = self.queue.pop() {
                drop(job);
            }
        }
    }
}

impl Inner {
    /// Whether no maintenance thread has the queue: then this is the last chance to free.
    fn queue_is_abandoned(&self) -> bool {
        Arc::strong_count(&self.queue) == 1
    }
}

fn fresh_keyspaces(
    versions: &Arc<Versions>,
    seed: u64,
    shards: u32,
    databases: u16,
) -> Box<[Arc<Keyspace>]> {
    (0..databases)
        .map(|index| Arc::new(Keyspace::new(Arc::clone(versions), seed, shards, index)))
        .collect()
}

fn check_options(options: &Options) -> Result<(), Error> {
    if !options.shards.is_power_of_two() || options.shards > 4096 {
        return Err(Error::InvalidOption {
            option: "shards",
            reason: format!("{} is not a power of two from 1 to 4096", options.shards),
        });
    }
    if options.databases == 0 || options.databases >= Position::UNORDERED_RANK {
        return Err(Error::InvalidOption {
            option: "databases",
            reason: format!(
                "{} is not a number from 1 to {}",
                options.databases,
                Position::UNORDERED_RANK - 1
            ),
        });
    }
    Ok(())
}

fn random_word() -> Result<u64, Error> {
    getrandom::u64().map_err(|error| Error::InvalidOption {
        option: "hash_seed",
        reason: format!("the system gives no randomness: {error}"),
    })
}
