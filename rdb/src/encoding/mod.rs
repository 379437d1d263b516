//! Compact encodings: whole collections in one string of the file.
//!
//! Each is an iterator that checks as it goes: an element that it gave lies inside the string,
//! and the checks at its end are made before it says that there is no more.

mod element;
mod intset;
mod listpack;
mod ziplist;
mod zipmap;

pub(crate) use element::Element;
pub(crate) use intset::Intset;
pub(crate) use listpack::{Listpack, ListpackBuilder};
pub(crate) use ziplist::{Ziplist, ZiplistBuilder};
pub(crate) use zipmap::Zipmap;
