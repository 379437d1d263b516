//! Hashes: maps of fields to values.
//!
//! ```text
//! element: 2 · length of the field + (1 if it expires), [expiry: 8 bytes], field, value
//! ```

use std::fmt;
use std::ops::Range;

use crate::tree::{
    Hashed, Iter, Keyed, Prefix, Sharing, Sorted, Tree, index_bytes_not_in, read_varint, same_bytes,
};
use crate::{Expiry, Value};

/// A hash's elements are fields with their values.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field;

impl Keyed for Field {
    #[inline]
    fn key(element: &[u8]) -> &[u8] {
        FieldRef::decode(element).field
    }

    #[inline]
    fn has_key(element: &[u8], key: &[u8]) -> bool {
        // One byte tells a short field that does not expire, which is nearly all of them.
        match element.split_first() {
            Some((&head, rest)) if head < 0x80 && head & 1 == 0 => {
                let len = usize::from(head >> 1);
                len == key.len() && same_bytes(&rest[..len], key)
            }
            _ => same_bytes(Self::key(element), key),
        }
    }
}

/// A field as it lies in an element.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FieldRef<'a> {
    pub(super) field: &'a [u8],
    pub(super) value: &'a [u8],
    pub(super) expiry: Expiry,
}

impl<'a> FieldRef<'a> {
    #[inline]
    pub(super) fn decode(element: &'a [u8]) -> Self {
        Self::try_decode(element).unwrap_or_default()
    }

    /// `None` for bytes that are no element of a hash.
    #[inline]
    pub(super) fn try_decode(element: &'a [u8]) -> Option<Self> {
        let (head, mut rest) = read_varint(element)?;
        let mut expiry = Expiry::Never;
        if head & 1 == 1 {
            let (at, behind) = rest.split_first_chunk::<8>()?;
            expiry = Expiry::At(u64::from_le_bytes(*at));
            rest = behind;
        }
        let (field, value) = rest.split_at_checked(head >> 1)?;
        Some(Self { field, value, expiry })
    }

    /// Calls `f` with the parts of the element.
    fn encode<R>(self, f: impl FnOnce(&[&[u8]]) -> R) -> R {
        match self.expiry {
            Expiry::Never => {
                let head = Prefix::new(self.field.len() << 1);
                f(&[head.as_slice(), self.field, self.value])
            }
            Expiry::At(at) => {
                let head = Prefix::new(self.field.len() << 1 | 1);
                let head = [head.as_slice(), &at.to_le_bytes()].concat();
                f(&[&head, self.field, self.value])
            }
        }
    }
}

/// A map of fields to values, both byte strings, in which fields can expire.
///
/// Small hashes keep their fields as they came, larger ones in the order of a keyed hash. Either
/// way a field has a position, so that one can be chosen at random. See the [module](super) for
/// what operations cost.
///
/// A hash itself does not know the time: a field whose expiry has passed is there until it is
/// [purged](Self::purge). A [`Database`](crate::Database) and a
/// [`Transaction`](crate::Transaction) never show one.
#[derive(Clone, Default)]
pub struct Hash {
    fields: Tree<Hashed<Field>>,
    /// The fields that expire, by expiry: eight bytes of it, most significant first, and the field.
    expiries: Option<Box<Tree<Sorted>>>,
}

impl Hash {
    /// An empty hash.
    pub fn new() -> Self {
        Self::default()
    }

    pub(super) fn tree(&self) -> &Tree<Hashed<Field>> {
        &self.fields
    }

    /// A hash of these elements, all of them sound.
    pub(super) fn from_tree(fields: Tree<Hashed<Field>>) -> Self {
        let mut expiring: Vec<Vec<u8>> = fields
            .iter()
            .map(FieldRef::decode)
            .filter_map(|field| expiry_element(field.expiry, field.field))
            .collect();
        if expiring.is_empty() {
            return Self { fields, expiries: None };
        }
        expiring.sort_unstable();
        let mut builder = crate::tree::Builder::new(Sorted);
        for element in &expiring {
            let in_order = builder.push(&[element]);
            debug_assert!(in_order, "the elements were sorted");
        }
        Self { fields, expiries: Some(Box::new(builder.finish())) }
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.fields.is_same(&other.fields)
    }

    pub(super) fn heap_bytes(&self) -> u64 {
        let index = self.expiries.as_ref();
        let index = index.map_or(0, |tree| tree.heap_bytes() + size_of::<Tree<Sorted>>() as u64);
        self.fields.heap_bytes() + index
    }

