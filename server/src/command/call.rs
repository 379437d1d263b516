//! What a command's code is given.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use exuvia::Database;

use super::Failure;
use super::keys::Keys;
use super::spec::Spec;
use crate::client::Session;
use crate::resp::{Args, Output};
use crate::server::Server;
use crate::stats::ThreadStats;

/// How a command ends: its reply is written, or it failed and the failure is the reply.
pub(crate) type Outcome = Result<(), Failure>;

/// Code of a command that runs to its end at once.
pub(crate) type NowFn = fn(&mut Call<'_>) -> Outcome;

/// Code of a command that may take long.
pub(crate) type LaterFn =
    for<'a> fn(LongCall<'a>) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;

/// One run of a command.
pub(crate) struct Call<'a> {
    pub(crate) spec: &'static Spec,
    pub(crate) args: Args<'a>,
    pub(crate) out: &'a mut Output,
    pub(crate) keys: Keys<'a>,
    pub(crate) session: &'a mut Session,
    pub(crate) server: &'a Arc<Server>,
}

/// One run of a command that may take long. It is never part of an atomic step.
pub(crate) struct LongCall<'a> {
    pub(crate) spec: &'static Spec,
    pub(crate) args: Args<'a>,
    pub(crate) out: &'a mut Output,
    pub(crate) database: &'a mut Database,
    pub(crate) session: &'a mut Session,
    pub(crate) server: &'a Arc<Server>,
    pub(crate) stats: &'a ThreadStats,
}

impl Call<'_> {
    /// Argument `index` as an integer.
    ///
    /// # Errors
    ///
    /// [`Failure::NOT_AN_INTEGER`].
    pub(crate) fn integer(&self, index: usize) -> Result<i64, Failure> {
        integer(self.args, index)
    }
}

/// Argument `index` as an integer.
///
/// # Errors
///
/// [`Failure::NOT_AN_INTEGER`].
pub(crate) fn integer(args: Args<'_>, index: usize) -> Result<i64, Failure> {
    crate::number::parse_i64(args.at(index)).ok_or(Failure::NOT_AN_INTEGER)
}

/// Argument `index` as a number of elements.
///
/// # Errors
///
/// A failure that asks for a positive number.
pub(crate) fn non_negative(args: Args<'_>, index: usize) -> Result<i64, Failure> {
    let number = integer(args, index).ok().filter(|number| *number >= 0);
    number.ok_or(Failure::new("ERR value is out of range, must be positive"))
}

/// Whether an argument is the keyword `word`, in any case.
#[inline]
pub(crate) fn is(arg: &[u8], word: &str) -> bool {
    arg.eq_ignore_ascii_case(word.as_bytes())
}

/// Runs what blocks on a thread kept for that, so that the connection thread serves others.
///
/// # Errors
///
/// If it panicked.
pub(super) async fn blocking<R: Send + 'static>(
    run: impl FnOnce() -> R + Send + 'static,
) -> Result<R, Failure> {
    tokio::task::spawn_blocking(run)
        .await
        .map_err(|error| Failure::from(format!("ERR internal error: {error}")))
}
