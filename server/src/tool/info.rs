//! `exuvia snapshot info`.

use std::collections::HashMap;
use std::io::{self, Write};

use exuvia::format::PartEntry;
use exuvia::format::storage::ObjectMeta;
use exuvia::snapshot::SnapshotInfo;

use super::json::Object;
use super::list::summary;
use super::time::utc;
use crate::memory::human;

/// Writes what the manifest says and whether the parts are there, in their lengths; returns
/// whether all are.
pub(super) fn info(
    out: &mut dyn Write,
    info: &SnapshotInfo,
    objects: &[ObjectMeta],
    json: bool,
) -> io::Result<bool> {
    let found: HashMap<&str, u64> =
        objects.iter().map(|object| (object.name.as_str(), object.bytes)).collect();
    let state = |part: &PartEntry| state_of(part, found.get(part.name.as_str()).copied());
    let manifest = &info.manifest;
    if json {
        let parts = manifest.parts.iter().map(|part| {
            Object::new()
                .string("name", &part.name)
                .number("bytes", part.bytes)
                .number("pages", part.pages)
                .number("keys", part.records)
                .string("first_hash", &format!("{:016x}", part.header.hash_range.first))
                .string("last_hash", &format!("{:016x}", part.header.hash_range.last))
                .string("state", &state(part))
        });
        let object = summary(info)
            .string("snapshot_id", &manifest.snapshot_id.to_string())
            .string("engine_version", &manifest.engine_version)
            .number("raw_bytes", manifest.raw_bytes())
            .number("database_max", manifest.database_max())
            .array("part_list", parts);
        writeln!(out, "{}", object.finish())?;
    } else {
        writeln!(out, "name            {}", info.name)?;
        writeln!(out, "cut             {}", utc(manifest.cut_unix_ms))?;
        writeln!(out, "id              {}", manifest.snapshot_id)?;
        writeln!(out, "sequence        {}", manifest.sequence)?;
        writeln!(out, "written by      {}", manifest.engine_version)?;
        writeln!(out, "keys            {}", manifest.records())?;
        writeln!(out, "databases       0 to {}", manifest.database_max())?;
        writeln!(out, "keys and values {}", human(manifest.raw_bytes()))?;
        writeln!(out, "stored          {}", human(manifest.bytes()))?;
        for part in &manifest.parts {
            let (pages, keys, size) = (part.pages, part.records, human(part.bytes));
            let state = state(part);
            writeln!(
                out,
                "part            {}: {keys} keys, {pages} pages, {size}, {state}",
                part.name
            )?;
        }
    }
    Ok(manifest.parts.iter().all(|part| state(part) == PRESENT))
}

const PRESENT: &str = "present";

fn state_of(part: &PartEntry, found: Option<u64>) -> String {
    match found {
        None => "missing".to_owned(),
        Some(bytes) if bytes == part.bytes => PRESENT.to_owned(),
        Some(bytes) => format!("{bytes} bytes long instead of {}", part.bytes),
    }
}
