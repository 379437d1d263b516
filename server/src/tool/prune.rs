//! `exuvia snapshot prune`.

use std::io::{self, Write};
use std::time::Duration;

use exuvia::Error;
use exuvia::disk::DirectoryLock;
use exuvia::snapshot::{self, PruneReport};

use super::arguments::Request;
use super::json::Object;
use super::place::Place;
use crate::command::describe;
use crate::memory::human;

/// What `dbfilename` is by default.
const DBFILENAME: &str = "dump-{timestamp}";

/// Removes old snapshots, unless a server uses the directory.
///
/// # Errors
///
/// Why nothing was removed.
pub(super) fn prune(place: &Place, request: &Request) -> Result<PruneReport, String> {
    let dbfilename = request.dbfilename.as_deref().unwrap_or(DBFILENAME);
    // A server that loads must not lose the snapshot it reads.
    let _lock = match place.dir.local() {
        Some(dir) if !request.dry_run => {
            let lock = DirectoryLock::acquire(dir, dbfilename, Duration::ZERO);
            Some(lock.map_err(|error| match error {
                Error::Locked { .. } => format!(
                    "a server uses {} with this dbfilename; let it prune with --snapshot_retain, \
                     or stop it first",
                    place.dir
                ),
                error => describe(&error),
            })?)
        }
        // Who uses a bucket cannot be known.
        _ => None,
    };
    snapshot::prune(&*place.storage, dbfilename, request.keep, request.dry_run)
        .map_err(|error| describe(&error))
}

/// Writes what was removed, or would be; returns whether nothing was in the way.
pub(super) fn write(out: &mut dyn Write, report: &PruneReport, json: bool) -> io::Result<bool> {
    if json {
        let name = |name: &str| Object::new().string("name", name);
        let object = Object::new()
            .bool("dry_run", report.dry_run)
            .array(
                "removed",
                report.removed.iter().map(|old| name(&old.name).number("bytes", old.bytes)),
            )
            .array("kept", report.kept.iter().map(|kept| name(kept)))
            .array(
                "left",
                report
                    .left
                    .iter()
                    .map(|left| name(&left.name).string("reason", &describe(&left.error))),
            );
        writeln!(out, "{}", object.finish())?;
    } else {
        let removed = if report.dry_run { "would remove" } else { "removed" };
        for old in &report.removed {
            writeln!(out, "{removed} {}: {} keys, {}", old.name, old.records, human(old.bytes))?;
        }
        for kept in &report.kept {
            writeln!(out, "kept {kept}")?;
        }
        for left in &report.left {
            writeln!(out, "left {}, which is damaged: {}", left.name, describe(&left.error))?;
        }
        if report.removed.is_empty() && report.kept.is_empty() && report.left.is_empty() {
            writeln!(out, "no snapshot matches --dbfilename")?;
        }
    }
    Ok(report.left.is_empty())
}
