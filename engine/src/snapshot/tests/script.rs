//! A storage in memory that does at chosen operations what storages do at bad times.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::format::storage::{
    Buffer, MemoryStorage, ObjectMeta, ObjectReader, ObjectWriter, PutMode, SnapshotStorage,
    StorageError, StorageErrorKind, WriteHint,
};

/// What happens at an operation instead of, or besides, the operation.
#[derive(Clone, Copy, Debug)]
pub(super) enum Act {
    /// It is carried out.
    Pass,
    /// It fails and does nothing.
    Fail(StorageErrorKind),
    /// It is carried out and reported as failed.
    Deny(StorageErrorKind),
    /// It waits until the gate is opened, then is carried out.
    Stall,
    /// It panics.
    Panic,
}

/// Decides by the number of the operation and its name, as in `submit dump-0000-1a2b3c4d.dfs`.
type Plan = Box<dyn FnMut(usize, &str) -> Act + Send>;

#[derive(Default)]
struct Stage {
    plan: Option<Plan>,
    log: Vec<String>,
    /// How many operations wait at the gate.
    waiting: usize,
    gate_open: bool,
}

/// A [`MemoryStorage`] with a log and a plan.
pub(super) struct Script {
    memory: MemoryStorage,
    stage: Arc<(Mutex<Stage>, Condvar)>,
    free_bytes: Mutex<Option<u64>>,
    /// Of all objects.
    modified_unix_ms: u64,
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Script")
    }
}

impl Script {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            memory: MemoryStorage::new(),
            stage: Arc::default(),
            free_bytes: Mutex::new(None),
            modified_unix_ms: super::NOON,
        })
    }

    /// Follows `plan` from now on, counting operations from zero, with an empty log.
    pub(super) fn follow(&self, plan: impl FnMut(usize, &str) -> Act + Send + 'static) {
        let mut stage = lock(&self.stage);
        stage.plan = Some(Box::new(plan));
        stage.log.clear();
        stage.gate_open = false;
    }

    /// Carries everything out from now on; the log goes on.
    pub(super) fn behave(&self) {
        lock(&self.stage).plan = None;
        self.open_gate();
    }

    pub(super) fn open_gate(&self) {
        lock(&self.stage).gate_open = true;
        self.stage.1.notify_all();
    }

    /// Waits until an operation waits at the gate.
    pub(super) fn wait_for_stall(&self) {
        let mut stage = lock(&self.stage);
        while stage.waiting == 0 {
            stage = self.stage.1.wait(stage).unwrap();
        }
    }

    pub(super) fn log(&self) -> Vec<String> {
        lock(&self.stage).log.clone()
    }

    pub(super) fn set_free_bytes(&self, bytes: u64) {
        *self.free_bytes.lock().unwrap() = Some(bytes);
    }

    /// Names of all objects, sorted.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> =
            self.memory.list().unwrap().into_iter().map(|object| object.name).collect();
        names.sort();
        names
    }

    /// The storage without log and plan.
    pub(super) fn memory(&self) -> &MemoryStorage {
        &self.memory
    }

    /// Changes the bytes of an object.
    pub(super) fn edit(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = self.memory.get(name, u64::MAX).unwrap();
        change(&mut bytes);
        self.memory.put(name, &bytes, PutMode::Replace).unwrap();
    }
}

/// What a scripted panic says.
const PANIC: &str = "the script panics";

/// Keeps scripted panics out of the tests' output; others are shown as ever.
pub(super) fn silence_scripted_panics() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let shown = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if panic.payload_as_str() != Some(PANIC) {
                shown(panic);
            }
        }));
    });
}

fn lock(stage: &(Mutex<Stage>, Condvar)) -> MutexGuard<'_, Stage> {
    stage.0.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Carries `operation` out as the plan says.
fn act<T>(
    stage: &(Mutex<Stage>, Condvar),
    action: &'static str,
    object: &str,
    operation: impl FnOnce() -> Result<T, StorageError>,
) -> Result<T, StorageError> {
    let name = if object.is_empty() { action.to_owned() } else { format!("{action} {object}") };
    let fail = |kind| Err(StorageError::new(kind, action, object, "the script says so"));
    let mut locked = lock(stage);
    let number = locked.log.len();
    let act = locked.plan.as_mut().map_or(Act::Pass, |plan| plan(number, &name));
    locked.log.push(name);
    match act {
        Act::Pass => {
            drop(locked);
            operation()
        }
        Act::Fail(kind) => fail(kind),
        Act::Deny(kind) => {
            drop(locked);
            operation()?;
            fail(kind)
        }
        Act::Stall => {
            locked.waiting += 1;
            stage.1.notify_all();
            while !locked.gate_open {
                locked = stage.1.wait(locked).unwrap();
            }
            locked.waiting -= 1;
            drop(locked);
            operation()
        }
        Act::Panic => {
            drop(locked);
            panic!("{PANIC}");
        }
    }
}

