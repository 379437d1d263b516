//! How an entry lies in memory.
//!
//! ```text
//!  0            4            6            8
//! ┌────────────┬────────────┬────────────┬─ optional, in this order ─────────────────────────────────┬─────┬───────┐
//! │value length│ key length │   flags    │ version, link │ expiry │ long key length │ pointer, handle │ key │ value │
//! └────────────┴────────────┴────────────┴───────────────────────────────────────────────────────────┴─────┴───────┘
//! ```
//!
//! Each field takes eight bytes, but for the handle of a collection, which takes several times that.
//! Strings that are large, or would waste memory beside the key, are elsewhere, behind a pointer.

#![expect(
    clippy::cast_ptr_alignment,
    reason = "entries and all of their fields but key and value are aligned to eight bytes"
)]

use std::ptr::NonNull;

use crate::collection::Stored;
use crate::sync::atomic::AtomicU64;

pub(super) const HAS_VERSION: u16 = 1 << 0;
pub(super) const HAS_EXPIRY: u16 = 1 << 1;
pub(super) const TOMBSTONE: u16 = 1 << 2;
pub(super) const LONG_KEY: u16 = 1 << 3;
pub(super) const OUTLINED: u16 = 1 << 4;
pub(super) const SHARED: u16 = 1 << 5;
pub(super) const COLLECTION: u16 = 1 << 6;

/// The value is elsewhere, and the entry has a pointer to it.
pub(super) const POINTED: u16 = OUTLINED | SHARED;

/// Bytes of the header, and of each optional field.
pub(super) const FIELD_BYTES: usize = 8;

#[repr(C, align(8))]
pub(super) struct Header {
    pub(super) value_bytes: u32,
    pub(super) key_bytes: u16,
    pub(super) flags: u16,
}

const _: () = assert!(size_of::<Header>() == FIELD_BYTES);
// The handle of a collection is as good as so many fields.
const _: () = assert!(align_of::<Stored>() == FIELD_BYTES);
const _: () = assert!(size_of::<Stored>().is_multiple_of(FIELD_BYTES));

/// An entry's address with the arithmetic of its fields.
#[derive(Clone, Copy, Debug)]
pub(super) struct Raw(pub(super) NonNull<Header>);

impl Raw {
    #[inline]
    pub(super) fn header(self) -> &'static Header {
        // SAFETY: E2; the reference is not kept by those who ask, who hold a guard (E4) or own the
        // entry.
        unsafe { self.0.as_ref() }
    }

    #[inline]
    pub(super) fn has(self, flag: u16) -> bool {
        self.header().flags & flag != 0
    }

    /// The `index`th 8-byte field behind the header.
    #[inline]
    pub(super) fn field(self, index: usize) -> *mut u8 {
        let start = self.0.as_ptr().cast::<u8>();
        // SAFETY: callers ask for fields that the flags say are there, or for one past them.
        unsafe { start.add(FIELD_BYTES * (1 + index)) }
    }

    #[inline]
    pub(super) fn link_field(self) -> *mut u8 {
        self.field(1)
    }

    #[inline]
    pub(super) fn expiry_field(self) -> *mut u8 {
        self.field(if self.has(HAS_VERSION) { 2 } else { 0 })
    }

    pub(super) fn long_key_field(self) -> *mut u8 {
        let flags = self.header().flags;
        self.field(
            if flags & HAS_VERSION != 0 { 2 } else { 0 } + usize::from(flags & HAS_EXPIRY != 0),
        )
    }

    #[inline]
    pub(super) fn value_field(self) -> *mut u8 {
        let flags = self.header().flags;
        self.field(
            if flags & HAS_VERSION != 0 { 2 } else { 0 }
                + usize::from(flags & HAS_EXPIRY != 0)
                + usize::from(flags & LONG_KEY != 0),
        )
    }

    /// What is between the header and the key, in fields of eight bytes.
    #[inline]
    pub(super) fn fields(self) -> usize {
        let flags = self.header().flags;
        2 * usize::from(flags & HAS_VERSION != 0)
            + usize::from(flags & HAS_EXPIRY != 0)
            + usize::from(flags & LONG_KEY != 0)
            + usize::from(flags & POINTED != 0)
            + if flags & COLLECTION == 0 { 0 } else { size_of::<Stored>() / FIELD_BYTES }
    }

    #[inline]
    pub(super) fn key_start(self) -> *mut u8 {
        self.field(self.fields())
    }

    #[inline]
    pub(super) fn key_bytes(self) -> usize {
        if self.has(LONG_KEY) {
            // SAFETY: the flag says that the field is there.
            unsafe { self.long_key_field().cast::<u64>().read() as usize }
        } else {
            self.header().key_bytes as usize
        }
    }

    #[inline]
    pub(super) fn value_bytes(self) -> usize {
        self.header().value_bytes as usize
    }

    /// Length of the entry's own allocation.
    pub(super) fn allocation_bytes(self) -> usize {
        let inline = if self.has(POINTED) { 0 } else { self.value_bytes() };
        FIELD_BYTES * (1 + self.fields()) + self.key_bytes() + inline
    }

    pub(super) fn version(self) -> Option<&'static AtomicU64> {
        // SAFETY: the flag says that the field is there; it is only ever accessed atomically
        // once the entry is published.
        self.has(HAS_VERSION).then(|| unsafe { AtomicU64::from_ptr(self.field(0).cast()) })
    }

    pub(super) fn shared_pointer(self) -> *const Box<[u8]> {
        // SAFETY: callers have checked SHARED, so the field holds an `Arc`'s pointer.
        unsafe { self.value_field().cast::<*const Box<[u8]>>().read() }
    }

    /// Where the handle of a collection is.
    #[inline]
    pub(super) fn stored(self) -> *mut Stored {
        self.value_field().cast()
    }

    pub(super) fn outlined_pointer(self) -> *mut u8 {
        // SAFETY: callers have checked OUTLINED, so the field holds a boxed slice's pointer.
        unsafe { self.value_field().cast::<*mut u8>().read() }
    }
}
