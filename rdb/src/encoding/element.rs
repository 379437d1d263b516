//! One element of a ziplist or a listpack.

use crate::decimal::Decimal;

/// Bytes, or an integer that stands for its decimal form.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Element<'a> {
    Bytes(&'a [u8]),
    Integer(i64, Decimal),
}

impl Element<'_> {
    pub(super) fn integer(value: i64) -> Self {
        Self::Integer(value, Decimal::new(value))
    }

    /// The element as it was put in.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Integer(_, decimal) => decimal.as_bytes(),
        }
    }

    /// Its value if it is stored as an integer.
    pub(crate) fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Bytes(_) => None,
            Self::Integer(value, _) => Some(*value),
        }
    }
}

/// Takes the next `N` bytes of `rest`.
pub(super) fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (array, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(*array)
}

/// Takes the next `len` bytes of `rest`.
pub(super) fn take_slice<'a>(rest: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (slice, tail) = rest.split_at_checked(len)?;
    *rest = tail;
    Some(slice)
}
