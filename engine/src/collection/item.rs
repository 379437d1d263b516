//! What a key holds.

use crate::collection::{Collection, CollectionType};
use crate::format::ValueType;
use crate::{Error, Value};

/// What a key holds: a string, or a collection.
///
/// Stays valid for as long as it is held, whatever happens to its key. Cloning a collection or a
/// large string is O(1).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Item {
    /// A string.
    String(Value),
    /// A collection.
    Collection(Collection),
}

impl Item {
    /// Which type it is.
    pub fn value_type(&self) -> ValueType {
        match self {
            Self::String(_) => ValueType::String,
            Self::Collection(collection) => collection.value_type(),
        }
    }

    /// Whether it is what no key holds: a collection without elements, and if it is a stream
    /// without a past. Storing it removes the key.
    pub fn is_nothing(&self) -> bool {
        matches!(self, Self::Collection(collection) if collection.is_nothing())
    }

    /// Whether the two are the same: equal strings, or a collection that was not written between
    /// the one and the other. O(1) but for strings.
    pub fn is_unchanged(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::String(left), Self::String(right)) => left == right,
            (Self::Collection(left), Self::Collection(right)) => left.is_unchanged(right),
            (Self::String(_), Self::Collection(_)) | (Self::Collection(_), Self::String(_)) => {
                false
            }
        }
    }

    /// The string, if it is one.
    pub fn as_string(&self) -> Option<&Value> {
        match self {
            Self::String(value) => Some(value),
            Self::Collection(_) => None,
        }
    }

    /// The string.
    ///
    /// # Errors
    ///
    /// [`Error::WrongType`] if it is a collection.
    pub fn into_string(self) -> Result<Value, Error> {
        match self {
            Self::String(value) => Ok(value),
            Self::Collection(_) => Err(Error::WrongType),
        }
    }

    /// The collection of type `C`.
    ///
    /// # Errors
    ///
    /// [`Error::WrongType`] if it is a string or another collection.
    pub fn collection<C: CollectionType>(&self) -> Result<&C, Error> {
        match self {
            Self::Collection(collection) => collection.downcast(),
            Self::String(_) => Err(Error::WrongType),
        }
    }
}

impl From<Value> for Item {
    fn from(value: Value) -> Self {
        Self::String(value)
    }
}

impl<C: Into<Collection>> From<C> for Item {
    fn from(collection: C) -> Self {
        Self::Collection(collection.into())
    }
}

impl PartialEq<[u8]> for Item {
    fn eq(&self, other: &[u8]) -> bool {
        self.as_string().is_some_and(|value| **value == *other)
    }
}

impl<const N: usize> PartialEq<&[u8; N]> for Item {
    fn eq(&self, other: &&[u8; N]) -> bool {
        *self == other[..]
    }
}
