//! Requests of HTTP, which arrive where a web page makes somebody's browser send commands to a
//! server that only that browser can reach. The lines of such a request are inline commands.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use crate::client::Address;

/// How far apart warnings are, however many requests come.
const WARNING_INTERVAL: Duration = Duration::from_mins(1);

/// Whether a command can only be a line of such a request: all of them have the header `Host`,
/// and the dangerous ones, whose body is the page's choice, begin with `POST`.
pub(super) fn is_line(command: &[u8]) -> bool {
    command.eq_ignore_ascii_case(b"host:") || command.eq_ignore_ascii_case(b"post")
}

/// Warns of a client that has sent one.
pub(super) fn warn(peer: &Address) {
    static WARNED: Mutex<Option<Instant>> = Mutex::new(None);
    let mut warned = WARNED.lock().unwrap_or_else(PoisonError::into_inner);
    let now = Instant::now();
    if warned.is_none_or(|last| now - last >= WARNING_INTERVAL) {
        *warned = Some(now);
        tracing::warn!(
            %peer,
            "a client has sent HTTP and is disconnected; somebody may be using a browser to reach \
             this server"
        );
    }
}
