//! What the types add to the tree: fields that expire, scores, and the index by member.

use std::collections::BTreeMap;

use super::{Hash, List, Pending, Set, SortedSet, Stream, StreamId};
use crate::Expiry;

#[test]
fn scores_sort_as_numbers() {
    let scores = [f64::NEG_INFINITY, f64::MIN, -1.5, -f64::MIN_POSITIVE, -5e-324, 0.0, 5e-324, 1.0];
    let scores = scores.into_iter().chain([1e300, f64::MAX, f64::INFINITY]);
    let mut set = SortedSet::new();
    for (number, score) in scores.clone().enumerate() {
        // In an order that is neither that of the scores nor the reverse.
        let member = ((number * 7) % 11).to_string();
        set.insert(member, score);
    }
    assert!(set.iter().map(|(_, score)| score).eq(scores));
}

#[test]
fn zeros_are_one_score() {
    let mut set = SortedSet::new();
    set.insert(b"b", -0.0);
    set.insert(b"a", 0.0);
    assert_eq!(set.iter().map(|(member, _)| member).collect::<Vec<_>>(), [b"a", b"b"]);
    assert_eq!(set.insert(b"b", 0.0), Some(0.0));
    assert!(set.score(b"b").unwrap().is_sign_positive());
}

#[test]
fn members_are_found_with_and_without_an_index() {
    let mut rng = fastrand::Rng::with_seed(7);
    let mut set = SortedSet::new();
    let mut model: BTreeMap<String, f64> = BTreeMap::new();
    for step in 0..6000 {
        // The number of members goes up and down across the length at which the index comes.
        let span = 1 + (step / 100 % 8) * 5;
        let member = rng.u32(..span).to_string();
        let score = f64::from(rng.i32(-3..3));
        if rng.u8(0..3) > 0 {
            let before = model.insert(member.clone(), score);
            assert_eq!(set.insert(&member, score), before);
        } else {
            assert_eq!(set.remove(member.as_bytes()), model.remove(&member));
        }
        if rng.u8(0..30) == 0 {
            let start = rng.u64(0..=set.len());
            let end = rng.u64(start..=set.len());
            for (member, _) in set.clone().range(start..end) {
                assert!(model.remove(std::str::from_utf8(member).unwrap()).is_some());
            }
            set.remove_range(start..end);
        }
        let mut sorted: Vec<_> = model.iter().map(|(member, score)| (*score, member)).collect();
        sorted.sort_by(|left, right| left.partial_cmp(right).unwrap());
        assert!(set.iter().eq(sorted.iter().map(|(score, member)| (member.as_bytes(), *score))));
        for (rank, (score, member)) in sorted.iter().enumerate() {
            assert_eq!(set.score(member.as_bytes()), Some(*score));
            assert_eq!(set.rank(member.as_bytes()), Some(rank as u64));
        }
        let probe = f64::from(rng.i32(-4..4));
        let below = sorted.iter().filter(|(score, _)| *score < probe).count() as u64;
        let up_to = sorted.iter().filter(|(score, _)| *score <= probe).count() as u64;
        assert_eq!(set.rank_of_score(probe, false), below);
        assert_eq!(set.rank_of_score(probe, true), up_to);
        let mut scanned = 0;
        let mut cursor = 0;
        loop {
            cursor = set.scan(cursor, 1, |member, score| {
                assert_eq!(model.get(std::str::from_utf8(member).unwrap()), Some(&score));
                scanned += 1;
            });
            if cursor == 0 {
                break;
            }
        }
        assert_eq!(scanned, model.len());
    }
}

#[test]
fn members_of_one_score_have_ranks_by_bytes() {
    let set: SortedSet = ["a", "ab", "b", "c"].into_iter().map(|member| (member, 1.0)).collect();
    assert_eq!(set.rank_of_member(b"ab", false), 1);
    assert_eq!(set.rank_of_member(b"ab", true), 2);
    assert_eq!(set.rank_of_member(b"aa", true), 1);
    assert_eq!(set.rank_of_member(b"", false), 0);
    assert_eq!(set.rank_of_member(b"d", false), 4);
    assert_eq!(SortedSet::new().rank_of_member(b"a", true), 0);
    // Scores that differ, in an order that is one by bytes too.
    let mut mixed = SortedSet::new();
    for (score, member) in ["a", "b", "c", "d"].into_iter().enumerate() {
        mixed.insert(member, score as f64);
    }
    assert_eq!(mixed.rank_of_member(b"b", false), 1);
    assert_eq!(mixed.rank_of_member(b"c", true), 3);
    assert_eq!(mixed.rank_of_member(b"", true), 0);
    assert_eq!(mixed.rank_of_member(b"e", false), 4);
}

