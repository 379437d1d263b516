//! Signals that ask for an orderly exit.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::UnboundedSender;

use crate::shutdown::Request;

/// Turns `SIGTERM` and `SIGINT` into requests.
///
/// # Errors
///
/// What kept the system from telling of signals.
pub(crate) fn watch(requests: &UnboundedSender<Request>) -> io::Result<()> {
    let kinds = [(SignalKind::terminate(), "SIGTERM"), (SignalKind::interrupt(), "SIGINT")];
    for (kind, name) in kinds {
        let mut stream = signal(kind)?;
        let requests = requests.clone();
        tokio::spawn(async move {
            while stream.recv().await.is_some() {
                let _ = requests.send(Request::Signal(name));
            }
        });
    }
    Ok(())
}
