//! `DFLY LOAD`.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use exuvia::format::storage::SnapshotStorage;
use exuvia::{Error, LoadReport, snapshot};

use super::call::{blocking, is};
use super::persistence::{SAVING, permit_foreign, text};
use super::spec::{Flags, Group, Spec};
use super::{Failure, LongCall, Outcome};
use crate::gate::Reasons;
use crate::memory::{available_bytes, used_bytes};
use crate::place::{Place, is_s3};
use crate::server::Shared;

pub(super) const COMMANDS: &[Spec] = &[Spec::container(
    Group::Server,
    "dfly",
    &[Spec::later(Group::Server, "dfly|load", -3, load).flags(SAVING.and(Flags::WRITE)).doc(
        "1.0.0",
        "O(N) where N is the number of keys in the snapshot",
        "Loads a snapshot aside and puts it in the place of the data.",
    )],
)
.doc("1.0.0", "Depends on subcommand.", "A container for commands of Dragonfly.")];

/// A snapshot that a client named.
struct Named {
    /// Where it is, if that is not the store's own place.
    foreign: Option<Place>,
    name: String,
}

fn load<'a>(call: LongCall<'a>) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>> {
    Box::pin(async move {
        let append = match call.args.get(3) {
            None => false,
            Some(word) if is(word, "append") && call.args.len() == 4 => true,
            Some(_) => return Err(Failure::SYNTAX),
        };
        let named = Arc::new(find(&call, text(call.args.at(2))?)?);
        let (server, looked_at) = (Arc::clone(call.server), Arc::clone(&named));
        blocking(move || check_room(&server, &looked_at)).await??;
        let server = Arc::clone(call.server);
        // Held by the load itself, which goes on if the client leaves.
        let whole = server.lock_whole().await;
        let watchers = server.watched.watchers(|_, _| true);
        let loaded = blocking(move || {
            let _whole = whole;
            load_named(&server, &named, append)
        });
        let loaded = loaded.await?;
        call.server.shared.loads.asked(&loaded);
        let report = loaded?;
        watchers.touch();
        tracing::info!(
            snapshot = report.name.as_deref().unwrap_or_default(),
            keys = report.records,
            expired = report.expired,
            seconds = report.duration.as_secs_f64(),
            append,
            "loaded"
        );
        // A cut that was taken for the exit may not hold what was loaded; then nobody is told
        // that it was.
        let leaving = |reasons: Reasons| reasons.any(Reasons::SHUTTING_DOWN);
        call.server.gate.wait_while(leaving).await;
        call.out.ok();
        Ok(())
    })
}

/// Finds the place and the name in a path to a snapshot: that of its manifest, or its name.
fn find(call: &LongCall<'_>, path: &str) -> Result<Named, Failure> {
    if path.contains("://") && !is_s3(path) {
        return Err(Failure::new("ERR the path is neither local nor of the form s3://bucket/name"));
    }
    let own = &call.server.place;
    let (place, name) = own.find(path).map_err(|reason| Failure::from(format!("ERR {reason}")))?;
    if place.is_same(own) {
        return Ok(Named { foreign: None, name });
    }
    permit_foreign(call)?;
    Ok(Named { foreign: Some(place), name })
}

/// The storage that the snapshot is in.
fn storage(server: &Shared, named: &Named) -> Result<Arc<dyn SnapshotStorage>, Error> {
    match &named.foreign {
        Some(place) => place.open(&server.settings()),
        None => server.storage(),
    }
}

/// Refuses a snapshot that would not fit into memory beside the data that it replaces.
fn check_room(server: &Shared, named: &Named) -> Result<(), Failure> {
    let needed = snapshot::memory_hint(&*storage(server, named)?, &named.name)?;
    let maxmemory = server.settings().maxmemory();
    let free = match maxmemory {
        0 => available_bytes(),
        limit => Some(limit.saturating_sub(used_bytes(&server.store.stats()))),
    };
    match free {
        Some(free) if needed > free => Err(format!(
            "ERR loading '{}' needs about {needed} bytes of memory and {free} are free; nothing \
             was changed",
            named.name
        )
        .into()),
        _ => Ok(()),
    }
}

fn load_named(server: &Shared, named: &Named, append: bool) -> Result<LoadReport, Error> {
    if named.foreign.is_none() && !append {
        return server.store.load(&named.name);
    }
    server.store.load_from(&*storage(server, named)?, &named.name, append)
}
