//! Lists.

use std::fmt;
use std::ops::Range;

use crate::Value;
use crate::tree::{Iter, Sequence, Sharing, Tree, encode};

/// A sequence of byte strings, quick at both ends and in the middle.
///
/// See the [module](super) for what operations cost.
///
/// # Examples
///
/// ```
/// use exuvia::List;
///
/// let mut moths: List = [b"emperor", b"silver!"].into_iter().collect();
/// let before = moths.clone();
/// moths.push_front(b"sphinx");
/// moths.set(2, b"atlas");
///
/// assert_eq!(moths.iter().collect::<Vec<_>>(), [&b"sphinx"[..], b"emperor", b"atlas"]);
/// assert_eq!(before.len(), 2);
/// ```
#[derive(Clone, Default)]
pub struct List {
    tree: Tree<Sequence>,
}

impl List {
    /// An empty list.
    pub fn new() -> Self {
        Self::default()
    }

    pub(super) fn from_tree(tree: Tree<Sequence>) -> Self {
        Self { tree }
    }

    pub(super) fn tree(&self) -> &Tree<Sequence> {
        &self.tree
    }

    /// A copy, unless a successor has taken its place and it can no longer be copied.
    pub(super) fn share(&self, sharing: Sharing) -> Option<Self> {
        Some(Self { tree: self.tree.share(sharing)? })
    }

    pub(super) fn seal(&mut self) {
        self.tree.seal();
    }

    /// Number of elements.
    pub fn len(&self) -> u64 {
        self.tree.len()
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.tree.is_empty()
    }

    /// The element at `index`, counted from 0.
    pub fn get(&self, index: u64) -> Option<&[u8]> {
        self.tree.get(index)
    }

    /// The first element.
    pub fn front(&self) -> Option<&[u8]> {
        self.get(0)
    }

    /// The last element.
    pub fn back(&self) -> Option<&[u8]> {
        self.get(self.len().checked_sub(1)?)
    }

    /// The elements in order.
    pub fn iter(&self) -> ListIter<'_> {
        self.range(0..self.len())
    }

    /// The elements at these indexes, as far as they exist.
    pub fn range(&self, range: Range<u64>) -> ListIter<'_> {
        ListIter(self.tree.range(range.start, range.end))
    }

    /// Puts an element before the first one.
    pub fn push_front(&mut self, element: impl AsRef<[u8]>) {
        self.insert(0, element);
    }

    /// Puts an element behind the last one.
    pub fn push_back(&mut self, element: impl AsRef<[u8]>) {
        self.insert(self.len(), element);
    }

    /// Puts elements behind the last one, at a fraction of the cost of pushing each.
    pub fn extend_back<E: AsRef<[u8]>>(&mut self, elements: impl IntoIterator<Item = E>) {
        self.insert_all(self.len(), elements);
    }

    /// Puts elements, in their order, before the one at `index`, at a fraction of the cost of
    /// inserting each; behind the last if there are fewer.
    pub fn insert_all<E: AsRef<[u8]>>(
        &mut self,
        index: u64,
        elements: impl IntoIterator<Item = E>,
    ) {
        let (mut run, mut len) = (Vec::new(), 0);
        for element in elements {
            encode(element.as_ref(), &mut run);
            len += 1;
        }
        let place = self.tree.find_index(index).map(|found| found.place);
        self.tree.insert_run(place.as_ref(), &run, len);
    }

    /// Puts an element before the one at `index`, or behind the last if there are fewer.
    pub fn insert(&mut self, index: u64, element: impl AsRef<[u8]>) {
        let place = self.tree.find_index(index).map(|found| found.place);
        self.tree.insert(place.as_ref(), &[element.as_ref()]);
    }

    /// Replaces the element at `index`; returns whether there is one.
    pub fn set(&mut self, index: u64, element: impl AsRef<[u8]>) -> bool {
        let Some(found) = self.tree.find_index(index) else { return false };
        if found.element.is_none() {
            return false;
        }
        let place = found.place;
        self.tree.replace(&place, &[element.as_ref()]);
        true
    }

    /// Takes the element at `index` out.
    pub fn remove(&mut self, index: u64) -> Option<Value> {
        let found = self.tree.find_index(index)?;
        let element = Value::from(found.element?);
        let place = found.place;
        self.tree.remove(&place);
        Some(element)
    }

    /// Takes the first element out.
    pub fn pop_front(&mut self) -> Option<Value> {
        self.remove(0)
    }

    /// Takes the last element out.
    pub fn pop_back(&mut self) -> Option<Value> {
        self.remove(self.len().checked_sub(1)?)
    }

    /// Takes the elements at these indexes out, as far as they exist.
    pub fn remove_range(&mut self, range: Range<u64>) {
        self.tree.remove_range(range.start, range.end);
    }
}

impl<E: AsRef<[u8]>> FromIterator<E> for List {
    fn from_iter<I: IntoIterator<Item = E>>(elements: I) -> Self {
        let mut list = Self::new();
        list.extend_back(elements);
        list
    }
}

impl PartialEq for List {
    fn eq(&self, other: &Self) -> bool {
        self.tree.is_same(&other.tree) || self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl Eq for List {}

impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(<[u8]>::escape_ascii)).finish()
    }
}

/// The elements of a [`List`], from either end.
#[derive(Clone, Debug)]
pub struct ListIter<'a>(Iter<'a, Sequence>);

impl<'a> Iterator for ListIter<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.0.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl DoubleEndedIterator for ListIter<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.0.next_back()
    }
}

impl ExactSizeIterator for ListIter<'_> {}

impl<'a> IntoIterator for &'a List {
    type Item = &'a [u8];
    type IntoIter = ListIter<'a>;

    fn into_iter(self) -> ListIter<'a> {
        self.iter()
    }
}
