//! Running alone: nobody else reads or writes data meanwhile, and no cut is taken.

use exuvia::CutHold;
use tokio::sync::OwnedMutexGuard;

use crate::gate::Reasons;
use crate::server::Server;

/// The right to work on whole databases in several steps that nobody sees apart.
///
/// Commands of others that touch data wait at the gate. It takes as long to get as the threads
/// need for the commands that they are in.
pub(crate) struct Alone<'a> {
    _cuts: CutHold,
    _held: Held<'a>,
    _whole: OwnedMutexGuard<()>,
}

/// The gate, closed to others.
struct Held<'a>(&'a Server);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.gate.lower(Reasons::ALONE);
    }
}

impl<'a> Alone<'a> {
    /// Waits until everybody else has stopped between two commands.
    pub(crate) async fn begin(server: &'a Server) -> Self {
        let whole = server.lock_whole().await;
        server.gate.raise(Reasons::ALONE);
        let held = Held(server);
        server.settle().await;
        Self { _cuts: server.store.hold_cuts(), _held: held, _whole: whole }
    }
}
