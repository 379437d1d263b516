//! Going through elements from both ends.

use super::element::Elements;
use super::order::Order;
use super::root::Tree;

/// The elements of a range of positions, in order.
///
/// A step within a leaf reads on; the step to the next leaf is a search from the root, which
/// costs little beside the thirty elements of a leaf, and nothing has to be kept meanwhile.
#[derive(Debug)]
pub(crate) struct Iter<'t, O: Order> {
    tree: &'t Tree<O>,
    start: u64,
    end: u64,
    /// What is left of the leaf at the front.
    front: Elements<'t>,
    /// What is left of the leaf at the back.
    back: Vec<&'t [u8]>,
}

impl<O: Order> Clone for Iter<'_, O> {
    fn clone(&self) -> Self {
        let Self { tree, start, end, front, back } = self;
        Self { tree, start: *start, end: *end, front: front.clone(), back: back.clone() }
    }
}

impl<'t, O: Order> Iter<'t, O> {
    pub(super) fn new(tree: &'t Tree<O>, start: u64, end: u64) -> Self {
        Self { tree, start, end, front: Elements::default(), back: Vec::new() }
    }
}

impl<'t, O: Order> Iterator for Iter<'t, O> {
    type Item = &'t [u8];

    #[inline]
    fn next(&mut self) -> Option<&'t [u8]> {
        if self.start >= self.end {
            return None;
        }
        if self.front.rest_len() == 0 {
            let (leaf, before, _) = self.tree.leaf_at(self.start)?;
            self.front = Elements::new(leaf);
            for _ in 0..before {
                self.front.next();
            }
        }
        self.start += 1;
        self.front.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = (self.end - self.start) as usize;
        (left, Some(left))
    }
}

impl<'t, O: Order> DoubleEndedIterator for Iter<'t, O> {
    fn next_back(&mut self) -> Option<&'t [u8]> {
        if self.start >= self.end {
            return None;
        }
        if self.back.is_empty() {
            let (leaf, before, _) = self.tree.leaf_at(self.end - 1)?;
            self.back.extend(Elements::new(leaf).take(before as usize + 1));
        }
        self.end -= 1;
        self.back.pop()
    }
}

impl<O: Order> ExactSizeIterator for Iter<'_, O> {}
