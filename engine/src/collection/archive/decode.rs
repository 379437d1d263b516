//! Reading collections, an element at a time. The bytes come from outside: each is checked.

use super::super::hash::{Field, FieldRef, Hash};
use super::super::set::{Member, Set};
use super::super::{Collection, List, SortedSet};
use super::scored;
use super::stream::StreamDecoder;
use super::{AS_THEY_CAME, BY_HASH};
use crate::format::ValueType;
use crate::tree::{
    Builder, Elements, Hashed, Keyed, Order, Sequence, Sorted, Tree, encode, process_seed,
    read_varint,
};

/// Elements of one hash beyond which nobody believes in chance.
const EQUAL_HASHES_MAX: usize = 8;
/// Bytes that a length takes at most.
const LENGTH_BYTES_MAX: usize = 10;

/// Why bytes are no collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unsound(pub(super) &'static str);

/// Builds a collection of the bytes of its record, in whatever stretches they come.
///
/// Memory grows with the collection, and by one element that is not whole yet.
#[derive(Debug)]
pub(crate) struct Decoder {
    kind: Kind,
    /// The start of an element whose end is still to come.
    rest: Vec<u8>,
}

#[derive(Debug)]
enum Kind {
    List(Plain<Sequence>),
    Hash(ByKey<Field>),
    Set(ByKey<Member>),
    /// And the last element as it was read.
    SortedSet(Plain<Sorted>, Vec<u8>),
    Stream(Box<StreamDecoder>),
}

impl Decoder {
    /// # Errors
    ///
    /// For strings, which are no collections.
    pub(crate) fn new(value_type: ValueType) -> Result<Self, Unsound> {
        let kind = match value_type {
            ValueType::List => Kind::List(Plain::new(Sequence)),
            ValueType::Hash => Kind::Hash(ByKey::default()),
            ValueType::Set => Kind::Set(ByKey::default()),
            ValueType::SortedSet => Kind::SortedSet(Plain::new(Sorted), Vec::new()),
            ValueType::Stream => Kind::Stream(Box::default()),
            _ => return Err(Unsound("a value of a type that this engine does not know")),
        };
        Ok(Self { kind, rest: Vec::new() })
    }

    /// Takes the bytes that follow.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Result<(), Unsound> {
        if self.rest.is_empty() {
            let rest = self.kind.take_all(bytes)?;
            self.rest.extend_from_slice(rest);
            return Ok(());
        }
        let mut whole = std::mem::take(&mut self.rest);
        whole.extend_from_slice(bytes);
        let rest = self.kind.take_all(&whole)?.len();
        let taken = whole.len() - rest;
        whole.drain(..taken);
        self.rest = whole;
        Ok(())
    }

    /// The collection, once all bytes were fed.
    pub(crate) fn finish(self) -> Result<Collection, Unsound> {
        if !self.rest.is_empty() {
            return Err(Unsound("the last element is cut off"));
        }
        let collection = match self.kind {
            Kind::List(list) => List::from_tree(list.finish()?).into(),
            Kind::Hash(hash) => Hash::from_tree(hash.finish()?).into(),
            Kind::Set(set) => Set::from_tree(set.finish()?).into(),
            Kind::SortedSet(set, _) => {
                let set = SortedSet::from_tree(set.finish()?);
                set.ok_or(Unsound("a member occurs twice"))?.into()
            }
            Kind::Stream(stream) => stream.finish()?.into(),
        };
        Ok(collection)
    }
}

impl Kind {
    /// Takes all elements that are whole, and returns what is left.
    fn take_all<'b>(&mut self, bytes: &'b [u8]) -> Result<&'b [u8], Unsound> {
        let mut rest = bytes;
        while let Some((element, behind)) = split_element(rest)? {
            match self {
                Self::List(list) => list.take(element, |list| list.push(&[element]))?,
                Self::Hash(hash) => hash.take(element, |it| FieldRef::try_decode(it).is_some())?,
                Self::Set(set) => set.take(element, |_| true)?,
                Self::SortedSet(set, last) => set.take(element, |set| {
                    let is_next = scored::push(set, last, element);
                    last.clear();
                    last.extend_from_slice(element);
                    is_next
                })?,
                Self::Stream(stream) => stream.take(element)?,
            }
            rest = behind;
        }
        Ok(rest)
    }
}

/// An element and what is behind it, or `None` if it is not whole.
type Split<'b> = Option<(&'b [u8], &'b [u8])>;

/// Takes an element off, unless it is not whole.
///
/// It may be of any length, as it may in memory: a hash's element is a field and a value, and a
/// stream's all fields of an entry. One that claims to be longer than what follows is never whole.
fn split_element(bytes: &[u8]) -> Result<Split<'_>, Unsound> {
    let Some((len, rest)) = read_varint(bytes) else {
        let is_open = bytes.len() < LENGTH_BYTES_MAX;
        return if is_open { Ok(None) } else { Err(Unsound("a length is too long")) };
    };
    Ok(rest.split_at_checked(len))
}

/// Elements in an order that their bytes tell, behind their number.
#[derive(Debug)]
struct Plain<O: Order> {
    builder: Builder<O>,
    expected: Option<u64>,
    len: u64,
}

impl<O: Order> Plain<O> {
    fn new(order: O) -> Self {
        Self { builder: Builder::new(order), expected: None, len: 0 }
    }

