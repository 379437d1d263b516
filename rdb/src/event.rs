//! What a file says, one event after another.

use std::fmt;

use crate::RdbError;

/// One thing that a file says.
///
/// A file is a sequence of databases, a database a sequence of keys. A key begins with
/// [`Begin`](Self::Begin) and ends with [`End`](Self::End); between them come, by its shape:
///
/// | shape | events |
/// |---|---|
/// | string | one [`Text`](Self::Text) |
/// | list | [`Item`](Self::Item), from first to last |
/// | set | [`Member`](Self::Member) |
/// | sorted set | [`Scored`](Self::Scored) |
/// | hash | [`Field`](Self::Field) |
/// | stream | [`Entry`](Self::Entry) in ascending order, one [`Counters`](Self::Counters), then for each group [`Group`](Self::Group), its [`Pending`](Self::Pending) entries in ascending order, [`Consumers`](Self::Consumers), and for each of them [`Consumer`](Self::Consumer) and its [`Owned`](Self::Owned) entries in ascending order |
///
/// A reader checks order and counts where the table speaks of them, and that scores are numbers.
/// Duplicate members and fields, pending entries that two consumers own or none, and empty
/// collections are for the sink to judge: telling them takes the memory of the whole value.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A property of the file or of what wrote it. A sink may ignore it.
    Aux {
        /// Its name.
        name: &'a [u8],
        /// Its value, integers in decimal.
        value: &'a [u8],
    },
    /// The keys that follow are in this database. Those before the first such event are in 0.
    Database(u32),
    /// About how many keys the database has. Nothing holds the file to it.
    SizeHint {
        /// All of them.
        keys: u64,
        /// Those that expire.
        expiring: u64,
    },
    /// A key begins.
    Begin(Head<'a>),
    /// A string, whole.
    Text(&'a [u8]),
    /// An item of a list.
    Item(&'a [u8]),
    /// A member of a set.
    Member(&'a [u8]),
    /// A member of a sorted set.
    Scored {
        /// The member.
        member: &'a [u8],
        /// Its score; never not a number.
        score: f64,
    },
    /// A field of a hash.
    Field {
        /// Its name.
        field: &'a [u8],
        /// Its value.
        value: &'a [u8],
        /// When it expires, in milliseconds since the Unix epoch.
        expires_at_unix_ms: Option<u64>,
    },
    /// An entry of a stream.
    Entry {
        /// Its id, higher than those before.
        id: StreamId,
        /// Its fields.
        fields: Fields<'a>,
    },
    /// What a stream knows beside its entries.
    Counters(StreamCounters),
    /// A group of consumers.
    Group(Group<'a>),
    /// An entry that the group delivered and nobody acknowledged.
    Pending(Pending),
    /// How many consumers the group has.
    Consumers(u64),
    /// A consumer of the group.
    Consumer(Consumer<'a>),
    /// One of the group's pending entries is this consumer's.
    Owned(StreamId),
    /// The key is complete.
    End,
}

/// The beginning of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head<'a> {
    /// The key.
    pub key: &'a [u8],
    /// When it expires, in milliseconds since the Unix epoch.
    pub expires_at_unix_ms: Option<u64>,
    /// What kind of value it has.
    pub shape: Shape,
}

/// The kind of a value and how large it is.
///
/// A [`Writer`](crate::Writer) takes the numbers of elements as exact, since they stand before
/// the elements in the file. From a [`Reader`](crate::Reader) they are hints, and may be zero.
/// Numbers of bytes are always hints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Shape {
    /// A string.
    String,
    /// A list.
    List {
        /// Its items.
        items: u64,
        /// Bytes of all of them: nodes are cut by the average. Zero if nobody knows.
        bytes: u64,
    },
    /// A set.
    Set {
        /// Its members.
        members: u64,
    },
    /// A sorted set.
    SortedSet {
        /// Its members.
        members: u64,
    },
    /// A hash.
    Hash {
        /// Its fields.
        fields: u64,
        /// A time before which no field expires, if any field may expire.
        expiry_floor_unix_ms: Option<u64>,
    },
    /// A stream.
    Stream {
        /// Its entries.
        entries: u64,
        /// Bytes of the fields of all of them: nodes are cut by the average. Zero if nobody knows.
        bytes: u64,
    },
}

impl Shape {
    /// Redis's name of the type.
    pub fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::List { .. } => "list",
            Self::Set { .. } => "set",
            Self::SortedSet { .. } => "zset",
            Self::Hash { .. } => "hash",
            Self::Stream { .. } => "stream",
        }
    }
}

/// The id of an entry of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    /// Milliseconds since the Unix epoch, by whoever added the entry.
    pub ms: u64,
    /// Number among the entries of that millisecond.
    pub seq: u64,
}

