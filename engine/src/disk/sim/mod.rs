//! A disk in memory that tears, loses, reorders, delays, fills up and dies, all on command.
//!
//! [`SimDisk`] runs the same publication code as [`LocalDisk`](super::LocalDisk) over a model of a
//! file system: what was written is visible at once and durable only after a sync, names likewise
//! after a sync of the directory. Every call to that file system is one *operation* with a number,
//! counted from zero. A script makes chosen operations fail, stall or end the world;
//! [`reboot`](SimDisk::reboot) then builds a disk as a power cut may have left it:
//!
//! - content that was synced is there; any 512-byte sector written since may hold what it held
//!   before, what was written, or, where the file grew, zeros or garbage;
//! - a file's length is any that it had since it was synced;
//! - creations, renames and removals since the directory was synced have each happened or not,
//!   but a rename is whole.
//!
//! That is more than common file systems do to their users, and no more than they promise.
//!
//! # Determinism
//!
//! Transfers complete in an order drawn from the seed. One thread that does the same calls on
//! disks of the same seed sees the same; several threads number their operations in the order in
//! which they arrive.
//!
//! # Examples
//!
//! ```
//! use exuvia::disk::sim::SimDisk;
//! use exuvia::format::storage::{PutMode, SnapshotStorage};
//!
//! // At whichever operation the power goes, the old or the new content is there.
//! for operation in 0.. {
//!     let disk = SimDisk::new(7);
//!     disk.put("note", b"old", PutMode::CreateNew)?;
//!     disk.die_at(disk.operations() + operation);
//!     let died = disk.put("note", b"new", PutMode::Replace).is_err();
//!     let content = disk.reboot(operation).get("note", 8)?;
//!     assert!(content == b"new" || (died && content == b"old"));
//!     if !died {
//!         break;
//!     }
//! }
//! # Ok::<(), exuvia::format::storage::StorageError>(())
//! ```

mod directory;
mod file;
mod image;
mod names;
mod random;
mod script;
mod world;

use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

pub(super) use self::directory::SimDirectory;
use self::script::Fault;
pub use self::script::Gate;
use self::world::World;
use super::volume::Volume;
use crate::format::storage::{
    ObjectMeta, ObjectReader, ObjectWriter, PutMode, SnapshotStorage, StorageError, WriteHint,
};

/// A simulated disk that implements the storage port. Clones are the same disk.
#[derive(Clone, Debug)]
pub struct SimDisk {
    volume: Arc<Volume<SimDirectory>>,
    world: Arc<World>,
}

/// One call to the simulated file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// What was done, as `write` or `rename`.
    pub action: &'static str,
    /// The file that it was done to, under its name at that time; empty for the directory.
    pub name: String,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.action, if self.name.is_empty() { "." } else { &self.name })
    }
}

impl SimDisk {
    /// An empty disk whose choices are drawn from `seed`.
    pub fn new(seed: u64) -> Self {
        Self::of(World::new(seed))
    }

    fn of(world: World) -> Self {
        let world = Arc::new(world);
        Self { volume: Arc::new(Volume::new(SimDirectory::new(Arc::clone(&world)))), world }
    }

    /// The directory underneath, for tests of the publication code itself.
    #[cfg(test)]
    pub(super) fn directory(&self) -> SimDirectory {
        SimDirectory::new(Arc::clone(&self.world))
    }

    /// How many operations there were.
    pub fn operations(&self) -> u64 {
        self.world.lock().log.len() as u64
    }

    /// The operations so far, in the order of their numbers.
    pub fn log(&self) -> Vec<Operation> {
        self.world.lock().log.clone()
    }

    /// Makes operation number `operation` fail with `kind`.
    ///
    /// A failed sync loses some of what it should have made durable, and a second sync of the same
    /// file does not bring it back, as on a real kernel.
    pub fn fail_at(&self, operation: u64, kind: io::ErrorKind) {
        self.world.plan(operation, Fault::Fail(kind));
    }

