//! Reading: one key, or many with their memory accesses overlapped.

use super::chain;
use super::directory::Directory;
use super::entry::Entry;
use super::keyspace::{Keyspace, Located};
use super::segment::{BUCKET_SLOTS, tag_of};
use super::word::Word;
use crate::hooks::{self, Point};
use crate::sync::{Guard, prefetch};

/// Keys that a batched lookup keeps in flight together.
pub(crate) const LOOKUP_BATCH: usize = 16;

impl Keyspace {
    /// Returns the current entry of `key`, expired or not.
    #[inline]
    pub(crate) fn get<'g>(&self, hash: u64, key: &[u8], guard: &'g Guard) -> Option<Entry<'g>> {
        self.look(hash, key, guard).filter(|entry| !entry.is_tombstone())
    }

    /// Returns the current entry of `key`, expired or not, or its tombstone.
    ///
    /// Wait-free: reads at most a run of buckets and the entries whose tag matches.
    #[inline]
    pub(crate) fn look<'g>(&self, hash: u64, key: &[u8], guard: &'g Guard) -> Option<Entry<'g>> {
        let located = self.locate(hash, guard)?;
        let (_, word, entry) = located.segment.find(hash, key, guard)?;
        hooks::at(Point::EntryFound);
        chain::current(word, entry, &self.versions)
    }

    /// Returns the entry of `key` that a cut at `version` sees.
    pub(crate) fn get_at<'g>(
        &self,
        hash: u64,
        key: &[u8],
        version: u64,
        guard: &'g Guard,
    ) -> Option<Entry<'g>> {
        let located = self.locate_in(self.shard(hash).directory_ordered()?, hash, guard);
        let (_, word, entry) = located.segment.find(hash, key, guard)?;
        chain::visible_at(word, entry, version, &self.versions)
    }

    /// Looks up to [`LOOKUP_BATCH`] keys up, one stage for all of them after the other, so that
    /// their cache misses overlap. Each lookup is linearizable by itself. Finds tombstones too.
    pub(crate) fn get_batch<'g, K: AsRef<[u8]>>(
        &self,
        keys: &[K],
        guard: &'g Guard,
        found: &mut [Option<Entry<'g>>; LOOKUP_BATCH],
    ) {
        let mut hashes = [0_u64; LOOKUP_BATCH];
        let located = self.locate_batch(keys, guard, &mut hashes);
        for (i, key) in keys.iter().enumerate() {
            found[i] = located[i].and_then(|located| {
                let (_, word, entry) = located.segment.find(hashes[i], key.as_ref(), guard)?;
                chain::current(word, entry, &self.versions)
            });
        }
    }

    /// Asks for what lookups of up to [`LOOKUP_BATCH`] keys will need, up to the beginnings of the
    /// entries and of collections' roots.
    pub(crate) fn prefetch_batch<K: AsRef<[u8]>>(&self, keys: &[K], guard: &Guard) {
        let mut hashes = [0_u64; LOOKUP_BATCH];
        let located = self.locate_batch(keys, guard, &mut hashes);
        for (located, hash) in located.iter().zip(hashes).take(keys.len()) {
            let Some(located) = located else { continue };
            for word in candidates(*located, hash, guard) {
                if let Some(collection) = word.entry().and_then(Entry::collection) {
                    collection.prefetch();
                }
            }
        }
    }

    /// Finds the segments of keys, and asks for the entries that are there under their tags.
    #[inline]
    fn locate_batch<'g, K: AsRef<[u8]>>(
        &self,
        keys: &[K],
        guard: &'g Guard,
        hashes: &mut [u64; LOOKUP_BATCH],
    ) -> [Option<Located<'g>>; LOOKUP_BATCH] {
        assert!(keys.len() <= LOOKUP_BATCH);
        for (hash, key) in hashes.iter_mut().zip(keys) {
            *hash = self.hash(key.as_ref());
            self.shard(*hash).prefetch();
        }
        let hashes = &hashes[..keys.len()];
        let mut directories = [None::<Directory>; LOOKUP_BATCH];
        for (directory, &hash) in directories.iter_mut().zip(hashes) {
            *directory = self.shard(hash).directory();
            if let Some(directory) = directory {
                // SAFETY: the directory was read from a shard under the guard.
                let depth = unsafe { directory.depth() };
                let index = self.directory_index(hash, depth);
                // SAFETY: the index has `depth` bits.
                prefetch(unsafe { directory.word_address(index) });
            }
        }
        let mut located = [None::<Located<'g>>; LOOKUP_BATCH];
        for ((located, directory), &hash) in located.iter_mut().zip(directories).zip(hashes) {
            *located = directory.map(|directory| self.locate_in(directory, hash, guard));
            if let Some(located) = located {
                prefetch(located.segment.run(hash).as_ptr().cast());
            }
        }
        for (located, &hash) in located.iter().zip(hashes) {
            let Some(located) = located else { continue };
            candidates(*located, hash, guard).for_each(|word| prefetch(word.pointer()));
        }
        located
    }
}

/// What may be the entries of a key with this hash. Most keys are in their home bucket; the others'
/// entries are not looked for.
#[inline]
fn candidates<'g>(
    located: Located<'g>,
    hash: u64,
    guard: &'g Guard,
) -> impl Iterator<Item = Word<'g>> {
    let tag = tag_of(hash);
    let words = located.segment.run(hash)[..BUCKET_SLOTS].iter().map(|slot| slot.load(guard));
    words.filter(move |word| word.tag() == tag && !word.is_vacant())
}
