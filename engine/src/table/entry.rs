//! One version of one key, in one allocation.
//!
//! # Invariants
//!
//! * **E1** A published entry is never written, but for its version word, and for what counts in the
//!   handle of a collection.
//! * **E2** The header and the optional fields are initialised before anything else learns the
//!   address, and the flags alone say which fields there are.
//! * **E3** An entry is freed once: by its [`Draft`](super::Draft) while it is private, and after
//!   publication by whoever takes it out of the table, through the collector.
//! * **E4** An [`Entry`] borrows a guard that was made before the entry was found.
//!
//! [How it lies in memory](super::raw).

#![expect(
    clippy::cast_ptr_alignment,
    reason = "entries and all of their fields but key and value are aligned to eight bytes"
)]

use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::Arc;

use super::content::{Content, Payload};
use super::raw::{COLLECTION, HAS_EXPIRY, HAS_VERSION, Header, OUTLINED, Raw, SHARED, TOMBSTONE};
use super::word::Word;
use crate::collection::{Collection, Stored};
use crate::format::ValueType;
use crate::sync::atomic::AtomicU64;
use crate::sync::{Guard, prefetch_bytes};
use crate::tree::Replaced;
use crate::{Expiry, Item, Value};

/// A published entry, alive for as long as the guard it borrows (E4).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'g> {
    pub(super) raw: Raw,
    pub(super) guard: PhantomData<&'g Guard>,
}

impl<'g> Entry<'g> {
    /// The entry at an address.
    ///
    /// # Safety
    ///
    /// E4: the address is an entry's, which is alive while the guard is held that `'g` borrows.
    #[inline]
    pub(super) unsafe fn from_address(address: *mut u8) -> Self {
        // SAFETY: an entry's address is not null.
        let start = unsafe { NonNull::new_unchecked(address.cast::<Header>()) };
        Self { raw: Raw(start), guard: PhantomData }
    }

    pub(super) fn address(self) -> *mut u8 {
        self.raw.0.as_ptr().cast()
    }

