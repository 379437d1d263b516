//! `exuvia snapshot get`.

use std::io::{self, Write};

use exuvia::format::{FoundRecord, Manifest, PartFinder, ValueType, hash_key};
use exuvia::{Clock, Item, SystemClock};

use super::place::{Place, note};
use super::time::utc;
use super::value::{item_object, record_object};
use crate::command::describe;

/// Finds `key` in `database`, by the index of the one part that can hold it.
///
/// # Errors
///
/// Why nobody knows whether it is there: the part is damaged or missing.
pub(super) fn find(
    place: &Place,
    manifest: &Manifest,
    database: u16,
    key: &[u8],
) -> Result<Option<FoundRecord>, String> {
    let hash = hash_key(manifest.hash_seed, key);
    let part = manifest.parts.iter().find(|part| part.header.hash_range.contains(hash));
    // The parts of a sound manifest cover every hash.
    let Some(part) = part else { return Ok(None) };
    PartFinder::open(&*place.storage, part)
        .and_then(|mut finder| finder.find(database, key, part.raw_bytes))
        .map_err(|error| describe(&error))
}

/// Writes the value as it is, or everything about the key as JSON.
pub(super) fn write(
    out: &mut dyn Write,
    database: u16,
    key: &[u8],
    found: &FoundRecord,
    json: bool,
) -> io::Result<()> {
    warn_if_expired(found.expires_at_unix_ms);
    // A collection has no form but this.
    if !json && found.value_type == ValueType::String {
        return out.write_all(&found.value);
    }
    let value = (found.value_type, &*found.value);
    let object = record_object(database, key, value, found.expires_at_unix_ms);
    writeln!(out, "{}", object.finish())
}

/// The same for a value that was read from a file in another format.
pub(super) fn write_item(
    out: &mut dyn Write,
    database: u16,
    key: &[u8],
    item: &Item,
    expires_at_unix_ms: Option<u64>,
    json: bool,
) -> io::Result<()> {
    warn_if_expired(expires_at_unix_ms);
    if let (false, Some(value)) = (json, item.as_string()) {
        return out.write_all(value);
    }
    let object = item_object(database, key, item, expires_at_unix_ms);
    writeln!(out, "{}", object.finish())
}

fn warn_if_expired(expires_at_unix_ms: Option<u64>) {
    if let Some(at) = expires_at_unix_ms.filter(|at| *at <= SystemClock.unix_ms()) {
        note(&format!("the key expired at {}; a server would not load it", utc(at)));
    }
}
