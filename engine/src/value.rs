//! Values handed out to callers.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// A value that stays valid for as long as it is held, whatever happens to its key.
///
/// Small values are copies. Values that the table keeps out of line are shared and counted, so
/// that getting one costs the same whatever its length. Holding either blocks nothing.
#[derive(Clone)]
pub struct Value(Repr);

#[derive(Clone)]
enum Repr {
    Owned(Box<[u8]>),
    Shared(Arc<Box<[u8]>>),
}

impl Value {
    /// Whether the bytes are shared with the table instead of copied.
    pub fn is_shared(&self) -> bool {
        matches!(self.0, Repr::Shared(_))
    }

    /// The same value in an allocation that is counted: cloning it copies nothing, and neither does
    /// storing it if it is large.
    ///
    /// What is made from a `Vec` whose capacity is its length is moved, not copied.
    ///
    /// # Examples
    ///
    /// ```
    /// let value = exuvia::Value::from(vec![7; 1 << 20]).into_shared();
    /// assert!(value.clone().is_shared());
    /// ```
    #[must_use]
    pub fn into_shared(mut self) -> Self {
        self.share();
        self
    }

    pub(crate) fn shared(bytes: Arc<Box<[u8]>>) -> Self {
        Self(Repr::Shared(bytes))
    }

    /// The shared allocation; an owned one becomes shared without being copied.
    pub(crate) fn share(&mut self) -> Arc<Box<[u8]>> {
        let shared = match std::mem::replace(&mut self.0, Repr::Owned(Box::default())) {
            Repr::Owned(bytes) => Arc::new(bytes),
            Repr::Shared(bytes) => bytes,
        };
        self.0 = Repr::Shared(Arc::clone(&shared));
        shared
    }

    /// The bytes as a vector, without copying if nobody shares them.
    pub fn into_vec(self) -> Vec<u8> {
        match self.0 {
            Repr::Owned(bytes) => bytes.into_vec(),
            Repr::Shared(bytes) => {
                Arc::try_unwrap(bytes).unwrap_or_else(|shared| (*shared).clone()).into_vec()
            }
        }
    }
}

impl Deref for Value {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Repr::Owned(bytes) => bytes,
            Repr::Shared(bytes) => bytes,
        }
    }
}

impl AsRef<[u8]> for Value {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Repr::Owned(bytes.into_boxed_slice()))
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self(Repr::Owned(bytes.into()))
    }
}

impl<const N: usize> From<&[u8; N]> for Value {
    fn from(bytes: &[u8; N]) -> Self {
        Self::from(bytes.as_slice())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::from(text.as_bytes())
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Value {}

impl PartialEq<[u8]> for Value {
    fn eq(&self, other: &[u8]) -> bool {
        **self == *other
    }
}

impl<const N: usize> PartialEq<&[u8; N]> for Value {
    fn eq(&self, other: &&[u8; N]) -> bool {
        **self == other[..]
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 64;
        write!(f, "\"{}\"", self[..self.len().min(SHOWN)].escape_ascii())?;
        if self.len() > SHOWN { write!(f, "..{} bytes", self.len()) } else { Ok(()) }
    }
}
