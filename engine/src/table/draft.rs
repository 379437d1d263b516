//! Making entries, and freeing them.

#![expect(
    clippy::cast_ptr_alignment,
    reason = "entries and all of their fields but key and value are aligned to eight bytes"
)]

use std::alloc::handle_alloc_error;
use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use super::content::{Content, Payload, outlined_is_tighter};
use super::entry::Entry;
use super::raw::{
    COLLECTION, FIELD_BYTES, HAS_EXPIRY, HAS_VERSION, Header, LONG_KEY, OUTLINED, Raw, SHARED,
    TOMBSTONE,
};
use super::shelf;
use super::word::Word;
use crate::Expiry;
use crate::collection::{Collection, Stored};
use crate::sync::atomic::Ordering;

/// An entry that is not published yet; frees itself.
#[derive(Debug)]
pub(crate) struct Draft(NonNull<Header>);

// SAFETY: a draft is uniquely owned and holds plain bytes and an `Arc` of bytes or a collection,
// both of which any thread may have.
unsafe impl Send for Draft {}

/// What precedes the value of an entry.
struct Head<'k> {
    key: &'k [u8],
    expiry: Expiry,
    flags: u16,
    /// Bytes of header, fields and key.
    bytes: usize,
}

impl<'k> Head<'k> {
    #[inline]
    fn new(key: &'k [u8], expiry: Expiry, versioned: bool) -> Self {
        let mut head = Self { key, expiry, flags: 0, bytes: FIELD_BYTES + key.len() };
        if versioned {
            head.flags |= HAS_VERSION;
            head.bytes += 2 * FIELD_BYTES;
        }
        if expiry != Expiry::Never {
            head.flags |= HAS_EXPIRY;
            head.bytes += FIELD_BYTES;
        }
        if key.len() > u16::MAX as usize {
            head.flags |= LONG_KEY;
            head.bytes += FIELD_BYTES;
        }
        head
    }

    fn flagged(self, flag: u16) -> Self {
        Self { flags: self.flags | flag, ..self }
    }

    /// Makes room for this and `behind` more bytes, and writes all of this (E2). The value, whose
    /// length is `value_bytes`, is the caller's to write before the entry is looked at or freed.
    #[inline]
    fn write(&self, value_bytes: usize, behind: usize) -> Raw {
        let layout = shelf::layout_of(self.bytes + behind);
        let memory = shelf::allocate(layout);
        let Some(start) = NonNull::new(memory.cast::<Header>()) else { handle_alloc_error(layout) };
        assert!(memory.addr() >> 48 == 0, "the slot word holds 48-bit addresses");
        let is_long = self.flags & LONG_KEY != 0;
        let header = Header {
            value_bytes: u32::try_from(value_bytes).expect("lengths are checked by the caller"),
            key_bytes: if is_long { 0 } else { self.key.len() as u16 },
            flags: self.flags,
        };
        // SAFETY: freshly allocated, aligned to 8, at least a header long.
        unsafe { start.write(header) };
        let raw = Raw(start);
        if raw.has(HAS_VERSION) {
            // SAFETY: the flag says that the two fields are there; the entry is private.
            unsafe { raw.field(0).cast::<[u64; 2]>().write([0, 0]) };
        }
        if let Expiry::At(unix_ms) = self.expiry {
            // SAFETY: the flag is set, so the field is inside the allocation.
            unsafe { raw.expiry_field().cast::<u64>().write(unix_ms) };
        }
        if is_long {
            // SAFETY: the flag is set, so the field is inside the allocation.
            unsafe { raw.long_key_field().cast::<u64>().write(self.key.len() as u64) };
        }
        // SAFETY: the allocation was sized for the key at this place.
        unsafe { ptr::copy_nonoverlapping(self.key.as_ptr(), raw.key_start(), self.key.len()) };
        raw
    }
}

impl Draft {
    /// Builds an entry; `versioned` gives it room for a version and a link.
    pub(crate) fn new(content: Content<'_>, versioned: bool) -> Self {
        let Content { key, payload, expiry } = content;
        let head = Head::new(key, expiry, versioned);
        match payload {
            Payload::Tombstone => Self(head.flagged(TOMBSTONE).write(0, 0).0),
            Payload::Copied(bytes) if outlined_is_tighter(head.bytes, bytes.len()) => {
                let raw = head.flagged(OUTLINED).write(bytes.len(), FIELD_BYTES);
                let owned: Box<[u8]> = bytes.into();
                let thin = Box::into_raw(owned).cast::<u8>();
                // SAFETY: OUTLINED is set, so the pointer field is inside the allocation.
                unsafe { raw.value_field().cast::<*mut u8>().write(thin) };
                Self(raw.0)
            }
            Payload::Copied(bytes) => {
                let raw = head.write(bytes.len(), bytes.len());
                // SAFETY: an inline value follows the key, inside the allocation.
                let value_start = unsafe { raw.key_start().add(key.len()) };
                // SAFETY: the allocation was sized for the value at this place.
                unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), value_start, bytes.len()) };
                Self(raw.0)
            }
            Payload::Shared(bytes) => {
                let raw = head.flagged(SHARED).write(bytes.len(), FIELD_BYTES);
                let counted = Arc::into_raw(bytes);
                // SAFETY: SHARED is set, so the pointer field is inside the allocation.
                unsafe { raw.value_field().cast::<*const Box<[u8]>>().write(counted) };
                Self(raw.0)
            }
            Payload::Collection(collection) => {
                Self::of_collection(key, *collection, expiry, versioned)
            }
        }
    }

    /// Builds an entry that holds a collection.
    pub(crate) fn of_collection(
        key: &[u8],
        collection: Collection,
        expiry: Expiry,
        versioned: bool,
    ) -> Self {
        let head = Head::new(key, expiry, versioned).flagged(COLLECTION);
        let raw = head.write(0, size_of::<Stored>());
        // SAFETY: COLLECTION is set, so there is room for the handle, which is aligned to a field.
        unsafe { raw.stored().write(Stored::new(collection)) };
        Self(raw.0)
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
        Self::new(content.expect("what was never published was not replaced"), true)
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
        // SAFETY: the handle is there, and nobody looks at it any longer.
        unsafe { ptr::drop_in_place(raw.stored()) };
    } else if raw.has(OUTLINED) {
        let bytes = ptr::slice_from_raw_parts_mut(raw.outlined_pointer(), raw.value_bytes());
        // SAFETY: the field holds what `Box::into_raw` gave, with this length.
        drop(unsafe { Box::from_raw(bytes) });
    }
    let layout = shelf::layout_of(raw.allocation_bytes());
    // SAFETY: allocated with this layout, which follows from the immutable header.
    unsafe { shelf::release(address, layout) };
}
