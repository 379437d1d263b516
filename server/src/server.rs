//! What all connections share.

use std::sync::atomic::{AtomicU16, AtomicU64, AtomicUsize, Ordering};
use std::sync::{self, Arc, OnceLock, PoisonError, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use exuvia::format::storage::SnapshotStorage;
use exuvia::{Clock, ExpiryHold, Store, SystemClock};
use tokio::runtime::Handle;
use tokio::sync::{Mutex, OwnedMutexGuard, OwnedRwLockReadGuard, RwLock, mpsc};

use crate::channels::Channels;
use crate::client::{BoundsInForce, ClientEntry, Clients};
use crate::command::{CommandId, Failure, Spec};
use crate::events::Events;
use crate::flags::Settings;
use crate::gate::{Gate, Reasons};
use crate::inert::Inert;
use crate::memory;
use crate::monitors::Monitors;
use crate::packing::Packing;
use crate::place::Place;
use crate::resp::{Args, Limits};
use crate::shutdown::Request;
use crate::slow::Slow;
use crate::stats::{CommandTotals, SharedStats, ThreadStats};
use crate::surplus::CollectMemory;
use crate::watched::Watched;

/// The server: the store, and everything around it.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) store: Store,
    clock: Arc<dyn Clock>,
    settings: sync::RwLock<Settings>,
    /// Where the snapshots are.
    pub(crate) place: Place,
    pub(crate) clients: Clients,
    /// What may wait for them.
    pub(crate) bounds: Arc<BoundsInForce>,
    pub(crate) channels: Arc<Channels>,
    /// What is published of what happens to keys.
    pub(crate) events: Arc<Events>,
    pub(crate) monitors: Monitors,
    pub(crate) gate: Gate,
    /// Keeps keys from being expired while clients are paused.
    expiry_hold: sync::Mutex<Option<ExpiryHold>>,
    pub(crate) watched: Arc<Watched>,
    pub(crate) slow: Slow,
    /// How Redis would pack collections.
    pub(crate) packing: Packing,
    /// Parameters of what there is not.
    pub(crate) inert: Inert,
    /// Shared by writes that run on threads of their own.
    aside: Arc<RwLock<()>>,
    /// Held while settings are changed, from the look at those before to the last that follows
    /// from those behind.
    pub(crate) changing: sync::Mutex<()>,
    /// Held by whoever works on whole databases for longer than a moment.
    whole: Arc<Mutex<()>>,
    pub(crate) threads: Vec<ThreadStats>,
    pub(crate) shared: SharedStats,
    pub(crate) started: Instant,
    pub(crate) started_ms: u64,
    /// Forty hexadecimal digits that no other process has.
    pub(crate) run_id: String,
    port: AtomicU16,
    bulk_bytes_max: AtomicUsize,
    query_bytes_max: AtomicUsize,
    /// The highest memory use seen.
    memory_peak: AtomicU64,
    /// How the allocator is asked for memory that is free.
    pub(crate) collect_memory: OnceLock<CollectMemory>,
    /// The runtimes of the connection threads.
    pub(crate) runtimes: OnceLock<Vec<Handle>>,
    requests: mpsc::UnboundedSender<Request>,
}

impl Server {
    pub(crate) fn new(
        store: Store,
        settings: Settings,
        place: Place,
        events: Arc<Events>,
        requests: mpsc::UnboundedSender<Request>,
    ) -> Self {
        let threads = (0..settings.threads()).map(|_| ThreadStats::new()).collect();
        let bulk_bytes_max = AtomicUsize::new(settings.bulk_bytes_max());
        let query_bytes_max = AtomicUsize::new(settings.query_bytes_max());
        let bounds = Arc::new(BoundsInForce::default());
        bounds.configure(&settings.output_bounds());
        let gate = Gate::default();
        gate.raise(Reasons::LOADING);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let started_ms = clock.unix_ms();
        Self {
            store,
            clock,
            slow: Slow::new(&settings),
            settings: sync::RwLock::new(settings),
            place,
            clients: Clients::default(),
            bounds,
            channels: Arc::clone(&events.channels),
            monitors: Monitors::default(),
            gate,
            expiry_hold: sync::Mutex::default(),
            watched: Arc::clone(&events.watched),
            events,
            packing: Packing::default(),
            inert: Inert::default(),
            aside: Arc::default(),
            changing: sync::Mutex::default(),
            whole: Arc::default(),
            threads,
            shared: SharedStats::default(),
            started: Instant::now(),
            started_ms,
            run_id: run_id(),
            port: AtomicU16::new(0),
            bulk_bytes_max,
            query_bytes_max,
            memory_peak: AtomicU64::new(0),
            collect_memory: OnceLock::new(),
            runtimes: OnceLock::new(),
            requests,
        }
    }

