//! Ending the process: hold writes, save, exit.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use exuvia::{Error, SaveOptions, SavePhase};
use tokio::sync::oneshot;

use crate::command::describe;
use crate::gate::Reasons;
use crate::listener::Moved;
use crate::server::Server;

/// How often a save that was running already is looked at.
const POLL: Duration = Duration::from_millis(10);

/// How long a save has to remove what it wrote, when it was given up for the time it takes.
const CLEAN_UP_TIMEOUT: Duration = Duration::from_secs(5);

/// How long it has when somebody insists on exiting.
pub(crate) const CLEAN_UP_TIMEOUT_URGENT: Duration = Duration::from_secs(2);

/// Whether to save before exiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SaveMode {
    /// If snapshots have a name.
    AsConfigured,
    Always,
    Never,
}

/// What a client or a signal wants.
#[derive(Debug)]
pub(crate) enum Request {
    /// `SIGTERM` or `SIGINT`.
    Signal(&'static str),
    /// `SHUTDOWN`. The channel gets the reason if the server stays.
    Command { save: SaveMode, now: bool, force: bool, reply: oneshot::Sender<String> },
    /// `SHUTDOWN ABORT`. The channel gets whether there was a shutdown to abort.
    Abort(oneshot::Sender<bool>),
    /// `CONFIG SET port`: the sockets that clients are to be let in at.
    Move(Moved),
}

/// How far the preparations for exiting came.
#[derive(Debug)]
pub(crate) enum Readiness {
    /// Nothing is left to be done.
    Ready,
    /// The save failed.
    Failed(String),
    /// The time allowed was over.
    TimedOut,
}

impl fmt::Display for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready => write!(f, "done"),
            Self::Failed(reason) => write!(f, "{reason}"),
            Self::TimedOut => write!(f, "not finished within --shutdown_timeout"),
        }
    }
}

/// Prepares for exiting, within the time allowed.
pub(crate) async fn prepare(server: Arc<Server>, save: SaveMode, now: bool) -> Readiness {
    let timeout = server.settings().shutdown_timeout();
    let work = prepare_untimed(&server, save, now);
    match timeout {
        None => work.await,
        Some(timeout) => {
            if let Ok(readiness) = tokio::time::timeout(timeout, work).await {
                return readiness;
            }
            give_up_save(&server, CLEAN_UP_TIMEOUT).await;
            Readiness::TimedOut
        }
    }
}

/// Cancels the running save, and waits a little while it removes what it wrote: an upload that
/// nobody gives up would stay with the service.
pub(crate) async fn give_up_save(server: &Server, patience: Duration) {
    let give_up_at = Instant::now() + patience;
    server.store.cancel_save();
    while server.store.save_status().running.is_some() && Instant::now() < give_up_at {
        tokio::time::sleep(POLL).await;
    }
}

async fn prepare_untimed(server: &Server, save: SaveMode, now: bool) -> Readiness {
    let saves = match save {
        SaveMode::AsConfigured => !server.settings().dbfilename().is_empty(),
        SaveMode::Always => true,
        SaveMode::Never => false,
    };
    if server.gate.reasons().any(Reasons::LOADING) {
        tracing::warn!("exiting before the data was loaded; nothing is saved");
        return Readiness::Ready;
    }
    // From here on no write is acknowledged, so that the cut holds all that ever was.
    server.gate.raise(Reasons::SHUTTING_DOWN);
    server.settle().await;
    let covered = finish_running_save(server, saves && !now).await;
    if !saves {
        tracing::info!("exiting without a snapshot");
        return Readiness::Ready;
    }
    if covered {
        return Readiness::Ready;
    }
    match final_save(server).await {
        Ok(()) => Readiness::Ready,
        Err(error) => Readiness::Failed(describe(&error)),
    }
}

/// Brings a running save to an end: waits for one that is over half done or holds all data,
/// aborts another. Returns whether it has saved everything.
async fn finish_running_save(server: &Server, may_wait: bool) -> bool {
    let before = server.store.save_status();
    let Some(progress) = before.running else { return false };
    let changes = server.store.stats().changes;
    let unchanged = before.running_changes_at_cut == Some(changes);
    let over_half = progress.records_done * 2 > progress.records_total;
    if may_wait && (unchanged || over_half || progress.phase == SavePhase::Publishing) {
        tracing::info!(
            records_done = progress.records_done,
            records_total = progress.records_total,
            "waiting for the running save"
        );
    } else {
        tracing::info!("aborting the running save");
        server.store.cancel_save();
    }
    loop {
        let status = server.store.save_status();
        if status.running.is_none() {
            return unchanged && status.saves > before.saves;
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Saves everything.
async fn final_save(server: &Server) -> Result<(), Error> {
    let store = server.store.clone();
    let mut options = SaveOptions::default();
    options.trigger = Some("shutdown");
    tracing::info!("saving before exit");
    let started = tokio::task::spawn_blocking(move || store.save_with(options)).await;
    let save = started.unwrap_or(Err(Error::SaveCancelled))?;
    save.await.map(drop)
}
