//! A map without any concurrency: what the others may be measured against, on one thread.

use std::cell::RefCell;

use super::{Table, Xxh3};
use crate::workload::number;

/// hashbrown, the standard library's map.
#[derive(Debug)]
pub struct Hashbrown(RefCell<Map>);

type Map = hashbrown::HashMap<Box<[u8]>, Box<[u8]>, Xxh3>;

impl Table for Hashbrown {
    const NAME: &'static str = "hashbrown";

    fn new() -> Self {
        Self(RefCell::new(Map::with_hasher(Xxh3)))
    }

    #[inline]
    fn insert(&self, key: &[u8], value: &[u8]) {
        self.0.borrow_mut().insert(key.into(), value.into());
    }

    #[inline]
    fn overwrite(&self, key: &[u8], value: &[u8]) {
        *self.0.borrow_mut().get_mut(key).expect("the key is there") = value.into();
    }

    #[inline]
    fn get(&self, key: &[u8]) -> Option<u64> {
        self.0.borrow().get(key).map(|value| number(value))
    }

    fn len(&self) -> usize {
        self.0.borrow().len()
    }
}
