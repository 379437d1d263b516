//! Making leaves.

use std::iter;
use std::ops::Range;

use super::element::Elements;
use super::link::{Child, Link};
use super::order::{Bound, Order};

/// What `parts` in the place of the bytes in `cut` make of a leaf, to be laid end to end.
#[inline]
pub(super) fn spliced<'l>(
    leaf: &'l [u8],
    cut: &Range<usize>,
    parts: &'l [&'l [u8]],
) -> impl Iterator<Item = &'l [u8]> + Clone {
    let (left, right) = (&leaf[..cut.start], &leaf[cut.end..]);
    iter::once(left).chain(parts.iter().copied()).chain(iter::once(right))
}

/// How full leaves are made that take the place of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fill {
    /// Each as full as it can be: more will come behind.
    Full,
    /// All about the same.
    Even,
}

impl Fill {
    /// Length at which a leaf is full enough, where `total` bytes are to be laid out.
    fn target<B: Bound>(self, total: usize) -> usize {
        match self {
            Self::Full => B::LEAF_BYTES_MAX,
            Self::Even => total.div_ceil(total.div_ceil(B::LEAF_BYTES_MAX).max(2)),
        }
    }
}

/// Where an element of a leaf lies, its length included.
#[derive(Clone, Debug)]
struct Located<B> {
    bytes: Range<usize>,
    bound: B,
}

/// Cuts `bytes`, elements that are too many for one leaf, into leaves (T3, T4). The first has
/// `bound`.
pub(super) fn pack<O: Order>(
    order: &O,
    bytes: &[u8],
    fill: Fill,
    bound: O::Bound,
) -> Vec<Child<O::Bound>> {
    let mut elements = locate(order, bytes);
    if !O::ORDERS_LEAVES {
        elements.sort_by(|left, right| {
            left.bound.partial_cmp(&right.bound).expect("hashes are numbers")
        });
    }
    let target = fill.target::<O::Bound>(bytes.len());
    let mut leaves = Vec::new();
    let mut first = 0;
    let mut len = 0;
    for (at, element) in elements.iter().enumerate() {
        let full = len >= target || len + element.bytes.len() > O::Bound::LEAF_BYTES_MAX;
        let divisible = O::ORDERS_LEAVES || at > 0 && elements[at - 1].bound < element.bound;
        if at > first && full && divisible {
            leaves.push(leaf_of::<O>(bytes, &elements[first..at]));
            first = at;
            len = 0;
        }
        len += element.bytes.len();
    }
    leaves.push(leaf_of::<O>(bytes, &elements[first..]));
    leaves[0].bound = bound;
    leaves
}

fn locate<O: Order>(order: &O, bytes: &[u8]) -> Vec<Located<O::Bound>> {
    let mut located = Vec::new();
    let mut elements = Elements::new(bytes);
    let mut start = 0;
    while let Some(element) = elements.next() {
        let end = bytes.len() - elements.rest_len();
        located.push(Located { bytes: start..end, bound: order.bound(element) });
        start = end;
    }
    located
}

fn leaf_of<O: Order>(bytes: &[u8], elements: &[Located<O::Bound>]) -> Child<O::Bound> {
    let leaf = if O::ORDERS_LEAVES {
        let (first, last) = (&elements[0], &elements[elements.len() - 1]);
        Link::leaf(iter::once(&bytes[first.bytes.start..last.bytes.end]))
    } else {
        Link::leaf(elements.iter().map(|element| &bytes[element.bytes.clone()]))
    };
    Child::new(leaf, elements.len() as u64, elements[0].bound)
}
