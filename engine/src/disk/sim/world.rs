//! Everything that the simulated machine is.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{io, thread};

use super::Operation;
use super::image::Image;
use super::names::{FileId, Names};
use super::random::Random;
use super::script::{Fault, GateId, GateState};

/// Room on a disk that was given no other.
const CAPACITY_BYTES: u64 = 1 << 40;

/// Time at which a world begins unless it is told: in 2023.
const UNIX_MS: u64 = 1_700_000_000_000;

/// The simulated machine, shared by the disk and its open files.
#[derive(Debug)]
pub(super) struct World {
    state: Mutex<State>,
    /// A gate was opened, reached, or the power went.
    changed: Condvar,
}

/// What the machine is at one moment.
#[derive(Debug)]
pub(super) struct State {
    pub(super) random: Random,
    pub(super) names: Names,
    pub(super) images: BTreeMap<FileId, Image>,
    pub(super) log: Vec<Operation>,
    pub(super) gates: BTreeMap<GateId, GateState>,
    pub(super) transfers_stalled_by: Option<GateId>,
    pub(super) capacity_bytes: u64,
    pub(super) unix_ms: u64,
    pub(super) dead: bool,
    faults: BTreeMap<u64, Fault>,
    /// Number of the next file and gate.
    next: u64,
}

/// How an operation is to end, as far as the script says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Well, moving at most so many bytes.
    Succeed { bytes_max: usize },
    /// With an error.
    Fail(io::ErrorKind),
    /// With the machine.
    Die,
}

impl World {
    /// An empty world.
    pub(super) fn new(seed: u64) -> Self {
        let state = State {
            random: Random::new(seed),
            names: Names::default(),
            images: BTreeMap::new(),
            log: Vec::new(),
            gates: BTreeMap::new(),
            transfers_stalled_by: None,
            capacity_bytes: CAPACITY_BYTES,
            unix_ms: UNIX_MS,
            dead: false,
            faults: BTreeMap::new(),
            next: 0,
        };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// The state. A test that panics while it holds it has told what is wrong already.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a change.
    pub(super) fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a change, not for ever.
    pub(super) fn wait_timeout<'a>(
        &self,
        state: MutexGuard<'a, State>,
        timeout: Duration,
    ) -> MutexGuard<'a, State> {
        self.changed.wait_timeout(state, timeout).unwrap_or_else(PoisonError::into_inner).0
    }

    /// Tells everybody who waits to look again.
    pub(super) fn notify(&self) {
        self.changed.notify_all();
    }

    /// Writes `fault` into the script.
    pub(super) fn plan(&self, operation: u64, fault: Fault) {
        self.lock().faults.insert(operation, fault);
    }

    /// Opens a gate for good.
    pub(super) fn open_gate(&self, gate: GateId) {
        self.lock().gates.remove(&gate);
        self.notify();
    }

    /// Cuts the power.
    pub(super) fn die(&self) {
        self.lock().dead = true;
        self.notify();
    }

    /// Counts an operation that is carried out at once, waits as the script says, and tells how
    /// it is to end.
    ///
    /// # Errors
    ///
    /// If there is no power.
    pub(super) fn begin(
        &self,
        action: &'static str,
        name: &str,
    ) -> io::Result<(MutexGuard<'_, State>, Fate)> {
        let mut state = self.lock();
        let (_, fault) = state.count(action, name)?;
        match fault {
            Some(Fault::Delay(duration)) => {
                drop(state);
                thread::sleep(duration);
                state = self.lock();
            }
            Some(Fault::Stall(gate)) => {
                while !state.dead && state.stalls(gate) {
                    self.notify();
                    state = self.wait(state);
                }
            }
            _ => {}
        }
        if state.dead { Err(no_power()) } else { Ok((state, fate(fault))) }
    }

    /// Carries out an operation: `effect` happens unless the script makes it fail; if the power
    /// goes in the middle, it has happened as far as what is not synced ever has.
    pub(super) fn operate<T>(
        &self,
        action: &'static str,
        name: &str,
        effect: impl FnOnce(&mut State) -> io::Result<T>,
    ) -> io::Result<T> {
        let (mut state, fate) = self.begin(action, name)?;
        match fate {
            Fate::Fail(kind) => Err(kind.into()),
            Fate::Succeed { .. } => effect(&mut state),
            Fate::Die => {
                // Its outcome is nobody's to see.
                let _ = effect(&mut state);
                drop(state);
                self.die();
                Err(no_power())
            }
        }
    }

    /// Makes the content of `file` durable. Nothing is certain if the power goes meanwhile, and
    /// something is lost for good if it fails.
    pub(super) fn sync_file(&self, file: FileId, name: &str) -> io::Result<()> {
        let (mut guard, fate) = self.begin("sync", name)?;
        let state = &mut *guard;
        let image = state.images.entry(file).or_default();
        match fate {
            Fate::Succeed { .. } => {
                image.sync();
                Ok(())
            }
            Fate::Fail(kind) => {
                image.fail_sync(&mut state.random);
                Err(kind.into())
            }
            Fate::Die => {
                drop(guard);
                self.die();
                Err(no_power())
            }
        }
    }

    /// Makes all names durable. Nothing is certain if that fails or the power goes meanwhile.
    pub(super) fn sync_directory(&self) -> io::Result<()> {
        let (mut state, fate) = self.begin("sync", "")?;
        match fate {
            Fate::Succeed { .. } => {
                state.names.sync();
                Ok(())
            }
            Fate::Fail(kind) => Err(kind.into()),
            Fate::Die => {
                drop(state);
                self.die();
                Err(no_power())
            }
        }
    }

    /// The world that a power cut may leave.
    pub(super) fn survivors(&self, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let old = self.lock();
        let survived = old.names.survivor(&mut random);
        let world = Self::new(seed);
        let mut new = world.lock();
        for file in survived.values() {
            if let Some(image) = old.images.get(file) {
                let content = image.survivor(&mut random);
                new.images.insert(*file, Image::settled(content, image.modified_unix_ns));
            }
        }
        new.names = Names::settled(survived);
        new.next = old.next;
        new.capacity_bytes = old.capacity_bytes;
        new.unix_ms = old.unix_ms;
        drop(new);
        world
    }
}

