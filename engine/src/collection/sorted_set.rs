//! Sorted sets.
//!
//! ```text
//! element: score, as bytes that sort like it and tell where they end; member
//! ```
//!
//! How a score is written is in [`score`].

use std::fmt;
use std::ops::Range;

use super::score::{self, Code};
use crate::Value;
use crate::tree::{
    Builder, Hashed, Iter, Keyed, Replaced, Sharing, Sorted, Tree, index_bytes_not_in,
    process_seed, same_bytes,
};

/// Members up to which there is no index by member: one is found by looking at all, which takes
/// a fraction of a microsecond.
#[cfg(not(test))]
const UNINDEXED_LEN_MAX: u64 = 128;
/// Few, so that tests cross the bound all the time.
#[cfg(test)]
const UNINDEXED_LEN_MAX: u64 = 12;

/// Elements of the index are those of the sorted set, found by their members.
#[derive(Clone, Copy, Debug)]
struct Scored;

impl Keyed for Scored {
    #[inline]
    fn key(element: &[u8]) -> &[u8] {
        &element[score::code_len(element)..]
    }

    #[inline]
    fn has_key(element: &[u8], key: &[u8]) -> bool {
        // The end tells nearly all others, without a look at the score.
        element.len().checked_sub(key.len()).is_some_and(|start| {
            same_bytes(&element[start..], key) && start == score::code_len(element)
        })
    }
}

#[inline]
pub(super) fn decode(element: &[u8]) -> (&[u8], f64) {
    let (score, member) = score::split(element);
    (member, score)
}

/// A set of byte strings with a score each, in the order of scores, and where those are equal of
/// bytes.
///
/// Scores are any numbers but `NaN`, the infinities included; a negative zero is kept as zero.
/// Ranges of scores and of members are ranges of ranks, which
/// [`rank_of_score`](Self::rank_of_score) and [`rank_of_member`](Self::rank_of_member) find. See
/// the [module](super) for what operations cost.
///
/// # Examples
///
/// ```
/// use exuvia::SortedSet;
///
/// let mut wingspans: SortedSet = [("atlas", 24.0), ("luna", 10.5), ("io", 7.5)].into_iter().collect();
/// assert_eq!(wingspans.rank(b"luna"), Some(1));
/// let from = wingspans.rank_of_score(8.0, false);
/// let wide: Vec<_> = wingspans.range(from..wingspans.len()).collect();
/// assert_eq!(wide, [(&b"luna"[..], 10.5), (b"atlas", 24.0)]);
/// ```
#[derive(Clone, Default)]
pub struct SortedSet {
    scores: Tree<Sorted>,
    /// The same elements by member, once there are many.
    members: Option<Box<Tree<Hashed<Scored>>>>,
}

impl SortedSet {
    /// An empty sorted set.
    pub fn new() -> Self {
        Self::default()
    }

    /// A sorted set of these elements, which are in order. `None` if a member occurs twice.
    pub(super) fn from_tree(scores: Tree<Sorted>) -> Option<Self> {
        let mut set = Self { scores, members: None };
        set.settle_index();
        let is_unique = if let Some(members) = &set.members {
            has_no_twins(members)
        } else {
            let mut members: Vec<&[u8]> = set.scores.iter().map(Scored::key).collect();
            members.sort_unstable();
            members.windows(2).all(|pair| pair[0] != pair[1])
        };
        is_unique.then_some(set)
    }

    pub(super) fn tree(&self) -> &Tree<Sorted> {
        &self.scores
    }

    pub(super) fn heap_bytes(&self) -> u64 {
        let index = self.members.as_ref();
        let index =
            index.map_or(0, |tree| tree.heap_bytes() + size_of::<Tree<Hashed<Scored>>>() as u64);
        self.scores.heap_bytes() + index
    }

