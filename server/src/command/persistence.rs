//! Saving: `SAVE`, `BGSAVE`, `LASTSAVE`.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use exuvia::format::NameTemplate;
use exuvia::format::storage::SnapshotStorage;
use exuvia::{Save, SaveOptions, SnapshotFormat};

use super::call::{blocking, is};
use super::spec::{Flags, Group, Spec};
use super::{Call, Failure, LongCall, Outcome};
use crate::place::{Place, is_s3};
use crate::resp::Args;
use crate::server::Shared;

pub(super) const SAVING: Flags = Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::NO_MULTI);

pub(super) const COMMANDS: &[Spec] = &[
    Spec::later(Group::Server, "save", -1, save).flags(SAVING).doc(
        "1.0.0",
        "O(N) where N is the total number of keys in all databases",
        "Synchronously saves the database(s) to disk.",
    ),
    Spec::later(Group::Server, "bgsave", -1, bgsave).flags(Flags::ADMIN.and(Flags::NOSCRIPT)).doc(
        "1.0.0",
        "O(1)",
        "Asynchronously saves the database(s) to disk.",
    ),
    Spec::now(Group::Server, "lastsave", 1, lastsave)
        .fast()
        .flags(Flags::LOADING.and(Flags::STALE))
        .doc("1.0.0", "O(1)", "Returns the Unix timestamp of the last successful save to disk."),
];

/// How often a queued save looks whether its turn has come.
const POLL: Duration = Duration::from_millis(20);

/// Reads `[DF | RDB [s3://bucket/prefix] [BASENAME]]`.
fn parse(call: &LongCall<'_>, args: Args<'_>) -> Result<SaveOptions, Failure> {
    let mut options = SaveOptions::default();
    options.trigger = Some("command");
    let Some(format) = args.get(0) else { return Ok(options) };
    options.format = match () {
        () if is(format, "rdb") => Some(SnapshotFormat::Rdb),
        () if is(format, "df") => Some(SnapshotFormat::Pages),
        () => return Err(Failure::SYNTAX),
    };
    if args.len() > 3 {
        return Err(Failure::SYNTAX);
    }
    for word in args.from(1).iter() {
        let word = text(word)?;
        if word.contains("://") {
            if options.storage.is_some() || options.dbfilename.is_some() {
                return Err(Failure::SYNTAX);
            }
            options.storage = place_for(call, word)?;
            continue;
        }
        if options.dbfilename.is_some() {
            return Err(Failure::SYNTAX);
        }
        // The name of a file in Redis's format may be given with its extension.
        let word = match options.format {
            Some(SnapshotFormat::Rdb) => word.strip_suffix(".rdb").unwrap_or(word),
            _ => word,
        };
        NameTemplate::parse(word)
            .map_err(|error| Failure::from(format!("ERR snapshot name '{word}': {error}")))?;
        options.dbfilename = Some(word.to_owned());
    }
    Ok(options)
}

pub(super) fn text(word: &[u8]) -> Result<&str, Failure> {
    std::str::from_utf8(word).map_err(|_| Failure::new("ERR names of snapshots are UTF-8"))
}

/// The storage of a place in S3 that a client names; `None` if it is the server's own.
fn place_for(call: &LongCall<'_>, text: &str) -> Result<Option<Arc<dyn SnapshotStorage>>, Failure> {
    let refuse = |reason: String| Failure::from(format!("ERR place '{text}' {reason}"));
    if !is_s3(text) {
        return Err(refuse("is not of the form s3://bucket/prefix".to_owned()));
    }
    let place = Place::parse(text).map_err(refuse)?;
    if place == call.server.place {
        return Ok(None);
    }
    permit_foreign(call)?;
    Ok(Some(place.open(&call.server.settings())?))
}

/// Passes if clients may name places outside of the server's own.
///
/// # Errors
///
/// Which flag would permit it.
pub(super) fn permit_foreign(call: &LongCall<'_>) -> Result<(), Failure> {
    if call.server.settings().allow_foreign_paths() {
        return Ok(());
    }
    Err(Failure::new(
        "ERR places outside of --dir are refused; --allow_foreign_paths lets clients name them",
    ))
}

/// Starts a save; returns once its cut is taken. The engine logs how it ends.
async fn start(server: &Shared, options: SaveOptions) -> Result<Save, Failure> {
    let store = server.store.clone();
    Ok(blocking(move || store.save_with(options)).await??)
}

fn save<'a>(call: LongCall<'a>) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>> {
    Box::pin(async move {
        let options = parse(&call, call.args.from(1))?;
        start(call.server, options).await?.await?;
        call.out.ok();
        Ok(())
    })
}

fn bgsave<'a>(call: LongCall<'a>) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>> {
    Box::pin(async move {
        let word = call.args.get(1).unwrap_or_default();
        if is(word, "cancel") && call.args.len() == 2 {
            if !call.server.store.cancel_save() {
                return Err(Failure::new(
                    "ERR Background saving is currently not in progress or scheduled",
                ));
            }
            call.out.status("Background saving cancelled");
            return Ok(());
        }
        let may_queue = is(word, "schedule");
        let options = parse(&call, call.args.from(if may_queue { 2 } else { 1 }))?;
        if call.session.executes {
            // Its cut is taken once the transaction is complete.
            queue(call.server, options);
            call.out.status("Background saving scheduled");
            return Ok(());
        }
        match start(call.server, options.clone()).await {
            Ok(_) => call.out.status("Background saving started"),
            Err(failure) if may_queue && failure == Failure::SAVE_IN_PROGRESS => {
                queue(call.server, options);
                call.out.status("Background saving scheduled");
            }
            Err(failure) => return Err(failure),
        }
        Ok(())
    })
}

/// Starts a save once the running one has ended. One that waits already is enough.
fn queue(server: &Shared, options: SaveOptions) {
    static QUEUED: AtomicBool = AtomicBool::new(false);
    if QUEUED.swap(true, Ordering::AcqRel) {
        return;
    }
    let server = Arc::clone(server);
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(POLL).await;
            if server.store.save_status().running.is_some() {
                continue;
            }
            match start(&server, options.clone()).await {
                // Somebody else was faster; that save may have been cut before the request.
                Err(failure) if failure == Failure::SAVE_IN_PROGRESS => {}
                Err(failure) => {
                    tracing::error!(reason = failure.text(), "a scheduled save did not start");
                    break;
                }
                Ok(_) => break,
            }
        }
        QUEUED.store(false, Ordering::Release);
    });
}

fn lastsave(call: &mut Call<'_>) -> Outcome {
    call.out.count(last_save_ms(call.server) / 1000);
    Ok(())
}

/// When the last snapshot was published; before the first, when the server started.
pub(super) fn last_save_ms(server: &Shared) -> u64 {
    match server.store.save_status().last_success_unix_ms {
        0 => server.started_ms,
        published_ms => published_ms,
    }
}
