//! One version of one key, in one allocation.
//!
//! ```text
//!  0            4            6            8
//! ┌────────────┬────────────┬────────────┬─ optional, in this order, 8 bytes each ──────────────┬─────┬───────┐
//! │value length│ key length │   flags    │ version, link │ expiry │ long key length │ value ptr │ key │ value │
//! └────────────┴────────────┴────────────┴───────────────────────────────────────────────────────┴─────┴───────┘
//! ```
//!
//! The value is a string or a collection. Strings that are large, or would waste memory beside the
//! key, and all collections are elsewhere, behind the value pointer.
//!
//! # Invariants
//!
//! * **E1** A published entry is never written, but for its version word.
//! * **E2** The header and the optional fields are initialised before anything else learns the
//!   address, and the flags alone say which fields there are.
//! * **E3** An entry is freed once: by its [`Draft`] while it is private, and after publication
//!   by whoever takes it out of the table, through the collector.
//! * **E4** An [`Entry`] borrows a guard that was made before the entry was found.

#![expect(
    clippy::cast_ptr_alignment,
    reason = "entries and all of their fields but key and value are aligned to eight bytes"
)]

use std::alloc::handle_alloc_error;
use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use super::content::{Content, Payload, outlined_is_tighter};
use super::shelf;
use super::word::Word;
use crate::collection::{Collection, Stored};
use crate::format::ValueType;
use crate::sync::Guard;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::tree::Replaced;
use crate::{Expiry, Item, Value};

const HAS_VERSION: u16 = 1 << 0;
const HAS_EXPIRY: u16 = 1 << 1;
const TOMBSTONE: u16 = 1 << 2;
const LONG_KEY: u16 = 1 << 3;
const OUTLINED: u16 = 1 << 4;
const SHARED: u16 = 1 << 5;
const COLLECTION: u16 = 1 << 6;

/// The value is elsewhere, and the entry has a pointer to it.
const ELSEWHERE: u16 = OUTLINED | SHARED | COLLECTION;

/// Bytes of the header, and of each optional field.
pub(super) const FIELD_BYTES: usize = 8;

#[repr(C, align(8))]
struct Header {
    value_bytes: u32,
    key_bytes: u16,
    flags: u16,
}

const _: () = assert!(size_of::<Header>() == FIELD_BYTES);

/// An entry that is not published yet; frees itself.
#[derive(Debug)]
pub(crate) struct Draft(NonNull<Header>);

// SAFETY: a draft is uniquely owned and holds plain bytes and an `Arc` of bytes or a collection,
// both of which any thread may have.
unsafe impl Send for Draft {}

impl Draft {
    /// Builds an entry; `versioned` gives it room for a version and a link.
    pub(crate) fn new(content: &Content<'_>, versioned: bool) -> Self {
        let Content { key, payload, expiry } = content;
        let mut flags = 0;
        let mut head_bytes = FIELD_BYTES + key.len();
        if versioned {
            flags |= HAS_VERSION;
            head_bytes += 2 * FIELD_BYTES;
        }
        if *expiry != Expiry::Never {
            flags |= HAS_EXPIRY;
            head_bytes += FIELD_BYTES;
        }
        if key.len() > u16::MAX as usize {
            flags |= LONG_KEY;
            head_bytes += FIELD_BYTES;
        }
        let inline_bytes = match payload {
            Payload::Tombstone => {
                flags |= TOMBSTONE;
                0
            }
            Payload::Shared(_) => {
                flags |= SHARED;
                FIELD_BYTES
            }
            Payload::Collection(_) => {
                flags |= COLLECTION;
                FIELD_BYTES
            }
            Payload::Copied(bytes) if outlined_is_tighter(head_bytes, bytes.len()) => {
                flags |= OUTLINED;
                FIELD_BYTES
            }
            Payload::Copied(bytes) => bytes.len(),
        };
        let layout = shelf::layout_of(head_bytes + inline_bytes);
        let memory = shelf::allocate(layout);
        let Some(start) = NonNull::new(memory.cast::<Header>()) else { handle_alloc_error(layout) };
        assert!(memory.addr() >> 48 == 0, "the slot word holds 48-bit addresses");
        let header = Header {
            value_bytes: u32::try_from(payload.len()).expect("lengths are checked by the caller"),
            key_bytes: if flags & LONG_KEY == 0 { key.len() as u16 } else { 0 },
            flags,
        };
        // SAFETY: freshly allocated, aligned to 8, at least a header long.
        unsafe { start.write(header) };
        let draft = Self(start);
        draft.fill(content);
        draft
    }

