//! Sets.

use std::fmt;
use std::ops::Range;

use crate::Value;
use crate::tree::{Hashed, Iter, Keyed, Sharing, Tree, same_bytes};

/// A set's elements are its members.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member;

impl Keyed for Member {
    #[inline]
    fn key(element: &[u8]) -> &[u8] {
        element
    }

    #[inline]
    fn has_key(element: &[u8], key: &[u8]) -> bool {
        same_bytes(element, key)
    }
}

/// A set of byte strings.
///
/// Small sets keep their members as they came, larger ones in the order of a keyed hash. Either
/// way a member has a position, so that one can be chosen at random:
/// [`get_at`](Self::get_at) of a random number below [`len`](Self::len) gives each with the same
/// probability. See the [module](super) for what operations cost.
#[derive(Clone, Default)]
pub struct Set {
    tree: Tree<Hashed<Member>>,
}

impl Set {
    /// An empty set.
    pub fn new() -> Self {
        Self::default()
    }

    pub(super) fn from_tree(tree: Tree<Hashed<Member>>) -> Self {
        Self { tree }
    }

    pub(super) fn tree(&self) -> &Tree<Hashed<Member>> {
        &self.tree
    }

    /// A copy, unless a successor has taken its place and it can no longer be copied.
    pub(super) fn share(&self, sharing: Sharing) -> Option<Self> {
        Some(Self { tree: self.tree.share(sharing)? })
    }

    pub(super) fn seal(&mut self) {
        self.tree.seal();
    }

    /// Number of members.
    pub fn len(&self) -> u64 {
        self.tree.len()
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.tree.is_empty()
    }

    /// Whether `member` is one.
    pub fn contains(&self, member: &[u8]) -> bool {
        self.tree.get_key(member).is_some()
    }

    /// Adds a member; returns whether it was none before.
    pub fn insert(&mut self, member: impl AsRef<[u8]>) -> bool {
        let member = member.as_ref();
        let place = match self.tree.find_key(member) {
            Some(found) if found.element.is_some() => return false,
            found => found.map(|found| found.place),
        };
        self.tree.insert(place.as_ref(), &[member]);
        true
    }

    /// Removes a member; returns whether it was one.
    pub fn remove(&mut self, member: &[u8]) -> bool {
        let Some(found) = self.tree.find_key(member) else { return false };
        let place = found.place;
        if found.element.is_none() {
            return false;
        }
        self.tree.remove(&place);
        true
    }

    /// The member at `index` in the order of [`iter`](Self::iter).
    pub fn get_at(&self, index: u64) -> Option<&[u8]> {
        self.tree.get(index)
    }

    /// Removes the member at `index`.
    pub fn take_at(&mut self, index: u64) -> Option<Value> {
        let found = self.tree.find_index(index)?;
        let member = Value::from(found.element?);
        let place = found.place;
        self.tree.remove(&place);
        Some(member)
    }

    /// The members, in no order that means anything.
    pub fn iter(&self) -> Members<'_> {
        Members(self.tree.iter())
    }

    /// The members at these positions of [`iter`](Self::iter), as far as they exist.
    pub fn range(&self, range: Range<u64>) -> Members<'_> {
        Members(self.tree.range(range.start, range.end))
    }

    /// Calls `f` with about `count` members from `cursor` on, and returns the cursor to go on
    /// from; 0 begins a scan and, returned, ends it.
    ///
    /// A member that is there during the whole scan is visited exactly once, whatever happens to
    /// the set meanwhile.
    pub fn scan(&self, cursor: u64, count: usize, mut f: impl FnMut(&[u8])) -> u64 {
        let mut visited = 0;
        let mut cursor = cursor;
        loop {
            cursor = self.tree.scan(cursor, &mut |member| {
                visited += 1;
                f(member);
            });
            if cursor == 0 || visited >= count {
                return cursor;
            }
        }
    }
}

impl<M: AsRef<[u8]>> FromIterator<M> for Set {
    fn from_iter<I: IntoIterator<Item = M>>(members: I) -> Self {
        let mut set = Self::new();
        for member in members {
            set.insert(member);
        }
        set
    }
}

impl PartialEq for Set {
    fn eq(&self, other: &Self) -> bool {
        self.tree.is_same(&other.tree)
            || self.len() == other.len() && self.iter().all(|member| other.contains(member))
    }
}

impl Eq for Set {}

impl fmt::Debug for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(<[u8]>::escape_ascii)).finish()
    }
}

/// The members of a [`Set`].
#[derive(Clone, Debug)]
pub struct Members<'a>(Iter<'a, Hashed<Member>>);

impl<'a> Iterator for Members<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.0.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl DoubleEndedIterator for Members<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.0.next_back()
    }
}

impl ExactSizeIterator for Members<'_> {}

impl<'a> IntoIterator for &'a Set {
    type Item = &'a [u8];
    type IntoIter = Members<'a>;

    fn into_iter(self) -> Members<'a> {
        self.iter()
    }
}