impl StreamId {
    /// The id before all that an entry can have.
    pub const ZERO: Self = Self { ms: 0, seq: 0 };

    pub(crate) fn to_bytes(self) -> [u8; 16] {
        (u128::from(self.ms) << 64 | u128::from(self.seq)).to_be_bytes()
    }

    pub(crate) fn from_bytes(bytes: [u8; 16]) -> Self {
        let both = u128::from_be_bytes(bytes);
        Self { ms: (both >> 64) as u64, seq: both as u64 }
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

/// What a stream knows beside its entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamCounters {
    /// Id of the entry that was added last, deleted or not.
    pub last_id: StreamId,
    /// The highest id that was deleted; zero if none was, or the file is too old to say.
    pub max_deleted_id: StreamId,
    /// Entries ever added; those that there are if the file is too old to say.
    pub entries_added: u64,
    /// Groups that follow.
    pub groups: u64,
}

/// A group of consumers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// Id of the entry that was delivered last.
    pub last_delivered_id: StreamId,
    /// Entries it has read, if it is known.
    pub entries_read: Option<u64>,
    /// Pending entries that follow.
    pub pending: u64,
}

/// An entry that was delivered and not acknowledged. It may have been deleted since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Its id.
    pub id: StreamId,
    /// When it was delivered last, in milliseconds since the Unix epoch.
    pub delivered_at_unix_ms: u64,
    /// How often it was delivered.
    pub deliveries: u64,
}

/// A consumer of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Consumer<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// When it was last heard of, in milliseconds since the Unix epoch.
    pub seen_at_unix_ms: u64,
    /// When it last got or claimed an entry; `None` if it never did.
    pub active_at_unix_ms: Option<u64>,
    /// Ids of pending entries that follow.
    pub pending: u64,
}

/// The fields of an entry: pairs of a name and a value, laid end to end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fields<'a> {
    bytes: &'a [u8],
    /// Where each name and each value ends.
    ends: &'a [usize],
}

impl<'a> Fields<'a> {
    /// How many pairs there are.
    pub fn len(&self) -> usize {
        self.ends.len() / 2
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes of all names and values.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The pairs in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let (bytes, mut start) = (self.bytes, 0);
        self.ends.chunks_exact(2).map(move |pair| {
            let (name, value) = (&bytes[start..pair[0]], &bytes[pair[0]..pair[1]]);
            start = pair[1];
            (name, value)
        })
    }
}

impl fmt::Debug for Fields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
        f.debug_map().entries(self.iter().map(|(name, value)| (text(name), text(value)))).finish()
    }
}

/// Gathers the fields of an entry; its memory is kept for the next one.
#[derive(Clone, Debug, Default)]
pub struct FieldsBuf {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl FieldsBuf {
    /// No fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a pair.
    pub fn push(&mut self, name: &[u8], value: &[u8]) {
        self.push_half(name);
        self.push_half(value);
    }

    /// Adds a name, or the value to the name before it.
    pub(crate) fn push_half(&mut self, half: &[u8]) {
        self.bytes.extend_from_slice(half);
        self.ends.push(self.bytes.len());
    }

    /// Forgets the pairs.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    /// The pairs, as an [`Event::Entry`] has them.
    pub fn as_fields(&self) -> Fields<'_> {
        debug_assert!(self.ends.len().is_multiple_of(2), "a name without a value");
        Fields { bytes: &self.bytes, ends: &self.ends }
    }
}

/// What takes the events of a file.
///
/// A closure that takes an [`Event`] is one. The first error ends the reading.
pub trait Sink {
    /// What it may fail with, besides what is wrong with the file.
    type Error: From<RdbError>;

    /// Takes the next event.
    ///
    /// # Errors
    ///
    /// Whatever the sink cannot go on with.
    fn event(&mut self, event: Event<'_>) -> Result<(), Self::Error>;
}

impl<F, E> Sink for F
where
    F: FnMut(Event<'_>) -> Result<(), E>,
    E: From<RdbError>,
{
    type Error = E;

    fn event(&mut self, event: Event<'_>) -> Result<(), E> {
        self(event)
    }
}