impl SnapshotStorage for Script {
    fn location(&self) -> String {
        "script:".to_owned()
    }

    fn list(&self) -> Result<Vec<ObjectMeta>, StorageError> {
        act(&self.stage, "list", "", || {
            let stamped = |object: ObjectMeta| {
                ObjectMeta::new(object.name, object.bytes, Some(self.modified_unix_ms))
            };
            Ok(self.memory.list()?.into_iter().map(stamped).collect())
        })
    }

    fn create(&self, name: &str, hint: WriteHint) -> Result<Box<dyn ObjectWriter>, StorageError> {
        act(&self.stage, "create", name, || {
            let inner = self.memory.create(name, hint)?;
            let stage = Arc::clone(&self.stage);
            Ok(Box::new(ScriptWriter { inner, stage, name: name.to_owned() }) as Box<_>)
        })
    }

    fn replace(&self, name: &str, hint: WriteHint) -> Result<Box<dyn ObjectWriter>, StorageError> {
        act(&self.stage, "replace", name, || {
            let inner = self.memory.replace(name, hint)?;
            let stage = Arc::clone(&self.stage);
            Ok(Box::new(ScriptWriter { inner, stage, name: name.to_owned() }) as Box<_>)
        })
    }

    fn open(&self, name: &str) -> Result<Box<dyn ObjectReader>, StorageError> {
        act(&self.stage, "open", name, || {
            let inner = self.memory.open(name)?;
            let stage = Arc::clone(&self.stage);
            Ok(Box::new(ScriptReader { inner, stage, name: name.to_owned() }) as Box<_>)
        })
    }

    fn put(&self, name: &str, bytes: &[u8], mode: PutMode) -> Result<(), StorageError> {
        act(&self.stage, "put", name, || self.memory.put(name, bytes, mode))
    }

    fn get(&self, name: &str, bytes_max: u64) -> Result<Vec<u8>, StorageError> {
        act(&self.stage, "get", name, || self.memory.get(name, bytes_max))
    }

    fn remove(&self, name: &str) -> Result<(), StorageError> {
        act(&self.stage, "remove", name, || self.memory.remove(name))
    }

    fn free_bytes(&self) -> Result<Option<u64>, StorageError> {
        act(&self.stage, "free", "", || Ok(*self.free_bytes.lock().unwrap()))
    }
}

struct ScriptWriter {
    inner: Box<dyn ObjectWriter>,
    stage: Arc<(Mutex<Stage>, Condvar)>,
    name: String,
}

impl ObjectWriter for ScriptWriter {
    fn reclaim(&mut self) -> Result<Buffer, StorageError> {
        let Self { inner, stage, name } = self;
        act(stage, "reclaim", name, || inner.reclaim())
    }

    fn submit(&mut self, buffer: Buffer) -> Result<(), StorageError> {
        let Self { inner, stage, name } = self;
        act(stage, "submit", name, || inner.submit(buffer))
    }

    fn finish(self: Box<Self>) -> Result<ObjectMeta, StorageError> {
        let Self { inner, stage, name } = *self;
        act(&stage, "finish", &name, || inner.finish())
    }

    fn abort(self: Box<Self>) {
        let Self { inner, stage, name } = *self;
        lock(&stage).log.push(format!("abort {name}"));
        inner.abort();
    }
}

struct ScriptReader {
    inner: Box<dyn ObjectReader>,
    stage: Arc<(Mutex<Stage>, Condvar)>,
    name: String,
}

impl ObjectReader for ScriptReader {
    fn bytes(&self) -> u64 {
        self.inner.bytes()
    }

    fn submit(&mut self, offset: u64, buffer: Buffer) -> Result<(), StorageError> {
        self.inner.submit(offset, buffer)
    }

    fn complete(&mut self) -> Result<(u64, Buffer), StorageError> {
        let Self { inner, stage, name } = self;
        act(stage, "read", name, || inner.complete())
    }
}