#[test]
fn fields_expire_in_the_order_of_their_expiries() {
    let mut hash = Hash::new();
    for number in 0..100_u64 {
        let field = number.to_string();
        hash.insert(&field, b"value");
        if number % 2 == 0 {
            assert!(hash.set_expiry(field.as_bytes(), Expiry::At(1000 - number)));
        }
    }
    assert_eq!(hash.next_expiry(), Expiry::At(902));
    assert_eq!(hash.expiring(), 50);
    assert_eq!(hash.purge(901), 0);
    assert_eq!(hash.purge(910), 5);
    assert_eq!(hash.len(), 95);
    assert!(!hash.contains(b"90") && hash.contains(b"88"));
    assert_eq!(hash.expiry(b"88"), Some(Expiry::At(912)));
    assert!(!hash.insert(b"88", b"other"), "it was there");
    assert_eq!(hash.expiry(b"88"), Some(Expiry::Never), "a new value does not expire");
    assert!(!hash.insert_keeping_expiry(b"86", b"other"));
    assert_eq!(hash.expiry(b"86"), Some(Expiry::At(914)));
    assert!(hash.remove(b"86"));
    assert_eq!(hash.purge(u64::MAX), 43);
    assert_eq!((hash.len(), hash.next_expiry()), (51, Expiry::Never));
}

#[test]
fn a_hash_whose_fields_have_all_expired_is_past() {
    let mut hash = Hash::new();
    hash.insert_with_expiry(b"a", b"", Expiry::At(5));
    hash.insert_with_expiry(b"b", b"", Expiry::At(9));
    assert!(!hash.is_past(8) && hash.is_past(9));
    hash.insert(b"c", b"");
    assert!(!hash.is_past(9));
}

#[test]
fn long_fields_and_empty_ones_are_kept() {
    let mut hash = Hash::new();
    let long = vec![b'x'; 70_000];
    for field in [&b""[..], b"short", &long[..63], &long[..64], &long] {
        assert!(hash.insert(field, field));
        hash.insert_with_expiry([field, b"!"].concat(), field, Expiry::At(7));
    }
    for field in [&b""[..], b"short", &long[..63], &long[..64], &long] {
        assert_eq!(hash.get(field), Some(field));
        assert_eq!(hash.take(&[field, b"!"].concat()).as_deref(), Some(field));
    }
    assert_eq!(hash.expiring(), 0);
}

#[test]
fn small_collections_keep_the_order_in_which_they_came() {
    let names = ["zebra", "apple", "mango"];
    let set: Set = names.into_iter().collect();
    assert!(set.iter().eq(names.iter().map(|name| name.as_bytes())));
    let hash: Hash = names.into_iter().map(|name| (name, "")).collect();
    assert!(hash.iter().map(|(field, _)| field).eq(names.iter().map(|name| name.as_bytes())));
}

#[test]
fn elements_are_inserted_in_runs() {
    let mut list: List = ["a", "e"].into_iter().collect();
    list.insert_all(1, ["b", "c", "d"]);
    list.insert_all(99, ["f"]);
    assert_eq!(list.iter().collect::<Vec<_>>().concat(), b"abcdef");
    list.remove_range(1..5);
    assert_eq!((list.front(), list.back(), list.len()), (Some(&b"a"[..]), Some(&b"f"[..]), 2));
    list.insert_all(0, (0..500).map(|number| number.to_string()));
    assert_eq!(list.get(250), Some(&b"250"[..]));
    assert!(list.set(500, b"last but one") && !list.set(502, b""));
    assert_eq!(list.range(499..600).count(), 3);
}

fn id(number: u64) -> StreamId {
    StreamId::new(number / 7, number % 7)
}

#[test]
fn a_stream_does_what_a_sorted_map_does() {
    let mut rng = fastrand::Rng::with_seed(11);
    let mut stream = Stream::new();
    let mut model: BTreeMap<StreamId, String> = BTreeMap::new();
    let mut next = 1;
    for _ in 0..3000 {
        match rng.u8(0..10) {
            0..=5 => {
                next += rng.u64(0..3);
                let value = next.to_string();
                let fits = id(next) > stream.last_id();
                assert_eq!(stream.append(id(next), [("field", &value), ("other", &value)]), fits);
                if fits {
                    model.insert(id(next), value);
                }
            }
            6 | 7 => {
                let victim = id(rng.u64(0..=next));
                assert_eq!(stream.remove(victim), model.remove(&victim).is_some());
            }
            8 if model.len() > 150 => {
                let count = rng.u64(0..120);
                stream.trim_first(count);
                model = model.into_iter().skip(count as usize).collect();
            }
            _ => {
                let (start, end) = (id(rng.u64(0..=next)), id(rng.u64(0..=next)));
                let (start, end) = (start.min(end), start.max(end));
                let ours = stream.range(start..=end).map(|entry| entry.id);
                assert!(ours.eq(model.range(start..=end).map(|(id, _)| *id)));
                let ours = stream.range(start..=end).rev().map(|entry| entry.id);
                assert!(ours.eq(model.range(start..=end).rev().map(|(id, _)| *id)));
            }
        }
        assert_eq!(stream.len(), model.len() as u64);
        let probe = id(rng.u64(0..=next));
        let found = stream.get(probe).map(|entry| entry.fields().nth(1).unwrap());
        assert_eq!(found, model.get(&probe).map(|value| (&b"other"[..], value.as_bytes())));
    }
    assert_eq!(stream.first().map(|entry| entry.id), model.first_key_value().map(|(id, _)| *id));
    assert_eq!(stream.last().map(|entry| entry.id), model.last_key_value().map(|(id, _)| *id));
}

