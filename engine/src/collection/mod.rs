//! Values with elements: lists, hashes, sets, sorted sets and streams.
//!
//! Each is a value like those of the standard library, but persistent: `clone` is O(1), shares
//! everything, and is not touched by updates of the original. All of them stand on one
//! B+tree, whose nodes are shared and immutable while they are, and which knows the number of
//! elements below each node.
//!
//! ```
//! use exuvia::{Expiry, Store, List};
//!
//! let store = Store::in_memory();
//! let main = store.database(0)?;
//! main.update_collection(b"queue", |queue: &mut List| {
//!     queue.push_back(b"first");
//!     queue.push_back(b"second");
//!     Ok::<_, exuvia::Error>(())
//! })?;
//! let before = main.collection::<List>(b"queue")?.unwrap_or_default();
//! let first = main.update_collection(b"queue", |queue: &mut List| {
//!     Ok::<_, exuvia::Error>(queue.pop_front())
//! })?;
//! assert_eq!(first.as_deref(), Some(&b"first"[..]));
//! assert_eq!(before.len(), 2, "what was taken out before stays as it was");
//! # Ok::<(), exuvia::Error>(())
//! ```
//!
//! # Cost
//!
//! | operation | cost |
//! |---|---|
//! | `clone`, `len` | O(1), but see [`with_collection`](crate::Database::with_collection) |
//! | look up, insert, remove, by position, key or rank | O(log n): one path, at most four or five nodes of about a kibibyte for a million elements |
//! | rank of an element, number of elements in a range | O(log n) |
//! | removing a range | O(log n), and freeing it |
//! | a step of an iterator | O(1), a search once for every leaf |
//!
//! In memory an element costs its bytes and one or two more, and some six percent for the nodes. A
//! score is one byte to nine, and up to 4,094 two. A sorted set of more than 128 elements has them
//! a second time, by the hash of the member.

mod access;
mod archive;
mod hash;
mod item;
mod kind;
mod list;
mod score;
mod set;
mod sorted_set;
mod stored;
mod stream;

#[cfg(test)]
mod escapes;
#[cfg(test)]
mod mixture;
#[cfg(test)]
mod stress;
#[cfg(test)]
mod tests;

pub(crate) use archive::{Decoder, Encoder};
pub use hash::{Fields, Hash};
pub use item::Item;
pub use kind::{Collection, CollectionType};
pub use list::{List, ListIter};
pub use set::{Members, Set};
pub use sorted_set::{SortedSet, SortedSetIter};
pub(crate) use stored::Stored;
pub use stream::{
    Consumer, Group, Pending, PendingIter, Stream, StreamEntry, StreamFields, StreamId, StreamIter,
};
