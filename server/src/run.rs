//! From the command line to the exit code.

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use exuvia::{Error, LoadReport, Store};
use tokio::sync::mpsc;

use crate::command::describe;
use crate::events::Events;
use crate::flags::{self, Invocation, Settings};
use crate::lifecycle::Lifecycle;
use crate::listener::{self, Doors, Places, Threads};
use crate::server::Server;
use crate::surplus::CollectMemory;
use crate::{admin, descriptors, housekeeping, log, signals, tool};

/// How long clients wait for a load before they are told of it.
const SHORT_LOAD: Duration = Duration::from_millis(50);
const SHORT_LOAD_POLL: Duration = Duration::from_millis(1);

/// Runs the server until it is told to exit.
///
/// `arguments` are those of the command line without the program's name, `environment` the
/// variables of the environment. Returns the exit code: 0 after an orderly exit, 1 if a flag was
/// wrong, the server could not start, loading failed, or the save at exit failed. If the first
/// argument is `snapshot`, the offline tool runs instead, and the code is the tool's.
///
/// `collect_memory` is called on the threads that serve, between two commands, when the process has
/// much more memory than its data needs.
pub fn run(
    arguments: impl IntoIterator<Item = OsString>,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
    collect_memory: CollectMemory,
) -> ExitCode {
    let mut arguments = arguments.into_iter().peekable();
    if arguments.next_if(|first| first == "snapshot").is_some() {
        return tool::run(arguments.collect());
    }
    match flags::read(arguments, environment) {
        Ok(Invocation::Serve(settings)) => serve(*settings, collect_memory),
        Ok(Invocation::Help) => log::print(&flags::help()),
        Ok(Invocation::Version) => log::print(&format!("exuvia {}\n", env!("CARGO_PKG_VERSION"))),
        Err(line) => log::fail(&line),
    }
}

fn serve(settings: Settings, collect_memory: CollectMemory) -> ExitCode {
    log::start(settings.verbosity());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return log::fail(&format!("cannot start: {error}")),
    };
    let code =
        runtime.block_on(main(settings, collect_memory)).unwrap_or_else(|line| log::fail(&line));
    // What still waits on a thread of its own, as a load that was cut short, is not waited for.
    runtime.shutdown_background();
    code
}

async fn main(settings: Settings, collect_memory: CollectMemory) -> Result<ExitCode, String> {
    let place = settings.place().map_err(|reason| format!("flag --dir: {reason}"))?;
    let maxclients = settings.maxclients() as u64;
    let room = descriptors::make_room(maxclients);
    if room < maxclients {
        tracing::warn!(
            maxclients,
            room,
            "the limit of open files leaves room for fewer clients, see ulimit -n"
        );
    }
    let mut places = Places::new(&settings)?;
    let listeners = listener::bind(&mut places)?;
    let admin_listeners = admin::bind(&settings.admin_addresses())?;
    let started = Instant::now();
    let failed = |error| format!("cannot open the store in {place}: {}", describe(&error));
    let options = settings.options(&place).map_err(failed)?;
    let events = Arc::new(Events::default());
    events.configure(settings.events());
    let observer = Arc::clone(&events);
    let options = options
        .collect_memory(collect_memory.all)
        .on_expired(move |expired| observer.expired(expired));
    let (store, load) = Store::open_in_background(options).map_err(failed)?;
    let (requests, requested) = mpsc::unbounded_channel();
    let threads = Threads::start(settings.threads())
        .map_err(|error| format!("cannot start connection threads: {error}"))?;
    let threads = Arc::new(threads);
    schedule_saves(&store, &settings)?;
    let server = Arc::new(Server::new(store, settings, place, events, requests.clone()));
    admin::start(admin_listeners, &server)
        .map_err(|error| format!("cannot serve --admin_port: {error}"))?;
    // Set once, here.
    let _ = server.runtimes.set(threads.handles());
    let _ = server.collect_memory.set(collect_memory);
    signals::watch(&requests).map_err(|error| format!("cannot watch for signals: {error}"))?;
    await_short_load(&load).await;
    let doors = Doors::open(places, listeners, &server, threads);
    tokio::spawn(housekeeping::keep_house(Arc::clone(&server)));
    Ok(Lifecycle::new(server, doors, started).run(load, requested).await)
}

/// Waits a moment for the load, which often has nothing to do. Those who start a server and connect
/// at once are not told then that it is loading, which many do not expect of one that is empty.
async fn await_short_load(load: &JoinHandle<Result<LoadReport, Error>>) {
    let give_up_at = Instant::now() + SHORT_LOAD;
    while !load.is_finished() && Instant::now() < give_up_at {
        tokio::time::sleep(SHORT_LOAD_POLL).await;
    }
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
