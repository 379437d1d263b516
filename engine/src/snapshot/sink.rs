//! Where the records of a snapshot go: into fresh keyspaces, into the live ones, or nowhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::restore::{PartSink, Sink};
use crate::format::{HashSeed, Record, hash_key};
use crate::store::{Inner, Staged};
use crate::table::{Content, Payload};
use crate::{Collection, Database, Error, Expiry};

/// Distinct keys with one 64-bit hash beyond which nobody believes in chance.
const EQUAL_HASHES_MAX: u32 = 8;

/// What became of the records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) stored: u64,
    /// Left out because they had expired.
    pub(super) expired: u64,
}

/// [`Counts`] that the threads of a load add up, a part at a time.
#[derive(Debug, Default)]
struct Totals {
    stored: AtomicU64,
    expired: AtomicU64,
}

impl Totals {
    // Relaxed throughout: the totals are read after the threads have ended.
    fn add(&self, counts: Counts) {
        self.stored.fetch_add(counts.stored, Ordering::Relaxed);
        self.expired.fetch_add(counts.expired, Ordering::Relaxed);
    }

    fn read(&self) -> Counts {
        Counts {
            stored: self.stored.load(Ordering::Relaxed),
            expired: self.expired.load(Ordering::Relaxed),
        }
    }
}

/// Counts the records of one part and says which of them have not expired.
struct PartCounts<'t> {
    totals: &'t Totals,
    counts: Counts,
    now_unix_ms: u64,
}

impl<'t> PartCounts<'t> {
    fn new(totals: &'t Totals, now_unix_ms: u64) -> Self {
        Self { totals, counts: Counts::default(), now_unix_ms }
    }

    /// The expiry of a record that is to be stored; `None` for one that has expired.
    fn admit(&mut self, record: &Record<'_>) -> Option<Expiry> {
        let expiry = match record.expires_at_unix_ms {
            None => Expiry::Never,
            Some(unix_ms) if unix_ms > self.now_unix_ms => Expiry::At(unix_ms),
            Some(_) => {
                self.counts.expired += 1;
                return None;
            }
        };
        self.counts.stored += 1;
        Some(expiry)
    }
}

impl PartCounts<'_> {
    /// What is to be stored of a collection, without the elements that have expired.
    fn admit_collection(
        &mut self,
        record: &Record<'_>,
        collection: Collection,
    ) -> Option<(Collection, Expiry)> {
        let Some(live) = collection.live_at(self.now_unix_ms) else {
            self.counts.expired += 1;
            return None;
        };
        Some((live, self.admit(record)?))
    }
}

impl Drop for PartCounts<'_> {
    fn drop(&mut self) {
        self.totals.add(self.counts);
    }
}

/// Stores records into keyspaces beside the live ones.
pub(super) struct Staging<'s> {
    staged: &'s Staged,
    /// The seed to hash keys with, if it is not that of the snapshot.
    rehash: Option<HashSeed>,
    now_unix_ms: u64,
    totals: Totals,
}

impl<'s> Staging<'s> {
    pub(super) fn new(staged: &'s Staged, rehash: Option<HashSeed>, now_unix_ms: u64) -> Self {
        Self { staged, rehash, now_unix_ms, totals: Totals::default() }
    }

    pub(super) fn counts(&self) -> Counts {
        self.totals.read()
    }
}

impl Sink for Staging<'_> {
    fn part(&self) -> Box<dyn PartSink + '_> {
        Box::new(StagingPart {
            sink: self,
            counts: PartCounts::new(&self.totals, self.now_unix_ms),
            last_hash: 0,
            equal_hashes: 0,
        })
    }
}

struct StagingPart<'s> {
    sink: &'s Staging<'s>,
    counts: PartCounts<'s>,
    last_hash: u64,
    equal_hashes: u32,
}

