//! Elements of sorted sets, which have scores of eight bytes in a snapshot.

use super::super::score::{self, Code};
use crate::tree::{Builder, Prefix, Sorted};

const SCORE_BYTES: usize = 8;
const SIGN: u64 = 1 << 63;

/// The score as a number that sorts like it.
fn sortable(score: f64) -> u64 {
    let bits = score.to_bits();
    if bits & SIGN == 0 { bits | SIGN } else { !bits }
}

fn from_sortable(sortable: u64) -> f64 {
    f64::from_bits(if sortable & SIGN == 0 { !sortable } else { sortable ^ SIGN })
}

/// Bytes that an element of a leaf takes once it is written, its length included.
pub(super) fn written_bytes(element: &[u8]) -> u64 {
    let len = SCORE_BYTES + element.len() - score::code_len(element);
    (Prefix::new(len).as_slice().len() + len) as u64
}

/// Writes an element of a leaf, its length included.
pub(super) fn write(element: &[u8], into: &mut Vec<u8>) {
    let (score, member) = score::split(element);
    into.extend_from_slice(Prefix::new(SCORE_BYTES + member.len()).as_slice());
    into.extend_from_slice(&sortable(score).to_be_bytes());
    into.extend_from_slice(member);
}

/// Adds an element that was written to a tree. `false` if it is not sound, or not behind `last`,
/// the one before it.
pub(super) fn push(builder: &mut Builder<Sorted>, last: &[u8], element: &[u8]) -> bool {
    let Some((sortable, member)) = element.split_first_chunk() else { return false };
    let score = from_sortable(u64::from_be_bytes(*sortable));
    let is_score = !score.is_nan() && score.to_bits() != SIGN;
    is_score && last < element && builder.push(&[Code::new(score).as_slice(), member])
}