    /// Writes all that follows the header (E2).
    fn fill(&self, content: &Content<'_>) {
        let raw = self.raw();
        if raw.has(HAS_VERSION) {
            // SAFETY: the flag says that the two fields are there; the entry is private.
            unsafe { raw.field(0).cast::<[u64; 2]>().write([0, 0]) };
        }
        if let Expiry::At(unix_ms) = content.expiry {
            // SAFETY: the flag is set, so the field is inside the allocation.
            unsafe { raw.expiry_field().cast::<u64>().write(unix_ms) };
        }
        if raw.has(LONG_KEY) {
            // SAFETY: the flag is set, so the field is inside the allocation.
            unsafe { raw.long_key_field().cast::<u64>().write(content.key.len() as u64) };
        }
        let key_start = raw.key_start();
        // SAFETY: the allocation was sized for the key at this place.
        unsafe { ptr::copy_nonoverlapping(content.key.as_ptr(), key_start, content.key.len()) };
        match &content.payload {
            Payload::Tombstone => {}
            Payload::Shared(bytes) => {
                let counted = Arc::into_raw(Arc::clone(bytes));
                // SAFETY: SHARED is set, so the pointer field is inside the allocation.
                unsafe { raw.value_field().cast::<*const Box<[u8]>>().write(counted) };
            }
            Payload::Collection(stored) => {
                let counted = Arc::into_raw(Arc::clone(stored));
                // SAFETY: COLLECTION is set, so the pointer field is inside the allocation.
                unsafe { raw.value_field().cast::<*const Stored>().write(counted) };
            }
            Payload::Copied(bytes) if raw.has(OUTLINED) => {
                let owned: Box<[u8]> = (*bytes).into();
                let thin = Box::into_raw(owned).cast::<u8>();
                // SAFETY: OUTLINED is set, so the pointer field is inside the allocation.
                unsafe { raw.value_field().cast::<*mut u8>().write(thin) };
            }
            Payload::Copied(bytes) => {
                // SAFETY: an inline value follows the key, inside the allocation.
                let value_start = unsafe { key_start.add(content.key.len()) };
                // SAFETY: the allocation was sized for the value at this place.
                unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), value_start, bytes.len()) };
            }
        }
    }

    fn raw(&self) -> Raw {
        Raw(self.0)
    }

    /// Looks at the draft as at an entry.
    pub(crate) fn as_entry(&self) -> Entry<'_> {
        Entry { raw: self.raw(), guard: PhantomData }
    }

    pub(super) fn address(&self) -> *mut u8 {
        self.0.as_ptr().cast()
    }

    pub(crate) fn is_versioned(&self) -> bool {
        self.raw().has(HAS_VERSION)
    }

    /// Rebuilds the entry with room for a version, moving the value.
    pub(crate) fn into_versioned(self) -> Self {
        if self.is_versioned() {
            return self;
        }
        let content = self.as_entry().try_content();
        Self::new(&content.expect("what was never published was not replaced"), true)
    }

    /// Sets the link to the version before this one.
    pub(super) fn set_link(&mut self, link: Word<'_>) {
        debug_assert!(self.is_versioned());
        // SAFETY: the entry has the field and is private.
        unsafe { self.raw().link_field().cast::<*mut u8>().write(link.to_raw()) };
    }

    /// Sets the version word before publication.
    pub(super) fn set_version_word(&mut self, word: u64) {
        let version = self.raw().version().expect("only versioned drafts get a version word");
        version.store(word, Ordering::Relaxed);
    }

    /// Gives up ownership: the entry is published, or its owner frees it by other means.
    pub(super) fn into_address(self) -> *mut u8 {
        let address = self.address();
        std::mem::forget(self);
        address
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // SAFETY: E3: a draft is the only owner of its entry.
        unsafe { free(self.address()) };
    }
}

/// Frees an entry and what it owns.
///
/// # Safety
///
/// Nobody can reach the entry any longer, and it is freed once (E3).
pub(super) unsafe fn free(address: *mut u8) {
    let raw = Raw(NonNull::new(address.cast()).expect("an entry's address is not null"));
    if raw.has(SHARED) {
        // SAFETY: the field holds what `Arc::into_raw` gave, and gives its count back once.
        drop(unsafe { Arc::from_raw(raw.shared_pointer()) });
    } else if raw.has(COLLECTION) {
        // SAFETY: the field holds what `Arc::into_raw` gave, and gives its count back once.
        drop(unsafe { Arc::from_raw(raw.collection_pointer()) });
    } else if raw.has(OUTLINED) {
        let bytes = ptr::slice_from_raw_parts_mut(raw.outlined_pointer(), raw.value_bytes());
        // SAFETY: the field holds what `Box::into_raw` gave, with this length.
        drop(unsafe { Box::from_raw(bytes) });
    }
    let layout = shelf::layout_of(raw.allocation_bytes());
    // SAFETY: allocated with this layout, which follows from the immutable header.
    unsafe { shelf::release(address, layout) };
}

