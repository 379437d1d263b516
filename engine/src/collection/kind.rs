//! What all collections have in common.

use self::sealed::Sealed;
use super::{Hash, List, Set, SortedSet, Stream};
use crate::format::ValueType;
use crate::tree::{Replaced, Sharing};
use crate::{Error, Expiry};

/// A collection of any type. Cloning is O(1).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Collection {
    /// A sequence.
    List(List),
    /// A map of fields.
    Hash(Hash),
    /// A set.
    Set(Set),
    /// A set in the order of scores.
    SortedSet(SortedSet),
    /// A log of entries.
    Stream(Stream),
}

impl Collection {
    /// Which type it is.
    pub fn value_type(&self) -> ValueType {
        match self {
            Self::List(_) => ValueType::List,
            Self::Hash(_) => ValueType::Hash,
            Self::Set(_) => ValueType::Set,
            Self::SortedSet(_) => ValueType::SortedSet,
            Self::Stream(_) => ValueType::Stream,
        }
    }

    /// Number of elements.
    pub fn len(&self) -> u64 {
        match self {
            Self::List(list) => list.len(),
            Self::Hash(hash) => hash.len(),
            Self::Set(set) => set.len(),
            Self::SortedSet(set) => set.len(),
            Self::Stream(stream) => stream.len(),
        }
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::List(list) => list.is_empty(),
            Self::Hash(hash) => hash.is_empty(),
            Self::Set(set) => set.is_empty(),
            Self::SortedSet(set) => set.is_empty(),
            Self::Stream(stream) => stream.is_empty(),
        }
    }

    /// Bytes allocated for its nodes, as requested from the allocator. What it shares with other
    /// versions of itself counts for each.
    pub fn heap_bytes(&self) -> u64 {
        match self {
            Self::List(list) => list.tree().heap_bytes(),
            Self::Hash(hash) => hash.heap_bytes(),
            Self::Set(set) => set.tree().heap_bytes(),
            Self::SortedSet(set) => set.heap_bytes(),
            Self::Stream(stream) => stream.heap_bytes(),
        }
    }

    /// Asks for the memory that a command on it reads first.
    pub(crate) fn prefetch(&self) {
        match self {
            Self::List(list) => list.tree().prefetch(),
            Self::Hash(hash) => hash.tree().prefetch(),
            Self::Set(set) => set.tree().prefetch(),
            Self::SortedSet(set) => set.tree().prefetch(),
            Self::Stream(stream) => stream.tree().prefetch(),
        }
    }

    /// Whether it is what no key holds: without elements, and if it is a stream without a past.
    pub(crate) fn is_nothing(&self) -> bool {
        match self {
            Self::Stream(stream) => stream.is_pristine(),
            Self::List(_) | Self::Hash(_) | Self::Set(_) | Self::SortedSet(_) => self.is_empty(),
        }
    }

    /// Whether neither was changed since one was cloned from the other. May say no.
    pub(crate) fn is_unchanged(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::List(left), Self::List(right)) => Sealed::is_unchanged(left, right),
            (Self::Hash(left), Self::Hash(right)) => Sealed::is_unchanged(left, right),
            (Self::Set(left), Self::Set(right)) => Sealed::is_unchanged(left, right),
            (Self::SortedSet(left), Self::SortedSet(right)) => Sealed::is_unchanged(left, right),
            (Self::Stream(left), Self::Stream(right)) => Sealed::is_unchanged(left, right),
            (
                Self::List(_) | Self::Hash(_) | Self::Set(_) | Self::SortedSet(_) | Self::Stream(_),
                _,
            ) => false,
        }
    }

    /// Bytes of its elements with what holds them together, without indexes: about what it takes
    /// in a snapshot. O(1).
    pub(crate) fn data_bytes(&self) -> u64 {
        match self {
            Self::Hash(hash) => hash.tree().heap_bytes(),
            Self::SortedSet(set) => set.tree().heap_bytes(),
            Self::List(_) | Self::Set(_) | Self::Stream(_) => self.heap_bytes(),
        }
    }

    /// Whether the two certainly share most of their nodes.
    pub(crate) fn is_near(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::List(ours), Self::List(theirs)) => ours.tree().is_near(theirs.tree()),
            (Self::Set(ours), Self::Set(theirs)) => ours.tree().is_near(theirs.tree()),
            (Self::Hash(ours), Self::Hash(theirs)) => ours.tree().is_near(theirs.tree()),
            (Self::SortedSet(ours), Self::SortedSet(theirs)) => ours.tree().is_near(theirs.tree()),
            (Self::Stream(ours), Self::Stream(theirs)) => ours.tree().is_near(theirs.tree()),
            _ => false,
        }
    }

    /// Bytes that stay behind when `successor` replaces it, as far as they are from `older` if that
    /// is given.
    pub(super) fn bytes_not_in(&self, successor: &Self, older: Option<&Self>) -> u64 {
        match (self, successor) {
            (Self::List(ours), Self::List(theirs)) => {
                let older = older.and_then(List::of).map(List::tree);
                ours.tree().bytes_not_in(theirs.tree(), older)
            }
            (Self::Set(ours), Self::Set(theirs)) => {
                let older = older.and_then(Set::of).map(Set::tree);
                ours.tree().bytes_not_in(theirs.tree(), older)
            }
            (Self::Hash(ours), Self::Hash(theirs)) => {
                ours.bytes_not_in(theirs, older.and_then(Hash::of))
            }
            (Self::SortedSet(ours), Self::SortedSet(theirs)) => {
                ours.bytes_not_in(theirs, older.and_then(SortedSet::of))
            }
            (Self::Stream(ours), Self::Stream(theirs)) => {
                ours.bytes_not_in(theirs, older.and_then(Stream::of))
            }
            (
                Self::List(_) | Self::Hash(_) | Self::Set(_) | Self::SortedSet(_) | Self::Stream(_),
                _,
            ) => self.heap_bytes(),
        }
    }

    /// It as a collection of type `C`.
    ///
    /// # Errors
    ///
    /// [`Error::WrongType`] if it is of another.
    pub fn downcast<C: CollectionType>(&self) -> Result<&C, Error> {
        C::of(self).ok_or(Error::WrongType)
    }

    /// Has to be called by whoever published it in the place of `lender`; without one, if it is to
    /// be published in another form.
    pub(crate) fn settle(&self, lender: Replaced<'_, Self>) {
        match self {
            Self::List(list) => {
                list.tree().settle(lender.part(List::of).part(|it| Some(it.tree())));
            }
            Self::Set(set) => set.tree().settle(lender.part(Set::of).part(|it| Some(it.tree()))),
            Self::Hash(hash) => {
                hash.tree().settle(lender.part(Hash::of).part(|it| Some(it.tree())));
            }
            Self::SortedSet(set) => set.settle(lender.part(SortedSet::of)),
            Self::Stream(stream) => {
                stream.tree().settle(lender.part(Stream::of).part(|it| Some(it.tree())));
            }
        }
    }

    /// A clone in O(1), unless a successor has taken its place. Whoever is refused one finds that
    /// under the key.
    pub(crate) fn try_clone(&self) -> Option<Self> {
        Some(match self {
            Self::List(list) => Self::List(list.try_clone()?),
            Self::Hash(hash) => Self::Hash(hash.try_clone()?),
            Self::Set(set) => Self::Set(set.try_clone()?),
            Self::SortedSet(set) => Self::SortedSet(set.try_clone()?),
            Self::Stream(stream) => Self::Stream(stream.try_clone()?),
        })
    }

    /// The same without the elements that have expired by `now_unix_ms`.
    pub(crate) fn try_clone_at(&self, now_unix_ms: u64) -> Option<Self> {
        match self {
            Self::Hash(hash) => try_clone_at(hash, now_unix_ms).map(Self::Hash),
            Self::List(_) | Self::Set(_) | Self::SortedSet(_) | Self::Stream(_) => self.try_clone(),
        }
    }

    /// When the next of its elements expires.
    pub(crate) fn next_expiry(&self) -> Expiry {
        match self {
            Self::Hash(hash) => hash.next_expiry(),
            Self::List(_) | Self::Set(_) | Self::SortedSet(_) | Self::Stream(_) => Expiry::Never,
        }
    }

    /// Whether an element is left that has not expired by `now_unix_ms`.
    pub(crate) fn is_live(&self, now_unix_ms: u64) -> bool {
        match self {
            Self::Hash(hash) => !hash.is_past(now_unix_ms),
            Self::List(_) | Self::Set(_) | Self::SortedSet(_) | Self::Stream(_) => true,
        }
    }

    /// It without the elements that have expired by `now_unix_ms`, if there are any.
    pub(crate) fn purged(&self, now_unix_ms: u64) -> Option<Self> {
        match self {
            Self::Hash(hash) if hash.next_expiry().is_past(now_unix_ms) => {
                let mut rest = hash.clone();
                rest.purge(now_unix_ms);
                Some(Self::Hash(rest))
            }
            Self::Hash(_) | Self::List(_) | Self::Set(_) | Self::SortedSet(_) | Self::Stream(_) => {
                None
            }
        }
    }
}