    /// Bytes of nodes that `successor` does not share, and that are from `older` if that is given.
    pub(super) fn bytes_not_in(&self, successor: &Self, older: Option<&Self>) -> u64 {
        self.scores.bytes_not_in(&successor.scores, older.map(|older| &older.scores))
            + index_bytes_not_in(
                self.members.as_deref(),
                successor.members.as_deref(),
                older.map(|older| older.members.as_deref()),
            )
    }

    /// A copy, unless a successor has taken its place and it can no longer be copied.
    pub(super) fn share(&self, sharing: Sharing) -> Option<Self> {
        let members = match &self.members {
            Some(members) => Some(Box::new(members.share(sharing)?)),
            None => None,
        };
        Some(Self { scores: self.scores.share(sharing)?, members })
    }

    pub(super) fn seal(&mut self) {
        self.scores.seal();
        if let Some(members) = &mut self.members {
            members.seal();
        }
    }

    pub(super) fn settle(&self, lender: Replaced<'_, Self>) {
        self.scores.settle(lender.part(|lender| Some(&lender.scores)));
        if let Some(members) = &self.members {
            members.settle(lender.part(|lender| lender.members.as_deref()));
        }
    }

    /// Number of members.
    pub fn len(&self) -> u64 {
        self.scores.len()
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.scores.is_empty()
    }

    fn find(&self, member: &[u8]) -> Option<&[u8]> {
        match &self.members {
            Some(members) => members.get_key(member),
            None => self.scores.iter().find(|element| Scored::has_key(element, member)),
        }
    }

    /// The score of `member`.
    pub fn score(&self, member: &[u8]) -> Option<f64> {
        self.find(member).map(|element| decode(element).1)
    }

    /// Whether `member` is one.
    pub fn contains(&self, member: &[u8]) -> bool {
        self.find(member).is_some()
    }

    /// Adds a member or changes its score, and returns the score it had.
    ///
    /// # Panics
    ///
    /// In builds with debug assertions, if the score is `NaN`.
    pub fn insert(&mut self, member: impl AsRef<[u8]>, score: f64) -> Option<f64> {
        let member = member.as_ref();
        let code = Code::new(score);
        let parts = [code.as_slice(), member];
        let Some(members) = &mut self.members else {
            let before = self.find(member).map(<[u8]>::to_vec);
            if before.as_ref().is_none_or(|before| !before.starts_with(parts[0])) {
                move_element(&mut self.scores, before.as_deref(), &parts);
                self.settle_index();
            }
            return before.map(|before| decode(&before).1);
        };
        let found = members.find_key(member);
        let before = found.as_ref().and_then(|found| found.element);
        let score_before = before.map(|before| decode(before).1);
        if before.is_some_and(|before| before.starts_with(parts[0])) {
            return score_before;
        }
        move_element(&mut self.scores, before, &parts);
        let is_new = before.is_none();
        let place = found.map(|found| found.place);
        match &place {
            Some(place) if !is_new => members.replace(place, &parts),
            place => members.insert(place.as_ref(), &parts),
        }
        score_before
    }

    /// Removes a member, and returns the score it had.
    pub fn remove(&mut self, member: &[u8]) -> Option<f64> {
        let element = self.find(member)?.to_vec();
        self.remove_element(&element);
        self.settle_index();
        Some(decode(&element).1)
    }

    fn remove_element(&mut self, element: &[u8]) {
        take_element(&mut self.scores, element);
        if let Some(members) = &mut self.members {
            remove_key(members, Scored::key(element));
        }
    }

    /// Makes the index by member where it is missing, and drops it where it is not worth its
    /// memory.
    fn settle_index(&mut self) {
        if self.members.is_some() {
            if self.len() <= UNINDEXED_LEN_MAX / 2 {
                self.members = None;
            }
            return;
        }
        if self.len() <= UNINDEXED_LEN_MAX {
            return;
        }
        let order = Hashed::new(process_seed());
        let mut hashed: Vec<(u64, &[u8])> =
            self.scores.iter().map(|element| (order.hash(Scored::key(element)), element)).collect();
        hashed.sort_unstable_by_key(|(hash, _)| *hash);
        let mut builder = Builder::new(order);
        for (_, element) in hashed {
            let in_order = builder.push(&[element]);
            debug_assert!(in_order, "the elements were sorted");
        }
        self.members = Some(Box::new(builder.finish()));
    }

