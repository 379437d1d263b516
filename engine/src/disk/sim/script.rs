//! What is to go wrong, and when.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::world::World;

/// What happens to one operation.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    /// It fails.
    Fail(io::ErrorKind),
    /// It moves at most so many bytes.
    Shorten(usize),
    /// It takes so much longer.
    Delay(Duration),
    /// It waits for a gate.
    Stall(GateId),
    /// The power goes in the middle of it.
    Die,
}

/// Identifies a [`Gate`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct GateId(pub(super) u64);

/// What the world knows of a gate that is closed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct GateState {
    /// Whether an operation has come to it.
    pub(super) reached: bool,
}

/// Holds operations of a [`SimDisk`](super::SimDisk) until it is opened or dropped.
#[derive(Debug)]
#[must_use = "dropping a gate opens it"]
pub struct Gate {
    world: Arc<World>,
    id: GateId,
}

impl Gate {
    /// A closed gate.
    pub(super) fn new(world: &Arc<World>) -> Self {
        Self { world: Arc::clone(world), id: world.lock().new_gate() }
    }

    pub(super) fn id(&self) -> GateId {
        self.id
    }

    /// Waits until an operation has come to the gate. Returns whether one did within `timeout`.
    pub fn wait_reached(&self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        let mut state = self.world.lock();
        loop {
            if state.gates.get(&self.id).is_none_or(|gate| gate.reached) {
                return true;
            }
            let now = Instant::now();
            if now >= deadline {
                return false;
            }
            state = self.world.wait_timeout(state, deadline - now);
        }
    }

    /// Lets everything through.
    pub fn open(self) {
        drop(self);
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.world.open_gate(self.id);
    }
}
