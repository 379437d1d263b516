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
    let len = encoder.len();
    let mut bytes = Vec::new();
    encoder.read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes.len() as u64, len);
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
fn an_element_may_be_longer_than_a_value_may_be() {
    // A field and a value of the greatest length, and whatever a stream's entry has.
    for len in [2 * crate::VALUE_BYTES_MAX + 20, 1 << 40] {
        let prefix = crate::tree::Prefix::new(len);
        let mut decoder = Decoder::new(ValueType::List).unwrap();
        decoder.feed(&super::framed(&[&1_u64.to_le_bytes()])).unwrap();
        for byte in prefix.as_slice().iter().chain(b"the start of it") {
            decoder.feed(&[*byte]).unwrap();
        }
        assert_eq!(decoder.finish().unwrap_err(), super::Unsound("the last element is cut off"));
    }
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
fn a_written_sorted_set_has_scores_of_eight_bytes() {
    let scores = [-1.5, 0.0, 2.0, f64::INFINITY];
    let set: SortedSet = scores.map(|score| (score.to_string(), score)).into_iter().collect();
    let written = b"\x08\x04\0\0\0\0\0\0\0\
        \x0c\x40\x07\xff\xff\xff\xff\xff\xff-1.5\
        \x09\x80\0\0\0\0\0\0\x000\
        \x09\xc0\0\0\0\0\0\0\x002\
        \x0b\xff\xf0\0\0\0\0\0\0inf";
    assert_eq!(encoded(&set.into()), written);
}

#[test]
fn numbers_that_are_no_scores_are_refused() {
    for (score, is_sound) in [(-2.0, true), (0.0, true), (-0.0, false), (f64::NAN, false)] {
        let bits = f64::to_bits(score);
        let sortable = if score.is_sign_negative() { !bits } else { bits | 1 << 63 };
        let count = super::framed(&[&1_u64.to_le_bytes()]);
        let bytes = [count, super::framed(&[&sortable.to_be_bytes(), b"member"])].concat();
        assert_eq!(Collection::decode(ValueType::SortedSet, &bytes).is_ok(), is_sound, "{score}");
    }
}

#[test]
fn what_occurs_twice_is_refused() {
    for len in [3, 400] {
        for collection in collections(len).into_iter().skip(1).take(3) {
            let bytes = encoded(&collection);
            let framed = |element: Option<&[u8]>| super::framed(&[element.unwrap()]);
            let twice = match &collection {
                // The last of them, so that only its repetition is wrong.
                Collection::Hash(hash) => framed(hash.tree().iter().next_back()),
                Collection::Set(set) => framed(set.tree().iter().next_back()),
                Collection::SortedSet(set) => {
                    let mut twice = Vec::new();
                    super::scored::write(set.tree().iter().next_back().unwrap(), &mut twice);
                    twice
                }
                _ => unreachable!("those have keys"),
            };
            let mut bytes = [bytes, twice].concat();
            let count = u64::from_le_bytes(bytes[1..9].try_into().unwrap());
            bytes[1..9].copy_from_slice(&(count + 1).to_le_bytes());
            assert!(Collection::decode(collection.value_type(), &bytes).is_err(), "{collection:?}");
        }
    }
}