    /// Bytes of nodes that `successor` does not share, and that are from `older` if that is given.
    pub(super) fn bytes_not_in(&self, successor: &Self, older: Option<&Self>) -> u64 {
        self.fields.bytes_not_in(&successor.fields, older.map(|older| &older.fields))
            + index_bytes_not_in(
                self.expiries.as_deref(),
                successor.expiries.as_deref(),
                older.map(|older| older.expiries.as_deref()),
            )
    }

    /// A copy, unless a successor has taken its place and it can no longer be copied.
    pub(super) fn share(&self, sharing: Sharing) -> Option<Self> {
        Some(Self { fields: self.fields.share(sharing)?, expiries: self.expiries.clone() })
    }

    pub(super) fn seal(&mut self) {
        self.fields.seal();
    }

    /// Number of fields.
    pub fn len(&self) -> u64 {
        self.fields.len()
    }

    /// Whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    fn find(&self, field: &[u8]) -> Option<FieldRef<'_>> {
        self.fields.get_key(field).map(FieldRef::decode)
    }

    /// The value of `field`.
    pub fn get(&self, field: &[u8]) -> Option<&[u8]> {
        self.find(field).map(|found| found.value)
    }

    /// Whether there is such a field.
    pub fn contains(&self, field: &[u8]) -> bool {
        self.fields.get_key(field).is_some()
    }

    /// Sets a field that does not expire; returns whether it is new.
    pub fn insert(&mut self, field: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> bool {
        self.put(field.as_ref(), value.as_ref(), |_| Expiry::Never)
    }

    /// Sets a field and leaves its expiry as it was; returns whether it is new.
    pub fn insert_keeping_expiry(
        &mut self,
        field: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
    ) -> bool {
        self.put(field.as_ref(), value.as_ref(), |before| before)
    }

    /// Sets a field that expires; returns whether it is new.
    pub fn insert_with_expiry(
        &mut self,
        field: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
        expiry: Expiry,
    ) -> bool {
        self.put(field.as_ref(), value.as_ref(), |_| expiry)
    }

    fn put(&mut self, field: &[u8], value: &[u8], expiry: impl Fn(Expiry) -> Expiry) -> bool {
        let found = self.fields.find_key(field);
        let before = found.as_ref().and_then(|found| found.element).map(FieldRef::decode);
        let expiry_before = before.map_or(Expiry::Never, |before| before.expiry);
        let is_new = before.is_none();
        let expiry = expiry(expiry_before);
        let place = found.map(|found| found.place);
        FieldRef { field, value, expiry }.encode(|parts| match &place {
            Some(place) if !is_new => self.fields.replace(place, parts),
            place => self.fields.insert(place.as_ref(), parts),
        });
        self.note_expiry(field, expiry_before, expiry);
        is_new
    }

    /// Removes a field; returns whether it was there.
    pub fn remove(&mut self, field: &[u8]) -> bool {
        let Some(found) = self.fields.find_key(field) else { return false };
        let Some(element) = found.element else { return false };
        let expiry = FieldRef::decode(element).expiry;
        let place = found.place;
        self.fields.remove(&place);
        self.note_expiry(field, expiry, Expiry::Never);
        true
    }

    /// Removes a field and returns the value it had.
    pub fn take(&mut self, field: &[u8]) -> Option<Value> {
        let value = Value::from(self.get(field)?);
        self.remove(field);
        Some(value)
    }

    /// The field at `index` in the order of [`iter`](Self::iter), and its value.
    pub fn get_at(&self, index: u64) -> Option<(&[u8], &[u8])> {
        let found = FieldRef::decode(self.fields.get(index)?);
        Some((found.field, found.value))
    }

    /// The fields with their values, in no order that means anything.
    pub fn iter(&self) -> Fields<'_> {
        Fields(self.fields.iter())
    }

    /// The fields at these positions of [`iter`](Self::iter), as far as they exist.
    pub fn range(&self, range: Range<u64>) -> Fields<'_> {
        Fields(self.fields.range(range.start, range.end))
    }

    /// Calls `f` with about `count` fields and values from `cursor` on, and returns the cursor to
    /// go on from; 0 begins a scan and, returned, ends it.
    ///
    /// A field that is there during the whole scan is visited exactly once, whatever happens to
    /// the hash meanwhile.
    pub fn scan(&self, cursor: u64, count: usize, mut f: impl FnMut(&[u8], &[u8])) -> u64 {
        let mut visited = 0;
        let mut cursor = cursor;
        loop {
            cursor = self.fields.scan(cursor, &mut |element| {
                visited += 1;
                let found = FieldRef::decode(element);
                f(found.field, found.value);
            });
            if cursor == 0 || visited >= count {
                return cursor;
            }
        }
    }

    /// When a field expires, or `None` if there is no such field.
    pub fn expiry(&self, field: &[u8]) -> Option<Expiry> {
        self.find(field).map(|found| found.expiry)
    }

    /// Changes when a field expires; returns whether there is such a field.
    pub fn set_expiry(&mut self, field: &[u8], expiry: Expiry) -> bool {
        let Some(found) = self.find(field) else { return false };
        if found.expiry != expiry {
            let value = Value::from(found.value);
            self.insert_with_expiry(field, value, expiry);
        }
        true
    }

    /// How many fields expire.
    pub fn expiring(&self) -> u64 {
        self.expiries.as_ref().map_or(0, |tree| tree.len())
    }

    /// When the next field expires.
    pub fn next_expiry(&self) -> Expiry {
        let first = self.expiries.as_ref().and_then(|tree| tree.get(0));
        first
            .and_then(<[u8]>::first_chunk)
            .map_or(Expiry::Never, |at| Expiry::At(u64::from_be_bytes(*at)))
    }

    /// Whether every field has expired by `now_unix_ms`.
    pub(super) fn is_past(&self, now_unix_ms: u64) -> bool {
        let Some(tree) = self.expiries.as_ref().filter(|tree| tree.len() == self.len()) else {
            return false;
        };
        let last = tree.get(tree.len() - 1).and_then(<[u8]>::first_chunk);
        last.is_some_and(|at| u64::from_be_bytes(*at) <= now_unix_ms)
    }

    /// Removes the fields that have expired by `now_unix_ms`, and returns how many.
    pub fn purge(&mut self, now_unix_ms: u64) -> u64 {
        let mut purged = 0;
        while self.next_expiry().is_past(now_unix_ms) {
            let Some(first) = self.expiries.as_ref().and_then(|tree| tree.get(0)) else { break };
            let field = Value::from(&first[8..]);
            if !self.remove(&field) {
                break;
            }
            purged += 1;
        }
        purged
    }

    /// Brings the index of expiries up to date.
    fn note_expiry(&mut self, field: &[u8], before: Expiry, after: Expiry) {
        if before == after {
            return;
        }
        if let (Some(element), Some(tree)) = (expiry_element(before, field), &mut self.expiries) {
            let found = tree.lower_bound(&element);
            if let Some(place) =
                found.filter(|found| found.element == Some(&element)).map(|found| found.place)
            {
                tree.remove(&place);
            }
            if tree.is_empty() {
                self.expiries = None;
            }
        }
        if let Some(element) = expiry_element(after, field) {
            let tree = self.expiries.get_or_insert_default();
            let place = tree.lower_bound(&element).map(|found| found.place);
            tree.insert(place.as_ref(), &[&element]);
        }
    }
}

