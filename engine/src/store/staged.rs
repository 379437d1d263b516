//! Tables that are filled beside the live ones, and swapped in when they are complete.

use std::sync::Arc;

use crate::Error;
use crate::sync::pin;
use crate::table::{Content, Decision, Draft, Keyspace};

/// Fresh tables for every database. Dropping them leaves the store as it was.
#[derive(Debug)]
pub(crate) struct Staged {
    pub(super) keyspaces: Box<[Arc<Keyspace>]>,
}

impl Staged {
    /// Makes room for so many records of each database.
    pub(crate) fn reserve(&self, records: &[(u16, u64)]) {
        for &(database, records) in records {
            if let Some(keyspace) = self.keyspaces.get(usize::from(database)) {
                keyspace.reserve(records);
            }
        }
    }

    /// Stores an entry; `hash` is the hash of its key by the seed of these tables. Lock-free, from
    /// any thread.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchDatabase`], [`Error::HashCollisions`].
    pub(crate) fn insert(
        &self,
        database: u16,
        hash: u64,
        content: Content<'_>,
    ) -> Result<(), Error> {
        let keyspace = self.keyspaces.get(usize::from(database)).ok_or(Error::NoSuchDatabase {
            index: u32::from(database),
            databases: self.keyspaces.len() as u32,
        })?;
        let _guard = pin();
        let key = content.key;
        let mut content = Some(content);
        keyspace.write(hash, key, None, |_, spare, versioned| {
            let draft = spare.or_else(|| Some(Draft::new(content.take()?, versioned)));
            (Decision::Publish(draft.expect("a draft that lost a race comes back")), ())
        })?;
        Ok(())
    }
}
