//! File descriptors, of which every client takes one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors for what is not a client: listeners, logs, parts of snapshots and their rings.
const OTHERS: u64 = 256;

/// Raises the process's limit so that `clients` can connect, as far as the system lets it.
/// Returns how many clients there is room for.
pub(crate) fn make_room(clients: u64) -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = clients + OTHERS;
    // No limit at all is room enough.
    if current.is_none_or(|current| current >= wanted) {
        return clients;
    }
    let raised = maximum.map_or(wanted, |maximum| maximum.min(wanted));
    let raised_limit = Rlimit { current: Some(raised), maximum };
    match setrlimit(Resource::Nofile, raised_limit) {
        Ok(()) => raised.saturating_sub(OTHERS).min(clients),
        Err(_) => current.map_or(clients, |current| current.saturating_sub(OTHERS)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_for_a_few_clients_is_always_found() {
        assert_eq!(make_room(10), 10);
    }
}
