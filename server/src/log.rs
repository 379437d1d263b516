//! Lines for the operator.

use std::io::Write;
use std::process::ExitCode;

use tracing::level_filters::LevelFilter;

/// Sends log lines to standard error from here on.
pub(crate) fn start(verbosity: i64) {
    let level = match verbosity {
        0 => LevelFilter::INFO,
        1 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    // Fails only if somebody else has set a subscriber, who then gets the lines.
    let _ = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false)
        .try_init();
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
