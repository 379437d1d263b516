//! Whatever is written is read back as it was.

use std::collections::BTreeMap;

use exuvia_rdb::{ReadOptions, StreamId, Version, WriteOptions, restore};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;

use crate::model::{Bytes, Entry, Model, Score, Stream, StreamConsumer, StreamGroup, Value};

/// Texts at the borders of encodings: short, long, and integers of every width.
fn bytes() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        4 => vec(any::<u8>(), 0..20),
        2 => any::<i64>().prop_map(|value| value.to_string().into_bytes()),
        2 => any::<i16>().prop_map(|value| value.to_string().into_bytes()),
        1 => Just(b"0012".to_vec()),
        1 => prop_oneof![Just(63), Just(64), Just(4095), Just(4096), Just(16384), Just(70_000)]
            .prop_map(|length| vec![b'x'; length]),
    ]
}

fn time() -> impl Strategy<Value = u64> {
    prop_oneof![0..10_u64, 1_700_000_000_000..1_800_000_000_000_u64]
}

fn id() -> impl Strategy<Value = StreamId> {
    let seq = prop_oneof![0..5_u64, Just(u64::MAX), Just(1 << 63)];
    let ms = prop_oneof![9 => 0..40_u64, 1 => Just(u64::MAX)];
    (ms, seq).prop_map(|(ms, seq)| StreamId { ms, seq })
}

fn group() -> impl Strategy<Value = StreamGroup> {
    let pending = btree_map(id(), (time(), 0..9_u64, 0..3_usize), 0..12);
    let consumers = vec((bytes(), time(), option::of(time())), 1..4);
    (id(), option::of(0..99_u64), pending, consumers).prop_map(
        |(last_delivered_id, entries_read, pending, names)| {
            let mut consumers: BTreeMap<Bytes, StreamConsumer> = names
                .iter()
                .map(|(name, seen_at, active_at)| {
                    let (seen_at, active_at) = (*seen_at, *active_at);
                    (name.clone(), StreamConsumer { seen_at, active_at, ..Default::default() })
                })
                .collect();
            for (&id, &(_, _, owner)) in &pending {
                let owner = &names[owner % names.len()].0;
                consumers.get_mut(owner).unwrap().owned.insert(id);
            }
            let pending = pending.into_iter().map(|(id, (at, count, _))| (id, (at, count)));
            let pending = pending.collect();
            StreamGroup { last_delivered_id, entries_read, pending, consumers }
        },
    )
}

fn stream() -> impl Strategy<Value = Stream> {
    // Few names, so that entries share them with the first of their node, or not.
    let name = prop_oneof![Just(b"a".to_vec()), Just(b"b".to_vec()), Just(b"17".to_vec())];
    let entries = btree_map(id(), vec((name, bytes()), 0..4), 0..120);
    (entries, id(), 0..500_u64, btree_map(bytes(), group(), 0..3)).prop_map(
        |(entries, max_deleted_id, more, groups)| {
            let last = entries.keys().next_back().copied().unwrap_or(StreamId::ZERO);
            let last_id = last.max(max_deleted_id);
            let entries_added = entries.len() as u64 + more;
            Stream { entries, last_id, max_deleted_id, entries_added, groups }
        },
    )
}

fn score() -> impl Strategy<Value = Score> {
    any::<f64>().prop_filter("a number", |score| !score.is_nan()).prop_map(Score)
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        bytes().prop_map(Value::String),
        vec(bytes(), 1..40).prop_map(Value::List),
        btree_set(bytes(), 1..30).prop_map(Value::Set),
        btree_map(bytes(), score(), 1..30).prop_map(Value::SortedSet),
        btree_map(bytes(), (bytes(), Just(None)), 1..30).prop_map(Value::Hash),
        btree_map(bytes(), (bytes(), option::of(time())), 1..30).prop_map(Value::Hash),
        stream().prop_map(Value::Stream),
    ]
}

fn model() -> impl Strategy<Value = Model> {
    let entry = (option::of(time()), value());
    let entry = entry.prop_map(|(expires_at, value)| Entry { expires_at, value });
    btree_map((0..3_u32, bytes()), entry, 0..8).prop_map(Model::of)
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(model in model()) {
        let file = model.write(WriteOptions::new(Version::REDIS_12)).unwrap();
        let (read, report) = Model::read(&file).unwrap();
        prop_assert_eq!(report.keys, model.keys.len() as u64);
        prop_assert_eq!(report.bytes, file.len() as u64);
        prop_assert_eq!(report.properties.created_at_unix_s, Some(1_700_000_000));
        prop_assert!(report.has_checksum);
        prop_assert_eq!(read, model);
    }

    #[test]
    fn an_older_version_loses_counters_alone(stream in stream()) {
        let mut model = Model::default();
        model.insert(0, "s", None, Value::Stream(stream.clone()));
        let options = WriteOptions { version: Version::REDIS_9, drop_stream_counters: true };
        let (read, _) = Model::read(&model.write(options).unwrap()).unwrap();
        let mut expected = stream;
        expected.max_deleted_id = StreamId::ZERO;
        expected.entries_added = expected.entries.len() as u64;
        for group in expected.groups.values_mut() {
            group.entries_read = None;
            for consumer in group.consumers.values_mut() {
                consumer.active_at = Some(consumer.seen_at);
            }
        }
        let mut model = Model::default();
        model.insert(0, "s", None, Value::Stream(expected));
        prop_assert_eq!(read, model);
    }

    #[test]
    fn what_is_dumped_is_restored(value in value()) {
        let mut model = Model::default();
        model.insert(0, "k", None, value);
        let payload = model.dump(&(0, b"k".to_vec()), Version::REDIS_12).unwrap();
        let mut restored = Model::default();
        restore(b"k", &payload, ReadOptions::default(), &mut restored).unwrap();
        restored.forget_place();
        prop_assert_eq!(restored, model);
    }
}

#[test]
fn a_list_longer_than_a_node_is_cut_into_several() {
    let items: Vec<Bytes> = (0..10_000).map(|item| format!("item {item}").into_bytes()).collect();
    let mut model = Model::default();
    model.insert(0, "l", None, Value::List(items));
    let file = model.write(WriteOptions::new(Version::REDIS_9)).unwrap();
    assert_eq!(Model::read(&file).unwrap().0, model);
}
