//! From the load at start to the exit: what the main task decides.
//!
//! ```text
//! Loading ─► Serving ─► Stopping ─► exit
//!    │          ▲           │
//!    │          └───────────┘  aborted, or the save failed and nobody insists
//!    └─► exit, if nothing could be loaded or somebody asks
//! ```

use std::process::ExitCode;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use exuvia::{Error, LoadReport};
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;

use crate::command::describe;
use crate::gate::Reasons;
use crate::listener::Doors;
use crate::server::Shared;
use crate::shutdown::{self, Readiness, Request, SaveMode};

/// What a client is told whose shutdown did not happen.
const STAYED: &str = "ERR Errors trying to SHUTDOWN. Check logs.";

/// Something the main task has to act on.
enum Event {
    Request(Request),
    Loaded(Result<LoadReport, String>),
    Prepared(Readiness),
}

/// A shutdown on its way.
struct Stopping {
    /// The client that asked, unless a signal did.
    client: Option<oneshot::Sender<String>>,
    /// Exit even if the save fails.
    force: bool,
    /// A signal asked for it, first or later: the next one ends it at once.
    signalled: bool,
    task: AbortHandle,
}

/// The main task's state.
pub(crate) struct Lifecycle {
    server: Shared,
    doors: Doors,
    started: Instant,
    stopping: Option<Stopping>,
    events: mpsc::UnboundedSender<Event>,
    happened: mpsc::UnboundedReceiver<Event>,
}

impl Lifecycle {
    pub(crate) fn new(server: Shared, doors: Doors, started: Instant) -> Self {
        let (events, happened) = mpsc::unbounded_channel();
        Self { server, doors, started, stopping: None, events, happened }
    }

    /// Acts on what happens until the process is to exit; returns the exit code.
    pub(crate) async fn run(
        mut self,
        load: JoinHandle<Result<LoadReport, Error>>,
        mut requested: mpsc::UnboundedReceiver<Request>,
    ) -> ExitCode {
        if load.is_finished() {
            // Nobody gets a turn in between, so no client is told of a load that is over.
            if let Some(code) = self.loaded(outcome(load)) {
                return code;
            }
        } else {
            watch_load(load, self.events.clone());
        }
        let events = self.events.clone();
        tokio::spawn(async move {
            while let Some(request) = requested.recv().await {
                let _ = events.send(Event::Request(request));
            }
        });
        while let Some(event) = self.happened.recv().await {
            let ended = match event {
                Event::Loaded(result) => self.loaded(result),
                Event::Request(request) => self.requested(request).await,
                Event::Prepared(readiness) => self.prepared(&readiness).await,
            };
            if let Some(code) = ended {
                return code;
            }
        }
        ExitCode::SUCCESS
    }

    /// Lets commands in, or ends the process.
    fn loaded(&mut self, result: Result<LoadReport, String>) -> Option<ExitCode> {
        match result {
            Ok(report) => {
                self.server.shared.loads.opened(&report);
                self.server.gate.lower(Reasons::LOADING);
                if let Some(name) = &report.name {
                    tracing::info!(
                        records = report.records,
                        expired = report.expired,
                        bytes = report.bytes,
                        milliseconds = report.duration.as_millis() as u64,
                        "loaded {name} from {}",
                        self.server.place
                    );
                }
                tracing::info!(
                    port = self.server.port(),
                    keys = report.records,
                    seconds = self.started.elapsed().as_secs_f64(),
                    "ready to accept commands"
                );
                None
            }
            Err(reason) => {
                tracing::error!(
                    dir = %self.server.place,
                    %reason,
                    "nothing could be loaded, exiting; 'exuvia snapshot verify DIR' names what is \
                     damaged, 'export' salvages the rest, --snapshot_load=off starts empty"
                );
                Some(ExitCode::FAILURE)
            }
        }
    }

