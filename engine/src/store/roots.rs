//! The tables of all databases, behind one pointer.

use std::sync::Arc;

use crate::Error;
use crate::table::Keyspace;

/// The tables of all databases, by index. Immutable: a change of any makes new roots.
#[derive(Debug)]
pub(crate) struct Roots(pub(super) Box<[Arc<Keyspace>]>);

impl Roots {
    /// The table of a database that is known to exist.
    #[inline]
    pub(crate) fn of_index(&self, index: u16) -> &Keyspace {
        &self.0[usize::from(index)]
    }

    pub(crate) fn keyspace(&self, index: u16) -> Result<&Keyspace, Error> {
        self.0.get(usize::from(index)).map(|keyspace| &**keyspace).ok_or(Error::NoSuchDatabase {
            index: u32::from(index),
            databases: self.0.len() as u32,
        })
    }
}
