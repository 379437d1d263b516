//! The payload of a manifest as an rkyv archive.

use rkyv::rancor::Failure;
use rkyv::rend::{u16_le, u32_le, u64_le};
use rkyv::util::AlignedVec;
use rkyv::with::InlineAsBox;
use rkyv::{Archive, Serialize};

use super::{Manifest, PARTS_MAX};
use crate::error::ManifestFault;
use crate::hash::{HashRange, HashSeed};
use crate::id::SnapshotId;
use crate::part::{PartEntry, PartHeader};

/// The root of the archive.
#[derive(Archive, Serialize)]
#[rkyv(archived = ArchivedManifest)]
struct ManifestFields<'a> {
    snapshot_id: [u8; 16],
    /// Zeros where `has_base` is zero.
    base_id: [u8; 16],
    cut_unix_ms: u64_le,
    sequence: u64_le,
    hash_seed: u64_le,
    /// Totals of all parts, which a reader that lists snapshots need not add up.
    records: u64_le,
    bytes: u64_le,
    raw_bytes: u64_le,
    database_max: u16_le,
    has_base: u8,
    reserved: [u8; 5],
    #[rkyv(with = InlineAsBox)]
    engine_version: &'a [u8],
    parts: Vec<PartFields<'a>>,
}

/// One part.
#[derive(Archive, Serialize)]
#[rkyv(archived = ArchivedPart)]
struct PartFields<'a> {
    bytes: u64_le,
    digest: u64_le,
    records: u64_le,
    raw_bytes: u64_le,
    hash_first: u64_le,
    hash_last: u64_le,
    number: u32_le,
    pages: u32_le,
    database_max: u16_le,
    reserved: [u8; 6],
    #[rkyv(with = InlineAsBox)]
    name: &'a [u8],
}

/// Archives `manifest`, which was checked.
pub(super) fn archive(manifest: &Manifest) -> AlignedVec {
    let fields = ManifestFields {
        snapshot_id: *manifest.snapshot_id.as_bytes(),
        base_id: manifest.base_id.map_or([0; 16], |id| *id.as_bytes()),
        cut_unix_ms: manifest.cut_unix_ms.into(),
        sequence: manifest.sequence.into(),
        hash_seed: manifest.hash_seed.0.into(),
        records: manifest.records().into(),
        bytes: manifest.bytes().into(),
        raw_bytes: manifest.raw_bytes().into(),
        database_max: manifest.database_max().into(),
        has_base: u8::from(manifest.base_id.is_some()),
        reserved: [0; 5],
        engine_version: manifest.engine_version.as_bytes(),
        parts: manifest.parts.iter().map(part_fields).collect(),
    };
    rkyv::to_bytes::<Failure>(&fields).expect("memory takes a manifest")
}

fn part_fields(part: &PartEntry) -> PartFields<'_> {
    PartFields {
        bytes: part.bytes.into(),
        digest: part.digest.into(),
        records: part.records.into(),
        raw_bytes: part.raw_bytes.into(),
        hash_first: part.header.hash_range.first.into(),
        hash_last: part.header.hash_range.last.into(),
        number: part.header.number.into(),
        pages: part.pages.into(),
        database_max: part.database_max.into(),
        reserved: [0; 6],
        name: part.name.as_bytes(),
    }
}

/// Reads the archive in `payload`, without judging whether its values make sense together.
pub(super) fn read(payload: &[u8]) -> Result<Manifest, ManifestFault> {
    let mut aligned = AlignedVec::<16>::with_capacity(payload.len());
    aligned.extend_from_slice(payload);
    let root = rkyv::api::low::access::<ArchivedManifest<'_>, Failure>(&aligned)
        .map_err(|Failure| ManifestFault::Archive)?;
    let snapshot_id = SnapshotId::from_bytes(root.snapshot_id);
    let hash_seed = HashSeed(root.hash_seed.to_native());
    let base_id = match root.has_base {
        0 if root.base_id == [0; 16] => None,
        1 => Some(SnapshotId::from_bytes(root.base_id)),
        _ => return Err(ManifestFault::Field("base_id")),
    };
    if root.reserved != [0; 5] {
        return Err(ManifestFault::Field("reserved"));
    }
    // An archive can let many entries share one long name: this bounds what they copy.
    if root.parts.len() > PARTS_MAX {
        return Err(ManifestFault::Field("parts"));
    }
    let engine_version =
        text(&root.engine_version).ok_or(ManifestFault::Field("engine_version"))?;
    let parts = root
        .parts
        .iter()
        .map(|part| read_part(part, snapshot_id, hash_seed))
        .collect::<Result<Vec<_>, _>>()?;
    let manifest = Manifest {
        snapshot_id,
        cut_unix_ms: root.cut_unix_ms.to_native(),
        sequence: root.sequence.to_native(),
        hash_seed,
        base_id,
        engine_version,
        parts,
    };
    check_totals(root, &manifest)?;
    Ok(manifest)
}

fn read_part(
    part: &ArchivedPart<'_>,
    snapshot_id: SnapshotId,
    hash_seed: HashSeed,
) -> Result<PartEntry, ManifestFault> {
    let number = part.number.to_native();
    let invalid = |field| ManifestFault::Part { part: number, field };
    if part.reserved != [0; 6] {
        return Err(invalid("reserved"));
    }
    let hash_range = HashRange::new(part.hash_first.to_native(), part.hash_last.to_native());
    Ok(PartEntry {
        header: PartHeader { snapshot_id, hash_seed, number, hash_range },
        name: text(&part.name).ok_or_else(|| invalid("name"))?,
        bytes: part.bytes.to_native(),
        digest: part.digest.to_native(),
        pages: part.pages.to_native(),
        records: part.records.to_native(),
        raw_bytes: part.raw_bytes.to_native(),
        database_max: part.database_max.to_native(),
    })
}

/// Checks the totals in the root against those of the parts, without overflow.
fn check_totals(root: &ArchivedManifest<'_>, manifest: &Manifest) -> Result<(), ManifestFault> {
    let sum = |field: fn(&PartEntry) -> u64| {
        manifest.parts.iter().try_fold(0_u64, |sum, part| sum.checked_add(field(part)))
    };
    if sum(|part| part.records) != Some(root.records.to_native()) {
        return Err(ManifestFault::Field("records"));
    }
    if sum(|part| part.bytes) != Some(root.bytes.to_native()) {
        return Err(ManifestFault::Field("bytes"));
    }
    if sum(|part| part.raw_bytes) != Some(root.raw_bytes.to_native()) {
        return Err(ManifestFault::Field("raw_bytes"));
    }
    if manifest.database_max() != root.database_max.to_native() {
        return Err(ManifestFault::Field("database_max"));
    }
    Ok(())
}

/// Copies a short text; `None` if it is too long or no UTF-8.
fn text(bytes: &[u8]) -> Option<String> {
    let is_short = bytes.len() <= super::check::TEXT_BYTES_MAX;
    is_short.then(|| std::str::from_utf8(bytes).ok().map(str::to_owned)).flatten()
}

const _: () = {
    assert!(size_of::<ArchivedManifest<'_>>() == 104 && align_of::<ArchivedManifest<'_>>() == 8);
    assert!(size_of::<ArchivedPart<'_>>() == 72 && align_of::<ArchivedPart<'_>>() == 8);
};