    /// How many members come before `member`.
    pub fn rank(&self, member: &[u8]) -> Option<u64> {
        Some(self.scores.count_below(self.find(member)?))
    }

    /// The member at `rank` and its score.
    pub fn get_at(&self, rank: u64) -> Option<(&[u8], f64)> {
        self.scores.get(rank).map(decode)
    }

    /// How many members have a score below `score`; at or below it with `after_equal`.
    pub fn rank_of_score(&self, score: f64, after_equal: bool) -> u64 {
        let code = Code::new(score);
        let probe = if after_equal { code.successor() } else { code };
        self.scores.count_below(probe.as_slice())
    }

    /// How many members are below `member` in the order of bytes; at or below it with
    /// `after_equal`. O(log n) where all scores are equal. Where they are not it takes O((log n)^2),
    /// and means something only if the order by scores is one by bytes too.
    pub fn rank_of_member(&self, member: &[u8], after_equal: bool) -> u64 {
        let last = self.len().checked_sub(1).and_then(|rank| self.scores.get(rank));
        let (Some(first), Some(last)) = (self.scores.get(0), last) else { return 0 };
        let score = &first[..score::code_len(first)];
        if !last.starts_with(score) {
            return self.rank_by_bytes(member, after_equal);
        }
        let probe = [score, member].concat();
        let Some(found) = self.scores.lower_bound(&probe) else { return 0 };
        let is_there = found.element == Some(&probe);
        self.scores.index_of(&found.place) + u64::from(is_there && after_equal)
    }

    fn rank_by_bytes(&self, member: &[u8], after_equal: bool) -> u64 {
        let is_below = |rank| {
            self.get_at(rank).is_some_and(|(found, _)| {
                if after_equal { found <= member } else { found < member }
            })
        };
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if is_below(middle) { low = middle + 1 } else { high = middle }
        }
        low
    }

    /// The members with their scores, in order.
    pub fn iter(&self) -> SortedSetIter<'_> {
        self.range(0..self.len())
    }

    /// The members at these ranks with their scores, as far as they exist.
    pub fn range(&self, ranks: Range<u64>) -> SortedSetIter<'_> {
        SortedSetIter(self.scores.range(ranks.start, ranks.end))
    }

    /// Removes the member with the lowest score.
    pub fn pop_first(&mut self) -> Option<(Value, f64)> {
        self.take_at(0)
    }

    /// Removes the member with the highest score.
    pub fn pop_last(&mut self) -> Option<(Value, f64)> {
        self.take_at(self.len().checked_sub(1)?)
    }

    fn take_at(&mut self, rank: u64) -> Option<(Value, f64)> {
        let (member, score) = self.get_at(rank)?;
        let member = Value::from(member);
        self.remove_range(rank..rank + 1);
        Some((member, score))
    }

    /// Removes the members at these ranks, as far as they exist.
    ///
    /// O(log n) for each where there are more than 128 members.
    pub fn remove_range(&mut self, ranks: Range<u64>) {
        let end = ranks.end.min(self.len());
        if ranks.start >= end {
            return;
        }
        if (end - ranks.start) * 2 > self.len() {
            // Cheaper to make anew of what is left, if that is still much.
            self.members = None;
        }
        if let Some(members) = &mut self.members {
            for element in self.scores.range(ranks.start, end) {
                remove_key(members, Scored::key(element));
            }
        }
        self.scores.remove_range(ranks.start, end);
        self.settle_index();
    }

    /// Calls `f` with about `count` members and scores from `cursor` on, and returns the cursor to
    /// go on from; 0 begins a scan and, returned, ends it.
    ///
    /// A member that is there during the whole scan is visited at least once, whatever happens to
    /// the sorted set meanwhile, and once only while the sorted set remains above or below 128
    /// members.
    pub fn scan(&self, cursor: u64, count: usize, mut f: impl FnMut(&[u8], f64)) -> u64 {
        let mut visited = 0;
        let mut visit = |element: &[u8]| {
            visited += 1;
            let (member, score) = decode(element);
            f(member, score);
        };
        let Some(members) = &self.members else {
            // A scan that began by hash ends by hash.
            let order = Hashed::<Scored>::new(process_seed());
            let rest = |element: &&[u8]| cursor == 0 || order.hash(Scored::key(element)) >= cursor;
            self.scores.iter().filter(rest).for_each(visit);
            return 0;
        };
        let mut cursor = cursor;
        let mut left = count;
        loop {
            let mut here = 0;
            cursor = members.scan(cursor, &mut |element| {
                here += 1;
                visit(element);
            });
            left = left.saturating_sub(here);
            if cursor == 0 || left == 0 {
                return cursor;
            }
        }
    }
}