/// An entry's address with the arithmetic of its fields.
#[derive(Clone, Copy, Debug)]
struct Raw(NonNull<Header>);

impl Raw {
    #[inline]
    fn header(self) -> &'static Header {
        // SAFETY: E2; the reference does not leave this module, whose callers hold a guard (E4)
        // or own the entry.
        unsafe { self.0.as_ref() }
    }

    #[inline]
    fn has(self, flag: u16) -> bool {
        self.header().flags & flag != 0
    }

    /// The `index`th 8-byte field behind the header.
    #[inline]
    fn field(self, index: usize) -> *mut u8 {
        let start = self.0.as_ptr().cast::<u8>();
        // SAFETY: callers ask for fields that the flags say are there, or for one past them.
        unsafe { start.add(FIELD_BYTES * (1 + index)) }
    }

    #[inline]
    fn link_field(self) -> *mut u8 {
        self.field(1)
    }

    #[inline]
    fn expiry_field(self) -> *mut u8 {
        self.field(if self.has(HAS_VERSION) { 2 } else { 0 })
    }

    fn long_key_field(self) -> *mut u8 {
        let flags = self.header().flags;
        self.field(
            if flags & HAS_VERSION != 0 { 2 } else { 0 } + usize::from(flags & HAS_EXPIRY != 0),
        )
    }

    #[inline]
    fn value_field(self) -> *mut u8 {
        let flags = self.header().flags;
        self.field(
            if flags & HAS_VERSION != 0 { 2 } else { 0 }
                + usize::from(flags & HAS_EXPIRY != 0)
                + usize::from(flags & LONG_KEY != 0),
        )
    }

    /// Number of 8-byte fields behind the header.
    #[inline]
    fn fields(self) -> usize {
        let flags = self.header().flags;
        2 * usize::from(flags & HAS_VERSION != 0)
            + usize::from(flags & HAS_EXPIRY != 0)
            + usize::from(flags & LONG_KEY != 0)
            + usize::from(flags & ELSEWHERE != 0)
    }

    #[inline]
    fn key_start(self) -> *mut u8 {
        self.field(self.fields())
    }

    #[inline]
    fn key_bytes(self) -> usize {
        if self.has(LONG_KEY) {
            // SAFETY: the flag says that the field is there.
            unsafe { self.long_key_field().cast::<u64>().read() as usize }
        } else {
            self.header().key_bytes as usize
        }
    }

    #[inline]
    fn value_bytes(self) -> usize {
        self.header().value_bytes as usize
    }

    /// Length of the entry's own allocation.
    fn allocation_bytes(self) -> usize {
        let inline = if self.has(ELSEWHERE) { 0 } else { self.value_bytes() };
        FIELD_BYTES * (1 + self.fields()) + self.key_bytes() + inline
    }

    fn version(self) -> Option<&'static AtomicU64> {
        // SAFETY: the flag says that the field is there; it is only ever accessed atomically
        // once the entry is published.
        self.has(HAS_VERSION).then(|| unsafe { AtomicU64::from_ptr(self.field(0).cast()) })
    }

    fn shared_pointer(self) -> *const Box<[u8]> {
        // SAFETY: callers have checked SHARED, so the field holds an `Arc`'s pointer.
        unsafe { self.value_field().cast::<*const Box<[u8]>>().read() }
    }

    fn collection_pointer(self) -> *const Stored {
        // SAFETY: callers have checked COLLECTION, so the field holds an `Arc`'s pointer.
        unsafe { self.value_field().cast::<*const Stored>().read() }
    }

    fn outlined_pointer(self) -> *mut u8 {
        // SAFETY: callers have checked OUTLINED, so the field holds a boxed slice's pointer.
        unsafe { self.value_field().cast::<*mut u8>().read() }
    }
}

/// A published entry, alive for as long as the guard it borrows (E4).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'g> {
    raw: Raw,
    guard: PhantomData<&'g Guard>,
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
        // SAFETY: the entry holds a count, so the collection is alive while the entry is.
        Some(unsafe { &*self.raw.collection_pointer() })
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
            // Every entry has a handle of its own, which knows what becomes of that entry.
            return Some(Payload::Collection(Stored::new(collection.try_clone()?)));
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
        let start = self.address();
        super::keyspace::prefetch(start);
        super::keyspace::prefetch(start.wrapping_add(64));
    }

    /// Asks for the value, or for the beginning of a long one, which the processor follows by
    /// itself from there on. Reads the entry.
    pub(crate) fn prefetch_value(self) {
        const LINE_BYTES: usize = 64;
        const BYTES_MAX: usize = 2048;
        let value = self.value();
        for offset in (0..value.len().min(BYTES_MAX)).step_by(LINE_BYTES) {
            super::keyspace::prefetch(value.as_ptr().wrapping_add(offset));
        }
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