    /// The storage that the store keeps its snapshots in.
    ///
    /// # Errors
    ///
    /// [`Error::NoStorage`](exuvia::Error::NoStorage), from a store that has none.
    pub(crate) fn storage(&self) -> Result<Arc<dyn SnapshotStorage>, exuvia::Error> {
        self.store.storage()
    }

    /// Milliseconds since the Unix epoch.
    pub(crate) fn now_ms(&self) -> u64 {
        self.clock.unix_ms()
    }

    pub(crate) fn settings(&self) -> RwLockReadGuard<'_, Settings> {
        self.settings.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn settings_mut(&self) -> RwLockWriteGuard<'_, Settings> {
        self.settings.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts settings into force that were changed at run time.
    pub(crate) fn apply(&self, settings: &Settings) -> Result<(), exuvia::Error> {
        if !settings.dbfilename().is_empty() {
            self.store.set_dbfilename(settings.dbfilename())?;
        }
        self.store.set_compression(settings.compression())?;
        self.store.set_max_bytes_per_sec(settings.max_bytes_per_sec());
        self.store.set_snapshot_memory_limit(settings.snapshot_memory_limit());
        self.store.set_retain(settings.retain());
        let schedule = settings.schedule()?;
        // Setting the same schedule again would make the plan anew.
        if schedule != self.settings().schedule()? {
            self.store.set_schedule(schedule)?;
        }
        self.slow.configure(settings);
        self.events.configure(settings.events());
        self.bulk_bytes_max.store(settings.bulk_bytes_max(), Ordering::Relaxed);
        self.query_bytes_max.store(settings.query_bytes_max(), Ordering::Relaxed);
        self.bounds.configure(&settings.output_bounds());
        self.check_memory(settings.maxmemory());
        Ok(())
    }

    /// What a client may send.
    #[inline]
    pub(crate) fn limits(&self, authenticated: bool) -> Limits {
        let bulk_bytes_max = self.bulk_bytes_max.load(Ordering::Relaxed);
        let query_bytes_max = self.query_bytes_max.load(Ordering::Relaxed);
        Limits {
            bulk_bytes_max,
            // Some more, for what describes the arguments.
            command_bytes_max: query_bytes_max + query_bytes_max / 64,
            unauthenticated: !authenticated,
            ..Limits::default()
        }
    }

    /// Longest string that a command may make.
    pub(crate) fn string_bytes_max(&self) -> usize {
        self.bulk_bytes_max.load(Ordering::Relaxed)
    }

    /// Whether the password is right, or none is needed. Takes the same time for every wrong one.
    pub(crate) fn is_password(&self, password: &[u8]) -> bool {
        let settings = self.settings();
        let expected = settings.requirepass().as_bytes();
        let differences = expected.iter().enumerate().fold(0, |differences, (at, byte)| {
            differences | (byte ^ password.get(at).copied().unwrap_or(!byte))
        });
        expected.is_empty() || (differences == 0 && expected.len() == password.len())
    }

    /// Notes whether memory has reached its limit, and returns what is used of it.
    pub(crate) fn check_memory(&self, maxmemory: u64) -> u64 {
        let used = memory::used_bytes(&self.store.stats());
        self.memory_peak.fetch_max(used, Ordering::Relaxed);
        self.gate.put(Reasons::OUT_OF_MEMORY, maxmemory > 0 && used > maxmemory);
        used
    }

    pub(crate) fn memory_peak(&self) -> u64 {
        self.memory_peak.load(Ordering::Relaxed)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port.load(Ordering::Relaxed)
    }

    pub(crate) fn set_port(&self, port: u16) {
        self.port.store(port, Ordering::Relaxed);
    }

    /// Asks the main thread for something.
    pub(crate) fn request(&self, request: Request) {
        // The receiver lives as long as the process serves.
        let _ = self.requests.send(request);
    }