    /// Makes operation number `operation`, a transfer, move at most `bytes` bytes.
    pub fn shorten_at(&self, operation: u64, bytes: usize) {
        self.world.plan(operation, Fault::Shorten(bytes));
    }

    /// Makes operation number `operation` take `duration` longer.
    pub fn delay_at(&self, operation: u64, duration: Duration) {
        self.world.plan(operation, Fault::Delay(duration));
    }

    /// Makes operation number `operation` wait until the gate is opened.
    pub fn stall_at(&self, operation: u64) -> Gate {
        let gate = Gate::new(&self.world);
        self.world.plan(operation, Fault::Stall(gate.id()));
        gate
    }

    /// Makes all reads and writes of content wait until the gate is opened.
    pub fn stall_transfers(&self) -> Gate {
        let gate = Gate::new(&self.world);
        self.world.lock().transfers_stalled_by = Some(gate.id());
        gate
    }

    /// Cuts the power in the middle of operation number `operation`.
    pub fn die_at(&self, operation: u64) {
        self.world.plan(operation, Fault::Die);
    }

    /// Cuts the power now. Everything that waits for the disk fails.
    pub fn die(&self) {
        self.world.die();
    }

    /// Whether the power was cut.
    pub fn is_dead(&self) -> bool {
        self.world.lock().dead
    }

    /// Gives the disk room for `bytes` bytes of files.
    pub fn set_capacity(&self, bytes: u64) {
        self.world.lock().capacity_bytes = bytes;
    }

    /// Sets the time that files changed from here on carry.
    pub fn set_unix_ms(&self, unix_ms: u64) {
        self.world.lock().unix_ms = unix_ms;
    }

    /// Cuts the power and returns a disk with what may be left, chosen by `seed`.
    ///
    /// Scripts end with the old disk; counting begins anew.
    #[must_use]
    pub fn reboot(&self, seed: u64) -> Self {
        self.world.die();
        Self::of(self.world.survivors(seed))
    }

    /// Names of all files, temporary ones too, in order. Not an operation.
    pub fn names(&self) -> Vec<String> {
        self.world.lock().names.visible().keys().cloned().collect()
    }

    /// Content of the file `name` as a reader would see it. Not an operation.
    pub fn read(&self, name: &str) -> Option<Vec<u8>> {
        let state = self.world.lock();
        let file = state.names.visible().get(name)?;
        state.images.get(file).map(|image| image.visible().to_vec())
    }

    /// Puts a durable file there, or changes the content of the one that is, as an operator or
    /// decay would. Not an operation.
    pub fn plant(&self, name: &str, content: &[u8]) {
        self.world.lock().plant(name, content);
    }
}

impl SnapshotStorage for SimDisk {
    fn location(&self) -> String {
        self.volume.location()
    }

    fn list(&self) -> Result<Vec<ObjectMeta>, StorageError> {
        self.volume.list()
    }

    fn create(&self, name: &str, hint: WriteHint) -> Result<Box<dyn ObjectWriter>, StorageError> {
        self.volume.create(name, hint)
    }

    fn replace(&self, name: &str, hint: WriteHint) -> Result<Box<dyn ObjectWriter>, StorageError> {
        self.volume.replace(name, hint)
    }

    fn open(&self, name: &str) -> Result<Box<dyn ObjectReader>, StorageError> {
        self.volume.open(name)
    }

    fn put(&self, name: &str, bytes: &[u8], mode: PutMode) -> Result<(), StorageError> {
        self.volume.put(name, bytes, mode)
    }

    fn get(&self, name: &str, bytes_max: u64) -> Result<Vec<u8>, StorageError> {
        self.volume.get(name, bytes_max)
    }

    fn remove(&self, name: &str) -> Result<(), StorageError> {
        self.volume.remove(name)
    }

    fn sync(&self) -> Result<(), StorageError> {
        self.volume.sync()
    }

    fn free_bytes(&self) -> Result<Option<u64>, StorageError> {
        self.volume.free_bytes()
    }
}
