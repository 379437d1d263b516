//! `SNAPSHOT`: the snapshots in the server's own directory.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use exuvia::format::storage::SnapshotStorage;
use exuvia::snapshot::{Listing, SnapshotInfo, info, list, verify};
use exuvia::{Error, format::NameTemplate};

use super::call::{blocking, is};
use super::failure::describe;
use super::spec::{Flags, Group, Spec};
use super::{Failure, LongCall, Outcome};
use crate::resp::Output;
use crate::server::Shared;

const LOOKING: Flags = Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::NO_MULTI);

pub(super) const COMMANDS: &[Spec] = &[Spec::container(
    Group::Server,
    "snapshot",
    &[
        Spec::later(Group::Server, "snapshot|list", 2, all).flags(LOOKING).doc(
            "1.0.0",
            "O(N) where N is the number of snapshots",
            "Returns the snapshots in the server's directory, newest first.",
        ),
        Spec::later(Group::Server, "snapshot|info", 3, one).flags(LOOKING).doc(
            "1.0.0",
            "O(1)",
            "Returns what the manifest of a snapshot says.",
        ),
        Spec::later(Group::Server, "snapshot|verify", 3, check).flags(LOOKING).doc(
            "1.0.0",
            "O(N) where N is the length of the snapshot",
            "Reads a whole snapshot and names what is damaged.",
        ),
        Spec::later(Group::Server, "snapshot|prune", -2, prune).flags(LOOKING).doc(
            "1.0.0",
            "O(N) where N is the number of snapshots",
            "Removes the snapshots that --snapshot_retain does not keep, or only names them.",
        ),
    ],
)
.doc("1.0.0", "Depends on subcommand.", "A container for commands about snapshots.")];

/// Memory that verifying a snapshot may take.
const VERIFY_BUFFER_BYTES: usize = 16 << 20;

/// Looks into the server's place on a thread where that may block.
async fn look<R: Send + 'static>(
    server: &Shared,
    run: impl FnOnce(&dyn SnapshotStorage) -> Result<R, Error> + Send + 'static,
) -> Result<R, Failure> {
    let server = Arc::clone(server);
    Ok(blocking(move || run(&*server.storage()?)).await??)
}

fn all<'a>(call: LongCall<'a>) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>> {
    Box::pin(async move {
        let listing: Listing = look(call.server, |storage| list(storage, None)).await?;
        let out = call.out;
        let Listing { complete, damaged, unfinished, foreign, .. } = &listing;
        out.array(complete.len() + damaged.len() + unfinished.len() + foreign.len());
        for info in complete {
            summarize(out, info);
        }
        for info in foreign {
            out.map(6);
            pair(out, "name", &info.name);
            pair(out, "state", "foreign");
            pair(out, "format", &info.format);
            pair(out, "written_by", info.written_by.as_deref().unwrap_or_default());
            figure(out, "cut_unix_ms", info.cut_unix_ms.unwrap_or(0));
            figure(out, "bytes", info.object_bytes);
        }
        for damaged in damaged {
            out.map(3);
            pair(out, "name", &damaged.name);
            pair(out, "state", "damaged");
            pair(out, "reason", &describe(&damaged.error));
        }
        for name in unfinished {
            out.map(2);
            pair(out, "name", name);
            pair(out, "state", "unfinished");
        }
        Ok(())
    })
}

fn pair(out: &mut Output, name: &str, value: &str) {
    out.bulk(name.as_bytes());
    out.bulk(value.as_bytes());
}

fn figure(out: &mut Output, name: &str, value: u64) {
    out.bulk(name.as_bytes());
    out.count(value);
}

/// What is known of a snapshot without reading its parts.
fn summarize(out: &mut Output, info: &SnapshotInfo) {
    let manifest = &info.manifest;
    out.map(9);
    pair(out, "name", &info.name);
    pair(out, "state", "complete");
    pair(out, "manifest", &info.object);
    figure(out, "cut_unix_ms", manifest.cut_unix_ms);
    figure(out, "sequence", manifest.sequence);
    figure(out, "keys", manifest.records());
    figure(out, "bytes", manifest.bytes());
    figure(out, "parts", manifest.parts.len() as u64);
    pair(out, "engine_version", &manifest.engine_version);
}

/// The name of a snapshot, or of its manifest, that a client gave.
fn name(call: &LongCall<'_>) -> Result<String, Failure> {
    let name = std::str::from_utf8(call.args.at(2))
        .map_err(|_| Failure::new("ERR names of snapshots are UTF-8"))?;
    let name = name.strip_suffix("-summary.dfs").unwrap_or(name);
    // Whatever cannot be the name of a snapshot cannot lead out of the directory either.
    NameTemplate::parse(name)
        .map_err(|error| Failure::from(format!("ERR snapshot name '{name}': {error}")))?;
    Ok(name.to_owned())
}

fn one<'a>(call: LongCall<'a>) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>> {
    Box::pin(async move {
        let name = name(&call)?;
        let info = look(call.server, move |storage| info(storage, &name)).await?;
        summarize(call.out, &info);
        Ok(())
    })
}

fn check<'a>(call: LongCall<'a>) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>> {
    Box::pin(async move {
        let name = name(&call)?;
        let found =
            look(call.server, move |storage| verify(storage, &name, VERIFY_BUFFER_BYTES)).await?;
        let out = call.out;
        out.map(4);
        figure(out, "sound", u64::from(found.is_sound()));
        figure(out, "keys", found.records);
        figure(out, "data_bytes", found.data_bytes);
        out.bulk(b"damages");
        out.array(found.damages.len());
        for damage in &found.damages {
            out.bulk(describe(damage).as_bytes());
        }
        Ok(())
    })
}

fn prune<'a>(call: LongCall<'a>) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>> {
    Box::pin(async move {
        let dry_run = match call.args.get(2) {
            None => false,
            Some(word) if is(word, "dryrun") && call.args.len() == 3 => true,
            Some(_) => return Err(Failure::SYNTAX),
        };
        let store = call.server.store.clone();
        let report = blocking(move || store.prune(dry_run)).await??;
        let out = call.out;
        out.map(4);
        figure(out, "dry_run", u64::from(report.dry_run));
        out.bulk(b"removed");
        out.array(report.removed.len());
        for snapshot in &report.removed {
            out.map(4);
            pair(out, "name", &snapshot.name);
            figure(out, "cut_unix_ms", snapshot.cut_unix_ms);
            figure(out, "keys", snapshot.records);
            figure(out, "bytes", snapshot.bytes);
        }
        out.bulk(b"kept");
        out.array(report.kept.len());
        for name in &report.kept {
            out.bulk(name.as_bytes());
        }
        out.bulk(b"left");
        out.array(report.left.len());
        for damaged in &report.left {
            out.map(2);
            pair(out, "name", &damaged.name);
            pair(out, "reason", &describe(&damaged.error));
        }
        Ok(())
    })
}
