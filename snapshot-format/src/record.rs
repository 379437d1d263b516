//! What a snapshot holds of one key.

/// One key with its value and its expiry, borrowed from a page or from the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Number of the database the key is in.
    pub database: u16,
    /// [`hash_key`](crate::hash_key) of the key under the snapshot's seed.
    pub hash: u64,
    /// How `value` is to be understood.
    pub value_type: ValueType,
    /// The key.
    pub key: &'a [u8],
    /// Milliseconds since the Unix epoch at which the key expires, if it does.
    pub expires_at_unix_ms: Option<u64>,
    /// The value.
    pub value: &'a [u8],
}

impl Record<'_> {
    /// Bytes of the key and the value together.
    #[inline]
    pub fn bytes(&self) -> u64 {
        self.key.len() as u64 + self.value.len() as u64
    }
}

/// How the bytes of a value are to be understood: the upper four bits of a record's kind byte.
///
/// Codes 6 to 15 are reserved; a reader refuses a page that holds one it does not know. The bytes
/// of a value that is not a string are elements, each behind its length, the first of which is a
/// header; `FORMAT.md` draws them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
#[repr(u8)]
pub enum ValueType {
    /// A string: the value's bytes are the string's bytes.
    #[default]
    String = 0,
    /// A sequence of byte strings.
    List = 1,
    /// A map of fields to values.
    Hash = 2,
    /// A set of byte strings.
    Set = 3,
    /// A set of byte strings in the order of scores.
    SortedSet = 4,
    /// Entries with ids, and groups of consumers that read them.
    Stream = 5,
}

impl ValueType {
    /// The type with this code.
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::String),
            1 => Some(Self::List),
            2 => Some(Self::Hash),
            3 => Some(Self::Set),
            4 => Some(Self::SortedSet),
            5 => Some(Self::Stream),
            _ => None,
        }
    }

    /// The name that `TYPE` answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::List => "list",
            Self::Hash => "hash",
            Self::Set => "set",
            Self::SortedSet => "zset",
            Self::Stream => "stream",
        }
    }
}

/// What a record says about its key: the lower four bits of its kind byte.
///
/// All four are reserved from the first version on; version 1 writes and reads [`Whole`] records
/// in record pages and [`Piece`]s in piece pages, and refuses the other two by name.
///
/// [`Whole`]: RecordKind::Whole
/// [`Piece`]: RecordKind::Piece
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum RecordKind {
    /// The key has this value.
    Whole = 0,
    /// The key has a value of which this is one piece.
    Piece = 1,
    /// The key was deleted since the base snapshot.
    Deleted = 2,
    /// All records of the base snapshot in a range of hashes are replaced by those that follow.
    RangeReplaced = 3,
}

/// The kind byte of a record: [`RecordKind`] in its lower and [`ValueType`] in its upper half.
pub(crate) const fn kind_byte(kind: RecordKind, value_type: ValueType) -> u8 {
    (value_type as u8) << 4 | kind as u8
}

/// The type in a kind byte, if its other half says that the record is of kind `kind`.
pub(crate) const fn value_type_of(kind_byte: u8, kind: RecordKind) -> Option<ValueType> {
    if kind_byte & 0x0f == kind as u8 { ValueType::from_code(kind_byte >> 4) } else { None }
}