fn expiry_element(expiry: Expiry, field: &[u8]) -> Option<Vec<u8>> {
    match expiry {
        Expiry::Never => None,
        Expiry::At(at) => Some([&at.to_be_bytes()[..], field].concat()),
    }
}

impl<F: AsRef<[u8]>, V: AsRef<[u8]>> FromIterator<(F, V)> for Hash {
    fn from_iter<I: IntoIterator<Item = (F, V)>>(fields: I) -> Self {
        let mut hash = Self::new();
        for (field, value) in fields {
            hash.insert(field, value);
        }
        hash
    }
}

impl PartialEq for Hash {
    fn eq(&self, other: &Self) -> bool {
        let has = |element| {
            let FieldRef { field, value, expiry } = FieldRef::decode(element);
            other.find(field).is_some_and(|found| found.value == value && found.expiry == expiry)
        };
        self.is_same(other) || self.len() == other.len() && self.fields.iter().all(has)
    }
}

impl Eq for Hash {}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let escaped =
            self.iter().map(|(field, value)| (field.escape_ascii(), value.escape_ascii()));
        f.debug_map().entries(escaped).finish()
    }
}

/// The fields of a [`Hash`](struct@Hash) with their values.
#[derive(Clone, Debug)]
pub struct Fields<'a>(Iter<'a, Hashed<Field>>);

impl<'a> Iterator for Fields<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let found = FieldRef::decode(self.0.next()?);
        Some((found.field, found.value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl DoubleEndedIterator for Fields<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let found = FieldRef::decode(self.0.next_back()?);
        Some((found.field, found.value))
    }
}

impl ExactSizeIterator for Fields<'_> {}

impl<'a> IntoIterator for &'a Hash {
    type Item = (&'a [u8], &'a [u8]);
    type IntoIter = Fields<'a>;

    fn into_iter(self) -> Fields<'a> {
        self.iter()
    }
}