pub(super) mod sealed {
    use crate::Expiry;

    /// What the engine needs to know of a collection, and nobody else.
    pub trait Sealed: Sized {
        fn is_nothing(&self) -> bool;
        /// A clone, unless a successor has taken its place and it can no longer be cloned.
        fn try_clone(&self) -> Option<Self>;
        /// The same to take its place, which borrows what it can.
        fn try_lend(&self) -> Option<Self>;
        /// Ends the changes of a copy that may have borrowed.
        fn seal(&mut self);
        /// Whether nothing was changed in `self` since it was cloned from `other`. May say no.
        fn is_unchanged(&self, other: &Self) -> bool;
        fn next_expiry_of_any(&self) -> Expiry {
            Expiry::Never
        }
        fn purge_expired(&mut self, _now_unix_ms: u64) {}
    }
}

/// One of the types of collections: [`List`], [`Hash`](struct@Hash), [`Set`], [`SortedSet`], [`Stream`].
pub trait CollectionType: Clone + Default + Into<Collection> + sealed::Sealed + 'static {
    /// The type.
    const VALUE_TYPE: ValueType;

    /// The collection, if it is of this type.
    fn of(collection: &Collection) -> Option<&Self>;
}

/// A clone of `collection` without what has expired by `now_unix_ms`, unless a successor has taken
/// its place.
pub(super) fn try_clone_at<C: CollectionType>(collection: &C, now_unix_ms: u64) -> Option<C> {
    let mut clone = collection.try_clone()?;
    if clone.next_expiry_of_any().is_past(now_unix_ms) {
        clone.purge_expired(now_unix_ms);
    }
    Some(clone)
}

