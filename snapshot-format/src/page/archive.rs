//! The payloads of pages as rkyv archives, and the proof that rkyv lays them out as version 1 does.
//!
//! A payload begins with the run, the bytes of its keys and values, which is written in place
//! while the page is built. Behind it the serializer appends the other columns and the root.
//!
//! The archive's types are spelled out in fixed-width little-endian form, since any crate of an
//! embedder's dependency graph can switch rkyv's layout features on. What remains in rkyv's hands,
//! its relative pointers and lengths, is pinned below: another layout does not compile.

use rkyv::boxed::ArchivedBox;
use rkyv::primitive::{ArchivedIsize, ArchivedUsize};
use rkyv::rancor::{Failure, Fallible, Strategy, fail};
use rkyv::rend::{i32_le, u32_le, u64_le};
use rkyv::ser::allocator::SubAllocator;
use rkyv::ser::{Positional, Serializer, Writer};
use rkyv::vec::{ArchivedVec, VecResolver};
use rkyv::with::{ArchiveWith, InlineAsBox, SerializeWith};
use rkyv::{Archive, Place, Serialize};

use crate::error::PageFault;

/// The payload of a page of whole records, as columns.
#[derive(Archive, Serialize)]
#[rkyv(archived = ArchivedRecords)]
pub(crate) struct RecordColumns<'a> {
    /// Key and value of the first record, key and value of the second, and so on.
    #[rkyv(with = InPlace)]
    pub(crate) run: Run,
    /// Milliseconds since the Unix epoch, one for each of `expiring`.
    #[rkyv(with = InlineAsBox)]
    pub(crate) expires_at: &'a [u64_le],
    /// Numbers of the records that expire, ascending.
    #[rkyv(with = InlineAsBox)]
    pub(crate) expiring: &'a [u32_le],
    /// Length of each record's key.
    #[rkyv(with = InlineAsBox)]
    pub(crate) key_bytes: &'a [u32_le],
    /// Length of each record's value.
    #[rkyv(with = InlineAsBox)]
    pub(crate) value_bytes: &'a [u32_le],
    /// Kind byte of each record.
    #[rkyv(with = InlineAsBox)]
    pub(crate) kinds: &'a [u8],
}

/// The payload of a page that holds one piece of a record.
#[derive(Archive, Serialize)]
#[rkyv(archived = ArchivedPiece)]
pub(crate) struct PieceColumns {
    /// Hash of the whole key.
    pub(crate) hash: u64_le,
    /// Length of the whole key.
    pub(crate) key_bytes: u64_le,
    /// Length of the whole value.
    pub(crate) value_bytes: u64_le,
    /// Where the piece begins in the key and the value laid end to end.
    pub(crate) offset: u64_le,
    /// Milliseconds since the Unix epoch; zero where `expires` is.
    pub(crate) expires_at: u64_le,
    /// The piece's bytes.
    #[rkyv(with = InPlace)]
    pub(crate) run: Run,
    /// Kind byte of the record.
    pub(crate) kind: u8,
    /// One if the record expires, else zero.
    pub(crate) expires: u8,
    /// Zero.
    pub(crate) reserved: [u8; 6],
}

/// Longest padding between two columns.
const COLUMN_PADDING_MAX: usize = 7;

/// Longest payload of a page with these many bytes in its run, records and expiries.
#[inline]
pub(crate) const fn records_payload_max(run: usize, records: usize, expiring: usize) -> usize {
    run + records * 9 + expiring * 12 + size_of::<ArchivedRecords>() + 6 * COLUMN_PADDING_MAX
}

/// Longest payload of a page with a piece of `run` bytes.
pub(crate) const fn piece_payload_max(run: usize) -> usize {
    run + size_of::<ArchivedPiece>() + COLUMN_PADDING_MAX
}

/// A run of bytes at the start of a payload, already in place.
pub(crate) struct Run {
    /// Its length.
    pub(crate) bytes: usize,
}

/// Archives a [`Run`] by pointing at the start of the payload, without writing anything.
pub(crate) struct InPlace;

impl ArchiveWith<Run> for InPlace {
    type Archived = ArchivedVec<u8>;
    type Resolver = VecResolver;

    fn resolve_with(run: &Run, resolver: VecResolver, out: Place<ArchivedVec<u8>>) {
        ArchivedVec::resolve_from_len(run.bytes, resolver, out);
    }
}

impl<S: Fallible + ?Sized> SerializeWith<Run, S> for InPlace {
    fn serialize_with(_: &Run, _: &mut S) -> Result<VecResolver, S::Error> {
        Ok(VecResolver::from_pos(0))
    }
}

/// A payload being completed behind its run: what the serializer writes to.
pub(crate) struct PayloadTail<'a> {
    payload: &'a mut [u8],
    position: usize,
}

/// Serializes into a payload without allocating: columns are copied whole.
type PayloadSerializer<'a> = Serializer<PayloadTail<'a>, SubAllocator<'static>, ()>;

impl Positional for PayloadTail<'_> {
    fn pos(&self) -> usize {
        self.position
    }
}

impl Writer<Failure> for PayloadTail<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let end = self.position + bytes.len();
        let Some(place) = self.payload.get_mut(self.position..end) else {
            fail!(std::fmt::Error);
        };
        place.copy_from_slice(bytes);
        self.position = end;
        Ok(())
    }
}

/// Appends the columns of `value` to the `run_bytes` already in `payload`, and returns the length
/// of the whole.
///
/// # Panics
///
/// If the payload does not fit; callers keep the room that `*_payload_max` says.
pub(crate) fn complete<'p, T>(value: &T, run_bytes: usize, payload: &'p mut [u8]) -> usize
where
    T: Serialize<Strategy<PayloadSerializer<'p>, Failure>>,
{
    let tail = PayloadTail { payload, position: run_bytes };
    let mut serializer = Serializer::new(tail, SubAllocator::new(&mut []), ());
    rkyv::api::serialize_using::<_, Failure>(value, &mut serializer)
        .expect("a page under construction keeps room for its columns");
    serializer.into_writer().position
}

impl ArchivedRecords<'_> {
    /// Checks that `payload` is an archive of record columns, and returns it.
    pub(crate) fn access(payload: &[u8]) -> Result<&ArchivedRecords<'_>, PageFault> {
        rkyv::api::low::access::<_, Failure>(payload).map_err(|Failure| PageFault::Archive)
    }
}

impl ArchivedPiece {
    /// Checks that `payload` is an archive of a piece, and returns it.
    pub(crate) fn access(payload: &[u8]) -> Result<&Self, PageFault> {
        rkyv::api::low::access::<_, Failure>(payload).map_err(|Failure| PageFault::Archive)
    }
}

const _: fn(ArchivedUsize) -> u32_le = |length| length;
const _: fn(ArchivedIsize) -> i32_le = |offset| offset;
const _: () = {
    assert!(size_of::<ArchivedBox<[u64_le]>>() == 8 && align_of::<ArchivedBox<[u64_le]>>() == 4);
    assert!(size_of::<ArchivedVec<u8>>() == 8 && align_of::<ArchivedVec<u8>>() == 4);
    assert!(size_of::<ArchivedRecords<'_>>() == 48 && align_of::<ArchivedRecords<'_>>() == 4);
    assert!(size_of::<ArchivedPiece>() == 56 && align_of::<ArchivedPiece>() == 8);
};
