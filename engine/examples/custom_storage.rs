//! A storage of one's own: anything that can keep bytes under a name can keep snapshots.
//!
//! This one counts what is asked of another storage, as a wrapper for metrics would. Run with
//! `cargo run -p exuvia --example custom_storage`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use exuvia::format::storage::{
    MemoryStorage, ObjectMeta, ObjectReader, ObjectWriter, PutMode, SnapshotStorage, StorageError,
    WriteHint, contract,
};
use exuvia::{Expiry, Options, Store};

/// Passes everything on to memory, and counts what is asked of each name.
#[derive(Debug, Default)]
struct Counting {
    inner: MemoryStorage,
    calls: Mutex<BTreeMap<String, u32>>,
}

impl Counting {
    fn note(&self, name: &str) {
        *self.calls.lock().expect("no call panics").entry(name.to_owned()).or_default() += 1;
    }
}

impl SnapshotStorage for Counting {
    fn location(&self) -> String {
        "counting".to_owned()
    }

    fn list(&self) -> Result<Vec<ObjectMeta>, StorageError> {
        self.inner.list()
    }

    fn create(&self, name: &str, hint: WriteHint) -> Result<Box<dyn ObjectWriter>, StorageError> {
        self.note(name);
        self.inner.create(name, hint)
    }

    fn open(&self, name: &str) -> Result<Box<dyn ObjectReader>, StorageError> {
        self.note(name);
        self.inner.open(name)
    }

    fn put(&self, name: &str, bytes: &[u8], mode: PutMode) -> Result<(), StorageError> {
        self.note(name);
        self.inner.put(name, bytes, mode)
    }

    fn get(&self, name: &str, bytes_max: u64) -> Result<Vec<u8>, StorageError> {
        self.note(name);
        self.inner.get(name, bytes_max)
    }

    fn remove(&self, name: &str) -> Result<(), StorageError> {
        self.note(name);
        self.inner.remove(name)
    }
}

fn main() -> Result<(), exuvia::Error> {
    // What every storage has to do, as tests that come with the port.
    contract::run_all(|| Box::new(Counting::default()));

    let storage = Arc::new(Counting::default());
    let store = Store::open(Options::with_storage(storage.clone()).dbfilename("moths"))?;
    store.set(b"luna", b"green", Expiry::Never)?;
    store.save()?.wait()?;

    let again = Store::open(Options::with_storage(storage.clone()).dbfilename("moths"))?;
    assert_eq!(again.get(b"luna").as_deref(), Some(&b"green"[..]));
    let calls = storage.calls.lock().expect("no call panics");
    assert!(calls["moths-summary.dfs"] >= 3, "put, read back, and read by the second store");
    drop(calls);
    Ok(())
}
