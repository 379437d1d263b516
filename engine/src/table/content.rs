//! What entries are made of.

use std::sync::Arc;

use super::raw::FIELD_BYTES;
use crate::collection::Collection;
use crate::{Expiry, Item, Value};

/// Longest value kept in the entry's neighbourhood and copied to readers. Longer ones are
/// counted, so that replies and pages hold a count instead of a guard (rule R15).
pub(crate) const COPIED_BYTES_MAX: usize = 4096;

/// Below this length a value is always inline.
const OUTLINE_BYTES_MIN: usize = 512;

/// What a new entry's value is made of.
#[derive(Clone, Debug)]
pub(crate) enum Payload<'a> {
    /// Bytes to copy.
    Copied(&'a [u8]),
    /// Bytes that are moved in, or shared.
    Shared(Arc<Box<[u8]>>),
    /// A collection, moved in. In a box, since most payloads are strings.
    Collection(Box<Collection>),
    /// No value: a tombstone.
    Tombstone,
}

impl<'a> Payload<'a> {
    /// The cheapest form for these bytes when they may only be borrowed.
    pub(crate) fn borrowed(bytes: &'a [u8]) -> Self {
        if bytes.len() > COPIED_BYTES_MAX {
            Self::Shared(Arc::new(bytes.into()))
        } else {
            Self::Copied(bytes)
        }
    }

    /// The cheapest form for a value that is handed over: copied if it is small, shared if it is
    /// large.
    pub(crate) fn of(value: &'a mut Value) -> Self {
        if value.len() > COPIED_BYTES_MAX {
            Self::Shared(value.share())
        } else {
            Self::Copied(value)
        }
    }

    /// The cheapest form for an item that is handed over.
    pub(crate) fn of_item(item: &'a mut Item) -> Self {
        match item {
            Item::String(value) => Self::of(value),
            Item::Collection(collection) => Self::Collection(Box::new(collection.clone())),
        }
    }
}

/// Everything that determines an entry but its version.
#[derive(Clone, Debug)]
pub(crate) struct Content<'a> {
    pub(crate) key: &'a [u8],
    pub(crate) payload: Payload<'a>,
    pub(crate) expiry: Expiry,
}

/// The size classes of common allocators: multiples of 16 up to 128, then four a doubling.
fn allocation_class(bytes: usize) -> usize {
    if bytes <= 128 {
        return bytes.next_multiple_of(16);
    }
    let step = (bytes - 1).next_power_of_two() / 8;
    bytes.next_multiple_of(step.max(16))
}

/// Whether a value of this length wastes less memory in an allocation of its own, because the
/// whole entry would fall just above a size class.
pub(super) fn outlined_is_tighter(head_bytes: usize, value_bytes: usize) -> bool {
    value_bytes >= OUTLINE_BYTES_MIN
        && allocation_class(head_bytes + FIELD_BYTES) + allocation_class(value_bytes)
            < allocation_class(head_bytes + value_bytes)
}