impl StagingPart<'_> {
    /// The hash by which the record is stored.
    ///
    /// # Errors
    ///
    /// [`Error::HashCollisions`] if too many keys before it have the same.
    fn hash(&mut self, record: &Record<'_>) -> Result<u64, Error> {
        if let Some(seed) = self.sink.rehash {
            return Ok(hash_key(seed, record.key));
        }
        if record.hash != self.last_hash {
            self.last_hash = record.hash;
            self.equal_hashes = 0;
        }
        self.equal_hashes += 1;
        if self.equal_hashes > EQUAL_HASHES_MAX {
            return Err(Error::HashCollisions);
        }
        Ok(record.hash)
    }
}

impl PartSink for StagingPart<'_> {
    fn record(&mut self, record: &Record<'_>) -> Result<(), Error> {
        let hash = self.hash(record)?;
        let Some(expiry) = self.counts.admit(record) else { return Ok(()) };
        let payload = Payload::borrowed(record.value);
        let content = Content { key: record.key, payload, expiry };
        self.sink.staged.insert(record.database, hash, content)
    }

    fn collection(&mut self, record: &Record<'_>, collection: Collection) -> Result<(), Error> {
        let hash = self.hash(record)?;
        let Some((collection, expiry)) = self.counts.admit_collection(record, collection) else {
            return Ok(());
        };
        let payload = Payload::Collection(Box::new(collection));
        let content = Content { key: record.key, payload, expiry };
        self.sink.staged.insert(record.database, hash, content)
    }
}

/// Sets records in the live databases.
pub(super) struct Merging {
    databases: Vec<Database>,
    now_unix_ms: u64,
    totals: Totals,
}

impl Merging {
    /// # Errors
    ///
    /// [`Error::NoSuchDatabase`] if the store has not that many.
    pub(super) fn new(
        inner: &Arc<Inner>,
        database_max: u16,
        now_unix_ms: u64,
    ) -> Result<Self, Error> {
        let databases =
            (0..=database_max).map(|index| inner.database(index)).collect::<Result<_, _>>()?;
        Ok(Self { databases, now_unix_ms, totals: Totals::default() })
    }

    pub(super) fn counts(&self) -> Counts {
        self.totals.read()
    }
}

impl Sink for Merging {
    fn part(&self) -> Box<dyn PartSink + '_> {
        let counts = PartCounts::new(&self.totals, self.now_unix_ms);
        Box::new(MergingPart { databases: &self.databases, counts })
    }
}

struct MergingPart<'m> {
    databases: &'m [Database],
    counts: PartCounts<'m>,
}

impl MergingPart<'_> {
    fn database(&self, record: &Record<'_>) -> Result<&Database, Error> {
        let database = u32::from(record.database);
        self.databases
            .get(usize::from(record.database))
            .ok_or(Error::TooFewDatabases { database, needed: database + 1 })
    }
}

impl PartSink for MergingPart<'_> {
    fn record(&mut self, record: &Record<'_>) -> Result<(), Error> {
        let Some(expiry) = self.counts.admit(record) else { return Ok(()) };
        self.database(record)?.set(record.key, record.value, expiry)?;
        Ok(())
    }

    fn collection(&mut self, record: &Record<'_>, collection: Collection) -> Result<(), Error> {
        let Some((collection, expiry)) = self.counts.admit_collection(record, collection) else {
            return Ok(());
        };
        self.database(record)?.set_item(record.key, collection, expiry)?;
        Ok(())
    }
}

/// Only counts.
pub(super) struct Checking {
    now_unix_ms: u64,
    totals: Totals,
}

impl Checking {
    pub(super) fn new(now_unix_ms: u64) -> Self {
        Self { now_unix_ms, totals: Totals::default() }
    }

    pub(super) fn counts(&self) -> Counts {
        self.totals.read()
    }
}

impl Sink for Checking {
    fn part(&self) -> Box<dyn PartSink + '_> {
        Box::new(CheckingPart(PartCounts::new(&self.totals, self.now_unix_ms)))
    }
}

struct CheckingPart<'c>(PartCounts<'c>);

impl PartSink for CheckingPart<'_> {
    fn record(&mut self, record: &Record<'_>) -> Result<(), Error> {
        self.0.admit(record);
        Ok(())
    }

    fn collection(&mut self, record: &Record<'_>, collection: Collection) -> Result<(), Error> {
        self.0.admit_collection(record, collection);
        Ok(())
    }
}
