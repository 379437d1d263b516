//! Committing a transaction: install everything undecided, decide, settle.

use super::entry::Draft;
use super::install::{Installed, Observed};
use super::keyspace::Keyspace;
use crate::Error;
use crate::hooks::{self, Point};
use crate::sync::Guard;
use crate::version::Versions;
use crate::version::batch::Batch;

/// One key that a transaction changes.
#[derive(Debug)]
pub(crate) struct Change<'k> {
    pub(crate) keyspace: &'k Keyspace,
    pub(crate) hash: u64,
    /// What the transaction saw under the key, if it looked.
    pub(crate) expected: Option<Observed>,
    pub(crate) draft: Draft,
    /// Whether it counts as a change, and is not just held as it was.
    pub(crate) counts: bool,
}

/// Makes all of `changes` visible in one step if nothing that was expected has changed. Otherwise
/// returns `false`, with nothing changed.
///
/// The caller holds the latches of all keys against other transactions.
///
/// # Errors
///
/// [`Error::HashCollisions`], with nothing changed.
pub(crate) fn commit(
    changes: Vec<Change<'_>>,
    versions: &Versions,
    guard: &Guard,
) -> Result<bool, Error> {
    let batch = Box::into_raw(Box::new(Batch::new()));
    let mut placed = Vec::with_capacity(changes.len());
    let installed = install_all(changes, batch, &mut placed, guard);
    // SAFETY: this call owns the batch until it retires it below.
    let fate = unsafe { &*batch };
    hooks::at(Point::BeforeCommit);
    let version = if matches!(installed, Ok(true)) { fate.commit(versions.global()) } else { None };
    if version.is_none() {
        fate.abort();
    }
    for (keyspace, installed) in &placed {
        match version {
            Some(version) => keyspace.settle(installed, version, guard),
            None => keyspace.give_up(installed, guard),
        }
    }
    let free = move || {
        // SAFETY: retired once, here, and nobody who could reach it is pinned any longer.
        drop(unsafe { Box::from_raw(batch) });
    };
    // SAFETY: every entry's version word that led to the batch has been replaced, or belongs to
    // an entry that was retired before; only threads pinned by then can still follow one.
    unsafe { guard.retire(size_of::<Batch>(), free) };
    installed.map(|_| version.is_some())
}

/// Installs changes until one does not find what it expected.
fn install_all<'k, 'g>(
    changes: Vec<Change<'k>>,
    batch: *const Batch,
    placed: &mut Vec<(&'k Keyspace, Installed<'g>)>,
    guard: &'g Guard,
) -> Result<bool, Error> {
    for Change { keyspace, hash, expected, draft, counts } in changes {
        match keyspace.install(hash, expected, draft, counts, batch, guard)? {
            Some(installed) => placed.push((keyspace, installed)),
            None => return Ok(false),
        }
        hooks::at(Point::BatchInstalled);
    }
    Ok(true)
}
