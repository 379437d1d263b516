//! Every collection there and back, in stretches of any length, and bytes that are none.

use std::io::Read;

use super::super::{Collection, Group, Hash, List, Pending, Set, SortedSet, Stream, StreamId};
use super::{Decoder, Encoder};
use crate::format::ValueType;
use crate::{Error, Expiry};

fn text(number: u32) -> Vec<u8> {
    let len = if number.is_multiple_of(50) { 300 } else { number as usize % 13 };
    [number.to_string().into_bytes(), vec![b'.'; len]].concat()
}

fn stream(len: u32) -> Stream {
    let mut stream = Stream::new();
    for number in 0..len {
        let id = StreamId::new(5 + u64::from(number / 3), u64::from(number % 3));
        stream.append(id, (0..number % 4).map(|field| (text(field), text(number))));
    }
    stream.remove(StreamId::new(5, 1));
    for group in 0..len.min(3) {
        let name = text(group);
        stream.create_group(&name, StreamId::new(u64::from(group), 7), (group > 0).then_some(9));
        stream.update_group(&name, |group: &mut Group| {
            for number in 0..len {
                group.set_pending(Pending {
                    id: StreamId::new(u64::from(number), 0),
                    consumer: &text(number % 4),
                    delivered_unix_ms: 100 + u64::from(number),
                    deliveries: 1 + u64::from(number % 2),
                });
            }
            group.create_consumer(b"idle", 4);
            group.touch_consumer(b"idle", 5, Some(3));
        });
    }
    stream
}

/// One collection of each type, of about this length.
fn collections(len: u32) -> Vec<Collection> {
    let numbers = || 0..len.max(1);
    let mut hash: Hash = numbers().map(|number| (text(number), text(number + 1))).collect();
    for number in numbers().step_by(3) {
        hash.set_expiry(&text(number), Expiry::At(u64::from(number) + 1));
    }
    vec![
        numbers().map(text).collect::<List>().into(),
        hash.into(),
        numbers().map(text).collect::<Set>().into(),
        numbers().map(|number| (text(number), f64::from(number % 9))).collect::<SortedSet>().into(),
        stream(len.max(1)).into(),
    ]
}

fn encoded(collection: &Collection) -> Vec<u8> {
    let mut encoder = Encoder::new(collection);
    let mut bytes = Vec::new();
    encoder.read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes.len() as u64, encoder.len());
    bytes
}

#[test]
fn collections_of_any_length_come_back_as_they_were() {
    for len in [1, 2, 5, 13, 60, 400, 3000] {
        for collection in collections(len) {
            let bytes = encoded(&collection);
            let back = Collection::decode(collection.value_type(), &bytes).unwrap();
            assert!(back == collection, "{len}: {collection:?} came back as {back:?}");
            assert_eq!(back.next_expiry(), collection.next_expiry());
            assert_eq!(encoded(&back), bytes, "what is written again is the same");
        }
    }
}

#[test]
fn stretches_may_end_anywhere() {
    for collection in collections(60) {
        let bytes = encoded(&collection);
        for stretch in [1, 2, 7, 100] {
            let mut decoder = Decoder::new(collection.value_type()).unwrap();
            for bytes in bytes.chunks(stretch) {
                decoder.feed(bytes).unwrap();
            }
            assert!(decoder.finish().unwrap() == collection);
        }
    }
}

#[test]
fn bytes_that_are_cut_off_are_refused() {
    for collection in collections(40) {
        let bytes = encoded(&collection);
        for len in 0..bytes.len() {
            let cut = Collection::decode(collection.value_type(), &bytes[..len]);
            assert!(matches!(cut, Err(Error::Corrupt { .. })), "{len} of {}", bytes.len());
        }
        let longer = [&bytes[..], b"\x01x"].concat();
        assert!(Collection::decode(collection.value_type(), &longer).is_err());
    }
    assert!(Collection::decode(ValueType::String, b"").is_err());
}

#[test]
fn damaged_bytes_neither_panic_nor_make_what_contradicts_itself() {
    let mut rng = fastrand::Rng::with_seed(3);
    for collection in collections(60) {
        let bytes = encoded(&collection);
        for _ in 0..4000 {
            let mut damaged = bytes.clone();
            for _ in 0..rng.usize(1..4) {
                let at = rng.usize(0..damaged.len());
                damaged[at] = rng.u8(..);
            }
            let Ok(found) = Collection::decode(collection.value_type(), &damaged) else { continue };
            let back = Collection::decode(found.value_type(), &encoded(&found)).unwrap();
            assert!(back == found, "what was accepted can be written and read");
        }
    }
}

#[test]
fn what_occurs_twice_is_refused() {
    for len in [3, 400] {
        for collection in collections(len).into_iter().skip(1).take(3) {
            let bytes = encoded(&collection);
            let element = match &collection {
                // The last of them, so that only its repetition is wrong.
                Collection::Hash(hash) => hash.tree().iter().next_back(),
                Collection::Set(set) => set.tree().iter().next_back(),
                Collection::SortedSet(set) => set.tree().iter().next_back(),
                _ => None,
            };
            let twice = super::framed(&[element.unwrap()]);
            let mut bytes = [bytes, twice].concat();
            let count = u64::from_le_bytes(bytes[1..9].try_into().unwrap());
            bytes[1..9].copy_from_slice(&(count + 1).to_le_bytes());
            assert!(Collection::decode(collection.value_type(), &bytes).is_err(), "{collection:?}");
        }
    }
}
