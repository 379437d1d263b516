//! `exuvia snapshot list`.

use std::io::{self, Write};

use exuvia::snapshot::{Listing, SnapshotInfo};

use super::foreign;
use super::json::Object;
use super::time::utc;
use crate::command::describe;
use crate::memory::human;

/// Writes what a directory holds; returns whether nothing of it is damaged.
pub(super) fn list(out: &mut dyn Write, listing: &Listing, json: bool) -> io::Result<bool> {
    if json {
        as_json(out, listing)?;
    } else {
        as_text(out, listing)?;
    }
    Ok(listing.damaged.is_empty())
}

/// The fields that `list` and `info` share.
pub(super) fn summary(info: &SnapshotInfo) -> Object {
    Object::new()
        .string("name", &info.name)
        .number("cut_unix_ms", info.manifest.cut_unix_ms)
        .number("sequence", info.manifest.sequence)
        .number("keys", info.manifest.records())
        .number("bytes", info.manifest.bytes())
        .number("parts", info.manifest.parts.len() as u64)
}

fn as_json(out: &mut dyn Write, listing: &Listing) -> io::Result<()> {
    for info in &listing.complete {
        writeln!(out, "{}", summary(info).string("state", "complete").finish())?;
    }
    for info in &listing.foreign {
        writeln!(out, "{}", foreign::summary(info).string("state", "foreign").finish())?;
    }
    for damaged in &listing.damaged {
        let reason = describe(&damaged.error);
        let object = Object::new().string("name", &damaged.name).string("state", "damaged");
        writeln!(out, "{}", object.string("reason", &reason).finish())?;
    }
    for name in &listing.unfinished {
        let object = Object::new().string("name", name).string("state", "unfinished");
        writeln!(out, "{}", object.finish())?;
    }
    Ok(())
}

fn as_text(out: &mut dyn Write, listing: &Listing) -> io::Result<()> {
    let names = listing.complete.iter().map(|info| &info.name);
    let names = names.chain(listing.foreign.iter().map(|info| &info.name));
    let names = names.chain(listing.damaged.iter().map(|damaged| &damaged.name));
    let width = names.chain(&listing.unfinished).map(String::len).max().unwrap_or(0);
    if width == 0 {
        return writeln!(out, "no snapshots");
    }
    for info in &listing.complete {
        let cut = utc(info.manifest.cut_unix_ms);
        let (keys, size) = (info.manifest.records(), human(info.manifest.bytes()));
        writeln!(out, "{:width$}  complete    {cut}  {keys} keys, {size}", info.name)?;
    }
    for info in &listing.foreign {
        writeln!(out, "{:width$}  foreign     {}", info.name, foreign::line(info))?;
    }
    for damaged in &listing.damaged {
        writeln!(out, "{:width$}  damaged     {}", damaged.name, describe(&damaged.error))?;
    }
    for name in &listing.unfinished {
        writeln!(out, "{name:width$}  unfinished  it has parts but no manifest; never loaded")?;
    }
    Ok(())
}
