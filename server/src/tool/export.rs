//! `exuvia snapshot export`.

use std::io::{self, IsTerminal, Write};

use exuvia::format::Record;
use exuvia::snapshot::SnapshotInfo;

use super::audit;
use super::bar::Bar;
use super::json::Object;
use super::place::{Place, note};
use super::value::record_object;

/// Writes every key that can be read as one JSON object a line; returns whether none was lost.
pub(super) fn export(out: &mut dyn Write, place: &Place, info: &SnapshotInfo) -> io::Result<bool> {
    let manifest = &info.manifest;
    // A bar in the midst of the lines helps nobody.
    let mut bar = Bar::new(manifest.bytes(), !io::stdout().is_terminal());
    let audit = audit::read(&*place.storage, manifest, &mut bar, &mut |record| {
        writeln!(out, "{}", object(record).finish())
    })?;
    out.flush()?;
    drop(bar);
    for damage in &audit.damages {
        note(&damage.line());
    }
    let (written, lost) = (audit.records, audit.lost(manifest));
    if audit.is_sound(manifest) {
        note(&format!("exported {written} keys of {}", info.name));
        return Ok(true);
    }
    note(&format!(
        "{} is damaged: exported {written} keys, lost {lost}; its places are listed above",
        info.name
    ));
    Ok(false)
}

/// A record for machines.
fn object(record: &Record<'_>) -> Object {
    let value = (record.value_type, record.value);
    record_object(record.database, record.key, value, record.expires_at_unix_ms)
}