    async fn requested(&mut self, request: Request) -> Option<ExitCode> {
        match (request, &mut self.stopping) {
            (Request::Abort(reply), _) => {
                let _ = reply.send(self.abort().await);
            }
            (Request::Move(moved), None) => self.doors.move_to(moved, &self.server).await,
            (Request::Move(moved), Some(_)) => self.doors.move_later(&moved),
            (Request::Signal(name), None) => {
                tracing::info!(signal = name, "shutting down");
                self.stop(SaveMode::AsConfigured, false, None, true);
            }
            (Request::Signal(name), Some(stopping)) if !stopping.signalled => {
                tracing::info!(signal = name, "shutting down as a client asked before");
                stopping.signalled = true;
                stopping.force = true;
            }
            (Request::Signal(name), Some(_)) => {
                tracing::error!(signal = name, "second signal: exiting without the snapshot");
                shutdown::give_up_save(&self.server, shutdown::CLEAN_UP_TIMEOUT_URGENT).await;
                return Some(ExitCode::FAILURE);
            }
            (Request::Command { save, now, force, reply }, None) => {
                tracing::info!("shutting down as a client asked");
                self.stop(save, now, Some(reply), force);
            }
            (Request::Command { reply, .. }, Some(_)) => {
                let _ = reply.send("ERR A shutdown is in progress already".to_owned());
            }
        }
        None
    }

    /// Begins a shutdown: nobody else gets in, and a task prepares for the exit.
    fn stop(
        &mut self,
        save: SaveMode,
        now: bool,
        client: Option<oneshot::Sender<String>>,
        force: bool,
    ) {
        self.doors.close();
        let prepare = shutdown::prepare(Arc::clone(&self.server), save, now);
        let events = self.events.clone();
        let task = tokio::spawn(async move {
            let _ = events.send(Event::Prepared(prepare.await));
        });
        let signalled = client.is_none();
        self.stopping = Some(Stopping { client, force, signalled, task: task.abort_handle() });
    }

    async fn prepared(&mut self, readiness: &Readiness) -> Option<ExitCode> {
        let Stopping { client, force, .. } = self.stopping.take()?;
        match (readiness, client) {
            (Readiness::Ready, _) => {
                tracing::info!("bye");
                Some(ExitCode::SUCCESS)
            }
            (Readiness::Failed(_), Some(client)) if !force => {
                tracing::error!(reason = %readiness, "not shutting down: the save failed");
                self.stay(Some(client)).await;
                None
            }
            (Readiness::Failed(_) | Readiness::TimedOut, _) => {
                tracing::error!(reason = %readiness, "exiting without a snapshot: the save failed");
                Some(ExitCode::FAILURE)
            }
        }
    }

    /// Gives a shutdown up; returns whether there was one.
    async fn abort(&mut self) -> bool {
        let Some(Stopping { client, task, .. }) = self.stopping.take() else { return false };
        task.abort();
        self.server.store.cancel_save();
        tracing::info!("shutdown aborted");
        self.stay(client).await;
        true
    }

    /// Goes on serving after all.
    async fn stay(&mut self, client: Option<oneshot::Sender<String>>) {
        if let Err(reason) = self.doors.reopen(&self.server).await {
            tracing::error!(%reason, "no new clients can connect");
        }
        self.server.gate.lower(Reasons::SHUTTING_DOWN);
        if let Some(client) = client {
            let _ = client.send(STAYED.to_owned());
        }
    }
}

/// Waits for the load on a thread of its own.
fn watch_load(load: JoinHandle<Result<LoadReport, Error>>, events: mpsc::UnboundedSender<Event>) {
    std::thread::spawn(move || {
        let _ = events.send(Event::Loaded(outcome(load)));
    });
}

/// Waits for the end of the load.
fn outcome(load: JoinHandle<Result<LoadReport, Error>>) -> Result<LoadReport, String> {
    match load.join() {
        Ok(result) => result.map_err(|error| describe(&error)),
        Err(_) => Err("the loading thread panicked".to_owned()),
    }
}