macro_rules! collection_type {
    ($type:ident, $is_nothing:expr, $is_unchanged:expr $(, $more:item)*) => {
        impl sealed::Sealed for $type {
            fn is_nothing(&self) -> bool {
                let is_nothing: fn(&$type) -> bool = $is_nothing;
                is_nothing(self)
            }

            fn is_unchanged(&self, other: &Self) -> bool {
                let is_unchanged: fn(&$type, &$type) -> bool = $is_unchanged;
                is_unchanged(self, other)
            }

            fn try_clone(&self) -> Option<Self> {
                self.share(Sharing::Counted)
            }

            fn try_lend(&self) -> Option<Self> {
                self.share(Sharing::Lent)
            }

            fn seal(&mut self) {
                Self::seal(self);
            }

            $($more)*
        }

        impl CollectionType for $type {
            const VALUE_TYPE: ValueType = ValueType::$type;

            fn of(collection: &Collection) -> Option<&Self> {
                match collection {
                    Collection::$type(collection) => Some(collection),
                    _ => None,
                }
            }
        }

        impl From<$type> for Collection {
            fn from(collection: $type) -> Self {
                Self::$type(collection)
            }
        }
    };
}

collection_type!(List, List::is_empty, |left, right| left.tree().is_same(right.tree()));
collection_type!(Set, Set::is_empty, |left, right| left.tree().is_same(right.tree()));
collection_type!(SortedSet, SortedSet::is_empty, |left, right| {
    left.tree().is_same(right.tree())
});
collection_type!(Stream, Stream::is_pristine, Stream::is_unchanged);
collection_type!(
    Hash,
    Hash::is_empty,
    Hash::is_same,
    fn next_expiry_of_any(&self) -> Expiry {
        self.next_expiry()
    },
    fn purge_expired(&mut self, now_unix_ms: u64) {
        self.purge(now_unix_ms);
    }
);
