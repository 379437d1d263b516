//! From the command line to the exit code.

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use exuvia::{Error, LoadReport, Store};
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;

use crate::command::describe;
use crate::flags::{self, Invocation, Settings};
use crate::gate::Reasons;
use crate::listener::{self, Threads};
use crate::server::{Server, Shared};
use crate::shutdown::{self, Readiness, Request, SaveMode};
use crate::{admin, descriptors, housekeeping, log, signals, tool};

/// Runs the server until it is told to exit.
///
/// `arguments` are those of the command line without the program's name, `environment` the
/// variables of the environment. Returns the exit code: 0 after an orderly exit, 1 if a flag was
/// wrong, the server could not start, loading failed, or the save at exit failed. If the first
/// argument is `snapshot`, the offline tool runs instead, and the code is the tool's.
pub fn run(
    arguments: impl IntoIterator<Item = OsString>,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> ExitCode {
    let mut arguments = arguments.into_iter().peekable();
    if arguments.next_if(|first| first == "snapshot").is_some() {
        return tool::run(arguments.collect());
    }
    match flags::read(arguments, environment) {
        Ok(Invocation::Serve(settings)) => serve(*settings),
        Ok(Invocation::Help) => log::print(&flags::help()),
        Ok(Invocation::Version) => log::print(&format!("exuvia {}\n", env!("CARGO_PKG_VERSION"))),
        Err(line) => log::fail(&line),
    }
}

fn serve(settings: Settings) -> ExitCode {
    log::start(settings.verbosity());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return log::fail(&format!("cannot start: {error}")),
    };
    let code = runtime.block_on(main(settings)).unwrap_or_else(|line| log::fail(&line));
    // What still waits on a thread of its own, as a load that was cut short, is not waited for.
    runtime.shutdown_background();
    code
}

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
    force: bool,
    task: AbortHandle,
}

