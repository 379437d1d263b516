//! Saving and loading: `SAVE`, `BGSAVE`, `LASTSAVE`, `DFLY LOAD`.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use exuvia::disk::LocalDisk;
use exuvia::format::NameTemplate;
use exuvia::{Error, LoadReport, Save, SaveOptions};

use super::call::{blocking, is};
use super::spec::{Flags, Group, Spec};
use super::{Call, Failure, LongCall, Outcome};
use crate::gate::Reasons;
use crate::resp::Args;
use crate::server::Shared;

const SAVING: Flags = Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::NO_MULTI);

pub(super) const COMMANDS: &[Spec] = &[
    Spec::later(Group::Server, "save", -1, save).flags(SAVING).doc(
        "1.0.0",
        "O(N) where N is the total number of keys in all databases",
        "Synchronously saves the database(s) to disk.",
    ),
    Spec::later(Group::Server, "bgsave", -1, bgsave).flags(SAVING).doc(
        "1.0.0",
        "O(1)",
        "Asynchronously saves the database(s) to disk.",
    ),
    Spec::now(Group::Server, "lastsave", 1, lastsave)
        .fast()
        .flags(Flags::LOADING.and(Flags::STALE))
        .doc("1.0.0", "O(1)", "Returns the Unix timestamp of the last successful save to disk."),
    Spec::container(
        Group::Server,
        "dfly",
        &[Spec::later(Group::Server, "dfly|load", -3, load).flags(SAVING.and(Flags::WRITE)).doc(
            "1.0.0",
            "O(N) where N is the number of keys in the snapshot",
            "Loads a snapshot aside and puts it in the place of the data.",
        )],
    )
    .doc("1.0.0", "Depends on subcommand.", "A container for commands of Dragonfly."),
];

/// How often a queued save looks whether its turn has come.
const POLL: Duration = Duration::from_millis(20);

/// Reads `[DF | RDB [s3://bucket/prefix] [BASENAME]]`.
fn parse(call: &LongCall<'_>, args: Args<'_>) -> Result<SaveOptions, Failure> {
    let mut options = SaveOptions::default();
    options.trigger = Some("command");
    let Some(format) = args.get(0) else { return Ok(options) };
    if is(format, "rdb") {
        return Err(Failure::new("ERR saving in RDB format is not supported"));
    }
    if !is(format, "df") || args.len() > 3 {
        return Err(Failure::SYNTAX);
    }
    for word in args.from(1).iter() {
        let word = text(word)?;
        if word.contains("://") {
            return Err(foreign(call, "saving to another place is not supported"));
        }
        if options.dbfilename.is_some() {
            return Err(Failure::SYNTAX);
        }
        NameTemplate::parse(word)
            .map_err(|error| Failure::from(format!("ERR snapshot name '{word}': {error}")))?;
        options.dbfilename = Some(word.to_owned());
    }
    Ok(options)
}

fn text(word: &[u8]) -> Result<&str, Failure> {
    std::str::from_utf8(word).map_err(|_| Failure::new("ERR names of snapshots are UTF-8"))
}

/// Why a place outside of the snapshot directory is refused: because clients may not name one, or
/// else because of `otherwise`.
fn foreign(call: &LongCall<'_>, otherwise: &str) -> Failure {
    if call.server.settings().allow_foreign_paths() {
        format!("ERR {otherwise}").into()
    } else {
        Failure::new(
            "ERR places outside of --dir are refused; --allow_foreign_paths lets clients name them",
        )
    }
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

/// A snapshot that a client named.
struct Named {
    /// Its directory, if that is not the store's own.
    foreign: Option<PathBuf>,
    name: String,
}

fn load<'a>(call: LongCall<'a>) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>> {
    Box::pin(async move {
        let append = match call.args.get(3) {
            None => false,
            Some(word) if is(word, "append") && call.args.len() == 4 => true,
            Some(_) => return Err(Failure::SYNTAX),
        };
        let named = find(&call, text(call.args.at(2))?)?;
        let server = Arc::clone(call.server);
        let loaded = blocking(move || load_named(&server, &named, append)).await?;
        call.server.shared.loads.asked(&loaded);
        let report = loaded?;
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

/// Finds the directory and the name in a path to a snapshot: that of its manifest, or its name.
fn find(call: &LongCall<'_>, path: &str) -> Result<Named, Failure> {
    if path.contains("://") {
        return Err(foreign(call, "loading from another place is not supported"));
    }
    if Path::new(path).extension().is_some_and(|extension| extension == "rdb") {
        return Err(Failure::new("ERR loading from RDB format is not supported"));
    }
    let path = call.server.dir.join(path);
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.ok_or(Failure::new("ERR the path names no snapshot"))?;
    let name = name.strip_suffix("-summary.dfs").unwrap_or(name).to_owned();
    let parent = path.parent().unwrap_or(Path::new("/"));
    // Through symbolic links, and without leaving by `..`.
    let same = match (parent.canonicalize(), call.server.dir.canonicalize()) {
        (Ok(parent), Ok(dir)) => parent == dir,
        _ => parent == call.server.dir,
    };
    if same {
        return Ok(Named { foreign: None, name });
    }
    if !call.server.settings().allow_foreign_paths() {
        return Err(foreign(call, ""));
    }
    Ok(Named { foreign: Some(parent.to_owned()), name })
}

fn load_named(server: &Shared, named: &Named, append: bool) -> Result<LoadReport, Error> {
    if named.foreign.is_none() && !append {
        return server.store.load(&named.name);
    }
    let dir = named.foreign.as_ref().unwrap_or(&server.dir);
    let (io, file_mode) = {
        let settings = server.settings();
        (settings.io(), settings.file_mode())
    };
    let storage = LocalDisk::open(dir, io, file_mode)?;
    server.store.load_from(&storage, &named.name, append)
}
