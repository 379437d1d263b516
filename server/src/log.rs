//! Lines for the operator.

use std::io::Write;
use std::process::ExitCode;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// What our own crates' names begin with.
const OWN_TARGETS: &str = "exuvia";

/// Sends log lines to standard error from here on.
pub(crate) fn start(verbosity: i64) {
    let level = match verbosity {
        0 => LevelFilter::INFO,
        1 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    // Libraries tell more than an operator asked for, the SDK which keys it found among them.
    let of_libraries = if verbosity == 0 { LevelFilter::WARN } else { level };
    let lines = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false)
        .finish();
    let targets = Targets::new().with_target(OWN_TARGETS, level).with_default(of_libraries);
    // Fails only if somebody else has set a subscriber, who then gets the lines.
    let _ = lines.with(targets).try_init();
}

/// Prints what was asked for.
pub(crate) fn print(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Says in one line why the server does not start.
pub(crate) fn fail(line: &str) -> ExitCode {
    // Without standard error there is still the exit code.
    let _ = writeln!(std::io::stderr(), "exuvia: {line}");
    ExitCode::FAILURE
}