#[test]
fn a_group_knows_what_each_consumer_has_pending() {
    let mut rng = fastrand::Rng::with_seed(13);
    let mut stream = Stream::new();
    assert!(stream.create_group(b"group", StreamId::MIN, Some(0)));
    assert!(!stream.create_group(b"group", StreamId::MAX, None));
    let mut model: BTreeMap<StreamId, (usize, u64)> = BTreeMap::new();
    let names = [&b"a"[..], b"b", b"long name of a consumer"];
    let before = stream.clone();
    for step in 0..2000_u64 {
        let id = id(rng.u64(1..200));
        let consumer = rng.usize(0..names.len());
        let checked = stream.update_group(b"group", |group| {
            match rng.u8(0..40) {
                0 => {
                    let had = group.consumer(names[consumer]).map(super::Consumer::pending_len);
                    assert_eq!(group.remove_consumer(names[consumer]), had);
                    model.retain(|_, (owner, _)| *owner != consumer);
                }
                1..=20 => {
                    group.set_pending(Pending {
                        id,
                        consumer: names[consumer],
                        delivered_unix_ms: step,
                        deliveries: step + 1,
                    });
                    model.insert(id, (consumer, step));
                }
                _ => assert_eq!(group.acknowledge(id), model.remove(&id).is_some()),
            }
            let found = group.pending(StreamId::MIN..=StreamId::MAX);
            let found = found.map(|it| (it.id, it.consumer, it.delivered_unix_ms));
            assert!(found.eq(model.iter().map(|(id, (owner, at))| (*id, names[*owner], *at))));
            for (number, name) in names.iter().enumerate() {
                let Some(consumer) = group.consumer(name) else { continue };
                let ours = consumer.pending(StreamId::MIN..=StreamId::MAX);
                let theirs = model.iter().filter(|(_, (owner, _))| *owner == number);
                assert!(ours.eq(theirs.map(|(id, _)| *id)));
            }
        });
        assert!(checked.is_some());
    }
    let heap = stream.heap_bytes();
    stream.update_group(b"group", |group| {
        for name in names {
            group.remove_consumer(name);
        }
    });
    assert!(stream.heap_bytes() < heap);
    assert_eq!(stream.heap_bytes(), before.heap_bytes(), "bytes are counted out as they were in");
    assert!(stream.remove_group(b"group"));
    assert!(!stream.is_pristine(), "a stream that was made for a group stays without it");
    assert!(Stream::new().is_pristine() && stream == Stream::new());
}

#[test]
fn ids_follow_one_another() {
    let last_of_a_time = StreamId::new(5, u64::MAX);
    assert_eq!(last_of_a_time.next(), Some(StreamId::new(6, 0)));
    assert_eq!(StreamId::new(6, 0).previous(), Some(last_of_a_time));
    assert_eq!((StreamId::MAX.next(), StreamId::MIN.previous()), (None, None));
    let mut stream = Stream::new();
    assert_eq!(stream.next_id(5), Some(StreamId::new(5, 0)));
    assert!(!stream.append(StreamId::MIN, [("", "")]), "no entry has the least id");
    stream.set_history(StreamId::new(9, 3), StreamId::MIN, 1);
    assert_eq!(stream.next_id(5), Some(StreamId::new(9, 4)), "a clock may go back");
    stream.set_history(StreamId::MAX, StreamId::MIN, 1);
    assert_eq!(stream.next_id(5), None);
}

#[test]
fn a_range_of_positions_is_a_part_of_the_whole() {
    for len in [0, 1, 7, 5000] {
        let hash: Hash = (0..len).map(|number| (number.to_string(), "v")).collect();
        let set: Set = (0..len).map(|number| number.to_string()).collect();
        let fields: Vec<_> = hash.iter().collect();
        let members: Vec<_> = set.iter().collect();
        for (start, end) in [(0, len), (0, 3), (2, 2), (3, 2), (len / 3, len / 2), (1, len + 9)] {
            let there = start.min(len)..end.min(len).max(start.min(len));
            let there = there.start as usize..there.end as usize;
            assert!(hash.range(start..end).eq(fields[there.clone()].iter().copied()));
            assert!(set.range(start..end).eq(members[there].iter().copied()));
        }
    }
}
