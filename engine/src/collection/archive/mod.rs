//! Collections as a snapshot has them: elements, each behind its length.
//!
//! The elements are those of the tree, in its order, behind one that says what they are; so a
//! writer copies leaves, a reader builds the tree from the leaves up, and neither holds more of a
//! collection than a page and an element. Those of sorted sets alone are written in another way
//! than they lie in leaves. `FORMAT.md` draws the bytes.

mod decode;
mod encode;
mod scored;
mod stream;

#[cfg(test)]
mod tests;

pub(crate) use decode::{Decoder, Unsound};
pub(crate) use encode::Encoder;

use super::Collection;
use crate::format::ValueType;
use crate::{Error, tree};

/// Fields of a hash or members of a set as they came, not by hash.
const AS_THEY_CAME: u8 = 0;
/// In the order of hashes.
const BY_HASH: u8 = 1;

/// An element behind its length.
fn framed(parts: &[&[u8]]) -> Vec<u8> {
    let len = parts.iter().map(|part| part.len()).sum();
    [tree::Prefix::new(len).as_slice(), &parts.concat()].concat()
}

impl Collection {
    /// Reads a collection as a snapshot has it; see `FORMAT.md`.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if the bytes are no collection of that type.
    pub fn decode(value_type: ValueType, bytes: &[u8]) -> Result<Self, Error> {
        let decode = || {
            let mut decoder = Decoder::new(value_type)?;
            decoder.feed(bytes)?;
            decoder.finish()
        };
        decode().map_err(|unsound: Unsound| Error::Corrupt {
            object: format!("a {} of a snapshot", value_type.name()),
            reason: unsound.to_string(),
        })
    }
}
