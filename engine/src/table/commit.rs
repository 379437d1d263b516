//! Committing a transaction: install everything undecided, decide, settle.

use super::draft::Draft;
use super::entry::Entry;
use super::install::{Installed, Observed};
use super::keyspace::Keyspace;
use crate::Error;
use crate::hooks::{self, Point};
use crate::lapse::{Lapse, Lapsed};
use crate::sync::Guard;
use crate::version::Versions;
use crate::version::batch::Batch;

/// One key that a transaction changes.
#[derive(Debug)]
pub(crate) struct Change<'k> {
    pub(crate) keyspace: &'k Keyspace,
    /// Index of the keyspace's database.
    pub(crate) database: u16,
    pub(crate) hash: u64,
    /// What the transaction saw under the key, if it looked.
    pub(crate) expected: Option<Observed>,
    pub(crate) draft: Draft,
    /// Whether it counts as a change, and is not just held as it was.
    pub(crate) counts: bool,
}

/// Makes all of `changes` visible in one step if nothing that was expected has changed, and returns
/// what they replaced that had expired by `now_unix_ms`. Otherwise returns `None`, with nothing
/// changed.
///
/// The caller holds the latches of all keys against other transactions.
///
/// # Errors
///
/// [`Error::HashCollisions`], with nothing changed.
pub(crate) fn commit(
    changes: Vec<Change<'_>>,
    versions: &Versions,
    now_unix_ms: u64,
    guard: &Guard,
) -> Result<Option<Vec<Lapsed>>, Error> {
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
    let mut lapsed = Vec::new();
    for (database, keyspace, installed) in &placed {
        let Some(version) = version else {
            keyspace.give_up(installed, guard);
            continue;
        };
        if let Some(replaced) = keyspace.settle(installed, version, guard)
            && let Some(lapse) = lapse_of(replaced, installed.entry(), now_unix_ms)
        {
            lapsed.push(Lapsed { database: *database, key: replaced.key().into(), lapse });
        }
    }
    let free = move || {
        // SAFETY: retired once, here, and nobody who could reach it is pinned any longer.
        drop(unsafe { Box::from_raw(batch) });
    };
    // SAFETY: every entry's version word that led to the batch has been replaced, or belongs to
    // an entry that was retired before; only threads pinned by then can still follow one.
    unsafe { guard.retire(size_of::<Batch>(), free) };
    installed.map(|_| version.map(|_| lapsed))
}

/// What had ended of an entry by the time at which it was replaced by another.
fn lapse_of(replaced: Entry<'_>, by: Entry<'_>, now_unix_ms: u64) -> Option<Lapse> {
    let lapse = Lapse::of(replaced, now_unix_ms)?;
    // A value of another type has not come of what is left of the collection.
    (lapse.ends_key() || replaced.value_type() == by.value_type()).then_some(lapse)
}

/// Installs changes until one does not find what it expected.
fn install_all<'k, 'g>(
    changes: Vec<Change<'k>>,
    batch: *const Batch,
    placed: &mut Vec<(u16, &'k Keyspace, Installed<'g>)>,
    guard: &'g Guard,
) -> Result<bool, Error> {
    for Change { keyspace, database, hash, expected, draft, counts } in changes {
        match keyspace.install(hash, expected, draft, counts, batch, guard)? {
            Some(installed) => placed.push((database, keyspace, installed)),
            None => return Ok(false),
        }
        hooks::at(Point::BatchInstalled);
    }
    Ok(true)
}
