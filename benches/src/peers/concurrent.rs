//! Concurrent hash maps.

use super::{Table, Xxh3};
use crate::workload::number;

/// papaya: lock-free, linear directory, hazard-free reclamation.
#[derive(Debug)]
pub struct Papaya(papaya::HashMap<Box<[u8]>, Box<[u8]>, Xxh3>);

impl Table for Papaya {
    const NAME: &'static str = "papaya";

    fn new() -> Self {
        Self(papaya::HashMap::with_hasher(Xxh3))
    }

    #[inline]
    fn insert(&self, key: &[u8], value: &[u8]) {
        self.0.pin().insert(key.into(), value.into());
    }

    #[inline]
    fn get(&self, key: &[u8]) -> Option<u64> {
        self.0.pin().get(key).map(|value| number(value))
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}

/// dashmap: a lock per shard.
#[derive(Debug)]
pub struct Dashmap(dashmap::DashMap<Box<[u8]>, Box<[u8]>, Xxh3>);

impl Table for Dashmap {
    const NAME: &'static str = "dashmap";

    fn new() -> Self {
        Self(dashmap::DashMap::with_hasher(Xxh3))
    }

    #[inline]
    fn insert(&self, key: &[u8], value: &[u8]) {
        self.0.insert(key.into(), value.into());
    }

    #[inline]
    fn overwrite(&self, key: &[u8], value: &[u8]) {
        *self.0.get_mut(key).expect("the key is there") = value.into();
    }

    #[inline]
    fn get(&self, key: &[u8]) -> Option<u64> {
        self.0.get(key).map(|value| number(&value))
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}

/// scc: a lock per bucket, which readers do not take.
#[derive(Debug)]
pub struct Scc(scc::HashMap<Box<[u8]>, Box<[u8]>, Xxh3>);

impl Table for Scc {
    const NAME: &'static str = "scc";

    fn new() -> Self {
        Self(scc::HashMap::with_hasher(Xxh3))
    }

    #[inline]
    fn insert(&self, key: &[u8], value: &[u8]) {
        self.0.upsert_sync(key.into(), value.into());
    }

    #[inline]
    fn overwrite(&self, key: &[u8], value: &[u8]) {
        let replaced = self.0.update_sync(key, |_, old| *old = value.into());
        replaced.expect("the key is there");
    }

    #[inline]
    fn get(&self, key: &[u8]) -> Option<u64> {
        self.0.read_sync(key, |_, value| number(value))
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}
