//! Bytes that claim to be a collection of a snapshot never make a reader panic, and what is
//! accepted keeps every promise of its type.

#![no_main]

use std::collections::HashSet;

use exuvia::{Collection, ValueType};
use libfuzzer_sys::fuzz_target;

fn check(collection: &Collection) {
    match collection {
        Collection::List(list) => assert_eq!(list.iter().count() as u64, list.len()),
        Collection::Hash(hash) => {
            let fields: HashSet<&[u8]> = hash.iter().map(|(field, _)| field).collect();
            assert_eq!(fields.len() as u64, hash.len());
            assert!(hash.iter().all(|(field, value)| hash.get(field) == Some(value)));
        }
        Collection::Set(set) => {
            let members: HashSet<&[u8]> = set.iter().collect();
            assert_eq!(members.len() as u64, set.len());
            assert!(set.iter().all(|member| set.contains(member)));
        }
        Collection::SortedSet(set) => {
            for (rank, (member, score)) in set.iter().enumerate() {
                assert_eq!((set.rank(member), set.score(member)), (Some(rank as u64), Some(score)));
            }
        }
        Collection::Stream(stream) => {
            assert!(stream.iter().map(|entry| entry.id).is_sorted());
            assert!(stream.iter().all(|entry| stream.get(entry.id) == Some(entry)));
        }
        _ => {}
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((&choice, bytes)) = input.split_first() else { return };
    let Some(value_type) = ValueType::from_code(choice % 6) else { return };
    if let Ok(collection) = Collection::decode(value_type, bytes) {
        check(&collection);
    }
});
