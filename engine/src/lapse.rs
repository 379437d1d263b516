//! What ends because its time is over, and who is told of it.
//!
//! A key that has expired is absent at once, but is still in the table until the maintenance thread
//! sweeps it, somebody writes it, or [`Database::remove_expired`](crate::Database::remove_expired)
//! is called. Whoever takes it out of the table tells the observer, so it is told of every key
//! once, however many threads come by.

use std::fmt;
use std::sync::Arc;

use crate::table::Entry;

/// What has ended under a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Lapse {
    /// The key itself had expired.
    Key,
    /// Elements of its collection had expired, and others are left.
    Elements,
    /// The last elements of its collection had expired, and with them the key is gone.
    LastElements,
}

impl Lapse {
    /// What had ended of `entry` by `now_unix_ms`.
    pub(crate) fn of(entry: Entry<'_>, now_unix_ms: u64) -> Option<Self> {
        if entry.expiry().is_past(now_unix_ms) {
            return Some(Self::Key);
        }
        let collection = entry.collection()?;
        if !collection.is_live(now_unix_ms) {
            return Some(Self::LastElements);
        }
        collection.next_expiry().is_past(now_unix_ms).then_some(Self::Elements)
    }

    /// Whether the key is gone.
    #[inline]
    pub(crate) fn ends_key(self) -> bool {
        !matches!(self, Self::Elements)
    }
}

/// Something that was taken out of a store because its time was over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Expired<'a> {
    /// Index of the database, as it was when this was found.
    pub database: u16,
    /// The key.
    pub key: &'a [u8],
    /// What of it has ended.
    pub lapse: Lapse,
}

type Observe = dyn Fn(Expired<'_>) + Send + Sync;

/// Whom a store tells of what has expired.
#[derive(Clone, Default)]
pub(crate) struct Observer(Option<Arc<Observe>>);

impl Observer {
    pub(crate) fn new(observe: impl Fn(Expired<'_>) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(observe)))
    }

    /// Whether there is anybody to tell.
    pub(crate) fn is_set(&self) -> bool {
        self.0.is_some()
    }

    pub(crate) fn tell(&self, database: u16, key: &[u8], lapse: Lapse) {
        if let Some(observe) = &self.0 {
            observe(Expired { database, key, lapse });
        }
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Observer").field(&self.is_set()).finish()
    }
}

/// A key of which something has ended, until the observer is told.
#[derive(Debug)]
pub(crate) struct Lapsed {
    pub(crate) database: u16,
    pub(crate) key: Box<[u8]>,
    pub(crate) lapse: Lapse,
}

/// What a write finds under its key, judged by one time.
#[derive(Clone, Copy)]
pub(crate) struct Found<'e> {
    /// What is there, expired or not.
    pub(crate) entry: Option<Entry<'e>>,
    /// The same, unless it has expired.
    pub(crate) live: Option<Entry<'e>>,
    /// What of it has ended.
    pub(crate) lapse: Option<Lapse>,
    /// The time by which that was judged; zero if nothing in it expires, and no clock was read.
    pub(crate) now_unix_ms: u64,
}