    /// The key.
    #[inline]
    pub(crate) fn key(self) -> &'g [u8] {
        // SAFETY: E1, E2: the key's bytes are initialised and never written again.
        unsafe { std::slice::from_raw_parts(self.raw.key_start(), self.raw.key_bytes()) }
    }

    /// The string, empty for a collection or a tombstone.
    #[inline]
    pub(crate) fn value(self) -> &'g [u8] {
        let bytes = self.raw.value_bytes();
        let start = if self.raw.has(SHARED) {
            // SAFETY: the entry holds a count, so the box is alive while the entry is.
            return unsafe { &*self.raw.shared_pointer() };
        } else if self.raw.has(OUTLINED) {
            self.raw.outlined_pointer()
        } else {
            // SAFETY: an inline value follows the key, inside the allocation.
            unsafe { self.raw.key_start().add(self.raw.key_bytes()) }
        };
        // SAFETY: E1, E2: the value's bytes are initialised and never written again.
        unsafe { std::slice::from_raw_parts(start, bytes) }
    }

    /// The value as an owner may keep it: copied if small, counted if large.
    pub(crate) fn to_value(self) -> Value {
        self.shared_value().map_or_else(|| Value::from(self.value()), Value::shared)
    }

    /// Another count of a value that is kept out of line and counted.
    pub(crate) fn shared_value(self) -> Option<Arc<Box<[u8]>>> {
        self.raw.has(SHARED).then(|| {
            let counted = self.raw.shared_pointer();
            // SAFETY: the entry's own count keeps the allocation alive meanwhile.
            unsafe { Arc::increment_strong_count(counted) };
            // SAFETY: the count taken above is handed over.
            unsafe { Arc::from_raw(counted) }
        })
    }

    /// The collection, if the value is one.
    #[inline]
    pub(crate) fn stored(self) -> Option<&'g Stored> {
        if !self.raw.has(COLLECTION) {
            return None;
        }
        // SAFETY: E1, E2: the flag says that the handle is there, and it lives as long as the entry.
        Some(unsafe { &*self.raw.stored() })
    }

    /// The collection, if the value is one.
    #[inline]
    pub(crate) fn collection(self) -> Option<&'g Collection> {
        self.stored().map(|stored| &stored.collection)
    }

    /// Which type the value is of.
    #[inline]
    pub(crate) fn value_type(self) -> ValueType {
        self.collection().map_or(ValueType::String, Collection::value_type)
    }

    /// The value, whatever its type, as an owner may keep it. Of a collection that was replaced a
    /// moment ago it copies the inner nodes.
    pub(crate) fn to_item(self) -> Item {
        match self.collection() {
            Some(collection) => Item::Collection(collection.clone()),
            None => Item::String(self.to_value()),
        }
    }

    /// The value without the elements that had expired by `unix_ms`, in O(1). `None` if it was
    /// replaced a moment ago, and what took its place is to be looked up instead.
    pub(crate) fn try_item_at(self, unix_ms: impl FnOnce() -> u64) -> Option<Item> {
        let Some(collection) = self.collection() else {
            return Some(Item::String(self.to_value()));
        };
        let clone = match collection.next_expiry() {
            Expiry::Never => collection.try_clone(),
            Expiry::At(_) => collection.try_clone_at(unix_ms()),
        };
        clone.map(Item::Collection)
    }

    /// What a cut at `unix_ms` shows of the value: without the elements that had expired by then.
    pub(crate) fn item_of_cut(self, unix_ms: u64) -> Item {
        match self.collection_of_cut(unix_ms) {
            Some(collection) => Item::Collection(collection),
            None => Item::String(self.to_value()),
        }
    }

    /// What a cut at `unix_ms` shows of the collection, if the value is one. O(1): what a cut needs
    /// lends nothing to what takes its place.
    pub(crate) fn collection_of_cut(self, unix_ms: u64) -> Option<Collection> {
        let collection = self.collection()?;
        Some(collection.purged(unix_ms).unwrap_or_else(|| collection.clone()))
    }

    /// Whether it is there at `unix_ms`: it has not expired, and neither have all of its elements.
    #[inline]
    pub(crate) fn is_live_at(self, unix_ms: u64) -> bool {
        !self.expiry().is_past(unix_ms)
            && self.collection().is_none_or(|collection| collection.is_live(unix_ms))
    }

    /// The string as an owner may keep it; `None` for a collection.
    pub(crate) fn to_string_value(self) -> Option<Value> {
        (!self.raw.has(COLLECTION)).then(|| self.to_value())
    }

    /// What another entry with the same value is made of, in O(1). `None` if the value is a
    /// collection that was replaced a moment ago, so that no copy of it can take its place.
    pub(crate) fn try_payload(self) -> Option<Payload<'g>> {
        if let Some(collection) = self.collection() {
            return Some(Payload::Collection(Box::new(collection.try_clone()?)));
        }
        Some(match self.shared_value() {
            Some(bytes) => Payload::Shared(bytes),
            None if self.is_tombstone() => Payload::Tombstone,
            None => Payload::Copied(self.value()),
        })
    }

    /// Everything that another entry needs to be the same but for its version; `None` as for the
    /// [payload](Self::try_payload).
    pub(crate) fn try_content(self) -> Option<Content<'g>> {
        Some(Content { key: self.key(), payload: self.try_payload()?, expiry: self.expiry() })
    }

    #[inline]
    pub(crate) fn expiry(self) -> Expiry {
        if self.raw.has(HAS_EXPIRY) {
            // SAFETY: the flag says that the field is there.
            Expiry::At(unsafe { self.raw.expiry_field().cast::<u64>().read() })
        } else {
            Expiry::Never
        }
    }

    #[inline]
    pub(crate) fn has_expiry(self) -> bool {
        self.raw.has(HAS_EXPIRY)
    }

    #[inline]
    pub(crate) fn is_tombstone(self) -> bool {
        self.raw.has(TOMBSTONE)
    }

    /// The version word, if the entry was written while a cut was open.
    #[inline]
    pub(crate) fn version(self) -> Option<&'g AtomicU64> {
        self.raw.version()
    }

    /// The link to the version before, empty if there is none.
    ///
    /// # Safety
    ///
    /// The word that led here has `CHAIN`, which says that the link may be followed (R2).
    pub(super) unsafe fn link(self) -> Word<'g> {
        if !self.raw.has(HAS_VERSION) {
            return Word::EMPTY;
        }
        // SAFETY: the flag says that the field is there, and it is immutable (E1).
        let raw = unsafe { self.raw.link_field().cast::<*mut u8>().read() };
        // SAFETY: CHAIN says that the entry it leads to is owned by the word that led here, so it
        // is not retired before the guard was made (W1).
        unsafe { Word::from_raw(raw) }
    }

    /// Asks for the entry's first cache lines.
    pub(crate) fn prefetch(self) {
        const BYTES: usize = 128;
        prefetch_bytes(self.address(), BYTES);
    }

    /// Asks for the value, or for the beginning of a long one, which the processor follows by
    /// itself from there on. Reads the entry.
    pub(crate) fn prefetch_value(self) {
        const BYTES_MAX: usize = 2048;
        let value = self.value();
        prefetch_bytes(value.as_ptr(), value.len().min(BYTES_MAX));
    }

    /// Bytes of key and value; of a collection, those of its nodes.
    pub(crate) fn data_bytes(self) -> usize {
        let elements = self.collection().map_or(0, |collection| collection.data_bytes() as usize);
        self.raw.key_bytes() + self.raw.value_bytes() + elements
    }

    /// Bytes allocated for the entry, as requested from the allocator. A shared value counts for
    /// every entry that holds it.
    pub(crate) fn heap_bytes(self) -> usize {
        let outside = self.outside_bytes(Stored::heap_bytes);
        self.raw.allocation_bytes() + outside
    }

    /// Begins to count what a cut holds with the entry, which is superseded; returns that.
    pub(crate) fn count_held_in(self) -> usize {
        self.raw.allocation_bytes() + self.outside_bytes(Stored::count_in)
    }

    /// Ends it, because the entry is current again; returns what was counted.
    pub(crate) fn count_held_out(self) -> usize {
        self.raw.allocation_bytes() + self.outside_bytes(Stored::count_out)
    }

    /// Ends it for good; returns what was counted, or will have been.
    pub(crate) fn let_held_go(self) -> usize {
        self.raw.allocation_bytes() + self.outside_bytes(Stored::let_go)
    }

    /// Tells a collection what is about to take its place.
    pub(super) fn note_successor(self, successor: Entry<'_>) {
        if let Some(stored) = self.stored() {
            stored.note_successor(successor.collection());
        }
    }

    /// Settles what the collection has borrowed from that of an entry that it took the place of.
    ///
    /// # Safety
    ///
    /// This entry was published over `before`, which nothing links and which is retired under the
    /// guard under which it was found.
    pub(super) unsafe fn settle(self, before: Entry<'_>) {
        if let (Some(collection), Some(before)) = (self.collection(), before.collection()) {
            // SAFETY: the caller promises it.
            let replaced = unsafe { Replaced::new(before) };
            collection.settle(replaced);
        }
    }

    /// Counts what the collection has borrowed.
    pub(super) fn repay(self) {
        if let Some(collection) = self.collection() {
            collection.settle(Replaced::unknown());
        }
    }

    fn outside_bytes(self, of_collection: impl Fn(&Stored) -> usize) -> usize {
        match self.stored() {
            Some(stored) => of_collection(stored),
            None if self.raw.has(OUTLINED | SHARED) => self.raw.value_bytes(),
            None => 0,
        }
    }
}