async fn main(settings: Settings) -> Result<ExitCode, String> {
    let dir = std::path::absolute(settings.dir())
        .map_err(|error| format!("flag --dir: '{}': {error}", settings.dir().display()))?;
    let maxclients = settings.maxclients() as u64;
    let room = descriptors::make_room(maxclients);
    if room < maxclients {
        tracing::warn!(
            maxclients,
            room,
            "the limit of open files leaves room for fewer clients, see ulimit -n"
        );
    }
    let listeners = listener::bind(&settings.addresses()).await?;
    let admin_listeners = admin::bind(&settings.admin_addresses())?;
    let started = Instant::now();
    let (store, load) = Store::open_in_background(settings.options()).map_err(|error| {
        format!("cannot open the store in {}: {}", dir.display(), describe(&error))
    })?;
    let (requests, mut requested) = mpsc::unbounded_channel();
    let threads = Threads::start(settings.threads())
        .map_err(|error| format!("cannot start connection threads: {error}"))?;
    let threads = Arc::new(threads);
    schedule_saves(&store, &settings)?;
    let server = Arc::new(Server::new(store, settings, dir, requests.clone()));
    admin::start(admin_listeners, &server)
        .map_err(|error| format!("cannot serve --admin_port: {error}"))?;
    // Set once, here.
    let _ = server.runtimes.set(threads.handles());
    signals::watch(&requests).map_err(|error| format!("cannot watch for signals: {error}"))?;
    let (events, mut happened) = mpsc::unbounded_channel();
    watch_load(load, events.clone());
    let forward = events.clone();
    tokio::spawn(async move {
        while let Some(request) = requested.recv().await {
            let _ = forward.send(Event::Request(request));
        }
    });
    let mut accepting = Vec::new();
    for listener in listeners {
        if let Ok(address) = listener.local_addr() {
            server.set_port(address.port());
            tracing::info!(%address, version = env!("CARGO_PKG_VERSION"), "listening");
        }
        let accept = listener::accept(listener, Arc::clone(&server), Arc::clone(&threads));
        accepting.push(tokio::spawn(accept).abort_handle());
    }
    tokio::spawn(housekeeping::keep_house(Arc::clone(&server)));
    let mut stopping: Option<Stopping> = None;
    while let Some(event) = happened.recv().await {
        let ended = match event {
            Event::Loaded(result) => loaded(&server, result, started.elapsed()),
            Event::Request(request) => requested_exit(&server, request, &mut stopping, &events),
            Event::Prepared(readiness) => prepared(&server, &readiness, &mut stopping),
        };
        if let Some(code) = ended {
            for task in accepting {
                task.abort();
            }
            return Ok(code);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Starts the schedule, if there is one. A save that comes due during the load waits for it.
fn schedule_saves(store: &Store, settings: &Settings) -> Result<(), String> {
    if settings.has_save_schedule() {
        tracing::warn!("--save_schedule is deprecated, use --snapshot_cron");
    }
    let schedule = settings.schedule().map_err(|error| describe(&error))?;
    let Some(schedule) = schedule else { return Ok(()) };
    store.set_schedule(Some(schedule)).map_err(|error| describe(&error))
}

/// Waits for the load on a thread of its own.
fn watch_load(load: JoinHandle<Result<LoadReport, Error>>, events: mpsc::UnboundedSender<Event>) {
    std::thread::spawn(move || {
        let result = match load.join() {
            Ok(result) => result.map_err(|error| describe(&error)),
            Err(_) => Err("the loading thread panicked".to_owned()),
        };
        let _ = events.send(Event::Loaded(result));
    });
}

/// Lets commands in; or ends the process.
fn loaded(
    server: &Shared,
    result: Result<LoadReport, String>,
    elapsed: Duration,
) -> Option<ExitCode> {
    match result {
        Ok(report) => {
            server.shared.loads.opened(&report);
            server.gate.lower(Reasons::LOADING);
            tracing::info!(
                port = server.port(),
                keys = report.records,
                seconds = elapsed.as_secs_f64(),
                "ready to accept commands"
            );
            None
        }
        Err(reason) => {
            tracing::error!(
                dir = %server.dir.display(),
                %reason,
                "nothing could be loaded, exiting; --snapshot_load=off would start empty"
            );
            Some(ExitCode::FAILURE)
        }
    }
}

fn requested_exit(
    server: &Shared,
    request: Request,
    stopping: &mut Option<Stopping>,
    events: &mpsc::UnboundedSender<Event>,
) -> Option<ExitCode> {
    let (save, now, force, client) = match request {
        Request::Abort(reply) => {
            let _ = reply.send(abort(server, stopping));
            return None;
        }
        Request::Signal(name) if stopping.is_some() => {
            tracing::error!(signal = name, "second signal: exiting without the snapshot");
            server.store.cancel_save();
            return Some(ExitCode::FAILURE);
        }
        Request::Signal(name) => {
            tracing::info!(signal = name, "shutting down");
            (SaveMode::AsConfigured, false, true, None)
        }
        Request::Command { reply, .. } if stopping.is_some() => {
            let _ = reply.send("ERR A shutdown is in progress already".to_owned());
            return None;
        }
        Request::Command { save, now, force, reply } => {
            tracing::info!("shutting down as a client asked");
            (save, now, force, Some(reply))
        }
    };
    let prepare = shutdown::prepare(Arc::clone(server), save, now);
    let events = events.clone();
    let task = tokio::spawn(async move {
        let _ = events.send(Event::Prepared(prepare.await));
    });
    *stopping = Some(Stopping { client, force, task: task.abort_handle() });
    None
}

fn prepared(
    server: &Shared,
    readiness: &Readiness,
    stopping: &mut Option<Stopping>,
) -> Option<ExitCode> {
    let Stopping { client, force, .. } = stopping.take()?;
    match (readiness, client) {
        (Readiness::Ready, _) => {
            tracing::info!("bye");
            Some(ExitCode::SUCCESS)
        }
        (Readiness::Failed(_), Some(client)) if !force => {
            tracing::error!(reason = %readiness, "not shutting down: the save failed");
            server.gate.lower(Reasons::SHUTTING_DOWN);
            let _ = client.send("ERR Errors trying to SHUTDOWN. Check logs.".to_owned());
            None
        }
        (Readiness::Failed(_) | Readiness::TimedOut, _) => {
            tracing::error!(reason = %readiness, "exiting without a snapshot: the save failed");
            Some(ExitCode::FAILURE)
        }
    }
}

/// Gives a shutdown up; returns whether there was one.
fn abort(server: &Shared, stopping: &mut Option<Stopping>) -> bool {
    let Some(Stopping { client, task, .. }) = stopping.take() else { return false };
    task.abort();
    server.store.cancel_save();
    server.gate.lower(Reasons::SHUTTING_DOWN);
    tracing::info!("shutdown aborted");
    if let Some(client) = client {
        let _ = client.send("ERR Errors trying to SHUTDOWN. Check logs.".to_owned());
    }
    true
}