/// Whether no two elements, which are sorted by hash, have one member.
fn has_no_twins(members: &Tree<Hashed<Scored>>) -> bool {
    let mut same_hash: Vec<&[u8]> = Vec::new();
    let mut last = None;
    for element in members.iter() {
        let member = Scored::key(element);
        let hash = members.order().hash(member);
        if last != Some(hash) {
            same_hash.clear();
            last = Some(hash);
        }
        if same_hash.contains(&member) {
            return false;
        }
        same_hash.push(member);
    }
    true
}

/// Takes `before` out, if there is one, and puts an element in.
fn move_element(scores: &mut Tree<Sorted>, before: Option<&[u8]>, parts: &[&[u8]]) {
    if let Some(before) = before {
        take_element(scores, before);
    }
    let place = scores.lower_bound(&parts.concat()).map(|found| found.place);
    scores.insert(place.as_ref(), parts);
}

fn take_element(scores: &mut Tree<Sorted>, element: &[u8]) {
    let found = scores.lower_bound(element).filter(|found| found.element == Some(element));
    if let Some(place) = found.map(|found| found.place) {
        scores.remove(&place);
    }
}

fn remove_key(members: &mut Tree<Hashed<Scored>>, member: &[u8]) {
    let found = members.find_key(member).filter(|found| found.element.is_some());
    if let Some(place) = found.map(|found| found.place) {
        members.remove(&place);
    }
}

impl<M: AsRef<[u8]>> FromIterator<(M, f64)> for SortedSet {
    fn from_iter<I: IntoIterator<Item = (M, f64)>>(members: I) -> Self {
        let mut set = Self::new();
        for (member, score) in members {
            set.insert(member, score);
        }
        set
    }
}

impl PartialEq for SortedSet {
    fn eq(&self, other: &Self) -> bool {
        self.scores.is_same(&other.scores)
            || self.len() == other.len() && self.scores.iter().eq(other.scores.iter())
    }
}

impl fmt::Debug for SortedSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let escaped = self.iter().map(|(member, score)| (member.escape_ascii(), score));
        f.debug_map().entries(escaped).finish()
    }
}

/// The members of a [`SortedSet`] with their scores, from either end.
#[derive(Clone, Debug)]
pub struct SortedSetIter<'a>(Iter<'a, Sorted>);

impl<'a> Iterator for SortedSetIter<'a> {
    type Item = (&'a [u8], f64);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(decode)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl DoubleEndedIterator for SortedSetIter<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.0.next_back().map(decode)
    }
}

impl ExactSizeIterator for SortedSetIter<'_> {}

impl<'a> IntoIterator for &'a SortedSet {
    type Item = (&'a [u8], f64);
    type IntoIter = SortedSetIter<'a>;

    fn into_iter(self) -> SortedSetIter<'a> {
        self.iter()
    }
}