impl State {
    /// Counts an operation, and finds what the script says of it.
    pub(super) fn count(
        &mut self,
        action: &'static str,
        name: &str,
    ) -> io::Result<(u64, Option<Fault>)> {
        if self.dead {
            return Err(no_power());
        }
        let operation = self.log.len() as u64;
        self.log.push(Operation { action, name: name.to_owned() });
        Ok((operation, self.faults.remove(&operation)))
    }

    /// Whether `gate` is closed, which the caller thereby has reached.
    pub(super) fn stalls(&mut self, gate: GateId) -> bool {
        match self.gates.get_mut(&gate) {
            Some(state) => {
                state.reached = true;
                true
            }
            None => false,
        }
    }

    /// Sets up a gate.
    pub(super) fn new_gate(&mut self) -> GateId {
        let gate = GateId(self.new_number());
        self.gates.insert(gate, GateState::default());
        gate
    }

    /// A number that was not given before.
    pub(super) fn new_number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// The time of a change made now. No two are the same, as on a clock that is fine enough.
    pub(super) fn now_unix_ns(&self) -> i128 {
        i128::from(self.unix_ms) * 1_000_000 + self.log.len() as i128
    }

    /// Bytes of all files that have a name.
    pub(super) fn used_bytes(&self) -> u64 {
        let image_bytes = |file| self.images.get(file).map_or(0, |image| image.visible().len());
        self.names.visible().values().map(image_bytes).sum::<usize>() as u64
    }

    /// Puts a durable file there.
    pub(super) fn plant(&mut self, name: &str, content: &[u8]) {
        let known = self.names.visible().get(name).copied();
        let file = known.unwrap_or_else(|| FileId(self.new_number()));
        let modified = self.now_unix_ns();
        self.images.insert(file, Image::settled(content.to_vec(), modified));
        self.names.plant(name, file);
    }
}

/// How an operation with `fault` ends.
pub(super) fn fate(fault: Option<Fault>) -> Fate {
    match fault {
        None | Some(Fault::Delay(_) | Fault::Stall(_)) => Fate::Succeed { bytes_max: usize::MAX },
        Some(Fault::Shorten(bytes_max)) => Fate::Succeed { bytes_max },
        Some(Fault::Fail(kind)) => Fate::Fail(kind),
        Some(Fault::Die) => Fate::Die,
    }
}

/// The error of everything that is tried without power.
pub(super) fn no_power() -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, "the simulated machine has no power")
}