    /// Takes what is an element, which `push` adds unless it is wrong, but first is a header.
    fn take(
        &mut self,
        element: &[u8],
        push: impl FnOnce(&mut Builder<O>) -> bool,
    ) -> Result<(), Unsound> {
        if self.expected.is_none() {
            self.expected = Some(number(element)?);
            return Ok(());
        }
        if !push(&mut self.builder) {
            return Err(Unsound("an element is not sound, or out of order"));
        }
        self.len += 1;
        Ok(())
    }

    fn finish(self) -> Result<Tree<O>, Unsound> {
        check_len(self.expected, self.len)?;
        Ok(self.builder.finish())
    }
}

fn check_len(expected: Option<u64>, len: u64) -> Result<(), Unsound> {
    match expected {
        Some(expected) if expected == len && len > 0 => Ok(()),
        _ => Err(Unsound("there are not as many elements as there should be")),
    }
}

/// A header that is a number.
pub(super) fn number(element: &[u8]) -> Result<u64, Unsound> {
    element.try_into().map(u64::from_le_bytes).map_err(|_| Unsound("a header has another length"))
}

/// Elements by the hash of their keys, or as they came.
#[derive(Debug)]
struct ByKey<K: Keyed> {
    expected: Option<u64>,
    len: u64,
    state: KeyState<K>,
}

#[derive(Debug)]
enum KeyState<K: Keyed> {
    /// Few, as they came, encoded.
    Few(Vec<u8>),
    /// In the order of hashes; beside them the last hash, and the elements that have it.
    Sorted(Builder<Hashed<K>>, Option<u64>, Vec<Vec<u8>>),
    /// In no order.
    Any(Tree<Hashed<K>>),
}

impl<K: Keyed> Default for KeyState<K> {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl<K: Keyed> Default for ByKey<K> {
    fn default() -> Self {
        Self { expected: None, len: 0, state: KeyState::default() }
    }
}

const TWICE: Unsound = Unsound("an element occurs twice");

impl<K: Keyed> ByKey<K> {
    fn take(&mut self, element: &[u8], is_sound: impl Fn(&[u8]) -> bool) -> Result<(), Unsound> {
        if self.expected.is_none() {
            return self.begin(element);
        }
        if !is_sound(element) {
            return Err(Unsound("an element is not sound"));
        }
        self.len += 1;
        match &mut self.state {
            KeyState::Few(few) => {
                encode(element, few);
                if Tree::of_one_leaf(Hashed::<K>::default(), few, self.len).is_none() {
                    let few = std::mem::take(few);
                    self.insert_all(Elements::new(&few))?;
                }
            }
            KeyState::Any(tree) => insert(tree, element)?,
            KeyState::Sorted(builder, last, same_hash) => {
                let hash = builder.order().hash(K::key(element));
                if *last != Some(hash) {
                    *last = Some(hash);
                    same_hash.clear();
                }
                if same_hash.iter().any(|other| K::has_key(other, K::key(element))) {
                    return Err(TWICE);
                }
                same_hash.push(element.to_vec());
                if !builder.push(&[element]) {
                    return Err(Unsound("an element is out of order"));
                }
                if same_hash.len() > EQUAL_HASHES_MAX {
                    // Keys that collide by the seed in the record were chosen by someone: they do
                    // not by a seed that nobody knows.
                    let order = Hashed::new(process_seed());
                    let builder = std::mem::replace(builder, Builder::new(order));
                    self.insert_all(builder.finish().iter())?;
                }
            }
        }
        Ok(())
    }

    fn begin(&mut self, header: &[u8]) -> Result<(), Unsound> {
        let fault = Unsound("a header has another length");
        let (len, rest) = header.split_first_chunk().ok_or(fault)?;
        let (seed, order) = rest.split_first_chunk().ok_or(fault)?;
        self.expected = Some(u64::from_le_bytes(*len));
        self.state = match *order {
            [AS_THEY_CAME] => KeyState::default(),
            [BY_HASH] => {
                let order = Hashed::new(u64::from_le_bytes(*seed));
                KeyState::Sorted(Builder::new(order), None, Vec::new())
            }
            _ => return Err(Unsound("elements are in an order that this engine does not know")),
        };
        Ok(())
    }

    /// Goes on with a tree that takes elements in any order.
    fn insert_all<'e>(&mut self, elements: impl Iterator<Item = &'e [u8]>) -> Result<(), Unsound> {
        let mut tree = Tree::new(Hashed::new(process_seed()));
        for element in elements {
            insert(&mut tree, element)?;
        }
        self.state = KeyState::Any(tree);
        Ok(())
    }

    fn finish(self) -> Result<Tree<Hashed<K>>, Unsound> {
        check_len(self.expected, self.len)?;
        match self.state {
            KeyState::Sorted(builder, ..) => Ok(builder.finish()),
            KeyState::Any(tree) => Ok(tree),
            KeyState::Few(few) => {
                let elements: Vec<&[u8]> = Elements::new(&few).collect();
                for (number, element) in elements.iter().enumerate() {
                    let key = K::key(element);
                    if elements[..number].iter().any(|other| K::has_key(other, key)) {
                        return Err(TWICE);
                    }
                }
                Tree::of_one_leaf(Hashed::default(), &few, self.len)
                    .ok_or(Unsound("there is no element"))
            }
        }
    }
}

fn insert<K: Keyed>(tree: &mut Tree<Hashed<K>>, element: &[u8]) -> Result<(), Unsound> {
    let place = match tree.find_key(K::key(element)) {
        Some(found) if found.element.is_some() => return Err(TWICE),
        found => found.map(|found| found.place),
    };
    tree.insert(place.as_ref(), &[element]);
    Ok(())
}