    /// Waits until writes are let in, and registers one that runs on a thread of its own, where
    /// [`settle`](Self::settle) would not notice it. It lasts as long as the guard.
    pub(crate) async fn write_aside(&self) -> OwnedRwLockReadGuard<()> {
        loop {
            self.gate.wait_while(|reasons| reasons.any(Reasons::HOLD_WRITES)).await;
            let guard = Arc::clone(&self.aside).read_owned().await;
            if !self.gate.reasons().any(Reasons::HOLD_WRITES) {
                return guard;
            }
        }
    }

    /// Pauses commands for a while. What expires meanwhile is absent, but is not removed either.
    pub(crate) fn pause(&self, all: bool, duration: Duration) {
        let mut hold = self.expiry_hold.lock().unwrap_or_else(PoisonError::into_inner);
        hold.get_or_insert_with(|| self.store.hold_expiry());
        self.gate.pause(all, duration);
    }

    /// Ends a pause.
    pub(crate) fn unpause(&self) {
        let mut hold = self.expiry_hold.lock().unwrap_or_else(PoisonError::into_inner);
        self.gate.unpause();
        *hold = None;
    }

    /// Ends a pause whose time is over.
    pub(crate) fn end_pause(&self, now: Instant) {
        let mut hold = self.expiry_hold.lock().unwrap_or_else(PoisonError::into_inner);
        if self.gate.end_pause(now) {
            *hold = None;
        }
    }

    /// Waits until nobody else works on whole databases.
    pub(crate) async fn lock_whole(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.whole).lock_owned().await
    }

    /// Waits until every command that began before has ended or waits itself.
    ///
    /// A connection thread runs one task at a time, so one more task on each of them runs only
    /// between two commands.
    pub(crate) async fn settle(&self) {
        let runtimes = self.runtimes.get().map_or(&[][..], Vec::as_slice);
        let passes: Vec<_> = runtimes.iter().map(|runtime| runtime.spawn(async {})).collect();
        for pass in passes {
            // A thread that is gone runs no commands.
            let _ = pass.await;
        }
        drop(self.aside.write().await);
    }

    /// Commands processed so far.
    pub(crate) fn commands_processed(&self) -> u64 {
        let counts = self.threads.iter().flat_map(|thread| &thread.commands);
        counts.map(|counts| counts.calls.get()).sum()
    }

    /// Counts a command that ran, and notes it if it was slow or failed.
    #[inline]
    pub(crate) fn account(&self, ran: &Ran<'_>, failure: Option<&Failure>, client: &ClientEntry) {
        let stats = &self.threads[client.thread];
        let counts = stats.command(ran.id);
        counts.ran(1, ran.took);
        if self.gate.reasons().any(Reasons::MONITORED) {
            self.monitors.show(ran, client);
        }
        if self.slow.concerns(ran.took) {
            self.slow.note(ran.spec, ran.args, ran.took, client, self.now_ms());
        }
        if let Some(failure) = failure {
            counts.failed.add(1);
            stats.errors.add(1);
            self.shared.error(failure.text());
        }
    }

    /// What all threads counted of one command.
    pub(crate) fn command_totals(&self, id: CommandId) -> CommandTotals {
        let mut totals = CommandTotals::default();
        for thread in &self.threads {
            totals.add(thread.command(id));
        }
        totals
    }

    /// The sum of one counter over all threads.
    pub(crate) fn total(&self, counter: impl Fn(&ThreadStats) -> u64) -> u64 {
        self.threads.iter().map(counter).sum()
    }
}

/// A command that has run.
pub(crate) struct Ran<'a> {
    pub(crate) id: CommandId,
    pub(crate) spec: &'static Spec,
    pub(crate) args: Args<'a>,
    /// The database that was selected before.
    pub(crate) database: u16,
    pub(crate) took: Duration,
}

/// The server as its connections hold it.
pub(crate) type Shared = Arc<Server>;

fn run_id() -> String {
    use std::collections::hash_map::RandomState;
    use std::fmt::Write;
    use std::hash::BuildHasher;
    let mut id = String::new();
    while id.len() < 40 {
        // The standard library seeds its hasher from the operating system.
        let _ = write!(id, "{:016x}", RandomState::new().hash_one(std::process::id()));
    }
    id.truncate(40);
    id
}
