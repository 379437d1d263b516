//! A look at an entry, for callers.

use crate::collection::{Collection, CollectionType};
use crate::format::ValueType;
use crate::table::Entry;
use crate::{Expiry, Item, Value};

/// A borrowed look at an entry, inside a closure.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct EntryRef<'a> {
    /// The key.
    pub key: &'a [u8],
    /// The string; empty if the value is a [collection](Self::collection).
    pub value: &'a [u8],
    /// When it expires.
    pub expiry: Expiry,
    pub(crate) entry: Entry<'a>,
}

impl<'a> EntryRef<'a> {
    pub(crate) fn of(entry: Entry<'a>) -> Self {
        Self { key: entry.key(), value: entry.value(), expiry: entry.expiry(), entry }
    }

    /// Which type the value is of.
    #[inline]
    pub fn value_type(&self) -> ValueType {
        self.entry.value_type()
    }

    /// The collection, if the value is one. Elements that have expired may still be in it.
    pub fn collection(&self) -> Option<&'a Collection> {
        self.entry.collection()
    }

    /// The collection of type `C`, if the value is one.
    pub fn downcast<C: CollectionType>(&self) -> Option<&'a C> {
        self.entry.collection().and_then(C::of)
    }

    /// The string to keep beyond the closure: a large one is counted, a small one copied. Empty
    /// for a collection.
    pub fn to_value(&self) -> Value {
        self.entry.to_value()
    }

    /// The value, whatever its type, to keep beyond the closure. O(1) for a collection, unless
    /// another thread has replaced it meanwhile; then it takes what a clone of one takes inside
    /// [`with_collection`](crate::Database::with_collection).
    pub fn to_item(&self) -> Item {
        self.entry.to_item()
    }

    /// Bytes allocated for the entry, as requested from the allocator.
    pub fn heap_bytes(&self) -> usize {
        self.entry.heap_bytes()
    }
}
